//! The integer model and its reference executor: THE definition of a model's answer.
//!
//! With digit width `t` and `M = 2^t − 1`:
//! 1. raw input `v_i` (the dApp's fixed-point integer, `lo_i ≤ v_i ≤ hi_i`) becomes
//!    `v_i − lo_i`, split into `digits` base-2^t digits, lowest first: the first activation
//!    vector has `features × digits` entries in `[0, M]`;
//! 2. each [`Dense`] layer maps activations `x` to `u = b + W x` over the integers, then
//!    `y = clamp(⌊u / 2^t⌋, 0, M)`, then `table[y]` where the layer has a function table.
//!    Rounding (2^(t−1)) and zero points live in `b`; scales live in `W`;
//! 3. the last layer's activations are the outputs.
//!
//! Every raw input inside the box has exactly one answer; nothing else has any.

use serde::{Deserialize, Serialize};

pub use crate::error::ModelError;
use crate::words;

/// Most bits a digit may have; the machine's look-up table holds 2^t entries.
pub const MAX_DIGIT_BITS: u32 = 12;
/// Fewest bits a digit may have.
pub const MIN_DIGIT_BITS: u32 = 4;
/// Status code of an answer to an input inside the domain.
pub const STATUS_OK: u64 = 0;

/// A quantized network: a chain of dense layers over small non-negative integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegerModel {
    /// Name shown to people; not part of the semantics.
    pub name: String,
    /// Digit width `t` in bits.
    pub digit_bits: u32,
    /// What a caller passes in.
    pub input: InputSchema,
    /// Layers in order; never empty.
    pub layers: Vec<Dense>,
    /// What comes out, one field per unit of the last layer.
    pub output: Vec<OutputField>,
}

/// The input box and its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSchema {
    /// Base-2^t digits per feature; a slot of an input word is `digits × t` bits wide.
    pub digits: u32,
    /// Features in input order.
    pub features: Vec<Feature>,
}

/// One input feature: a signed 32-bit fixed-point integer inside `[lo, hi]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Name for error messages.
    pub name: String,
    /// The raw integer is the real value × 10^decimals.
    pub decimals: u8,
    /// Smallest raw value.
    pub lo: i32,
    /// Largest raw value.
    pub hi: i32,
}

/// One dense layer with requantization and an optional function table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// Name of the node it came from.
    pub name: String,
    /// `weights[i][j]`: unit `i`, activation `j`.
    pub weights: Vec<Vec<i64>>,
    /// Bias per unit, rounding and zero point included, at scale 2^t.
    pub bias: Vec<i64>,
    /// Applied to each unit after clamping.
    pub table: Option<FunctionTable>,
}

/// A function on digits, as its 2^t values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionTable {
    /// Name of the function, for people.
    pub name: String,
    /// `values[z]` in `[0, M]`, for every digit `z`.
    pub values: Vec<u32>,
}

/// How an output digit reads in the model's units: `(raw − zero_point) × multiplier / 10^decimals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputField {
    /// Name for people.
    pub name: String,
    /// Digit that stands for zero.
    pub zero_point: u32,
    /// Step of one digit, in units of 10^−decimals.
    pub multiplier: u32,
    /// Decimals of the fixed-point value.
    pub decimals: u8,
}

impl OutputField {
    /// The fixed-point integer with [`Self::decimals`] decimals that `raw` stands for.
    pub fn fixed(&self, raw: u32) -> i64 {
        (i64::from(raw) - i64::from(self.zero_point)) * i64::from(self.multiplier)
    }

    /// Units of the model per digit.
    pub fn step(&self) -> f64 {
        f64::from(self.multiplier) / 10f64.powi(i32::from(self.decimals))
    }

    /// The real number that `raw` stands for.
    pub fn real(&self, raw: u32) -> f64 {
        self.fixed(raw) as f64 / 10f64.powi(i32::from(self.decimals))
    }
}

/// Every intermediate value of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Input digits, feature-major, lowest digit first.
    pub digits: Vec<u32>,
    /// Per layer, `u = b + W x`.
    pub accumulators: Vec<Vec<i64>>,
    /// Per layer, the digits after clamping and before the table.
    pub clamped: Vec<Vec<u32>>,
    /// Per layer, the activations that the next layer reads.
    pub activations: Vec<Vec<u32>>,
}

impl Trace {
    /// The answer: activations of the last layer.
    pub fn outputs(&self) -> &[u32] {
        self.activations.last().map_or(&[], Vec::as_slice)
    }
}

impl IntegerModel {
    /// `M`, the largest digit.
    pub fn max_digit(&self) -> u32 {
        (1 << self.digit_bits) - 1
    }

    /// Bits of one feature's slot in an input word.
    pub fn input_slot_bits(&self) -> u32 {
        self.input.digits * self.digit_bits
    }

    /// Number of input words.
    pub fn input_words(&self) -> usize {
        words::word_count(self.input.features.len(), self.input_slot_bits())
    }

    /// Number of output words: status and outputs in slots of one digit.
    pub fn output_words(&self) -> usize {
        words::word_count(1 + self.output.len(), self.digit_bits)
    }

    /// Checks everything that [`Self::run`] and the circuit rely on.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] names the first number that does not fit.
    pub fn validate(&self) -> Result<(), ModelError> {
        let bad = |what: String| {
            Err(ModelError::Malformed {
                model: self.name.clone(),
                what,
            })
        };
        if !(MIN_DIGIT_BITS..=MAX_DIGIT_BITS).contains(&self.digit_bits) {
            return bad(format!(
                "digit width {} is outside {MIN_DIGIT_BITS}..={MAX_DIGIT_BITS}",
                self.digit_bits
            ));
        }
        let slot = u64::from(self.input.digits) * u64::from(self.digit_bits);
        if self.input.features.is_empty() || self.input.digits == 0 || slot > 48 {
            return bad(format!("input slots of {slot} bits"));
        }
        for (index, feature) in self.input.features.iter().enumerate() {
            let width = i64::from(feature.hi) - i64::from(feature.lo);
            if width < 0 || width >> slot != 0 {
                return bad(format!(
                    "feature {index} `{}`: box [{}, {}] does not fit a slot of {slot} bits",
                    feature.name, feature.lo, feature.hi
                ));
            }
        }
        let max = i128::from(self.max_digit());
        let mut width = self.input.features.len() * self.input.digits as usize;
        for layer in &self.layers {
            let name = &layer.name;
            if layer.weights.is_empty() || layer.bias.len() != layer.weights.len() {
                return bad(format!("layer `{name}`: weights and bias differ in length"));
            }
            for (unit, (row, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
                if row.len() != width {
                    return bad(format!(
                        "layer `{name}` unit {unit}: {} weights for {width} activations",
                        row.len()
                    ));
                }
                let bound = row.iter().map(|w| i128::from(*w).abs() * max).sum::<i128>()
                    + i128::from(*bias).abs();
                if bound >= 1 << 62 {
                    return bad(format!("layer `{name}` unit {unit}: accumulator overflows"));
                }
            }
            if let Some(table) = &layer.table {
                let fits = table.values.iter().all(|v| i128::from(*v) <= max);
                if table.values.len() as i128 != max + 1 || !fits {
                    return bad(format!("layer `{name}`: table `{}`", table.name));
                }
            }
            width = layer.weights.len();
        }
        if self.layers.is_empty() || self.output.len() != width {
            return bad(format!(
                "{} output fields for {width} outputs in {} layers",
                self.output.len(),
                self.layers.len()
            ));
        }
        for field in &self.output {
            let digits = u64::from(field.zero_point.max(self.max_digit()));
            let largest = digits.checked_mul(u64::from(field.multiplier));
            if field.multiplier == 0 || field.decimals > 18 || largest.is_none_or(|v| v >> 62 != 0)
            {
                return bad(format!(
                    "output `{}`: ({} digits) × {} with {} decimals is no fixed-point number",
                    field.name, digits, field.multiplier, field.decimals
                ));
            }
        }
        Ok(())
    }

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
        let digits = self.digits(raw)?;
        let max = i64::from(self.max_digit());
        let mut trace = Trace {
            digits,
            accumulators: Vec::new(),
            clamped: Vec::new(),
            activations: Vec::new(),
        };
        for layer in &self.layers {
            let x = trace.activations.last().unwrap_or(&trace.digits);
            let u: Vec<i64> = layer
                .weights
                .iter()
                .zip(&layer.bias)
                .map(|(row, b)| {
                    b + row
                        .iter()
                        .zip(x)
                        .map(|(w, x)| w * i64::from(*x))
                        .sum::<i64>()
                })
                .collect();
            let clamped: Vec<u32> = u
                .iter()
                .map(|u| (u >> self.digit_bits).clamp(0, max) as u32)
                .collect();
            let activations = match &layer.table {
                Some(table) => clamped.iter().map(|z| table.values[*z as usize]).collect(),
                None => clamped.clone(),
            };
            trace.accumulators.push(u);
            trace.clamped.push(clamped);
            trace.activations.push(activations);
        }
        Ok(trace)
    }
}
