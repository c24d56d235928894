//! Decision heads: what a model answers on chain, chosen when it is compiled.
//!
//! A caller who may ask often can rebuild a model from its scores; the coarser the answer, the
//! more questions that takes. What one answer reveals at most:
//!
//! | head | bits per answer | answer |
//! | --- | --- | --- |
//! | `score` | digit width × digits of every output | the numbers |
//! | `class` | log2 of the classes | number of the first largest score, or 1 above the threshold |
//! | `band:0.2,0.5` | log2 of (edges + 1) | how many of the edges the score is above |
//! | `threshold:0.5` | 1 | 1 if the score is above the threshold |
//!
//! "Above" is strict everywhere, as in ONNX's tree and linear classifiers. For tree classifiers,
//! `score` adds a field `class`, so that the class never depends on a rounded score.
//!
//! # What the quantizer calls
//! ```text
//! let plan = heads::plan(&graph, &head)?;      before anything is quantized
//! plan.scores()                                float wires that become score fields
//! plan.wires()                                 float wires that the decision is taken from
//! plan.emit(&mut model, |wire| reading)?       appends the decision, returns its field
//! ```
//! Nodes on which neither `wires()` nor `scores()` depend need not be quantized: monotone
//! functions between a decision's wires and the outputs (sigmoid, softmax, `1 − x`) are pulled
//! back to thresholds. A decision on an exact sum is exact; one on a digit is a table on it.

mod plan;
mod pull;

use std::fmt;
use std::str::FromStr;

pub use plan::{Plan, Reading, plan};

use super::trees::DecideError;
use crate::graph::Task;
use crate::integer::WireId;

/// What the model answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Head {
    /// Every output as a number.
    #[default]
    Score,
    /// The class.
    Class,
    /// How many of these ascending edges the score is above.
    Band(Vec<f64>),
    /// 1 if the score is above this.
    Threshold(f64),
}

/// Most edges of a band.
pub const MAX_EDGES: usize = 15;

/// Why a head is not one.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ParseHeadError {
    /// Not a head's name.
    #[error(
        "`{0}` is no output; give `score`, `class`, `band:EDGE,EDGE,…` or `threshold:VALUE`, \
         for example `band:0.2,0.5,0.8`"
    )]
    Unknown(String),
    /// A part that must be a number is none.
    #[error("`{part}` in `{head}` is not a finite number; write it like `0.5`")]
    Number {
        /// The whole text.
        head: String,
        /// The part.
        part: String,
    },
    /// Edges that do not ascend.
    #[error("the edges of `{0}` must ascend, each larger than the one before it")]
    NotAscending(String),
    /// Too many edges.
    #[error("`{head}` has {edges} edges; a band has at most {MAX_EDGES}")]
    TooMany {
        /// The whole text.
        head: String,
        /// Edges in it.
        edges: usize,
    },
}

/// Why a head cannot be answered.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum HeadError {
    /// The model knows no class.
    #[error(
        "output `class`: the model has {outputs} outputs of kind {task:?} and no class; use \
         `score`, `band:…` or `threshold:…`"
    )]
    NoClass {
        /// What the outputs mean.
        task: Task,
        /// How many there are.
        outputs: usize,
    },
    /// There is not one score to compare.
    #[error(
        "output `{head}`: the model has {outputs} outputs of kind {task:?}, and edges are compared \
         with one score; use `score` or `class`"
    )]
    NoScore {
        /// The head.
        head: String,
        /// What the outputs mean.
        task: Task,
        /// How many there are.
        outputs: usize,
    },
    /// An output wire that the graph does not have.
    #[error("the model's output is wire {wire}, but it has {wires}")]
    Output {
        /// The wire.
        wire: WireId,
        /// Wires there are.
        wires: usize,
    },
    /// The quantizer has no number for a wire, or a digit whose scale is 0.
    #[error("the decision reads wire {wire}, which was not quantized")]
    Reading {
        /// The wire.
        wire: WireId,
    },
    /// A sum or a comparison does not work out.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, ParseHeadError> {
        let number = |part: &str| match part.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(ParseHeadError::Number {
                head: text.into(),
                part: part.trim().into(),
            }),
        };
        match text.split_once(':') {
            None if text == "score" => Ok(Self::Score),
            None if text == "class" => Ok(Self::Class),
            Some(("threshold", value)) => Ok(Self::Threshold(number(value)?)),
            Some(("band", edges)) => {
                let edges = edges
                    .split(',')
                    .map(number)
                    .collect::<Result<Vec<_>, _>>()?;
                if edges.len() > MAX_EDGES {
                    return Err(ParseHeadError::TooMany {
                        head: text.into(),
                        edges: edges.len(),
                    });
                }
                if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
                    return Err(ParseHeadError::NotAscending(text.into()));
                }
                Ok(Self::Band(edges))
            }
            _ => Err(ParseHeadError::Unknown(text.into())),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score => f.write_str("score"),
            Self::Class => f.write_str("class"),
            Self::Threshold(value) => write!(f, "threshold:{value}"),
            Self::Band(edges) => {
                f.write_str("band:")?;
                for (index, edge) in edges.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{edge}")?;
                }
                Ok(())
            }
        }
    }
}
