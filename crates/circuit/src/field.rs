//! Small conversions into the scalar field.

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

/// `2^bits`.
pub(crate) fn power_of_two(bits: u32) -> Fr {
    Fr::from(2).pow_vartime([u64::from(bits)])
}

/// A signed integer as a field element.
pub(crate) fn signed(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// A big-endian word as a field element; `None` if it is not below the modulus.
pub fn from_word(word: &[u8; 32]) -> Option<Fr> {
    let mut bytes = *word;
    bytes.reverse();
    Fr::from_repr(bytes).into()
}

/// A field element as a big-endian word.
pub fn to_word(value: &Fr) -> [u8; 32] {
    let mut bytes: [u8; 32] = value.to_repr();
    bytes.reverse();
    bytes
}
