//! Tree classifiers of two classes.

use haloracle_model::graph::{Aggregate, Function, Task};

use super::labels::Labels;
use super::post::{Post, transform};
use super::trees::{Ensemble, Weights};
use crate::builder::{Decision, Pending};
use crate::call::{Call, Outcome};
use crate::value::{Elem, Value};

/// Two classes, as onnxruntime tells the cases apart.
pub(super) fn binary(
    call: &mut Call<'_>,
    ensemble: &Ensemble,
    weights: &Weights,
    row: &[Elem],
    base: &[f32],
    post: Post,
    labels: &Labels,
) -> Outcome {
    let base = match (&weights.targets[..], base) {
        (_, []) => 0.0,
        ([0] | [0, 1], [base]) => *base,
        ([1], [base]) if *base == 0.0 => 0.0,
        _ => {
            return Err(format!(
                "has {} base values for two classes with weights for {:?}, which onnxruntime \
                 leaves out in part; supported is one base value, of the first class",
                base.len(),
                weights.targets
            ));
        }
    };
    // All weights speak for the same class: onnxruntime decides at one half where none is
    // negative. Otherwise the second class is chosen where its score is above 0.
    let one_target = weights.targets.len() == 1;
    let thousandths = if one_target && weights.all_positive {
        500
    } else {
        0
    };
    let (by, scores) = match weights.targets[..] {
        [0] => {
            // One score, for the second class whatever its number, becomes two.
            let sum = ensemble.run(call, row, vec![base], Aggregate::Sum)?[0];
            (sum, two_scores(call, sum, weights.all_positive, post)?)
        }
        _ => {
            let pair = ensemble.run(call, row, vec![base, 0.0], Aggregate::Sum)?;
            (pair[1], transform(call.builder, &pair, post)?)
        }
    };
    let threshold = f64::from(thousandths) / 1000.0;
    let above = call.builder.step(by, Pending::Affine(1.0, -threshold))?;
    let positive = call.builder.map(Function::Positive, &[above])?;
    let label = labels.value(call.builder, &positive)?;
    let by_larger = match weights.targets[..] {
        [0] => thousandths == 0 || post != Post::Logistic,
        [1] => thousandths == 0,
        _ => false,
    };
    if !by_larger {
        call.builder.note_decision(Decision {
            scores: scores.clone(),
            by: vec![by],
            task: Task::Threshold(thousandths),
            label_only: !one_target,
        });
    }
    Ok(vec![label, Value::float(vec![1, 2], scores)])
}

/// The scores of both classes from the one of the second.
fn two_scores(
    call: &mut Call<'_>,
    score: Elem,
    all_positive: bool,
    post: Post,
) -> Result<Vec<Elem>, String> {
    let builder = &mut *call.builder;
    match (post, all_positive) {
        (Post::Probit, _) => Err("applies PROBIT to the only score of two classes, which \
                                  onnxruntime leaves half undefined"
            .into()),
        (Post::Logistic, _) => {
            let probability = builder.map(Function::Sigmoid, &[score])?[0];
            let other = builder.step(probability, Pending::Affine(-1.0, 1.0))?;
            Ok(vec![other, probability])
        }
        // No other transform is applied to a single score.
        (_, true) => Ok(vec![
            builder.step(score, Pending::Affine(-1.0, 1.0))?,
            score,
        ]),
        (_, false) => Ok(vec![builder.step(score, Pending::NEGATE)?, score]),
    }
}
