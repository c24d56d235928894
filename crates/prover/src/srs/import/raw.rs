//! Raw parameters of halo2: `ParamsKZG::write_custom` with `SerdeFormat::RawBytes` or
//! `RawBytesUnchecked`, which is also what `Params::write` does.
//!
//! k (u32, little-endian), 2^k powers of τ in G1, 2^k Lagrange points of G1, G2's generator, τ G2;
//! points in Montgomery form. There is no magic: the size must be the one that k says.

use std::io::{Read, Seek};

use super::reader::Reader;
use super::{ImportOptions, Parts, check_secret, choose};
use crate::srs::ImportProblem;
use crate::srs::points::{G1_BYTES, G2_BYTES};

/// Largest k of a raw file: as many points as the largest ceremony has.
const MAX_FILE_K: u32 = 28;

pub(super) fn read<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    start: [u8; 8],
    options: &ImportOptions,
) -> Result<Parts, ImportProblem> {
    let [a, b, c, d, ..] = start;
    let file_k = u32::from_le_bytes([a, b, c, d]);
    if !(1..=MAX_FILE_K).contains(&file_k) {
        return Err(ImportProblem::UnknownFormat);
    }
    let [g1, g2] = [G1_BYTES as u64, G2_BYTES as u64];
    let expected = 4 + (2 << file_k) * g1 + 2 * g2;
    let found = reader.length();
    // Compressed points take one coordinate.
    if found == 4 + (2 << file_k) * (g1 / 2) + g2 {
        return Err(ImportProblem::Compressed { k: file_k });
    }
    if found != expected {
        return Err(ImportProblem::RawSize {
            k: file_k,
            expected,
            found,
        });
    }
    let k = choose(options, file_k)?;
    let lists_end = expected - 2 * g2;
    let [generator, secret] = [0, 1].map(|index| reader.g2(lists_end, index, "G2"));
    let secret = secret?;
    check_secret(options, &generator?, &secret)?;
    let powers = reader.g1(4, 1 << k, "G1")?;
    let lagrange = if k == file_k {
        Some(reader.g1(4 + (g1 << k), 1 << k, "Lagrange")?)
    } else {
        None
    };
    Ok(Parts {
        k,
        powers,
        lagrange,
        secret,
    })
}
