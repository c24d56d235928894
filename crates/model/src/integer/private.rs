//! Private inputs and private weights: what changes in a model.

use serde::{Deserialize, Serialize};

use super::{IntegerModel, ModelError, Op, Unit, WireId};

/// Digits of a private bias: it is below 2^(3t − 1) in absolute value.
pub const BIAS_LIMBS: u32 = 3;
/// Different coefficients that a node has by its structure alone: powers of the digit base,
/// shares of an average, the two sides of a sum.
pub const PLAIN_COEFFICIENTS: usize = 8;
/// Status of an answer to a private input outside the domain.
pub const STATUS_OUT_OF_DOMAIN: u64 = 1;

/// What the chain sees only a commitment to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privacy {
    /// Inputs: the public word is a commitment, and an input outside the box has an answer of
    /// its own, status 1 and zero outputs.
    #[serde(default)]
    pub inputs: bool,
    /// Weights and biases of dense and convolution nodes.
    #[serde(default)]
    pub weights: bool,
    /// Wire that holds the status; 0 if no input can be outside the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WireId>,
}

/// Private numbers of one node: where its digits stand among the model's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeParameters {
    /// First parameter; biases come first, [`BIAS_LIMBS`] digits each.
    pub first: usize,
    /// Number of biases: one per unit, or per filter of a convolution.
    pub biases: usize,
    /// Digits per weight.
    pub limbs: u32,
    /// Number of weights.
    pub weights: usize,
}

impl NodeParameters {
    /// First parameter digit of a bias.
    pub fn bias(&self, index: usize) -> usize {
        self.first + index * BIAS_LIMBS as usize
    }

    /// First parameter digit of a weight.
    pub fn weight(&self, index: usize) -> usize {
        self.first + self.biases * BIAS_LIMBS as usize + index * self.limbs as usize
    }
}

impl IntegerModel {
    /// Whether a node's numbers are private.
    pub fn is_private(&self, node: usize) -> bool {
        self.privacy.weights && matches!(self.nodes[node].op, Op::Dense { .. } | Op::Conv(_))
    }

    /// Layout of the private parameters, per node, and their number.
    pub fn parameter_layout(&self) -> (Vec<Option<NodeParameters>>, usize) {
        let mut at = 0;
        let mut all = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            if !self.is_private(index) {
                all.push(None);
                continue;
            }
            let (biases, weights, largest) = match &node.op {
                Op::Dense { weights, bias } => {
                    let flat = weights.iter().flatten();
                    let count = weights.iter().map(Vec::len).sum();
                    (bias.len(), count, flat.map(|w| w.unsigned_abs()).max())
                }
                Op::Conv(conv) => {
                    let largest = conv.weights.iter().map(|w| w.unsigned_abs()).max();
                    (conv.filters as usize, conv.weights.len(), largest)
                }
                _ => (0, 0, None),
            };
            // |w| < 2^(t limbs − 1).
            let bits = u64::BITS - largest.unwrap_or(0).leading_zeros() + 1;
            let parameters = NodeParameters {
                first: at,
                biases,
                limbs: bits.div_ceil(self.digit_bits).max(1),
                weights,
            };
            at = parameters.weight(weights);
            all.push(Some(parameters));
        }
        (all, at)
    }

    /// The private parameters as digits: each number plus half its range, lowest digit first.
    pub fn parameters(&self) -> Vec<u32> {
        let (layout, count) = self.parameter_layout();
        let mut digits = Vec::with_capacity(count);
        let bits = self.digit_bits;
        let max = i64::from(self.max_digit());
        for (node, parameters) in self.nodes.iter().zip(layout) {
            let Some(parameters) = parameters else {
                continue;
            };
            let mut push = |value: i64, limbs: u32| {
                let shifted = value + (1i64 << (limbs * bits - 1));
                digits.extend((0..limbs).map(|limb| (shifted >> (limb * bits) & max) as u32));
            };
            match &node.op {
                Op::Dense { weights, bias } => {
                    bias.iter().for_each(|b| push(*b, BIAS_LIMBS));
                    let flat = weights.iter().flatten();
                    flat.for_each(|w| push(*w, parameters.limbs));
                }
                Op::Conv(conv) => {
                    let plane = conv.item_outputs() / conv.filters as usize;
                    let biases = conv.bias.iter().step_by(plane);
                    biases.for_each(|b| push(*b, BIAS_LIMBS));
                    conv.weights.iter().for_each(|w| push(*w, parameters.limbs));
                }
                _ => {}
            }
        }
        digits
    }

    /// The model with private weights.
    ///
    /// # Errors
    /// What cannot be private: trees, biases that differ within a filter or exceed their digits.
    pub fn with_private_weights(mut self) -> Result<Self, ModelError> {
        self.privacy.weights = true;
        match self.check_private_weights() {
            Ok(()) => Ok(self),
            Err(what) => Err(ModelError::Malformed {
                model: self.name,
                what,
            }),
        }
    }

    /// Nodes whose coefficients stay public although the weights are private, and how many
    /// different ones they have: units of few terms, such as residual sums, average pools and
    /// scales per channel. A handful says nothing; where there are more than
    /// [`PLAIN_COEFFICIENTS`], they may have been learned.
    pub fn public_coefficients(&self) -> Vec<(&str, usize)> {
        let nodes = self.nodes.iter().filter(|_| self.privacy.weights);
        let counted = nodes.filter_map(|node| {
            let units = match &node.op {
                Op::Sparse { units } | Op::Digits { units, .. } => units,
                _ => return None,
            };
            let terms = units.iter().flat_map(|unit| {
                let terms = unit.terms.iter().map(|(_, c)| c.unsigned_abs());
                terms.chain(unit.products.iter().map(|(_, _, c)| c.unsigned_abs()))
            });
            let different: std::collections::HashSet<u64> = terms.collect();
            Some((node.name.as_str(), different.len()))
        });
        counted
            .filter(|(_, different)| *different > PLAIN_COEFFICIENTS)
            .collect()
    }

    /// What the commitment's digits and the private rows can hold.
    pub(super) fn check_private_weights(&self) -> Result<(), String> {
        let limit = 1i64 << (BIAS_LIMBS * self.digit_bits - 1);
        let mut any = false;
        for node in &self.nodes {
            let bad = |what: String| Err(format!("node `{}`: {what}", node.name));
            let biases: &[i64] = match &node.op {
                Op::Dense { bias, .. } => bias,
                Op::Conv(conv) => {
                    let plane = conv.item_outputs() / conv.filters as usize;
                    let even = conv
                        .bias
                        .chunks(plane)
                        .all(|b| b.windows(2).all(|w| w[0] == w[1]));
                    if !even {
                        return bad(
                            "private biases must be the same at every position of a filter; \
                             pad images whose zero is the smallest value"
                                .into(),
                        );
                    }
                    &conv.bias
                }
                Op::Trees(_) => {
                    return bad(
                        "trees cannot be private; their thresholds stand in the look-up table, \
                         which is part of the public key"
                            .into(),
                    );
                }
                _ => continue,
            };
            any = true;
            if biases.iter().any(|b| *b <= -limit || *b >= limit) {
                return bad(format!("a bias exceeds {BIAS_LIMBS} digits"));
            }
        }
        match any {
            true => Ok(()),
            false => Err("no layer has weights that could be private".into()),
        }
    }

    /// Private inputs need a status wherever a box is narrower than its slot, or values outside
    /// the box would have answers like any other; public inputs have none.
    pub(super) fn check_status(&self, wires: usize) -> Result<(), String> {
        let slot = self.input_slot_bits();
        let narrower = (self.input.features.iter())
            .position(|f| (i64::from(f.hi) - i64::from(f.lo) + 1) >> slot == 0);
        match (self.privacy.inputs, self.privacy.status, narrower) {
            (false, Some(wire), _) => Err(format!("status on wire {wire} without private inputs")),
            (true, Some(wire), _) if wire as usize >= wires => {
                Err(format!("status on wire {wire} of {wires}"))
            }
            (true, None, Some(feature)) => Err(format!(
                "no status, but private feature {feature} may be outside its box"
            )),
            _ => Ok(()),
        }
    }

    /// The model with private inputs: values outside the box get status 1 and zero outputs.
    pub fn with_private_inputs(mut self) -> Self {
        let bits = self.digit_bits;
        let digits = self.input.digits;
        let slot = digits * bits;
        self.privacy.inputs = true;
        let mut units = Vec::new();
        for (index, feature) in self.input.features.iter().enumerate() {
            let width = i64::from(feature.hi) - i64::from(feature.lo);
            if width + 1 == 1 << slot {
                continue;
            }
            // 2^slot + width − v: its top digit is 1 exactly if v ≤ width.
            let first = index as u32 * digits;
            let terms = (0..digits).map(|d| (first + d, -(1i64 << (d * bits))));
            units.push(Unit::linear((1 << slot) + width, terms.collect()));
        }
        if units.is_empty() {
            return self;
        }
        let count = units.len() as i64;
        let inputs = (0..self.input_wires() as WireId).collect();
        let op = Op::Digits {
            digits: digits + 1,
            units,
        };
        let compared = self.push("domain", inputs, op);
        let flags: Vec<WireId> = compared
            .chunks(digits as usize + 1)
            .filter_map(|chunk| chunk.last().copied())
            .collect();
        let one = 1i64 << bits;
        // 1 − the number of features outside, clamped at 0.
        let terms = (0..flags.len() as u32).map(|at| (at, one)).collect();
        let inside = vec![Unit::linear(one * (1 - count), terms)];
        let inside = self.push("inside", flags, Op::Sparse { units: inside });
        let status = vec![Unit::linear(one, vec![(0, -one)])];
        let status = self.push("status", inside.clone(), Op::Sparse { units: status });
        self.privacy.status = status.first().copied();
        for index in 0..self.output.len() {
            let field = &self.output[index];
            let mut wires: Vec<WireId> = (field.wire..field.wire + field.digits).collect();
            wires.extend(&inside);
            let last = field.digits;
            let unit = |digit: u32| Unit {
                bias: 0,
                terms: Vec::new(),
                products: vec![(digit, last, one)],
            };
            let units = (0..field.digits).map(unit).collect();
            let name = format!("answer.{}", field.name);
            let masked = self.push(name, wires, Op::Sparse { units });
            if let Some(first) = masked.first() {
                self.output[index].wire = *first;
            }
        }
        self
    }
}
