//! Why an integer model or one of its inputs is refused.

/// Why a model is not well-formed, or an input is not of its domain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The model's own numbers do not fit together.
    #[error("model `{model}`: {what}")]
    Malformed {
        /// The model's name.
        model: String,
        /// What is wrong, and where.
        what: String,
    },
    /// The number of features is wrong.
    #[error("expected {expected} input values, got {got}")]
    InputLength {
        /// Features of the schema.
        expected: usize,
        /// Values passed.
        got: usize,
    },
    /// A value lies outside its feature's box.
    #[error(
        "feature {index} `{name}` is {value}, outside its domain [{lo}, {hi}] \
         (raw integers with {decimals} decimals)"
    )]
    OutOfDomain {
        /// Position in the input.
        index: usize,
        /// Feature's name.
        name: String,
        /// The offending raw value.
        value: i64,
        /// Smallest raw value.
        lo: i32,
        /// Largest raw value.
        hi: i32,
        /// Feature's decimals.
        decimals: u8,
    },
    /// A value is NaN or infinite.
    #[error("feature {index} `{name}` is {value}; every value must be a finite number")]
    NotFinite {
        /// Position in the input.
        index: usize,
        /// Feature's name.
        name: String,
        /// The value, as text.
        value: String,
    },
    /// Some input of the box may have no proof.
    #[error(
        "layer `{layer}` unit {unit} can reach [{lo}, {hi}], beyond ±{limit}, what the machine \
         can saturate; narrow the domain box, or use more digit bits"
    )]
    Unprovable {
        /// Layer's name.
        layer: String,
        /// Unit in the layer.
        unit: usize,
        /// Smallest accumulator over the box.
        lo: i64,
        /// Largest accumulator over the box.
        hi: i64,
        /// Largest magnitude that can be proved.
        limit: i64,
    },
    /// Packed words do not have the one canonical form.
    #[error("packed {what} are not canonical: wrong word count or a bit set in an unused slot")]
    NotCanonical {
        /// `input words` or `output words`.
        what: &'static str,
    },
    /// One input of several.
    #[error("input {number}: {error}")]
    Item {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        error: Box<Self>,
    },
}

impl ModelError {
    /// The error of the input at `index` of `items`: names it where there are several.
    pub fn of_item(self, index: usize, items: usize) -> Self {
        match items {
            1 => self,
            _ => Self::Item {
                number: index + 1,
                error: Box::new(self),
            },
        }
    }
}
