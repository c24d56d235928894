//! Constant, ConstantOfShape, Range, Shape, Size, and Cast.

use std::rc::Rc;

use haloracle_model::graph::Function;

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::elements;
use crate::tensor::{
    BOOL, DOUBLE, Data, FLOAT, INT64, STRING, Tensor, range as type_range, type_name,
};
use crate::value::{Elem, Kind, Value};

pub(super) fn constant(call: &mut Call<'_>) -> Outcome {
    let known = [
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
        "value_string",
        "value_strings",
    ];
    call.attributes(&known)?;
    call.at_most(0)?;
    let [attribute] = call.node.attribute.as_slice() else {
        return Err("must have exactly one value".into());
    };
    let tensor = match attribute.name.as_str() {
        "value" => call.tensor("value")?.ok_or("its value is missing")?,
        "value_float" => Tensor::float(Vec::new(), vec![call.float("value_float", 0.0)?]),
        "value_floats" => {
            let values = call.floats("value_floats")?.to_vec();
            Tensor::float(vec![values.len()], values)
        }
        "value_int" => Tensor::int64(Vec::new(), vec![call.int("value_int", 0)?]),
        "value_ints" => {
            let values = call.ints("value_ints")?.unwrap_or_default().to_vec();
            Tensor::int64(vec![values.len()], values)
        }
        "value_string" => Tensor {
            dims: Vec::new(),
            data: Data::Text(vec![call.text("value_string", "")?]),
        },
        _ => {
            let values = call.texts("value_strings")?;
            Tensor {
                dims: vec![values.len()],
                data: Data::Text(values),
            }
        }
    };
    Ok(vec![Value::Constant(tensor)])
}

/// Sizes in a constant, for a tensor to be made.
pub(super) fn sizes(raw: &[i64]) -> Result<Vec<usize>, String> {
    let dims = raw
        .iter()
        .map(|d| usize::try_from(*d).map_err(|_| format!("dimension {d} of {raw:?} is negative")))
        .collect::<Result<Vec<_>, _>>()?;
    elements(&dims)?;
    Ok(dims)
}

pub(super) fn constant_of_shape(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["value"])?;
    call.at_most(1)?;
    let dims = sizes(call.constant(0, "shape")?.integers()?)?;
    let value = match call.tensor("value")? {
        Some(value) if value.len() == 1 => value,
        Some(_) => return Err("its value must be one number".into()),
        None => Tensor::float(vec![1], vec![0.0]),
    };
    let count = elements(&dims)?;
    Ok(vec![Value::Constant(value.select(dims, &vec![0; count]))])
}

pub(super) fn range(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(3)?;
    let part = |index, role| call.constant(index, role);
    let [start, limit, delta] = [part(0, "start")?, part(1, "limit")?, part(2, "delta")?];
    let kind = start.kind();
    if limit.kind() != kind || delta.kind() != kind {
        return Err("start, limit and delta have different types".into());
    }
    let [start, limit, delta] = [start.scalar()?, limit.scalar()?, delta.scalar()?];
    if delta == 0.0 {
        return Err("has a delta of 0".into());
    }
    let count = ((limit - start) / delta).ceil().max(0.0);
    let count = elements(&[count as usize])?;
    let values: Vec<f64> = (0..count).map(|i| start + i as f64 * delta).collect();
    Ok(vec![Value::Constant(Tensor::from_reals(
        vec![count],
        &values,
        kind,
    ))])
}

pub(super) fn shape(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["start", "end"])?;
    call.at_most(1)?;
    let dims = call.input(0)?.dims();
    let rank = dims.len() as i64;
    let clamp = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
    let (start, end) = (clamp(call.int("start", 0)?), clamp(call.int("end", rank)?));
    let part = dims.get(start..end.max(start)).unwrap_or_default();
    let values = part.iter().map(|d| *d as i64).collect();
    Ok(vec![Value::Constant(Tensor::int64(
        vec![part.len()],
        values,
    ))])
}

pub(super) fn size(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let count = call.input(0)?.len() as i64;
    Ok(vec![Value::Constant(Tensor::int64(
        Vec::new(),
        vec![count],
    ))])
}

pub(super) fn cast(call: &mut Call<'_>) -> Outcome {
    // `saturate` (opset 19) concerns 8-bit floats only.
    call.attributes(&["to", "saturate"])?;
    call.at_most(1)?;
    if !call.has("to") {
        return Err("attribute `to` is missing".into());
    }
    let to = call.int("to", 0)?;
    Ok(vec![convert(call.builder, call.input(0)?, to)?])
}

pub(super) fn cast_like(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["saturate"])?;
    call.at_most(2)?;
    let to = match call.input(1)? {
        Value::Constant(tensor) => tensor.kind(),
        Value::Wires(wires) => match wires.kind {
            Kind::Float => FLOAT,
            Kind::Double => DOUBLE,
            Kind::Int => INT64,
            Kind::Bool => BOOL,
            Kind::Text(_) => STRING,
        },
    };
    Ok(vec![convert(call.builder, call.input(0)?, to)?])
}

/// A value in the type numbered `to`.
fn convert(builder: &mut Builder, value: &Value, to: i64) -> Result<Value, String> {
    let wires = match value {
        Value::Constant(tensor) => return Ok(Value::Constant(tensor.cast(to)?)),
        Value::Wires(wires) => wires,
    };
    let refuse = || {
        Err(format!(
            "casts {} values that depend on the model's input to {}; supported are float32, \
             float64, bool, int32 and int64",
            wires.kind.name(),
            type_name(to)
        ))
    };
    let (elems, kind) = match (to, &wires.kind) {
        (STRING, Kind::Text(_)) => return Ok(value.clone()),
        // The names of numbers: the number stays.
        (STRING, Kind::Int) => {
            let names = Rc::new(Vec::new());
            (wires.elems.clone(), Kind::Text(names))
        }
        (_, Kind::Text(_)) => return refuse(),
        (FLOAT, _) => (wires.elems.clone(), Kind::Float),
        (DOUBLE, _) => (wires.elems.clone(), Kind::Double),
        (BOOL, Kind::Bool) => return Ok(value.clone()),
        (BOOL, _) => {
            let zero = builder.map(Function::Zero, &wires.elems)?;
            let not = builder.step_all(&zero, &[Pending::Affine(-1.0, 1.0)])?;
            (not, Kind::Bool)
        }
        _ if type_range(to).is_none() => return refuse(),
        (_, Kind::Int | Kind::Bool) => (wires.elems.clone(), Kind::Int),
        (_, Kind::Float | Kind::Double) => (truncate(builder, &wires.elems)?, Kind::Int),
    };
    Ok(Value::wires(wires.dims.clone(), elems, kind))
}

/// Each number without its fraction: `⌊max(x, 0)⌋ − ⌊max(−x, 0)⌋`.
fn truncate(builder: &mut Builder, elems: &[Elem]) -> Result<Vec<Elem>, String> {
    let whole = |builder: &mut Builder, elems: &[Elem]| {
        let above = builder.map(Function::Relu, elems)?;
        builder.map(Function::Floor, &above)
    };
    let up = whole(builder, elems)?;
    let negated = builder.step_all(elems, &[Pending::NEGATE])?;
    let down = whole(builder, &negated)?;
    let difference = |(a, b): (&Elem, &Elem)| Combo::sum(&[(*a, 1.0), (*b, -1.0)]);
    let combos = up.iter().zip(&down).map(difference).collect();
    builder.combine(combos)
}
