//! Add, Sub, Mul, Div, Neg, Sum, Mean, Max and Min, with broadcasting.

use haloracle_model::graph::{Function, Step};

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{broadcast, expand, wire_elements};
use crate::tensor::{Data, Tensor, type_name};
use crate::value::{Elem, Kind, Value};

/// One of the four operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

pub(super) fn add(call: &mut Call<'_>) -> Outcome {
    apply(call, Binary::Add)
}

pub(super) fn sub(call: &mut Call<'_>) -> Outcome {
    apply(call, Binary::Sub)
}

pub(super) fn mul(call: &mut Call<'_>) -> Outcome {
    apply(call, Binary::Mul)
}

pub(super) fn div(call: &mut Call<'_>) -> Outcome {
    apply(call, Binary::Div)
}

fn apply(call: &mut Call<'_>, op: Binary) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    Ok(vec![binary(call.builder, op, a, b)?])
}

pub(super) fn neg(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    match call.input(0)? {
        Value::Constant(tensor) => {
            let zero = Tensor::from_reals(Vec::new(), &[0.0], tensor.kind());
            Ok(vec![Value::Constant(constants(
                Binary::Sub,
                &zero,
                tensor,
            )?)])
        }
        value => {
            let elems = call.builder.step_all(&value.elems()?, &[Pending::NEGATE])?;
            Ok(vec![Value::wires(
                value.dims().to_vec(),
                elems,
                value.kind(),
            )])
        }
    }
}

/// Sum or Mean of any number of tensors.
fn fold_all(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&[])?;
    let mut total = call.input(0)?.clone();
    for index in 1..call.inputs.len() {
        let next = call.input(index)?;
        total = binary(call.builder, Binary::Add, &total, next)?;
    }
    Ok(total)
}

pub(super) fn sum(call: &mut Call<'_>) -> Outcome {
    Ok(vec![fold_all(call)?])
}

pub(super) fn mean(call: &mut Call<'_>) -> Outcome {
    let total = fold_all(call)?;
    let count = call.inputs.len() as f32;
    let count = Value::Constant(Tensor::float(Vec::new(), vec![count]));
    Ok(vec![binary(call.builder, Binary::Div, &total, &count)?])
}

pub(super) fn max(call: &mut Call<'_>) -> Outcome {
    extreme(call, false)
}

pub(super) fn min(call: &mut Call<'_>) -> Outcome {
    extreme(call, true)
}

/// The largest (or smallest) of any number of tensors, element by element.
fn extreme(call: &mut Call<'_>, smallest: bool) -> Outcome {
    call.attributes(&[])?;
    let mut dims = call.input(0)?.dims().to_vec();
    for index in 1..call.inputs.len() {
        dims = broadcast(&dims, call.input(index)?.dims())?;
    }
    wire_elements(&dims)?;
    let kind = call.input(0)?.kind();
    let mut groups = vec![Vec::new(); dims.iter().product()];
    for index in 0..call.inputs.len() {
        let value = call.input(index)?;
        let elems = value.elems()?;
        for (group, at) in groups.iter_mut().zip(expand(value.dims(), &dims)) {
            group.push(elems[at]);
        }
    }
    Ok(vec![Value::wires(
        dims,
        largest(call.builder, &groups, smallest)?,
        kind,
    )])
}

/// The largest (or smallest) element of each group; constants become a bend at their value.
pub(super) fn largest(
    builder: &mut Builder,
    groups: &[Vec<Elem>],
    smallest: bool,
) -> Result<Vec<Elem>, String> {
    let sign = if smallest { -1.0 } else { 1.0 };
    // Per group: its wires, and the largest of its constants.
    let mut wires: Vec<Vec<Elem>> = Vec::new();
    let mut floors: Vec<Option<f64>> = Vec::new();
    for group in groups {
        let mut members = Vec::new();
        let mut floor: Option<f64> = None;
        for elem in group {
            match elem {
                Elem::Const(c) => floor = Some(floor.map_or(sign * c, |f| f.max(sign * c))),
                wire if members.contains(wire) => {}
                wire => members.push(*wire),
            }
        }
        wires.push(members);
        floors.push(floor);
    }
    if smallest {
        for members in &mut wires {
            *members = builder.step_all(members, &[Pending::NEGATE])?;
        }
    }
    // Groups of several wires need a node; one wire is itself.
    let several: Vec<Vec<Elem>> = wires.iter().filter(|g| g.len() > 1).cloned().collect();
    let mut made = if several.is_empty() {
        Vec::new()
    } else {
        builder.max(&several)?
    }
    .into_iter();
    let mut results = Vec::with_capacity(groups.len());
    for members in &wires {
        results.push(match members[..] {
            [] => None,
            [one] => Some(one),
            _ => made.next(),
        });
    }
    // max(x, c) = relu(x − c) + c.
    let mut bent = Vec::new();
    for (result, floor) in results.iter().zip(&floors) {
        if let (Some(elem), Some(floor)) = (result, floor) {
            bent.push(builder.step(*elem, constant_step(Binary::Sub, *floor))?);
        }
    }
    let mut bent = builder.map(Function::Relu, &bent)?.into_iter();
    let mut out = Vec::with_capacity(groups.len());
    for (result, floor) in results.into_iter().zip(floors) {
        let elem = match (result, floor) {
            (Some(elem), None) => elem,
            (Some(_), Some(floor)) => {
                let above = bent.next().ok_or("a maximum was lost while reading")?;
                builder.step(above, constant_step(Binary::Add, floor))?
            }
            (None, Some(floor)) => Elem::Const(floor),
            (None, None) => return Err("takes the maximum of nothing".into()),
        };
        out.push(elem);
    }
    if smallest {
        out = builder.step_all(&out, &[Pending::NEGATE])?;
    }
    Ok(out)
}

/// `x ∘ c` as a step: a float32 operation where `c` is a float32 number.
pub(super) fn constant_step(op: Binary, c: f64) -> Pending {
    let single = c as f32;
    if f64::from(single) == c {
        return Pending::Float(match op {
            Binary::Add => Step::Add(single),
            Binary::Sub => Step::Sub(single),
            Binary::Mul => Step::Mul(single),
            Binary::Div => Step::Div(single),
        });
    }
    match op {
        Binary::Add => Pending::Affine(1.0, c),
        Binary::Sub => Pending::Affine(1.0, -c),
        Binary::Mul => Pending::Affine(c, 0.0),
        Binary::Div => Pending::Affine(1.0 / c, 0.0),
    }
}

/// `a ∘ b` of two tensors.
pub(super) fn binary(
    builder: &mut Builder,
    op: Binary,
    a: &Value,
    b: &Value,
) -> Result<Value, String> {
    if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
        return Ok(Value::Constant(constants(op, a, b)?));
    }
    let kind = result_kind(a, b)?;
    if op == Binary::Div && !kind.is_real() {
        return Err(format!(
            "divides {} values that depend on the model's input; only float32 and float64 divide",
            kind.name()
        ));
    }
    let dims = broadcast(a.dims(), b.dims())?;
    wire_elements(&dims)?;
    let (left, right) = (a.elems()?, b.elems()?);
    let pairs: Vec<(Elem, Elem)> = expand(a.dims(), &dims)
        .into_iter()
        .zip(expand(b.dims(), &dims))
        .map(|(a, b)| (left[a], right[b]))
        .collect();
    Ok(Value::wires(dims, elementwise(builder, op, &pairs)?, kind))
}

fn result_kind(a: &Value, b: &Value) -> Result<Kind, String> {
    let (left, right) = (a.kind(), b.kind());
    if left == right && !matches!(left, Kind::Text(_) | Kind::Bool) {
        Ok(left)
    } else {
        Err(format!(
            "combines {} and {} values",
            left.name(),
            right.name()
        ))
    }
}

/// `a ∘ b` for every pair.
pub(super) fn elementwise(
    builder: &mut Builder,
    op: Binary,
    pairs: &[(Elem, Elem)],
) -> Result<Vec<Elem>, String> {
    if op == Binary::Div {
        return quotients(builder, pairs);
    }
    let wires = |(a, b): &(Elem, Elem)| matches!((a, b), (Elem::Wire(..), Elem::Wire(..)));
    if op == Binary::Mul && pairs.iter().all(|pair| wires(pair) && pair.0 == pair.1) {
        let factors: Vec<Elem> = pairs.iter().map(|(a, _)| *a).collect();
        return builder.map(Function::Power(2), &factors);
    }
    let mut combos = Vec::new();
    for (a, b) in pairs.iter().filter(|pair| wires(pair)) {
        combos.push(match op {
            Binary::Add => Combo::sum(&[(*a, 1.0), (*b, 1.0)]),
            Binary::Sub => Combo::sum(&[(*a, 1.0), (*b, -1.0)]),
            Binary::Mul | Binary::Div => Combo::product(*a, *b),
        });
    }
    let mut made = builder.combine(combos)?.into_iter();
    let mut out = Vec::with_capacity(pairs.len());
    for (a, b) in pairs {
        out.push(match (*a, *b) {
            (Elem::Wire(..), Elem::Wire(..)) => {
                made.next().ok_or("a sum was lost while reading")?
            }
            (a, Elem::Const(c)) => builder.step(a, constant_step(op, c))?,
            (Elem::Const(c), b) => match op {
                Binary::Sub => {
                    let negated = builder.step(b, Pending::NEGATE)?;
                    builder.step(negated, constant_step(Binary::Add, c))?
                }
                _ => builder.step(b, constant_step(op, c))?,
            },
        });
    }
    Ok(out)
}

/// `a / b`: by a constant as a step, by an activation as a product with its reciprocal.
fn quotients(builder: &mut Builder, pairs: &[(Elem, Elem)]) -> Result<Vec<Elem>, String> {
    if pairs.iter().any(|(_, b)| *b == Elem::Const(0.0)) {
        return Err("divides by 0; a feature with zero deviation cannot be scaled".into());
    }
    let divisors: Vec<Elem> = pairs
        .iter()
        .filter(|(_, b)| matches!(b, Elem::Wire(..)))
        .map(|(_, b)| *b)
        .collect();
    let mut reciprocals = builder.map(Function::Reciprocal, &divisors)?.into_iter();
    let mut out = Vec::with_capacity(pairs.len());
    let mut products = Vec::new();
    for (a, b) in pairs {
        out.push(match b {
            Elem::Const(c) => Some(builder.step(*a, constant_step(Binary::Div, *c))?),
            Elem::Wire(..) => {
                let inverse = reciprocals
                    .next()
                    .ok_or("a quotient was lost while reading")?;
                if let Elem::Const(c) = a {
                    Some(builder.step(inverse, constant_step(Binary::Mul, *c))?)
                } else {
                    products.push(Combo::product(*a, inverse));
                    None
                }
            }
        });
    }
    let mut made = builder.combine(products)?.into_iter();
    out.into_iter()
        .map(|elem| {
            elem.or_else(|| made.next())
                .ok_or_else(|| "a quotient was lost while reading".into())
        })
        .collect()
}

/// `a ∘ b` of two constants, in their own type.
pub(super) fn constants(op: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let pairs = expand(&a.dims, &dims)
        .into_iter()
        .zip(expand(&b.dims, &dims));
    let data = match (&a.data, &b.data) {
        (Data::Float(a), Data::Float(b)) => Data::Float(
            pairs
                .map(|(i, j)| match op {
                    Binary::Add => a[i] + b[j],
                    Binary::Sub => a[i] - b[j],
                    Binary::Mul => a[i] * b[j],
                    Binary::Div => a[i] / b[j],
                })
                .collect(),
        ),
        (Data::Double(a), Data::Double(b)) => Data::Double(
            pairs
                .map(|(i, j)| match op {
                    Binary::Add => a[i] + b[j],
                    Binary::Sub => a[i] - b[j],
                    Binary::Mul => a[i] * b[j],
                    Binary::Div => a[i] / b[j],
                })
                .collect(),
        ),
        (Data::Int(a, kind), Data::Int(b, other)) if kind == other => {
            let result = |(i, j): (usize, usize)| match op {
                Binary::Add => a[i].checked_add(b[j]),
                Binary::Sub => a[i].checked_sub(b[j]),
                Binary::Mul => a[i].checked_mul(b[j]),
                Binary::Div => a[i].checked_div(b[j]),
            };
            let values = pairs
                .map(|pair| result(pair).ok_or("arithmetic on integer constants overflows"))
                .collect::<Result<_, _>>()?;
            Data::Int(values, *kind)
        }
        _ => {
            return Err(format!(
                "combines constants of types {} and {}",
                type_name(a.kind()),
                type_name(b.kind())
            ));
        }
    };
    let finite = match &data {
        Data::Float(values) => values.iter().all(|v| v.is_finite()),
        Data::Double(values) => values.iter().all(|v| v.is_finite()),
        _ => true,
    };
    if finite {
        Ok(Tensor { dims, data })
    } else {
        Err(
            "arithmetic on constants overflows or divides by 0; every parameter must be finite"
                .into(),
        )
    }
}
