//! From the graph to linear nodes, maxima and functions of one variable.

mod linear;
mod maxima;

use std::collections::{HashMap, HashSet};

use super::expr::{Expr, Exprs, VAR};
use super::{Net, NetOp, NetTrees, NetUnit, Ref, Style, TreeInput, Var, View};
use crate::graph::{FloatGraph, FloatNode, FloatOp, Function, Step};
use crate::integer::WireId;
use crate::quantize::QuantizeError;

/// Most different tables that one node may ask for before it is computed from its parts.
const MAX_TABLES: usize = 8;

/// What is known of a wire: an affine function of a function of a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Value {
    of: Ref,
    /// 0 for a constant.
    scale: f64,
    offset: f64,
}

impl Value {
    fn constant(value: f64) -> Self {
        Self {
            of: Ref::bare(0),
            scale: 0.0,
            offset: value,
        }
    }

    fn whole(of: Ref) -> Self {
        Self {
            of,
            scale: 1.0,
            offset: 0.0,
        }
    }

    fn is_constant(&self) -> bool {
        self.scale == 0.0
    }

    fn is_whole(&self) -> bool {
        self.scale == 1.0 && self.offset == 0.0
    }
}

/// A sum that is being collected.
#[derive(Default)]
struct Sum {
    bias: f64,
    terms: Vec<(Ref, f64)>,
    position: HashMap<Ref, usize>,
    products: Vec<(Ref, Ref, f64)>,
}

/// Bias, terms and products of a [`Sum`].
type Finished = (f64, Vec<(Ref, f64)>, Vec<(Ref, Ref, f64)>);

impl Sum {
    fn add(&mut self, value: Value, coefficient: f64) {
        self.bias += coefficient * value.offset;
        let coefficient = coefficient * value.scale;
        if coefficient == 0.0 {
            return;
        }
        match self.position.get(&value.of) {
            Some(at) => self.terms[*at].1 += coefficient,
            None => {
                self.position.insert(value.of, self.terms.len());
                self.terms.push((value.of, coefficient));
            }
        }
    }

    fn add_product(&mut self, a: Value, b: Value, coefficient: f64) {
        let linear = |v: Value| Value { offset: 0.0, ..v };
        self.bias += coefficient * a.offset * b.offset;
        self.add(linear(a), coefficient * b.offset);
        self.add(linear(b), coefficient * a.offset);
        let coefficient = coefficient * a.scale * b.scale;
        if coefficient == 0.0 {
            return;
        }
        let (x, y) = (a.of.min(b.of), a.of.max(b.of));
        match self
            .products
            .iter_mut()
            .find(|(p, q, _)| (*p, *q) == (x, y))
        {
            Some((_, _, sum)) => *sum += coefficient,
            None => self.products.push((x, y, coefficient)),
        }
    }

    fn finish(mut self) -> Finished {
        self.terms.retain(|(_, c)| *c != 0.0);
        self.products.retain(|(_, _, c)| *c != 0.0);
        (self.bias, self.terms, self.products)
    }
}

/// Members that have no maximum known at compile time.
struct RealGroup {
    /// Of the group, in the node.
    index: usize,
    refs: Vec<Ref>,
    members: Vec<Value>,
    /// The largest constant among them.
    floor: Option<f64>,
    view: Value,
}

/// What is known of a maximum's variable: the affine function of it that is the maximum of the
/// members.
struct Maximum {
    scale: f64,
    offset: f64,
    members: Vec<Value>,
}

struct Lowering {
    net: Net,
    values: Vec<Value>,
    /// Variables that are affine copies of others, by what they copy.
    copies: HashMap<(Ref, u64, u64), Var>,
    /// Variables that are never negative.
    not_negative: Vec<bool>,
    /// Variables that are exact sums of several digits.
    sums: HashSet<Var>,
    /// Maxima, by variable.
    maxima: HashMap<Var, Maximum>,
    /// Copies that the current node asks for.
    pending: Vec<NetUnit>,
    first_pending: Var,
}

/// The network of some wires, before any rewrite across nodes.
pub(super) fn lower(
    graph: &FloatGraph,
    scores: &[WireId],
    decisions: &[WireId],
    style: Style,
) -> Result<Net, QuantizeError> {
    let mut lowering = Lowering {
        net: Net {
            features: graph.features,
            style,
            nodes: Vec::new(),
            vars: graph.features as Var,
            exprs: Exprs::new(style.two_sided),
            scores: Vec::new(),
            decisions: Vec::new(),
        },
        values: (0..graph.features)
            .map(|feature| Value::whole(Ref::bare(feature as Var)))
            .collect(),
        copies: HashMap::new(),
        not_negative: vec![false; graph.features],
        sums: HashSet::new(),
        maxima: HashMap::new(),
        pending: Vec::new(),
        first_pending: 0,
    };
    let needed = needed(graph, scores.iter().chain(decisions));
    let first = graph.first_wires();
    for (index, node) in graph.nodes.iter().enumerate() {
        if needed[index] {
            lowering.node(graph, node)?;
        } else {
            // Keeps wires aligned; nothing reads them.
            let count = first[index + 1] - first[index];
            let dead = std::iter::repeat_n(Value::constant(0.0), count);
            lowering.values.extend(dead);
        }
    }
    for wire in scores {
        let score = lowering.output(lowering.values[*wire as usize]);
        lowering.net.scores.push(score);
    }
    lowering.flush("output");
    for wire in decisions {
        let value = lowering.values[*wire as usize];
        let view = match value.is_constant() {
            true => View::Constant(value.offset),
            false => View::Of {
                of: value.of,
                scale: value.scale,
                offset: value.offset,
            },
        };
        lowering.net.decisions.push((*wire, view));
    }
    Ok(lowering.net)
}

/// Nodes that some wires depend on.
fn needed<'w>(graph: &FloatGraph, wanted: impl Iterator<Item = &'w WireId>) -> Vec<bool> {
    let first = graph.first_wires();
    let node_of = |wire: WireId| {
        first
            .partition_point(|at| *at <= wire as usize)
            .checked_sub(1)
    };
    let mut needed = vec![false; graph.nodes.len()];
    let mark = |needed: &mut [bool], wire: WireId| {
        if let Some(node) = node_of(wire) {
            needed[node] = true;
        }
    };
    wanted.for_each(|wire| mark(&mut needed, *wire));
    for index in (0..graph.nodes.len()).rev() {
        if needed[index] {
            let inputs = graph.nodes[index].inputs.iter();
            inputs.for_each(|wire| mark(&mut needed, *wire));
        }
    }
    needed
}

impl Lowering {
    fn node(&mut self, graph: &FloatGraph, node: &FloatNode) -> Result<(), QuantizeError> {
        let x: Vec<Value> = node
            .inputs
            .iter()
            .map(|wire| self.values[*wire as usize])
            .collect();
        match &node.op {
            FloatOp::Dense { weights, bias } => self.dense(&node.name, &x, weights, bias),
            FloatOp::Conv(conv) => self.conv(&node.name, &x, conv),
            FloatOp::Sparse { units } => self.sparse(&node.name, &x, units),
            FloatOp::Scale { steps } => {
                for (value, steps) in x.into_iter().zip(steps) {
                    let scaled = steps.iter().fold(value, |value, step| match step {
                        Step::Add(c) => shift(value, f64::from(*c)),
                        Step::Sub(c) => shift(value, -f64::from(*c)),
                        Step::Mul(c) => times(value, f64::from(*c)),
                        Step::Div(c) => times(value, 1.0 / f64::from(*c)),
                    });
                    self.values.push(scaled);
                }
            }
            FloatOp::Map(function) => self.map(&node.name, &x, *function),
            FloatOp::Max { groups } => self.max(&node.name, &x, groups),
            FloatOp::ArgMax { .. } => {
                return Err(QuantizeError::Operator {
                    node: node.name.clone(),
                    what: "the position of a maximum can only be an output",
                });
            }
            FloatOp::Trees(trees) => {
                let sources = node.inputs.iter().map(|wire| self.tree_input(graph, *wire));
                let op = NetOp::Trees(NetTrees {
                    sources: sources.collect(),
                    trees: trees.clone(),
                });
                let outputs = self.push(&node.name, op, trees.targets);
                self.sums.extend(outputs.iter().copied());
                let outputs = outputs.into_iter().map(|var| Value::whole(Ref::bare(var)));
                self.values.extend(outputs);
            }
        }
        Ok(())
    }

    /// Appends a node behind the copies that it asked for.
    fn push(&mut self, name: &str, op: NetOp, outputs: usize) -> Vec<Var> {
        self.flush(name);
        let fresh = self.net.push(name, op, outputs);
        self.not_negative.resize(self.net.vars as usize, false);
        fresh
    }

    fn flush(&mut self, name: &str) {
        if self.pending.is_empty() {
            return;
        }
        let units = std::mem::take(&mut self.pending);
        let outputs = (self.first_pending..self.first_pending + units.len() as Var).collect();
        self.net.nodes.push(super::NetNode {
            name: format!("{name}.input"),
            op: NetOp::Sparse(units),
            outputs,
        });
    }

    /// A variable that is `value`.
    fn copy(&mut self, value: Value) -> Ref {
        match value.is_whole() {
            true => value.of,
            false => self.materialize(value),
        }
    }

    /// A variable of its own that is `value`.
    fn materialize(&mut self, value: Value) -> Ref {
        let key = (value.of, value.scale.to_bits(), value.offset.to_bits());
        if let Some(var) = self.copies.get(&key) {
            return Ref::bare(*var);
        }
        if self.pending.is_empty() {
            self.first_pending = self.net.vars;
        }
        let var = self.net.vars;
        self.net.vars += 1;
        self.not_negative.push(false);
        let (of, scale, offset) = (value.of, value.scale, value.offset);
        let mut unit = NetUnit::affine(of, scale, offset);
        unit.terms.retain(|(_, factor)| *factor != 0.0);
        self.pending.push(unit);
        self.copies.insert(key, var);
        Ref::bare(var)
    }

    /// The same value by the variable that already copies it, if there is one.
    fn known(&self, value: Value) -> Value {
        let key = (value.of, value.scale.to_bits(), value.offset.to_bits());
        match self.copies.get(&key) {
            Some(var) if !value.is_constant() => Value::whole(Ref::bare(*var)),
            _ => value,
        }
    }

    /// An output is a function of a variable that is requantized.
    fn output(&mut self, value: Value) -> Ref {
        if value.is_constant() {
            return self.materialize(value);
        }
        if value.of.expr == VAR {
            let var = value.of.var as usize;
            let digit = var >= self.net.features && !self.sums.contains(&value.of.var);
            return match value.is_whole() && digit {
                true => value.of,
                false => self.materialize(value),
            };
        }
        if value.is_whole() {
            return value.of;
        }
        let sum = Expr::Sum {
            bias: value.offset,
            terms: vec![(value.of.expr, value.scale)],
            products: Vec::new(),
        };
        match self.net.exprs.add(sum) {
            Some(expr) => Ref {
                var: value.of.var,
                expr,
            },
            None => self.materialize(value),
        }
    }

    fn map(&mut self, name: &str, x: &[Value], function: Function) {
        for value in x {
            let mapped = self.apply(*value, function);
            self.values.push(mapped);
        }
        self.flush(name);
    }

    fn apply(&mut self, value: Value, function: Function) -> Value {
        if value.is_constant() {
            return Value::constant(function.apply(value.offset));
        }
        if let Function::HardSigmoid(alpha, beta) = function {
            let inner = shift(times(value, alpha), beta);
            return self.apply(inner, Function::Clip(0.0, 1.0));
        }
        let bare = value.of.expr == VAR;
        let positive = value.scale >= 0.0 && value.offset >= 0.0;
        let never_negative = match bare {
            true => positive && self.not_negative[value.of.var as usize],
            false => (self.net.exprs).never_negative(value.of.expr, value.scale, value.offset),
        };
        if function == Function::Relu && never_negative {
            return value;
        }
        // An affine variable gets a name, so that all functions of it are of one variable.
        let value = match bare {
            true => Value::whole(self.copy(value)),
            false => value,
        };
        let applied = |value: Value| Expr::Apply {
            function,
            argument: value.of.expr,
            scale: value.scale,
            offset: value.offset,
        };
        if let Some(expr) = self.net.exprs.add(applied(value)) {
            let var = value.of.var;
            return Value::whole(Ref { var, expr });
        }
        // Too large for one table: cut here.
        let cut = Value::whole(self.materialize(value));
        let expr = self.net.exprs.add(applied(cut)).unwrap_or(VAR);
        Value::whole(Ref {
            var: cut.of.var,
            expr,
        })
    }

    /// Where an input of trees comes from: float32 steps are kept apart, so that comparisons
    /// come out exactly.
    fn tree_input(&mut self, graph: &FloatGraph, wire: WireId) -> TreeInput {
        let first = graph.first_wires();
        let mut at = wire;
        let mut chain: Vec<&[Step]> = Vec::new();
        while let Some(index) = first.partition_point(|f| *f <= at as usize).checked_sub(1) {
            let Some(node) = graph.nodes.get(index) else {
                break;
            };
            let FloatOp::Scale { steps } = &node.op else {
                break;
            };
            let position = at as usize - first[index];
            chain.push(&steps[position]);
            at = node.inputs[position];
        }
        let value = self.values[at as usize];
        TreeInput {
            of: self.copy(value),
            steps: chain.into_iter().rev().flatten().copied().collect(),
        }
    }
}

fn shift(value: Value, by: f64) -> Value {
    Value {
        offset: value.offset + by,
        ..value
    }
}

fn times(value: Value, by: f64) -> Value {
    Value {
        of: value.of,
        scale: value.scale * by,
        offset: value.offset * by,
    }
}

/// The most frequent of some numbers, the first of equals.
fn most_common(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut counts: Vec<(f64, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(v, _)| *v == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    let best = counts.iter().map(|(_, count)| *count).max()?;
    let first = counts.into_iter().find(|(_, count)| *count == best);
    first.map(|(value, _)| value)
}
