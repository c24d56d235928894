//! Comparisons, boolean operators, Where, and Mod.

use haloracle_model::graph::BranchMode;

use super::arithmetic::{Binary, elementwise};
use crate::builder::{Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{broadcast, expand, wire_elements};
use crate::tensor::{BOOL, Data, Tensor};
use crate::value::{Elem, Kind, Value};

/// A shape, and two elements for each of its places.
type Pairs = (Vec<usize>, Vec<(Elem, Elem)>);

/// Two tensors broadcast to one shape, as pairs of elements.
fn pairs(a: &Value, b: &Value) -> Result<Pairs, String> {
    let dims = broadcast(a.dims(), b.dims())?;
    wire_elements(&dims)?;
    let (left, right) = (a.elems()?, b.elems()?);
    let pairs = expand(a.dims(), &dims)
        .into_iter()
        .zip(expand(b.dims(), &dims))
        .map(|(a, b)| (left[a], right[b]))
        .collect();
    Ok((dims, pairs))
}

/// `a ∘ b` for every pair of elements.
fn compare(call: &mut Call<'_>, mode: BranchMode, holds: fn(f64, f64) -> bool) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
        let dims = broadcast(&a.dims, &b.dims)?;
        let equal = match (&a.data, &b.data) {
            (Data::Text(a), Data::Text(b)) => {
                // Names can only be equal.
                let position =
                    |name: &String| a.iter().chain(b).position(|n| n == name).unwrap_or(0) as f64;
                let reals = |names: &[String]| names.iter().map(position).collect::<Vec<_>>();
                (reals(a), reals(b))
            }
            _ => (a.reals()?, b.reals()?),
        };
        let at = expand(&a.dims, &dims)
            .into_iter()
            .zip(expand(&b.dims, &dims));
        let values = at
            .map(|(i, j)| i64::from(holds(equal.0[i], equal.1[j])))
            .collect();
        let data = Data::Int(values, BOOL);
        return Ok(vec![Value::Constant(Tensor { dims, data })]);
    }
    if let Kind::Text(_) = a.kind() {
        return Err("compares strings that depend on the model's input".into());
    }
    let (dims, pairs) = pairs(a, b)?;
    // Comparisons with constants, and all others.
    let with_constant = |pair: &(Elem, Elem)| match *pair {
        (x, Elem::Const(c)) => Some((x, mode.clone(), c)),
        (Elem::Const(c), x) => Some((x, mirrored(&mode), c)),
        _ => None,
    };
    let asked: Vec<_> = pairs.iter().filter_map(with_constant).collect();
    let mut by_constant = call.builder.indicators(&asked)?.into_iter();
    let others: Vec<(Elem, Elem)> = pairs
        .iter()
        .filter(|pair| with_constant(pair).is_none())
        .copied()
        .collect();
    let differences = elementwise(call.builder, Binary::Sub, &others)?;
    let asked: Vec<_> = differences
        .into_iter()
        .map(|d| (d, mode.clone(), 0.0))
        .collect();
    let mut by_difference = call.builder.indicators(&asked)?.into_iter();
    let elems = pairs
        .iter()
        .map(|pair| match with_constant(pair) {
            Some(_) => by_constant.next(),
            None => by_difference.next(),
        })
        .map(|elem| elem.ok_or_else(|| "a comparison was lost while reading".to_owned()))
        .collect::<Result<_, _>>()?;
    Ok(vec![Value::wires(dims, elems, Kind::Bool)])
}

/// The comparison with its sides exchanged.
fn mirrored(mode: &BranchMode) -> BranchMode {
    match mode {
        BranchMode::Gt => BranchMode::Lt,
        BranchMode::Lt => BranchMode::Gt,
        BranchMode::Gte => BranchMode::Leq,
        BranchMode::Leq => BranchMode::Gte,
        same => same.clone(),
    }
}

pub(super) fn greater(call: &mut Call<'_>) -> Outcome {
    compare(call, BranchMode::Gt, |a, b| a > b)
}

pub(super) fn greater_or_equal(call: &mut Call<'_>) -> Outcome {
    compare(call, BranchMode::Gte, |a, b| a >= b)
}

pub(super) fn less(call: &mut Call<'_>) -> Outcome {
    compare(call, BranchMode::Lt, |a, b| a < b)
}

pub(super) fn less_or_equal(call: &mut Call<'_>) -> Outcome {
    compare(call, BranchMode::Leq, |a, b| a <= b)
}

pub(super) fn equal(call: &mut Call<'_>) -> Outcome {
    compare(call, BranchMode::Eq, |a, b| a == b)
}

fn expect_bool(value: &Value) -> Result<(), String> {
    match value.kind() {
        Kind::Bool => Ok(()),
        other => Err(format!("takes bool values, not {}", other.name())),
    }
}

/// Negation of booleans: `1 − x`.
const NOT: Pending = Pending::Affine(-1.0, 1.0);

pub(super) fn not(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    expect_bool(value)?;
    let elems = call.builder.step_all(&value.elems()?, &[NOT])?;
    Ok(vec![Value::wires(value.dims().to_vec(), elems, Kind::Bool)])
}

/// `(terms in a and b, terms in a · b)` of a boolean operator as a polynomial.
fn boolean(call: &mut Call<'_>, linear: f64, product: f64) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    expect_bool(a)?;
    expect_bool(b)?;
    let (dims, pairs) = pairs(a, b)?;
    let combos = pairs
        .into_iter()
        .map(|(a, b)| Combo {
            terms: if linear == 0.0 {
                Vec::new()
            } else {
                vec![(a, linear), (b, linear)]
            },
            products: vec![(a, b, product)],
            ..Combo::default()
        })
        .collect();
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(dims, elems, Kind::Bool)])
}

pub(super) fn and(call: &mut Call<'_>) -> Outcome {
    boolean(call, 0.0, 1.0)
}

pub(super) fn or(call: &mut Call<'_>) -> Outcome {
    boolean(call, 1.0, -1.0)
}

pub(super) fn xor(call: &mut Call<'_>) -> Outcome {
    boolean(call, 1.0, -2.0)
}

/// `b + c (a − b)` for a condition `c`.
pub(super) fn choose(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(3)?;
    let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
    expect_bool(condition)?;
    let kind = a.kind();
    if kind != b.kind() {
        return Err(format!(
            "chooses between {} and {} values",
            kind.name(),
            b.kind().name()
        ));
    }
    let dims = broadcast(&broadcast(condition.dims(), a.dims())?, b.dims())?;
    wire_elements(&dims)?;
    let spread = |value: &Value| expand(value.dims(), &dims);
    let (at_c, at_a, at_b) = (spread(condition), spread(a), spread(b));
    if let Value::Constant(condition) = condition {
        // A choice of elements, once both sides lie in one list.
        let all = super::join::side_by_side(&[a, b])?;
        let truth = condition.reals()?;
        let order: Vec<usize> = (0..at_c.len())
            .map(|at| {
                if truth[at_c[at]] != 0.0 {
                    at_a[at]
                } else {
                    a.len() + at_b[at]
                }
            })
            .collect();
        return Ok(vec![all.select(dims, &order)]);
    }
    if let Kind::Text(_) = kind {
        return Err("chooses between strings".into());
    }
    let (c, a, b) = (condition.elems()?, a.elems()?, b.elems()?);
    let combos = (0..at_c.len())
        .map(|at| {
            let (c, a, b) = (c[at_c[at]], a[at_a[at]], b[at_b[at]]);
            Combo {
                terms: vec![(b, 1.0)],
                products: vec![(c, a, 1.0), (c, b, -1.0)],
                ..Combo::default()
            }
        })
        .collect();
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(dims, elems, kind)])
}

/// Mod of constants, as exporters use it on shapes.
pub(super) fn modulo(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["fmod"])?;
    call.at_most(2)?;
    let truncated = call.flag("fmod", false)?;
    let (a, b) = (call.constant(0, "dividend")?, call.constant(1, "divisor")?);
    let dims = broadcast(&a.dims, &b.dims)?;
    let (left, right) = (a.reals()?, b.reals()?);
    let at = expand(&a.dims, &dims)
        .into_iter()
        .zip(expand(&b.dims, &dims));
    let values = at
        .map(|(i, j)| match (left[i], right[j]) {
            (_, 0.0) => Err("divides by 0"),
            (a, b) if truncated => Ok(a % b),
            (a, b) => Ok(a - b * (a / b).floor()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(vec![Value::Constant(Tensor::from_reals(
        dims,
        &values,
        a.kind(),
    ))])
}

/// Whether elements are finite: all are, since inputs and parameters are.
pub(super) fn never(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["detect_negative", "detect_positive"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let zeros = vec![0.0; value.len()];
    Ok(vec![Value::Constant(Tensor::from_reals(
        value.dims().to_vec(),
        &zeros,
        BOOL,
    ))])
}
