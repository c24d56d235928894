//! Error bounds and packing of a layer's units into field elements.
//!
//! A unit's error is `err = b + W x − y`, where `y` is what its requantization row claims.
//! Packing `P` units as base-2^c digits is sound over the integers if `|err| ≤ E < 2^c` and
//! `c P ≤ 253` (specification, section 3). `E` is computed from what the gates prove about
//! the cells, `x ∈ [0, M]` and `y` in the range of its row kind, never from calibration.

use haloracle_model::Dense;
use num_bigint::BigInt;

use super::LowerError;
use crate::program::Packing;

/// Bits of a field element that packed equations may use: 2^253 < r.
pub(crate) const PACKING_BITS: u32 = 253;

/// Range that the gates allow for a unit's claimed accumulator.
pub(crate) fn claimed_range(digit_bits: u32, saturating: bool) -> (BigInt, BigInt) {
    let base: BigInt = BigInt::from(1) << digit_bits;
    let max: BigInt = &base - 1;
    if saturating {
        let above: BigInt = &base + 1;
        let square: BigInt = &base * &base - 1;
        (-(base * square), max * &above * &above)
    } else {
        let square: BigInt = &base * &base - 1;
        (-(base * max), square)
    }
}

/// Largest error of one unit in absolute value.
fn unit_error(weights: &[i64], bias: i64, digit_bits: u32, saturating: bool) -> BigInt {
    let max: BigInt = (BigInt::from(1) << digit_bits) - 1;
    let sum = |sign: fn(i64) -> i64| {
        weights
            .iter()
            .map(|w| BigInt::from(sign(*w)))
            .sum::<BigInt>()
    };
    let low: BigInt = BigInt::from(bias) + sum(|w| w.min(0)) * &max;
    let high: BigInt = BigInt::from(bias) + sum(|w| w.max(0)) * &max;
    let (claimed_low, claimed_high) = claimed_range(digit_bits, saturating);
    let below: BigInt = low - claimed_high;
    let above: BigInt = high - claimed_low;
    BigInt::from(below.magnitude().clone()).max(BigInt::from(above.magnitude().clone()))
}

/// Largest error of a layer, padding units included.
fn layer_error(layer: &Dense, digit_bits: u32, saturating: &[bool]) -> BigInt {
    layer
        .weights
        .iter()
        .zip(&layer.bias)
        .zip(saturating)
        .map(|((weights, bias), saturates)| unit_error(weights, *bias, digit_bits, *saturates))
        .fold(unit_error(&[], 0, digit_bits, false), BigInt::max)
}

/// Chooses the packing of a layer: as many units per exponent as the bound allows, spread evenly.
pub(crate) fn choose(
    layer: &Dense,
    digit_bits: u32,
    saturating: &[bool],
) -> Result<Packing, LowerError> {
    let error = layer_error(layer, digit_bits, saturating);
    let bits = u32::try_from(error.bits()).unwrap_or(u32::MAX);
    let most = (PACKING_BITS / bits.max(1)) as usize;
    if most == 0 {
        return Err(LowerError::TooWide {
            layer: layer.name.clone(),
            bits,
        });
    }
    let units = layer.weights.len();
    let exponents = units.div_ceil(most);
    Ok(Packing {
        bits,
        per_exponent: units.div_ceil(exponents),
        exponents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_attained_and_never_exceeded() {
        // t = 4, one weight 3, bias 5: u ∈ [5, 50]; claims in [-240, 255] or saturating.
        let plain = unit_error(&[3], 5, 4, false);
        assert_eq!(plain, BigInt::from((5i32 - 255).abs().max(50 + 240)));
        let saturating = unit_error(&[3], 5, 4, true);
        let high = 15 * 17 * 17;
        let low = -16 * (256 - 1);
        assert_eq!(saturating, BigInt::from((5i32 - high).abs().max(50 - low)));
    }

    #[test]
    fn packed_bits_stay_below_the_modulus() {
        let layer = Dense {
            name: "l".into(),
            weights: vec![vec![1 << 15; 300]; 33],
            bias: vec![-7; 33],
            table: None,
        };
        let packing = choose(&layer, 8, &[true; 33]).unwrap();
        assert!(packing.bits as usize * packing.per_exponent <= 253);
        assert!(packing.per_exponent * packing.exponents >= 33);
        assert!(layer_error(&layer, 8, &[true; 33]) < BigInt::from(1) << packing.bits);
    }
}
