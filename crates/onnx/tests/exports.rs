//! Files as exporters write them, against onnxruntime's answers: numbers and classes.
//!
//! `bench/models/*.py` writes the models.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{check, models};
use haloracle_model::graph::Task;

fn check_all(folder: &str, least: usize) {
    let models = models(folder);
    assert!(models.len() >= least, "only {} models", models.len());
    for path in models {
        check(&path, 1e-5);
    }
}

#[test]
fn scikit_learn() {
    check_all("sklearn", 50);
}

#[test]
fn boosting() {
    check_all("boosting", 15);
}

#[test]
fn torch() {
    check_all("torch", 40);
}

#[test]
fn digits() {
    check_all("digits", 3);
}

#[test]
fn breast_cancer() {
    check_all("breast_cancer", 5);
}

#[test]
fn regressors_have_no_class() {
    for path in models("sklearn").into_iter().chain(models("boosting")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let regression = [
            "regress",
            "svr",
            "ridge",
            "lasso",
            "two_targets",
            "poisson",
            "dart",
            "categories",
        ]
        .iter()
        .any(|part| name.contains(part));
        let task = haloracle_onnx::load_graph(&path).unwrap().graph.task;
        assert_eq!(task == Task::Regression, regression, "{name}: {task:?}");
    }
}

/// Large models are read in about a second: nothing is quadratic in wires or nodes.
#[test]
fn convolutions_and_layers_stay_whole() {
    let count = |name: &str| {
        let graph = haloracle_onnx::load_graph(&common::path(name))
            .unwrap()
            .graph;
        graph.nodes.len()
    };
    // Two convolutions, three dense layers, a ReLU behind all but the last, two pools.
    assert_eq!(count("digits/lenet5.onnx"), 11);
    assert_eq!(count("digits/mlp_large.onnx"), 5);
    // The scaler is part of the first layer.
    assert_eq!(count("breast_cancer/logreg.onnx"), 2);
    // Batch normalization is part of the convolutions.
    let folded = count("torch/resnet.onnx");
    assert_eq!(count("torch/resnet_unfolded.onnx"), folded);
}
