//! Concat and Split.

use crate::call::{Call, Outcome};
use crate::shape::{axis, elements, pick};
use crate::tensor::{INT64, Tensor};
use crate::value::{Kind, Value};

pub(super) fn concat(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    if !call.has("axis") {
        return Err("attribute `axis` is missing".into());
    }
    let values = (0..call.inputs.len())
        .map(|index| call.input(index))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(vec![join(&values, call.int("axis", 0)?)?])
}

/// Tensors one after the other along an axis.
pub(super) fn join(values: &[&Value], along: i64) -> Result<Value, String> {
    let first = values.first().ok_or("has no inputs")?;
    let rank = first.dims().len();
    let at = axis(along, rank)?;
    let mut dims = first.dims().to_vec();
    dims[at] = 0;
    for value in values {
        let other = value.dims();
        if other.len() != rank || (0..rank).any(|axis| axis != at && other[axis] != dims[axis]) {
            return Err(format!(
                "cannot join shapes {:?} and {other:?} along axis {at}",
                first.dims()
            ));
        }
        dims[at] += other[at];
    }
    elements(&dims)?;
    // All elements side by side, then their places in the result.
    let inner: usize = dims[at + 1..].iter().product();
    let outer: usize = dims[..at].iter().product();
    let mut indices = Vec::new();
    for block in 0..outer {
        let mut offset = 0;
        for value in values {
            let size = value.dims()[at] * inner;
            indices.extend(offset + block * size..offset + (block + 1) * size);
            offset += value.len();
        }
    }
    Ok(side_by_side(values)?.select(dims, &indices))
}

/// The elements of all tensors in one list.
pub(super) fn side_by_side(values: &[&Value]) -> Result<Value, String> {
    let kind = values.first().ok_or("has no inputs")?.kind();
    let constants: Option<Vec<&Tensor>> = values
        .iter()
        .map(|value| match value {
            Value::Constant(tensor) => Some(tensor),
            Value::Wires(_) => None,
        })
        .collect();
    if let Some(tensors) = constants {
        let number = tensors[0].kind();
        if tensors.iter().any(|tensor| tensor.kind() != number) {
            return Err("joins constants of different types".into());
        }
        if let crate::tensor::Data::Text(_) = tensors[0].data {
            return Err("joins strings".into());
        }
        if number == INT64 {
            let mut all = Vec::new();
            for tensor in tensors {
                all.extend_from_slice(tensor.integers()?);
            }
            return Ok(Value::Constant(Tensor::int64(vec![all.len()], all)));
        }
        let mut all = Vec::new();
        for tensor in tensors {
            all.extend(tensor.reals()?);
        }
        return Ok(Value::Constant(Tensor::from_reals(
            vec![all.len()],
            &all,
            number,
        )));
    }
    let mut elems = Vec::new();
    for value in values {
        if value.kind() != kind || matches!(kind, Kind::Text(_)) {
            return Err(format!(
                "joins {} and {} values",
                kind.name(),
                value.kind().name()
            ));
        }
        elems.extend(value.elems()?);
    }
    Ok(Value::wires(vec![elems.len()], elems, kind))
}

pub(super) fn split(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis", "split", "num_outputs"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let axis = axis(call.int("axis", 0)?, value.dims().len())?;
    let size = value.dims()[axis];
    let parts = match call.moved_ints("split", 1, 13)? {
        Some(raw) => super::constant::sizes(&raw)?,
        None => {
            let count = call.node.output.len();
            if call.int("num_outputs", count as i64)? != count as i64 {
                return Err(format!("`num_outputs` differs from its {count} outputs"));
            }
            // The last part is smaller where the size is no multiple.
            let each = size.div_ceil(count.max(1));
            (0..count)
                .map(|part| each.min(size.saturating_sub(part * each)))
                .collect()
        }
    };
    if parts.iter().sum::<usize>() != size {
        return Err(format!("cannot split {size} elements into {parts:?}"));
    }
    let mut start = 0;
    Ok(parts
        .into_iter()
        .map(|part| {
            let at: Vec<usize> = (start..start + part).collect();
            start += part;
            let (dims, indices) = pick(value.dims(), axis, &at);
            value.select(dims, &indices)
        })
        .collect())
}
