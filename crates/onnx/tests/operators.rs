//! Every way of using a supported operator, against onnxruntime's answers.
//!
//! `models/operators/make.py` writes the models.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use haloracle_model::Dataset;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/operators")
}

fn models() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut models: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    models.sort();
    models
}

#[test]
fn every_operator_answers_as_onnxruntime() {
    let models = models();
    assert!(models.len() >= 40, "only {} models", models.len());
    for path in models {
        let model = haloracle_onnx::load(&path).unwrap();
        let golden = Dataset::read(&path.with_extension("npz")).unwrap();
        for (x, y) in golden.x.iter().zip(golden.y.as_ref().unwrap()) {
            let trace = model.run(x).unwrap();
            assert_eq!(trace.outputs().len(), y.len(), "{}", path.display());
            for (ours, golden) in trace.outputs().iter().zip(y) {
                assert!(
                    (ours - golden).abs() <= 1e-5 + 1e-5 * golden.abs(),
                    "{}: {ours} against {golden}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_supported_operator_has_a_model() {
    let files: Vec<Vec<u8>> = models()
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    for operator in haloracle_onnx::supported_operators() {
        let name = operator.as_bytes();
        let found = files
            .iter()
            .any(|bytes| bytes.windows(name.len()).any(|w| w == name));
        assert!(found, "no model uses {operator}");
    }
}
