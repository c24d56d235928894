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
    /// 0, or 1 for a private input outside the box.
    pub status: u64,
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
            // A private input is only held to its slot: outside the box it has a status.
            let hi = match self.privacy.inputs {
                true => i64::from(feature.lo) + (1 << self.input_slot_bits()) - 1,
                false => i64::from(feature.hi),
            };
            if value < i64::from(feature.lo) || value > hi {
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
            status: super::STATUS_OK,
        };
        for node in &self.nodes {
            let x = trace.values(&node.inputs);
            let computed = node.compute(self.digit_bits, &x);
            trace.wires.extend(computed.outputs);
            trace.accumulators.push(computed.accumulators);
            trace.paths.push(computed.paths);
        }
        let raw = |wire: WireId, digits: u32| {
            (0..digits).rev().fold(0u64, |sum, digit| {
                sum << self.digit_bits | u64::from(trace.wires[(wire + digit) as usize])
            })
        };
        let fields = self.output.iter();
        trace.outputs = fields.map(|f| raw(f.wire, f.digits)).collect();
        if let Some(wire) = self.privacy.status {
            trace.status = u64::from(trace.wires[wire as usize]);
        }
        Ok(trace)
    }
}

/// What a node computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Computed {
    /// Its outputs.
    pub outputs: Vec<u32>,
    /// The units' `u`; empty if it is not linear.
    pub accumulators: Vec<i64>,
    /// Each tree's path of node numbers; empty for other nodes.
    pub paths: Vec<Vec<u32>>,
}

impl Node {
    /// Computes the node for its inputs `x`, each in `[0, M]`.
    pub fn compute(&self, digit_bits: u32, x: &[u32]) -> Computed {
        let max = (1i64 << digit_bits) - 1;
        let mut computed = Computed::default();
        if let Some(linear) = self.linear() {
            computed.accumulators = linear.accumulators(x);
        }
        let accumulators = computed.accumulators.iter();
        match &self.op {
            Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. } => {
                let digits = accumulators.map(|u| (u >> digit_bits).clamp(0, max) as u32);
                computed.outputs = digits.collect();
            }
            Op::Digits { digits, .. } => {
                let digit = |u: i64, d: u32| (u >> (d * digit_bits) & max) as u32;
                let digits = accumulators.flat_map(|u| (0..*digits).map(move |d| digit(*u, d)));
                computed.outputs = digits.collect();
            }
            Op::Table(table) => {
                computed.outputs = x.iter().map(|z| table.values[*z as usize]).collect();
            }
            Op::Max { groups } => {
                let largest = |group: &Vec<u32>| {
                    let values = group.iter().map(|at| x[*at as usize]);
                    values.max().unwrap_or(0)
                };
                computed.outputs = groups.iter().map(largest).collect();
            }
            Op::Trees(trees) => {
                let ranks: Vec<u32> = (0..trees.features.len())
                    .map(|feature| trees.rank(feature, x, digit_bits))
                    .collect();
                for tree in &trees.trees {
                    let path = tree.path(&ranks);
                    let leaf = path.last().map_or(&[][..], |at| tree.leaf(*at));
                    computed.outputs.extend_from_slice(leaf);
                    computed.paths.push(path);
                }
            }
        }
        computed
    }
}
