//! Tidies a finished graph: what nothing reads is dropped, and linear nodes that only feed one
//! another become one.
//!
//! - A multiple of one wire plus a constant moves into the dense layer, convolution or sum that
//!   makes the wire (batch normalization, bias, scale behind a layer).
//! - A sum that only another sum reads becomes part of it.
//! - A dense layer that only another dense layer reads becomes part of it, where that costs no
//!   more.

mod dense;
mod multiples;
mod sums;
mod trim;

use haloracle_model::WireId;
use haloracle_model::graph::{FloatNode, FloatOp};

use super::{Builder, Inputs, lost};
use trim::trim;

/// A node with the wires it makes spelled out, so that nodes can go and wires can move.
struct Work {
    name: String,
    inputs: Vec<WireId>,
    op: FloatOp,
    outputs: Vec<WireId>,
}

struct Graph {
    features: usize,
    nodes: Vec<Work>,
    outputs: Vec<WireId>,
    wires: usize,
}

/// The graph's nodes and outputs, tidied.
pub(crate) fn fold(
    builder: Builder,
    outputs: Vec<WireId>,
) -> Result<(Vec<FloatNode>, Vec<WireId>), String> {
    let (features, nodes) = builder.finish();
    let mut at = features;
    let nodes = nodes
        .into_iter()
        .map(|node| {
            let first = at;
            at += node.outputs();
            Work {
                outputs: (first..at).map(|wire| wire as WireId).collect(),
                name: node.name,
                inputs: node.inputs,
                op: node.op,
            }
        })
        .collect();
    let mut graph = Graph {
        features,
        nodes,
        outputs,
        wires: at,
    };
    graph.prune();
    graph.fold_multiples();
    graph.fold_sums();
    graph.fold_dense();
    graph.prune();
    graph.finish()
}

impl Graph {
    /// Drops nodes, units and members that nothing reads.
    fn prune(&mut self) {
        let mut needed = vec![false; self.wires];
        for wire in &self.outputs {
            needed[*wire as usize] = true;
        }
        for node in self.nodes.iter_mut().rev() {
            let keep: Vec<bool> = node.outputs.iter().map(|w| needed[*w as usize]).collect();
            if !keep.contains(&true) {
                node.outputs.clear();
                continue;
            }
            if keep.contains(&false) && trim(&mut node.op, &keep, &mut node.inputs) {
                let mut at = keep.iter();
                node.outputs.retain(|_| at.next().is_some_and(|k| *k));
            }
            node.drop_unread_inputs();
            for wire in &node.inputs {
                needed[*wire as usize] = true;
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// How often each wire is read, counting every term.
    fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0u32; self.wires];
        let mut count = |wire: WireId| uses[wire as usize] = uses[wire as usize].saturating_add(1);
        for node in &self.nodes {
            match &node.op {
                FloatOp::Sparse { units } => {
                    for unit in units {
                        unit.terms
                            .iter()
                            .for_each(|(at, _)| count(node.inputs[*at as usize]));
                        for (a, b, _) in &unit.products {
                            count(node.inputs[*a as usize]);
                            count(node.inputs[*b as usize]);
                        }
                    }
                }
                _ => node.inputs.iter().for_each(|wire| count(*wire)),
            }
        }
        self.outputs.iter().for_each(|wire| count(*wire));
        uses
    }

    /// The node and output position that make each wire.
    fn makers(&self) -> Vec<Option<(usize, usize)>> {
        let mut makers = vec![None; self.wires];
        for (index, node) in self.nodes.iter().enumerate() {
            for (at, wire) in node.outputs.iter().enumerate() {
                makers[*wire as usize] = Some((index, at));
            }
        }
        makers
    }

    /// The nodes with wires numbered anew, without gaps.
    fn finish(self) -> Result<(Vec<FloatNode>, Vec<WireId>), String> {
        let mut number: Vec<Option<WireId>> = vec![None; self.wires];
        for (wire, slot) in number.iter_mut().enumerate().take(self.features) {
            *slot = Some(wire as WireId);
        }
        let mut next = self.features;
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let renamed =
            |number: &[Option<WireId>], wires: &[WireId]| -> Result<Vec<WireId>, String> {
                wires
                    .iter()
                    .map(|wire| number[*wire as usize].ok_or_else(lost))
                    .collect()
            };
        for node in self.nodes {
            let inputs = renamed(&number, &node.inputs)?;
            for wire in &node.outputs {
                number[*wire as usize] = Some(next as WireId);
                next += 1;
            }
            nodes.push(FloatNode {
                name: node.name,
                inputs,
                op: node.op,
            });
        }
        for node in &nodes {
            if !parameters(&node.op).all(|v| v.is_finite()) {
                return Err(format!(
                    "`{}`: a weight or bias overflows once constants are worked in; every parameter \
                     must be finite",
                    node.name
                ));
            }
        }
        let outputs = renamed(&number, &self.outputs)?;
        Ok((nodes, outputs))
    }
}

/// All parameters of an operator that must be finite.
fn parameters(op: &FloatOp) -> Box<dyn Iterator<Item = f64> + '_> {
    match op {
        FloatOp::Dense { weights, bias } => Box::new(weights.iter().flatten().chain(bias).copied()),
        FloatOp::Conv(conv) => Box::new(conv.weights.iter().chain(&conv.bias).copied()),
        FloatOp::Sparse { units } => Box::new(units.iter().flat_map(|unit| {
            let terms = unit.terms.iter().map(|(_, c)| *c);
            let products = unit.products.iter().map(|(_, _, c)| *c);
            terms.chain(products).chain([unit.bias])
        })),
        _ => Box::new(std::iter::empty()),
    }
}
