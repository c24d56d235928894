//! Operators that only rename, reorder or repeat elements.

use crate::call::{Call, Outcome};
use crate::shape::{
    axes, axis, broadcast, elements, expand as expanded, pick, transpose as transposed,
};
use crate::tensor::Tensor;
use crate::value::Value;

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
