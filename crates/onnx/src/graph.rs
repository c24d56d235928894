//! From the decoded file to the float graph: inputs, order of evaluation, outputs.

use std::collections::HashMap;

use haloracle_model::graph::{FloatGraph, FloatOp, Function, Task};

use crate::builder::{Builder, fold};
use crate::call::Call;
use crate::error::OnnxError;
use crate::inputs::{InputTensor, inputs};
use crate::ops;
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::schedule::{label, schedule};
use crate::tensor::{BOOL, DOUBLE, FLOAT, Tensor};
use crate::value::{Elem, Kind, Value};
use crate::{ML_OPSETS, OPSETS};

/// Most elements of all tensors that nodes compute: a limit on memory and time.
const MAX_TOTAL_ELEMENTS: usize = 1 << 27;

/// What a file gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The float graph; its features are the inputs' elements, one input after the other.
    pub graph: FloatGraph,
    /// The inputs, in order.
    pub inputs: Vec<InputTensor>,
    /// The outputs that the graph's outputs come from, in order.
    pub outputs: Vec<String>,
    /// Choices that were made while reading, for people.
    pub notes: Vec<String>,
}

/// Versions of the operator sets that a file uses.
pub(crate) struct Opsets {
    own: Option<i64>,
    ml: Option<i64>,
}

/// Whether a domain is ONNX's own.
pub(crate) fn own(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Reads a decoded model; `file` is for errors, `name` becomes the model's.
pub(crate) fn read(file: &str, name: &str, model: &ModelProto) -> Result<Imported, OnnxError> {
    let wrong = |what: String| OnnxError::Graph {
        file: file.into(),
        what,
    };
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::Decode {
        file: file.into(),
        reason: "it holds no graph".into(),
    })?;
    let opsets = opsets(file, model)?;
    if let Some(function) = model.functions.first() {
        let needed = graph.node.iter().any(|node| {
            let all = &model.functions;
            all.iter()
                .any(|f| f.domain == node.domain && f.name == node.op_type)
        });
        if needed {
            return Err(wrong(format!(
                "defines operators of its own (`{}`); export without local functions",
                function.name
            )));
        }
    }
    if !graph.sparse_initializer.is_empty() {
        return Err(wrong("has sparse weights; export dense ones".into()));
    }
    let mut initializers: HashMap<&str, &TensorProto> = HashMap::new();
    for tensor in &graph.initializer {
        if initializers.insert(&tensor.name, tensor).is_some() {
            return Err(wrong(format!("two weights are named `{}`", tensor.name)));
        }
    }
    let inputs = inputs(graph, &initializers).map_err(wrong)?;
    let mut notes = Vec::new();
    let outputs = outputs(graph, &mut notes).map_err(wrong)?;
    let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let order = schedule(file, graph, &names, &inputs, &initializers)?;

    let features = inputs.iter().map(InputTensor::len).sum();
    let mut builder = Builder::new(features);
    let mut values: HashMap<&str, Value> = HashMap::new();
    let mut first = 0;
    for input in &inputs {
        let wires = first..first + input.len();
        first = wires.end;
        let elems = wires.map(|wire| Elem::Wire(wire as u32, 0)).collect();
        let value = Value::wires(input.dims.clone(), elems, input.kind.clone());
        values.insert(&input.name, value);
    }
    // How many nodes still read a name; tensors that no node will read are let go.
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in order.iter().flat_map(|index| &graph.node[*index].input) {
        *readers.entry(name).or_default() += 1;
    }
    for name in &names {
        *readers.entry(name).or_default() += 1;
    }
    let mut budget = MAX_TOTAL_ELEMENTS;
    for index in &order {
        let node = &graph.node[*index];
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            if let Some(tensor) = initializers.get(name.as_str())
                && !values.contains_key(name.as_str())
            {
                values.insert(name, Value::Constant(decode(file, tensor)?));
            }
        }
        let results = call(
            file,
            *index,
            node,
            &opsets,
            &values,
            &mut builder,
            &mut notes,
        )?;
        for (name, value) in node.output.iter().zip(results) {
            budget = budget.checked_sub(value.len()).ok_or_else(|| {
                wrong(format!(
                    "computes tensors of more than {MAX_TOTAL_ELEMENTS} elements in all"
                ))
            })?;
            if !name.is_empty() && readers.contains_key(name.as_str()) {
                values.insert(name, value);
            }
        }
        for name in &node.input {
            if let Some(left) = readers.get_mut(name.as_str()) {
                *left -= 1;
                if *left == 0 {
                    values.remove(name.as_str());
                }
            }
        }
    }

    let mut results = Vec::new();
    let mut elems = Vec::new();
    for name in &names {
        let value = values
            .get(name)
            .ok_or_else(|| wrong(format!("no node computes the output `{name}`")))?;
        if let Value::Constant(_) = value {
            return Err(wrong(format!(
                "output `{name}` is constant: it does not depend on the input"
            )));
        }
        elems.extend(value.elems().map_err(wrong)?);
        results.push(value);
    }
    builder.label = "output".into();
    let has_label = graph.output.len() > results.len();
    let decision = builder.decision(&elems);
    let task = match decision.filter(|d| has_label || !d.label_only) {
        Some(decision) => {
            elems = decision.by;
            let rule = match decision.task {
                Task::Threshold(thousandths) => format!(
                    "the score that decides is left: the second class is chosen where it is above \
                     {}",
                    f64::from(thousandths) / 1000.0
                ),
                _ => "the numbers that decide are left, one per class".into(),
            };
            notes.push(format!(
                "of output `{}` {rule}; by the largest of its numbers onnxruntime's class would \
                 be another",
                names[0]
            ));
            decision.task
        }
        None => task(model, graph, &order, &results, &elems, &builder),
    };
    let wires = builder.wires(&elems).map_err(wrong)?;
    let (nodes, outputs) = fold(builder, wires).map_err(wrong)?;
    Ok(Imported {
        graph: FloatGraph {
            name: name.into(),
            features,
            nodes,
            outputs,
            task,
        },
        outputs: names.into_iter().map(str::to_owned).collect(),
        inputs,
        notes,
    })
}

fn opsets(file: &str, model: &ModelProto) -> Result<Opsets, OnnxError> {
    let mut found = Opsets {
        own: None,
        ml: None,
    };
    for set in &model.opset_import {
        let (slot, known) = match set.domain.as_str() {
            domain if own(domain) => (&mut found.own, OPSETS),
            "ai.onnx.ml" => (&mut found.ml, ML_OPSETS),
            // Operators of other domains are refused where they are used.
            _ => continue,
        };
        if !known.contains(&set.version) || slot.is_some_and(|version| version != set.version) {
            return Err(OnnxError::Opset {
                file: file.into(),
                domain: if own(&set.domain) {
                    "ai.onnx"
                } else {
                    "ai.onnx.ml"
                },
                version: set.version,
                first: *known.start(),
                last: *known.end(),
            });
        }
        *slot = Some(set.version);
    }
    if model.opset_import.is_empty() {
        return Err(OnnxError::Decode {
            file: file.into(),
            reason: "it names no operator set".into(),
        });
    }
    Ok(found)
}

/// The outputs to compute: scores where there are any, labels otherwise.
fn outputs<'g>(
    graph: &'g GraphProto,
    notes: &mut Vec<String>,
) -> Result<Vec<&'g ValueInfoProto>, String> {
    let is_label = |output: &&ValueInfoProto| {
        let tensor = output.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        tensor
            .is_some_and(|tensor| !matches!(i64::from(tensor.elem_type), 0 | FLOAT | DOUBLE | BOOL))
    };
    let (labels, scores): (Vec<_>, Vec<_>) = graph.output.iter().partition(is_label);
    let names = |outputs: &[&ValueInfoProto]| -> String {
        let names: Vec<String> = outputs.iter().map(|o| format!("`{}`", o.name)).collect();
        names.join(", ")
    };
    if graph.output.is_empty() {
        return Err("has no output".into());
    }
    if scores.is_empty() {
        if labels.len() > 1 {
            return Err(format!(
                "has several integer outputs ({}); export only the one you need",
                names(&labels)
            ));
        }
        return Ok(labels);
    }
    if !labels.is_empty() {
        notes.push(format!(
            "output {} (the class) is left out: the class is read off {}",
            names(&labels),
            names(&scores)
        ));
    }
    if scores.len() > 1 {
        notes.push(format!(
            "the outputs {} are joined in this order",
            names(&scores)
        ));
    }
    Ok(scores)
}

/// What the outputs mean.
fn task(
    model: &ModelProto,
    graph: &GraphProto,
    order: &[usize],
    results: &[&Value],
    elems: &[Elem],
    builder: &Builder,
) -> Task {
    let [value] = results else {
        return Task::Regression;
    };
    if matches!(value.kind(), Kind::Int | Kind::Text(_)) {
        return Task::Class;
    }
    let classifies = graph.output.len() > 1;
    let regresses = order
        .iter()
        .any(|index| graph.node[*index].op_type.ends_with("Regressor"));
    // scikit-learn's exporter gives every classifier a label output.
    let from_sklearn = model.producer_name == "skl2onnx" || model.producer_name == "OnnxMLTools";
    if !classifies && (regresses || from_sklearn) {
        return Task::Regression;
    }
    if let [elem] = elems {
        let sigmoid = matches!(builder.maker(*elem), Some(FloatOp::Map(Function::Sigmoid)));
        return Task::Threshold(if sigmoid { 500 } else { 0 });
    }
    let axes = value.dims().iter().filter(|d| **d > 1).count();
    if axes == 1 || classifies {
        Task::Scores
    } else {
        Task::Regression
    }
}

fn decode(file: &str, tensor: &TensorProto) -> Result<Tensor, OnnxError> {
    Tensor::decode(tensor).map_err(|what| OnnxError::Tensor {
        file: file.into(),
        tensor: tensor.name.clone(),
        what,
    })
}

fn call(
    file: &str,
    index: usize,
    node: &NodeProto,
    opsets: &Opsets,
    values: &HashMap<&str, Value>,
    builder: &mut Builder,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, OnnxError> {
    let fail = |what: String| OnnxError::Node {
        file: file.into(),
        index,
        node: label(node),
        op: node.op_type.clone(),
        what,
    };
    let Some(operator) = ops::find(&node.domain, &node.op_type) else {
        return Err(unsupported(file, index, node));
    };
    let version = if own(&node.domain) {
        opsets.own
    } else {
        opsets.ml
    };
    let opset = version.ok_or_else(|| {
        fail(format!(
            "the file names no version of the operator set `{}`",
            if own(&node.domain) {
                "ai.onnx"
            } else {
                &node.domain
            }
        ))
    })?;
    let inputs = node
        .input
        .iter()
        .map(|name| values.get(name.as_str()))
        .collect();
    builder.label = label(node);
    let results = (operator.import)(&mut Call {
        node,
        opset,
        inputs,
        builder,
        notes,
    })
    .map_err(fail)?;
    if results.len()
        < node
            .output
            .iter()
            .rposition(|o| !o.is_empty())
            .map_or(0, |at| at + 1)
    {
        return Err(fail(format!(
            "has {} outputs; {} are supported",
            node.output.len(),
            results.len()
        )));
    }
    Ok(results)
}

fn unsupported(file: &str, index: usize, node: &NodeProto) -> OnnxError {
    let op = if own(&node.domain) {
        node.op_type.clone()
    } else {
        format!("{}.{}", node.domain, node.op_type)
    };
    OnnxError::UnsupportedOperator {
        file: file.into(),
        index,
        node: label(node),
        op,
    }
}
