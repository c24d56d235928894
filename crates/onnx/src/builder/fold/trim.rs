//! Drops outputs and inputs that nothing reads.

use haloracle_model::WireId;
use haloracle_model::graph::FloatOp;

use super::Work;

/// Drops outputs of an operator; says whether this kind of operator can.
pub(super) fn trim(op: &mut FloatOp, keep: &[bool], inputs: &mut Vec<WireId>) -> bool {
    fn filter<T>(list: &mut Vec<T>, keep: &[bool]) {
        let mut at = keep.iter();
        list.retain(|_| at.next().is_some_and(|k| *k));
    }
    match op {
        FloatOp::Dense { weights, bias } => {
            filter(weights, keep);
            filter(bias, keep);
        }
        FloatOp::Sparse { units } => filter(units, keep),
        FloatOp::Scale { steps } => {
            filter(steps, keep);
            filter(inputs, keep);
        }
        FloatOp::Map(_) => filter(inputs, keep),
        FloatOp::Max { groups } | FloatOp::ArgMax { groups } => filter(groups, keep),
        FloatOp::Conv(_) | FloatOp::Trees(_) => return false,
    }
    true
}

impl Work {
    /// Drops inputs that no term, group or branch refers to.
    pub(super) fn drop_unread_inputs(&mut self) {
        let mut read = vec![false; self.inputs.len()];
        match &self.op {
            FloatOp::Sparse { units } => {
                for unit in units {
                    unit.terms
                        .iter()
                        .for_each(|(at, _)| read[*at as usize] = true);
                    for (a, b, _) in &unit.products {
                        read[*a as usize] = true;
                        read[*b as usize] = true;
                    }
                }
            }
            FloatOp::Max { groups } | FloatOp::ArgMax { groups } => {
                groups
                    .iter()
                    .flatten()
                    .for_each(|at| read[*at as usize] = true);
            }
            _ => return,
        }
        if !read.contains(&false) {
            return;
        }
        let mut next = 0;
        let places: Vec<u32> = read
            .iter()
            .map(|read| {
                let place = next;
                next += u32::from(*read);
                place
            })
            .collect();
        let mut at = read.iter();
        self.inputs.retain(|_| at.next().is_some_and(|r| *r));
        match &mut self.op {
            FloatOp::Sparse { units } => {
                for unit in units {
                    unit.terms
                        .iter_mut()
                        .for_each(|(at, _)| *at = places[*at as usize]);
                    for (a, b, _) in &mut unit.products {
                        *a = places[*a as usize];
                        *b = places[*b as usize];
                    }
                }
            }
            FloatOp::Max { groups } | FloatOp::ArgMax { groups } => {
                groups
                    .iter_mut()
                    .flatten()
                    .for_each(|at| *at = places[*at as usize]);
            }
            _ => {}
        }
    }
}
