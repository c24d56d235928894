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
        let graph = haloracle_onnx::load_graph(&path).unwrap().graph;
        let golden = Dataset::read(&path.with_extension("npz")).unwrap();
        for (x, y) in golden.x.iter().zip(golden.y.as_ref().unwrap()) {
            let outputs = graph.run(x).unwrap().outputs;
            assert_eq!(outputs.len(), y.len(), "{}", path.display());
            for (ours, golden) in outputs.iter().zip(y) {
                assert!(
                    (ours - golden).abs() <= 1e-5 + 1e-5 * golden.abs(),
                    "{}: {ours} against {golden}",
                    path.display()
                );
            }
        }
    }
}
