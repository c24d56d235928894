//! The reference executor.

use super::{IntegerModel, ModelError, Node, Op, WireId};

/// Every value of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Every wire: input digits (feature-major, lowest first), then the nodes' outputs.
    pub wires: Vec<u32>,
    /// Per node, the units' `u`; empty for nodes that are not linear.
    pub accumulators: Vec<Vec<i64>>,
    /// Per node, each tree's path of node numbers; empty for other nodes.
    pub paths: Vec<Vec<Vec<u32>>>,
    /// The raw outputs.
    pub outputs: Vec<u64>,
}

impl Trace {
    /// The raw outputs.
    pub fn outputs(&self) -> &[u64] {
        &self.outputs
    }

    /// Values of a list of wires.
    pub fn values(&self, wires: &[WireId]) -> Vec<u32> {
        wires.iter().map(|w| self.wires[*w as usize]).collect()
    }
}

impl IntegerModel {
    /// Checks `raw` against the box and splits it into digits.
    ///
    /// # Errors
    /// Wrong length, or the first feature outside its box.
    pub fn digits(&self, raw: &[i64]) -> Result<Vec<u32>, ModelError> {
        let features = &self.input.features;
        if raw.len() != features.len() {
            return Err(ModelError::InputLength {
                expected: features.len(),
                got: raw.len(),
            });
        }
        let mut digits = Vec::with_capacity(raw.len() * self.input.digits as usize);
        for (index, (feature, &value)) in features.iter().zip(raw).enumerate() {
            if value < i64::from(feature.lo) || value > i64::from(feature.hi) {
                return Err(ModelError::OutOfDomain {
                    index,
                    name: feature.name.clone(),
                    value,
                    lo: feature.lo,
                    hi: feature.hi,
                    decimals: feature.decimals,
                });
            }
            let offset = (value - i64::from(feature.lo)) as u64;
            digits.extend(
                (0..self.input.digits).map(|d| {
                    (offset >> (d * self.digit_bits) & u64::from(self.max_digit())) as u32
                }),
            );
        }
        Ok(digits)
    }

    /// Runs the model on raw fixed-point integers, keeping every intermediate value.
    ///
    /// # Errors
    /// As [`Self::digits`].
    pub fn run(&self, raw: &[i64]) -> Result<Trace, ModelError> {
        let mut trace = Trace {
            wires: self.digits(raw)?,
            accumulators: Vec::with_capacity(self.nodes.len()),
            paths: Vec::with_capacity(self.nodes.len()),
            outputs: Vec::new(),
        };
        for node in &self.nodes {
            node.evaluate(self.digit_bits, &mut trace);
        }
        let raw = |wire: WireId, digits: u32| {
            (0..digits).rev().fold(0u64, |sum, digit| {
                sum << self.digit_bits | u64::from(trace.wires[(wire + digit) as usize])
            })
        };
        let fields = self.output.iter();
        trace.outputs = fields.map(|f| raw(f.wire, f.digits)).collect();
        Ok(trace)
    }
}

impl Node {
    /// Appends this node's outputs to `trace`, which holds all wires before it.
    pub fn evaluate(&self, digit_bits: u32, trace: &mut Trace) {
        let max = (1i64 << digit_bits) - 1;
        let x = trace.values(&self.inputs);
        let mut accumulators = Vec::new();
        let mut paths = Vec::new();
        if let Some(linear) = self.linear() {
            accumulators = (0..linear.units())
                .map(|unit| linear.accumulate(unit, &x))
                .collect();
        }
        match &self.op {
            Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. } => {
                let digits = accumulators
                    .iter()
                    .map(|u| (u >> digit_bits).clamp(0, max) as u32);
                trace.wires.extend(digits);
            }
            Op::Digits { digits, .. } => {
                for u in &accumulators {
                    let digit = |d: u32| (u >> (d * digit_bits) & max) as u32;
                    trace.wires.extend((0..*digits).map(digit));
                }
            }
            Op::Table(table) => {
                let values = x.iter().map(|z| table.values[*z as usize]);
                trace.wires.extend(values);
            }
            Op::Max { groups } => {
                let largest = |group: &Vec<u32>| {
                    let values = group.iter().map(|at| x[*at as usize]);
                    values.max().unwrap_or(0)
                };
                trace.wires.extend(groups.iter().map(largest));
            }
            Op::Trees(trees) => {
                let ranks: Vec<u32> = (0..trees.features.len())
                    .map(|feature| trees.rank(feature, &x, digit_bits))
                    .collect();
                for tree in &trees.trees {
                    let path = tree.path(&ranks);
                    let leaf = path.last().map_or(&[][..], |at| tree.leaf(*at));
                    trace.wires.extend_from_slice(leaf);
                    paths.push(path);
                }
            }
        }
        trace.accumulators.push(accumulators);
        trace.paths.push(paths);
    }
}
