//! Quantization of many kinds of networks: accurate, provable over the whole box, explained.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use haloracle_model::{
    Activation, Chain, Dataset, FeatureSpec, FloatModel, IntegerModel, Options, QuantizeError,
    Report, SchemaSpec, quantize,
};

/// Deterministic numbers in [−1, 1), enough for weights and rows.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn rows(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        (0..rows)
            .map(|_| {
                (0..columns)
                    .map(|_| self.next() + self.next() + self.next())
                    .collect()
            })
            .collect()
    }

    fn network(&mut self, sizes: &[usize], activations: &[Activation]) -> FloatModel {
        let mut chain = Chain::new("random", sizes[0]);
        for (layer, (pair, activation)) in sizes.windows(2).zip(activations).enumerate() {
            let gain = 1.5 / (pair[0] as f64).sqrt();
            let mut weights = self.rows(pair[1], pair[0]);
            weights.iter_mut().flatten().for_each(|w| *w *= gain);
            let bias: Vec<f64> = (0..pair[1]).map(|_| 0.3 * self.next()).collect();
            let node = format!("dense{layer}");
            chain.linear(&node, &weights, &bias).unwrap();
            if *activation != Activation::Identity {
                chain.activate(&node, *activation).unwrap();
            }
        }
        chain.finish().unwrap()
    }
}

fn data(x: Vec<Vec<f64>>) -> Dataset {
    Dataset {
        x,
        ..Dataset::default()
    }
}

/// Every corner of a few hundred runs, and stays provable.
fn assert_box_is_provable(model: &IntegerModel) {
    model.validate().unwrap();
    model.check_complete().unwrap();
    let limit = model.accumulator_limit();
    let mut numbers = Numbers(5);
    for round in 0..300 {
        let corner: Vec<i64> = model
            .input
            .features
            .iter()
            .map(|feature| match round {
                0 => feature.lo.into(),
                1 => feature.hi.into(),
                _ if numbers.next() < 0.0 => feature.lo.into(),
                _ => feature.hi.into(),
            })
            .collect();
        let trace = model.run(&corner).unwrap();
        for u in trace.accumulators.iter().flatten() {
            assert!(u.abs() <= limit, "{u}");
        }
    }
}

fn quantized(model: &FloatModel, rows: Vec<Vec<f64>>, options: &Options) -> (IntegerModel, Report) {
    let (integer, report) = quantize(model, &data(rows), options).unwrap();
    assert_box_is_provable(&integer);
    assert!(report.error_percent.mean <= options.max_error * 100.0);
    assert!(report.agreement >= options.min_agreement);
    assert_eq!(
        report.attempts.last().unwrap().digit_bits,
        integer.digit_bits
    );
    (integer, report)
}

use Activation::{Identity, Relu, Sigmoid};

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
        assert_eq!(integer.layers.len(), model.layers.len());
        for (integer, float) in integer.layers.iter().zip(&model.layers) {
            assert_eq!(integer.table.is_some(), float.activation == Sigmoid);
        }
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
        for layer in &integer.layers[1..] {
            assert!(layer.weights.iter().flatten().all(|w| w.abs() < 1 << 16));
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
            ..Options::default()
        };
        let (integer, _) = quantized(&model, rows.clone(), &options);
        let field = &integer.output[0];
        assert_eq!(
            (field.zero_point, field.multiplier, field.decimals),
            (0, multiplier, decimals)
        );
        let table = integer.layers[0].table.as_ref().unwrap();
        assert!(table.values.is_sorted());
        // 1 is a digit, and nothing above it is ever answered.
        assert_eq!((1.0 / field.step()).fract(), 0.0);
        let (first, last) = (table.values[0], *table.values.last().unwrap());
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

#[test]
fn decimals_follow_the_data() {
    let mut numbers = Numbers(13);
    let mut rows = numbers.rows(200, 5);
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = (index % 7) as f64;
        row[1] = (row[1] * 100.0).round() / 100.0;
        row[2] *= 1e-4;
        row[3] = 50_000.0 + 10_000.0 * row[3];
        row[4] = 2.0 * row[4].abs();
    }
    let model = numbers.network(&[5, 1], &[Identity]);
    let (integer, report) = quantize(
        &model,
        &data(rows),
        &Options {
            max_error: 0.05,
            min_agreement: 0.9,
            ..Options::default()
        },
    )
    .unwrap();
    let features = &integer.input.features;
    // Whole numbers; never negative, so neither is the box.
    assert_eq!(
        (features[0].decimals, features[0].lo, features[0].hi),
        (0, 0, 9)
    );
    assert_eq!(features[1].decimals, 2);
    assert_eq!(features[2].decimals, 7);
    assert_eq!(features[3].decimals, 0);
    assert_eq!(features[4].lo, 0);
    assert!(features[1].lo < -200);
    for feature in &report.features {
        assert!((0.45..=0.7).contains(&feature.coverage), "{feature:?}");
    }
}

fn spec(name: &str, decimals: Option<u8>, lo: Option<f64>, hi: Option<f64>) -> FeatureSpec {
    FeatureSpec {
        name: name.into(),
        decimals,
        lo,
        hi,
    }
}

fn with_schema(inputs: Vec<FeatureSpec>, outputs: &[&str]) -> Options {
    Options {
        schema: Some(SchemaSpec {
            inputs,
            outputs: outputs.iter().map(|s| (*s).into()).collect(),
        }),
        ..Options::default()
    }
}

#[test]
fn a_schema_fixes_what_it_says_and_leaves_the_rest_to_the_data() {
    let mut numbers = Numbers(17);
    let model = numbers.network(&[2, 1], &[Sigmoid]);
    let rows = numbers.rows(100, 2);
    let options = with_schema(
        vec![
            spec("ltv", Some(4), Some(-1.5), Some(0.25)),
            spec("age", None, None, None),
        ],
        &["score"],
    );
    let inside = rows.iter().filter(|r| r[0] >= -1.5 && r[0] <= 0.25).count();
    let (integer, report) = quantized(&model, rows, &options);
    let ltv = &integer.input.features[0];
    assert_eq!(
        (ltv.name.as_str(), ltv.decimals, ltv.lo, ltv.hi),
        ("ltv", 4, -15_000, 2500)
    );
    assert_eq!(integer.input.features[1].name, "age");
    assert_eq!(integer.output[0].name, "score");
    assert_eq!(report.rows, inside);
    assert_eq!(report.rows_outside_domain, 100 - inside);
}

fn refused(options: &Options, parts: &[&str]) -> QuantizeError {
    let mut numbers = Numbers(17);
    let model = numbers.network(&[2, 1], &[Sigmoid]);
    let error = quantize(&model, &data(numbers.rows(50, 2)), options).unwrap_err();
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    error
}

#[test]
fn impossible_options_are_refused() {
    for (digit_bits, shown) in [(3, "Some(3)"), (13, "Some(13)"), (99, "Some(99)")] {
        let options = Options {
            digit_bits: Some(digit_bits),
            ..Options::default()
        };
        refused(&options, &["digit_bits", shown, "4 to 12"]);
    }
    let change = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    refused(&change(|o| o.max_error = -1.0), &["max_error", "-1"]);
    refused(&change(|o| o.max_error = f64::NAN), &["max_error", "NaN"]);
    refused(
        &change(|o| o.min_agreement = 1.5),
        &["min_agreement", "1.5"],
    );
    refused(&change(|o| o.margin = -0.1), &["margin"]);
    let error = refused(
        &change(|o| o.max_error = 0.0),
        &["accuracy missed", "12 bits", "looser"],
    );
    assert!(matches!(error, QuantizeError::Accuracy { .. }));
}

#[test]
fn impossible_schemas_are_refused() {
    let plain = |name: &str| spec(name, None, None, None);
    let boxed = |lo, hi| {
        with_schema(
            vec![spec("a", Some(2), Some(lo), Some(hi)), plain("b")],
            &[],
        )
    };
    refused(
        &with_schema(vec![plain("a")], &[]),
        &["schema has 1 features", "takes 2"],
    );
    refused(
        &with_schema(vec![plain("a"), plain("b")], &["p", "q"]),
        &["2 outputs", "has 1"],
    );
    refused(&boxed(1.0, 1.0), &["feature 0 `a`", "empty"]);
    refused(&boxed(2.0, -2.0), &["empty"]);
    refused(&boxed(f64::NAN, 1.0), &["not finite"]);
    refused(&boxed(0.0, 1e9), &["32-bit", "fewer decimals"]);
    refused(
        &with_schema(vec![spec("a", Some(12), None, None), plain("b")], &[]),
        &["12 decimals; at most 9"],
    );
    refused(&boxed(900.0, 1000.0), &["none of the 50", "`a`"]);
    let error =
        SchemaSpec::from_json(b"{\"inputs\": [{\"name\": \"a\", \"low\": 1}]}").unwrap_err();
    assert!(error.to_string().contains("unknown field `low`"), "{error}");
}

#[test]
fn data_of_another_width_are_refused() {
    let mut numbers = Numbers(17);
    let model = numbers.network(&[2, 1], &[Sigmoid]);
    let error = quantize(&model, &data(numbers.rows(5, 3)), &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("calibration data has 3 features, the model takes 2")
    );
    let mut wrong = data(numbers.rows(5, 2));
    wrong.y = Some(vec![vec![0.0, 1.0]; 5]);
    let error = quantize(&model, &wrong, &Options::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`y of the calibration data` takes 1"),
        "{error}"
    );
}

#[test]
fn the_report_counts_and_draws() {
    let mut numbers = Numbers(23);
    let model = numbers.network(&[3, 6, 1], &[Relu, Identity]);
    let rows = numbers.rows(120, 3);
    let options = with_schema(
        vec![
            spec("<b>&\"x", None, None, None),
            spec("b", None, None, None),
            spec("c", None, None, None),
        ],
        &[],
    );
    let (integer, report) = quantized(&model, rows.clone(), &options);
    // Recomputed from outside.
    let errors: Vec<f64> = rows
        .iter()
        .map(|row| (integer.run_real(row).unwrap()[0] - model.run(row).unwrap().outputs()[0]).abs())
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let max = errors.iter().copied().fold(0.0, f64::max);
    assert!((report.error.mean - mean).abs() < 1e-12);
    assert_eq!(report.error.max, max);
    assert!(report.error.p50 <= report.error.p90 && report.error.p99 <= report.error.max);
    assert_eq!(report.histogram.counts.iter().sum::<u64>(), 120);
    assert_eq!(report.points.len(), 120);
    assert_eq!(report.layers[0].values, 720);
    for layer in &report.layers {
        assert!(layer.box_min <= layer.seen_min && layer.seen_max <= layer.box_max);
    }
    // A ReLU of zero is a digit clamped at 0.
    let zeros = rows
        .iter()
        .flat_map(|r| model.run(r).unwrap().linear[0].clone())
        .filter(|v| *v < 0.0)
        .count();
    assert!(report.layers[0].clamped_low.abs_diff(zeros as u64) < 20);

    let json = serde_json::to_vec(&report).unwrap();
    assert_eq!(serde_json::from_slice::<Report>(&json).unwrap(), report);
    let html = report.to_html();
    assert!(html.contains("&lt;b&gt;&amp;&quot;x") && !html.contains("<b>&"));
    assert!(!html.contains("<script") && !html.contains("http"));
    assert_eq!(html.matches("<svg").count(), 2);
    assert_eq!(html.matches("<circle").count(), 120);
}
