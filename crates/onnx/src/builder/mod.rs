//! Makes the float graph: scalar wires, nodes, and arithmetic that waits for its reader.
//!
//! Adding, subtracting, multiplying and dividing by constants makes no node at first. An element
//! carries such steps until something reads it: a linear node takes them into its weights and
//! biases, a decision tree gets them as float32 steps (its comparisons must come out exactly as
//! the float model's), and only what needs the number itself makes a node of them.

mod conv;
mod fold;
mod indicator;
mod linear;
mod steps;
mod trees;

use std::collections::HashMap;

use haloracle_model::WireId;
use haloracle_model::graph::{FloatNode, FloatOp, Function, Task};

use crate::shape::MAX_WIRES;
use crate::value::{Elem, StepsId};
pub(crate) use fold::fold;
pub(crate) use linear::Combo;
pub(crate) use steps::Pending;
use steps::StepTable;

/// Most weights and terms of a graph: a limit on memory.
const MAX_WEIGHTS: usize = 1 << 25;

/// A graph under construction.
#[derive(Debug)]
pub(crate) struct Builder {
    /// Name of the ONNX node that is being read.
    pub(crate) label: String,
    features: usize,
    nodes: Vec<FloatNode>,
    /// The node that makes a wire; inputs have none.
    producer: Vec<Option<u32>>,
    /// Weights and terms so far.
    weights: usize,
    steps: StepTable,
    /// Wires that hold the result of steps on a wire.
    settled: HashMap<(WireId, StepsId), WireId>,
    /// Outputs of softmaxes: they are not negative and sum to 1.
    distributions: Vec<Vec<Elem>>,
    decisions: Vec<Decision>,
}

impl Builder {
    /// A graph of `features` inputs and no nodes.
    pub(crate) fn new(features: usize) -> Self {
        Self {
            label: String::new(),
            features,
            nodes: Vec::new(),
            producer: vec![None; features],
            weights: 0,
            steps: StepTable::default(),
            settled: HashMap::new(),
            distributions: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Number of inputs, and the nodes.
    pub(crate) fn finish(self) -> (usize, Vec<FloatNode>) {
        (self.features, self.nodes)
    }

    /// Appends a node; its outputs as elements.
    fn push(&mut self, inputs: Vec<WireId>, op: FloatOp) -> Result<Vec<Elem>, String> {
        self.weights = self.weights.saturating_add(size(&op));
        if self.weights > MAX_WEIGHTS {
            return Err(format!(
                "the model has more than {MAX_WEIGHTS} weights and terms once it is unrolled"
            ));
        }
        let node = FloatNode {
            name: self.label.clone(),
            inputs,
            op,
        };
        let first = self.producer.len();
        let end = first + node.outputs();
        if end > MAX_WIRES {
            return Err(format!(
                "the model has more than {MAX_WIRES} intermediate values"
            ));
        }
        self.producer.resize(end, Some(self.nodes.len() as u32));
        self.nodes.push(node);
        Ok((first..end)
            .map(|wire| Elem::Wire(wire as WireId, 0))
            .collect())
    }

    /// The operator that makes an element, if it is a wire without pending steps.
    pub(crate) fn maker(&self, elem: Elem) -> Option<&FloatOp> {
        let Elem::Wire(wire, 0) = elem else {
            return None;
        };
        let node = self.producer.get(wire as usize).copied().flatten()?;
        self.nodes.get(node as usize).map(|node| &node.op)
    }

    /// One step of arithmetic with a constant, pending.
    pub(crate) fn step(&mut self, elem: Elem, step: Pending) -> Result<Elem, String> {
        let result = match elem {
            Elem::Const(value) => Elem::Const(step.apply(value)),
            Elem::Wire(wire, steps) => match self.steps.then(steps, step) {
                Some(steps) => Elem::Wire(wire, steps),
                None => Elem::Const(0.0),
            },
        };
        let (scale, shift) = match result {
            Elem::Const(value) => (value, 0.0),
            Elem::Wire(_, steps) => self.steps.affine(steps),
        };
        match [scale, shift].into_iter().find(|v| !v.is_finite()) {
            Some(value) => Err(format!(
                "arithmetic with constants gives {value}; every parameter must be finite"
            )),
            None => Ok(result),
        }
    }

    /// The same steps on every element.
    pub(crate) fn step_all(
        &mut self,
        elems: &[Elem],
        steps: &[Pending],
    ) -> Result<Vec<Elem>, String> {
        let one = |builder: &mut Self, elem: &Elem| {
            let mut elem = *elem;
            for step in steps {
                elem = builder.step(elem, *step)?;
            }
            Ok(elem)
        };
        elems.iter().map(|elem| one(self, elem)).collect()
    }

    /// Wires that hold the elements' values: pending steps and constants become a node.
    pub(crate) fn wires(&mut self, elems: &[Elem]) -> Result<Vec<WireId>, String> {
        self.settle_replacements(elems)?;
        // Elements that need a unit, in order of first appearance.
        let mut new: HashMap<ElemKey, usize> = HashMap::new();
        let mut combos = Vec::new();
        for elem in elems {
            if self.settled_wire(*elem).is_none() && !new.contains_key(&key(*elem)) {
                new.insert(key(*elem), combos.len());
                combos.push(Combo::single(*elem));
            }
        }
        if !combos.is_empty() {
            let outputs = self.sparse(combos)?;
            for (elem, at) in elems.iter().filter_map(|e| Some((*e, *new.get(&key(*e))?))) {
                if let (Elem::Wire(wire, steps), Elem::Wire(made, _)) = (elem, outputs[at]) {
                    self.settled.insert((wire, steps), made);
                }
            }
            let wire = |elem: &Elem| match new.get(&key(*elem)).map(|at| outputs[*at]) {
                Some(Elem::Wire(made, _)) => Ok(made),
                _ => self.settled_wire(*elem).ok_or_else(lost),
            };
            return elems.iter().map(wire).collect();
        }
        elems
            .iter()
            .map(|elem| self.settled_wire(*elem).ok_or_else(lost))
            .collect()
    }

    fn settled_wire(&self, elem: Elem) -> Option<WireId> {
        match elem {
            Elem::Const(_) => None,
            Elem::Wire(wire, 0) => Some(wire),
            Elem::Wire(wire, steps) => self.settled.get(&(wire, steps)).copied(),
        }
    }

    /// `f(x)` for every element; equal elements share one entry.
    pub(crate) fn map(&mut self, function: Function, elems: &[Elem]) -> Result<Vec<Elem>, String> {
        let unchanged = |elem: Elem| match elem {
            Elem::Const(_) => false,
            Elem::Wire(..) => matches!(
                (function, self.maker(elem)),
                (
                    Function::Relu | Function::Abs,
                    Some(FloatOp::Map(
                        Function::Relu
                            | Function::Sigmoid
                            | Function::HardSigmoid(..)
                            | Function::Exp
                            | Function::Sqrt
                            | Function::Abs
                            | Function::Softplus
                    ))
                )
            ),
        };
        let (mut new, mut order) = (HashMap::new(), Vec::new());
        for elem in elems {
            if matches!(elem, Elem::Wire(..)) && !unchanged(*elem) {
                new.entry(key(*elem)).or_insert_with(|| {
                    order.push(*elem);
                    order.len() - 1
                });
            }
        }
        let outputs = if order.is_empty() {
            Vec::new()
        } else {
            let inputs = self.wires(&order)?;
            self.push(inputs, FloatOp::Map(function))?
        };
        elems
            .iter()
            .map(|elem| match elem {
                Elem::Const(value) => {
                    let value = function.apply(*value);
                    if value.is_finite() {
                        Ok(Elem::Const(value))
                    } else {
                        Err(format!("{} of a constant is {value}", function.name()))
                    }
                }
                wire => Ok(new.get(&key(*wire)).map_or(*wire, |at| outputs[*at])),
            })
            .collect()
    }

    /// The largest of each group.
    pub(crate) fn max(&mut self, groups: &[Vec<Elem>]) -> Result<Vec<Elem>, String> {
        self.grouped(groups, |groups| FloatOp::Max { groups })
    }

    /// The position of the first largest in each group.
    pub(crate) fn arg_max(&mut self, groups: &[Vec<Elem>]) -> Result<Vec<Elem>, String> {
        self.grouped(groups, |groups| FloatOp::ArgMax { groups })
    }

    fn grouped(
        &mut self,
        groups: &[Vec<Elem>],
        op: fn(Vec<Vec<u32>>) -> FloatOp,
    ) -> Result<Vec<Elem>, String> {
        if groups.iter().any(Vec::is_empty) {
            return Err("takes the maximum of nothing".into());
        }
        let flat: Vec<Elem> = groups.iter().flatten().copied().collect();
        let wires = self.wires(&flat)?;
        let mut inputs = Inputs::default();
        let mut at = wires.iter();
        let positions = groups
            .iter()
            .map(|group| {
                at.by_ref()
                    .take(group.len())
                    .map(|w| inputs.position(*w))
                    .collect()
            })
            .collect();
        self.push(inputs.wires, op(positions))
    }

    /// Notes how a runtime finds the class, where that is not by the largest score.
    pub(crate) fn note_decision(&mut self, decision: Decision) {
        self.decisions.push(decision);
    }

    /// How a runtime finds the class that belongs to these scores.
    pub(crate) fn decision(&self, scores: &[Elem]) -> Option<Decision> {
        self.decisions.iter().find(|d| d.scores == scores).cloned()
    }

    /// Notes that these elements are not negative and sum to 1.
    pub(crate) fn note_distribution(&mut self, elems: Vec<Elem>) {
        self.distributions.push(elems);
    }

    /// Whether these elements are known to be not negative and to sum to 1.
    pub(crate) fn is_distribution(&self, elems: &[Elem]) -> bool {
        self.distributions.iter().any(|known| known == elems)
    }

    /// Whether every element is known to be above 0 for every input.
    pub(crate) fn are_positive(&self, elems: &[Elem]) -> bool {
        elems.iter().all(|elem| {
            let made_positive = matches!(
                self.maker(*elem),
                Some(FloatOp::Map(
                    Function::Exp | Function::Sigmoid | Function::Softplus
                ))
            );
            matches!(elem, Elem::Const(value) if *value > 0.0) || made_positive
        })
    }
}

/// Scores of a classifier whose class is not that of the largest one.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// The scores.
    pub(crate) scores: Vec<Elem>,
    /// What the class is read off instead,
    pub(crate) by: Vec<Elem>,
    /// and how.
    pub(crate) task: Task,
    /// Whether that holds for a label output alone, as the scores can be read otherwise.
    pub(crate) label_only: bool,
}

/// Wires that a node reads, each once.
#[derive(Debug, Default)]
struct Inputs {
    wires: Vec<WireId>,
    positions: HashMap<WireId, u32>,
}

impl Inputs {
    fn position(&mut self, wire: WireId) -> u32 {
        *self.positions.entry(wire).or_insert_with(|| {
            self.wires.push(wire);
            (self.wires.len() - 1) as u32
        })
    }
}

/// An element as something that can be hashed.
type ElemKey = (Option<WireId>, u64);

fn key(elem: Elem) -> ElemKey {
    match elem {
        Elem::Const(value) => (None, value.to_bits()),
        Elem::Wire(wire, steps) => (Some(wire), u64::from(steps)),
    }
}

fn lost() -> String {
    "an intermediate value was lost while reading; please report this model".into()
}

/// Weights and terms of an operator.
fn size(op: &FloatOp) -> usize {
    match op {
        FloatOp::Dense { weights, .. } => weights.iter().map(Vec::len).sum(),
        FloatOp::Conv(conv) => conv.weights.len(),
        FloatOp::Sparse { units } => units
            .iter()
            .map(|unit| 1 + unit.terms.len() + unit.products.len())
            .sum(),
        FloatOp::Scale { steps } => steps.iter().map(Vec::len).sum(),
        FloatOp::Max { groups } | FloatOp::ArgMax { groups } => groups.iter().map(Vec::len).sum(),
        FloatOp::Trees(trees) => trees.trees.iter().map(|tree| tree.nodes.len()).sum(),
        FloatOp::Map(_) => 0,
    }
}
