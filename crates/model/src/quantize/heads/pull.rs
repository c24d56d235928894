//! What a decision really depends on: monotone functions between a wire and the outputs, undone.
//!
//! A sigmoid, `1 − x` or a softmax after a tree ensemble changes no decision, only the numbers
//! that it is taken on. Pulling thresholds and comparisons back to the wire before them spares
//! the tables and their rounding, and makes decisions on tree ensembles exact.

use crate::graph::{FloatGraph, FloatOp, FloatUnit, Function};
use crate::integer::WireId;

/// A wire as a monotone function of an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pulled {
    /// The earlier wire.
    pub(super) root: WireId,
    /// Whether the function rises; else it falls.
    pub(super) rises: bool,
    /// From the root on.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Affine { scale: f64, offset: f64 },
    Map(Function),
}

/// A wire as `offset + scale · root`, or a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// The earlier wire; `None` for a constant.
    pub(super) root: Option<WireId>,
    pub(super) scale: f64,
    pub(super) offset: f64,
}

impl Pulled {
    /// The value of the wire where the root is `x`.
    pub(super) fn apply(&self, x: f64) -> f64 {
        self.links.iter().fold(x, |x, link| match link {
            Link::Affine { scale, offset } => offset + scale * x,
            Link::Map(function) => function.apply(x),
        })
    }
}

/// A wire as a linear combination of others, as its node says.
struct Linear {
    bias: f64,
    /// Ascending by wire, coefficients not 0.
    terms: Vec<(WireId, f64)>,
}

/// A graph with the places of its wires.
pub(super) struct Graph<'g> {
    graph: &'g FloatGraph,
    first: Vec<usize>,
}

impl<'g> Graph<'g> {
    pub(super) fn new(graph: &'g FloatGraph) -> Self {
        Self {
            graph,
            first: graph.first_wires(),
        }
    }

    /// Number of wires.
    pub(super) fn wires(&self) -> usize {
        self.first.last().copied().unwrap_or(0)
    }

    /// The node that a wire comes from, and which of its outputs the wire is.
    fn producer(&self, wire: WireId) -> Option<(&'g [WireId], &'g FloatOp, usize)> {
        let after = self.first.partition_point(|first| *first <= wire as usize);
        let index = after.checked_sub(1)?;
        let node = self.graph.nodes.get(index)?;
        Some((&node.inputs, &node.op, wire as usize - self.first[index]))
    }

    /// Whether the wire is a sum of trees' leaves.
    pub(super) fn is_trees(&self, wire: WireId) -> bool {
        matches!(self.producer(wire), Some((_, FloatOp::Trees(_), _)))
    }

    /// The wires that an arg max chooses from, if the wire is one.
    pub(super) fn choices(&self, wire: WireId) -> Option<Vec<WireId>> {
        let (inputs, FloatOp::ArgMax { groups }, output) = self.producer(wire)? else {
            return None;
        };
        let positions = groups.get(output)?.iter();
        positions
            .map(|at| inputs.get(*at as usize).copied())
            .collect()
    }

    /// The wire as a function of the earliest wire that determines it monotonely.
    pub(super) fn pull(&self, wire: WireId) -> Pulled {
        let mut pulled = Pulled {
            root: wire,
            rises: true,
            links: Vec::new(),
        };
        while let Some((root, link)) = self.link(pulled.root) {
            let rises = match link {
                Link::Affine { scale, .. } => scale > 0.0,
                Link::Map(function) => match direction(function) {
                    Some(direction) => direction.rises,
                    None => break,
                },
            };
            pulled.root = root;
            pulled.rises = pulled.rises == rises;
            pulled.links.insert(0, link);
        }
        pulled
    }

    /// The wire as an affine function of the earliest wire possible.
    pub(super) fn affine(&self, wire: WireId) -> Affine {
        let mut affine = Affine {
            root: Some(wire),
            scale: 1.0,
            offset: 0.0,
        };
        while let Some(linear) = affine.root.and_then(|root| self.linear(root)) {
            affine.offset += affine.scale * linear.bias;
            match linear.terms.as_slice() {
                [] => affine.root = None,
                [(root, scale)] => {
                    affine.root = Some(*root);
                    affine.scale *= scale;
                }
                _ => {
                    affine.offset -= affine.scale * linear.bias;
                    break;
                }
            }
        }
        affine
    }

    fn link(&self, wire: WireId) -> Option<(WireId, Link)> {
        if let Some(linear) = self.linear(wire) {
            return match linear.terms.as_slice() {
                [(root, scale)] => Some((
                    *root,
                    Link::Affine {
                        scale: *scale,
                        offset: linear.bias,
                    },
                )),
                _ => None,
            };
        }
        match self.producer(wire)? {
            (inputs, FloatOp::Map(function), output) => {
                Some((*inputs.get(output)?, Link::Map(*function)))
            }
            _ => None,
        }
    }

    fn linear(&self, wire: WireId) -> Option<Linear> {
        let (inputs, op, output) = self.producer(wire)?;
        let (bias, coefficients): (f64, Vec<(u32, f64)>) = match op {
            FloatOp::Sparse { units } => {
                let unit = units.get(output)?;
                if !unit.products.is_empty() {
                    return None;
                }
                (unit.bias, unit.terms.clone())
            }
            FloatOp::Dense { weights, bias } => {
                let row = weights.get(output)?.iter().copied();
                (*bias.get(output)?, (0..).zip(row).collect())
            }
            _ => return None,
        };
        let mut terms: Vec<(WireId, f64)> = Vec::new();
        for (at, c) in coefficients {
            let wire = *inputs.get(at as usize)?;
            match terms.binary_search_by_key(&wire, |(w, _)| *w) {
                Ok(at) => terms[at].1 += c,
                Err(at) => terms.insert(at, (wire, c)),
            }
        }
        terms.retain(|(_, c)| *c != 0.0);
        Some(Linear { bias, terms })
    }

    /// Earlier wires with the same first largest: strictly rising functions that all wires go
    /// through, terms and positive factors that they have in common, are left out.
    pub(super) fn strip(&self, wires: &[WireId]) -> Vec<WireId> {
        let mut wires = wires.to_vec();
        let steps = [Self::strip_map, Self::strip_terms, Self::strip_factor];
        while let Some(before) = steps.iter().find_map(|step| step(self, &wires)) {
            wires = before;
        }
        wires
    }

    fn strip_map(&self, wires: &[WireId]) -> Option<Vec<WireId>> {
        let mut common = None;
        let before = wires.iter().map(|wire| {
            let (inputs, FloatOp::Map(function), output) = self.producer(*wire)? else {
                return None;
            };
            let strict = direction(*function).is_some_and(|d| d.strict && d.rises);
            let same = *common.get_or_insert(*function) == *function;
            (strict && same).then(|| inputs.get(output).copied())?
        });
        before.collect()
    }

    fn strip_terms(&self, wires: &[WireId]) -> Option<Vec<WireId>> {
        let forms = wires.iter().map(|wire| self.linear(*wire));
        let forms: Vec<Linear> = forms.collect::<Option<_>>()?;
        let first = forms.first()?;
        let everywhere = |term: &(WireId, f64)| forms.iter().all(|f| f.terms.contains(term));
        let common: Vec<(WireId, f64)> = first.terms.iter().copied().filter(everywhere).collect();
        let mut scale = None;
        let own = forms.iter().map(|form| {
            let mut own = form.terms.iter().filter(|term| !common.contains(term));
            let (Some((wire, c)), None) = (own.next(), own.next()) else {
                return None;
            };
            let same = *scale.get_or_insert(*c) == *c && form.bias == first.bias;
            (same && *c > 0.0).then_some(*wire)
        });
        own.collect()
    }

    fn strip_factor(&self, wires: &[WireId]) -> Option<Vec<WireId>> {
        let products = wires.iter().map(|wire| self.product(*wire));
        let products: Vec<(WireId, WireId, f64)> = products.collect::<Option<_>>()?;
        let (a, b, scale) = *products.first()?;
        if scale <= 0.0 || products.iter().any(|(_, _, c)| *c != scale) {
            return None;
        }
        let without = |factor: WireId| -> Option<Vec<WireId>> {
            let others = products.iter().map(|(a, b, _)| match factor {
                f if f == *a => Some(*b),
                f if f == *b => Some(*a),
                _ => None,
            });
            others.collect()
        };
        let factors = [a, b].into_iter().filter(|f| self.is_positive(*f));
        factors.filter_map(without).next()
    }

    /// A wire that is nothing but the product of two others.
    fn product(&self, wire: WireId) -> Option<(WireId, WireId, f64)> {
        let (inputs, FloatOp::Sparse { units }, output) = self.producer(wire)? else {
            return None;
        };
        let FloatUnit {
            bias: 0.0,
            terms,
            products,
        } = units.get(output)?
        else {
            return None;
        };
        match (terms.as_slice(), products.as_slice()) {
            ([], [(a, b, c)]) => Some((*inputs.get(*a as usize)?, *inputs.get(*b as usize)?, *c)),
            _ => None,
        }
    }

    /// Whether a wire is above 0 whatever the input, as far as its operators say it.
    fn is_positive(&self, wire: WireId) -> bool {
        if let Some(linear) = self.linear(wire) {
            let mut terms = linear.terms.iter();
            return linear.bias >= 0.0
                && (linear.bias > 0.0 || !linear.terms.is_empty())
                && terms.all(|(wire, c)| *c > 0.0 && self.is_positive(*wire));
        }
        match self.producer(wire) {
            Some((inputs, FloatOp::Map(function), output)) => match function {
                Function::Exp | Function::Sigmoid | Function::Softplus => true,
                Function::Reciprocal => {
                    (inputs.get(output)).is_some_and(|input| self.is_positive(*input))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

struct Direction {
    rises: bool,
    strict: bool,
}

/// How a function goes, if it is monotone over all numbers.
fn direction(function: Function) -> Option<Direction> {
    let rises = |strict| {
        Some(Direction {
            rises: true,
            strict,
        })
    };
    match function {
        Function::Sigmoid
        | Function::Tanh
        | Function::Exp
        | Function::Erf
        | Function::Softplus
        | Function::Softsign
        | Function::Probit => rises(true),
        Function::LeakyRelu(alpha) | Function::Elu(alpha) if alpha >= 0.0 => rises(alpha > 0.0),
        Function::Selu(alpha, gamma) if alpha >= 0.0 && gamma > 0.0 => rises(alpha > 0.0),
        Function::Power(p) if p > 0 && p % 2 == 1 => rises(true),
        Function::Clip(lo, hi) if lo <= hi => rises(false),
        Function::HardSigmoid(alpha, _) if alpha != 0.0 => Some(Direction {
            rises: alpha > 0.0,
            strict: false,
        }),
        Function::Relu
        | Function::Floor
        | Function::Ceil
        | Function::Round
        | Function::Positive
        | Function::NotNegative
        | Function::Sign => rises(false),
        // Log and Sqrt are no numbers below 0; the rest rise and fall.
        _ => None,
    }
}
