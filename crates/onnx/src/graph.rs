//! From the decoded file to the normalized float chain.

use std::collections::HashMap;

use haloracle_model::{Chain, FloatModel};

use crate::OPSETS;
use crate::error::OnnxError;
use crate::ops::{self, Call, Value};
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::tensor::{FLOAT, Tensor, elements, type_name};

/// Most input features: a limit on memory before any weight backs the declared size.
const MAX_FEATURES: usize = 1 << 16;

/// Imports a decoded model; `file` is for errors, `name` becomes the model's.
pub(crate) fn import(file: &str, name: &str, model: &ModelProto) -> Result<FloatModel, OnnxError> {
    let wrong = |what: String| OnnxError::Graph {
        file: file.into(),
        what,
    };
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::Decode {
        file: file.into(),
        reason: "it holds no graph".into(),
    })?;
    check_opset(file, model, graph)?;
    if !graph.sparse_initializer.is_empty() {
        return Err(wrong("has sparse weights; export dense ones".into()));
    }
    let mut initializers: HashMap<&str, &TensorProto> = HashMap::new();
    for tensor in &graph.initializer {
        if initializers.insert(&tensor.name, tensor).is_some() {
            return Err(wrong(format!("two weights are named `{}`", tensor.name)));
        }
    }
    let input = single_input(graph, &initializers).map_err(wrong)?;
    let dims = input_dims(input).map_err(wrong)?;
    let features = elements(&dims).map_err(wrong)?;
    if features > MAX_FEATURES {
        return Err(wrong(format!(
            "input `{}` has {features} features; at most {MAX_FEATURES} are supported",
            input.name
        )));
    }
    let output = single_output(graph).map_err(wrong)?;
    let order = schedule(file, graph, &output.name, &input.name, &initializers)?;

    let mut chain = Chain::new(name, features);
    let mut version = 0;
    let mut values: HashMap<&str, Value> = HashMap::new();
    values.insert(&input.name, Value::Activations { dims, version });
    for index in order {
        let node = &graph.node[index];
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            if let Some(tensor) = initializers.get(name.as_str())
                && !values.contains_key(name.as_str())
            {
                values.insert(name, Value::Constant(decode(file, tensor)?));
            }
        }
        let value = call(file, index, node, &values, &mut chain, &mut version)?;
        values.insert(&node.output[0], value);
    }
    match values.get(output.name.as_str()) {
        Some(Value::Activations { version: v, .. }) if *v == version => {}
        Some(Value::Constant(_)) => {
            return Err(wrong(format!(
                "output `{}` is constant: it does not depend on the input",
                output.name
            )));
        }
        _ => return Err(wrong(branch(&output.name))),
    }
    chain.finish().map_err(|source| OnnxError::Float {
        file: file.into(),
        source,
    })
}

/// Whether a domain is ONNX's own.
fn own(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn check_opset(file: &str, model: &ModelProto, graph: &GraphProto) -> Result<(), OnnxError> {
    let version = model
        .opset_import
        .iter()
        .find(|set| own(&set.domain))
        .map(|set| set.version);
    match version {
        Some(version) if OPSETS.contains(&version) => Ok(()),
        Some(version) => Err(OnnxError::Opset {
            file: file.into(),
            version,
        }),
        // A file of foreign operators alone need not import ONNX's own.
        None => Err(match graph.node.iter().position(|n| !own(&n.domain)) {
            Some(index) => unsupported(file, index, &graph.node[index]),
            None => OnnxError::Decode {
                file: file.into(),
                reason: "it names no operator set".into(),
            },
        }),
    }
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

fn single_input<'g>(
    graph: &'g GraphProto,
    initializers: &HashMap<&str, &TensorProto>,
) -> Result<&'g ValueInfoProto, String> {
    // Before IR version 4 weights were listed as inputs too.
    let inputs: Vec<&ValueInfoProto> = graph
        .input
        .iter()
        .filter(|input| !initializers.contains_key(input.name.as_str()))
        .collect();
    match inputs[..] {
        [input] => Ok(input),
        [] => Err("has no input; a model takes exactly one tensor".into()),
        _ => Err(format!(
            "has {} inputs ({}); a model takes exactly one tensor: concatenate them before export",
            inputs.len(),
            names(&inputs)
        )),
    }
}

fn single_output(graph: &GraphProto) -> Result<&ValueInfoProto, String> {
    match &graph.output[..] {
        [output] => Ok(output),
        [] => Err("has no output; a model gives exactly one tensor".into()),
        outputs => Err(format!(
            "has {} outputs ({}); a model gives exactly one tensor: export only the one you need",
            outputs.len(),
            names(&outputs.iter().collect::<Vec<_>>())
        )),
    }
}

fn names(values: &[&ValueInfoProto]) -> String {
    let names: Vec<String> = values.iter().map(|v| format!("`{}`", v.name)).collect();
    names.join(", ")
}

/// Shape of the input with a batch of 1: the first of several axes may be symbolic.
fn input_dims(input: &ValueInfoProto) -> Result<Vec<usize>, String> {
    let name = &input.name;
    let tensor = input
        .r#type
        .as_ref()
        .and_then(|t| t.tensor_type.as_ref())
        .ok_or_else(|| format!("input `{name}` is not a tensor"))?;
    if i64::from(tensor.elem_type) != FLOAT {
        return Err(format!(
            "input `{name}` has type {}; only float32 is supported: export with a float32 input",
            type_name(i64::from(tensor.elem_type))
        ));
    }
    let shape = tensor.shape.as_ref().ok_or_else(|| {
        format!("input `{name}` has no shape; export with a fixed number of features")
    })?;
    let rank = shape.dim.len();
    if rank == 0 {
        return Err(format!("input `{name}` is a single number without an axis"));
    }
    shape
        .dim
        .iter()
        .enumerate()
        .map(|(axis, dim)| {
            let batch = axis == 0 && rank > 1;
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
        .collect()
}

/// Nodes that the output needs, each after the nodes it reads.
fn schedule(
    file: &str,
    graph: &GraphProto,
    output: &str,
    input: &str,
    initializers: &HashMap<&str, &TensorProto>,
) -> Result<Vec<usize>, OnnxError> {
    let wrong = |what: String| OnnxError::Graph {
        file: file.into(),
        what,
    };
    let mut producers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            let taken = name == input || initializers.contains_key(name.as_str());
            if taken || producers.insert(name, index).is_some() {
                return Err(wrong(format!("`{name}` is computed twice")));
            }
        }
    }
    let Some(last) = producers.get(output) else {
        return Err(wrong(format!("no node computes the output `{output}`")));
    };
    // Depth first without recursion: a node is entered, then left once its inputs are done.
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; graph.node.len()];
    let mut order = Vec::new();
    let mut stack = vec![(*last, false)];
    while let Some((index, leaving)) = stack.pop() {
        let node = &graph.node[index];
        if leaving {
            marks[index] = Mark::Done;
            order.push(index);
            continue;
        }
        match marks[index] {
            Mark::Done => continue,
            Mark::Open => {
                return Err(wrong(format!(
                    "nodes form a cycle through node {index} `{}`",
                    label(node)
                )));
            }
            Mark::New => marks[index] = Mark::Open,
        }
        stack.push((index, true));
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            match producers.get(name.as_str()) {
                Some(producer) if marks[*producer] == Mark::Open => {
                    return Err(wrong(format!("nodes form a cycle through `{name}`")));
                }
                Some(producer) => stack.push((*producer, false)),
                None if name == input || initializers.contains_key(name.as_str()) => {}
                None => {
                    return Err(OnnxError::Node {
                        file: file.into(),
                        index,
                        node: label(node),
                        op: node.op_type.clone(),
                        what: format!("reads `{name}`, which nothing provides"),
                    });
                }
            }
        }
    }
    Ok(order)
}

/// A node's name, or that of its first output.
fn label(node: &NodeProto) -> String {
    if node.name.is_empty() {
        node.output.first().cloned().unwrap_or_default()
    } else {
        node.name.clone()
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
    values: &HashMap<&str, Value>,
    chain: &mut Chain,
    version: &mut usize,
) -> Result<Value, OnnxError> {
    let label = label(node);
    let Some(import) = ops::find(&node.op_type).filter(|_| own(&node.domain)) else {
        return Err(unsupported(file, index, node));
    };
    let fail = |what: String| OnnxError::Node {
        file: file.into(),
        index,
        node: label.clone(),
        op: node.op_type.clone(),
        what,
    };
    if node.output.len() != 1 {
        return Err(fail(format!(
            "has {} outputs; one is supported",
            node.output.len()
        )));
    }
    let mut inputs = Vec::with_capacity(node.input.len());
    for name in &node.input {
        let value = values.get(name.as_str());
        if let Some(Value::Activations { version: v, .. }) = value
            && *v != *version
        {
            return Err(fail(branch(name)));
        }
        inputs.push(value);
    }
    let mut call = Call {
        node,
        label: &label,
        inputs,
        chain,
        version,
    };
    import(&mut call).map_err(fail)
}

fn branch(name: &str) -> String {
    format!(
        "`{name}` is used more than once: branches and residual connections are not supported, \
         only a chain of layers"
    )
}
