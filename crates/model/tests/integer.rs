//! The integer executor on random models: its definition, its bounds, its packing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use haloracle_model::{
    ChainModel, Dense, Feature, FunctionTable, InputSchema, IntegerModel, ModelError, Op,
    OutputField,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn feature(digits: u32, digit_bits: u32) -> impl Strategy<Value = Feature> {
    let widest = ((1i64 << (digits * digit_bits).min(31)) - 1).min(i64::from(i32::MAX));
    (-1_000_000i32..1_000_000, 0..=widest, 0..6u8).prop_map(|(lo, width, decimals)| {
        let hi = (i64::from(lo) + width).min(i64::from(i32::MAX)) as i32;
        Feature {
            name: format!("f{lo}"),
            decimals,
            lo,
            hi,
        }
    })
}

fn dense(units: usize, inputs: usize, digit_bits: u32) -> impl Strategy<Value = Dense> {
    let max = (1u32 << digit_bits) - 1;
    (
        prop::collection::vec(prop::collection::vec(-70_000i64..70_000, inputs), units),
        prop::collection::vec(-20_000_000i64..20_000_000, units),
        prop::option::of(prop::collection::vec(0..=max, max as usize + 1)),
    )
        .prop_map(|(weights, bias, table)| Dense {
            name: "dense".into(),
            weights,
            bias,
            table: table.map(|values| FunctionTable {
                name: "random".into(),
                values,
            }),
        })
}

/// Models of one or two layers with up to 5 features.
fn model() -> impl Strategy<Value = IntegerModel> {
    (4..=9u32, 1..=3u32, 1..=5usize, 1..=4usize, 1..=3usize).prop_flat_map(
        |(digit_bits, digits, features, hidden, outputs)| {
            (
                prop::collection::vec(feature(digits, digit_bits), features),
                dense(hidden, features * digits as usize, digit_bits),
                dense(outputs, hidden, digit_bits),
            )
                .prop_map(move |(features, first, second)| {
                    ChainModel {
                        name: "random".into(),
                        digit_bits,
                        input: InputSchema { digits, features },
                        layers: vec![first, second],
                        output: (0..outputs)
                            .map(|i| OutputField {
                                name: format!("y{i}"),
                                wire: 0,
                                digits: 1,
                                zero_point: 3,
                                multiplier: 5,
                                decimals: 2,
                            })
                            .collect(),
                    }
                    .build()
                })
        },
    )
}

/// A point of the box: per feature a corner or something between.
fn point(model: &IntegerModel, picks: &[u32]) -> Vec<i64> {
    model
        .input
        .features
        .iter()
        .zip(picks.iter().cycle())
        .map(|(feature, pick)| {
            let (lo, hi) = (i64::from(feature.lo), i64::from(feature.hi));
            match pick % 4 {
                0 => lo,
                1 => hi,
                _ => lo + i64::from(*pick) % (hi - lo + 1),
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(config())]

    /// Every corner runs without overflow, stays inside `bounds()`, and every digit is the
    /// clamped quotient.
    #[test]
    fn runs_inside_its_bounds(model in model(), picks in prop::collection::vec(any::<u32>(), 24)) {
        model.validate().unwrap();
        let max = i64::from(model.max_digit());
        let bounds = model.bounds().unwrap();
        let digit_bounds = model.digit_bounds();
        for picks in picks.windows(5).chain([&[0; 5][..], &[1; 5][..]]) {
            let trace = model.run(&point(&model, picks)).unwrap();
            for (digit, most) in trace.wires.iter().zip(&digit_bounds) {
                prop_assert!(digit <= most);
            }
            for ((node, first), (index, bounds)) in
                model.nodes.iter().zip(model.first_wires()).zip(bounds.iter().enumerate())
            {
                let outputs = &trace.wires[first..first + node.outputs()];
                for (value, (lo, hi)) in outputs.iter().zip(&bounds.outputs) {
                    prop_assert!((*lo..=*hi).contains(&i64::from(*value)));
                }
                if let Op::Table(table) = &node.op {
                    for (x, y) in trace.values(&node.inputs).iter().zip(outputs) {
                        prop_assert_eq!(table.values[*x as usize], *y);
                    }
                }
                for (unit, u) in trace.accumulators[index].iter().enumerate() {
                    let (lo, hi) = bounds.accumulators[unit];
                    prop_assert!(lo <= *u && *u <= hi);
                    let floor = u.div_euclid(1 << model.digit_bits);
                    prop_assert_eq!(i64::from(outputs[unit]), floor.clamp(0, max));
                }
            }
        }
    }

    /// Units of the first layer reach their bounds: intervals over a box of digits that fill
    /// their ranges are exact.
    #[test]
    fn first_layer_bounds_are_reached(mut model in model(), unit in any::<prop::sample::Index>()) {
        // Boxes whose digits are independent: width 2^(t digits) − 1, capped at 31 bits.
        let bits = (model.input.digits * model.digit_bits).min(31);
        for feature in &mut model.input.features {
            feature.lo = -5;
            feature.hi = ((1i64 << bits) - 1 - 5) as i32;
        }
        let bounds = model.digit_bounds();
        let (weights, _) = model.dense_mut(0).unwrap();
        let unit = unit.index(weights.len());
        let row = weights[unit].clone();
        let corner = |positive: bool| -> Vec<i64> {
            row.chunks(model.input.digits as usize)
                .zip(bounds.chunks(model.input.digits as usize))
                .map(|(weights, bounds)| {
                    let digits = weights.iter().zip(bounds).enumerate();
                    digits
                        .map(|(d, (w, most))| match (*w > 0) == positive {
                            true => i64::from(*most) << (d as u32 * model.digit_bits),
                            false => 0,
                        })
                        .sum::<i64>() - 5
                })
                .collect()
        };
        let (lo, hi) = model.bounds().unwrap()[0].accumulators[unit];
        prop_assert_eq!(model.run(&corner(true)).unwrap().accumulators[0][unit], hi);
        prop_assert_eq!(model.run(&corner(false)).unwrap().accumulators[0][unit], lo);
    }

    #[test]
    fn words_give_inputs_and_outputs_back(model in model(), picks in prop::collection::vec(any::<u32>(), 5)) {
        let raw = point(&model, &picks);
        let words = model.pack_input(&raw).unwrap();
        prop_assert_eq!(words.len(), model.input_words());
        prop_assert_eq!(model.unpack_input(&words).unwrap(), raw.clone());
        let trace = model.run(&raw).unwrap();
        let packed = model.pack_output(0, trace.outputs());
        prop_assert_eq!(packed.len(), model.output_words());
        prop_assert_eq!(model.unpack_output(&packed).unwrap(), (0, trace.outputs().to_vec()));
    }

    /// The one canonical form: any bit outside the slots is refused.
    #[test]
    fn stray_bits_are_refused(model in model(), picks in prop::collection::vec(any::<u32>(), 5), bit in 0..256usize) {
        let raw = point(&model, &picks);
        let mut words = model.pack_input(&raw).unwrap();
        let last = words.len() - 1;
        words[last][31 - bit / 8] ^= 1 << (bit % 8);
        match model.unpack_input(&words) {
            // Inside a slot another value arises, which has its own canonical words.
            Ok(other) => {
                prop_assert_ne!(&other, &raw);
                prop_assert_eq!(&model.pack_input(&other).unwrap(), &words);
            }
            Err(ModelError::NotCanonical { .. } | ModelError::OutOfDomain { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        prop_assert!(model.unpack_input(&words[..last]).is_err());
    }

    #[test]
    fn json_gives_the_model_back(model in model()) {
        let bytes = model.canonical_bytes().unwrap();
        let again: IntegerModel = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&again, &model);
        prop_assert_eq!(again.canonical_bytes().unwrap(), bytes);
    }

    /// Real values and raw integers agree wherever the decimals can say the value.
    #[test]
    fn real_values_give_the_raw_integers(model in model(), picks in prop::collection::vec(any::<u32>(), 5)) {
        let raw = point(&model, &picks);
        let real: Vec<f64> = model
            .input
            .features
            .iter()
            .zip(&raw)
            .map(|(feature, raw)| *raw as f64 / 10f64.powi(i32::from(feature.decimals)))
            .collect();
        prop_assert_eq!(model.raw_from_real(&real).unwrap(), raw);
    }
}

/// One feature in [−2.00, 3.00], one unit y = x.
fn small() -> IntegerModel {
    ChainModel {
        name: "small".into(),
        digit_bits: 8,
        input: InputSchema {
            digits: 2,
            features: vec![Feature {
                name: "rate".into(),
                decimals: 2,
                lo: -200,
                hi: 300,
            }],
        },
        layers: vec![Dense {
            name: "dense".into(),
            weights: vec![vec![128, 32_768]],
            bias: vec![128],
            table: None,
        }],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 100,
            multiplier: 2,
            decimals: 2,
        }],
    }
    .build()
}

/// Weights of the only node.
fn weights(model: &mut IntegerModel) -> &mut Vec<Vec<i64>> {
    model.dense_mut(0).unwrap().0
}

#[test]
fn an_answer_worked_by_hand() {
    let model = small();
    model.validate().unwrap();
    // 1.24 → raw 124 → offset 324 = 68 + 256; u = 128 + 128·324 = 41600; ⌊u/256⌋ = 162.
    let trace = model.run(&[124]).unwrap();
    assert_eq!(trace.wires[..2], [68, 1]);
    assert_eq!(trace.accumulators, [[41_600]]);
    assert_eq!(trace.outputs(), [162]);
    assert_eq!(model.run_real(&[1.24]).unwrap(), [1.24]);
    // Above digit 255 it saturates.
    assert_eq!(model.run(&[300]).unwrap().outputs(), [250]);
    assert_eq!(model.digit_bounds(), [255, 1]);
}

#[test]
fn inputs_outside_the_domain_are_named() {
    let model = small();
    let says = |values: &[f64], parts: &[&str]| {
        let text = model.raw_from_real(values).unwrap_err().to_string();
        for part in parts {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
    };
    says(
        &[3.01],
        &["feature 0 `rate`", "301", "[-200, 300]", "2 decimals"],
    );
    says(&[-2.01], &["-201"]);
    says(&[1e300], &["outside its domain"]);
    says(&[f64::NAN], &["`rate` is NaN", "finite"]);
    says(&[f64::NEG_INFINITY], &["`rate` is -inf"]);
    says(&[], &["expected 1 input values, got 0"]);
    says(&[0.0, 0.0], &["expected 1 input values, got 2"]);
    // Ends belong to the box, and rounding decides first.
    assert_eq!(model.raw_from_real(&[3.004]).unwrap(), [300]);
    assert_eq!(model.raw_from_real(&[-2.0]).unwrap(), [-200]);
}

#[test]
fn malformed_models_are_refused() {
    type Change = fn(&mut IntegerModel);
    let changes: [(&str, Change); 12] = [
        ("digit width", |m| m.digit_bits = 13),
        ("digit width", |m| m.digit_bits = 40),
        ("slots", |m| m.input.digits = 7),
        ("slots", |m| m.input.features.clear()),
        ("does not fit a slot", |m| m.input.features[0].hi = 70_000),
        ("does not fit a slot", |m| m.input.features[0].hi = -201),
        ("weights and bias", |m| m.dense_mut(0).unwrap().1.push(0)),
        ("1 weights for 2", |m| {
            weights(m)[0].pop();
        }),
        ("overflows", |m| weights(m)[0][0] = i64::MIN),
        ("table", |m| {
            let table = FunctionTable {
                name: "f".into(),
                values: vec![256; 256],
            };
            m.push("f", vec![2], Op::Table(table));
        }),
        ("0 outputs", |m| m.output.clear()),
        ("no fixed-point number", |m| {
            m.output[0].zero_point = u64::from(u32::MAX);
            m.output[0].multiplier = u32::MAX;
        }),
    ];
    for (part, change) in changes {
        let mut model = small();
        change(&mut model);
        let text = model.validate().unwrap_err().to_string();
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn units_beyond_what_can_saturate_are_refused() {
    let mut model = small();
    model.check_complete().unwrap();
    assert_eq!(model.accumulator_limit(), (1 << 24) - 256);
    // 255 w + 128 at its largest: just inside, then just outside.
    weights(&mut model)[0] = vec![65_790, 0];
    model.check_complete().unwrap();
    weights(&mut model)[0] = vec![65_792, 0];
    let text = model.check_complete().unwrap_err().to_string();
    assert!(text.contains("layer `dense` unit 0"), "{text}");
    weights(&mut model)[0] = vec![-65_793, 0];
    assert!(model.check_complete().is_err());
}
