//! Sums that only another sum reads.

use std::collections::HashMap;

use haloracle_model::WireId;
use haloracle_model::graph::{FloatOp, FloatUnit};

use super::{Graph, Inputs};

impl Graph {
    /// Makes a sum that only one other sum reads part of that.
    pub(super) fn fold_sums(&mut self) {
        let uses = self.uses();
        let makers = self.makers();
        let mut gone: Vec<Vec<bool>> = self
            .nodes
            .iter()
            .map(|n| vec![false; n.outputs.len()])
            .collect();
        for index in 0..self.nodes.len() {
            let FloatOp::Sparse { units } = &self.nodes[index].op else {
                continue;
            };
            let inputs = &self.nodes[index].inputs;
            let inner = |wire: WireId| -> Option<(usize, usize, &FloatUnit, &[WireId])> {
                let (maker, output) = makers[wire as usize].filter(|_| uses[wire as usize] == 1)?;
                match &self.nodes[maker].op {
                    FloatOp::Sparse { units } => {
                        Some((maker, output, &units[output], &self.nodes[maker].inputs))
                    }
                    _ => None,
                }
            };
            let foldable = |unit: &FloatUnit| {
                unit.terms
                    .iter()
                    .any(|(at, _)| inner(inputs[*at as usize]).is_some())
            };
            if !units.iter().any(foldable) {
                continue;
            }
            let mut wires = Inputs::default();
            let mut merged = Vec::with_capacity(units.len());
            for unit in units {
                let mut sum = FloatUnit {
                    bias: unit.bias,
                    ..FloatUnit::default()
                };
                for (at, c) in &unit.terms {
                    match inner(inputs[*at as usize]) {
                        Some((maker, output, part, own)) => {
                            gone[maker][output] = true;
                            sum.bias += c * part.bias;
                            for (at, d) in &part.terms {
                                sum.terms.push((wires.position(own[*at as usize]), c * d));
                            }
                            for (a, b, d) in &part.products {
                                let a = wires.position(own[*a as usize]);
                                let b = wires.position(own[*b as usize]);
                                sum.products.push((a, b, c * d));
                            }
                        }
                        None => sum.terms.push((wires.position(inputs[*at as usize]), *c)),
                    }
                }
                for (a, b, c) in &unit.products {
                    let a = wires.position(inputs[*a as usize]);
                    let b = wires.position(inputs[*b as usize]);
                    sum.products.push((a, b, *c));
                }
                merged.push(tidy(sum));
            }
            self.nodes[index].inputs = wires.wires;
            self.nodes[index].op = FloatOp::Sparse { units: merged };
        }
        for (node, gone) in self.nodes.iter_mut().zip(gone) {
            if let FloatOp::Sparse { units } = &mut node.op {
                let mut at = gone.iter();
                units.retain(|_| at.next().is_some_and(|g| !g));
                let mut at = gone.iter();
                node.outputs.retain(|_| at.next().is_some_and(|g| !g));
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }
}

/// A sum with equal terms added up.
fn tidy(unit: FloatUnit) -> FloatUnit {
    let mut terms: Vec<(u32, f64)> = Vec::with_capacity(unit.terms.len());
    let mut places = HashMap::new();
    for (at, c) in unit.terms {
        match places.get(&at) {
            Some(place) => {
                let term: &mut (u32, f64) = &mut terms[*place];
                term.1 += c;
            }
            None => {
                places.insert(at, terms.len());
                terms.push((at, c));
            }
        }
    }
    FloatUnit { terms, ..unit }
}
