//! The chain that the first quantizer takes, from the graph.

use haloracle_model::float::{Activation, FloatError, FloatModel};
use haloracle_model::graph::{FloatGraph, FloatOp, Function};
use haloracle_model::{Chain, WireId};

/// The graph as a chain of layers.
pub(crate) fn chain(graph: &FloatGraph) -> Result<FloatModel, String> {
    let mut chain = Chain::new(&graph.name, graph.features);
    let mut wires: Vec<WireId> = (0..graph.features as WireId).collect();
    let mut next = graph.features as WireId;
    let fail = |e: FloatError| e.to_string();
    for node in &graph.nodes {
        let branch = || {
            format!(
                "`{}` makes the model a graph; only chains can be quantized yet",
                node.name
            )
        };
        if node.inputs != wires {
            return Err(branch());
        }
        match &node.op {
            FloatOp::Dense { weights, bias } => {
                chain.linear(&node.name, weights, bias).map_err(fail)?;
            }
            FloatOp::Sparse { units } => {
                let diagonal = units.len() == wires.len()
                    && units.iter().enumerate().all(|(at, unit)| {
                        unit.products.is_empty()
                            && matches!(unit.terms[..], [(x, _)] if x as usize == at)
                    });
                if !diagonal {
                    return Err(branch());
                }
                let scale: Vec<f64> = units.iter().map(|unit| unit.terms[0].1).collect();
                let shift: Vec<f64> = units.iter().map(|unit| unit.bias).collect();
                chain
                    .elementwise(&node.name, &scale, &shift)
                    .map_err(fail)?;
            }
            FloatOp::Map(Function::Relu) => {
                chain.activate(&node.name, Activation::Relu).map_err(fail)?;
            }
            FloatOp::Map(Function::Sigmoid) => {
                chain
                    .activate(&node.name, Activation::Sigmoid)
                    .map_err(fail)?;
            }
            _ => return Err(branch()),
        }
        let count = node.outputs() as WireId;
        wires = (next..next + count).collect();
        next += count;
    }
    if graph.outputs != wires {
        return Err(
            "its outputs are not those of its last layer; only chains can be quantized yet".into(),
        );
    }
    chain.finish().map_err(fail)
}
