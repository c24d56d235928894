//! Golden files: a model beside its rows and onnxruntime's answers to them.

#![allow(dead_code, reason = "not every test file uses every helper")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use haloracle_model::Dataset;
use haloracle_model::graph::{FloatGraph, Task};

/// A file of the project's models.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../models")
        .join(name)
}

/// All models of a folder, in order of their names.
pub(crate) fn models(folder: &str) -> Vec<PathBuf> {
    let mut models: Vec<PathBuf> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    models.sort();
    models
}

/// onnxruntime's classes, where the file has them.
pub(crate) fn labels(npz: &Path) -> Option<Vec<i64>> {
    let bytes = std::fs::read(npz).unwrap();
    let mut archive = npyz::npz::NpzArchive::new(Cursor::new(bytes)).unwrap();
    let labels = archive.by_name("label").unwrap()?;
    Some(labels.into_vec::<i64>().unwrap())
}

/// The class that a graph's outputs mean.
pub(crate) fn class(graph: &FloatGraph, outputs: &[f64]) -> i64 {
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

/// Runs a model on its golden rows: every number within `tolerance` of the largest output, every
/// class onnxruntime's.
pub(crate) fn check(path: &Path, tolerance: f64) {
    let name = path.display();
    let imported = haloracle_onnx::load_graph(path).unwrap();
    let graph = imported.graph;
    let npz = path.with_extension("npz");
    let golden = Dataset::read(&npz).unwrap();
    let y = golden.y.as_ref().unwrap();
    let largest = y.iter().flatten().fold(1.0f64, |m, v| m.max(v.abs()));
    let labels = labels(&npz);
    // Of scores that do not decide by their size, only what decides is left.
    let decisive = imported
        .notes
        .iter()
        .any(|note| note.contains("would be another"));
    for (row, (x, y)) in golden.x.iter().zip(y).enumerate() {
        let outputs = graph.run(x).unwrap().outputs;
        if !decisive {
            assert_eq!(outputs.len(), y.len(), "{name}");
            for (ours, golden) in outputs.iter().zip(y) {
                assert!(
                    (ours - golden).abs() <= tolerance * largest,
                    "{name}, row {row}: {ours} against {golden}"
                );
            }
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
