//! Integer models at default settings against onnxruntime: classes and scores on golden rows that
//! they were not calibrated on, and totality over their boxes.
//!
//! Prints a line per model: `cargo test -p haloracle-onnx --test agreement -- --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::Path;

use haloracle_model::{Dataset, IntegerModel, Op, Options, quantize};
use serde_json::Value;

/// Part of the rows that may have another class than onnxruntime's, one row at least; none where
/// trees decide.
const OTHER_CLASS: f64 = 0.01;
/// Largest mean error, as part of the range of `y`.
const MEAN_ERROR: f64 = 0.005;
/// Random and corner inputs per model; a large one takes fewer.
const INPUTS: usize = 24;
/// Models with more values than this are large.
const LARGE: usize = 20_000;

/// Models that miss a bound: (name, rows of another class, mean error as measured). They reach
/// their targets on the calibration rows, at 8 bits.
const EXCEPTIONS: [(&str, usize, f64); 3] = [
    ("torch/gru_state", 2, 0.00304),
    ("torch/shufflenet", 2, 0.00207),
    ("torch/shufflenet_dynamo", 2, 0.00207),
];
/// How far a measured error may move.
const SLACK: f64 = 1.1;

/// How an integer model answers the golden rows.
struct Outcome {
    name: String,
    line: String,
    rows: usize,
    /// Rows of another class.
    others: usize,
    mean_error: f64,
    trees: bool,
}

impl Outcome {
    fn misses(&self) -> bool {
        let most = match self.trees {
            true => 0,
            false => (self.rows as f64 * OTHER_CLASS).ceil() as usize,
        };
        let known = EXCEPTIONS.iter().find(|(name, _, _)| *name == self.name);
        let (others, error) = known.map_or((most, MEAN_ERROR), |(_, others, error)| {
            (most.max(*others), MEAN_ERROR.max(error * SLACK))
        });
        self.others > others || self.mean_error > error
    }
}

/// Class of a row of scores by the manifest's rule.
fn class(decision: &Value, scores: &[f64]) -> Option<i64> {
    if let Some(edge) = decision.as_f64() {
        return Some(i64::from(scores[0] > edge));
    }
    match decision.as_str().unwrap() {
        "argmax" => {
            let better = |best, next| match scores[next] > scores[best] {
                true => next,
                false => best,
            };
            (0..scores.len()).reduce(better).map(|class| class as i64)
        }
        "value" => None,
        other => panic!("decision {other}"),
    }
}

fn outcome(name: &str, entry: &Value) -> Result<Outcome, String> {
    let onnx = common::path("..").join(entry["path"].as_str().unwrap());
    let beside = |ending: &str| onnx.with_file_name(format!("{}{ending}", stem(&onnx)));
    let golden = Dataset::read(&beside(".npz")).unwrap();
    let calibration = Dataset::read(&beside("_calibration.npz")).unwrap();
    let graph = haloracle_onnx::load_graph(&onnx).unwrap().graph;
    let (model, report) = quantize(&graph, &calibration, &Options::default())
        .map_err(|error| format!("{name}: {error}"))?;
    let inputs = inputs_of_the_box(name, &model);

    let y = golden.y.as_ref().unwrap();
    let decision = &entry["decision"];
    let (mut rows, mut agreeing, mut errors, mut count) = (0usize, 0usize, 0.0, 0usize);
    let mut classes = false;
    for (index, (x, y)) in golden.x.iter().zip(y).enumerate() {
        // A row outside the box has no answer.
        let Ok(answer) = model.run_real(x) else {
            continue;
        };
        rows += 1;
        let is_class = model.output.last().is_some_and(|f| f.name == "class");
        let scores = &answer[..answer.len() - usize::from(is_class)];
        let ours = match is_class {
            true => answer.last().map(|class| class.round() as i64),
            false => class(decision, scores),
        };
        let label = golden.labels.as_ref().map(|labels| labels[index]);
        let expected = label.or_else(|| class(decision, y));
        if let (Some(ours), Some(expected)) = (ours, expected) {
            classes = true;
            agreeing += usize::from(ours == expected);
        }
        errors += scores
            .iter()
            .zip(y)
            .map(|(a, b)| (a - b).abs())
            .sum::<f64>();
        count += scores.len();
    }
    assert!(
        rows * 10 >= golden.x.len() * 9,
        "{name}: {rows} rows in the box"
    );
    let all = || y.iter().flatten().copied();
    let range = all().fold(f64::MIN, f64::max) - all().fold(f64::MAX, f64::min);
    let agreement = classes.then(|| agreeing as f64 / rows as f64);
    let mean_error = errors / count.max(1) as f64 / range;
    let written = agreement.map_or("      –".into(), |part| format!("{:6.1} %", part * 100.0));
    Ok(Outcome {
        line: format!(
            "{name:44} {written} of {rows:3} rows, mean error {:.3} %, {} bits, {} per input, \
             {inputs} inputs of the box",
            mean_error * 100.0,
            report.digit_bits,
            report.input_digits
        ),
        name: name.into(),
        rows,
        others: if classes { rows - agreeing } else { 0 },
        mean_error,
        trees: model
            .nodes
            .iter()
            .any(|node| matches!(node.op, Op::Trees(_))),
    })
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Runs corners and random inputs: every one has an answer, and no value leaves its range.
fn inputs_of_the_box(name: &str, model: &IntegerModel) -> usize {
    model.check_complete().unwrap();
    let values = *model.first_wires().last().unwrap();
    let inputs = match values > LARGE {
        true => 4,
        false => INPUTS,
    };
    let max = model.max_digit();
    let limit = model.accumulator_limit();
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..inputs {
        let raw: Vec<i64> = (model.input.features.iter())
            .map(|feature| {
                let (lo, hi) = (i64::from(feature.lo), i64::from(feature.hi));
                let random = next();
                match (round, random & 1) {
                    (0, _) => lo,
                    (1, _) => hi,
                    // Corners and insides in turn.
                    (_, 0) if round % 2 == 0 => lo,
                    (_, _) if round % 2 == 0 => hi,
                    _ => lo + (random >> 1) as i64 % (hi - lo + 1),
                }
            })
            .collect();
        let trace = model.run(&raw).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(trace.wires.iter().all(|digit| *digit <= max), "{name}");
        for (node, own) in model.nodes.iter().zip(&trace.accumulators) {
            let fits = own.iter().all(|u| u.abs() <= limit);
            assert!(fits || !node.requantizes(), "{name}: {}", node.name);
        }
        for (field, raw) in model.output.iter().zip(trace.outputs()) {
            assert!(raw >> (field.digits * model.digit_bits) == 0, "{name}");
        }
    }
    inputs
}

/// Every model of the manifest whose name begins with `folder`.
fn agrees(folder: &str, least: usize) {
    let manifest = std::fs::read(common::path("../bench/models/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut missed = Vec::new();
    let mut count = 0;
    for (name, entry) in manifest.as_object().unwrap() {
        if !name.starts_with(folder) {
            continue;
        }
        let path = common::path("..").join(entry["path"].as_str().unwrap());
        if !path.exists() {
            assert_eq!(entry["committed"], false, "{name} is missing");
            println!("{name:44} skipped: {} is not there", path.display());
            continue;
        }
        count += 1;
        match outcome(name, entry) {
            Ok(outcome) => {
                println!("{}", outcome.line);
                if outcome.misses() {
                    missed.push(outcome.line);
                }
            }
            Err(error) => {
                println!("{error}");
                missed.push(error);
            }
        }
    }
    assert!(count >= least, "only {count} models");
    assert!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
}

#[test]
fn scikit_learn() {
    agrees("sklearn/", 55);
}

#[test]
fn boosting() {
    agrees("boosting/", 16);
}

#[test]
fn torch() {
    agrees("torch/", 44);
}

#[test]
fn breast_cancer() {
    agrees("breast_cancer/", 5);
}

#[test]
fn digits() {
    agrees("digits/", 3);
}

/// Sums of products have the most bits at the widest digits: such models are made, or refused.
#[test]
fn products_at_the_widest_digits() {
    for name in ["gru_state", "lstm", "attention", "gated", "multihead"] {
        let onnx = common::path("../models/torch").join(format!("{name}.onnx"));
        let data = onnx.with_file_name(format!("{name}_calibration.npz"));
        let graph = haloracle_onnx::load_graph(&onnx).unwrap().graph;
        let options = Options {
            digit_bits: Some(12),
            ..Options::default()
        };
        match quantize(&graph, &Dataset::read(&data).unwrap(), &options) {
            Ok((model, _)) => assert!(inputs_of_the_box(name, &model) > 0),
            Err(error) => println!("{name}: {error}"),
        }
    }
}

/// Large nets that their scripts write: two minutes, with `HALORACLE_SLOW` set and the files there.
#[test]
fn bench() {
    if std::env::var_os("HALORACLE_SLOW").is_none() {
        println!("bench/ skipped: two minutes; set HALORACLE_SLOW");
        return;
    }
    agrees("bench/", 0);
}
