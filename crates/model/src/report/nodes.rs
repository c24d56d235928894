//! Per node: ranges seen and reachable, and how often digits were clamped.

use serde::{Deserialize, Serialize};

use crate::integer::{IntegerModel, Node, Op, Trace};

/// One node of the integer model on the calibration data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Name of the node it came from.
    pub name: String,
    /// `dense`, `conv`, `sparse`, `digits`, `table`, `max` or `trees`.
    pub op: String,
    /// Outputs.
    pub outputs: usize,
    /// Wires that it reads.
    pub inputs: usize,
    /// Bits of the largest weight, without sign; 0 without weights.
    pub weight_bits: u32,
    /// Smallest and largest value in the float model, before clamps, where there is one.
    pub float_range: Option<(f64, f64)>,
    /// Smallest and largest accumulator seen; digits, where the node has none.
    pub seen: (i64, i64),
    /// The same over the whole box, by interval arithmetic.
    pub reachable: (i64, i64),
    /// Values compared: outputs × rows.
    pub values: u64,
    /// Digits clamped at 0: for a ReLU that is the function itself.
    pub clamped_low: u64,
    /// Digits clamped at the largest digit: saturation.
    pub clamped_high: u64,
    /// Rows of the circuit, where they have been counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// Collects [`NodeReport`]s row by row.
pub(super) struct Tally {
    nodes: Vec<NodeReport>,
    first: Vec<usize>,
    requantizes: Vec<bool>,
    digit_bits: u32,
    max_digit: i64,
}

impl Tally {
    pub(super) fn new(integer: &IntegerModel, ranges: &[Option<(f64, f64)>]) -> Self {
        let bounds = integer.bounds().unwrap_or_default();
        let nodes = integer.nodes.iter().enumerate().map(|(index, node)| {
            let bounds = bounds.get(index).map(|bounds| match node.linear() {
                Some(_) => &bounds.accumulators,
                None => &bounds.outputs,
            });
            NodeReport {
                name: node.name.clone(),
                op: kind(&node.op).into(),
                outputs: node.outputs(),
                inputs: node.inputs.len(),
                weight_bits: weight_bits(node),
                float_range: ranges.get(index).copied().flatten(),
                seen: (i64::MAX, i64::MIN),
                reachable: hull(bounds.into_iter().flatten().flat_map(|(lo, hi)| [*lo, *hi])),
                values: 0,
                clamped_low: 0,
                clamped_high: 0,
                rows: None,
            }
        });
        Self {
            nodes: nodes.collect(),
            first: integer.first_wires(),
            requantizes: integer.nodes.iter().map(Node::requantizes).collect(),
            digit_bits: integer.digit_bits,
            max_digit: i64::from(integer.max_digit()),
        }
    }

    pub(super) fn add(&mut self, trace: &Trace) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let accumulators = &trace.accumulators[index];
            let mut see = |v: i64| node.seen = (node.seen.0.min(v), node.seen.1.max(v));
            match accumulators.is_empty() {
                false => accumulators.iter().for_each(|u| see(*u)),
                true => {
                    let digits = &trace.wires[self.first[index]..self.first[index + 1]];
                    digits.iter().for_each(|digit| see(i64::from(*digit)));
                }
            }
            node.values += node.outputs as u64;
            if self.requantizes[index] {
                for u in accumulators {
                    let digit = u >> self.digit_bits;
                    node.clamped_low += u64::from(digit < 0);
                    node.clamped_high += u64::from(digit > self.max_digit);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Vec<NodeReport> {
        self.nodes
    }
}

fn hull(values: impl Iterator<Item = i64>) -> (i64, i64) {
    values.fold((i64::MAX, i64::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Dense { .. } => "dense",
        Op::Conv(_) => "conv",
        Op::Sparse { .. } => "sparse",
        Op::Digits { .. } => "digits",
        Op::Table(_) => "table",
        Op::Max { .. } => "max",
        Op::Trees(_) => "trees",
    }
}

fn weight_bits(node: &Node) -> u32 {
    let mut largest = 0u64;
    match (&node.op, node.linear()) {
        (Op::Conv(conv), _) => {
            largest = conv
                .weights
                .iter()
                .fold(0, |most, w| most.max(w.unsigned_abs()));
        }
        (_, Some(linear)) => {
            for unit in 0..linear.units() {
                linear.terms(unit, |_, w| largest = w.unsigned_abs().max(largest));
                for (_, _, w) in linear.products(unit) {
                    largest = w.unsigned_abs().max(largest);
                }
            }
        }
        (_, None) => {}
    }
    u64::BITS - largest.leading_zeros()
}
