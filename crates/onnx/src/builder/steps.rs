//! Arithmetic with constants that waits for its reader.

use std::collections::HashMap;

use haloracle_model::graph::Step;

use crate::value::StepsId;

/// One operation with constants on one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pending {
    /// A float32 operation of the file.
    Float(Step),
    /// `scale · x + shift`, of an operator that is not a single float32 operation.
    Affine(f64, f64),
    /// `to` where `x = from`, else `x`.
    Replace {
        /// The value that is replaced.
        from: f32,
        /// What it becomes.
        to: f32,
    },
}

impl Pending {
    /// `−x`.
    pub(crate) const NEGATE: Self = Self::Float(Step::Mul(-1.0));

    /// The operation on a number.
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Float(step) => f64::from(step.apply(x as f32)),
            Self::Affine(scale, shift) => scale * x + shift,
            Self::Replace { from, to } if x as f32 == from => to.into(),
            Self::Replace { .. } => x,
        }
    }

    fn key(self) -> (u8, u64, u64) {
        match self {
            Self::Float(Step::Add(c)) => (0, c.to_bits().into(), 0),
            Self::Float(Step::Sub(c)) => (1, c.to_bits().into(), 0),
            Self::Float(Step::Mul(c)) => (2, c.to_bits().into(), 0),
            Self::Float(Step::Div(c)) => (3, c.to_bits().into(), 0),
            Self::Affine(scale, shift) => (4, scale.to_bits(), shift.to_bits()),
            Self::Replace { from, to } => (5, from.to_bits().into(), to.to_bits().into()),
        }
    }

    /// Whether the result is always the number itself.
    fn is_identity(self) -> bool {
        match self {
            Self::Float(Step::Add(c) | Step::Sub(c)) => c == 0.0,
            Self::Float(Step::Mul(c) | Step::Div(c)) => c == 1.0,
            Self::Affine(scale, shift) => scale == 1.0 && shift == 0.0,
            Self::Replace { from, to } => from == to,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    before: StepsId,
    step: Pending,
    /// The steps as one map `scale · x + shift`, replacements left out.
    affine: (f64, f64),
}

/// All lists of steps of a graph, each once; a list is its last step and the list before it.
#[derive(Debug, Default)]
pub(super) struct StepTable {
    /// The list numbered `i + 1`.
    entries: Vec<Entry>,
    known: HashMap<(StepsId, (u8, u64, u64)), StepsId>,
}

impl StepTable {
    /// `steps` and then `step`; nothing if the result is 0 for every number.
    pub(super) fn then(&mut self, steps: StepsId, step: Pending) -> Option<StepsId> {
        if step.is_identity() {
            return Some(steps);
        }
        if matches!(
            step,
            Pending::Float(Step::Mul(0.0)) | Pending::Affine(0.0, 0.0)
        ) {
            return None;
        }
        let key = (steps, step.key());
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let (scale, shift) = self.affine(steps);
        let affine = match step {
            Pending::Float(Step::Add(c)) => (scale, shift + f64::from(c)),
            Pending::Float(Step::Sub(c)) => (scale, shift - f64::from(c)),
            Pending::Float(Step::Mul(c)) => (scale * f64::from(c), shift * f64::from(c)),
            Pending::Float(Step::Div(c)) => {
                let c = 1.0 / f64::from(c);
                (scale * c, shift * c)
            }
            Pending::Affine(a, b) => (a * scale, a * shift + b),
            Pending::Replace { .. } => (scale, shift),
        };
        self.entries.push(Entry {
            before: steps,
            step,
            affine,
        });
        let id = self.entries.len() as StepsId;
        self.known.insert(key, id);
        Some(id)
    }

    fn entry(&self, steps: StepsId) -> Option<&Entry> {
        self.entries.get((steps as usize).checked_sub(1)?)
    }

    /// The steps as one map `scale · x + shift`, replacements left out.
    pub(super) fn affine(&self, steps: StepsId) -> (f64, f64) {
        self.entry(steps).map_or((1.0, 0.0), |entry| entry.affine)
    }

    /// The steps, first to last.
    pub(super) fn list(&self, steps: StepsId) -> Vec<Pending> {
        let mut list = Vec::new();
        let mut at = steps;
        while let Some(entry) = self.entry(at) {
            list.push(entry.step);
            at = entry.before;
        }
        list.reverse();
        list
    }

    /// Whether a replacement is among the steps.
    pub(super) fn replaces(&self, steps: StepsId) -> bool {
        self.list(steps)
            .iter()
            .any(|step| matches!(step, Pending::Replace { .. }))
    }

    /// The steps as float32 operations, if they are such.
    pub(super) fn float_steps(&self, steps: StepsId) -> Option<Vec<Step>> {
        self.list(steps)
            .into_iter()
            .map(|step| match step {
                Pending::Float(step) => Some(step),
                Pending::Affine(..) | Pending::Replace { .. } => None,
            })
            .collect()
    }
}
