//! Per layer: ranges seen and reachable, and how often digits were clamped.

use serde::{Deserialize, Serialize};

use crate::float::{FloatModel, FloatTrace};
use crate::integer::{IntegerModel, Trace};

/// One layer on the calibration data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Name of the node it came from.
    pub name: String,
    /// `linear`, `relu` or `sigmoid`.
    pub activation: String,
    /// Units.
    pub units: usize,
    /// Inputs of each unit, in digits.
    pub inputs: usize,
    /// Bits of the largest weight, without sign.
    pub weight_bits: u32,
    /// Smallest value before the activation, in the float model.
    pub float_min: f64,
    /// Largest value before the activation, in the float model.
    pub float_max: f64,
    /// Smallest accumulator seen.
    pub seen_min: i64,
    /// Largest accumulator seen.
    pub seen_max: i64,
    /// Smallest accumulator over the whole box, by interval arithmetic.
    pub box_min: i64,
    /// Largest accumulator over the whole box, by interval arithmetic.
    pub box_max: i64,
    /// Values compared: units × rows.
    pub values: u64,
    /// Digits clamped at 0: for a ReLU that is the function itself.
    pub clamped_low: u64,
    /// Digits clamped at the largest digit: saturation.
    pub clamped_high: u64,
}

/// Collects [`LayerReport`]s row by row.
pub(super) struct Tally {
    /// Node of each layer.
    indices: Vec<usize>,
    layers: Vec<LayerReport>,
    digit_bits: u32,
    max_digit: i64,
}

impl Tally {
    pub(super) fn new(model: &FloatModel, integer: &IntegerModel) -> Self {
        let bounds = integer.bounds().unwrap_or_default();
        let nodes = integer.nodes.iter().zip(bounds).enumerate();
        let linear = nodes.filter_map(|(index, (node, bounds))| {
            let view = node.linear()?;
            Some((index, node, view, bounds.accumulators))
        });
        let (indices, layers) = linear
            .zip(&model.layers)
            .map(|((index, node, view, bounds), float)| {
                let mut largest = 0;
                for unit in 0..view.units() {
                    view.terms(unit, |_, w| largest = w.unsigned_abs().max(largest));
                }
                let report = LayerReport {
                    name: node.name.clone(),
                    activation: float.activation.name().into(),
                    units: view.units(),
                    inputs: node.inputs.len(),
                    weight_bits: u64::BITS - largest.leading_zeros(),
                    float_min: f64::MAX,
                    float_max: f64::MIN,
                    seen_min: i64::MAX,
                    seen_max: i64::MIN,
                    box_min: bounds.iter().map(|b| b.0).min().unwrap_or(0),
                    box_max: bounds.iter().map(|b| b.1).max().unwrap_or(0),
                    values: 0,
                    clamped_low: 0,
                    clamped_high: 0,
                };
                (index, report)
            })
            .unzip();
        Self {
            indices,
            layers,
            digit_bits: integer.digit_bits,
            max_digit: i64::from(integer.max_digit()),
        }
    }

    pub(super) fn add(&mut self, float: &FloatTrace, trace: &Trace) {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for v in &float.linear[index] {
                layer.float_min = layer.float_min.min(*v);
                layer.float_max = layer.float_max.max(*v);
            }
            for u in &trace.accumulators[self.indices[index]] {
                let digit = u >> self.digit_bits;
                layer.seen_min = layer.seen_min.min(*u);
                layer.seen_max = layer.seen_max.max(*u);
                layer.values += 1;
                layer.clamped_low += u64::from(digit < 0);
                layer.clamped_high += u64::from(digit > self.max_digit);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<LayerReport> {
        self.layers
    }
}
