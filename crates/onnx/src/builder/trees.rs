//! Decision trees and their features.

use std::collections::HashMap;

use haloracle_model::WireId;
use haloracle_model::graph::{FloatOp, FloatTrees};

use super::{Builder, Pending};
use crate::value::{Elem, StepsId};

/// Steps that replace one value by another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement {
    /// The number before the replacement.
    pub(crate) raw: Elem,
    /// The number after all steps but the replacement.
    pub(crate) plain: Elem,
    /// Where `raw` is this,
    pub(crate) from: f32,
    /// the element is this,
    pub(crate) to: f32,
    /// and `plain` this.
    pub(crate) otherwise: f32,
}

impl Builder {
    /// Features of decision trees: float32 steps stay what they are.
    pub(crate) fn features(&mut self, elems: &[Elem]) -> Result<Vec<WireId>, String> {
        let mut scaled: Vec<(WireId, StepsId)> = Vec::new();
        for elem in elems {
            if let Elem::Wire(wire, steps) = elem
                && *steps != 0
                && self.steps.float_steps(*steps).is_some()
                && !scaled.contains(&(*wire, *steps))
            {
                scaled.push((*wire, *steps));
            }
        }
        let mut made: HashMap<(WireId, StepsId), Elem> = HashMap::new();
        if !scaled.is_empty() {
            let inputs = scaled.iter().map(|(wire, _)| *wire).collect();
            let steps = scaled
                .iter()
                .map(|(_, steps)| self.steps.float_steps(*steps).unwrap_or_default())
                .collect();
            let outputs = self.push(inputs, FloatOp::Scale { steps })?;
            made.extend(scaled.into_iter().zip(outputs));
        }
        let elems: Vec<Elem> = elems
            .iter()
            .map(|elem| match elem {
                Elem::Wire(wire, steps) => made.get(&(*wire, *steps)).copied().unwrap_or(*elem),
                Elem::Const(_) => *elem,
            })
            .collect();
        self.wires(&elems)
    }

    /// An element whose steps replace one value, taken apart; nothing for any other element.
    pub(crate) fn replacement(&mut self, elem: Elem) -> Option<Replacement> {
        let Elem::Wire(wire, steps) = elem else {
            return None;
        };
        let list = self.steps.list(steps);
        let at = list
            .iter()
            .position(|step| matches!(step, Pending::Replace { .. }))?;
        let (before, [Pending::Replace { from, to }, after @ ..]) = list.split_at(at) else {
            return None;
        };
        let exact = |step: &Pending| matches!(step, Pending::Float(_));
        if !before.iter().chain(after).all(exact) {
            return None;
        }
        let after_all = |x: f32| after.iter().fold(f64::from(x), |x, step| step.apply(x)) as f32;
        let (to, otherwise) = (after_all(*to), after_all(*from));
        let mut then = |start, steps: &[Pending]| {
            steps
                .iter()
                .try_fold(start, |id, step| self.steps.then(id, *step))
        };
        let raw = then(0, before)?;
        Some(Replacement {
            raw: Elem::Wire(wire, raw),
            plain: Elem::Wire(wire, then(raw, after)?),
            from: *from,
            to,
            otherwise,
        })
    }

    /// Decision trees on features that [`Self::features`] gave.
    pub(crate) fn trees(
        &mut self,
        features: Vec<WireId>,
        trees: FloatTrees,
    ) -> Result<Vec<Elem>, String> {
        self.push(features, FloatOp::Trees(trees))
    }
}
