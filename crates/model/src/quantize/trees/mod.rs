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

mod argmax;
mod axis;
mod decide;
mod error;
mod exact;
mod leaves;
mod rank;
mod region;
mod shape;
mod split;

pub use axis::float32;
pub use decide::Decider;
pub use error::{DecideError, TreesError};
pub use exact::{Exact, LinearForm};

use crate::graph::{Aggregate, FloatTrees, Step};
use crate::integer::{InputSchema, IntegerModel, Op, WireId};

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

/// Appends an ensemble to a model and returns the exact sum of each target.
///
/// Sums of many limbs are taken together in one node of exact digits, so that whatever reads
/// them, scores and decisions alike, reads few wires. An ensemble without any branch that an
/// input can reach comes back as constants, and nothing is appended.
///
/// # Errors
/// Trees or inputs that are malformed or that cannot be compared exactly; more features,
/// thresholds or nodes than digits of this width number.
pub fn push(
    model: &mut IntegerModel,
    name: &str,
    trees: &FloatTrees,
    sources: &[Source],
) -> Result<Vec<Exact>, TreesError> {
    check(trees)?;
    let digit_bits = model.digit_bits;
    let most = (1usize << digit_bits) - 1;
    let axes = sources.iter().map(axis::Axis::new);
    let axes = axes.collect::<Result<Vec<_>, _>>()?;
    let mut shaper = shape::Shaper::new(&axes, most);
    let mut constants = vec![0.0; trees.targets];
    let (mut shapes, mut origins) = (Vec::new(), Vec::new());
    for index in 0..trees.trees.len() {
        let shape = shaper.shape(trees, index)?;
        match shape.constant() {
            Some(weights) => weights.iter().for_each(|(target, weight)| {
                constants[*target as usize] += f64::from_bits(*weight);
            }),
            None => {
                shapes.extend(split::split(shape, most + 1, most, digit_bits)?);
                origins.resize(shapes.len(), index);
            }
        }
    }
    let leaves = leaves::Leaves::new(&shapes, &constants, digit_bits);
    let mut outputs = Vec::new();
    let mut width = 0;
    if !shapes.is_empty() {
        let (inputs, op) = rank::rank(&shapes, &leaves, sources, digit_bits)?;
        width = op.limbs;
        outputs = model.push(name, inputs, Op::Trees(op));
    }
    let divisor = match trees.aggregate {
        Aggregate::Average => trees.trees.len() as f64,
        Aggregate::Sum | Aggregate::Min | Aggregate::Max => 1.0,
    };
    let mut sums = leaves.sums(&constants, &origins, &outputs, width, divisor);
    for (sum, base) in sums.iter_mut().zip(&trees.base) {
        sum.offset = f64::from(*base);
    }
    let mut decider = Decider::new(model)?;
    Ok(decider.condense(&format!("{name}.sums"), &sums)?)
}

fn check(trees: &FloatTrees) -> Result<(), TreesError> {
    let bad = |what: String| Err(TreesError::Ensemble(what));
    let count = trees.trees.len();
    if count == 0 || trees.targets == 0 {
        return bad(format!("{count} trees for {} targets", trees.targets));
    }
    if trees.base.len() != trees.targets {
        let got = trees.base.len();
        return bad(format!("{got} base values for {} targets", trees.targets));
    }
    if let Some(base) = trees.base.iter().find(|base| !base.is_finite()) {
        return bad(format!("a base value of {base}; it must be finite"));
    }
    if matches!(trees.aggregate, Aggregate::Min | Aggregate::Max) && count > 1 {
        return bad(format!(
            "the smallest or largest of {count} trees' leaves is not supported; use the sum or \
             the average"
        ));
    }
    Ok(())
}
