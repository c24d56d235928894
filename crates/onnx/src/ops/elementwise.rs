//! Add, Sub, Mul and Div: of constants, or of activations and a constant.

use super::{Call, Value};
use crate::tensor::{Tensor, broadcast, expand};

/// `x ← scale · x + shift` for one element of the constant operand.
type Map = fn(f64) -> (f64, f64);

pub(super) fn add(call: &mut Call<'_>) -> Result<Value, String> {
    let map: Map = |c| (1.0, c);
    apply(call, |a, b| a + b, map, Some(map))
}

pub(super) fn sub(call: &mut Call<'_>) -> Result<Value, String> {
    apply(call, |a, b| a - b, |c| (1.0, -c), Some(|c| (-1.0, c)))
}

pub(super) fn mul(call: &mut Call<'_>) -> Result<Value, String> {
    let map: Map = |c| (c, 0.0);
    apply(call, |a, b| a * b, map, Some(map))
}

pub(super) fn div(call: &mut Call<'_>) -> Result<Value, String> {
    if let Ok(Value::Constant(divisor)) = call.input(1)
        && divisor.floats()?.contains(&0.0)
    {
        return Err("divides by 0; a feature with zero deviation cannot be scaled".into());
    }
    apply(call, |a, b| a / b, |c| (1.0 / c, 0.0), None)
}

/// `right` maps `x ∘ c`, `left` maps `c ∘ x`.
fn apply(
    call: &mut Call<'_>,
    fold: fn(f32, f32) -> f32,
    right: Map,
    left: Option<Map>,
) -> Result<Value, String> {
    call.attributes(&[])?;
    call.at_most(2)?;
    let op = &call.node.op_type;
    let (dims, constant, map) = match (call.input(0)?, call.input(1)?) {
        (Value::Constant(a), Value::Constant(b)) => return fold_constants(a, b, fold),
        (Value::Activations { dims, .. }, Value::Constant(c)) => (dims, c, right),
        (Value::Constant(c), Value::Activations { dims, .. }) => match left {
            Some(map) => (dims, c, map),
            None => {
                return Err(
                    "divides a constant by activations; only activations divided by a constant \
                     are supported"
                        .into(),
                );
            }
        },
        (Value::Activations { .. }, Value::Activations { .. }) => {
            return Err(format!(
                "both operands depend on the model's input; {op} needs a constant operand"
            ));
        }
    };
    let values = constant.floats()?;
    let out = broadcast(dims, &constant.dims)?;
    if out.iter().product::<usize>() != dims.iter().product::<usize>() {
        return Err(format!(
            "a constant of shape {:?} would enlarge activations of shape {dims:?}",
            constant.dims
        ));
    }
    let (scale, shift): (Vec<f64>, Vec<f64>) = expand(values, &constant.dims, &out)
        .into_iter()
        .map(|c| map(f64::from(c)))
        .unzip();
    call.step(out, |chain, node| chain.elementwise(node, &scale, &shift))
}

fn fold_constants(a: &Tensor, b: &Tensor, fold: fn(f32, f32) -> f32) -> Result<Value, String> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let left = expand(a.floats()?, &a.dims, &dims);
    let right = expand(b.floats()?, &b.dims, &dims);
    let values = left.into_iter().zip(right).map(|(a, b)| fold(a, b));
    let values = values.collect();
    Ok(Value::Constant(Tensor::float(dims, values)))
}
