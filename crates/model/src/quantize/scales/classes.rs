//! Which values must share a scale.
//!
//! Consumers that weigh every input by itself take any scales. A convolution weighs a whole
//! channel, and gives a whole filter, by the same numbers; a maximum compares digits; a table
//! reads digits of one meaning; a sum of products has one weight for all of them.

use crate::quantize::net::{ExprId, Net, NetOp, Var};

/// Values that share step and zero point.
#[derive(Clone, Debug, Default)]
pub(in crate::quantize) struct Class {
    /// Its requantized units: node and output.
    pub(in crate::quantize) units: Vec<(usize, usize)>,
    /// Its table: node, function.
    pub(in crate::quantize) tables: Vec<(usize, ExprId)>,
    /// Functions whose tables read it.
    pub(in crate::quantize) read_by: Vec<ExprId>,
    /// Something else than a table reads it, or nothing does but the caller.
    pub(in crate::quantize) read_plainly: bool,
    /// Products read it, so its zero point is a digit.
    pub(in crate::quantize) whole_zero: bool,
    /// Private filters read it beyond its edges, so 0 is one of its digits.
    pub(in crate::quantize) holds_zero: bool,
    /// Outputs of the model that are in it.
    pub(in crate::quantize) outputs: Vec<usize>,
}

/// The partition of all digits.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct Classes {
    of: Vec<Option<u32>>,
    pub(in crate::quantize) all: Vec<Class>,
}

impl Classes {
    /// Class of a variable; `None` for features and exact sums.
    pub(in crate::quantize) fn of(&self, var: Var) -> Option<usize> {
        self.of[var as usize].map(|class| class as usize)
    }

    /// The classes of `net`; `scores` are the output variables, in order, and weights are
    /// `private` or not.
    pub(in crate::quantize) fn new(net: &Net, scores: &[Var], private: bool) -> Self {
        let mut sets = Sets::new(net.vars as usize);
        for node in &net.nodes {
            match &node.op {
                NetOp::Conv(conv) => {
                    for plane in node.outputs.chunks(conv.plane().max(1)) {
                        sets.join_all(plane.iter().copied());
                    }
                    for channel in conv.inputs.chunks(conv.area().max(1)) {
                        sets.join_all(channel.iter().flatten().map(|r| r.var));
                    }
                }
                NetOp::Max(groups) => {
                    for (group, var) in groups.iter().zip(&node.outputs) {
                        sets.join_all(group.iter().map(|r| r.var).chain([*var]));
                    }
                }
                NetOp::Map { inputs, .. } => {
                    sets.join_all(inputs.iter().copied());
                    sets.join_all(node.outputs.iter().copied());
                }
                NetOp::Sparse(units) => {
                    let several = || units.iter().filter(|unit| unit.products.len() > 1);
                    let left = several().flat_map(|unit| unit.products.iter().map(|p| p.0.var));
                    sets.join_all(left);
                    let right = several().flat_map(|unit| unit.products.iter().map(|p| p.1.var));
                    sets.join_all(right);
                }
                NetOp::Dense(_) | NetOp::Trees(_) | NetOp::Sum(_) | NetOp::Exact(_) => {}
            }
        }
        let mut classes = Self {
            of: vec![None; net.vars as usize],
            all: Vec::new(),
        };
        classes.number(net, &mut sets);
        classes.describe(net, scores, private);
        classes
    }

    fn number(&mut self, net: &Net, sets: &mut Sets) {
        let mut of_root = vec![None; net.vars as usize];
        for node in &net.nodes {
            if matches!(node.op, NetOp::Trees(_) | NetOp::Sum(_) | NetOp::Exact(_)) {
                continue;
            }
            for var in &node.outputs {
                let root = sets.root(*var) as usize;
                let class = *of_root[root].get_or_insert_with(|| {
                    self.all.push(Class::default());
                    self.all.len() as u32 - 1
                });
                self.of[*var as usize] = Some(class);
            }
        }
    }

    fn describe(&mut self, net: &Net, scores: &[Var], private: bool) {
        let of = &self.of;
        let all = &mut self.all;
        let mut with = |var: Var, change: &mut dyn FnMut(&mut Class)| {
            if let Some(class) = of[var as usize] {
                change(&mut all[class as usize]);
            }
        };
        for (index, node) in net.nodes.iter().enumerate() {
            if !matches!(node.op, NetOp::Map { .. }) {
                node.op
                    .visit(|r| with(r.var, &mut |class| class.read_plainly = true));
            }
            match &node.op {
                NetOp::Map { expr, inputs } => {
                    if let (Some(input), Some(output)) = (inputs.first(), node.outputs.first()) {
                        with(*input, &mut |class| class.read_by.push(*expr));
                        with(*output, &mut |class| class.tables.push((index, *expr)));
                    }
                }
                NetOp::Sparse(units) | NetOp::Exact(units) => {
                    for (a, b, _) in units.iter().flat_map(|unit| &unit.products) {
                        with(a.var, &mut |class| class.whole_zero = true);
                        with(b.var, &mut |class| class.whole_zero = true);
                    }
                }
                NetOp::Conv(conv) if private => {
                    for channel in conv.inputs.chunks(conv.area().max(1)) {
                        let edges = conv.shape.pads != [0; 4] || channel.contains(&None);
                        if let Some(r) = channel.iter().flatten().next().filter(|_| edges) {
                            with(r.var, &mut |class| class.holds_zero = true);
                        }
                    }
                }
                NetOp::Dense(_)
                | NetOp::Conv(_)
                | NetOp::Max(_)
                | NetOp::Trees(_)
                | NetOp::Sum(_) => {}
            }
            if node.op.is_linear() {
                for (output, var) in node.outputs.iter().enumerate() {
                    with(*var, &mut |class| class.units.push((index, output)));
                }
            }
        }
        for (output, var) in scores.iter().enumerate() {
            with(*var, &mut |class| {
                class.read_plainly = true;
                class.outputs.push(output);
            });
        }
    }
}

/// Disjoint sets with path halving.
struct Sets {
    parent: Vec<Var>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self {
            parent: (0..count as Var).collect(),
        }
    }

    fn root(&mut self, mut at: Var) -> Var {
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    fn join_all(&mut self, mut vars: impl Iterator<Item = Var>) {
        let Some(first) = vars.next() else { return };
        for var in vars {
            let (a, b) = (self.root(first), self.root(var));
            self.parent[a.max(b) as usize] = a.min(b);
        }
    }
}
