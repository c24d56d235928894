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

/// Runs `f` on every group of elements and puts the results back in place.
fn by_groups(
    call: &mut Call<'_>,
    f: fn(&mut Builder, &[Elem]) -> Result<Vec<Elem>, String>,
) -> Outcome {
    call.attributes(&["axis"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let elems = value.elems()?;
    let mut out = elems.clone();
    for group in members(call, value.dims())? {
        let own: Vec<Elem> = group.iter().map(|at| elems[*at]).collect();
        for (at, elem) in group.iter().zip(f(call.builder, &own)?) {
            out[*at] = elem;
        }
    }
    Ok(vec![Value::wires(value.dims().to_vec(), out, value.kind())])
}

pub(super) fn softmax_operator(call: &mut Call<'_>) -> Outcome {
    by_groups(call, softmax)
}

pub(super) fn log_softmax(call: &mut Call<'_>) -> Outcome {
    by_groups(call, |builder, elems| {
        let total = log_sum_exp(builder, elems)?;
        let away = elems
            .iter()
            .map(|x| Combo::sum(&[(*x, 1.0), (total, -1.0)]));
        builder.combine(away.collect())
    })
}

pub(super) fn hardmax(call: &mut Call<'_>) -> Outcome {
    by_groups(call, |builder, elems| {
        let first = builder.arg_max(&[elems.to_vec()])?[0];
        let away =
            (0..elems.len()).map(|at| builder.step(first, Pending::Affine(1.0, -(at as f64))));
        let away = away.collect::<Result<Vec<_>, _>>()?;
        builder.map(Function::Zero, &away)
    })
}

/// `e^x` divided by the sum of these. The largest is subtracted first, which changes nothing but
/// keeps the numbers in reach; of two, the softmax is the sigmoid of the difference.
pub(super) fn softmax(builder: &mut Builder, elems: &[Elem]) -> Result<Vec<Elem>, String> {
    let out = match elems {
        [_] => vec![Elem::Const(1.0)],
        [a, b] => {
            let difference = builder.combine(vec![Combo::sum(&[(*a, 1.0), (*b, -1.0)])])?;
            let first = builder.map(Function::Sigmoid, &difference)?[0];
            vec![first, builder.step(first, Pending::Affine(-1.0, 1.0))?]
        }
        _ => {
            let (exponentials, total, _) = exponentials(builder, elems)?;
            let inverse = builder.map(Function::Reciprocal, &[total])?[0];
            let products = exponentials.iter().map(|e| Combo::product(*e, inverse));
            builder.combine(products.collect())?
        }
    };
    builder.note_distribution(out.clone());
    Ok(out)
}

/// `e^(x − m)` with the largest `m`, their sum, and `m`.
fn exponentials(builder: &mut Builder, elems: &[Elem]) -> Result<(Vec<Elem>, Elem, Elem), String> {
    let top = largest(builder, &[elems.to_vec()], false)?[0];
    let away = elems.iter().map(|x| Combo::sum(&[(*x, 1.0), (top, -1.0)]));
    let away = builder.combine(away.collect())?;
    let exponentials = builder.map(Function::Exp, &away)?;
    let terms: Vec<(Elem, f64)> = exponentials.iter().map(|e| (*e, 1.0)).collect();
    let total = builder.combine(vec![Combo::sum(&terms)])?[0];
    Ok((exponentials, total, top))
}

/// `ln Σ e^x`.
pub(super) fn log_sum_exp(builder: &mut Builder, elems: &[Elem]) -> Result<Elem, String> {
    let (_, total, top) = exponentials(builder, elems)?;
    let log = builder.map(Function::Log, &[total])?[0];
    Ok(builder.combine(vec![Combo::sum(&[(log, 1.0), (top, 1.0)])])?[0])
}
