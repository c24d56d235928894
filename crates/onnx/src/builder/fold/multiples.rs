//! Multiples move into what makes the number.

use haloracle_model::WireId;
use haloracle_model::graph::FloatOp;

use super::Graph;

impl Graph {
    /// Moves `c · x + b` into what makes `x`, where nothing else reads `x`.
    pub(super) fn fold_multiples(&mut self) {
        let mut uses = self.uses();
        let makers = self.makers();
        // Wires that now hold what another wire held.
        let mut moved: Vec<WireId> = (0..self.wires as WireId).collect();
        for index in (0..self.nodes.len()).rev() {
            let FloatOp::Sparse { units } = &self.nodes[index].op else {
                continue;
            };
            let inputs = &self.nodes[index].inputs;
            // (unit, maker, its output, factor, addend)
            let mut found: Vec<(usize, usize, usize, f64, f64)> = Vec::new();
            for (at, unit) in units.iter().enumerate() {
                if let ([(position, factor)], []) = (&unit.terms[..], &unit.products[..]) {
                    let wire = inputs[*position as usize];
                    if let (1, Some((maker, output))) = (uses[wire as usize], makers[wire as usize])
                    {
                        found.push((at, maker, output, *factor, unit.bias));
                    }
                }
            }
            let mut folded = vec![false; units.len()];
            found.sort_unstable_by_key(|(_, maker, output, ..)| (*maker, *output));
            for group in found.chunk_by(|a, b| a.1 == b.1) {
                let maker = group[0].1;
                let changes: Vec<(usize, f64, f64)> = group
                    .iter()
                    .map(|(_, _, output, c, b)| (*output, *c, *b))
                    .collect();
                // Ascending, like the group.
                let done = scale_outputs(&mut self.nodes[maker].op, &changes);
                for (unit, _, output, ..) in group {
                    if done.binary_search(output).is_ok() {
                        folded[*unit] = true;
                        let wire = self.nodes[maker].outputs[*output];
                        let own = self.nodes[index].outputs[*unit];
                        moved[own as usize] = wire;
                        uses[wire as usize] = uses[own as usize];
                    }
                }
            }
            let node = &mut self.nodes[index];
            if let FloatOp::Sparse { units } = &mut node.op {
                let mut at = folded.iter();
                units.retain(|_| at.next().is_some_and(|f| !f));
                let mut at = folded.iter();
                node.outputs.retain(|_| at.next().is_some_and(|f| !f));
            }
        }
        self.rename(&moved);
    }

    /// Follows `moved` to where every wire's number is now.
    fn rename(&mut self, moved: &[WireId]) {
        let target = |mut wire: WireId| {
            while moved[wire as usize] != wire {
                wire = moved[wire as usize];
            }
            wire
        };
        for node in &mut self.nodes {
            node.inputs
                .iter_mut()
                .for_each(|wire| *wire = target(*wire));
        }
        self.outputs
            .iter_mut()
            .for_each(|wire| *wire = target(*wire));
        self.nodes.retain(|node| !node.outputs.is_empty());
    }
}

/// `y ← c · y + b` for outputs `(position, c, b)` in ascending order; the positions where it could
/// be done.
fn scale_outputs(op: &mut FloatOp, changes: &[(usize, f64, f64)]) -> Vec<usize> {
    match op {
        FloatOp::Dense { weights, bias } => {
            for (at, c, b) in changes {
                weights[*at].iter_mut().for_each(|w| *w *= c);
                bias[*at] = bias[*at] * c + b;
            }
        }
        FloatOp::Sparse { units } => {
            for (at, c, b) in changes {
                let unit = &mut units[*at];
                unit.terms.iter_mut().for_each(|(_, w)| *w *= c);
                unit.products.iter_mut().for_each(|(_, _, w)| *w *= c);
                unit.bias = unit.bias * c + b;
            }
        }
        FloatOp::Conv(conv) => {
            // Only where all positions of a filter change alike.
            let plane = conv.shape.outputs() / conv.bias.len().max(1);
            let taps = conv.weights.len() / conv.bias.len().max(1);
            let mut done = Vec::new();
            for group in changes.chunk_by(|a, b| a.0 / plane == b.0 / plane) {
                let (first, c, b) = group[0];
                let filter = first / plane;
                if group.len() == plane && group.iter().all(|g| (g.1, g.2) == (c, b)) {
                    let own = &mut conv.weights[filter * taps..(filter + 1) * taps];
                    own.iter_mut().for_each(|w| *w *= c);
                    conv.bias[filter] = conv.bias[filter] * c + b;
                    done.extend(group.iter().map(|g| g.0));
                }
            }
            return done;
        }
        _ => return Vec::new(),
    }
    changes.iter().map(|(at, ..)| *at).collect()
}
