//! From a graph to operations.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;

use super::{Kind, Operand, Operation};
use crate::create::graph::{Graph, Input, Linear, Node, NodeId};

/// A program in the making; every operation writes a value of its own.
pub(super) struct Compiler<'g> {
    graph: &'g Graph,
    pub(super) inputs: Vec<Input>,
    pub(super) operations: Vec<Operation>,
    /// Nodes that have a value already.
    done: HashMap<NodeId, Operand>,
}

impl<'g> Compiler<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            inputs: Vec::new(),
            operations: Vec::new(),
            done: HashMap::new(),
        }
    }

    fn push(&mut self, kind: Kind) -> Operand {
        let to = self.operations.len();
        self.operations.push(Operation { to, kind });
        Operand::Value(to)
    }

    fn node(&mut self, id: NodeId) -> Operand {
        if let Some(operand) = self.done.get(&id) {
            return *operand;
        }
        let graph = self.graph;
        let operand = match &graph.nodes()[id] {
            Node::Query(input, rotation) => {
                let known = self.inputs.iter().position(|other| other == input);
                let position = known.unwrap_or_else(|| {
                    self.inputs.push(*input);
                    self.inputs.len() - 1
                });
                Operand::Input(position, *rotation)
            }
            Node::Product(a, b) => {
                let (a, b) = (self.node(*a), self.node(*b));
                self.push(Kind::Multiply(a, b))
            }
            Node::Sum(linear) => self.linear(linear),
        };
        self.done.insert(id, operand);
        operand
    }

    /// Starts with a term that needs no factor, so that the others can be added to it.
    pub(super) fn linear(&mut self, linear: &Linear) -> Operand {
        let mut terms: Vec<(NodeId, Fr)> = linear.terms.iter().map(|(id, c)| (*id, *c)).collect();
        if let Some(plain) = terms.iter().position(|(_, c)| *c == Fr::ONE) {
            terms.swap(0, plain);
        }
        let mut terms = terms.into_iter();
        let Some((id, coefficient)) = terms.next() else {
            // Nothing to compute from: a constraint that is identically constant.
            let zero = self.zero();
            return self.push(Kind::AddConstant(zero, linear.constant));
        };
        let mut sum = self.node(id);
        if coefficient != Fr::ONE {
            sum = self.push(Kind::Scale(sum, coefficient));
        }
        for (id, coefficient) in terms {
            let term = self.node(id);
            sum = if coefficient == Fr::ONE {
                self.push(Kind::Add(sum, term))
            } else if coefficient == -Fr::ONE {
                self.push(Kind::Subtract(sum, term))
            } else {
                self.push(Kind::AddScaled(sum, term, coefficient))
            };
        }
        if linear.constant != Fr::ZERO {
            sum = self.push(Kind::AddConstant(sum, linear.constant));
        }
        sum
    }

    fn zero(&mut self) -> Operand {
        let point = self.inputs.iter().position(|input| *input == Input::Point);
        let point = point.unwrap_or_else(|| {
            self.inputs.push(Input::Point);
            self.inputs.len() - 1
        });
        self.push(Kind::Scale(Operand::Input(point, 0), Fr::ZERO))
    }
}
