//! Every way of using a supported operator, against onnxruntime's answers.
//!
//! `models/operators/make.py` and `make_more.py` write the models.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{check, models};

/// Models that are refused, and what the error says.
const REFUSED: [(&str, &str); 13] = [
    (
        "comparison/argmax_default_axis",
        "input `x` has a batch of 4",
    ),
    (
        "comparison/argmin_default_axis",
        "input `x` has a batch of 4",
    ),
    ("linear/gemm_constant_left", "input `x` has a batch of 3"),
    ("linear/gemm_two", "input `x` has a batch of 4"),
    ("linear/matmul_constant_left", "input `x` has a batch of 3"),
    ("linear/matmul_two", "input `x` has a batch of 3"),
    (
        "ml/svmclassifier_linear_three_probabilities",
        "probabilities of more than two classes",
    ),
    ("nonlinear/cos", "operator Cos is not supported"),
    ("nonlinear/sin", "operator Sin is not supported"),
    ("shape/cast_float16", "to float16; supported are"),
    ("shape/gather_default_axis", "input `x` has a batch of 3"),
    ("shape/transpose", "input `x` has a batch of 2"),
    ("trees/regressor_double", "compares float64 values"),
];

/// Models whose answers may differ by more than rounding, by how much, and why.
const LOOSE: [(&str, f64, &str); 2] = [
    (
        "quantized/quantize_per_column",
        1e-3,
        "a value half way between two steps goes to either",
    ),
    (
        "ml/svmclassifier_rbf_probabilities",
        2e-3,
        "onnxruntime finds the probabilities of two classes by iteration, and stops early",
    ),
];

fn family(name: &str, least: usize) {
    let folder = format!("operators/{name}");
    let models = models(folder.trim_end_matches('/'));
    assert!(models.len() >= least, "only {} models", models.len());
    for path in models {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let key = format!("{name}/{stem}");
        if let Some((_, says)) = REFUSED.iter().find(|(refused, _)| *refused == key) {
            let error = haloracle_onnx::load_graph(&path).unwrap_err().to_string();
            assert!(error.contains(says), "{key}: {error}");
            continue;
        }
        let loose = LOOSE.iter().find(|(loose, ..)| *loose == key);
        check(&path, loose.map_or(1e-5, |(_, tolerance, _)| *tolerance));
    }
}

#[test]
fn first_operators() {
    family("", 40);
}

#[test]
fn linear() {
    family("linear", 100);
}

#[test]
fn shape() {
    family("shape", 100);
}

#[test]
fn nonlinear() {
    family("nonlinear", 90);
}

#[test]
fn pooling() {
    family("pooling", 40);
}

#[test]
fn comparison() {
    family("comparison", 75);
}

#[test]
fn recurrent() {
    family("recurrent", 40);
}

#[test]
fn quantized() {
    family("quantized", 40);
}

#[test]
fn onnx_ml() {
    family("ml", 50);
}

#[test]
fn trees() {
    family("trees", 65);
}

#[test]
fn further_operators() {
    family("further", 45);
}

#[test]
fn combinations() {
    family("combinations", 25);
}
