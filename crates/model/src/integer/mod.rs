//! The integer model and its reference executor: THE definition of a model's answer.
//!
//! A model is a graph over *wires*, scalars in `[0, M]` with `M = 2^t − 1` for digit width `t`.
//! Wires are numbered: first the input digits, then each node's outputs in order; a node reads
//! wires of lower numbers only.
//!
//! 1. Raw input `v_i` (the dApp's fixed-point integer, `lo_i ≤ v_i ≤ hi_i`) becomes `v_i − lo_i`,
//!    split into `digits` base-2^t digits, lowest first: the first `features × digits` wires.
//! 2. Every [`Node`] computes its outputs as [`Op`] says. Linear nodes compute `u` over the
//!    integers, then `y = clamp(⌊u / 2^t⌋, 0, M)`; rounding (2^(t−1)) and zero points live in the
//!    bias, scales live in the weights.
//! 3. Each [`OutputField`] takes one or more wires, lowest digit first.
//!
//! Every raw input inside the box has exactly one answer; nothing else has any.

mod batch;
mod build;
mod conv;
mod private;
mod run;
mod trees;
mod validate;
mod view;

use serde::{Deserialize, Serialize};

pub use crate::error::ModelError;
use crate::words;
pub use batch::Batch;
pub use build::{ChainModel, Dense};
pub use conv::{Conv, Span, Tap};
pub use private::{BIAS_LIMBS, NodeParameters, PLAIN_COEFFICIENTS, Privacy, STATUS_OUT_OF_DOMAIN};
pub use run::{Computed, Trace};
pub use trees::{TREE_LIMBS, Tree, TreeFeature, TreeNode, Trees};
pub use view::LinearView;

/// Most bits a digit may have; the machine's look-up table holds 2^t entries.
pub const MAX_DIGIT_BITS: u32 = 12;
/// Fewest bits a digit may have.
pub const MIN_DIGIT_BITS: u32 = 4;
/// Most digits an output may have.
pub const MAX_OUTPUT_DIGITS: u32 = 4;
/// Status code of an answer to an input inside the domain.
pub const STATUS_OK: u64 = 0;

/// Number of a scalar value of the graph.
pub type WireId = u32;

/// A quantized model: a graph of integer operators over small non-negative numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegerModel {
    /// Name shown to people; not part of the semantics.
    pub name: String,
    /// Digit width `t` in bits.
    pub digit_bits: u32,
    /// What a caller passes in.
    pub input: InputSchema,
    /// Nodes in order of evaluation; never empty.
    pub nodes: Vec<Node>,
    /// What comes out.
    pub output: Vec<OutputField>,
    /// What is private.
    #[serde(default)]
    pub privacy: Privacy,
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

/// One operator of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the ONNX node it came from.
    pub name: String,
    /// Wires it reads; operators refer to them by position in this list.
    pub inputs: Vec<WireId>,
    /// What it computes.
    pub op: Op,
}

/// What a node computes from its inputs `x_0, x_1, …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// `u_i = bias_i + Σ_j weights_ij x_j`, requantized.
    Dense {
        /// `weights[i][j]`: unit `i`, input `j`.
        weights: Vec<Vec<i64>>,
        /// Bias per unit, rounding and zero point included, at scale 2^t.
        bias: Vec<i64>,
    },
    /// A convolution, requantized.
    Conv(Conv),
    /// Few terms per unit, products of two inputs among them, requantized: residual sums,
    /// average pools, elementwise scales, products of two activations.
    Sparse {
        /// One per output.
        units: Vec<Unit>,
    },
    /// `u` exactly, as base-2^t digits, lowest first, `digits` outputs per unit; never clamped:
    /// `0 ≤ u < 2^(t·digits)` must hold for all inputs in `[0, M]` that can occur.
    Digits {
        /// Digits per unit.
        digits: u32,
        /// One per `digits` outputs.
        units: Vec<Unit>,
    },
    /// `y_i = values[x_i]`.
    Table(FunctionTable),
    /// `y_i = max` over the inputs whose positions `groups[i]` lists.
    Max {
        /// Positions of inputs, never empty.
        groups: Vec<Vec<u32>>,
    },
    /// Decision trees: each tree's leaf, as limbs.
    Trees(Trees),
}

/// `u = bias + Σ coefficient · x_j + Σ coefficient · x_j · x_k`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Constant, rounding and zero point included.
    pub bias: i64,
    /// (input position, coefficient).
    pub terms: Vec<(u32, i64)>,
    /// (input position, input position, coefficient).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<(u32, u32, i64)>,
}

/// A function on digits, as its 2^t values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionTable {
    /// Name of the function, for people.
    pub name: String,
    /// `values[z]` in `[0, M]`, for every digit `z`.
    pub values: Vec<u32>,
}

/// How an output reads in the model's units: `(raw − zero_point) × multiplier / 10^decimals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputField {
    /// Name for people.
    pub name: String,
    /// Wire of the lowest digit; further digits are the wires after it.
    pub wire: WireId,
    /// Base-2^t digits of the raw value.
    pub digits: u32,
    /// Raw value that stands for zero.
    pub zero_point: u64,
    /// Step of one raw unit, in units of 10^−decimals.
    pub multiplier: u32,
    /// Decimals of the fixed-point value.
    pub decimals: u8,
}

impl OutputField {
    /// The fixed-point integer with [`Self::decimals`] decimals that `raw` stands for.
    pub fn fixed(&self, raw: u64) -> i64 {
        (raw as i64 - self.zero_point as i64) * i64::from(self.multiplier)
    }

    /// Units of the model per raw unit.
    pub fn step(&self) -> f64 {
        f64::from(self.multiplier) / 10f64.powi(i32::from(self.decimals))
    }

    /// The real number that `raw` stands for.
    pub fn real(&self, raw: u64) -> f64 {
        self.fixed(raw) as f64 / 10f64.powi(i32::from(self.decimals))
    }
}

impl IntegerModel {
    /// `M`, the largest digit.
    pub fn max_digit(&self) -> u32 {
        (1 << self.digit_bits) - 1
    }

    /// Number of input digits, the first wires.
    pub fn input_wires(&self) -> usize {
        self.input.features.len() * self.input.digits as usize
    }

    /// First output wire of every node, then the number of wires.
    pub fn first_wires(&self) -> Vec<usize> {
        let mut at = self.input_wires();
        let mut all = vec![at];
        for node in &self.nodes {
            at += node.outputs();
            all.push(at);
        }
        all
    }

    /// Bits of one feature's slot in an input word.
    pub fn input_slot_bits(&self) -> u32 {
        self.input.digits * self.digit_bits
    }

    /// Number of input words.
    pub fn input_words(&self) -> usize {
        words::word_count(self.input.features.len(), self.input_slot_bits())
    }

    /// Base-2^t digits of every output's slot: those of the widest output.
    pub fn output_digits(&self) -> u32 {
        self.output.iter().map(|f| f.digits).max().unwrap_or(1)
    }

    /// Bits of one slot in an output word.
    pub fn output_slot_bits(&self) -> u32 {
        self.output_digits() * self.digit_bits
    }

    /// Number of output words: status and outputs, one slot each.
    pub fn output_words(&self) -> usize {
        words::word_count(1 + self.output.len(), self.output_slot_bits())
    }
}

impl Node {
    /// Number of output wires.
    pub fn outputs(&self) -> usize {
        match &self.op {
            Op::Dense { weights, .. } => weights.len(),
            Op::Conv(conv) => conv.outputs(),
            Op::Sparse { units } => units.len(),
            Op::Digits { digits, units } => units.len() * *digits as usize,
            Op::Table(_) => self.inputs.len(),
            Op::Max { groups } => groups.len(),
            Op::Trees(trees) => trees.outputs(),
        }
    }
}
