//! Schemas, options and the report: what is chosen, refused and told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Numbers, data, quantized};
use haloracle_model::Activation::{Identity, Relu, Sigmoid};
use haloracle_model::report::{CircuitReport, Estimate};
use haloracle_model::{FeatureSpec, Options, QuantizeError, Report, SchemaSpec, quantize};

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
            .contains("y of the calibration data has 2 values per row, the model gives 1"),
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
    assert_eq!(report.nodes[0].values, 720);
    assert_eq!(report.whole_box.points, 500);
    assert!(report.whole_box.agreement > 0.9, "{:?}", report.whole_box);
    assert!(
        report.whole_box.mean_error_percent < 5.0,
        "{:?}",
        report.whole_box
    );
    for node in &report.nodes {
        assert!(node.reachable.0 <= node.seen.0 && node.seen.1 <= node.reachable.1);
    }
    // A ReLU of zero is a digit clamped at 0.
    let zeros = rows
        .iter()
        .flat_map(|r| model.run(r).unwrap().linear[0].clone())
        .filter(|v| *v < 0.0)
        .count();
    assert!(report.nodes[0].clamped_low.abs_diff(zeros as u64) < 20);

    let json = serde_json::to_vec(&report).unwrap();
    assert_eq!(serde_json::from_slice::<Report>(&json).unwrap(), report);
    let html = report.to_html();
    assert!(html.contains("&lt;b&gt;&amp;&quot;x") && !html.contains("<b>&"));
    assert!(!html.contains("<script") && !html.contains("http"));
    // Scatter, errors, and per node ranges and clamps; rows once the circuit is known.
    assert_eq!(html.matches("<svg").count(), 4);
    assert_eq!(html.matches("<circle").count(), 120);
    let circuit = CircuitReport {
        shape: "wide".into(),
        k: 11,
        rows: 1234,
        usable_rows: 2041,
        other_rows: 77,
        table_entries: 256,
        instances: 6,
        estimate: Estimate::new(false, 11),
    };
    let report = report.with_circuit(circuit, &[Some(4321), None]);
    assert_eq!(
        (report.nodes[0].rows, report.nodes[1].rows),
        (Some(4321), None)
    );
    let html = report.to_html();
    assert_eq!(html.matches("<svg").count(), 5);
    for part in [
        "Rows per node",
        ">4321<",
        ">77<",
        "1234 of 2041",
        "about 0.13 s to prove",
    ] {
        assert!(html.contains(part), "{part}");
    }
}
