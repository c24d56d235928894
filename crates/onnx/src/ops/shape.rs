//! Operators that only rename, reorder, repeat or drop elements.

use crate::call::{Call, Outcome};
use crate::shape::{
    axes, axis, broadcast, elements, expand as expanded, pick, transpose as transposed,
};
use crate::tensor::{INT64, Tensor};
use crate::value::{Elem, Kind, Value};

pub(super) fn identity(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    Ok(vec![call.input(0)?.clone()])
}

/// Dropout outside training: the input, and a mask of ones.
pub(super) fn dropout(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["ratio", "seed"])?;
    call.at_most(3)?;
    if let Some(training) = call.optional_constant(2, "training mode")?
        && training.scalar()? != 0.0
    {
        return Err("is in training mode; export the model in inference mode".into());
    }
    let value = call.input(0)?;
    let ones = vec![1.0; value.len()];
    let mask = Tensor::from_reals(value.dims().to_vec(), &ones, crate::tensor::BOOL);
    Ok(vec![value.clone(), Value::Constant(mask)])
}

pub(super) fn flatten(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let dims = value.dims();
    let rank = dims.len() as i64;
    let axis = call.int("axis", 1)?;
    if axis < -rank || axis > rank {
        return Err(format!("axis {axis} is outside shape {dims:?}"));
    }
    let axis = if axis < 0 { axis + rank } else { axis } as usize;
    let product = |dims: &[usize]| dims.iter().product();
    Ok(vec![value.reshaped(vec![
        product(&dims[..axis]),
        product(&dims[axis..]),
    ])])
}

pub(super) fn reshape(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["allowzero"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let from = value.dims();
    let wanted = call.constant(1, "shape")?.integers()?;
    let bad = || format!("cannot reshape {from:?} to {wanted:?}");
    let copies_zero = !call.flag("allowzero", false)?;
    let mut free = None;
    let mut to: Vec<usize> = Vec::with_capacity(wanted.len());
    for (axis, dim) in wanted.iter().enumerate() {
        to.push(match dim {
            0 if copies_zero => *from.get(axis).ok_or_else(bad)?,
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            0.. => usize::try_from(*dim).map_err(|_| bad())?,
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
    Ok(vec![value.reshaped(to)])
}

pub(super) fn squeeze(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axes"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let dims = value.dims();
    let at = match call.moved_ints("axes", 1, 13)? {
        Some(raw) => axes(&raw, dims.len())?,
        None => (0..dims.len()).filter(|axis| dims[*axis] == 1).collect(),
    };
    if let Some(axis) = at.iter().find(|axis| dims[**axis] != 1) {
        return Err(format!("cannot squeeze axis {axis} of shape {dims:?}"));
    }
    let kept = (0..dims.len()).filter(|axis| !at.contains(axis));
    Ok(vec![value.reshaped(kept.map(|axis| dims[axis]).collect())])
}

pub(super) fn unsqueeze(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axes"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let raw = call
        .moved_ints("axes", 1, 13)?
        .ok_or("its axes are missing")?;
    let rank = value.dims().len() + raw.len();
    let at = axes(&raw, rank)?;
    let mut old = value.dims().iter();
    let dims = (0..rank)
        .map(|axis| {
            if at.contains(&axis) {
                Ok(1)
            } else {
                old.next().copied().ok_or("its axes do not fit")
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(vec![value.reshaped(dims)])
}

pub(super) fn transpose(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["perm"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let rank = value.dims().len();
    let order = match call.ints("perm")? {
        Some(raw) => raw
            .iter()
            .map(|a| axis(*a, rank))
            .collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect::<Vec<_>>(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(format!("permutation {order:?} does not fit {rank} axes"));
    }
    let (dims, indices) = transposed(value.dims(), &order);
    Ok(vec![value.select(dims, &indices)])
}

pub(super) fn expand(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let wanted = super::constant::sizes(call.constant(1, "shape")?.integers()?)?;
    let dims = broadcast(value.dims(), &wanted)?;
    let indices = expanded(value.dims(), &dims);
    Ok(vec![value.select(dims, &indices)])
}

pub(super) fn tile(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let mut value = call.input(0)?.clone();
    let repeats = super::constant::sizes(call.constant(1, "repeats")?.integers()?)?;
    if repeats.len() != value.dims().len() {
        return Err(format!(
            "repeats {repeats:?} do not fit shape {:?}",
            value.dims()
        ));
    }
    for (axis, times) in repeats.into_iter().enumerate() {
        let size = value.dims()[axis];
        elements(&[value.len(), times])?;
        let at: Vec<usize> = (0..size * times).map(|i| i % size).collect();
        let (dims, indices) = pick(value.dims(), axis, &at);
        value = value.select(dims, &indices);
    }
    Ok(vec![value])
}

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

/// DepthToSpace and SpaceToDepth.
pub(super) fn depth_to_space(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["blocksize", "mode"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let (n, c, h, w, b) = blocks(call, value)?;
    if c % (b * b) != 0 {
        return Err(format!("{c} channels are no multiple of {b} × {b}"));
    }
    let depth = c / (b * b);
    let (inner, order): (Vec<usize>, [usize; 6]) = match call.text("mode", "DCR")?.as_str() {
        "DCR" => (vec![n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => (vec![n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(format!("mode `{other}` is not known; DCR and CRD are")),
    };
    let (_, indices) = transposed(&inner, &order);
    Ok(vec![value.select(vec![n, depth, h * b, w * b], &indices)])
}

pub(super) fn space_to_depth(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["blocksize"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let (n, c, h, w, b) = blocks(call, value)?;
    if h % b != 0 || w % b != 0 {
        return Err(format!("an image of {h} × {w} is no multiple of {b} × {b}"));
    }
    let inner = [n, c, h / b, b, w / b, b];
    let (_, indices) = transposed(&inner, &[0, 3, 5, 1, 2, 4]);
    Ok(vec![
        value.select(vec![n, c * b * b, h / b, w / b], &indices),
    ])
}

fn blocks(call: &Call<'_>, value: &Value) -> Result<(usize, usize, usize, usize, usize), String> {
    let [n, c, h, w] = value.dims()[..] else {
        return Err(format!(
            "takes an image of four axes, not {:?}",
            value.dims()
        ));
    };
    let b = usize::try_from(call.int("blocksize", 0)?)
        .ok()
        .filter(|b| (1..=1 << 12).contains(b))
        .ok_or("attribute `blocksize` must be between 1 and 4096")?;
    Ok((n, c, h, w, b))
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
    let wide = before.checked_add(after).and_then(|n| n.checked_add(size));
    let end = wide
        .map(|n| n - before)
        .filter(|_| before.abs() < 1 << 24 && after.abs() < 1 << 24);
    let end = end.ok_or_else(|| format!("pads of {before} and {after} are too large"))?;
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
