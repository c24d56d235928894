//! Gather and its relatives, with constant indices; and constants picked by a computed class.

use std::rc::Rc;

use haloracle_model::graph::Function;

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{axis as position, elements, expand, pick, strides, walk};
use crate::tensor::{Data, Tensor};
use crate::value::{Elem, Kind, Value, Wires};

/// Indices that may count from the end, as positions below `size`.
fn positions(indices: &[i64], size: usize) -> Result<Vec<usize>, String> {
    indices
        .iter()
        .map(|index| {
            let at = if *index < 0 {
                index + size as i64
            } else {
                *index
            };
            usize::try_from(at)
                .ok()
                .filter(|at| *at < size)
                .ok_or_else(|| format!("index {index} is outside an axis of {size} elements"))
        })
        .collect()
}

pub(super) fn gather(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let axis = position(call.int("axis", 0)?, value.dims().len())?;
    let indices = match (value, call.input(1)?) {
        (_, Value::Constant(indices)) => indices,
        (Value::Constant(table), Value::Wires(index)) => {
            if table.dims.len() != 1 {
                return Err(
                    "looks rows up in a table by a computed index; a table of one axis is \
                            supported"
                        .into(),
                );
            }
            return Ok(vec![look_up(call.builder, table, index)?]);
        }
        (Value::Wires(_), Value::Wires(_)) => {
            return Err("its indices depend on the model's input; they must be constant".into());
        }
    };
    let at = positions(indices.integers()?, value.dims()[axis])?;
    let (_, order) = pick(value.dims(), axis, &at);
    let mut dims = value.dims().to_vec();
    dims.splice(axis..=axis, indices.dims.iter().copied());
    elements(&dims)?;
    Ok(vec![value.select(dims, &order)])
}

pub(super) fn gather_elements(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let axis = position(call.int("axis", 0)?, value.dims().len())?;
    let indices = call.constant(1, "indices")?;
    let fits = indices.dims.len() == value.dims().len()
        && (0..indices.dims.len()).all(|a| a == axis || indices.dims[a] <= value.dims()[a]);
    if !fits {
        return Err(format!(
            "indices of shape {:?} do not fit {:?}",
            indices.dims,
            value.dims()
        ));
    }
    let at = positions(indices.integers()?, value.dims()[axis])?;
    let mut steps = strides(value.dims());
    let along = std::mem::take(&mut steps[axis]);
    let starts = walk(&indices.dims, &steps, 0);
    let order: Vec<usize> = starts
        .iter()
        .zip(&at)
        .map(|(start, at)| start + at * along)
        .collect();
    Ok(vec![value.select(indices.dims.clone(), &order)])
}

pub(super) fn gather_nd(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["batch_dims"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let indices = call.constant(1, "indices")?;
    let batch =
        usize::try_from(call.int("batch_dims", 0)?).map_err(|_| "`batch_dims` is negative")?;
    let Some((depth, outer)) = indices.dims.split_last() else {
        return Err("its indices are a single number".into());
    };
    let dims = value.dims();
    if batch > outer.len() || batch + depth > dims.len() || outer[..batch] != dims[..batch] {
        return Err(format!(
            "indices of shape {:?} do not fit {dims:?}",
            indices.dims
        ));
    }
    let steps = strides(dims);
    let rest = &dims[batch + depth..];
    let inner: usize = rest.iter().product();
    let per_batch: usize = outer[batch..].iter().product();
    let raw = indices.integers()?;
    let mut order = Vec::new();
    for (nth, tuple) in raw.chunks((*depth).max(1)).enumerate() {
        let block: usize = dims[batch..].iter().product();
        let mut start = nth / per_batch.max(1) * block;
        for (axis, index) in tuple.iter().enumerate().take(*depth) {
            start += positions(&[*index], dims[batch + axis])?[0] * steps[batch + axis];
        }
        order.extend(start..start + inner);
    }
    let mut result = outer.to_vec();
    result.extend_from_slice(rest);
    if elements(&result)? != order.len() {
        return Err("its indices do not fit".into());
    }
    Ok(vec![value.select(result, &order)])
}

/// ArrayFeatureExtractor of ONNX-ML: picks along the last axis.
pub(super) fn array_feature_extractor(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let indices = match (value, call.input(1)?) {
        (_, Value::Constant(indices)) => indices,
        (Value::Constant(table), Value::Wires(index)) => {
            let table = Tensor {
                dims: vec![table.len()],
                data: table.data.clone(),
            };
            let found = look_up(call.builder, &table, index)?;
            return Ok(vec![found.reshaped(vec![1, index.elems.len()])]);
        }
        (Value::Wires(_), Value::Wires(_)) => {
            return Err("its indices depend on the model's input; they must be constant".into());
        }
    };
    let rank = value.dims().len();
    if rank == 0 {
        return Err("picks from a single number".into());
    }
    let at = positions(indices.integers()?, value.dims()[rank - 1])?;
    let (mut dims, order) = pick(value.dims(), rank - 1, &at);
    if rank == 1 {
        dims.insert(0, 1);
    }
    Ok(vec![value.select(dims, &order)])
}

/// `table[x]` for computed positions `x`.
pub(super) fn look_up(
    builder: &mut Builder,
    table: &Tensor,
    index: &Wires,
) -> Result<Value, String> {
    if index.kind != Kind::Int {
        return Err(format!("looks up by {} values", index.kind.name()));
    }
    if table.len() == 0 {
        return Err("looks up in an empty table".into());
    }
    let (values, kind): (Vec<f64>, Kind) = match &table.data {
        // Names keep their position; they are put on at the end.
        Data::Text(names) => (
            (0..names.len()).map(|at| at as f64).collect(),
            Kind::Text(Rc::new(names.clone())),
        ),
        _ => (table.reals()?, Value::Constant(table.clone()).kind()),
    };
    let keys: Vec<f64> = (0..values.len()).map(|at| at as f64).collect();
    let elems = stairs(builder, &index.elems, &keys, &values)?;
    Ok(Value::wires(index.dims.clone(), elems, kind))
}

/// The value of the last key that is not above `x`, for ascending keys: `x` is one of them.
pub(super) fn stairs(
    builder: &mut Builder,
    elems: &[Elem],
    keys: &[f64],
    values: &[f64],
) -> Result<Vec<Elem>, String> {
    let (Some(first_key), Some(first)) = (keys.first(), values.first()) else {
        return Err("looks up in an empty table".into());
    };
    // On a straight line there is nothing to look up.
    let slope = match (keys.get(1), values.get(1)) {
        (Some(key), Some(value)) => (value - first) / (key - first_key),
        _ => 0.0,
    };
    let line = |key: f64| first + slope * (key - first_key);
    if keys
        .iter()
        .zip(values)
        .all(|(key, value)| line(*key) == *value)
    {
        let shift = first - slope * first_key;
        return builder.step_all(elems, &[Pending::Affine(slope, shift)]);
    }
    let mut combos: Vec<Combo> = elems
        .iter()
        .map(|_| Combo {
            bias: *first,
            ..Combo::default()
        })
        .collect();
    for (keys, values) in keys.windows(2).zip(values.windows(2)) {
        if values[0] == values[1] {
            continue;
        }
        let middle = (keys[0] + keys[1]) / 2.0;
        let away = builder.step_all(elems, &[Pending::Affine(1.0, -middle)])?;
        let reached = builder.map(Function::Positive, &away)?;
        for (combo, reached) in combos.iter_mut().zip(reached) {
            combo.terms.push((reached, values[1] - values[0]));
        }
    }
    builder.combine(combos)
}

/// Elements of a constant index tensor repeated to a shape; used by scatter-like exports.
pub(super) fn scatter_nd(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["reduction"])?;
    call.at_most(3)?;
    if call.text("reduction", "none")? != "none" {
        return Err("attribute `reduction` is not supported; supported is none".into());
    }
    let value = call.input(0)?;
    let indices = call.constant(1, "indices")?;
    let updates = call.input(2)?;
    let Some((depth, outer)) = indices.dims.split_last() else {
        return Err("its indices are a single number".into());
    };
    let dims = value.dims();
    if *depth > dims.len() || *depth == 0 {
        return Err(format!(
            "indices of shape {:?} do not fit {dims:?}",
            indices.dims
        ));
    }
    let steps = strides(dims);
    let rest = &dims[*depth..];
    let inner: usize = rest.iter().product();
    let mut wanted = outer.to_vec();
    wanted.extend_from_slice(rest);
    if updates.dims() != wanted {
        return Err(format!(
            "updates of shape {:?} do not fit {wanted:?}",
            updates.dims()
        ));
    }
    let mut order: Vec<usize> = (0..value.len()).collect();
    for (nth, tuple) in indices.integers()?.chunks(*depth).enumerate() {
        let mut start = 0;
        for (axis, index) in tuple.iter().enumerate() {
            start += positions(&[*index], dims[axis])?[0] * steps[axis];
        }
        for at in 0..inner {
            order[start + at] = value.len() + nth * inner + at;
        }
    }
    let all = super::join::side_by_side(&[value, updates])?;
    Ok(vec![all.select(dims.to_vec(), &order)])
}

/// OneHot of a constant index, or EyeLike: constants that exporters leave in the graph.
pub(super) fn one_hot(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(3)?;
    let indices = call.constant(0, "indices")?;
    let depth = call.constant(1, "depth")?.scalar()?;
    let values = call.constant(2, "values")?;
    let pair = values.reals()?;
    let [off, on] = pair[..] else {
        return Err("its values must be two numbers".into());
    };
    let depth = elements(&[depth.max(0.0) as usize])?;
    let rank = indices.dims.len() + 1;
    let along = position(call.int("axis", -1)?, rank)?;
    let mut dims = indices.dims.clone();
    dims.insert(along, depth);
    let count = elements(&dims)?;
    let mut unit = indices.dims.clone();
    unit.insert(along, 1);
    let reals = indices.reals()?;
    let source = expand(&unit, &dims);
    let inner: usize = dims[along + 1..].iter().product();
    let data: Vec<f64> = (0..count)
        .map(|at| {
            let place = (at / inner % depth) as f64;
            let index = reals[source[at]];
            let index = if index < 0.0 {
                index + depth as f64
            } else {
                index
            };
            if index == place { on } else { off }
        })
        .collect();
    Ok(vec![Value::Constant(Tensor::from_reals(
        dims,
        &data,
        values.kind(),
    ))])
}
