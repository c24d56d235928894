//! Committed models against onnxruntime: the float executor, then the integer model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use haloracle_model::graph::FloatGraph;
use haloracle_model::{Dataset, IntegerModel, Op, Options, Report, SchemaSpec, quantize};

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn data(path: &str) -> Dataset {
    Dataset::read(&models().join(path)).unwrap()
}

fn float(path: &str) -> FloatGraph {
    haloracle_onnx::load_graph(&models().join(path))
        .unwrap()
        .graph
}

/// What the comparison with golden outputs gives.
struct Outcome {
    mean_error: f64,
    agreement: f64,
}

/// Runs `model` on golden inputs against golden outputs; the first output decides the class.
fn compare(model: &IntegerModel, golden: &Dataset, threshold: f64) -> Outcome {
    let expected = golden.y.as_ref().unwrap();
    let rows = golden.x.len() as f64;
    let (mut error, mut agreeing) = (0.0, 0.0);
    for (x, y) in golden.x.iter().zip(expected) {
        let answer = model.run_real(x).unwrap();
        error += (answer[0] - y[0]).abs();
        agreeing += f64::from(u8::from((answer[0] > threshold) == (y[0] > threshold)));
    }
    Outcome {
        mean_error: error / rows,
        agreement: agreeing / rows,
    }
}

fn assert_float_matches(model: &FloatGraph, golden: &Dataset) {
    for (x, y) in golden.x.iter().zip(golden.y.as_ref().unwrap()) {
        let outputs = model.run(x).unwrap().outputs;
        assert_eq!(outputs.len(), y.len());
        for (ours, golden) in outputs.iter().zip(y) {
            let tolerance = 1e-4 * golden.abs().max(1e-3);
            assert!(
                (ours - golden).abs() <= tolerance,
                "{ours} against {golden}"
            );
        }
    }
}

fn check(onnx: &str, calibration: &str, golden: &str, options: &Options) -> (Report, Outcome) {
    let float = float(onnx);
    let golden = data(golden);
    assert_eq!(golden.x.len(), 100);
    assert_float_matches(&float, &golden);
    let (model, report) = quantize(&float, &data(calibration), options).unwrap();
    let sigmoid = matches!(model.nodes.last().unwrap().op, Op::Table(_));
    let outcome = compare(&model, &golden, if sigmoid { 0.5 } else { 0.0 });
    println!(
        "{onnx}: t = {}, {} digits per input, agreement {:.2}, mean error {:.5} of range {:.3}; \
         whole box {:?}",
        report.digit_bits,
        report.input_digits,
        outcome.agreement,
        outcome.mean_error,
        report.output_range,
        report.whole_box
    );
    (report, outcome)
}

#[test]
fn mlp_small_agrees_with_onnxruntime() {
    let npz = "breast_cancer/mlp_small.npz";
    let (report, outcome) = check(
        "breast_cancer/mlp_small.onnx",
        npz,
        npz,
        &Options::default(),
    );
    assert_eq!(report.digit_bits, 8);
    assert!(outcome.agreement >= 0.99);
    // Of a range of 44 logits.
    assert!(outcome.mean_error < 0.15, "{}", outcome.mean_error);
    // Hidden units keep headroom for inputs unlike the calibrated ones.
    assert!(
        report.whole_box.mean_error_percent < 1.0,
        "{:?}",
        report.whole_box
    );
}

#[test]
fn logreg_agrees_with_onnxruntime() {
    for name in ["logreg", "logreg_std"] {
        let npz = format!("breast_cancer/{name}.npz");
        let onnx = format!("breast_cancer/{name}.onnx");
        let (report, outcome) = check(&onnx, &npz, &npz, &Options::default());
        assert_eq!(report.digit_bits, 8);
        assert!(outcome.agreement >= 0.99);
        assert!(outcome.mean_error < 0.002, "{}", outcome.mean_error);
    }
}

#[test]
fn credit_risk_agrees_with_onnxruntime_on_rows_it_was_not_calibrated_on() {
    let schema = std::fs::read(models().join("credit_risk/schema.json")).unwrap();
    let options = Options {
        schema: Some(SchemaSpec::from_json(&schema).unwrap()),
        ..Options::default()
    };
    for calibration in ["calibration.npz", "calibration.csv"] {
        let (report, outcome) = check(
            "credit_risk/credit_risk.onnx",
            &format!("credit_risk/{calibration}"),
            "credit_risk/golden.npz",
            &options,
        );
        assert_eq!(report.digit_bits, 8);
        assert_eq!(report.features[7].name, "stable_collateral_pct");
        assert_eq!(report.outputs[0].name, "risk");
        assert!(report.whole_box.agreement >= 0.99, "{:?}", report.whole_box);
        assert!(
            report.whole_box.mean_error_percent < 1.5,
            "{:?}",
            report.whole_box
        );
        assert!(outcome.agreement >= 0.99);
        assert!(outcome.mean_error < 0.005, "{}", outcome.mean_error);
    }
}

#[test]
fn credit_risk_examples_lie_far_apart() {
    let schema = std::fs::read(models().join("credit_risk/schema.json")).unwrap();
    let options = Options {
        schema: Some(SchemaSpec::from_json(&schema).unwrap()),
        ..Options::default()
    };
    let float = float("credit_risk/credit_risk.onnx");
    let (model, _) = quantize(&float, &data("credit_risk/calibration.npz"), &options).unwrap();
    let risk = |file: &str| {
        let example = data(file);
        let answer = model.run_real(&example.x[0]).unwrap()[0];
        let golden = example.y.unwrap()[0][0];
        assert!((answer - golden).abs() < 0.01, "{answer} against {golden}");
        answer
    };
    assert!(risk("credit_risk/low_risk.json") < 0.05);
    assert!(risk("credit_risk/high_risk.json") > 0.95);
}

#[test]
fn quantization_is_reproducible() {
    let float = float("breast_cancer/mlp_small.onnx");
    let data = data("breast_cancer/mlp_small.npz");
    let bytes = || {
        let (model, report) = quantize(&float, &data, &Options::default()).unwrap();
        (
            model.canonical_bytes().unwrap(),
            serde_json::to_vec(&report).unwrap(),
        )
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn accuracy_that_cannot_be_reached_is_an_error_that_says_so() {
    let float = float("breast_cancer/mlp_small.onnx");
    let options = Options {
        digit_bits: Some(5),
        ..Options::default()
    };
    let error = quantize(&float, &data("breast_cancer/mlp_small.npz"), &options).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("best is 5 bits"), "{text}");
}
