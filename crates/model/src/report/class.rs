//! The class that a model's outputs mean.

use crate::graph::{FloatGraph, Task};

/// How a class is read off the outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClassRule {
    /// One output above a threshold.
    Above(f64),
    /// The first largest output.
    Argmax,
    /// The first output is the class.
    Number,
    /// There is none.
    None,
}

impl ClassRule {
    pub(crate) fn of(graph: &FloatGraph) -> Self {
        match graph.task {
            Task::Scores => Self::Argmax,
            Task::Threshold(thousandths) => Self::Above(f64::from(thousandths) / 1000.0),
            Task::Regression => Self::None,
            Task::Class => Self::Number,
        }
    }

    /// Whether two answers mean the same class; always, where there are no classes.
    pub(crate) fn agree(self, a: &[f64], b: &[f64]) -> bool {
        self.class(a) == self.class(b)
    }

    fn class(self, outputs: &[f64]) -> i64 {
        match self {
            Self::Above(threshold) => i64::from(outputs.iter().any(|v| *v > threshold)),
            // The first of equals, as elsewhere.
            Self::Argmax => (1..outputs.len()).fold(0, |best, index| {
                if outputs[index] > outputs[best] {
                    index
                } else {
                    best
                }
            }) as i64,
            Self::Number => outputs.first().map_or(0, |v| v.round() as i64),
            Self::None => 0,
        }
    }

    pub(crate) fn describe(self) -> String {
        match self {
            Self::Above(threshold) => format!("class 1 if the output is above {threshold}"),
            Self::Argmax => "the first largest output".into(),
            Self::Number => "the first output, rounded".into(),
            Self::None => "no classes: the outputs are numbers".into(),
        }
    }
}
