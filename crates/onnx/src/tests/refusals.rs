//! What is refused, and how it is said.

use prost::Message;

use super::{int, model, node, refused, says, tensor, value};
use crate::proto::{AttributeProto, OperatorSetId, TensorProto};
use crate::{OnnxError, operators, read_graph};

#[test]
fn an_unsupported_operator_is_named_with_its_node_and_what_is_supported() {
    let error = refused(|g| g.node[1].op_type = "Loop".into());
    assert!(matches!(&error, OnnxError::UnsupportedOperator { index: 1, op, .. } if op == "Loop"));
    let text = error.to_string();
    assert!(text.contains("node 1 `relu_of_y`"), "{text}");
    for operator in operators() {
        assert!(text.contains(operator.name), "{text}");
    }
    says(&["ai.onnx.ml.DictVectorizer", "node 0"], |g| {
        g.node[0].op_type = "DictVectorizer".into();
        g.node[0].domain = "ai.onnx.ml".into();
    });
    // A version of the operator set must be named.
    says(&["no version of the operator set `ai.onnx.ml`"], |g| {
        g.node[0].op_type = "Scaler".into();
        g.node[0].domain = "ai.onnx.ml".into();
    });
    // A known name in a foreign domain is another operator.
    says(&["com.acme.Relu"], |g| g.node[1].domain = "com.acme".into());
}

#[test]
fn a_node_without_a_name_is_called_after_its_output() {
    says(&["node 1 `y`"], |g| {
        g.node[1].name.clear();
        g.node[1].op_type = "If".into();
    });
}

#[test]
fn opsets_outside_the_range_are_refused() {
    for version in [0, 7, 22, i64::MAX] {
        let mut model = model();
        model.opset_import[0].version = version;
        let error = read_graph(&model.encode_to_vec(), "m.onnx").unwrap_err();
        assert!(matches!(error, OnnxError::Opset { .. }));
        assert!(error.to_string().contains("8 to 21"));
    }
    let mut model = model();
    model.opset_import.clear();
    let error = read_graph(&model.encode_to_vec(), "m.onnx").unwrap_err();
    assert!(error.to_string().contains("no operator set"));
    let ml = |version| OperatorSetId {
        domain: "ai.onnx.ml".into(),
        version,
    };
    model.opset_import = vec![ml(6)];
    let error = read_graph(&model.encode_to_vec(), "m.onnx").unwrap_err();
    assert!(error.to_string().contains("1 to 5"), "{error}");
    // Two versions of one set.
    model.opset_import = vec![ml(1), ml(3)];
    assert!(read_graph(&model.encode_to_vec(), "m.onnx").is_err());
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name_and_element() {
    for (bad, shown) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        says(&["tensor `w`", "element 2", shown], |g| {
            g.initializer[0].float_data[2] = bad;
        });
    }
}

#[test]
fn weights_that_overflow_while_merging_are_refused() {
    says(&["node 0", "must be finite"], |g| {
        g.node = vec![
            node("Mul", &["k", "k"], "kk"),
            node("Identity", &["kk"], "i"),
            node("Mul", &["x", "i"], "y"),
        ];
        g.initializer = vec![tensor("k", &[], &[1e30])];
    });
}

#[test]
fn damaged_tensors_are_refused() {
    says(&["tensor `w`", "has 3 values", "needs 4"], |g| {
        g.initializer[0].float_data.pop();
    });
    says(&["has 15 bytes", "needs 16"], |g| {
        g.initializer[0].float_data.clear();
        g.initializer[0].raw_data = Some(vec![0; 15]);
    });
    says(&["dimension -2"], |g| g.initializer[0].dims[0] = -2);
    says(&["has 4 values", "needs 0"], |g| {
        g.initializer[0].dims[0] = 0
    });
    // Declared sizes are never allocated.
    for dims in [[1 << 62, 1 << 62], [1 << 20, 1 << 20]] {
        says(&["tensor `w`", "limit"], |g| {
            g.initializer[0].dims = dims.into()
        });
    }
}

#[test]
fn other_types_and_external_data_are_refused() {
    says(&["tensor `w`", "float16", "supported are float32"], |g| {
        g.initializer[0].data_type = 10;
    });
    says(&["tensor `w`", "type 99"], |g| {
        g.initializer[0].data_type = 99
    });
    says(&["tensor `w`", "another file"], |g| {
        g.initializer[0].data_location = 1
    });
    says(&["input `x`", "float16", "supported are float32"], |g| {
        let value = g.input[0].r#type.as_mut().unwrap();
        value.tensor_type.as_mut().unwrap().elem_type = 10;
    });
    says(&["sparse"], |g| g.sparse_initializer.push(Vec::new()));
    says(&["casts float32 values", "to float16"], |g| {
        g.node[1] = node("Cast", &["h"], "y");
        g.node[1].attribute.push(int("to", 10));
    });
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    says(&["node 0", "[1, 3]", "[2, 2]"], |g| {
        g.input[0] = value("x", &[-1, 3])
    });
    says(&["batch of 4"], |g| g.input[0] = value("x", &[4, 2]));
    says(&["axis 1 of input `x`", "(`n`)"], |g| {
        g.input[0] = value("x", &[1, -1])
    });
    says(&["axis 0 of input `x`"], |g| g.input[0] = value("x", &[-1]));
    says(&["without an axis"], |g| g.input[0] = value("x", &[]));
    says(&["features"], |g| g.input[0] = value("x", &[-1, 1 << 20]));
    says(&["limit"], |g| g.input[0] = value("x", &[-1, 1 << 40]));
    says(&["has no shape"], |g| {
        let value = g.input[0].r#type.as_mut().unwrap();
        value.tensor_type.as_mut().unwrap().shape = None;
    });
    says(&["not a tensor"], |g| g.input[0].r#type = None);
    says(&["bias of shape [3]", "node 0"], |g| {
        g.initializer[1] = tensor("b", &[3], &[0.0; 3]);
    });
    says(&["do not broadcast"], |g| {
        g.node[1] = node("Add", &["h", "c"], "y");
        g.initializer.push(tensor("c", &[3], &[0.0; 3]));
    });
}

#[test]
fn a_model_beyond_the_memory_limits_is_refused() {
    let shape = |dims: &[i64]| TensorProto {
        name: "s".into(),
        dims: vec![dims.len() as i64],
        data_type: 7,
        int64_data: dims.into(),
        ..TensorProto::default()
    };
    for dims in [[1 << 40, 2], [1 << 62, 1 << 62]] {
        says(&["limit"], |g| {
            g.node = vec![node("Expand", &["x", "s"], "y")];
            g.initializer.push(shape(&dims));
        });
    }
    // Every sum of two different activations takes a unit.
    says(&["limit of 2097152 for activations"], |g| {
        g.input[0] = value("x", &[-1, 1 << 12]);
        g.node = vec![
            node("Reshape", &["x", "s"], "c"),
            node("Add", &["x", "c"], "y"),
        ];
        g.initializer.push(shape(&[1 << 12, 1]));
    });
}

#[test]
fn inputs_and_outputs_that_cannot_be_are_refused_by_name() {
    says(&["has no input"], |g| g.input.clear());
    says(&["two inputs are named `x`"], |g| {
        g.input.push(value("x", &[1, 2]))
    });
    says(&["several integer outputs", "`y`, `h`"], |g| {
        g.output.push(value("h", &[1, 2]));
        for output in &mut g.output {
            let kind = output.r#type.as_mut().unwrap();
            kind.tensor_type.as_mut().unwrap().elem_type = 7;
        }
    });
    says(&["has no output"], |g| g.output.clear());
    says(&["no node computes the output `q`"], |g| {
        g.output[0].name = "q".into()
    });
    says(&["constant"], |g| {
        g.node[1] = node("Relu", &["w"], "y");
    });
}

#[test]
fn broken_wiring_is_refused() {
    says(&["node 1", "reads `nowhere`"], |g| {
        g.node[1].input[0] = "nowhere".into()
    });
    says(&["cycle"], |g| g.node[0].input[0] = "y".into());
    says(&["cycle"], |g| g.node[1].input[0] = "y".into());
    says(&["`h` is computed twice"], |g| {
        g.node[1].output[0] = "h".into()
    });
    says(&["`w` is computed twice"], |g| {
        g.node[1].output[0] = "w".into()
    });
    says(&["two weights are named `w`"], |g| {
        g.initializer[1].name = "w".into()
    });
    says(&["node 1", "input 0 is missing"], |g| {
        g.node[1].input.clear()
    });
    says(&["node 1", "input 0 is missing"], |g| {
        g.node[1].input[0].clear()
    });
    says(&["node 1", "2 outputs; 1 are supported"], |g| {
        g.node[1].output.push("z".into())
    });
}

#[test]
fn operands_in_unsupported_places_are_refused() {
    says(&["divides by 0"], |g| {
        g.node[1] = node("Div", &["h", "b"], "y");
        g.initializer[1].float_data[1] = 0.0;
    });
    says(&["cannot reshape [1, 2] to [3, 1]"], |g| {
        g.node[1] = node("Reshape", &["h", "s"], "y");
        g.initializer.push(TensorProto {
            name: "s".into(),
            dims: vec![2],
            data_type: 7,
            int64_data: vec![3, 1],
            ..TensorProto::default()
        });
    });
    says(&["axis 5"], |g| {
        g.node[1] = node("Flatten", &["h"], "y");
        g.node[1].attribute.push(int("axis", 5));
    });
}

#[test]
fn nothing_is_ignored() {
    says(&["node 1", "2 inputs; at most 1"], |g| {
        g.node[1].input.push("b".into())
    });
    says(&["node 0", "attribute `broadcast`"], |g| {
        g.node[0].attribute.push(AttributeProto {
            name: "broadcast".into(),
            i: 1,
            ..AttributeProto::default()
        });
    });
    // A number where a list belongs would read as 0.
    says(&["node 0", "attribute `alpha` is of the wrong kind"], |g| {
        g.node[0].attribute.push(int("alpha", 2));
    });
    says(&["node 0", "attribute `alpha` is given twice"], |g| {
        for _ in 0..2 {
            g.node[0].attribute.push(AttributeProto {
                name: "alpha".into(),
                f: 2.0,
                r#type: 1,
                ..AttributeProto::default()
            });
        }
    });
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let error = crate::load_graph(std::path::Path::new("no/such.onnx")).unwrap_err();
    assert!(error.to_string().contains("no/such.onnx"));
    assert!(matches!(error, OnnxError::Read { .. }));
    let error = read_graph(&[], "empty.onnx").unwrap_err();
    assert!(error.to_string().contains("it is empty"));
}
