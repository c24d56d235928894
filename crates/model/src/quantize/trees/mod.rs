//! Decision trees: from a float ensemble to exact integer paths and exact sums.
//!
//! # What the quantizer calls
//! ```text
//! Source::feature / Source::wire      where each input of the Trees node comes from
//! trees::push(model, …)  -> Vec<Exact>  one exact sum per target, on wires of `model`
//! Exact::linear()        -> LinearForm  to feed a requantized unit
//! decide::*                             bits and arg max of exact forms
//! heads::plan / Plan::emit              what the model answers: score, class, band, bit
//! ```
//! Nothing of the float graph between the raw inputs and a `Trees` node is quantized: a
//! feature's float32 pipeline (`FloatOp::Scale`) is handed over as steps, and only its raw
//! digits are read. A tree over computed values reads their digits as a [`Source::wire`].
//!
//! # Exactness
//! A path is exactly the float model's for every raw input of the box: each comparison is
//! replaced by the set of raw integers for which the float32 pipeline satisfies it. Leaves are
//! fixed-point numbers of one scale; their sum is exact, while a float runtime rounds after
//! every addition, so the sums differ by the runtime's own rounding error at most, but for
//! [`Exact::error`].

use crate::graph::Step;
use crate::integer::{InputSchema, WireId};

/// One float32 operation of a pipeline before a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pre {
    /// Arithmetic with a constant.
    Step(Step),
    /// An imputer: `by` where the value equals `from`.
    Replace {
        /// The number that stands for "not known".
        from: f32,
        /// What takes its place.
        by: f32,
    },
}

impl From<Step> for Pre {
    fn from(step: Step) -> Self {
        Self::Step(step)
    }
}

/// Where an input of a `Trees` node comes from: an integer `v` in `[0, most]`, its digits on
/// wires, and the float32 value that it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Name for errors.
    pub name: String,
    /// Wires of the digits of `v`, lowest first.
    pub digits: Vec<WireId>,
    /// Largest `v`.
    pub most: u64,
    /// The number that `v` stands for.
    pub value: Value,
    /// Applied to it, each rounded to float32.
    pub steps: Vec<Pre>,
}

/// The number that an integer `v` stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A raw feature: the float32 nearest to `(lo + v) / 10^decimals`.
    Decimal {
        /// Lower end of its box.
        lo: i32,
        /// Its decimals.
        decimals: u8,
    },
    /// A quantized value: `offset + scale · v`, rounded to float32.
    Affine {
        /// Where `v = 0` stands.
        offset: f64,
        /// One step of `v`.
        scale: f64,
    },
}

impl Source {
    /// Raw feature `index` of the schema behind `steps`; `None` if there is no such feature.
    pub fn feature(input: &InputSchema, index: usize, steps: Vec<Pre>) -> Option<Self> {
        let feature = input.features.get(index)?;
        let first = index as WireId * input.digits;
        Some(Self {
            name: feature.name.clone(),
            digits: (first..first + input.digits).collect(),
            most: (i64::from(feature.hi) - i64::from(feature.lo)).max(0) as u64,
            value: Value::Decimal {
                lo: feature.lo,
                decimals: feature.decimals,
            },
            steps,
        })
    }

    /// A quantized wire that stands for `offset + scale · digit`, behind `steps`.
    pub fn wire(
        name: impl Into<String>,
        wire: WireId,
        digit_bits: u32,
        offset: f64,
        scale: f64,
        steps: Vec<Pre>,
    ) -> Self {
        Self {
            name: name.into(),
            digits: vec![wire],
            most: (1 << digit_bits) - 1,
            value: Value::Affine { offset, scale },
            steps,
        }
    }
}

/// A real number as an exact integer combination of wires:
/// `offset + unit · (constant + Σ coefficient · wire)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// (wire, coefficient).
    pub terms: Vec<(WireId, i64)>,
    /// Added to the terms.
    pub constant: i64,
    /// What one counts for; positive.
    pub unit: f64,
    /// Where zero stands.
    pub offset: f64,
    /// Bound of the distance to the real number that it stands for, from rounding coefficients
    /// or leaves to the unit; 0 if they fit it exactly.
    pub error: f64,
}

/// A real number as a combination of wires, to be requantized: `constant + Σ coefficient · wire`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinearForm {
    /// Constant.
    pub constant: f64,
    /// (wire, coefficient).
    pub terms: Vec<(WireId, f64)>,
}

impl Exact {
    /// A quantized digit: `offset + scale · wire`, for a positive scale.
    pub fn digit(wire: WireId, offset: f64, scale: f64) -> Self {
        Self {
            terms: vec![(wire, 1)],
            constant: 0,
            unit: scale,
            offset,
            error: 0.0,
        }
    }

    /// The real number at the integer `n = constant + Σ coefficient · wire`.
    pub fn real(&self, n: i64) -> f64 {
        self.offset + self.unit * n as f64
    }

    /// The same number with real coefficients, for a requantized unit.
    pub fn linear(&self) -> LinearForm {
        let terms = self.terms.iter();
        LinearForm {
            constant: self.real(self.constant),
            terms: terms
                .map(|(wire, c)| (*wire, self.unit * *c as f64))
                .collect(),
        }
    }
}
