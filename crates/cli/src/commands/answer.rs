//! A model's output as integer and as units.

use std::fmt;

use haloracle_model::IntegerModel;
use serde::Serialize;

use crate::text::units;

/// One output field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// Name of the field.
    pub(crate) name: String,
    /// The digit that is proved.
    pub(crate) raw: u64,
    /// The fixed-point integer it stands for.
    pub(crate) fixed: i64,
    /// Decimals of that integer.
    pub(crate) decimals: u8,
    /// The same in the model's units.
    pub(crate) value: f64,
}

impl Answer {
    /// Every field of an answer.
    pub(crate) fn all(model: &IntegerModel, outputs: &[u64]) -> Vec<Self> {
        let fields = model.output.iter().zip(outputs);
        fields
            .map(|(field, &raw)| Self {
                name: field.name.clone(),
                raw,
                fixed: field.fixed(raw),
                decimals: field.decimals,
                value: field.real(raw),
            })
            .collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = units(self.fixed, self.decimals);
        write!(f, "{} = {value} (integer {})", self.name, self.raw)
    }
}
