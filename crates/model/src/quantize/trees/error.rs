//! Why trees or decisions cannot be quantized.

use crate::integer::ModelError;

/// Why an ensemble is refused.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum TreesError {
    /// The ensemble's own numbers do not fit together.
    #[error("tree {tree} node {node}: {what}")]
    Malformed {
        /// Which tree.
        tree: usize,
        /// Which of its nodes.
        node: usize,
        /// What is wrong.
        what: String,
    },
    /// The ensemble as a whole does not fit together.
    #[error("tree ensemble: {0}")]
    Ensemble(String),
    /// An input cannot be compared exactly.
    #[error("input `{name}` of the trees {what}")]
    Source {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Something must be numbered by one digit and is too many.
    #[error(
        "tree ensemble: {what}, but digits of {digit_bits} bits number {most}; compile with wider \
         digits, up to 12 bits, or train a smaller ensemble"
    )]
    TooMany {
        /// What.
        what: String,
        /// Digit width.
        digit_bits: u32,
        /// How many fit.
        most: usize,
    },
    /// A sum or a comparison does not work out.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

/// Why exact forms cannot be combined.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum DecideError {
    /// A sum is too large for the machine's exact digits.
    #[error("`{name}`: the sum needs {bits} bits, at most {most} fit; use fewer terms or inputs")]
    TooWide {
        /// The decision.
        name: String,
        /// Bits that are needed.
        bits: u32,
        /// Bits that fit.
        most: u32,
    },
    /// Nothing to choose from, or more than a digit numbers.
    #[error(
        "`{name}` chooses between {count} values; digits of {digit_bits} bits allow 1 to {most}, \
         wider digits allow more"
    )]
    Choices {
        /// The decision.
        name: String,
        /// How many there are.
        count: usize,
        /// Digit width.
        digit_bits: u32,
        /// How many fit.
        most: usize,
    },
    /// A number is NaN, infinite or, for a unit, not positive.
    #[error("`{name}`: {what} is {value}")]
    NotFinite {
        /// The decision.
        name: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A form reads a wire that the model does not have.
    #[error("`{name}` reads wire {wire}, but the model has {wires}")]
    Wire {
        /// The decision.
        name: String,
        /// The wire.
        wire: u32,
        /// Wires there are.
        wires: usize,
    },
    /// The model so far is not well-formed.
    #[error(transparent)]
    Model(#[from] ModelError),
}
