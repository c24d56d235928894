//! Reductions over axes: sums, means, norms, extremes, and their positions.

use haloracle_model::graph::Function;

use super::arithmetic::largest;
use super::function::mapped;
use super::softmax::log_sum_exp;
use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{axes as axes_of, axis, groups, pick};
use crate::tensor::{Data, Tensor};
use crate::value::{Elem, Kind, Value};

/// What a reduction does with the members of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reduction {
    Sum,
    Mean,
    SumSquare,
    Max,
    Min,
    Prod,
    LogSumExp,
}

/// The axes to reduce, and whether they stay with size 1. Axes were an attribute before opset
/// `since`.
fn over(call: &Call<'_>, rank: usize, since: i64) -> Result<(Option<Vec<usize>>, bool), String> {
    call.attributes(&["axes", "keepdims", "noop_with_empty_axes"])?;
    call.at_most(2)?;
    let keep = call.flag("keepdims", true)?;
    let raw = call.moved_ints("axes", 1, since)?.unwrap_or_default();
    if raw.is_empty() {
        let noop = call.flag("noop_with_empty_axes", false)?;
        return Ok(((!noop).then(|| (0..rank).collect()), keep));
    }
    Ok((Some(axes_of(&raw, rank)?), keep))
}

fn reduce(call: &mut Call<'_>, reduction: Reduction, since: i64) -> Result<Value, String> {
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    let (Some(over), keep) = over(call, dims.len(), since)? else {
        // No axis is reduced; squares are still taken.
        return match reduction {
            Reduction::SumSquare => mapped(call.builder, value, Function::Power(2)),
            _ => Ok(value.clone()),
        };
    };
    let (kept, members) = groups(&dims, &over);
    let out_dims = if keep {
        kept
    } else {
        (0..dims.len())
            .filter(|a| !over.contains(a))
            .map(|a| dims[a])
            .collect()
    };
    if members.iter().any(Vec::is_empty) {
        return Err("reduces an empty axis".into());
    }
    if let Value::Constant(tensor) = value {
        return Ok(Value::Constant(constant(
            tensor, out_dims, &members, reduction,
        )?));
    }
    if reduction == Reduction::Mean && !value.kind().is_real() {
        return Err(format!("averages {} values", value.kind().name()));
    }
    let elems = value.elems()?;
    let all: Vec<Vec<Elem>> = members
        .iter()
        .map(|group| group.iter().map(|at| elems[*at]).collect())
        .collect();
    let out = match reduction {
        Reduction::Sum => linear(call.builder, &all, |_| 1.0)?,
        Reduction::Mean => linear(call.builder, &all, |count| 1.0 / count as f64)?,
        Reduction::SumSquare => {
            let combos = all.iter().map(|group| Combo {
                products: group.iter().map(|e| (*e, *e, 1.0)).collect(),
                ..Combo::default()
            });
            call.builder.combine(combos.collect())?
        }
        Reduction::Max => largest(call.builder, &all, false)?,
        Reduction::Min => largest(call.builder, &all, true)?,
        Reduction::LogSumExp => log_sum_exp(call.builder, &all)?,
        Reduction::Prod => {
            let mut totals: Vec<Elem> = all.iter().map(|group| group[0]).collect();
            for at in 1..all[0].len() {
                let combos = totals
                    .iter()
                    .zip(&all)
                    .map(|(t, g)| Combo::product(*t, g[at]));
                totals = call.builder.combine(combos.collect())?;
            }
            totals
        }
    };
    Ok(Value::wires(out_dims, out, value.kind()))
}

fn linear(
    builder: &mut Builder,
    all: &[Vec<Elem>],
    coefficient: fn(usize) -> f64,
) -> Result<Vec<Elem>, String> {
    let combos = all.iter().map(|group| Combo {
        terms: group
            .iter()
            .map(|e| (*e, coefficient(group.len())))
            .collect(),
        ..Combo::default()
    });
    builder.combine(combos.collect())
}

fn constant(
    tensor: &Tensor,
    dims: Vec<usize>,
    members: &[Vec<usize>],
    reduction: Reduction,
) -> Result<Tensor, String> {
    let values = tensor.reals()?;
    let whole = matches!(tensor.data, Data::Int(..));
    let one = |group: &Vec<usize>| {
        let own = group.iter().map(|at| values[*at]);
        match reduction {
            Reduction::Sum => own.sum::<f64>(),
            Reduction::Mean if whole => (own.sum::<f64>() / group.len() as f64).trunc(),
            Reduction::Mean => own.sum::<f64>() / group.len() as f64,
            Reduction::SumSquare => own.map(|v| v * v).sum(),
            Reduction::Max => own.fold(f64::NEG_INFINITY, f64::max),
            Reduction::Min => own.fold(f64::INFINITY, f64::min),
            Reduction::Prod => own.product(),
            Reduction::LogSumExp => own.map(f64::exp).sum::<f64>().ln(),
        }
    };
    let results: Vec<f64> = members.iter().map(one).collect();
    if results.iter().all(|v| v.is_finite()) {
        Ok(Tensor::from_reals(dims, &results, tensor.kind()))
    } else {
        Err("a reduction of a constant is not finite".into())
    }
}

pub(super) fn sum(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::Sum, 13)?])
}

pub(super) fn mean(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::Mean, 18)?])
}

pub(super) fn max(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::Max, 18)?])
}

pub(super) fn min(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::Min, 18)?])
}

pub(super) fn prod(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::Prod, 18)?])
}

pub(super) fn sum_square(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::SumSquare, 18)?])
}

pub(super) fn l2(call: &mut Call<'_>) -> Outcome {
    let squares = reduce(call, Reduction::SumSquare, 18)?;
    Ok(vec![mapped(call.builder, &squares, Function::Sqrt)?])
}

pub(super) fn l1(call: &mut Call<'_>) -> Outcome {
    let sizes = mapped(call.builder, call.input(0)?, Function::Abs)?;
    let mut inputs = call.inputs.clone();
    inputs[0] = Some(&sizes);
    let mut inner = Call {
        node: call.node,
        opset: call.opset,
        inputs,
        builder: call.builder,
        notes: call.notes,
    };
    Ok(vec![reduce(&mut inner, Reduction::Sum, 18)?])
}

pub(super) fn log_sum(call: &mut Call<'_>) -> Outcome {
    let sum = reduce(call, Reduction::Sum, 18)?;
    Ok(vec![mapped(call.builder, &sum, Function::Log)?])
}

pub(super) fn reduce_log_sum_exp(call: &mut Call<'_>) -> Outcome {
    Ok(vec![reduce(call, Reduction::LogSumExp, 18)?])
}

pub(super) fn arg_max(call: &mut Call<'_>) -> Outcome {
    arg(call, false)
}

pub(super) fn arg_min(call: &mut Call<'_>) -> Outcome {
    arg(call, true)
}

fn arg(call: &mut Call<'_>, smallest: bool) -> Outcome {
    call.attributes(&["axis", "keepdims", "select_last_index"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    let at = axis(call.int("axis", 0)?, dims.len())?;
    let keep = call.flag("keepdims", true)?;
    let last = call.flag("select_last_index", false)?;
    let mut elems = value.elems()?;
    if smallest {
        elems = call.builder.step_all(&elems, &[Pending::NEGATE])?;
    }
    let (mut out_dims, members) = groups(&dims, &[at]);
    if !keep {
        out_dims.remove(at);
    }
    let all: Vec<Vec<Elem>> = members
        .iter()
        .map(|group| {
            let own = group.iter().map(|at| elems[*at]);
            if last {
                own.rev().collect()
            } else {
                own.collect()
            }
        })
        .collect();
    if let Value::Constant(_) = value {
        return Err("finds the largest of constants".into());
    }
    let mut out = call.builder.arg_max(&all)?;
    if last {
        let size = dims[at] as f64;
        out = call
            .builder
            .step_all(&out, &[Pending::Affine(-1.0, size - 1.0)])?;
    }
    Ok(vec![Value::wires(out_dims, out, Kind::Int)])
}

/// TopK for the first place: the largest (or smallest) and its position.
pub(super) fn top_k(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis", "k", "largest", "sorted"])?;
    call.at_most(2)?;
    let k = if call.opset < 10 {
        call.int("k", 0)? as f64
    } else {
        call.constant(1, "k")?.scalar()?
    };
    if k != 1.0 {
        return Err(format!("takes the first {k}; supported is 1"));
    }
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    let at = axis(call.int("axis", -1)?, dims.len())?;
    let smallest = !call.flag("largest", true)?;
    let Value::Wires(wires) = value else {
        return Err("finds the largest of constants".into());
    };
    let (out_dims, members) = groups(&dims, &[at]);
    let pick_group = |elems: &[Elem]| -> Vec<Vec<Elem>> {
        let own = |group: &Vec<usize>| group.iter().map(|at| elems[*at]).collect();
        members.iter().map(own).collect()
    };
    let values = largest(call.builder, &pick_group(&wires.elems), smallest)?;
    let signed = if smallest {
        call.builder.step_all(&wires.elems, &[Pending::NEGATE])?
    } else {
        wires.elems.clone()
    };
    let positions = call.builder.arg_max(&pick_group(&signed))?;
    Ok(vec![
        Value::wires(out_dims.clone(), values, wires.kind.clone()),
        Value::wires(out_dims, positions, Kind::Int),
    ])
}

/// CumSum along an axis.
pub(super) fn cum_sum(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["exclusive", "reverse"])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    let at = axis(call.constant(1, "axis")?.scalar()? as i64, dims.len())?;
    let exclusive = call.flag("exclusive", false)?;
    let reverse = call.flag("reverse", false)?;
    let elems = value.elems()?;
    let mut combos = vec![Combo::default(); elems.len()];
    for group in groups(&dims, &[at]).1 {
        for (nth, place) in group.iter().enumerate() {
            let part = match (reverse, exclusive) {
                (false, false) => &group[..=nth],
                (false, true) => &group[..nth],
                (true, false) => &group[nth..],
                (true, true) => &group[nth + 1..],
            };
            combos[*place].terms = part.iter().map(|at| (elems[*at], 1.0)).collect();
        }
    }
    let out = call.builder.combine(combos)?;
    let result = Value::wires(dims, out, value.kind());
    if let (Value::Constant(tensor), Value::Constant(sum)) = (value, &result) {
        return Ok(vec![Value::Constant(sum.cast(tensor.kind())?)]);
    }
    Ok(vec![result])
}

/// Compress with a constant condition: picks along an axis.
pub(super) fn compress(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(2)?;
    let mut value = call.input(0)?.clone();
    let condition = call.constant(1, "condition")?.reals()?;
    let at = if call.has("axis") {
        axis(call.int("axis", 0)?, value.dims().len())?
    } else {
        value = value.reshaped(vec![value.len()]);
        0
    };
    let size = value.dims().get(at).copied().unwrap_or(0);
    let chosen: Vec<usize> = (0..condition.len())
        .filter(|i| condition[*i] != 0.0)
        .collect();
    if chosen.iter().any(|index| *index >= size) {
        return Err("its condition is longer than the axis".into());
    }
    let (dims, indices) = pick(value.dims(), at, &chosen);
    Ok(vec![value.select(dims, &indices)])
}
