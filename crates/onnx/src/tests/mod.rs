//! Models made in memory, and what is said about them.

mod extremes;
mod reading;
mod refusals;
mod shapes;

use prost::Message;

use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetId, ShapeProto,
    TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::{OnnxError, read_graph};

pub(super) fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |d: &i64| match d {
        // Negative: symbolic.
        ..0 => DimensionProto {
            dim_value: None,
            dim_param: Some("n".into()),
        },
        _ => DimensionProto {
            dim_value: Some(*d),
            dim_param: None,
        },
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: 1,
                shape: Some(ShapeProto {
                    dim: dims.iter().map(dim).collect(),
                }),
            }),
            sequence_type: None,
        }),
    }
}

pub(super) fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 1,
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub(super) fn node(op: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: format!("{}_of_{output}", op.to_lowercase()),
        input: input.iter().map(|s| (*s).into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

/// x (batch, 2) → Gemm → Relu → y (batch, 2).
pub(super) fn model() -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetId {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(GraphProto {
            node: vec![
                node("Gemm", &["x", "w", "b"], "h"),
                node("Relu", &["h"], "y"),
            ],
            initializer: vec![
                tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
                tensor("b", &[2], &[0.5, -0.5]),
            ],
            input: vec![value("x", &[-1, 2])],
            output: vec![value("y", &[-1, 2])],
            sparse_initializer: Vec::new(),
        }),
        ..ModelProto::default()
    }
}

/// The error of [`model`] after `change`.
pub(super) fn refused(change: impl FnOnce(&mut GraphProto)) -> OnnxError {
    let mut model = model();
    change(model.graph.as_mut().unwrap());
    read_graph(&model.encode_to_vec(), "m.onnx").unwrap_err()
}

/// Asserts that the error of [`model`] after `change` says every one of `parts`.
pub(super) fn says(parts: &[&str], change: impl FnOnce(&mut GraphProto)) {
    let text = refused(change).to_string();
    assert!(text.contains("`m.onnx`"), "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// An integer attribute.
pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i,
        r#type: 2,
        ..AttributeProto::default()
    }
}

/// An attribute of several integers.
pub(super) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: ints.to_vec(),
        r#type: 7,
        ..AttributeProto::default()
    }
}

/// A constant of one axis of integers.
pub(super) fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}
