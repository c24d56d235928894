//! Builds the integer layers for one choice of scales.

use super::Samples;
use super::scale::{self, Seen, UnitScale};
use crate::float::{Activation, FloatLayer, FloatModel};
use crate::integer::{Dense, FunctionTable, InputSchema, IntegerModel, ModelError, OutputField};

/// Largest weight of a hidden layer; the first layer's digit weights may be larger.
const MAX_HIDDEN_WEIGHT: f64 = 65_535.0;
/// Calibration rows that a unit's mean error must outweigh before it is fully believed.
const CORRECTION_PRIOR: f64 = 4.0;

/// What is fixed before scales are chosen.
pub(super) struct Draft<'m> {
    pub(super) model: &'m FloatModel,
    pub(super) input: InputSchema,
    pub(super) outputs: Vec<String>,
    pub(super) digit_bits: u32,
}

/// How scales are taken from calibrated ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Where the top of a hidden ReLU unit lies between its calibrated maximum (0) and what
    /// the box can reach (1), geometrically.
    pub(super) headroom: f64,
    /// Factor on the calibrated maximum.
    pub(super) clip: f64,
    /// Half-width of a sigmoid's table in logits.
    pub(super) radius: f64,
}

/// What an activation digit stands for: the float value `source` is the sum of
/// `offset + scale × digit` over the digits of that source.
#[derive(Clone, Copy, Debug)]
struct Wire {
    source: usize,
    offset: f64,
    scale: f64,
}

impl Draft<'_> {
    /// The integer model of this choice.
    ///
    /// # Errors
    /// Scales that leave some input of the box without a proof.
    pub(super) fn build(
        &self,
        samples: &Samples,
        rows: &[usize],
        choice: Choice,
    ) -> Result<IntegerModel, ModelError> {
        let mut model = IntegerModel {
            name: self.model.name.clone(),
            digit_bits: self.digit_bits,
            input: self.input.clone(),
            nodes: Vec::new(),
            output: Vec::new(),
        };
        let mut layers = Vec::new();
        let mut wires = self.input_wires();
        let mut reach: Vec<(i64, i64)> = model
            .digit_bounds()
            .into_iter()
            .map(|hi| (0, i64::from(hi)))
            .collect();
        let mut activations = rows
            .iter()
            .map(|row| model.digits(&samples.raw[*row]))
            .collect::<Result<Vec<_>, _>>()?;
        for (index, layer) in self.model.layers.iter().enumerate() {
            let context = Context {
                draft: self,
                layer,
                index,
                wires: &wires,
                reach: &reach,
                seen: scale::seen(samples, rows, index),
            };
            let scales = context.scales(choice)?;
            if context.is_last() {
                model.output.clone_from(&scales.output);
            }
            let mut dense = context.quantize(&scales);
            let targets: Vec<&[f64]> = rows
                .iter()
                .map(|row| samples.float[*row].linear[index].as_slice())
                .collect();
            context.correct_bias(&mut dense, &scales, &activations, &targets);
            reach = reachable_digits(&dense, &reach, self.digit_bits);
            for x in &mut activations {
                *x = forward(&dense, x, self.digit_bits);
            }
            wires = scales.wires;
            layers.push(dense);
        }
        let model = IntegerModel::chain(
            model.name,
            model.digit_bits,
            model.input,
            layers,
            model.output,
        );
        model.validate()?;
        model.check_complete()?;
        Ok(model)
    }

    fn input_wires(&self) -> Vec<Wire> {
        let digits = self.input.digits as i32;
        self.input
            .features
            .iter()
            .enumerate()
            .flat_map(|(source, feature)| {
                let unit = 10f64.powi(-i32::from(feature.decimals));
                (0..digits).map(move |digit| Wire {
                    source,
                    offset: if digit == 0 {
                        f64::from(feature.lo) * unit
                    } else {
                        0.0
                    },
                    scale: unit * 2f64.powi(self.digit_bits as i32 * digit),
                })
            })
            .collect()
    }

    fn max_digit(&self) -> u32 {
        (1 << self.digit_bits) - 1
    }

    /// `2^t`, one digit in accumulator units.
    fn base(&self) -> f64 {
        2f64.powi(self.digit_bits as i32)
    }
}

/// One layer about to be quantized.
struct Context<'a> {
    draft: &'a Draft<'a>,
    layer: &'a FloatLayer,
    index: usize,
    wires: &'a [Wire],
    reach: &'a [(i64, i64)],
    seen: Vec<Seen>,
}

/// Scales of one layer, and how its activations read.
struct Scales {
    units: Vec<UnitScale>,
    wires: Vec<Wire>,
    table: Option<FunctionTable>,
    output: Vec<OutputField>,
}

impl Context<'_> {
    fn is_last(&self) -> bool {
        self.index + 1 == self.draft.model.layers.len()
    }

    /// Per unit, the values before the activation that the whole box can reach.
    fn reachable(&self) -> Vec<Seen> {
        let units = self.layer.weights.iter().zip(&self.layer.bias);
        units
            .map(|(row, bias)| {
                let mut seen = Seen {
                    lo: *bias,
                    hi: *bias,
                };
                for (wire, (_, top)) in self.wires.iter().zip(self.reach) {
                    let fixed = row[wire.source] * wire.offset;
                    let most = row[wire.source] * wire.scale * *top as f64;
                    seen.lo += fixed + most.min(0.0);
                    seen.hi += fixed + most.max(0.0);
                }
                seen
            })
            .collect()
    }

    /// Finest step per unit that keeps weights in 16 bits and every input provable.
    fn least_steps(&self, reachable: &[Seen]) -> Vec<f64> {
        let base = self.draft.base();
        // Rounding of weights and bias, rounding and zero point, in digits.
        let reach: f64 = self.reach.iter().map(|(_, hi)| *hi as f64).sum();
        let slack = reach / base + 2.0 * base;
        let room = (base * base - slack).max(1.0);
        let units = self.layer.weights.iter().zip(reachable);
        units
            .map(|(row, seen)| {
                let provable = seen.lo.abs().max(seen.hi.abs()) / room;
                let weights = self.wires.iter().map(|wire| row[wire.source] * wire.scale);
                let largest = weights.fold(0.0f64, |most, w| most.max(w.abs()));
                match self.index {
                    0 => provable,
                    _ => provable.max(largest * base / MAX_HIDDEN_WEIGHT),
                }
            })
            .collect()
    }

    /// # Errors
    /// Outputs too large for an output field's step.
    fn scales(&self, choice: Choice) -> Result<Scales, ModelError> {
        let max = f64::from(self.draft.max_digit());
        let reachable = self.reachable();
        let least = self.least_steps(&reachable);
        let coarsest = least.iter().copied().fold(0.0, f64::max);
        Ok(match self.layer.activation {
            Activation::Sigmoid => {
                // The table is shared by the layer, so its units share their scale.
                let step = (2.0 * choice.radius / max).max(coarsest);
                self.sigmoid(UnitScale {
                    step,
                    zero: max / 2.0,
                })
            }
            Activation::Relu if !self.is_last() => {
                let units: Vec<UnitScale> = self
                    .seen
                    .iter()
                    .zip(reachable.iter().zip(least))
                    .map(|(seen, (most, least))| UnitScale {
                        step: scale::relu_step(*seen, *most, choice, max).max(least),
                        zero: 0.0,
                    })
                    .collect();
                Scales {
                    wires: wires(&units),
                    units,
                    table: None,
                    output: Vec::new(),
                }
            }
            Activation::Relu | Activation::Identity => {
                let output = scale::output_fields(
                    self.layer,
                    &self.draft.outputs,
                    &self.seen,
                    &least,
                    self.draft.max_digit(),
                )
                .map_err(|what| ModelError::Malformed {
                    model: self.draft.model.name.clone(),
                    what,
                })?;
                let units: Vec<UnitScale> = output
                    .iter()
                    .map(|field| UnitScale {
                        step: field.step(),
                        zero: field.zero_point as f64,
                    })
                    .collect();
                Scales {
                    wires: wires(&units),
                    units,
                    table: None,
                    output,
                }
            }
        })
    }

    fn sigmoid(&self, unit: UnitScale) -> Scales {
        let max = self.draft.max_digit();
        let output: Vec<OutputField> = if self.is_last() {
            let names = self.draft.outputs.iter();
            names.map(|n| scale::probability_field(n, max)).collect()
        } else {
            Vec::new()
        };
        let one = output
            .first()
            .map_or(f64::from(max), scale::probability_one);
        let values = (0..=max)
            .map(|z| {
                let logit = (f64::from(z) - unit.zero) * unit.step;
                (Activation::Sigmoid.apply(logit) * one).round() as u32
            })
            .collect();
        let count = self.layer.bias.len();
        let wire = |source| Wire {
            source,
            offset: 0.0,
            scale: 1.0 / one,
        };
        Scales {
            units: vec![unit; count],
            wires: (0..count).map(wire).collect(),
            table: Some(FunctionTable {
                name: "sigmoid".into(),
                values,
            }),
            output,
        }
    }

    fn quantize(&self, scales: &Scales) -> Dense {
        let base = self.draft.base();
        let (weights, bias) = self
            .layer
            .weights
            .iter()
            .zip(&self.layer.bias)
            .zip(&scales.units)
            .map(|((row, bias), unit)| {
                let weights = self
                    .wires
                    .iter()
                    .zip(self.reach)
                    .map(|(wire, (_, top))| match top {
                        // A digit that is always 0 needs no weight, and a large one would
                        // cost the circuit's packing.
                        0 => 0,
                        _ => (base * row[wire.source] * wire.scale / unit.step).round() as i64,
                    })
                    .collect::<Vec<_>>();
                let offsets = self.wires.iter().map(|wire| row[wire.source] * wire.offset);
                let offset: f64 = offsets.sum();
                let bias = base * ((bias + offset) / unit.step + unit.zero) + base / 2.0;
                (weights, bias.round() as i64)
            })
            .unzip();
        Dense {
            name: self.layer.name.clone(),
            weights,
            bias,
            table: scales.table.clone(),
        }
    }

    /// Takes the mean error of rounded weights on the calibration rows out of the biases.
    ///
    /// Only rows that the unit does not clamp count: there the error reaches the output.
    fn correct_bias(
        &self,
        dense: &mut Dense,
        scales: &Scales,
        activations: &[Vec<u32>],
        targets: &[&[f64]],
    ) {
        let base = self.draft.base();
        let top = base * base;
        for (unit, scale) in scales.units.iter().enumerate() {
            let (mut sum, mut count) = (0.0, 0.0);
            for (x, target) in activations.iter().zip(targets) {
                let wanted = base * (target[unit] / scale.step + scale.zero) + base / 2.0;
                if wanted > 0.0 && wanted < top {
                    sum += wanted - accumulate(&dense.weights[unit], dense.bias[unit], x) as f64;
                    count += 1.0;
                }
            }
            dense.bias[unit] += (sum / (count + CORRECTION_PRIOR)).round() as i64;
        }
    }
}

fn wires(units: &[UnitScale]) -> Vec<Wire> {
    let wire = |(source, unit): (usize, &UnitScale)| Wire {
        source,
        offset: -unit.zero * unit.step,
        scale: unit.step,
    };
    units.iter().enumerate().map(wire).collect()
}

fn accumulate(weights: &[i64], bias: i64, x: &[u32]) -> i64 {
    let products = weights.iter().zip(x).map(|(w, x)| w * i64::from(*x));
    bias + products.sum::<i64>()
}

fn forward(dense: &Dense, x: &[u32], digit_bits: u32) -> Vec<u32> {
    let max = (1i64 << digit_bits) - 1;
    dense
        .weights
        .iter()
        .zip(&dense.bias)
        .map(|(row, bias)| {
            let z = (accumulate(row, *bias, x) >> digit_bits).clamp(0, max) as usize;
            dense.table.as_ref().map_or(z as u32, |t| t.values[z])
        })
        .collect()
}

/// Interval of every activation, for inputs inside `reach`.
fn reachable_digits(dense: &Dense, reach: &[(i64, i64)], digit_bits: u32) -> Vec<(i64, i64)> {
    let max = (1i64 << digit_bits) - 1;
    let digit = |u: i64| (u >> digit_bits).clamp(0, max);
    let units = dense.weights.iter().zip(&dense.bias);
    units
        .map(|(row, bias)| {
            let (lo, hi) = row
                .iter()
                .zip(reach)
                .fold((*bias, *bias), |(lo, hi), (w, (a, b))| {
                    (lo + (w * a).min(w * b), hi + (w * a).max(w * b))
                });
            (digit(lo), digit(hi))
        })
        .map(|(lo, hi)| match &dense.table {
            None => (lo, hi),
            Some(table) => table.values[lo as usize..=hi as usize]
                .iter()
                .map(|v| i64::from(*v))
                .fold((max, 0), |(lo, hi), v| (lo.min(v), hi.max(v))),
        })
        .collect()
}
