//! Slice, Pad and Trilu: parts of tensors, and constants around them.

use super::join::side_by_side;
use crate::call::{Call, Outcome};
use crate::shape::{MAX_ELEMENTS, axis, elements, pick};
use crate::tensor::Tensor;
use crate::value::{Elem, Value};

pub(super) fn slice(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["starts", "ends", "axes"])?;
    call.at_most(5)?;
    let value = call.input(0)?;
    let starts = call
        .moved_ints("starts", 1, 10)?
        .ok_or("its starts are missing")?;
    let ends = call
        .moved_ints("ends", 2, 10)?
        .ok_or("its ends are missing")?;
    let default: Vec<i64> = (0..starts.len() as i64).collect();
    let axes = call.moved_ints("axes", 3, 10)?.unwrap_or(default);
    let steps = match call.optional_constant(4, "steps")? {
        Some(tensor) => tensor.integers()?.to_vec(),
        None => vec![1; starts.len()],
    };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("its starts, ends, axes and steps differ in number".into());
    }
    let mut value = value.clone();
    for (((start, end), along), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = axis(along, value.dims().len())?;
        let at = range(value.dims()[axis], start, end, step)?;
        let (dims, indices) = pick(value.dims(), axis, &at);
        value = value.select(dims, &indices);
    }
    Ok(vec![value])
}

/// Positions of a slice, as numpy counts them.
fn range(size: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, String> {
    let size = i64::try_from(size).map_err(|_| "an axis is too long")?;
    let absolute = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let mut positions = Vec::new();
    match step {
        1.. => {
            let (mut at, end) = (absolute(start).clamp(0, size), absolute(end).clamp(0, size));
            while at < end {
                positions.push(at as usize);
                at = at.saturating_add(step);
            }
        }
        ..=-1 => {
            let mut at = absolute(start).clamp(-1, size - 1);
            // An end before the first element is written as a very negative number.
            let end = absolute(end).clamp(-1, size - 1);
            while at > end {
                positions.push(at as usize);
                at = at.saturating_add(step);
            }
        }
        0 => return Err("has a step of 0".into()),
    }
    Ok(positions)
}

/// Pad: constants outside the tensor, or a choice of elements inside it.
pub(super) fn pad(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["mode", "pads", "value"])?;
    call.at_most(4)?;
    let value = call.input(0)?;
    let rank = value.dims().len();
    let pads = call
        .moved_ints("pads", 1, 11)?
        .ok_or("its pads are missing")?;
    let at: Vec<usize> = match call.optional_constant(3, "axes")? {
        Some(raw) => raw
            .integers()?
            .iter()
            .map(|a| axis(*a, rank))
            .collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * at.len() {
        return Err(format!("{} pads do not fit {} axes", pads.len(), at.len()));
    }
    let fill = if call.opset < 11 {
        f64::from(call.float("value", 0.0)?)
    } else {
        match call.optional_constant(2, "value")? {
            Some(tensor) => tensor.scalar()?,
            None => 0.0,
        }
    };
    let mode = call.text("mode", "constant")?;
    let mut value = value.clone();
    for (nth, axis) in at.iter().enumerate() {
        let (before, after) = (pads[nth], pads[at.len() + nth]);
        value = pad_axis(&value, *axis, before, after, &mode, fill)?;
    }
    Ok(vec![value])
}

fn pad_axis(
    value: &Value,
    axis: usize,
    before: i64,
    after: i64,
    mode: &str,
    fill: f64,
) -> Result<Value, String> {
    let size = value.dims()[axis] as i64;
    let limit = MAX_ELEMENTS as i64;
    if !(-limit..=limit).contains(&before) || !(-limit..=limit).contains(&after) {
        return Err(format!("pads of {before} and {after} are too large"));
    }
    let end = size + after;
    let mut at = Vec::new();
    for position in -before..end {
        let inside = (0..size).contains(&position);
        at.push(match mode {
            _ if inside => Some(position as usize),
            "constant" => None,
            "edge" if size > 0 => Some(position.clamp(0, size - 1) as usize),
            "reflect" if size > 1 && (1 - size..2 * size - 1).contains(&position) => {
                let mirrored = if position < 0 {
                    -position
                } else {
                    2 * (size - 1) - position
                };
                Some(mirrored as usize)
            }
            "wrap" if size > 0 => Some(position.rem_euclid(size) as usize),
            "edge" | "reflect" | "wrap" => {
                return Err(format!(
                    "pads of {before} and {after} reach beyond {size} elements"
                ));
            }
            other => {
                return Err(format!(
                    "mode `{other}` is not known; constant, edge, reflect and wrap are"
                ));
            }
        });
    }
    let mut dims = value.dims().to_vec();
    dims[axis] = at.len();
    let count = elements(&dims)?;
    if at.iter().all(Option::is_some) {
        let at: Vec<usize> = at.into_iter().flatten().collect();
        let (dims, indices) = pick(value.dims(), axis, &at);
        return Ok(value.select(dims, &indices));
    }
    // An element behind the last one stands for the fill value.
    let inner: usize = dims[axis + 1..].iter().product();
    let mut indices = Vec::with_capacity(count);
    for block in 0..value.dims()[..axis].iter().product() {
        for position in &at {
            match position {
                Some(index) => {
                    let start = (block * size as usize + index) * inner;
                    indices.extend(start..start + inner);
                }
                None => indices.extend(std::iter::repeat_n(value.len(), inner)),
            }
        }
    }
    let filler = match value {
        Value::Constant(tensor) => {
            Value::Constant(Tensor::from_reals(vec![1], &[fill], tensor.kind()))
        }
        Value::Wires(wires) => {
            let mut elems = wires.elems.clone();
            elems.push(Elem::Const(fill));
            let elems = indices.iter().map(|at| elems[*at]).collect();
            return Ok(Value::wires(dims, elems, wires.kind.clone()));
        }
    };
    Ok(side_by_side(&[value, &filler])?.select(dims, &indices))
}

/// Trilu: the upper or lower triangle; the rest is 0.
pub(super) fn trilu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["upper"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let upper = call.flag("upper", true)?;
    let offset = match call.optional_constant(1, "diagonal")? {
        Some(tensor) => tensor.scalar()? as i64,
        None => 0,
    };
    let [.., rows, columns] = value.dims()[..] else {
        return Err(format!("takes matrices, not {:?}", value.dims()));
    };
    let keep = |at: usize| {
        let (row, column) = ((at / columns % rows) as i64, (at % columns) as i64);
        let above = column - row;
        if upper {
            above >= offset
        } else {
            above <= offset
        }
    };
    match value {
        Value::Constant(tensor) => {
            let reals = tensor.reals()?;
            let reals: Vec<f64> = (0..reals.len())
                .map(|at| if keep(at) { reals[at] } else { 0.0 })
                .collect();
            let result = Tensor::from_reals(tensor.dims.clone(), &reals, tensor.kind());
            Ok(vec![Value::Constant(result)])
        }
        Value::Wires(wires) => {
            let all = wires.elems.iter().enumerate();
            let elems = all.map(|(at, e)| if keep(at) { *e } else { Elem::Const(0.0) });
            let elems = elems.collect();
            Ok(vec![Value::wires(
                wires.dims.clone(),
                elems,
                wires.kind.clone(),
            )])
        }
    }
}
