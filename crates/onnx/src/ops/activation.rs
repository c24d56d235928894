//! Relu and Sigmoid.

use haloracle_model::Activation;

use super::{Call, Value};
use crate::tensor::Tensor;

pub(super) fn relu(call: &mut Call<'_>) -> Result<Value, String> {
    apply(call, Activation::Relu)
}

pub(super) fn sigmoid(call: &mut Call<'_>) -> Result<Value, String> {
    apply(call, Activation::Sigmoid)
}

fn apply(call: &mut Call<'_>, activation: Activation) -> Result<Value, String> {
    call.attributes(&[])?;
    call.at_most(1)?;
    match call.input(0)? {
        Value::Constant(tensor) => {
            let values = tensor.floats()?.iter();
            let values = values.map(|v| activation.apply(f64::from(*v)) as f32);
            Ok(Value::Constant(Tensor::float(
                tensor.dims.clone(),
                values.collect(),
            )))
        }
        Value::Activations { dims, .. } => {
            call.step(dims.clone(), |chain, node| chain.activate(node, activation))
        }
    }
}
