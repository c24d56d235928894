//! Dense layers that only another dense layer reads.

use haloracle_model::WireId;
use haloracle_model::graph::FloatOp;

use super::{Graph, Inputs, Work};

/// Units that one row of the machine multiplies with one input: what dense layers cost by.
const UNITS_PER_ROW: usize = 144;

impl Graph {
    /// Multiplies out neighbouring dense layers where the product costs no more.
    pub(super) fn fold_dense(&mut self) {
        let uses = self.uses();
        let makers = self.makers();
        let mut gone = vec![false; self.nodes.len()];
        for index in 0..self.nodes.len() {
            loop {
                let node = &self.nodes[index];
                let FloatOp::Dense { weights, .. } = &node.op else {
                    break;
                };
                let sole = |maker: usize| {
                    let inner = &self.nodes[maker];
                    let read =
                        |wire: &WireId| uses[*wire as usize] == 1 && node.inputs.contains(wire);
                    let cost = |units: usize, inputs: usize| inputs * units.div_ceil(UNITS_PER_ROW);
                    match &inner.op {
                        FloatOp::Dense {
                            weights: inner_weights,
                            ..
                        } => {
                            let units = weights.len();
                            let others =
                                node.inputs.len() - inner.outputs.len().min(node.inputs.len());
                            !gone[maker]
                                && inner.outputs.iter().all(read)
                                && cost(units, others + inner.inputs.len())
                                    <= cost(units, node.inputs.len())
                                        + cost(inner_weights.len(), inner.inputs.len())
                        }
                        _ => false,
                    }
                };
                let found = node
                    .inputs
                    .iter()
                    .filter_map(|wire| makers[*wire as usize])
                    .map(|(maker, _)| maker)
                    .find(|maker| sole(*maker));
                let Some(maker) = found else {
                    break;
                };
                let merged = multiply(&self.nodes[index], &self.nodes[maker]);
                let Some((inputs, op)) = merged else {
                    break;
                };
                gone[maker] = true;
                self.nodes[index].inputs = inputs;
                self.nodes[index].op = op;
            }
        }
        let mut at = gone.iter();
        self.nodes.retain(|_| at.next().is_some_and(|g| !g));
    }
}

/// `outer ∘ inner` of two dense nodes: inputs and operator.
fn multiply(outer: &Work, inner: &Work) -> Option<(Vec<WireId>, FloatOp)> {
    let (
        FloatOp::Dense {
            weights: w,
            bias: b,
        },
        FloatOp::Dense {
            weights: v,
            bias: a,
        },
    ) = (&outer.op, &inner.op)
    else {
        return None;
    };
    let mut wires = Inputs::default();
    // Per input of the outer node: a place of its own, or a unit of the inner node.
    let places: Vec<Result<u32, usize>> = outer
        .inputs
        .iter()
        .map(|wire| match inner.outputs.iter().position(|o| o == wire) {
            Some(unit) => Err(unit),
            None => Ok(wires.position(*wire)),
        })
        .collect();
    let columns: Vec<usize> = inner
        .inputs
        .iter()
        .map(|w| wires.position(*w) as usize)
        .collect();
    let width = wires.wires.len();
    let mut weights = Vec::with_capacity(w.len());
    let mut bias = Vec::with_capacity(b.len());
    for (row, b) in w.iter().zip(b) {
        let mut merged = vec![0.0; width];
        let mut constant = 0.0;
        for (w, place) in row.iter().zip(&places) {
            match place {
                Ok(column) => merged[*column as usize] += w,
                Err(unit) => {
                    constant += w * a[*unit];
                    for (column, v) in columns.iter().zip(&v[*unit]) {
                        merged[*column] += w * v;
                    }
                }
            }
        }
        weights.push(merged);
        bias.push(b + constant);
    }
    Some((wires.wires, FloatOp::Dense { weights, bias }))
}
