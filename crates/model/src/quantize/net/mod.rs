//! The network that is quantized: a [`FloatGraph`](crate::graph::FloatGraph) after every rewrite
//! that costs no accuracy.
//!
//! ```text
//! FloatGraph ─ lower ─▶ linear nodes, maxima; the rest are functions of one variable
//!            ─ merge ─▶ linear after linear becomes one
//!            ─ fuse  ─▶ clamps (Relu, Clip) move into the requantization of what they clamp
//!            ─ finish ▶ what functions remain become table nodes; dead units go
//! ```
//! Affine elementwise operators leave no trace: they are factors and offsets of the weights
//! that read them.

mod expr;
mod finish;
mod fuse;
mod lower;
mod merge;
mod run;

pub(in crate::quantize) use expr::{ExprId, Exprs, VAR};
pub(in crate::quantize) use run::NetRun;

use crate::graph::{FloatConv, FloatGraph, FloatTrees, Step};
use crate::integer::{Conv, WireId};

use super::QuantizeError;

/// Number of a value of the network; the first are the input features.
pub(in crate::quantize) type Var = u32;

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::quantize) struct Ref {
    pub(in crate::quantize) var: Var,
    pub(in crate::quantize) expr: ExprId,
}

impl Ref {
    pub(in crate::quantize) fn bare(var: Var) -> Self {
        Self { var, expr: VAR }
    }
}

/// Bounds that a unit's value is clamped to; infinite where it is not.
pub(in crate::quantize) type Clamp = (f64, f64);

/// No clamp.
pub(in crate::quantize) const FREE: Clamp = (f64::NEG_INFINITY, f64::INFINITY);

/// What the final form may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::quantize) struct Style {
    /// Clamps from both sides become part of requantization; else they are tables.
    pub(in crate::quantize) two_sided: bool,
    /// Products read raw features; else one digit made of them.
    pub(in crate::quantize) raw_products: bool,
    /// Decisions are taken on sums that are not requantized, where they are short enough.
    pub(in crate::quantize) exact_decisions: bool,
}

/// A network under rewriting, and in its final form.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct Net {
    pub(in crate::quantize) features: usize,
    pub(in crate::quantize) style: Style,
    /// In order of evaluation.
    pub(in crate::quantize) nodes: Vec<NetNode>,
    /// Number of variables, some of which nothing defines any more.
    pub(in crate::quantize) vars: Var,
    pub(in crate::quantize) exprs: Exprs,
    /// The scores asked for, in the order asked: values that are requantized.
    pub(in crate::quantize) scores: Vec<Ref>,
    /// What decisions are taken from, by wire of the graph.
    pub(in crate::quantize) decisions: Vec<(WireId, View)>,
}

/// What a wire of the graph is: `scale · reference + offset`, or a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::quantize) enum View {
    /// Whatever the input.
    Constant(f64),
    /// An affine function of a reference.
    Of {
        /// The reference.
        of: Ref,
        /// Factor, not 0.
        scale: f64,
        /// Added.
        offset: f64,
    },
}

/// One operator.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct NetNode {
    pub(in crate::quantize) name: String,
    pub(in crate::quantize) op: NetOp,
    /// Its outputs.
    pub(in crate::quantize) outputs: Vec<Var>,
}

/// What a node computes.
#[derive(Clone, Debug)]
pub(in crate::quantize) enum NetOp {
    /// Every output from every input.
    Dense(NetDense),
    /// A convolution.
    Conv(NetConv),
    /// Few terms per output.
    Sparse(Vec<NetUnit>),
    /// One function of every input.
    Map { expr: ExprId, inputs: Vec<Var> },
    /// Largest of each group.
    Max(Vec<Vec<Ref>>),
    /// Decision trees.
    Trees(NetTrees),
    /// Linear units that decisions alone read: they are not requantized.
    Sum(Vec<NetUnit>),
    /// Sums of products that linear nodes alone read: exact digits, not requantized.
    Exact(Vec<NetUnit>),
}

/// `clamp(bias + weights · inputs)`.
#[derive(Clone, Debug, Default)]
pub(in crate::quantize) struct NetDense {
    pub(in crate::quantize) inputs: Vec<Ref>,
    pub(in crate::quantize) weights: Vec<Vec<f64>>,
    pub(in crate::quantize) bias: Vec<f64>,
    pub(in crate::quantize) clamps: Vec<Clamp>,
}

/// A convolution; `None` among the inputs contributes nothing.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct NetConv {
    /// Its weights and biases are empty.
    pub(in crate::quantize) shape: Conv,
    pub(in crate::quantize) inputs: Vec<Option<Ref>>,
    pub(in crate::quantize) weights: Vec<f64>,
    /// Per output.
    pub(in crate::quantize) bias: Vec<f64>,
    /// Per output.
    pub(in crate::quantize) clamps: Vec<Clamp>,
}

/// `clamp(bias + Σ c x + Σ c x x')`.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct NetUnit {
    pub(in crate::quantize) bias: f64,
    pub(in crate::quantize) terms: Vec<(Ref, f64)>,
    pub(in crate::quantize) products: Vec<(Ref, Ref, f64)>,
    pub(in crate::quantize) clamp: Clamp,
}

/// Trees with where their features come from.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct NetTrees {
    pub(in crate::quantize) trees: FloatTrees,
    pub(in crate::quantize) sources: Vec<TreeInput>,
}

/// A feature of trees: a raw feature or a computed value, behind float32 steps.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct TreeInput {
    pub(in crate::quantize) of: Ref,
    pub(in crate::quantize) steps: Vec<Step>,
}

impl NetUnit {
    /// `scale · of + offset`.
    pub(in crate::quantize) fn affine(of: Ref, scale: f64, offset: f64) -> Self {
        Self {
            bias: offset,
            terms: vec![(of, scale)],
            products: Vec::new(),
            clamp: FREE,
        }
    }
}

impl NetConv {
    /// Outputs per filter.
    pub(in crate::quantize) fn plane(&self) -> usize {
        self.bias.len() / self.shape.filters.max(1) as usize
    }

    /// Rows and columns at the border that hold nothing become padding.
    pub(super) fn trim(&mut self) {
        let shape = &mut self.shape;
        // Top, left, bottom, right.
        for side in 0..4 {
            loop {
                let [channels, height, width] =
                    [shape.channels, shape.height, shape.width].map(|v| v as usize);
                let (line, other) = match side % 2 {
                    0 => (height, width),
                    _ => (width, height),
                };
                if line <= 1 || shape.pads[side] + 1 >= 1 << 16 {
                    break;
                }
                let edge = if side < 2 { 0 } else { line - 1 };
                let on_edge = |at: usize| match side % 2 {
                    0 => at / width % height == edge,
                    _ => at % width == edge,
                };
                let mut all = self.inputs.iter().enumerate();
                if all.any(|(at, input)| on_edge(at) && input.is_some()) || other == 0 {
                    break;
                }
                let old = std::mem::take(&mut self.inputs).into_iter().enumerate();
                self.inputs = old
                    .filter(|(at, _)| !on_edge(*at))
                    .map(|(_, r)| r)
                    .collect();
                debug_assert_eq!(self.inputs.len(), channels * (line - 1) * other);
                match side % 2 {
                    0 => shape.height -= 1,
                    _ => shape.width -= 1,
                }
                shape.pads[side] += 1;
            }
        }
    }

    /// Inputs per channel.
    pub(in crate::quantize) fn area(&self) -> usize {
        self.inputs.len() / self.shape.channels.max(1) as usize
    }
}

impl NetOp {
    /// Calls `visit` with every reference that the operator reads.
    pub(in crate::quantize) fn visit(&self, mut visit: impl FnMut(Ref)) {
        match self {
            Self::Dense(dense) => dense.inputs.iter().for_each(|r| visit(*r)),
            Self::Conv(conv) => conv.inputs.iter().flatten().for_each(|r| visit(*r)),
            Self::Sparse(units) | Self::Sum(units) | Self::Exact(units) => {
                units.iter().for_each(|unit| unit.visit(&mut visit));
            }
            Self::Map { inputs, .. } => inputs.iter().for_each(|var| visit(Ref::bare(*var))),
            Self::Max(groups) => groups.iter().flatten().for_each(|r| visit(*r)),
            Self::Trees(trees) => trees.sources.iter().for_each(|source| visit(source.of)),
        }
    }

    /// Replaces every reference by what `change` makes of it.
    pub(in crate::quantize) fn change(&mut self, mut change: impl FnMut(Ref) -> Ref) {
        let mut apply = |r: &mut Ref| *r = change(*r);
        match self {
            Self::Dense(dense) => dense.inputs.iter_mut().for_each(apply),
            Self::Conv(conv) => conv.inputs.iter_mut().flatten().for_each(apply),
            Self::Sparse(units) | Self::Sum(units) | Self::Exact(units) => {
                for unit in units {
                    unit.terms.iter_mut().for_each(|(r, _)| apply(r));
                    for (a, b, _) in &mut unit.products {
                        apply(a);
                        apply(b);
                    }
                }
            }
            // Tables are made last; what they read stays.
            Self::Map { .. } => {}
            Self::Max(groups) => groups.iter_mut().flatten().for_each(apply),
            Self::Trees(trees) => {
                let sources = trees.sources.iter_mut();
                sources.for_each(|source| apply(&mut source.of));
            }
        }
    }

    /// Whether it is linear (or bilinear), so that its outputs are requantized.
    pub(in crate::quantize) fn is_linear(&self) -> bool {
        matches!(self, Self::Dense(_) | Self::Conv(_) | Self::Sparse(_))
    }

    /// The clamp of output `index`.
    pub(in crate::quantize) fn clamp(&self, index: usize) -> Clamp {
        match self {
            Self::Dense(dense) => dense.clamps[index],
            Self::Conv(conv) => conv.clamps[index],
            Self::Sparse(units) => units[index].clamp,
            Self::Map { .. } | Self::Max(_) | Self::Trees(_) | Self::Sum(_) | Self::Exact(_) => {
                FREE
            }
        }
    }

    fn set_clamp(&mut self, index: usize, clamp: Clamp) {
        match self {
            Self::Dense(dense) => dense.clamps[index] = clamp,
            Self::Conv(conv) => conv.clamps[index] = clamp,
            Self::Sparse(units) => units[index].clamp = clamp,
            Self::Map { .. } | Self::Max(_) | Self::Trees(_) | Self::Sum(_) | Self::Exact(_) => {}
        }
    }
}

impl NetUnit {
    pub(in crate::quantize) fn visit(&self, visit: &mut impl FnMut(Ref)) {
        self.terms.iter().for_each(|(r, _)| visit(*r));
        for (a, b, _) in &self.products {
            visit(*a);
            visit(*b);
        }
    }
}

impl Net {
    /// The network that computes wires of `graph`: `scores` requantized, `decisions` as they
    /// come.
    ///
    /// # Errors
    /// Operators that cannot be quantized.
    pub(in crate::quantize) fn new(
        graph: &FloatGraph,
        scores: &[WireId],
        decisions: &[WireId],
        style: Style,
    ) -> Result<Self, QuantizeError> {
        let mut net = lower::lower(graph, scores, decisions, style)?;
        net.merge();
        net.fuse();
        net.finish();
        Ok(net)
    }

    /// Appends a node with `outputs` fresh variables.
    pub(in crate::quantize) fn push(&mut self, name: &str, op: NetOp, outputs: usize) -> Vec<Var> {
        let fresh: Vec<Var> = (self.vars..self.vars + outputs as Var).collect();
        self.vars += outputs as Var;
        self.nodes.push(NetNode {
            name: name.into(),
            op,
            outputs: fresh.clone(),
        });
        fresh
    }

    /// Per variable, the node and output that define it; `None` for features and leftovers.
    pub(in crate::quantize) fn definitions(&self) -> Vec<Option<(usize, usize)>> {
        let mut definitions = vec![None; self.vars as usize];
        for (node, content) in self.nodes.iter().enumerate() {
            for (index, var) in content.outputs.iter().enumerate() {
                definitions[*var as usize] = Some((node, index));
            }
        }
        definitions
    }

    /// Whether trees are among its nodes.
    pub(in crate::quantize) fn has_trees(&self) -> bool {
        let mut ops = self.nodes.iter().map(|node| &node.op);
        ops.any(|op| matches!(op, NetOp::Trees(_)))
    }

    /// References of scores and decisions.
    pub(in crate::quantize) fn output_refs(&self) -> impl Iterator<Item = Ref> + '_ {
        let decisions = self.decisions.iter().filter_map(|(_, view)| match view {
            View::Constant(_) => None,
            View::Of { of, .. } => Some(*of),
        });
        self.scores.iter().copied().chain(decisions)
    }
}

/// Shape and weights as they are lowered.
fn conv_of(conv: &FloatConv) -> (Conv, Vec<f64>) {
    (conv.shape.clone(), conv.weights.clone())
}
