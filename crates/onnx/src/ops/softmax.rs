//! Softmax, LogSoftmax, Hardmax, and log-sum-exp.

use haloracle_model::graph::Function;

use super::arithmetic::largest;
use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{axis, groups};
use crate::value::{Elem, Value};

/// The members of each group that is normalized, as positions: before opset 13 all axes from
/// `axis` on belong together, since then only `axis` itself.
fn members(call: &Call<'_>, dims: &[usize]) -> Result<Vec<Vec<usize>>, String> {
    let rank = dims.len();
    let old = call.opset < 13;
    let at = axis(call.int("axis", if old { 1 } else { -1 })?, rank)?;
    let over: Vec<usize> = if old { (at..rank).collect() } else { vec![at] };
    Ok(groups(dims, &over).1)
}

/// Turns groups of elements into groups of the same sizes.
type ByGroups = fn(&mut Builder, &[Vec<Elem>]) -> Result<Vec<Vec<Elem>>, String>;

/// Runs `f` on all groups of elements and puts the results back in place.
fn by_groups(call: &mut Call<'_>, f: ByGroups) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let elems = value.elems()?;
    let members = members(call, value.dims())?;
    let groups: Vec<Vec<Elem>> = members
        .iter()
        .map(|group| group.iter().map(|at| elems[*at]).collect())
        .collect();
    let mut out = elems;
    for (group, results) in members.iter().zip(f(call.builder, &groups)?) {
        for (at, elem) in group.iter().zip(results) {
            out[*at] = elem;
        }
    }
    Ok(vec![Value::wires(value.dims().to_vec(), out, value.kind())])
}

pub(super) fn softmax_operator(call: &mut Call<'_>) -> Outcome {
    by_groups(call, softmax)
}

pub(super) fn log_softmax(call: &mut Call<'_>) -> Outcome {
    by_groups(call, |builder, groups| {
        let totals = log_sum_exp(builder, groups)?;
        away(builder, groups, &totals)
    })
}

pub(super) fn hardmax(call: &mut Call<'_>) -> Outcome {
    by_groups(call, |builder, groups| {
        let first = builder.arg_max(groups)?;
        let mut away = Vec::new();
        for (first, group) in first.iter().zip(groups) {
            for at in 0..group.len() {
                away.push(builder.step(*first, Pending::Affine(1.0, -(at as f64)))?);
            }
        }
        Ok(regrouped(builder.map(Function::Zero, &away)?, groups))
    })
}

/// A flat list cut into groups of the same sizes as `groups`.
fn regrouped(flat: Vec<Elem>, groups: &[Vec<Elem>]) -> Vec<Vec<Elem>> {
    let mut flat = flat.into_iter();
    groups
        .iter()
        .map(|group| flat.by_ref().take(group.len()).collect())
        .collect()
}

/// Each element minus its group's number.
fn away(
    builder: &mut Builder,
    groups: &[Vec<Elem>],
    numbers: &[Elem],
) -> Result<Vec<Vec<Elem>>, String> {
    let combos = groups
        .iter()
        .zip(numbers)
        .flat_map(|(group, n)| group.iter().map(|x| Combo::sum(&[(*x, 1.0), (*n, -1.0)])))
        .collect();
    Ok(regrouped(builder.combine(combos)?, groups))
}

/// Per group, `e^x` divided by the sum of these. The largest is subtracted first, which changes
/// nothing but keeps the numbers in reach; of two, the softmax is the sigmoid of the difference.
pub(super) fn softmax(
    builder: &mut Builder,
    groups: &[Vec<Elem>],
) -> Result<Vec<Vec<Elem>>, String> {
    let out = match groups.first().map_or(0, Vec::len) {
        0 => return Err("takes an empty axis".into()),
        1 => vec![vec![Elem::Const(1.0)]; groups.len()],
        2 => {
            let differences = groups
                .iter()
                .map(|g| Combo::sum(&[(g[0], 1.0), (g[1], -1.0)]));
            let differences = builder.combine(differences.collect())?;
            let first = builder.map(Function::Sigmoid, &differences)?;
            let second = builder.step_all(&first, &[Pending::Affine(-1.0, 1.0)])?;
            first
                .into_iter()
                .zip(second)
                .map(|(a, b)| vec![a, b])
                .collect()
        }
        _ => {
            let Exponentials { values, totals, .. } = exponentials(builder, groups)?;
            let inverses = builder.map(Function::Reciprocal, &totals)?;
            let products = values
                .iter()
                .zip(&inverses)
                .flat_map(|(group, inverse)| group.iter().map(|e| Combo::product(*e, *inverse)))
                .collect();
            regrouped(builder.combine(products)?, groups)
        }
    };
    for group in &out {
        builder.note_distribution(group.clone());
    }
    Ok(out)
}

/// Per group, `e^(x − m)` with the largest `m`, their sums, and `m`.
struct Exponentials {
    values: Vec<Vec<Elem>>,
    totals: Vec<Elem>,
    tops: Vec<Elem>,
}

fn exponentials(builder: &mut Builder, groups: &[Vec<Elem>]) -> Result<Exponentials, String> {
    let tops = largest(builder, groups, false)?;
    let inner = away(builder, groups, &tops)?.concat();
    let values = regrouped(builder.map(Function::Exp, &inner)?, groups);
    let sum = |group: &Vec<Elem>| {
        let terms: Vec<(Elem, f64)> = group.iter().map(|e| (*e, 1.0)).collect();
        Combo::sum(&terms)
    };
    let totals = builder.combine(values.iter().map(sum).collect())?;
    Ok(Exponentials {
        values,
        totals,
        tops,
    })
}

/// `ln Σ e^x` per group.
pub(super) fn log_sum_exp(
    builder: &mut Builder,
    groups: &[Vec<Elem>],
) -> Result<Vec<Elem>, String> {
    let Exponentials { totals, tops, .. } = exponentials(builder, groups)?;
    let logs = builder.map(Function::Log, &totals)?;
    let pairs = logs.iter().zip(&tops);
    builder.combine(
        pairs
            .map(|(log, top)| Combo::sum(&[(*log, 1.0), (*top, 1.0)]))
            .collect(),
    )
}
