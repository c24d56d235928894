//! What an import is pinned to.

use std::str::FromStr;

use halo2_proofs::halo2curves::bn256::G2Affine;

use super::ImportOptions;
use crate::srs::{ImportProblem, hash};

/// Ceremonies that are known by name: name, description, SRS hash.
///
/// `hermez`: the τ G2 that `powersOfTau28_hez_final_20.ptau` holds, as published in verifying keys
/// and contracts of several projects that prove under it.
const CEREMONIES: [(&str, &str, &str); 1] = [(
    "hermez",
    "Perpetual Powers of Tau, Hermez (powersOfTau28_hez_final)",
    "1e7fe4925a218f8a2e8fd58d77c932a312aa2c3ba21cf9fa3eff0d69572d4b85",
)];

/// The one SRS, or the one file, that may be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pin {
    /// keccak-256 of generators and τ G2: [`Srs::hash`](crate::Srs::hash). Pins every point,
    /// whatever the file's format and size.
    Srs([u8; 32]),
    /// BLAKE2b-512 of the whole file, the hash that snarkjs publishes of `.ptau` files.
    File([u8; 64]),
}

/// A pin that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pin: give the SRS hash (64 hexadecimal digits), the file's BLAKE2b-512 (128 \
     hexadecimal digits), or the name of a known ceremony (hermez)"
)]
pub struct PinError(String);

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let known = CEREMONIES.iter().find(|(name, ..)| *name == text);
        let digits = known.map_or(text, |(.., hash)| hash);
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let bytes = hex::decode(digits).map_err(|_| PinError(text.into()))?;
        if let Ok(hash) = bytes.as_slice().try_into() {
            return Ok(Self::Srs(hash));
        }
        match bytes.try_into() {
            Ok(hash) => Ok(Self::File(hash)),
            Err(_) => Err(PinError(text.into())),
        }
    }
}

/// The ceremony that this SRS hash belongs to.
pub(in crate::srs) fn ceremony(srs_hash: &[u8; 32]) -> Option<&'static str> {
    let digits = hex::encode(srs_hash);
    let known = CEREMONIES.iter().find(|(.., hash)| *hash == digits);
    known.map(|(_, description, _)| *description)
}

/// Compares the hash of a file with the pinned one.
pub(super) fn check_file(expected: &[u8; 64], found: [u8; 64]) -> Result<(), ImportProblem> {
    compare("BLAKE2b-512 of the file", "file", expected, &found)
}

/// Compares the SRS with the pinned one, if one is pinned.
pub(super) fn check_srs(options: &ImportOptions, secret: &G2Affine) -> Result<(), ImportProblem> {
    match &options.pin {
        Some(Pin::Srs(expected)) => compare("SRS hash", "ceremony", expected, &hash(secret)),
        Some(Pin::File(_)) | None => Ok(()),
    }
}

fn compare(
    what: &'static str,
    thing: &'static str,
    expected: &[u8],
    found: &[u8],
) -> Result<(), ImportProblem> {
    if expected == found {
        return Ok(());
    }
    Err(ImportProblem::Pin {
        what,
        thing,
        found: format!("0x{}", hex::encode(found)),
        expected: format!("0x{}", hex::encode(expected)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::srs::points::g2_from_words;

    /// τ G2 of the Hermez ceremony: coordinates in EIP-197 order.
    const HERMEZ: &str = "26186a2d65ee4d2f9c9a5b91f86597d35f192cd120caf7e935d8443d1938e23d\
                          30441fd1b5d3370482c42152a8899027716989a6996c2535bc9f7fee8aaef79e\
                          1970ea81dd6992adfbc571effb03503adbbb6a857f578403c6c40e22d65b3c02\
                          054793348f12c0cf5622c340573cb277586319de359ab9389778f689786b1e48";

    #[test]
    fn hermez_is_its_tau_in_g2() {
        let point = g2_from_words(&hex::decode(HERMEZ).unwrap()).unwrap();
        let srs_hash = hash(&point);
        assert!(ceremony(&srs_hash).unwrap().contains("Hermez"));
        assert_eq!("hermez".parse(), Ok(Pin::Srs(srs_hash)));
        assert_eq!(ceremony(&[0; 32]), None);
    }
}
