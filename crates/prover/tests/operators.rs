//! Every operator that ONNX files hold, all the way down: the quantized model of each golden file
//! against the float model, its lowering with the audit, and a witness that satisfies it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use haloracle_circuit::compile;
use haloracle_model::graph::FloatGraph;
use haloracle_model::{Dataset, IntegerModel, Options, quantize};
use haloracle_prover::{Keys, Srs, verify};
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

/// What cannot be quantized, and a part of the error that says why.
const REFUSED: [(&str, &str); 14] = [
    ("comparison/argmax_", "position of a maximum"),
    ("comparison/argmax_channels", "no class"),
    ("comparison/argmin_", "position of a maximum"),
    ("comparison/argmin_channels", "no class"),
    ("further/hardmax", "position of a maximum"),
    ("ml/labelencoder_answer", "position of a maximum"),
    ("ml/svmclassifier_", "2 values per row"),
    ("quantized/quantize_answer", "no class"),
    ("shape/cast_to_int64", "no class"),
    (
        "trees/classifier_one_weight_second_positive",
        "2 values per row",
    ),
    ("trees/classifier_two_", "2 values per row"),
    ("trees/newer_aggregate_m", "use the sum or the average"),
    ("trees/regressor_aggregate_m", "use the sum or the average"),
    ("", "a batch of"),
];

/// Largest mean error where the width is chosen for the smallest circuit, not for accuracy.
const LARGEST_ERROR: f64 = 0.01;

/// Models of larger error. The first ones decide on equality or a jump at values that the rows
/// hit; the last one adds -10^9 where attention is masked.
const ROUGH: [(&str, f64); 6] = [
    ("comparison/lessorequal_two", 0.08),
    ("comparison/greaterorequal_two", 0.06),
    ("comparison/less_two", 0.03),
    ("shape/cast_bool", 0.04),
    ("nonlinear/layernorm_default_axis", 0.02),
    ("recurrent/attention_causal", 0.04),
];

/// Every how many models one is proved for real.
const PROVED: usize = 29;
/// Rows of the largest of those, as a power of two.
const PROVED_K: u32 = 11;

fn check(path: &Path, proved: Option<&Srs>) -> Result<String, String> {
    let relative = path.strip_prefix(operators()).unwrap();
    let name = relative.with_extension("").display().to_string();
    let golden = Dataset::read(&path.with_extension("npz")).unwrap();
    // What the reader refuses is tested beside it.
    let Ok(imported) = haloracle_onnx::load_graph(path) else {
        return Ok(format!("{name}: not read"));
    };
    let graph = imported.graph;
    let options = Options {
        max_error: 1.0,
        min_agreement: 0.0,
        ..Options::default()
    };
    let model = match quantize(&graph, &golden, &options) {
        Ok((model, _)) => model,
        Err(error) => {
            let error = error.to_string();
            let known =
                |(start, part): &(&str, &str)| name.starts_with(start) && error.contains(part);
            return match REFUSED.iter().any(known) {
                true => Ok(format!("{name}: {error}")),
                false => Err(format!("{name}: {error}")),
            };
        }
    };
    let lowered = compile(&model, None).map_err(|error| format!("{name}: {error}"))?;
    let error = error(&model, &graph, &golden);
    let rough = ROUGH.iter().find(|(rough, _)| *rough == name);
    let most = rough.map_or(LARGEST_ERROR, |(_, error)| *error);
    if error > most {
        return Err(format!(
            "{name}: mean error {error:.4} of the outputs' range"
        ));
    }
    let mut line = format!(
        "{name}: {} k = {}, mean error {error:.5}",
        lowered.shape(),
        lowered.k()
    );
    if let Some(srs) = proved.filter(|_| lowered.k() <= PROVED_K) {
        let keys = Keys::generate(&model, srs).unwrap();
        let raw = model.raw_from_real(&golden.x[0]).unwrap();
        let proof = keys.prove(&raw, &[5; 32]).unwrap();
        verify(keys.srs(), keys.verifying_key(), &proof).unwrap();
        let words = &proof.instances[2 + model.input_words()..];
        let outputs = model.run(&raw).unwrap().outputs().to_vec();
        assert_eq!(model.unpack_output(words).unwrap(), (0, outputs), "{name}");
        line += ", proved";
    }
    Ok(line)
}

#[test]
fn every_operator_is_quantized_lowered_and_a_sample_proved() {
    let mut paths = Vec::new();
    models(&operators(), &mut paths);
    paths.sort();
    let srs = Srs::unsafe_setup(PROVED_K, [1; 32]).unwrap();
    let results: Vec<Result<String, String>> = paths
        .par_iter()
        .enumerate()
        .map(|(at, path)| check(path, (at % PROVED == 0).then_some(&srs)))
        .collect();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(line) => println!("{line}"),
            Err(line) => failures.push(line),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(paths.len() > 700, "{} models", paths.len());
}
