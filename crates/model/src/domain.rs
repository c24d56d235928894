//! The domain box: real values to raw integers, and what a layer can reach over the whole box.

use crate::integer::{IntegerModel, ModelError, Node, Op, TreeNode};

impl Node {
    /// Intervals of the node's accumulators (empty if it is not linear) and of its outputs, for
    /// inputs inside `x`.
    ///
    /// # Errors
    /// A sentence, if a unit of exact digits may leave their range.
    pub(crate) fn bounds(&self, x: &[(i64, i64)], digit_bits: u32) -> Result<NodeBounds, String> {
        let max = (1i64 << digit_bits) - 1;
        let mut accumulators = Vec::new();
        if let Some(linear) = self.linear() {
            // Validated accumulators fit 62 bits for inputs of whole digits.
            let narrow = |(lo, hi): (i128, i128)| (lo as i64, hi as i64);
            accumulators = linear.intervals(x).into_iter().map(narrow).collect();
        }
        let hull = |values: &mut dyn Iterator<Item = i64>| {
            values.fold((max, 0), |(lo, hi): (i64, i64), v| (lo.min(v), hi.max(v)))
        };
        let outputs = match &self.op {
            Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. } => {
                let digit = |u: i64| (u >> digit_bits).clamp(0, max);
                let units = accumulators.iter();
                units.map(|(lo, hi)| (digit(*lo), digit(*hi))).collect()
            }
            Op::Digits { digits, .. } => {
                let mut outputs = Vec::new();
                for (unit, (lo, hi)) in accumulators.iter().enumerate() {
                    if *lo < 0 || hi >> (digits * digit_bits) != 0 {
                        return Err(format!(
                            "unit {unit} can reach [{lo}, {hi}], beyond its {digits} digits"
                        ));
                    }
                    outputs.extend((0..*digits).map(|d| (0, (hi >> (d * digit_bits)).min(max))));
                }
                outputs
            }
            Op::Table(table) => x
                .iter()
                .map(|(lo, hi)| {
                    let values = &table.values[*lo as usize..=*hi as usize];
                    hull(&mut values.iter().map(|v| i64::from(*v)))
                })
                .collect(),
            Op::Max { groups } => groups
                .iter()
                .map(|group| {
                    group.iter().fold((0, 0), |(lo, hi): (i64, i64), at| {
                        let (a, b) = x[*at as usize];
                        (lo.max(a), hi.max(b))
                    })
                })
                .collect(),
            Op::Trees(trees) => {
                let mut outputs = Vec::new();
                for tree in &trees.trees {
                    let leaves = || {
                        tree.nodes.iter().filter_map(|node| match node {
                            TreeNode::Leaf { values } => Some(values),
                            TreeNode::Branch { .. } => None,
                        })
                    };
                    outputs.extend(
                        (0..trees.limbs as usize)
                            .map(|limb| hull(&mut leaves().map(|values| i64::from(values[limb])))),
                    );
                }
                outputs
            }
        };
        Ok(NodeBounds {
            accumulators,
            outputs,
        })
    }
}

/// Intervals that hold a node's values over the whole box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeBounds {
    /// Per unit of a linear node, its `u`.
    pub accumulators: Vec<(i64, i64)>,
    /// Per output wire.
    pub outputs: Vec<(i64, i64)>,
}

impl IntegerModel {
    /// Largest value of every input digit over the box, in the order of [`Self::digits`].
    ///
    /// All digits reach `M` except the high ones of features narrower than their slot.
    pub fn digit_bounds(&self) -> Vec<u32> {
        let max = i64::from(self.max_digit());
        self.input
            .features
            .iter()
            .flat_map(|feature| {
                let mut width = i64::from(feature.hi) - i64::from(feature.lo);
                if self.privacy.inputs {
                    // Whatever fits the slot has an answer.
                    width = (1 << self.input_slot_bits()) - 1;
                }
                (0..self.input.digits)
                    .map(move |digit| (width >> (digit * self.digit_bits)).min(max) as u32)
            })
            .collect()
    }

    /// Per node, intervals that hold its values for every input of the box.
    ///
    /// By interval propagation, so they may be wider than what is reachable but never narrower.
    /// What comes out of private weights may be any digit: later nodes are laid out by these
    /// intervals, and a layout is public. Expects a model that passes [`Self::validate`].
    ///
    /// # Errors
    /// [`ModelError::Malformed`] if a unit of exact digits may leave their range.
    pub fn bounds(&self) -> Result<Vec<NodeBounds>, ModelError> {
        let mut wires: Vec<(i64, i64)> = self
            .digit_bounds()
            .into_iter()
            .map(|hi| (0, i64::from(hi)))
            .collect();
        let mut all = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let inputs = node.inputs.iter();
            let x: Vec<(i64, i64)> = inputs.map(|wire| wires[*wire as usize]).collect();
            let mut bounds =
                node.bounds(&x, self.digit_bits)
                    .map_err(|what| ModelError::Malformed {
                        model: self.name.clone(),
                        what: format!("node `{}`: {what}", node.name),
                    })?;
            if self.is_private(index) {
                bounds.outputs.fill((0, i64::from(self.max_digit())));
            }
            wires.extend_from_slice(&bounds.outputs);
            all.push(bounds);
        }
        Ok(all)
    }

    /// Largest |u| that the machine can requantize and saturate: `2^(3t) − 2^t`.
    pub fn accumulator_limit(&self) -> i64 {
        (1 << (3 * self.digit_bits)) - (1 << self.digit_bits)
    }

    /// Checks that every input of the box has a proof: no requantized unit leaves
    /// [`Self::accumulator_limit`], no exact unit its digits.
    ///
    /// # Errors
    /// [`ModelError::Unprovable`] names the first unit that may leave it.
    pub fn check_complete(&self) -> Result<(), ModelError> {
        let limit = self.accumulator_limit();
        for (node, bounds) in self.nodes.iter().zip(self.bounds()?) {
            if !node.requantizes() {
                continue;
            }
            for (unit, (lo, hi)) in bounds.accumulators.into_iter().enumerate() {
                if lo < -limit || hi > limit {
                    return Err(ModelError::Unprovable {
                        layer: node.name.clone(),
                        unit,
                        lo,
                        hi,
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    /// Raw fixed-point integers of real values: `round(value × 10^decimals)`, half away from zero.
    ///
    /// Decimals beyond a feature's are rounded away; that is the documented precision of the
    /// model's input.
    ///
    /// # Errors
    /// Wrong length, NaN or infinite values, or values outside the box; the feature is named.
    pub fn raw_from_real(&self, values: &[f64]) -> Result<Vec<i64>, ModelError> {
        let features = &self.input.features;
        if values.len() != features.len() {
            return Err(ModelError::InputLength {
                expected: features.len(),
                got: values.len(),
            });
        }
        let raw: Vec<i64> = features
            .iter()
            .zip(values)
            .enumerate()
            .map(|(index, (feature, value))| {
                if !value.is_finite() {
                    return Err(ModelError::NotFinite {
                        index,
                        name: feature.name.clone(),
                        value: value.to_string(),
                    });
                }
                // `as` saturates: what does not fit i64 is outside every box.
                Ok((value * 10f64.powi(i32::from(feature.decimals))).round() as i64)
            })
            .collect::<Result<_, _>>()?;
        self.digits(&raw)?;
        Ok(raw)
    }

    /// Answer to real values, in the model's units: for people and reports.
    ///
    /// # Errors
    /// As [`Self::raw_from_real`].
    pub fn run_real(&self, values: &[f64]) -> Result<Vec<f64>, ModelError> {
        self.outputs_real(&self.raw_from_real(values)?)
    }

    /// Answer to raw integers, in the model's units.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn outputs_real(&self, raw: &[i64]) -> Result<Vec<f64>, ModelError> {
        let trace = self.run(raw)?;
        let fields = self.output.iter().zip(trace.outputs());
        Ok(fields.map(|(field, raw)| field.real(*raw)).collect())
    }

    /// The one byte form of the model that is hashed and stored: compact JSON, fields in
    /// declaration order.
    ///
    /// # Errors
    /// None for this type in practice; the serializer's error is passed on.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
