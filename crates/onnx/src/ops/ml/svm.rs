//! SVMClassifier and SVMRegressor.

use haloracle_model::graph::{Function, Step, Task};

use super::features::one_row;
use super::labels::class_labels;
use super::post::{Post, transform};
use crate::builder::{Builder, Combo, Decision, Pending};
use crate::call::{Call, Outcome};
use crate::value::{Elem, Kind, Value};

/// A kernel with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    Linear,
    /// `(γ x·v + c)^d`.
    Poly {
        gamma: f64,
        coef0: f64,
        degree: i32,
    },
    /// `e^(−γ |x − v|²)`.
    Rbf {
        gamma: f64,
    },
    /// `tanh(γ x·v + c)`.
    Sigmoid {
        gamma: f64,
        coef0: f64,
    },
}

impl Kernel {
    fn of(call: &Call<'_>) -> Result<Self, String> {
        let name = call.text("kernel_type", "LINEAR")?;
        if name == "LINEAR" {
            return Ok(Self::Linear);
        }
        let &[gamma, coef0, degree] = call.floats("kernel_params")? else {
            return Err(format!("the kernel {name} needs three `kernel_params`"));
        };
        let (gamma, coef0) = (f64::from(gamma), f64::from(coef0));
        match name.as_str() {
            "RBF" => Ok(Self::Rbf { gamma }),
            "SIGMOID" => Ok(Self::Sigmoid { gamma, coef0 }),
            "POLY" if degree.fract() == 0.0 && (1.0..=16.0).contains(&degree) => Ok(Self::Poly {
                gamma,
                coef0,
                degree: degree as i32,
            }),
            "POLY" => Err(format!(
                "has a kernel of degree {degree}; supported are the whole numbers 1 to 16"
            )),
            other => Err(format!(
                "attribute `kernel_type` is `{other}`; supported are LINEAR, POLY, RBF and SIGMOID"
            )),
        }
    }

    /// The kernel of the input with every support vector.
    fn apply(
        self,
        builder: &mut Builder,
        row: &[Elem],
        vectors: &[f32],
    ) -> Result<Vec<Elem>, String> {
        let vectors: Vec<Vec<f64>> = vectors
            .chunks(row.len())
            .map(|v| v.iter().map(|v| f64::from(*v)).collect())
            .collect();
        let count = vectors.len();
        let affine = |builder: &mut Builder, gamma: f64, coef0: f64| {
            let scaled = vectors
                .iter()
                .map(|v| v.iter().map(|v| gamma * v).collect());
            builder.dense(row, scaled.collect(), vec![coef0; count])
        };
        match self {
            Self::Linear => affine(builder, 1.0, 0.0),
            Self::Poly {
                gamma,
                coef0,
                degree,
            } => {
                let inner = affine(builder, gamma, coef0)?;
                builder.map(Function::Power(degree), &inner)
            }
            Self::Sigmoid { gamma, coef0 } => {
                let inner = affine(builder, gamma, coef0)?;
                builder.map(Function::Tanh, &inner)
            }
            Self::Rbf { gamma } => {
                // |x − v|² = |x|² − 2 x·v + |v|², with |x|² computed once.
                let square = Combo {
                    products: row.iter().map(|x| (*x, *x, 1.0)).collect(),
                    ..Combo::default()
                };
                let mut inputs = row.to_vec();
                inputs.extend(builder.combine(vec![square])?);
                let bias = vectors
                    .iter()
                    .map(|v| -gamma * v.iter().map(|v| v * v).sum::<f64>())
                    .collect();
                let weights = vectors
                    .iter()
                    .map(|v| v.iter().map(|v| 2.0 * gamma * v).chain([-gamma]).collect())
                    .collect();
                let exponents = builder.dense(&inputs, weights, bias)?;
                builder.map(Function::Exp, &exponents)
            }
        }
    }
}

/// The support vectors, `count` of them.
fn vectors<'a>(call: &Call<'a>, count: usize, features: usize) -> Result<&'a [f32], String> {
    let vectors = call.floats("support_vectors")?;
    if Some(vectors.len()) == count.checked_mul(features) {
        Ok(vectors)
    } else {
        Err(format!(
            "{} numbers do not fit {count} support vectors of {features} features",
            vectors.len()
        ))
    }
}

pub(in crate::ops) fn regressor(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "coefficients",
        "kernel_params",
        "kernel_type",
        "n_supports",
        "one_class",
        "post_transform",
        "rho",
        "support_vectors",
    ])?;
    call.at_most(1)?;
    let row = one_row(call.input(0)?)?;
    let coefficients = call.floats("coefficients")?;
    let rho = call.floats("rho")?.first().copied().ok_or("needs `rho`")?;
    let supports =
        usize::try_from(call.int("n_supports", 0)?).map_err(|_| "`n_supports` is negative")?;
    if Post::of(call)? != Post::None {
        call.notes
            .push("the post-transform of an SVM regressor is left out, as onnxruntime does".into());
    }
    let inputs = if supports > 0 {
        let vectors = vectors(call, supports, row.len())?;
        Kernel::of(call)?.apply(call.builder, &row, vectors)?
    } else {
        row
    };
    if coefficients.len() != inputs.len() {
        return Err(format!(
            "{} coefficients do not fit {} inputs",
            coefficients.len(),
            inputs.len()
        ));
    }
    let weights = vec![coefficients.iter().map(|c| f64::from(*c)).collect()];
    let mut out = call.builder.dense(&inputs, weights, vec![rho.into()])?;
    if call.flag("one_class", false)? {
        // 1 inside, −1 outside.
        let positive = call.builder.map(Function::Positive, &out)?;
        out = call
            .builder
            .step_all(&positive, &[Pending::Affine(2.0, -1.0)])?;
    }
    Ok(vec![Value::float(vec![1, 1], out)])
}

pub(in crate::ops) fn classifier(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "classlabels_ints",
        "classlabels_strings",
        "coefficients",
        "kernel_params",
        "kernel_type",
        "post_transform",
        "prob_a",
        "prob_b",
        "rho",
        "support_vectors",
        "vectors_per_class",
    ])?;
    call.at_most(1)?;
    let row = one_row(call.input(0)?)?;
    if let Kind::Text(_) | Kind::Bool = call.input(0)?.kind() {
        return Err("takes numbers".into());
    }
    let labels = class_labels(call, "classlabels_ints", "classlabels_strings")?;
    let classes = labels.len();
    if classes < 2 {
        return Err("has fewer than two classes".into());
    }
    let coefficients = call.floats("coefficients")?;
    let rho = call.floats("rho")?;
    let post = Post::of(call)?;
    let per_class = call.ints("vectors_per_class")?.unwrap_or_default();
    if per_class.is_empty() {
        if Some(coefficients.len()) != classes.checked_mul(row.len()) || rho.is_empty() {
            return Err("its coefficients or `rho` do not fit".into());
        }
        if classes == 2 {
            return Err(
                "is linear with two classes and no support vectors, whose label \
                        onnxruntime decides by another rule than the scores: export a \
                        LinearClassifier"
                    .into(),
            );
        }
        let weights = coefficients
            .chunks(row.len())
            .map(|unit| unit.iter().map(|c| f64::from(*c)).collect())
            .collect();
        let raw = call
            .builder
            .dense(&row, weights, vec![rho[0].into(); classes])?;
        let first = call.builder.arg_max(std::slice::from_ref(&raw))?;
        let label = labels.value(call.builder, &first)?;
        let scores = transform(call.builder, &raw, post)?;
        return Ok(vec![label, Value::float(vec![1, classes], scores)]);
    }
    let counts = per_class
        .iter()
        .map(|n| usize::try_from(*n).map_err(|_| "`vectors_per_class` is negative"))
        .collect::<Result<Vec<_>, _>>()?;
    let total = counts
        .iter()
        .try_fold(0usize, |sum, n| sum.checked_add(*n))
        .ok_or("has too many vectors")?;
    let pairs = classes * (classes - 1) / 2;
    if counts.len() != classes
        || Some(coefficients.len()) != total.checked_mul(classes - 1)
        || rho.len() != pairs
        || total == 0
    {
        return Err("its coefficients, `rho` or `vectors_per_class` do not fit".into());
    }
    let vectors = vectors(call, total, row.len())?;
    let kernels = Kernel::of(call)?.apply(call.builder, &row, vectors)?;
    let starts: Vec<usize> = counts
        .iter()
        .scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n)))
        .collect();
    // One decision per pair of classes: positive means the first.
    let mut weights = Vec::with_capacity(pairs);
    for i in 0..classes {
        for j in i + 1..classes {
            let mut unit = vec![0.0; total];
            for m in starts[i]..starts[i] + counts[i] {
                unit[m] = f64::from(coefficients[(j - 1) * total + m]);
            }
            for m in starts[j]..starts[j] + counts[j] {
                unit[m] = f64::from(coefficients[i * total + m]);
            }
            weights.push(unit);
        }
    }
    let bias = rho.iter().map(|r| f64::from(*r)).collect();
    let decisions = call.builder.dense(&kernels, weights, bias)?;
    let (a, b) = (call.floats("prob_a")?, call.floats("prob_b")?);
    let votes = votes(call.builder, &decisions, classes)?;
    let first = call.builder.arg_max(std::slice::from_ref(&votes))?;
    let label = labels.value(call.builder, &first)?;
    let (scores, width) = match (classes, a.is_empty() && b.is_empty()) {
        (2, true) if post == Post::None => {
            // onnxruntime gives the decision for the first class in the second place.
            let negated = call.builder.step(decisions[0], Pending::NEGATE)?;
            let scores = vec![negated, decisions[0]];
            call.builder.note_decision(Decision {
                scores: scores.clone(),
                by: vec![negated],
                task: Task::Threshold(0),
                label_only: false,
            });
            (scores, 2)
        }
        (2, true) => {
            return Err(
                "has a post-transform with two classes and no probabilities, whose scores \
                        onnxruntime gives in an order that no class can be read off; supported is \
                        NONE"
                    .into(),
            );
        }
        (_, true) => {
            // One score per pair of classes.
            let scores = transform(call.builder, &decisions, post)?;
            call.builder.note_decision(Decision {
                scores: scores.clone(),
                by: votes,
                task: Task::Scores,
                label_only: false,
            });
            (scores, pairs)
        }
        (2, false) => {
            let (&[a], &[b]) = (a, b) else {
                return Err("`prob_a` and `prob_b` do not fit".into());
            };
            // P(first class) = 1 / (1 + e^(a · decision + b)).
            let scaled = call.builder.step_all(
                &decisions,
                &[
                    Pending::Float(Step::Mul(a)),
                    Pending::Float(Step::Add(b)),
                    Pending::NEGATE,
                ],
            )?;
            let first = call.builder.map(Function::Sigmoid, &scaled)?[0];
            let other = call.builder.step(first, Pending::Affine(-1.0, 1.0))?;
            (transform(call.builder, &[first, other], post)?, 2)
        }
        _ => {
            return Err(
                "gives probabilities of more than two classes, which are found by \
                        iteration; supported is an export without probabilities"
                    .into(),
            );
        }
    };
    Ok(vec![label, Value::float(vec![1, width], scores)])
}

/// How many pairs each class wins.
fn votes(builder: &mut Builder, decisions: &[Elem], classes: usize) -> Result<Vec<Elem>, String> {
    let wins = builder.map(Function::Positive, decisions)?;
    let mut combos = vec![Combo::default(); classes];
    let mut pair = wins.iter();
    for i in 0..classes {
        for j in i + 1..classes {
            let win = *pair.next().ok_or("a decision was lost while reading")?;
            combos[i].terms.push((win, 1.0));
            combos[j].terms.push((win, -1.0));
            combos[j].bias += 1.0;
        }
    }
    builder.combine(combos)
}
