//! The order of evaluation: nodes that the outputs need, each after the nodes it reads.

use std::collections::HashMap;

use crate::error::OnnxError;
use crate::inputs::InputTensor;
use crate::proto::{GraphProto, NodeProto, TensorProto};

/// Where the search stands with a node.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Positions of the nodes that `outputs` need, each after the nodes it reads.
pub(crate) fn schedule(
    file: &str,
    graph: &GraphProto,
    outputs: &[&str],
    inputs: &[InputTensor],
    initializers: &HashMap<&str, &TensorProto>,
) -> Result<Vec<usize>, OnnxError> {
    let wrong = |what: String| OnnxError::Graph {
        file: file.into(),
        what,
    };
    let given = |name: &str| {
        initializers.contains_key(name) || inputs.iter().any(|input| input.name == name)
    };
    let mut producers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if given(name) || producers.insert(name, index).is_some() {
                return Err(wrong(format!("`{name}` is computed twice")));
            }
        }
    }
    let mut marks = vec![Mark::New; graph.node.len()];
    let mut order = Vec::new();
    for output in outputs {
        let Some(last) = producers.get(output) else {
            return Err(wrong(format!("no node computes the output `{output}`")));
        };
        // Depth first without recursion: a node is entered, then left once its inputs are done.
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
                    Some(producer) if marks[*producer] == Mark::Done => {}
                    Some(producer) => stack.push((*producer, false)),
                    None if given(name) => {}
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
    }
    Ok(order)
}

/// A node's name, or that of its first output.
pub(crate) fn label(node: &NodeProto) -> String {
    if node.name.is_empty() {
        node.output.first().cloned().unwrap_or_default()
    } else {
        node.name.clone()
    }
}
