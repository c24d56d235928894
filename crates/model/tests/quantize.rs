//! Quantization of many kinds of networks: accurate, and provable over the whole box.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Numbers, assert_box_is_provable, data, quantized};
use haloracle_model::Activation::{Identity, Relu, Sigmoid};
use haloracle_model::{
    Activation, Chain, FeatureSpec, IntegerModel, Op, Options, QuantizeError, SchemaSpec, quantize,
};

/// Weights of the dense nodes.
fn dense(model: &IntegerModel) -> Vec<&Vec<Vec<i64>>> {
    let nodes = model.nodes.iter();
    nodes
        .filter_map(|node| match &node.op {
            Op::Dense { weights, .. } => Some(weights),
            _ => None,
        })
        .collect()
}

#[test]
fn networks_of_many_shapes() {
    let shapes: [(&[usize], &[Activation]); 7] = [
        (&[1, 1], &[Identity]),
        (&[6, 1], &[Sigmoid]),
        (&[6, 12, 1], &[Relu, Sigmoid]),
        (&[6, 12, 8, 1], &[Relu, Relu, Identity]),
        (&[5, 10, 1], &[Sigmoid, Identity]),
        (&[5, 10, 6, 2], &[Sigmoid, Sigmoid, Sigmoid]),
        (&[4, 8, 3], &[Relu, Relu]),
    ];
    // Random networks answer close to the threshold more often than trained ones.
    let options = Options {
        min_agreement: 0.97,
        max_error: 0.01,
        ..Options::default()
    };
    for (seed, (sizes, activations)) in shapes.into_iter().enumerate() {
        let mut numbers = Numbers(seed as u64 + 1);
        let model = numbers.network(sizes, activations);
        let (integer, _) = quantized(&model, numbers.rows(300, sizes[0]), &options);
        let tables = activations.iter().filter(|a| **a == Sigmoid).count();
        assert_eq!(dense(&integer).len(), activations.len());
        assert_eq!(integer.nodes.len(), activations.len() + tables);
    }
}

#[test]
fn hidden_weights_keep_sixteen_bits() {
    let mut numbers = Numbers(11);
    let model = numbers.network(&[4, 16, 16, 1], &[Relu, Relu, Identity]);
    for digit_bits in [6, 8, 10, 12] {
        let options = Options {
            digit_bits: Some(digit_bits),
            max_error: 1.0,
            min_agreement: 0.0,
            ..Options::default()
        };
        let (integer, _) = quantized(&model, numbers.rows(200, 4), &options);
        for weights in &dense(&integer)[1..] {
            assert!(weights.iter().flatten().all(|w| w.abs() < 1 << 16));
        }
    }
}

#[test]
fn wider_digits_are_taken_only_where_they_are_needed() {
    let mut numbers = Numbers(4);
    let model = numbers.network(&[6, 12, 1], &[Relu, Identity]);
    let rows = numbers.rows(300, 6);
    let with = |max_error| {
        let options = Options {
            max_error,
            min_agreement: 0.0,
            ..Options::default()
        };
        quantized(&model, rows.clone(), &options).1
    };
    let (easy, hard) = (with(0.005), with(0.0004));
    assert_eq!(easy.digit_bits, 8);
    assert!(hard.digit_bits > 8);
    assert_eq!(hard.attempts.len() as u32, hard.digit_bits - 7);
    assert!(
        hard.attempts[..hard.attempts.len() - 1]
            .iter()
            .all(|a| !a.reached)
    );
}

#[test]
fn outputs_of_any_size_and_sign() {
    let rows = Numbers(8).rows(200, 2);
    for (scale, shift) in [
        (1e6, 0.0),
        (1e-6, 0.0),
        (3.0, 20.0),
        (3.0, -20.0),
        (250.0, 0.0),
        (1e9, 4e9),
    ] {
        let mut chain = Chain::new("m", 2);
        chain.linear("l", &[vec![scale, scale]], &[shift]).unwrap();
        let model = chain.finish().unwrap();
        // An offset many ranges away from zero costs digits: zero must be expressible.
        let options = Options {
            max_error: 0.02,
            min_agreement: 0.97,
            ..Options::default()
        };
        let (_, report) = quantized(&model, rows.clone(), &options);
        let output = &report.outputs[0];
        let float: Vec<f64> = rows
            .iter()
            .map(|r| model.run(r).unwrap().outputs()[0])
            .collect();
        let lo = float.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = float.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(
            output.min <= lo && hi <= output.max,
            "{output:?} does not hold [{lo}, {hi}]"
        );
    }
}

#[test]
fn probabilities_step_by_round_numbers() {
    let mut numbers = Numbers(2);
    let model = numbers.network(&[3, 1], &[Sigmoid]);
    let rows = numbers.rows(100, 3);
    for (digit_bits, multiplier, decimals) in [
        (4, 1, 1),
        (7, 1, 2),
        (8, 4, 3),
        (9, 2, 3),
        (10, 1, 3),
        (11, 5, 4),
        (12, 4, 4),
    ] {
        let options = Options {
            digit_bits: Some(digit_bits),
            max_error: 0.5,
            min_agreement: 0.5,
            // A box that reaches the flat ends of the sigmoid.
            margin: 5.0,
            ..Options::default()
        };
        let (integer, _) = quantized(&model, rows.clone(), &options);
        let field = &integer.output[0];
        assert_eq!(
            (field.zero_point, field.multiplier, field.decimals),
            (0, multiplier, decimals)
        );
        let Op::Table(table) = &integer.nodes[1].op else {
            panic!("no table")
        };
        assert!(table.values.is_sorted());
        // 1 is a digit, and nothing above it is ever answered.
        assert_eq!((1.0 / field.step()).fract(), 0.0);
        let [first, last] = [0, table.values.len() - 1].map(|z| u64::from(table.values[z]));
        assert!(field.real(first) <= 0.01, "{first}");
        assert!((0.99..=1.0).contains(&field.real(last)), "{last}");
    }
}

#[test]
fn several_outputs_share_a_scale_unless_they_differ_widely() {
    let mut numbers = Numbers(21);
    let model = numbers.network(&[6, 12, 4], &[Relu, Identity]);
    let rows = numbers.rows(300, 6);
    let options = Options {
        min_agreement: 0.95,
        ..Options::default()
    };
    let (integer, report) = quantized(&model, rows.clone(), &options);
    assert!(report.class_rule.contains("largest"));
    let first = &integer.output[0];
    for field in &integer.output {
        assert_eq!(
            (field.multiplier, field.zero_point),
            (first.multiplier, first.zero_point)
        );
    }
    let mut chain = Chain::new("m", 1);
    chain
        .linear("l", &[vec![1.0], vec![1000.0]], &[0.0, 0.0])
        .unwrap();
    let (integer, _) = quantized(&chain.finish().unwrap(), Numbers(3).rows(50, 1), &options);
    assert!(integer.output[1].step() > 100.0 * integer.output[0].step());
}

#[test]
fn units_that_calibration_never_activates_do_no_harm() {
    let mut chain = Chain::new("m", 1);
    // Unit 1 is always off in [−1, 1], unit 2 is constant, unit 3 is nothing at all.
    let weights = [vec![1.0], vec![1.0], vec![0.0], vec![0.0]];
    chain
        .linear("l", &weights, &[1.0, -30.0, 2.0, 0.0])
        .unwrap();
    chain.activate("r", Relu).unwrap();
    chain
        .linear("o", &[vec![1.0, 1.0, 1.0, 5.0]], &[0.0])
        .unwrap();
    let rows = (0..100).map(|i| vec![f64::from(i) / 50.0 - 1.0]).collect();
    quantized(&chain.finish().unwrap(), rows, &Options::default());
}

#[test]
fn constant_features_and_constant_models() {
    let mut numbers = Numbers(9);
    let model = numbers.network(&[4, 1], &[Sigmoid]);
    let mut rows = numbers.rows(100, 4);
    for row in &mut rows {
        (row[1], row[2]) = (0.0, 7.25);
    }
    let (integer, _) = quantized(&model, rows, &Options::default());
    let feature = &integer.input.features[2];
    assert_eq!((feature.decimals, feature.lo, feature.hi), (2, 362, 1088));

    let mut chain = Chain::new("m", 1);
    chain.linear("l", &[vec![0.0]], &[0.0]).unwrap();
    quantized(
        &chain.finish().unwrap(),
        vec![vec![1.0], vec![2.0]],
        &Options::default(),
    );
}

#[test]
fn a_box_far_beyond_the_data_stays_provable() {
    let mut numbers = Numbers(6);
    let model = numbers.network(&[6, 12, 1], &[Relu, Identity]);
    let options = Options {
        margin: 100.0,
        max_error: 0.05,
        min_agreement: 0.9,
        ..Options::default()
    };
    quantized(&model, numbers.rows(200, 6), &options);
}

/// Weights and data of wild sizes: an honest model, or an error.
#[test]
fn wild_numbers_never_panic() {
    let options = Options {
        max_error: f64::MAX,
        min_agreement: 0.0,
        ..Options::default()
    };
    let activations = [Identity, Relu, Sigmoid];
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let wild = |numbers: &mut Numbers, most: f64| 10f64.powf(most * numbers.next());
        let most = [2.0, 12.0, 38.0][seed as usize % 3];
        let mut chain = Chain::new("wild", 3);
        for layer in 0..1 + seed as usize % 4 {
            let width = chain.width();
            let mut weights = numbers.rows(3, width);
            for w in weights.iter_mut().flatten() {
                *w *= wild(&mut numbers, most);
            }
            let bias = [wild(&mut numbers, most), 0.0, -wild(&mut numbers, most)];
            if chain.linear("l", &weights, &bias).is_ok() {
                let activation = activations[(seed as usize + layer) % 3];
                let _ = chain.activate("a", activation);
            }
        }
        let Ok(model) = chain.finish() else { continue };
        let mut rows = numbers.rows(20, 3);
        let scale = wild(&mut numbers, most.min(9.0));
        rows.iter_mut().flatten().for_each(|v| *v *= scale);
        match quantize(&model, &data(rows), &options) {
            Ok((integer, _)) => {
                assert_box_is_provable(&integer);
                accepted += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        accepted > 50 && refused > 50,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn sizes_that_fixed_point_cannot_tell_are_refused() {
    let run = |weight: f64, unit: f64| {
        let mut chain = Chain::new("m", 1);
        chain.linear("l", &[vec![weight]], &[0.0]).unwrap();
        let rows = (0..50).map(|i| vec![f64::from(i - 25) * unit]).collect();
        quantize(&chain.finish().unwrap(), &data(rows), &Options::default())
    };
    run(1.0, 1.0).unwrap();
    let text = run(1e20, 1.0).unwrap_err().to_string();
    assert!(
        text.contains("output `y0`") && text.contains("larger unit"),
        "{text}"
    );
    let text = run(1.0, 1e-13).unwrap_err().to_string();
    assert!(
        text.contains("feature 0 `x0`") && text.contains("smaller unit"),
        "{text}"
    );
    let text = run(1.0, 1e12).unwrap_err().to_string();
    assert!(text.contains("32-bit"), "{text}");
    assert!(matches!(
        run(1e308, 1e3),
        Err(QuantizeError::NotFinite { .. })
    ));
}

/// A difference of two nearly equal inputs: tiny on the data, large in the box.
fn cancelling_rows() -> Vec<Vec<f64>> {
    let mut numbers = Numbers(31);
    (0..100)
        .map(|i| {
            let x = f64::from(i) / 100.0;
            vec![x, x + 1e-4 * numbers.next()]
        })
        .collect()
}

#[test]
fn scales_are_widened_until_every_corner_is_provable() {
    let mut chain = Chain::new("m", 2);
    chain.linear("l", &[vec![1.0, -1.0]], &[0.0]).unwrap();
    let model = chain.finish().unwrap();
    // Five decimals: the inputs' rounding is a tenth of the rows' differences.
    let feature = |name: &str| FeatureSpec {
        name: name.into(),
        decimals: Some(5),
        lo: Some(-0.5),
        hi: Some(1.5),
    };
    let mut options = Options {
        digit_bits: Some(8),
        max_error: f64::MAX,
        min_agreement: 0.0,
        schema: Some(SchemaSpec {
            inputs: vec![feature("a"), feature("b")],
            outputs: Vec::new(),
        }),
        ..Options::default()
    };
    let (integer, _) = quantized(&model, cancelling_rows(), &options);
    // The box's corners, 2 apart, are as far away as can be proved, and no further.
    let limit = integer.accumulator_limit();
    let reach = integer.bounds().unwrap()[0].accumulators[0];
    assert!(reach.1 > limit / 3 && reach.1 <= limit, "{reach:?}");
    assert!(reach.0 < -limit / 3 && reach.0 >= -limit, "{reach:?}");
    // Wider digits resolve the data without leaving what can be proved.
    options.digit_bits = Some(12);
    let (fine, _) = quantized(&model, cancelling_rows(), &options);
    assert!(fine.output[0].step() < integer.output[0].step() / 10.0);
}

#[test]
fn hidden_weights_keep_sixteen_bits_where_large_terms_cancel() {
    let mut chain = Chain::new("m", 2);
    chain
        .linear("a", &[vec![1.0, 0.0], vec![0.0, 1.0]], &[1.0, 1.0])
        .unwrap();
    chain.activate("a", Relu).unwrap();
    chain.linear("b", &[vec![1e6, -1e6]], &[0.0]).unwrap();
    let options = Options {
        digit_bits: Some(12),
        max_error: f64::MAX,
        min_agreement: 0.0,
        ..Options::default()
    };
    let (integer, report) = quantized(&chain.finish().unwrap(), cancelling_rows(), &options);
    let largest = dense(&integer)[1][0][0];
    assert!((60_000..1 << 16).contains(&largest), "{largest}");
    assert_eq!(report.nodes[1].weight_bits, 16);
}
