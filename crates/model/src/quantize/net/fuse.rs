//! Clamps move into the requantization of what they clamp, where they are free.

use std::collections::HashMap;

use super::expr::{Expr, ExprId};
use super::{Clamp, FREE, Net, NetOp, NetUnit, Ref, Var};

impl Net {
    /// Moves clamps to their producers; a clamp of a value that is also read otherwise becomes
    /// a unit of its own.
    pub(super) fn fuse(&mut self) {
        self.push_through_max();
        while self.clamp_producers() {}
        self.clamp_copies();
    }

    /// Per variable, the different functions that are asked of it.
    fn demands(&self) -> Vec<Vec<ExprId>> {
        let mut demands: Vec<Vec<ExprId>> = vec![Vec::new(); self.vars as usize];
        let mut add = |r: Ref| {
            let own = &mut demands[r.var as usize];
            if !own.contains(&r.expr) {
                own.push(r.expr);
            }
        };
        self.nodes.iter().for_each(|node| node.op.visit(&mut add));
        self.output_refs().for_each(add);
        demands
    }

    pub(super) fn replace_refs(&mut self, by: &HashMap<Ref, Ref>) {
        if by.is_empty() {
            return;
        }
        let change = |r: Ref| by.get(&r).copied().unwrap_or(r);
        for node in &mut self.nodes {
            node.op.change(change);
        }
        self.scores.iter_mut().for_each(|r| *r = change(*r));
        for (_, view) in &mut self.decisions {
            if let super::View::Of { of, .. } = view {
                *of = change(*of);
            }
        }
    }

    /// Outputs with a clamp that does not start at zero, or ends: digits saturate at zero and at
    /// their largest, and an output's round step puts nothing else exactly there, so these stay
    /// tables.
    fn clamped_outputs(&self) -> Vec<Ref> {
        let elsewhere = |r: &Ref| {
            let clamp = self.exprs.clamp(r.expr);
            clamp.is_some_and(|clamp| clamp != (0.0, f64::INFINITY))
        };
        self.output_refs().filter(elsewhere).collect()
    }

    /// The one clamp that all `demands` of a variable begin with.
    fn common_clamp(&mut self, demands: &[ExprId]) -> Option<(ExprId, Clamp)> {
        let mut common = None;
        for expr in demands {
            let (leaf, _) = self.exprs.strip_clamp(*expr)?;
            if common.is_some_and(|other| other != leaf) {
                return None;
            }
            common = Some(leaf);
        }
        let leaf = common?;
        Some((leaf, self.exprs.clamp(leaf)?))
    }

    fn stripped(&mut self, var: Var, demands: &[ExprId], to: Var, by: &mut HashMap<Ref, Ref>) {
        for expr in demands {
            if let Some((_, rest)) = self.exprs.strip_clamp(*expr) {
                by.insert(
                    Ref { var, expr: *expr },
                    Ref {
                        var: to,
                        expr: rest,
                    },
                );
            }
        }
    }

    /// The clamp of a maximum is the maximum of clamps.
    fn push_through_max(&mut self) {
        for index in (0..self.nodes.len()).rev() {
            let NetOp::Max(_) = &self.nodes[index].op else {
                continue;
            };
            let demands = self.demands();
            let outputs = self.nodes[index].outputs.clone();
            let all: Vec<ExprId> = outputs
                .iter()
                .flat_map(|var| demands[*var as usize].iter().copied())
                .collect();
            let Some((leaf, _)) = self.common_clamp(&all) else {
                continue;
            };
            let mut by = HashMap::new();
            for var in &outputs {
                self.stripped(*var, &demands[*var as usize], *var, &mut by);
            }
            self.replace_refs(&by);
            let Expr::Apply { function, .. } = *self.exprs.get(leaf) else {
                continue;
            };
            let exprs = &mut self.exprs;
            let clamped = |r: &mut Ref| {
                let applied = exprs.add(Expr::Apply {
                    function,
                    argument: r.expr,
                    scale: 1.0,
                    offset: 0.0,
                });
                // What is too large for a table already holds bounded functions.
                r.expr = applied.unwrap_or(r.expr);
            };
            if let NetOp::Max(groups) = &mut self.nodes[index].op {
                groups.iter_mut().flatten().for_each(clamped);
            }
        }
    }

    /// Clamps every linear unit that is only read through one clamp. Of a convolution, whole
    /// filters: their outputs share a scale.
    fn clamp_producers(&mut self) -> bool {
        let demands = self.demands();
        let kept = self.clamped_outputs();
        let mut by = HashMap::new();
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if !node.op.is_linear() {
                continue;
            }
            let plane = match &node.op {
                NetOp::Conv(conv) => conv.plane().max(1),
                _ => 1,
            };
            let outputs = node.outputs.clone();
            for (filter, vars) in outputs.chunks(plane).enumerate() {
                let mut all: Vec<ExprId> = Vec::new();
                for var in vars {
                    for expr in &demands[*var as usize] {
                        if !all.contains(expr) {
                            all.push(*expr);
                        }
                    }
                }
                let Some((_, outer)) = self.common_clamp(&all) else {
                    continue;
                };
                if kept.iter().any(|r| vars.contains(&r.var)) {
                    continue;
                }
                for (at, var) in vars.iter().enumerate() {
                    let op = &mut self.nodes[index].op;
                    let inner = op.clamp(filter * plane + at);
                    op.set_clamp(filter * plane + at, compose(inner, outer));
                    self.stripped(*var, &demands[*var as usize], *var, &mut by);
                }
            }
        }
        self.replace_refs(&by);
        !by.is_empty()
    }

    /// A unit `clamp(x)` for every other clamp that is asked of a variable.
    fn clamp_copies(&mut self) {
        let demands = self.demands();
        let kept = self.clamped_outputs();
        let mut by = HashMap::new();
        // Per node that defines them (features first), the new units.
        let definitions = self.definitions();
        let mut units: Vec<(usize, NetUnit, Var)> = Vec::new();
        for (var, demands) in demands.iter().enumerate() {
            let var = var as Var;
            let mut copies: HashMap<ExprId, Var> = HashMap::new();
            for expr in demands {
                if kept.contains(&Ref { var, expr: *expr }) {
                    continue;
                }
                let Some((leaf, rest)) = self.exprs.strip_clamp(*expr) else {
                    continue;
                };
                let Some(clamp) = self.exprs.clamp(leaf) else {
                    continue;
                };
                let copy = *copies.entry(leaf).or_insert_with(|| {
                    let fresh = self.vars;
                    self.vars += 1;
                    let behind = definitions[var as usize].map_or(0, |(node, _)| node + 1);
                    let mut unit = NetUnit::affine(Ref::bare(var), 1.0, 0.0);
                    unit.clamp = clamp;
                    units.push((behind, unit, fresh));
                    fresh
                });
                by.insert(
                    Ref { var, expr: *expr },
                    Ref {
                        var: copy,
                        expr: rest,
                    },
                );
            }
        }
        self.replace_refs(&by);
        self.insert_units(units, "clamp");
        if !by.is_empty() {
            // Clamps of clamps.
            while self.clamp_producers() {}
        }
    }

    /// Inserts units, each behind the first `at` nodes, those of one place as one node.
    pub(super) fn insert_units(&mut self, units: Vec<(usize, NetUnit, Var)>, suffix: &str) {
        let mut at: Vec<Vec<(NetUnit, Var)>> = vec![Vec::new(); self.nodes.len() + 1];
        for (behind, unit, var) in units {
            at[behind].push((unit, var));
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let mut old = std::mem::take(&mut self.nodes).into_iter();
        let mut name = "input".to_string();
        for units in at {
            if !units.is_empty() {
                let (units, outputs) = units.into_iter().unzip();
                nodes.push(super::NetNode {
                    name: format!("{name}.{suffix}"),
                    op: NetOp::Sparse(units),
                    outputs,
                });
            }
            if let Some(node) = old.next() {
                name.clone_from(&node.name);
                nodes.push(node);
            }
        }
        self.nodes = nodes;
    }
}

/// The clamp `outer` of the clamp `inner`, as one clamp.
fn compose(inner: Clamp, outer: Clamp) -> Clamp {
    if inner == FREE {
        return outer;
    }
    let through = |v: f64| v.max(outer.0).min(outer.1);
    (through(inner.0), through(inner.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_compose() {
        let relu = (0.0, f64::INFINITY);
        assert_eq!(compose(FREE, relu), relu);
        assert_eq!(compose(relu, (-1.0, 6.0)), (0.0, 6.0));
        assert_eq!(compose((-3.0, 3.0), relu), (0.0, 3.0));
        // What never reaches the second clamp is constant.
        assert_eq!(compose((1.0, 2.0), (5.0, 6.0)), (5.0, 5.0));
    }
}
