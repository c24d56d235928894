//! Comparisons with constants.
//!
//! On a model's input, perhaps scaled, a comparison is a decision tree of one branch: it comes
//! out exactly as in float32 arithmetic, since trees compare fixed-point inputs exactly. On any
//! other number it is a function of the difference.

use haloracle_model::graph::{
    Aggregate, BranchMode, FloatTree, FloatTreeNode, FloatTrees, Function,
};

use super::{Builder, Pending};
use crate::value::Elem;

impl Builder {
    /// 1 where `x ∘ c` holds, else 0, for every `(x, ∘, c)`; membership is not asked for.
    pub(crate) fn indicators(
        &mut self,
        asked: &[(Elem, BranchMode, f64)],
    ) -> Result<Vec<Elem>, String> {
        let is_exact = |(elem, _, c): &(Elem, BranchMode, f64)| match elem {
            Elem::Const(_) => false,
            Elem::Wire(wire, steps) => {
                (*wire as usize) < self.features
                    && f64::from(*c as f32) == *c
                    && self.steps.float_steps(*steps).is_some()
            }
        };
        let exact: Vec<bool> = asked.iter().map(is_exact).collect();
        let pick = |wanted: bool| {
            let all = asked.iter().zip(&exact);
            all.filter(move |(_, exact)| **exact == wanted)
                .map(|(asked, _)| asked)
        };
        let stumps: Vec<_> = pick(true).cloned().collect();
        let others: Vec<_> = pick(false).cloned().collect();
        let mut by_tree = self.stumps(&stumps)?.into_iter();
        let mut by_map = self.differences(&others)?.into_iter();
        exact
            .iter()
            .map(|exact| {
                if *exact {
                    by_tree.next()
                } else {
                    by_map.next()
                }
            })
            .map(|elem| elem.ok_or_else(super::lost))
            .collect()
    }

    /// One tree of one branch per comparison.
    fn stumps(&mut self, asked: &[(Elem, BranchMode, f64)]) -> Result<Vec<Elem>, String> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut elems: Vec<Elem> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut trees = Vec::with_capacity(asked.len());
        for (target, (elem, mode, c)) in asked.iter().enumerate() {
            let feature = *places.entry(super::key(*elem)).or_insert_with(|| {
                elems.push(*elem);
                (elems.len() - 1) as u32
            });
            let leaf = |weight: f32| FloatTreeNode::Leaf {
                weights: vec![(target as u32, weight)],
            };
            let branch = FloatTreeNode::Branch {
                feature,
                mode: mode.clone(),
                threshold: *c as f32,
                yes: 1,
                no: 2,
                missing_is_yes: false,
            };
            trees.push(FloatTree {
                nodes: vec![branch, leaf(1.0), leaf(0.0)],
            });
        }
        let wires = self.features(&elems)?;
        self.trees(
            wires,
            FloatTrees {
                trees,
                targets: asked.len(),
                base: vec![0.0; asked.len()],
                aggregate: Aggregate::Sum,
            },
        )
    }

    /// Functions of `x − c`, one node per kind of comparison.
    fn differences(&mut self, asked: &[(Elem, BranchMode, f64)]) -> Result<Vec<Elem>, String> {
        let mut out = vec![Elem::Const(0.0); asked.len()];
        // (comparison, function, whether the difference is turned around, whether negated)
        let kinds = [
            (BranchMode::Gt, Function::Positive, false, false),
            (BranchMode::Lt, Function::Positive, true, false),
            (BranchMode::Gte, Function::NotNegative, false, false),
            (BranchMode::Leq, Function::NotNegative, true, false),
            (BranchMode::Eq, Function::Zero, false, false),
            (BranchMode::Neq, Function::Zero, false, true),
        ];
        for (kind, function, turned, negated) in kinds {
            let own: Vec<usize> = (0..asked.len()).filter(|at| asked[*at].1 == kind).collect();
            let mut away = Vec::with_capacity(own.len());
            for at in &own {
                let (elem, _, c) = &asked[*at];
                let step = if turned {
                    Pending::Affine(-1.0, *c)
                } else {
                    Pending::Affine(1.0, -c)
                };
                away.push(self.step(*elem, step)?);
            }
            let mut results = self.map(function, &away)?;
            if negated {
                results = self.step_all(&results, &[Pending::Affine(-1.0, 1.0)])?;
            }
            for (at, elem) in own.into_iter().zip(results) {
                out[at] = elem;
            }
        }
        Ok(out)
    }
}
