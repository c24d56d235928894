//! Post-transforms of classifiers and regressors.

use haloracle_model::graph::{Function, Step};

use crate::builder::{Builder, Combo, Pending};
use crate::call::Call;
use crate::ops::softmax::softmax;
use crate::value::Elem;

/// What is done to the scores at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Post {
    /// The attribute `post_transform`.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, String> {
        match call.text("post_transform", "NONE")?.as_str() {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "PROBIT" => Ok(Self::Probit),
            other => Err(format!(
                "attribute `post_transform` is `{other}`; supported are NONE, LOGISTIC, SOFTMAX, \
                 SOFTMAX_ZERO and PROBIT"
            )),
        }
    }

    /// The attribute's name for this transform.
    fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Logistic => "LOGISTIC",
            Self::Softmax => "SOFTMAX",
            Self::SoftmaxZero => "SOFTMAX_ZERO",
            Self::Probit => "PROBIT",
        }
    }
}

/// Transforms two or more scores.
pub(super) fn transform(
    builder: &mut Builder,
    scores: &[Elem],
    post: Post,
) -> Result<Vec<Elem>, String> {
    match post {
        Post::None => Ok(scores.to_vec()),
        Post::Logistic => builder.map(Function::Sigmoid, scores),
        Post::Softmax => Ok(softmax(builder, &[scores.to_vec()])?.concat()),
        Post::SoftmaxZero => softmax_zero(builder, scores),
        Post::Probit => probit(builder, scores),
    }
}

/// Transforms the scores of a regressor. Of a single score, onnxruntime does PROBIT alone.
pub(super) fn regression(
    call: &mut Call<'_>,
    scores: &[Elem],
    post: Post,
) -> Result<Vec<Elem>, String> {
    if scores.len() == 1 && !matches!(post, Post::None | Post::Probit) {
        call.notes.push(format!(
            "the post-transform {} of a single target is left out, as onnxruntime does",
            post.name()
        ));
        return Ok(scores.to_vec());
    }
    transform(call.builder, scores, post)
}

/// Softmax over the scores that are not 0; those stay 0.
fn softmax_zero(builder: &mut Builder, scores: &[Elem]) -> Result<Vec<Elem>, String> {
    let top = builder.max(&[scores.to_vec()])?[0];
    let away = scores.iter().map(|s| Combo::sum(&[(*s, 1.0), (top, -1.0)]));
    let away = builder.combine(away.collect())?;
    let exponentials = builder.map(Function::Exp, &away)?;
    let zero = builder.map(Function::Zero, scores)?;
    let present = builder.step_all(&zero, &[Pending::Affine(-1.0, 1.0)])?;
    let pairs = exponentials.iter().zip(&present);
    let kept = builder.combine(pairs.map(|(e, p)| Combo::product(*e, *p)).collect())?;
    let terms: Vec<(Elem, f64)> = kept.iter().map(|e| (*e, 1.0)).collect();
    let total = builder.combine(vec![Combo::sum(&terms)])?;
    let inverse = builder.map(Function::Reciprocal, &total)?[0];
    builder.combine(kept.iter().map(|e| Combo::product(*e, inverse)).collect())
}

/// The inverse of the normal distribution function, by the approximation that onnxruntime uses
/// (Winitzki): with `t = ln(1 − (2p − 1)²)` and `v = 2 / (3.14159 · 0.147) + t / 2`,
/// `√2 · sign(2p − 1) · √(√(v² − t / 0.147) − v)`.
pub(super) fn probit(builder: &mut Builder, scores: &[Elem]) -> Result<Vec<Elem>, String> {
    const A: f64 = 0.147;
    #[expect(clippy::approx_constant, reason = "the approximation has these digits")]
    const PI: f64 = 3.14159;
    let y = builder.step_all(scores, &[Pending::Affine(2.0, -1.0)])?;
    let sign = builder.map(Function::Sign, &y)?;
    let square = builder.map(Function::Power(2), &y)?;
    let rest = builder.step_all(&square, &[Pending::Affine(-1.0, 1.0)])?;
    let t = builder.map(Function::Log, &rest)?;
    let v = builder.step_all(&t, &[Pending::Affine(0.5, 2.0 / (PI * A))])?;
    let squares = builder.map(Function::Power(2), &v)?;
    let pairs = squares.iter().zip(&t);
    let inner = pairs.map(|(v2, t)| Combo::sum(&[(*v2, 1.0), (*t, -1.0 / A)]));
    let inner = builder.combine(inner.collect())?;
    let root = builder.map(Function::Sqrt, &inner)?;
    let pairs = root.iter().zip(&v);
    let outer = pairs.map(|(r, v)| Combo::sum(&[(*r, 1.0), (*v, -1.0)]));
    let outer = builder.combine(outer.collect())?;
    // Rounding may leave a tiny negative number where the score is one half.
    let outer = builder.map(Function::Relu, &outer)?;
    let size = builder.map(Function::Sqrt, &outer)?;
    let pairs = size.iter().zip(&sign);
    let signed = builder.combine(pairs.map(|(s, sign)| Combo::product(*s, *sign)).collect())?;
    builder.step_all(
        &signed,
        &[Pending::Float(Step::Mul(std::f32::consts::SQRT_2))],
    )
}
