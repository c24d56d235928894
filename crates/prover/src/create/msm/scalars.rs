//! Scalars taken apart: small ones by magnitude, large ones by the curve's endomorphism.
//!
//! BN254 has the endomorphism `φ(x, y) = (ζ_q x, y) = ζ_r (x, y)`. With a short basis of the
//! lattice `{(a, b) : a = b ζ_r mod r}` every scalar becomes `k = k1 − k2 ζ_r` with both parts
//! below 2^127 in magnitude (Gallant, Lambert, Vanstone, CRYPTO 2001), so that twice the points
//! need half the windows.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::PrimeField;

/// A basis of the lattice: `(A1, B1)` and `(−B1, B2)`.
const A1: u128 = 0x6f4d_8248_eeb8_59fc_8211_bbeb_7d4f_1128;
const B1: u128 = 0x89d3_2568_94d2_13e3;
const B2: u128 = 0x6f4d_8248_eeb8_59fd_0be4_e154_1221_250b;
/// `⌊2^256 B1 / r⌋` and `⌊2^256 B2 / r⌋`, little-endian limbs.
const GAMMA1: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 0x2, 0];
const GAMMA2: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 0x2];
/// r, little-endian limbs.
const MODULUS: [u64; 4] = [
    0x43e1_f593_f000_0001,
    0x2833_e848_79b9_7091,
    0xb850_45b6_8181_585d,
    0x3064_4e72_e131_a029,
];

/// A magnitude and whether it counts negatively.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) magnitude: u128,
    pub(super) negative: bool,
}

impl From<i128> for Signed {
    fn from(value: i128) -> Self {
        Self {
            magnitude: value.unsigned_abs(),
            negative: value < 0,
        }
    }
}

/// Canonical little-endian limbs.
pub(super) fn limbs(scalar: &Fr) -> [u64; 4] {
    let bytes = scalar.to_repr();
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        *limb = u64::from_le_bytes(word);
    }
    limbs
}

/// The scalar as a number of magnitude below 2^`bits`, `bits ≤ 64`, if it is one.
pub(super) fn as_small(limbs: &[u64; 4], bits: u32) -> Option<Signed> {
    let fits = |limbs: &[u64; 4]| {
        (limbs[1..] == [0; 3] && limbs[0].checked_shr(bits).unwrap_or(0) == 0).then_some(limbs[0])
    };
    let signed = |magnitude: u64, negative| Signed {
        magnitude: u128::from(magnitude),
        negative,
    };
    if let Some(magnitude) = fits(limbs) {
        return Some(signed(magnitude, false));
    }
    // −s needs the full subtraction only if the top limbs agree.
    if limbs[3] != MODULUS[3] {
        return None;
    }
    let mut opposite = [0; 4];
    let mut borrow = false;
    for ((out, m), s) in opposite.iter_mut().zip(MODULUS).zip(limbs) {
        let (difference, first) = m.overflowing_sub(*s);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        *out = difference;
        borrow = first || second;
    }
    fits(&opposite).map(|magnitude| signed(magnitude, true))
}

/// `round(k γ / 2^256)`, below 2^128.
fn scaled(k: &[u64; 4], gamma: &[u64; 3]) -> u128 {
    let mut product = [0u64; 7];
    for (i, a) in k.iter().enumerate() {
        let mut carry = 0u128;
        for (j, b) in gamma.iter().enumerate() {
            // At most 2^128 − 1: (2^64 − 1)^2 + 2 (2^64 − 1).
            let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 3] = carry as u64;
    }
    let quotient = u128::from(product[4]) | u128::from(product[5]) << 64;
    quotient + u128::from(product[3] >> 63)
}

/// `(k1, k2)` with `k = k1 − k2 ζ_r`, both below 2^127 in magnitude.
pub(super) fn decompose(k: &[u64; 4]) -> [Signed; 2] {
    let c1 = scaled(k, &GAMMA2);
    let c2 = scaled(k, &GAMMA1);
    // The results fit 127 bits and a sign, so arithmetic modulo 2^128 is exact.
    let low = u128::from(k[0]) | u128::from(k[1]) << 64;
    let k1 = low
        .wrapping_sub(c1.wrapping_mul(A1))
        .wrapping_sub(c2.wrapping_mul(B1));
    let k2 = c2.wrapping_mul(B2).wrapping_sub(c1.wrapping_mul(B1));
    [Signed::from(k1 as i128), Signed::from(k2 as i128)]
}

/// Booth's signed digit of window `index`: in `−2^(width−1)..=2^(width−1)`, and
/// `Σ digit(i) 2^(width i)` is the magnitude if `width × windows` exceeds its bits.
pub(super) fn booth_digit(magnitude: u128, width: u32, index: u32) -> i32 {
    let shift = width * index;
    // The window's bits with the one below as carry.
    let bits = match shift {
        0 => magnitude << 1,
        _ => magnitude.checked_shr(shift - 1).unwrap_or(0),
    };
    let bits = (bits as u32) & ((2 << width) - 1);
    let digit = (bits + 1) >> 1;
    match bits >> width {
        0 => digit as i32,
        _ => digit as i32 - (1 << width),
    }
}

/// Windows of `width` bits that hold every magnitude below 2^`bits`, sign included.
pub(super) fn windows(bits: u32, width: u32) -> u32 {
    bits / width + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::halo2curves::ff::{Field, WithSmallOrderMulGroup};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn field(value: Signed) -> Fr {
        let magnitude = Fr::from_u128(value.magnitude);
        if value.negative {
            -magnitude
        } else {
            magnitude
        }
    }

    fn samples() -> Vec<Fr> {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut samples = vec![
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::ZETA,
            -Fr::ZETA,
            Fr::TWO_INV,
        ];
        samples.extend((0..5000).map(|_| Fr::random(&mut rng)));
        // Near the lattice's corners the parts are largest.
        for _ in 0..2000 {
            let near = Fr::from_u128(B2) * Fr::TWO_INV - Fr::from_u128(A1) * Fr::TWO_INV * Fr::ZETA;
            samples.push(near + Fr::from(rng.gen_range(0..100u64)));
        }
        samples
    }

    #[test]
    fn parts_are_short_and_make_up_the_scalar() {
        for scalar in samples() {
            let [k1, k2] = decompose(&limbs(&scalar));
            assert!(k1.magnitude >> 127 == 0 && k2.magnitude >> 127 == 0);
            assert_eq!(field(k1) - field(k2) * Fr::ZETA, scalar);
        }
    }

    #[test]
    fn small_scalars_of_both_signs_are_found() {
        for bits in [1, 16, 63, 64] {
            let top = u64::MAX >> (64 - bits);
            for magnitude in [1, top / 2 + 1, top] {
                for negative in [false, true] {
                    let value = Signed {
                        magnitude: u128::from(magnitude),
                        negative,
                    };
                    assert_eq!(as_small(&limbs(&field(value)), bits), Some(value));
                }
            }
            if bits < 64 {
                let above = Fr::from(top + 1);
                assert_eq!(as_small(&limbs(&above), bits), None);
                assert_eq!(as_small(&limbs(&-above), bits), None);
            }
        }
        assert_eq!(as_small(&limbs(&Fr::ZERO), 16), Some(Signed::default()));
    }

    #[test]
    fn booth_digits_make_up_the_magnitude() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for bits in [1, 8, 12, 64, 127] {
            for width in 1..=16 {
                for top in [0, 1, 2, 3] {
                    let random: u128 = rng.r#gen::<u128>() >> (128 - bits);
                    let magnitude = match top {
                        0 => random,
                        1 => 0,
                        _ => u128::MAX >> (128 - bits),
                    };
                    let mut sum = 0i128;
                    for index in (0..windows(bits, width)).rev() {
                        let digit = booth_digit(magnitude, width, index);
                        assert!(digit.unsigned_abs() <= 1 << (width - 1));
                        sum = (sum << width).wrapping_add(i128::from(digit));
                    }
                    assert_eq!(sum as u128, magnitude, "{bits} bits, width {width}");
                }
            }
        }
    }
}
