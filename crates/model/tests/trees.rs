//! Quantized trees against the float trees they came from, integer by integer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forest;

use forest::{Case, Draw, Kind, assert_well_formed};
use haloracle_model::quantize::trees::float32;
use proptest::prelude::*;

/// Whether `x` is the float32 nearest to `raw / 10^decimals`, by exact integers.
fn is_nearest(x: f32, raw: i64, decimals: u32) -> bool {
    // Distances times 10^decimals · 2^80, exact for every float32 that is tried here.
    let distance = |x: f32| {
        let whole = f64::from(x) * 2f64.powi(80);
        assert_eq!(whole.trunc(), whole);
        ((i128::from(raw) << 80) - whole as i128 * 10i128.pow(decimals)).abs()
    };
    let best = distance(x);
    let even = x.to_bits().is_multiple_of(2);
    [x.next_up(), x.next_down()].into_iter().all(|other| {
        let other = distance(other);
        best < other || (best == other && even)
    })
}

/// Every input's sums are those of the leaves that the float trees end in.
fn assert_same(case: &Case, draw: &mut Draw) -> Result<(), TestCaseError> {
    let (mut model, sums) = case.quantized();
    assert_well_formed(&mut model);
    for raw in case.inputs(draw, &model) {
        let wires = model.run(&raw).unwrap().wires;
        for (sum, expected) in sums.iter().zip(case.expected(&raw)) {
            let got = sum.real(sum.integer(&wires));
            // Leaves that fit are exact; then only this test's own float64 sums round.
            let tolerance = sum.error * 1.000_001 + 1e-13 * (1.0 + expected.abs());
            prop_assert!(
                (got - expected).abs() <= tolerance,
                "{raw:?}: {got} instead of {expected}, allowed {tolerance}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn leaves_are_those_of_the_float_trees(seed: u64, bits in prop::sample::select(vec![4u32, 6, 8, 11, 12])) {
        let mut draw = Draw(seed);
        let kind = Kind {
            trees: 6,
            depth: 4,
            targets: 1 + draw.below(4) as usize,
            simple_weights: true,
            digit_bits: bits,
        };
        let case = Case::random(&mut draw, kind);
        let (_, sums) = case.quantized();
        prop_assert!(sums.iter().all(|sum| sum.error == 0.0), "eighths fit exactly");
        assert_same(&case, &mut draw)?;
    }

    #[test]
    fn any_weights_are_within_the_stated_error(seed: u64, bits in prop::sample::select(vec![4u32, 8, 12])) {
        let mut draw = Draw(seed);
        let kind = Kind { trees: 12, depth: 3, targets: 2, simple_weights: false, digit_bits: bits };
        let case = Case::random(&mut draw, kind);
        let (_, sums) = case.quantized();
        let count = case.trees.trees.len() as f64;
        for sum in sums {
            // One float32 rounding of the largest sum at most, whatever the digit width.
            prop_assert!(sum.error <= (count + 1.0) * 2.0 * 2f64.powi(-24) * 1.01);
        }
        assert_same(&case, &mut draw)?;
    }

    #[test]
    fn large_trees_are_split(seed: u64) {
        let mut draw = Draw(seed);
        let kind = Kind { trees: 2, depth: 7, targets: 2, simple_weights: true, digit_bits: 4 };
        let case = Case::random(&mut draw, kind);
        assert_same(&case, &mut draw)?;
    }

    #[test]
    fn decimals_become_the_nearest_float(raw: i32, decimals in 0u8..=12) {
        if raw != 0 {
            prop_assert!(is_nearest(float32(raw.into(), decimals), raw.into(), decimals.into()));
        }
        let divided = f64::from(raw) / 10f64.powi(decimals.into());
        prop_assert_eq!(float32(raw.into(), decimals), divided as f32);
    }
}
