//! Linear nodes: sums of few terms, and dense layers.

use std::collections::HashMap;

use haloracle_model::WireId;
use haloracle_model::graph::{BranchMode, FloatOp, FloatUnit};

use super::{Builder, Inputs, Pending};
use crate::value::Elem;

/// Most entries of one weight matrix: a limit on memory.
const MAX_MATRIX: usize = 1 << 24;

/// `bias + Σ coefficient · x + Σ coefficient · x · y` over elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Combo {
    pub(crate) bias: f64,
    pub(crate) terms: Vec<(Elem, f64)>,
    pub(crate) products: Vec<(Elem, Elem, f64)>,
}

impl Combo {
    /// The element itself.
    pub(crate) fn single(elem: Elem) -> Self {
        Self::sum(&[(elem, 1.0)])
    }

    /// A sum of multiples.
    pub(crate) fn sum(terms: &[(Elem, f64)]) -> Self {
        Self {
            terms: terms.to_vec(),
            ..Self::default()
        }
    }

    /// `a · b`.
    pub(crate) fn product(a: Elem, b: Elem) -> Self {
        Self {
            products: vec![(a, b, 1.0)],
            ..Self::default()
        }
    }
}

impl Builder {
    /// Sums of few terms. What turns out to be a constant, or a multiple of one wire, makes no
    /// unit.
    pub(crate) fn combine(&mut self, combos: Vec<Combo>) -> Result<Vec<Elem>, String> {
        self.combine_as(combos, false)
    }

    /// As [`Self::combine`], with a unit for every sum.
    pub(super) fn sparse(&mut self, combos: Vec<Combo>) -> Result<Vec<Elem>, String> {
        self.combine_as(combos, true)
    }

    fn combine_as(&mut self, combos: Vec<Combo>, always: bool) -> Result<Vec<Elem>, String> {
        let read = |combo: &Combo| -> Vec<Elem> {
            let terms = combo.terms.iter().map(|(elem, _)| *elem);
            let products = combo.products.iter().flat_map(|(a, b, _)| [*a, *b]);
            terms.chain(products).collect()
        };
        let all: Vec<Elem> = combos.iter().flat_map(read).collect();
        self.settle_replacements(&all)?;
        let mut inputs = Inputs::default();
        let mut units = Vec::new();
        let mut results = Vec::with_capacity(combos.len());
        for combo in combos {
            let sum = self.resolve(&combo)?;
            if !always && sum.products.is_empty() {
                match sum.terms[..] {
                    [] => {
                        results.push(Some(Elem::Const(sum.bias)));
                        continue;
                    }
                    [(wire, scale)] => {
                        let wire = Elem::Wire(wire, 0);
                        results.push(Some(self.step(wire, Pending::Affine(scale, sum.bias))?));
                        continue;
                    }
                    _ => {}
                }
            }
            let mut at = |wire: WireId| inputs.position(wire);
            units.push(FloatUnit {
                bias: sum.bias,
                terms: sum.terms.iter().map(|(w, c)| (at(*w), *c)).collect(),
                products: sum
                    .products
                    .iter()
                    .map(|(a, b, c)| (at(*a), at(*b), *c))
                    .collect(),
            });
            results.push(None);
        }
        let outputs = if units.is_empty() {
            Vec::new()
        } else {
            self.push(inputs.wires, FloatOp::Sparse { units })?
        };
        let mut made = outputs.into_iter();
        results
            .into_iter()
            .map(|result| result.or_else(|| made.next()).ok_or_else(super::lost))
            .collect()
    }

    /// An element as `scale · wire + shift`.
    pub(super) fn resolved(&self, elem: Elem) -> (Option<WireId>, f64, f64) {
        match elem {
            Elem::Const(value) => (None, 0.0, value),
            Elem::Wire(wire, steps) => {
                let (wire, steps) = match self.settled.get(&(wire, steps)) {
                    Some(made) if self.steps.replaces(steps) => (*made, 0),
                    _ => (wire, steps),
                };
                let (scale, shift) = self.steps.affine(steps);
                (Some(wire), scale, shift)
            }
        }
    }

    /// A sum with pending steps multiplied out and equal terms added up.
    fn resolve(&self, combo: &Combo) -> Result<Sum, String> {
        let mut sum = Sum::new(combo.bias, combo.terms.len() + combo.products.len());
        for (elem, c) in &combo.terms {
            let (wire, scale, shift) = self.resolved(*elem);
            sum.bias += c * shift;
            if let Some(wire) = wire {
                sum.term(wire, c * scale);
            }
        }
        for (a, b, c) in &combo.products {
            let (a, scale_a, shift_a) = self.resolved(*a);
            let (b, scale_b, shift_b) = self.resolved(*b);
            sum.bias += c * shift_a * shift_b;
            if let Some(a) = a {
                sum.term(a, c * scale_a * shift_b);
            }
            if let Some(b) = b {
                sum.term(b, c * shift_a * scale_b);
            }
            if let (Some(a), Some(b)) = (a, b) {
                sum.product(a.min(b), a.max(b), c * scale_a * scale_b);
            }
        }
        sum.terms.retain(|(_, c)| *c != 0.0);
        sum.products.retain(|(_, _, c)| *c != 0.0);
        let parameters = sum.terms.iter().map(|(_, c)| c);
        let parameters = parameters.chain(sum.products.iter().map(|(_, _, c)| c));
        finite(parameters.chain([&sum.bias]))?;
        Ok(sum)
    }

    /// Makes nodes for steps that are no arithmetic: replacements, as `x + (to − from)[x = from]`.
    pub(super) fn settle_replacements(&mut self, elems: &[Elem]) -> Result<(), String> {
        let mut open: Vec<Elem> = Vec::new();
        for elem in elems {
            if let Elem::Wire(wire, steps) = elem
                && *steps != 0
                && self.steps.replaces(*steps)
                && !self.settled.contains_key(&(*wire, *steps))
                && !open.contains(elem)
            {
                open.push(*elem);
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        // All elements go through their lists together, so that equal steps share a node.
        let lists: Vec<Vec<Pending>> = open
            .iter()
            .map(|elem| match elem {
                Elem::Wire(_, steps) => self.steps.list(*steps),
                Elem::Const(_) => Vec::new(),
            })
            .collect();
        let mut values: Vec<Elem> = open
            .iter()
            .map(|elem| match elem {
                Elem::Wire(wire, _) => Elem::Wire(*wire, 0),
                constant => *constant,
            })
            .collect();
        for nth in 0..lists.iter().map(Vec::len).max().unwrap_or(0) {
            let mut asked = Vec::new();
            let mut waiting = Vec::new();
            for (at, list) in lists.iter().enumerate() {
                match list.get(nth) {
                    Some(Pending::Replace { from, to }) => {
                        asked.push((values[at], BranchMode::Eq, f64::from(*from)));
                        waiting.push((at, f64::from(*to) - f64::from(*from)));
                    }
                    Some(step) => values[at] = self.step(values[at], *step)?,
                    None => {}
                }
            }
            let hits = self.indicators(&asked)?;
            let combos = waiting
                .iter()
                .zip(hits)
                .map(|((at, jump), hit)| Combo::sum(&[(values[*at], 1.0), (hit, *jump)]));
            let sums = self.sparse(combos.collect())?;
            for ((at, _), sum) in waiting.iter().zip(sums) {
                values[*at] = sum;
            }
        }
        let made = self.wires(&values)?;
        for (elem, made) in open.iter().zip(made) {
            if let Elem::Wire(wire, steps) = elem {
                self.settled.insert((*wire, *steps), made);
            }
        }
        Ok(())
    }

    /// `bias_i + Σ_j weights_ij x_j`; `weights[i]` has one entry per element.
    pub(crate) fn dense(
        &mut self,
        elems: &[Elem],
        weights: Vec<Vec<f64>>,
        bias: Vec<f64>,
    ) -> Result<Vec<Elem>, String> {
        if weights.is_empty() || elems.is_empty() {
            return Err("multiplies by an empty matrix".into());
        }
        if weights.len().saturating_mul(elems.len()) > MAX_MATRIX {
            return Err(format!(
                "a {} × {} weight matrix exceeds the limit of {MAX_MATRIX} entries",
                weights.len(),
                elems.len()
            ));
        }
        finite(weights.iter().flatten().chain(&bias))?;
        self.settle_replacements(elems)?;
        let parts: Vec<_> = elems.iter().map(|elem| self.resolved(*elem)).collect();
        let mut inputs = Inputs::default();
        let columns: Vec<Option<u32>> = parts
            .iter()
            .map(|(wire, ..)| wire.map(|wire| inputs.position(wire)))
            .collect();
        let plain = parts
            .iter()
            .all(|(wire, a, b)| wire.is_some() && *a == 1.0 && *b == 0.0)
            && inputs.wires.len() == elems.len();
        let (weights, bias) = if plain {
            (weights, bias)
        } else {
            let bias: Vec<f64> = weights
                .iter()
                .zip(bias)
                .map(|(row, b)| {
                    b + row
                        .iter()
                        .zip(&parts)
                        .map(|(w, (_, _, s))| w * s)
                        .sum::<f64>()
                })
                .collect();
            let fold = |row: Vec<f64>| {
                let mut folded = vec![0.0; inputs.wires.len()];
                for ((w, (_, scale, _)), column) in row.iter().zip(&parts).zip(&columns) {
                    if let Some(column) = column {
                        folded[*column as usize] += w * scale;
                    }
                }
                folded
            };
            (weights.into_iter().map(fold).collect(), bias)
        };
        finite(weights.iter().flatten().chain(&bias))?;
        if inputs.wires.is_empty() {
            return Ok(bias.into_iter().map(Elem::Const).collect());
        }
        self.push(inputs.wires, FloatOp::Dense { weights, bias })
    }
}

/// A sum over wires, equal terms added up.
struct Sum {
    bias: f64,
    terms: Vec<(WireId, f64)>,
    products: Vec<(WireId, WireId, f64)>,
    /// Positions of terms and products, once there are many.
    seen: Option<HashMap<(WireId, Option<WireId>), usize>>,
}

impl Sum {
    fn new(bias: f64, size: usize) -> Self {
        Self {
            bias,
            terms: Vec::new(),
            products: Vec::new(),
            seen: (size > 8).then(HashMap::new),
        }
    }

    fn term(&mut self, wire: WireId, c: f64) {
        let found = match &mut self.seen {
            Some(seen) => match seen.insert((wire, None), self.terms.len()) {
                Some(at) => {
                    seen.insert((wire, None), at);
                    Some(at)
                }
                None => None,
            },
            None => self.terms.iter().position(|(w, _)| *w == wire),
        };
        match found {
            Some(at) => self.terms[at].1 += c,
            None => self.terms.push((wire, c)),
        }
    }

    fn product(&mut self, a: WireId, b: WireId, c: f64) {
        let found = match &mut self.seen {
            Some(seen) => match seen.insert((a, Some(b)), self.products.len()) {
                Some(at) => {
                    seen.insert((a, Some(b)), at);
                    Some(at)
                }
                None => None,
            },
            None => self
                .products
                .iter()
                .position(|(x, y, _)| (*x, *y) == (a, b)),
        };
        match found {
            Some(at) => self.products[at].2 += c,
            None => self.products.push((a, b, c)),
        }
    }
}

pub(super) fn finite<'a>(mut values: impl Iterator<Item = &'a f64>) -> Result<(), String> {
    match values.find(|v| !v.is_finite()) {
        Some(value) => Err(format!(
            "a weight or bias is {value}; every parameter must be finite"
        )),
        None => Ok(()),
    }
}
