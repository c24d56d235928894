//! Files as exporters write them, against onnxruntime's answers: numbers and classes.
//!
//! `bench/models/*.py` writes the models.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use haloracle_model::Dataset;
use haloracle_model::graph::{FloatGraph, Task};

fn models(folder: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let entries = std::fs::read_dir(root.join(folder)).unwrap();
    let mut models: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    models.sort();
    models
}

/// onnxruntime's classes, where the file has them.
fn labels(npz: &Path) -> Option<Vec<i64>> {
    let bytes = std::fs::read(npz).unwrap();
    let mut archive = npyz::npz::NpzArchive::new(Cursor::new(bytes)).unwrap();
    let labels = archive.by_name("label").unwrap()?;
    Some(labels.into_vec::<i64>().unwrap())
}

fn class(graph: &FloatGraph, outputs: &[f64]) -> i64 {
    match graph.task {
        Task::Threshold(thousandths) => i64::from(outputs[0] > f64::from(thousandths) / 1000.0),
        _ => (1..outputs.len()).fold(0, |best, at| {
            if outputs[at] > outputs[best] {
                at
            } else {
                best
            }
        }) as i64,
    }
}

fn check(folder: &str, least: usize) {
    let models = models(folder);
    assert!(models.len() >= least, "only {} models", models.len());
    for path in models {
        let name = path.display();
        let graph = haloracle_onnx::load_graph(&path).unwrap().graph;
        let npz = path.with_extension("npz");
        let golden = Dataset::read(&npz).unwrap();
        let y = golden.y.as_ref().unwrap();
        let largest = y.iter().flatten().fold(1.0f64, |m, v| m.max(v.abs()));
        let labels = labels(&npz);
        for (row, (x, y)) in golden.x.iter().zip(y).enumerate() {
            let outputs = graph.run(x).unwrap().outputs;
            // Of an SVM with two classes the score of the second alone is left.
            let svm =
                y.len() == 2 && outputs.len() == 1 && path.to_string_lossy().contains("_svc_");
            assert!(svm || outputs.len() == y.len(), "{name}");
            for (ours, golden) in outputs.iter().zip(y) {
                assert!(
                    (ours - golden).abs() <= 1e-5 * largest,
                    "{name}, row {row}: {ours} against {golden}"
                );
            }
            if let Some(labels) = &labels {
                assert_eq!(class(&graph, &outputs), labels[row], "{name}, row {row}");
            }
        }
        if labels.is_some() {
            assert!(
                matches!(graph.task, Task::Scores | Task::Threshold(_)),
                "{name}"
            );
        }
    }
}

#[test]
fn scikit_learn() {
    check("sklearn", 50);
}

#[test]
fn boosting() {
    check("boosting", 15);
}

#[test]
fn digits() {
    check("digits", 3);
}

#[test]
fn breast_cancer() {
    check("breast_cancer", 5);
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
