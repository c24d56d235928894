//! This project's SRS files.
//!
//! Version 1: magic `HALOSRS1`, a flag byte (1: the secret is known, made for development), k
//! (u32, big-endian), then 2^k monomial and 2^k Lagrange points of G1 as two 32-byte big-endian
//! words each, then G2's generator and tau G2 in EIP-197 order (imaginary part first). Points are
//! checked when read; [`Srs::check`] checks that they are powers of one secret.

use std::path::Path;

use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::{
    bn256::{G1Affine, G2Affine},
    serde::SerdeObject,
};
use halo2_proofs::poly::commitment::ParamsProver;
use rayon::prelude::*;

use super::points::{G1_BYTES, G2_BYTES, g2_from_words, g2_words};
use super::{MAX_K, Srs, SrsError};
use crate::files;
use crate::transcript::{point_from_words, point_words};

/// First bytes of a file of version 1.
pub(super) const MAGIC: &[u8; 8] = b"HALOSRS1";

impl Srs {
    /// The Lagrange points. halo2 gives no access to them but through its own raw format: k,
    /// then monomial, then Lagrange points.
    pub fn lagrange(&self) -> Vec<G1Affine> {
        let format = SerdeFormat::RawBytesUnchecked;
        let mut raw = Vec::new();
        // Writing to memory does not fail.
        let _ = self.params.write_custom(&mut raw, format);
        let count = 1usize << self.k();
        let points = raw[4 + count * G1_BYTES..].chunks(G1_BYTES).take(count);
        points.filter_map(G1Affine::from_raw_bytes).collect()
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lagrange = self.lagrange();
        let mut bytes = Vec::with_capacity(13 + lagrange.len() * 2 * G1_BYTES + 2 * G2_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.push(u8::from(self.is_unsafe));
        bytes.extend_from_slice(&self.k().to_be_bytes());
        for point in self.params.get_g().iter().chain(&lagrange) {
            bytes.extend_from_slice(&point_words(point));
        }
        for point in [self.params.g2(), self.params.s_g2()] {
            bytes.extend_from_slice(&g2_words(&point));
        }
        bytes
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// Names the path.
    pub fn write(&self, path: &Path) -> Result<(), SrsError> {
        Ok(files::write_atomic(path, &self.to_bytes())?)
    }

    /// Reads a file and checks that every point is canonical and on its curve.
    ///
    /// # Errors
    /// Anything but a well-formed file of version 1.
    pub fn read(path: &Path) -> Result<Self, SrsError> {
        Self::from_bytes(&files::read(path)?).map_err(|what| SrsError::Format {
            path: path.to_owned(),
            what,
        })
    }

    /// Parses a file's bytes; the error says what is wrong with them.
    ///
    /// # Errors
    /// As a sentence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("wrong magic bytes")?;
        let (&flag, rest) = rest.split_first().ok_or("file is cut short")?;
        let (k, rest) = rest.split_first_chunk::<4>().ok_or("file is cut short")?;
        let k = u32::from_be_bytes(*k);
        if flag > 1 || !(1..=MAX_K).contains(&k) {
            return Err(format!("flag {flag} or k = {k} out of range"));
        }
        let points = 2usize << k;
        let expected = points * G1_BYTES + 2 * G2_BYTES;
        if rest.len() != expected {
            return Err(format!(
                "k = {k} needs {expected} bytes of points, the file has {}",
                rest.len()
            ));
        }
        let (g1, g2) = rest.split_at(points * G1_BYTES);
        let g1: Vec<G1Affine> = g1
            .par_chunks(G1_BYTES)
            .enumerate()
            .map(|(index, words)| {
                point_from_words(words).ok_or_else(|| format!("G1 point {index} is not valid"))
            })
            .collect::<Result<_, _>>()?;
        let (generator, secret) = g2.split_at(G2_BYTES);
        let read_g2 =
            |words, what| g2_from_words(words).ok_or_else(|| format!("{what} is not valid"));
        let generator = read_g2(generator, "G2's generator")?;
        let secret = read_g2(secret, "tau G2")?;
        let (powers, lagrange) = g1.split_at(1 << k);
        if powers[0] != G1Affine::generator() || generator != G2Affine::generator() {
            return Err("the generators are not the curve's standard ones".into());
        }
        let srs = Self::assemble(k, powers.to_vec(), Some(lagrange.to_vec()), secret);
        // The flag is what the maker said; a secret that is public is known to be.
        Ok(Self {
            is_unsafe: srs.is_unsafe || flag == 1,
            ..srs
        })
    }
}
