//! The model's inputs: which tensors they are, and their shapes for one sample.

use std::collections::HashMap;

use crate::proto::{GraphProto, TensorProto, ValueInfoProto};
use crate::shape::elements;
use crate::tensor::{DOUBLE, FLOAT, INT32, INT64, type_name};
use crate::value::Kind;

/// Most input features: a limit on memory before any weight backs the declared size.
const MAX_FEATURES: usize = 1 << 16;

/// One input of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct InputTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape for one sample: the batch axis, if any, has size 1.
    pub dims: Vec<usize>,
    pub(crate) kind: Kind,
}

impl InputTensor {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// The inputs in order.
pub(crate) fn inputs(
    graph: &GraphProto,
    initializers: &HashMap<&str, &TensorProto>,
) -> Result<Vec<InputTensor>, String> {
    let recurrent = graph
        .node
        .iter()
        .any(|node| matches!(node.op_type.as_str(), "LSTM" | "GRU" | "RNN"));
    // Before IR version 4 weights were listed as inputs too.
    let inputs = graph
        .input
        .iter()
        .filter(|input| !initializers.contains_key(input.name.as_str()))
        .map(|value| input(value, recurrent))
        .collect::<Result<Vec<_>, _>>()?;
    if inputs.is_empty() {
        return Err("has no input".into());
    }
    for (at, input) in inputs.iter().enumerate() {
        if inputs[..at].iter().any(|other| other.name == input.name) {
            return Err(format!("two inputs are named `{}`", input.name));
        }
    }
    let mut features = 0;
    for input in &inputs {
        features +=
            elements(&input.dims).map_err(|what| format!("input `{}`: {what}", input.name))?;
    }
    if features > MAX_FEATURES {
        return Err(format!(
            "input `{}` has {features} features; at most {MAX_FEATURES} are supported",
            inputs[0].name
        ));
    }
    Ok(inputs)
}

/// The input that a declaration describes. In a recurrent model a sequence may come before the
/// batch: (steps, batch, features).
fn input(input: &ValueInfoProto, recurrent: bool) -> Result<InputTensor, String> {
    let name = &input.name;
    let tensor = input
        .r#type
        .as_ref()
        .and_then(|t| t.tensor_type.as_ref())
        .ok_or_else(|| format!("input `{name}` is not a tensor"))?;
    let kind = match i64::from(tensor.elem_type) {
        FLOAT => Kind::Float,
        DOUBLE => Kind::Double,
        INT32 | INT64 => Kind::Int,
        other => {
            return Err(format!(
                "input `{name}` has type {}; supported are float32, float64, int32 and int64: \
                 export with a float32 input",
                type_name(other)
            ));
        }
    };
    let shape = tensor.shape.as_ref().ok_or_else(|| {
        format!("input `{name}` has no shape; export with a fixed number of features")
    })?;
    let rank = shape.dim.len();
    if rank == 0 {
        return Err(format!("input `{name}` is a single number without an axis"));
    }
    let steps_first = recurrent
        && rank == 3
        && shape.dim[0].dim_value.is_some_and(|size| size > 1)
        && shape.dim[1].dim_value.is_none_or(|size| size == 1);
    let dims = shape
        .dim
        .iter()
        .enumerate()
        .map(|(axis, dim)| {
            let batch = rank > 1 && axis == usize::from(steps_first);
            match dim.dim_value {
                Some(1) if batch => Ok(1),
                Some(size) if batch && size > 1 => Err(format!(
                    "input `{name}` has a batch of {size}; export with a batch of 1 or a \
                     symbolic one"
                )),
                Some(size) if size > 0 => {
                    usize::try_from(size).map_err(|_| format!("input `{name}`: axis of {size}"))
                }
                _ if batch => Ok(1),
                _ => Err(format!(
                    "axis {axis} of input `{name}` has no fixed size{}; only the batch axis may \
                     be symbolic",
                    dim.dim_param
                        .as_ref()
                        .map_or(String::new(), |p| format!(" (`{p}`)"))
                )),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(InputTensor {
        name: name.clone(),
        dims,
        kind,
    })
}
