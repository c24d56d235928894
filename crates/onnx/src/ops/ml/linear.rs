//! LinearClassifier and LinearRegressor.

use haloracle_model::graph::{Function, Task};

use super::features::one_row;
use super::labels::class_labels;
use super::post::{Post, probit, regression, transform};
use crate::builder::{Decision, Pending};
use crate::call::{Call, Outcome};
use crate::value::{Elem, Value};

/// `intercept + Σ coefficient · x` per target.
fn scores(call: &mut Call<'_>, targets: usize, intercepts: &[f32]) -> Result<Vec<Elem>, String> {
    call.at_most(1)?;
    let row = one_row(call.input(0)?)?;
    let coefficients = call.floats("coefficients")?;
    if row.is_empty() || Some(coefficients.len()) != row.len().checked_mul(targets) {
        return Err(format!(
            "{} coefficients do not fit {targets} targets of {} features",
            coefficients.len(),
            row.len()
        ));
    }
    let weights = coefficients
        .chunks(row.len())
        .map(|unit| unit.iter().map(|w| f64::from(*w)).collect())
        .collect();
    let bias = intercepts.iter().map(|b| f64::from(*b)).collect();
    call.builder.dense(&row, weights, bias)
}

pub(in crate::ops) fn regressor(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["coefficients", "intercepts", "post_transform", "targets"])?;
    let targets = usize::try_from(call.int("targets", 1)?)
        .ok()
        .filter(|n| (1..=1 << 16).contains(n))
        .ok_or("attribute `targets` must be between 1 and 65536")?;
    let intercepts = match call.floats("intercepts")? {
        [] => vec![0.0; targets],
        values if values.len() == targets => values.to_vec(),
        values => {
            return Err(format!(
                "{} intercepts do not fit {targets} targets",
                values.len()
            ));
        }
    };
    let post = Post::of(call)?;
    let scores = scores(call, targets, &intercepts)?;
    let scores = regression(call, &scores, post)?;
    Ok(vec![Value::float(vec![1, targets], scores)])
}

pub(in crate::ops) fn classifier(call: &mut Call<'_>) -> Outcome {
    // `multi_class` says how the classes were trained; onnxruntime does not use it.
    call.attributes(&[
        "classlabels_ints",
        "classlabels_strings",
        "coefficients",
        "intercepts",
        "multi_class",
        "post_transform",
    ])?;
    let labels = class_labels(call, "classlabels_ints", "classlabels_strings")?;
    let intercepts = call.floats("intercepts")?;
    let targets = intercepts.len();
    if targets == 0 {
        return Err("needs `intercepts`, one per class".into());
    }
    let post = Post::of(call)?;
    let raw = scores(call, targets, intercepts)?;
    if let [score] = raw[..] {
        if labels.len() != 2 {
            return Err(format!("one score does not fit {} classes", labels.len()));
        }
        let positive = call.builder.map(Function::Positive, &[score])?;
        let label = labels.value(call.builder, &positive)?;
        let scores = match post {
            Post::Probit => {
                return Err(
                    "applies PROBIT to the only score of two classes, which onnxruntime \
                            leaves half undefined"
                        .into(),
                );
            }
            Post::Logistic => {
                let probability = call.builder.map(Function::Sigmoid, &[score])?[0];
                let other = call.builder.step(probability, Pending::Affine(-1.0, 1.0))?;
                [other, probability]
            }
            // onnxruntime applies no other transform to a single score, and decides at 0.
            _ => {
                let other = call.builder.step(score, Pending::Affine(-1.0, 1.0))?;
                call.builder.note_decision(Decision {
                    scores: vec![other, score],
                    by: vec![score],
                    task: Task::Threshold(0),
                    label_only: false,
                });
                [other, score]
            }
        };
        return Ok(vec![label, Value::float(vec![1, 2], scores.to_vec())]);
    }
    if labels.len() != targets {
        return Err(format!(
            "{} labels do not fit {targets} scores",
            labels.len()
        ));
    }
    let first = call.builder.arg_max(std::slice::from_ref(&raw))?;
    let label = labels.value(call.builder, &first)?;
    let scores = if post == Post::Probit {
        probit(call.builder, &raw)?
    } else {
        transform(call.builder, &raw, post)?
    };
    Ok(vec![label, Value::float(vec![1, targets], scores)])
}
