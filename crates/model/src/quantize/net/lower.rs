//! From the graph to linear nodes, maxima and functions of one variable.

use std::collections::{HashMap, HashSet};

use super::expr::{Expr, ExprId, Exprs, VAR};
use super::{
    Clamp, FREE, Net, NetConv, NetDense, NetOp, NetTrees, NetUnit, Ref, Style, TreeInput, Var,
    View, conv_of,
};
use crate::graph::{FloatConv, FloatGraph, FloatNode, FloatOp, FloatUnit, Function, Step};
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

    fn dense(&mut self, name: &str, x: &[Value], weights: &[Vec<f64>], bias: &[f64]) {
        let mut inputs: Vec<Ref> = Vec::new();
        let mut position: HashMap<Ref, usize> = HashMap::new();
        let columns: Vec<Option<usize>> = x
            .iter()
            .map(|value| {
                (!value.is_constant()).then(|| {
                    *position.entry(value.of).or_insert_with(|| {
                        inputs.push(value.of);
                        inputs.len() - 1
                    })
                })
            })
            .collect();
        if inputs.len() <= 1 {
            let unit = |(row, bias): (&Vec<f64>, &f64)| FloatUnit {
                bias: *bias,
                terms: row
                    .iter()
                    .enumerate()
                    .map(|(j, w)| (j as u32, *w))
                    .collect(),
                products: Vec::new(),
            };
            let units: Vec<FloatUnit> = weights.iter().zip(bias).map(unit).collect();
            return self.sparse(name, x, &units);
        }
        let mut dense = NetDense {
            bias: bias.to_vec(),
            clamps: vec![FREE; bias.len()],
            weights: Vec::with_capacity(bias.len()),
            inputs: Vec::new(),
        };
        for (row, bias) in weights.iter().zip(&mut dense.bias) {
            let mut own = vec![0.0; inputs.len()];
            for ((weight, value), column) in row.iter().zip(x).zip(&columns) {
                *bias += weight * value.offset;
                if let Some(column) = column {
                    own[*column] += weight * value.scale;
                }
            }
            dense.weights.push(own);
        }
        dense.inputs = inputs;
        let count = dense.bias.len();
        let outputs = self.push(name, NetOp::Dense(dense), count);
        let outputs = outputs.into_iter().map(|var| Value::whole(Ref::bare(var)));
        self.values.extend(outputs);
    }

    fn conv(&mut self, name: &str, x: &[Value], conv: &FloatConv) {
        let (shape, mut weights) = conv_of(conv);
        let area = (shape.height * shape.width) as usize;
        let mut inputs = Vec::with_capacity(x.len());
        let mut scales = Vec::with_capacity(shape.channels as usize);
        for channel in x.chunks(area.max(1)) {
            let scale = most_common(channel.iter().filter(|v| !v.is_constant()).map(|v| v.scale));
            let scale = scale.unwrap_or(1.0);
            for value in channel {
                inputs.push(match value.is_constant() {
                    true => None,
                    false if value.scale == scale => Some(value.of),
                    // Its own scale: a variable that already holds it in the channel's.
                    false => Some(self.copy(Value {
                        of: value.of,
                        scale: value.scale / scale,
                        offset: 0.0,
                    })),
                });
            }
            scales.push(scale);
        }
        let plane = shape.outputs() / shape.filters.max(1) as usize;
        let mut bias: Vec<f64> = (0..shape.outputs()).map(|o| conv.bias[o / plane]).collect();
        let offsets: Vec<f64> = x.iter().map(|value| value.offset).collect();
        if offsets.iter().any(|offset| *offset != 0.0) {
            shape.spans(|span| {
                let weight = weights[span.weight];
                for step in 0..span.count {
                    bias[span.output + step] += weight * offsets[span.input + step * span.stride];
                }
            });
        }
        let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
        let own = (shape.channels / shape.groups) as usize;
        let per_group = (shape.filters / shape.groups) as usize;
        for (index, weight) in weights.iter_mut().enumerate() {
            let (filter, channel) = (index / (own * taps), index / taps % own);
            *weight *= scales[filter / per_group * own + channel];
        }
        let count = shape.outputs();
        let mut conv = NetConv {
            shape,
            inputs,
            weights,
            bias,
            clamps: vec![FREE; count],
        };
        conv.trim();
        let outputs = self.push(name, NetOp::Conv(conv), count);
        let outputs = outputs.into_iter().map(|var| Value::whole(Ref::bare(var)));
        self.values.extend(outputs);
    }

    fn sparse(&mut self, name: &str, x: &[Value], units: &[FloatUnit]) {
        let mut sums = Vec::with_capacity(units.len());
        for unit in units {
            let mut sum = Sum {
                bias: unit.bias,
                ..Sum::default()
            };
            let single = unit.terms.len() + unit.products.len() == 1;
            for (at, c) in &unit.terms {
                let value = x[*at as usize];
                sum.add(if single { value } else { self.known(value) }, *c);
            }
            for (a, b, c) in &unit.products {
                let [mut a, mut b] = [a, b].map(|at| self.known(x[*at as usize]));
                // A square of an affine function: one variable, so one table.
                if a == b && !a.is_constant() && !a.is_whole() {
                    a = Value::whole(self.copy(a));
                    b = a;
                }
                sum.add_product(a, b, *c);
            }
            sums.push(sum.finish());
        }
        let mut tables: Vec<ExprId> = Vec::new();
        let mut real = Vec::new();
        let first = self.values.len();
        for (index, (bias, terms, products)) in sums.into_iter().enumerate() {
            match self.univariate(bias, &terms, &products, &mut tables) {
                Some(value) => self.values.push(value),
                None => {
                    self.values.push(Value::constant(0.0));
                    let unit = NetUnit {
                        clamp: self.known_clamp(bias, &terms, &products),
                        bias,
                        terms,
                        products,
                    };
                    real.push((index, unit));
                }
            }
        }
        if real.is_empty() {
            return self.flush(name);
        }
        let (at, units): (Vec<usize>, Vec<NetUnit>) = real.into_iter().unzip();
        let count = units.len();
        let outputs = self.push(name, NetOp::Sparse(units), count);
        for (index, var) in at.into_iter().zip(outputs) {
            self.values[first + index] = Value::whole(Ref::bare(var));
        }
    }

    /// Bounds that a sum keeps by itself: a member less its maximum is never positive.
    fn known_clamp(&self, bias: f64, terms: &[(Ref, f64)], products: &[(Ref, Ref, f64)]) -> Clamp {
        let ([(a, c), (b, d)], []) = (terms, products) else {
            return FREE;
        };
        let bound = |(member, c): (&Ref, f64), (maximum, d): (&Ref, f64)| {
            let known = self.maxima.get(&maximum.var);
            let known = known.filter(|_| maximum.expr == VAR)?;
            let own = known.members.iter().find(|value| value.of == *member)?;
            // c r + d M = a (x − max) + constant, for x = scale r + offset.
            let factor = c / own.scale;
            let cancels = (factor + d / known.scale).abs() <= 1e-9 * factor.abs();
            let shift = factor * (known.offset - own.offset);
            let mut at_maximum = bias + shift;
            if at_maximum.abs() <= 1e-9 * bias.abs().max(shift.abs()) {
                at_maximum = 0.0;
            }
            cancels.then_some(match factor > 0.0 {
                true => (f64::NEG_INFINITY, at_maximum),
                false => (at_maximum, f64::INFINITY),
            })
        };
        let either = bound((a, *c), (b, *d)).or_else(|| bound((b, *d), (a, *c)));
        either.unwrap_or(FREE)
    }

    /// The sum as a function of the one variable that it depends on.
    fn univariate(
        &mut self,
        bias: f64,
        terms: &[(Ref, f64)],
        products: &[(Ref, Ref, f64)],
        tables: &mut Vec<ExprId>,
    ) -> Option<Value> {
        let refs = || {
            let products = products.iter().flat_map(|(a, b, _)| [*a, *b]);
            terms.iter().map(|(r, _)| *r).chain(products)
        };
        let Some(first) = refs().next() else {
            return Some(Value::constant(bias));
        };
        if let ([(of, scale)], []) = (terms, products) {
            return Some(Value {
                of: *of,
                scale: *scale,
                offset: bias,
            });
        }
        if refs().any(|r| r.var != first.var) {
            return None;
        }
        // A feature as it is has all its digits; a table would read one.
        let feature = (first.var as usize) < self.net.features;
        if feature && terms.iter().any(|(r, _)| r.expr == VAR) {
            return None;
        }
        let expr = self.net.exprs.add(Expr::Sum {
            bias: 0.0,
            terms: terms.iter().map(|(r, c)| (r.expr, *c)).collect(),
            products: products
                .iter()
                .map(|(a, b, c)| (a.expr, b.expr, *c))
                .collect(),
        })?;
        if !tables.contains(&expr) {
            if tables.len() == MAX_TABLES {
                return None;
            }
            tables.push(expr);
        }
        Some(Value {
            of: Ref {
                var: first.var,
                expr,
            },
            scale: 1.0,
            offset: bias,
        })
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

    fn max(&mut self, name: &str, x: &[Value], groups: &[Vec<u32>]) {
        let first = self.values.len();
        let mut real: Vec<RealGroup> = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let mut floor = None;
            let mut members: Vec<Value> = Vec::with_capacity(group.len());
            for at in group {
                let value = x[*at as usize];
                if value.is_constant() {
                    floor = Some(value.offset.max(floor.unwrap_or(f64::NEG_INFINITY)));
                } else if !members.contains(&value) {
                    members.push(value);
                }
            }
            let value = match members.as_slice() {
                [] => Value::constant(floor.unwrap_or(0.0)),
                [only] => match floor {
                    None => *only,
                    Some(floor) => self.apply(*only, Function::Clip(floor, f64::INFINITY)),
                },
                _ => match self.same_variable(&members, floor) {
                    Some(value) => value,
                    None => {
                        let (refs, view) = self.members(&members);
                        let members = members.clone();
                        real.push(RealGroup {
                            index,
                            refs,
                            members,
                            floor,
                            view,
                        });
                        Value::constant(0.0)
                    }
                },
            };
            self.values.push(value);
        }
        if real.is_empty() {
            return self.flush(name);
        }
        let count = real.len();
        let groups = real.iter().map(|group| group.refs.clone()).collect();
        let outputs = self.push(name, NetOp::Max(groups), count);
        for (group, var) in real.into_iter().zip(outputs) {
            let RealGroup {
                index,
                refs,
                members,
                floor,
                view,
            } = group;
            let known = Maximum {
                scale: view.scale,
                offset: view.offset,
                members: refs
                    .iter()
                    .map(|r| Value::whole(*r))
                    .chain(members)
                    .collect(),
            };
            self.maxima.insert(var, known);
            let never = |r: &Ref| match r.expr {
                VAR => self.not_negative[r.var as usize],
                expr => self.net.exprs.never_negative(expr, 1.0, 0.0),
            };
            self.not_negative[var as usize] = refs.iter().any(never);
            let value = Value {
                of: Ref::bare(var),
                ..view
            };
            self.values[first + index] = match floor {
                None => value,
                Some(floor) => self.apply(value, Function::Clip(floor, f64::INFINITY)),
            };
        }
        self.flush(name);
    }

    /// The maximum of functions of one variable.
    fn same_variable(&mut self, members: &[Value], floor: Option<f64>) -> Option<Value> {
        let members: Vec<Value> = members.iter().map(|value| self.known(*value)).collect();
        let var = members.first()?.of.var;
        if members.iter().any(|value| value.of.var != var) {
            return None;
        }
        let affine = members.iter().map(|v| (v.of.expr, v.scale, v.offset));
        let floor = floor.map(|floor| (VAR, 0.0, floor));
        let expr = (self.net.exprs).add(Expr::Max(affine.chain(floor).collect()))?;
        Some(Value::whole(Ref { var, expr }))
    }

    /// Members on one scale, and the affine function that is applied after the maximum.
    fn members(&mut self, members: &[Value]) -> (Vec<Ref>, Value) {
        let (scale, offset) = (members[0].scale, members[0].offset);
        let alike = |v: &Value| v.scale == scale && v.offset == offset;
        if scale > 0.0 && members.iter().all(alike) {
            return (members.iter().map(|v| v.of).collect(), members[0]);
        }
        let refs = members.iter().map(|v| self.copy(*v)).collect();
        (refs, Value::whole(Ref::bare(0)))
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
