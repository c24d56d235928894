//! Constant and Cast.

use super::{Call, Value};
use crate::tensor::{Data, FLOAT, Tensor, type_name};

pub(super) fn constant(call: &mut Call<'_>) -> Result<Value, String> {
    let known = [
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    ];
    call.attributes(&known)?;
    call.at_most(0)?;
    let [attribute] = call.node.attribute.as_slice() else {
        return Err("must have exactly one value".into());
    };
    let vector = |len: usize| vec![len];
    let tensor = match attribute.name.as_str() {
        "value" => Tensor::decode(attribute.t.as_ref().ok_or("its value is missing")?)?,
        "value_float" => Tensor::float(Vec::new(), vec![attribute.f]),
        "value_floats" => Tensor::float(vector(attribute.floats.len()), attribute.floats.clone()),
        "value_int" => Tensor {
            dims: Vec::new(),
            data: Data::Int64(vec![attribute.i]),
        },
        _ => Tensor {
            dims: vector(attribute.ints.len()),
            data: Data::Int64(attribute.ints.clone()),
        },
    };
    if tensor.dims.contains(&0) {
        return Err("its value is empty".into());
    }
    Ok(Value::Constant(tensor))
}

pub(super) fn cast(call: &mut Call<'_>) -> Result<Value, String> {
    // `saturate` (opset 19) concerns 8-bit floats only.
    call.attributes(&["to", "saturate"])?;
    call.at_most(1)?;
    let to = call
        .attribute("to")
        .map(|a| a.i)
        .ok_or("attribute `to` is missing")?;
    match call.input(0)? {
        Value::Constant(tensor) => Ok(Value::Constant(tensor.cast(to)?)),
        value if to == FLOAT => Ok(value.clone()),
        Value::Activations { .. } => Err(format!(
            "casts activations to {}; only float32 is supported",
            type_name(to)
        )),
    }
}
