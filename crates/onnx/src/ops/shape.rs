//! Flatten, Reshape and Identity: the values stay, only the shape changes.

use super::{Call, Value};
use crate::tensor::Tensor;

pub(super) fn identity(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&[])?;
    call.at_most(1)?;
    Ok(call.input(0)?.clone())
}

pub(super) fn flatten(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&["axis"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let dims = dims(value);
    let rank = dims.len() as i64;
    let axis = call.int("axis", 1);
    if axis < -rank || axis > rank {
        return Err(format!("axis {axis} is outside shape {dims:?}"));
    }
    let axis = if axis < 0 { axis + rank } else { axis } as usize;
    let product = |dims: &[usize]| dims.iter().product();
    Ok(reshaped(
        value,
        vec![product(&dims[..axis]), product(&dims[axis..])],
    ))
}

pub(super) fn reshape(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&["allowzero"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let from = dims(value);
    let wanted = call.constant(1, "shape")?.integers()?;
    let bad = || format!("cannot reshape {from:?} to {wanted:?}");
    let copies_zero = call.int("allowzero", 0) == 0;
    let mut free = None;
    let mut to: Vec<usize> = Vec::with_capacity(wanted.len());
    for (axis, dim) in wanted.iter().enumerate() {
        to.push(match dim {
            0 if copies_zero => *from.get(axis).ok_or_else(bad)?,
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            1.. => usize::try_from(*dim).map_err(|_| bad())?,
            _ => return Err(bad()),
        });
    }
    let product = |dims: &[usize]| dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let count: usize = from.iter().product();
    let known = product(&to).ok_or_else(bad)?;
    if let Some(axis) = free {
        if known == 0 || !count.is_multiple_of(known) {
            return Err(bad());
        }
        to[axis] = count / known;
    }
    if product(&to) != Some(count) {
        return Err(bad());
    }
    Ok(reshaped(value, to))
}

fn dims(value: &Value) -> &[usize] {
    match value {
        Value::Constant(tensor) => &tensor.dims,
        Value::Activations { dims, .. } => dims,
    }
}

fn reshaped(value: &Value, dims: Vec<usize>) -> Value {
    match value {
        Value::Constant(tensor) => Value::Constant(Tensor {
            dims,
            data: tensor.data.clone(),
        }),
        Value::Activations { version, .. } => Value::Activations {
            dims,
            version: *version,
        },
    }
}
