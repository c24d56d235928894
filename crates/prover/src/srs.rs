//! The structured reference string: powers of a secret τ in G1, and τ in G2.
//!
//! File format, version 1: magic `HALOSRS1`, a flag byte (1: the secret is known, made for
//! development), k (u32, big-endian), then 2^k monomial and 2^k Lagrange points of G1 as two
//! 32-byte big-endian words each, then G2's generator and τ G2 in EIP-197 order (imaginary
//! part first). Points are checked when read; [`Srs::check`] checks that they are powers of one
//! secret.

use std::path::{Path, PathBuf};

use halo2_proofs::SerdeFormat;
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fq, Fq2, Fr, G1Affine, G2Affine, pairing},
    ff::Field,
    group::{Curve, Group, prime::PrimeCurveAffine},
    serde::SerdeObject,
};
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

use crate::files::{self, FileError};
use crate::transcript::{coordinate_from_word, coordinate_word, point_from_words, point_words};

const MAGIC: &[u8; 8] = b"HALOSRS1";
/// Largest SRS that is made or read: 2^22 rows, half a gigabyte.
const MAX_K: u32 = 22;

/// Hash of the development SRS, whose seed is public: unsafe whatever a file's flag says.
const DEVELOPMENT_HASH: &str = "c9919d2b128a6d65982b81a2a2e98ef0a5dc7e70446cf3b894f15a29a8a66012";

/// A structured reference string.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    is_unsafe: bool,
}

/// Why an SRS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not our format.
    #[error(
        "`{}` is not an SRS file of version 1: {what}; make one with `haloracle srs new` or \
         import one", .path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A smaller SRS than asked for.
    #[error("the SRS holds 2^{available} points, but the circuit needs 2^{needed}")]
    TooSmall {
        /// Needed k.
        needed: u32,
        /// The file's k.
        available: u32,
    },
    /// k out of range.
    #[error("k = {k} is outside 1..={MAX_K}")]
    BadK {
        /// The k asked for.
        k: u32,
    },
    /// The points are not powers of one secret.
    #[error("the SRS is inconsistent: {what}")]
    Inconsistent {
        /// The failed check.
        what: &'static str,
    },
}

impl Srs {
    /// Makes an SRS whose secret follows from `seed`.
    ///
    /// Whoever knows the seed can forge proofs: for development and tests only, and the file
    /// says so for ever.
    ///
    /// # Errors
    /// [`SrsError::BadK`].
    pub fn unsafe_setup(k: u32, seed: [u8; 32]) -> Result<Self, SrsError> {
        if !(1..=MAX_K).contains(&k) {
            return Err(SrsError::BadK { k });
        }
        Ok(Self {
            params: ParamsKZG::setup(k, ChaCha20Rng::from_seed(seed)),
            is_unsafe: true,
        })
    }

    /// log2 of the number of points.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Whether the secret is known to somebody. `false` says that no maker admitted it, not that
    /// nobody knows it: a ceremony's record does that.
    pub fn is_unsafe(&self) -> bool {
        self.is_unsafe
    }

    /// halo2's parameters.
    pub fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Parameters of size 2^k that can verify but not commit.
    pub(crate) fn verifier_params(&self, k: u32) -> ParamsKZG<Bn256> {
        let first = self.params.get_g()[..1].to_vec();
        self.params.from_parts(
            k,
            first,
            Some(Vec::new()),
            self.params.g2(),
            self.params.s_g2(),
        )
    }

    /// G1's generator, G2's generator and τ G2 as EVM words: all a verifier needs.
    pub fn verifier_words(&self) -> Vec<u8> {
        let mut words = point_words(&G1Affine::generator()).to_vec();
        for point in [self.params.g2(), self.params.s_g2()] {
            words.extend_from_slice(&g2_words(&point));
        }
        words
    }

    /// keccak-256 of [`Self::verifier_words`]: names this SRS whatever its size.
    pub fn hash(&self) -> [u8; 32] {
        files::keccak(&self.verifier_words())
    }

    /// The first 2^k points.
    ///
    /// # Errors
    /// [`SrsError::TooSmall`].
    pub fn truncate(&self, k: u32) -> Result<Self, SrsError> {
        if k > self.k() {
            return Err(SrsError::TooSmall {
                needed: k,
                available: self.k(),
            });
        }
        if k == self.k() {
            return Ok(self.clone());
        }
        let points = self.params.get_g()[..1 << k].to_vec();
        Ok(Self {
            params: self
                .params
                .from_parts(k, points, None, self.params.g2(), self.params.s_g2()),
            is_unsafe: self.is_unsafe,
        })
    }

    /// The Lagrange points. halo2 gives no access to them but through its own raw format: k,
    /// then monomial, then Lagrange points.
    fn lagrange(&self) -> Vec<G1Affine> {
        let format = SerdeFormat::RawBytesUnchecked;
        let mut raw = Vec::new();
        // Writing to memory does not fail.
        let _ = self.params.write_custom(&mut raw, format);
        let count = 1usize << self.k();
        let points = raw[4 + count * 64..].chunks(64).take(count);
        points.filter_map(G1Affine::from_raw_bytes).collect()
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lagrange = self.lagrange();
        let mut bytes = Vec::with_capacity(13 + lagrange.len() * 128 + 256);
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
        let expected = points * 64 + 256;
        if rest.len() != expected {
            return Err(format!(
                "k = {k} needs {expected} bytes of points, the file has {}",
                rest.len()
            ));
        }
        let (g1, g2) = rest.split_at(points * 64);
        let g1: Vec<G1Affine> = g1
            .par_chunks(64)
            .enumerate()
            .map(|(index, words)| {
                point_from_words(words).ok_or_else(|| format!("G1 point {index} is not valid"))
            })
            .collect::<Result<_, _>>()?;
        let read_g2 =
            |words, what| g2_from_words(words).ok_or_else(|| format!("{what} is not valid"));
        let generator = read_g2(&g2[..128], "G2's generator")?;
        let secret = read_g2(&g2[128..], "tau G2")?;
        let (powers, lagrange) = g1.split_at(1 << k);
        let right = powers[0] == G1Affine::generator() && generator == G2Affine::generator();
        if !right {
            return Err("the generators are not the curve's standard ones".into());
        }
        // Only a constructor that needs an instance is public.
        let any = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::from_seed([0; 32]));
        let mut srs = Self {
            params: any.from_parts(
                k,
                powers.to_vec(),
                Some(lagrange.to_vec()),
                generator,
                secret,
            ),
            is_unsafe: flag == 1,
        };
        // The flag is what the maker said; a secret that is public is known to be.
        srs.is_unsafe |= hex::encode(srs.hash()) == DEVELOPMENT_HASH;
        Ok(srs)
    }

    /// Checks by pairings that the points are powers of one non-trivial secret and that the
    /// Lagrange points belong to them, each with random coefficients.
    ///
    /// # Errors
    /// [`SrsError::Inconsistent`].
    pub fn check(&self) -> Result<(), SrsError> {
        let fail = |what| Err(SrsError::Inconsistent { what });
        let mut rng = ChaCha20Rng::from_entropy();
        let powers = self.params.get_g();
        let count = powers.len();
        let mut random = |count| (0..count).map(|_| Fr::random(&mut rng)).collect::<Vec<_>>();

        // e(Σ c_i τ^(i+1) G, H) = e(Σ c_i τ^i G, τ H).
        let coefficients = random(count - 1);
        let low = best_multiexp(&coefficients, &powers[..count - 1]).to_affine();
        let high = best_multiexp(&coefficients, &powers[1..]).to_affine();
        if pairing(&high, &self.params.g2()) != pairing(&low, &self.params.s_g2()) {
            return fail("G1 points are not successive powers of tau");
        }
        if powers[1] == powers[0] || bool::from(powers[1].to_curve().is_identity()) {
            return fail("tau is trivial");
        }

        // A random polynomial commits to the same point in both bases.
        let values = random(count);
        let domain = halo2_proofs::poly::EvaluationDomain::<Fr>::new(2, self.k());
        let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
        let monomial = best_multiexp(&coefficients, powers);
        if monomial != best_multiexp(&values, &self.lagrange()) {
            return fail("Lagrange points do not belong to the powers");
        }
        Ok(())
    }
}

fn g2_words(point: &G2Affine) -> [u8; 128] {
    let mut words = [0; 128];
    let parts = [point.x.c1, point.x.c0, point.y.c1, point.y.c0];
    for (to, part) in words.chunks_mut(32).zip(parts) {
        to.copy_from_slice(&coordinate_word(&part));
    }
    words
}

fn g2_from_words(words: &[u8]) -> Option<G2Affine> {
    let parts: Vec<Fq> = words
        .chunks(32)
        .map(coordinate_from_word)
        .collect::<Option<_>>()?;
    let x = Fq2::new(parts[1], parts[0]);
    let y = Fq2::new(parts[3], parts[2]);
    let point: Option<G2Affine> = G2Affine::from_xy(x, y).into();
    // G2 has a cofactor: a point of the curve need not be of the group.
    let order = -Fr::ONE;
    point.filter(|point| {
        let last = point.to_curve() * order;
        !bool::from(point.is_identity())
            && last + point.to_curve() == G2Affine::identity().to_curve()
    })
}
