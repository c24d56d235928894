//! The class that a model's outputs mean.

use crate::float::{Activation, FloatModel};

/// How a class is read off the outputs.
#[derive(Clone, Copy)]
pub(crate) enum ClassRule {
    Above(f64),
    Argmax,
}

impl ClassRule {
    pub(crate) fn of(model: &FloatModel) -> Self {
        let last = model.layers.last().map(|l| l.activation);
        match (model.outputs(), last) {
            (1, Some(Activation::Sigmoid)) => Self::Above(0.5),
            (1, _) => Self::Above(0.0),
            _ => Self::Argmax,
        }
    }

    pub(crate) fn class(self, outputs: &[f64]) -> usize {
        match self {
            Self::Above(threshold) => usize::from(outputs.iter().any(|v| *v > threshold)),
            // The first of equals, as elsewhere.
            Self::Argmax => (1..outputs.len()).fold(0, |best, index| {
                if outputs[index] > outputs[best] {
                    index
                } else {
                    best
                }
            }),
        }
    }

    pub(crate) fn describe(self) -> String {
        match self {
            Self::Above(threshold) => format!("class 1 if the output is above {threshold}"),
            Self::Argmax => "the first largest output".into(),
        }
    }
}
