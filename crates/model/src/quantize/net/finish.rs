//! The last rewrites: tables for the functions that are left, dead units dropped, and copies
//! where values of different kinds must share a scale.

use std::collections::HashMap;

use super::expr::ExprId;
use super::{Clamp, FREE, Net, NetNode, NetOp, NetUnit, Ref, VAR, Var, View};

/// Most terms of the sums that decisions are taken on.
const MAX_DECISION_TERMS: usize = 2048;
/// Most sums of products of one node whose digits are kept.
const MAX_EXACT_UNITS: usize = 64;
/// Units that the machine computes of one input in one row, about.
const DENSE_UNITS: usize = 144;
/// Most units for which a sparse node of an otherwise dense chain becomes dense, too.
const NARROW_UNITS: usize = 512;

/// Whether two units have the same coefficients in the same order: the machine computes four
/// such units together.
fn same_factors(a: &NetUnit, b: &NetUnit) -> bool {
    let factors = |unit: &NetUnit| -> Vec<f64> { unit.terms.iter().map(|(_, c)| *c).collect() };
    factors(a) == factors(b)
}

impl Net {
    /// Leaves bare references only.
    pub(super) fn finish(&mut self) {
        self.prune();
        self.digits_for_functions();
        self.tables();
        if self.style.exact_decisions {
            self.exact_decisions();
        }
        self.exact_products();
        self.align();
        self.prune();
        self.choose_dense();
    }

    /// Small linear nodes become dense where that takes no more of the machine, or where all
    /// else is dense: the narrow machine knows nothing else.
    fn choose_dense(&mut self) {
        let narrow = self.nodes.iter().all(|node| match &node.op {
            NetOp::Dense(_) | NetOp::Map { .. } => true,
            NetOp::Sparse(units) => units.len() <= NARROW_UNITS,
            _ => false,
        });
        for node in &mut self.nodes {
            let NetOp::Sparse(units) = &node.op else {
                continue;
            };
            let rows = |unit: &NetUnit| 1 + unit.terms.len().div_ceil(4);
            let sparse: usize = units.iter().map(rows).sum();
            let Some(dense) = super::merge::as_dense(&node.op) else {
                continue;
            };
            let equal = units.len() > 1 && units.iter().all(|u| same_factors(u, &units[0]));
            let cost = dense.inputs.len() * units.len().div_ceil(DENSE_UNITS);
            if !dense.inputs.is_empty() && (narrow || (cost <= sparse && !equal)) {
                node.op = NetOp::Dense(dense);
            }
        }
    }

    /// Functions of features and of trees' sums read a requantized copy: a table has one digit.
    fn digits_for_functions(&mut self) {
        let definitions = self.definitions();
        let mut copies: HashMap<Var, Var> = HashMap::new();
        let mut units = Vec::new();
        let mut by = HashMap::new();
        for r in self.functions() {
            let behind = match definitions[r.var as usize] {
                None => 0,
                Some((node, _)) if matches!(self.nodes[node].op, NetOp::Trees(_)) => node + 1,
                Some(_) => continue,
            };
            let copy = *copies.entry(r.var).or_insert_with(|| {
                let fresh = self.vars;
                self.vars += 1;
                units.push((behind, NetUnit::affine(Ref::bare(r.var), 1.0, 0.0), fresh));
                fresh
            });
            by.insert(
                r,
                Ref {
                    var: copy,
                    expr: r.expr,
                },
            );
        }
        self.replace_refs(&by);
        self.insert_units(units, "digits");
    }

    /// Every reference that is not bare, each once, in order of first use.
    fn functions(&self) -> Vec<Ref> {
        let mut seen = std::collections::HashSet::new();
        let mut all = Vec::new();
        let mut add = |r: Ref| {
            if r.expr != VAR && seen.insert(r) {
                all.push(r);
            }
        };
        self.nodes.iter().for_each(|node| node.op.visit(&mut add));
        self.output_refs().for_each(add);
        all
    }

    /// Linear units that a decision alone reads need no requantization: the decision is taken
    /// on their sums, if these are not too long.
    fn exact_decisions(&mut self) {
        let mut readers = vec![0u32; self.vars as usize];
        let mut count = |r: Ref| readers[r.var as usize] += 1;
        self.nodes.iter().for_each(|node| node.op.visit(&mut count));
        self.output_refs().for_each(count);
        let definitions = self.definitions();
        let mut sums: Vec<(usize, NetUnit, Var)> = Vec::new();
        for (_, view) in &self.decisions {
            let View::Of { of, .. } = view else { continue };
            let Some((node, index)) = definitions[of.var as usize] else {
                continue;
            };
            let op = &self.nodes[node].op;
            if readers[of.var as usize] != 1 || op.clamp(index) != FREE {
                continue;
            }
            let unit = match op {
                NetOp::Dense(dense) => NetUnit {
                    bias: dense.bias[index],
                    terms: (dense.inputs.iter().copied())
                        .zip(dense.weights[index].iter().copied())
                        .filter(|(_, w)| *w != 0.0)
                        .collect(),
                    products: Vec::new(),
                    clamp: FREE,
                },
                NetOp::Sparse(units) if units[index].products.is_empty() => units[index].clone(),
                _ => continue,
            };
            sums.push((node + 1, unit, of.var));
        }
        let terms: usize = sums.iter().map(|(_, unit, _)| unit.terms.len()).sum();
        if terms > MAX_DECISION_TERMS {
            return;
        }
        for (behind, _, var) in &sums {
            let node = &mut self.nodes[behind - 1];
            let keep: Vec<bool> = node.outputs.iter().map(|own| own != var).collect();
            node.keep(&keep);
        }
        self.insert_units(sums, "decision");
        for node in &mut self.nodes {
            if node.name.ends_with(".decision")
                && let NetOp::Sparse(units) = &mut node.op
            {
                node.op = NetOp::Sum(std::mem::take(units));
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// Sums of products take several digits before they are requantized; where all that reads
    /// them is linear, it reads these digits, and nothing is lost.
    fn exact_products(&mut self) {
        let mut uses = vec![0u32; self.vars as usize];
        let mut count = |r: Ref| uses[r.var as usize] += 1;
        self.nodes.iter().for_each(|node| node.op.visit(&mut count));
        self.output_refs().for_each(count);
        let weighed = self.weighed();
        let mut exact: Vec<(usize, NetUnit, Var)> = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let NetOp::Sparse(units) = &node.op else {
                continue;
            };
            let whole: Vec<bool> = units
                .iter()
                .zip(&node.outputs)
                .map(|(unit, var)| {
                    let only_weighed = uses[*var as usize] == weighed[*var as usize];
                    only_weighed && unit.products.len() > 1 && unit.clamp == FREE
                })
                .collect();
            if whole.iter().filter(|whole| **whole).count() > MAX_EXACT_UNITS {
                continue;
            }
            for ((unit, var), _) in units
                .iter()
                .zip(&node.outputs)
                .zip(&whole)
                .filter(|(_, whole)| **whole)
            {
                exact.push((index + 1, unit.clone(), *var));
            }
            let keep: Vec<bool> = whole.into_iter().map(|whole| !whole).collect();
            node.keep(&keep);
        }
        self.insert_units(exact, "exact");
        for node in &mut self.nodes {
            if node.name.ends_with(".exact")
                && let NetOp::Sparse(units) = &mut node.op
            {
                node.op = NetOp::Exact(std::mem::take(units));
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// One table node per function and node that it reads.
    fn tables(&mut self) {
        let definitions = self.definitions();
        let mut groups: Vec<(usize, ExprId, Vec<Var>)> = Vec::new();
        // What a table reads stands on one scale, so it is clamped alike.
        let mut index: HashMap<(usize, ExprId, [u64; 2]), usize> = HashMap::new();
        for r in self.functions() {
            let definition = definitions[r.var as usize];
            let behind = definition.map_or(0, |(node, _)| node + 1);
            let clamp = definition.map_or(FREE, |(node, at)| self.nodes[node].op.clamp(at));
            let clamp = [clamp.0.to_bits(), clamp.1.to_bits()];
            let at = *index.entry((behind, r.expr, clamp)).or_insert_with(|| {
                groups.push((behind, r.expr, Vec::new()));
                groups.len() - 1
            });
            groups[at].2.push(r.var);
        }
        let mut by = HashMap::new();
        let mut at: Vec<Vec<NetNode>> = vec![Vec::new(); self.nodes.len() + 1];
        for (behind, expr, mut inputs) in groups {
            // In the order of the node that they come from.
            inputs.sort_by_key(|var| definitions[*var as usize]);
            let outputs: Vec<Var> = (self.vars..self.vars + inputs.len() as Var).collect();
            self.vars += inputs.len() as Var;
            for (input, output) in inputs.iter().zip(&outputs) {
                let r = Ref { var: *input, expr };
                by.insert(r, Ref::bare(*output));
            }
            let source = behind.checked_sub(1).and_then(|node| self.nodes.get(node));
            let source = source.map_or("input", |node| node.name.as_str());
            at[behind].push(NetNode {
                name: format!("{source}.{}", self.exprs.name(expr)),
                op: NetOp::Map { expr, inputs },
                outputs,
            });
        }
        self.replace_refs(&by);
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let mut old = std::mem::take(&mut self.nodes).into_iter();
        for tables in at {
            nodes.extend(tables);
            nodes.extend(old.next());
        }
        self.nodes = nodes;
    }

    /// What a convolution's channel, a maximum or a sum of products reads must stand on one
    /// scale; a value that cannot, for it is raw or clamped otherwise, is copied.
    fn align(&mut self) {
        self.orient_products();
        // Features first; then what each node gives.
        let mut kinds = vec![Kind::Raw; self.vars as usize];
        let mut copied: Vec<(usize, Vec<Ref>)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut wrong: Vec<Ref> = Vec::new();
            let kind = |r: &Ref| kinds[r.var as usize];
            let mut check = |group: &mut dyn Iterator<Item = Ref>, raw_fits: bool| {
                let group: Vec<Ref> = group.collect();
                let first = group.first().map_or(Kind::Digit(FREE), kind);
                let fits = match first {
                    Kind::Raw => raw_fits,
                    Kind::Sum => false,
                    Kind::Digit(_) => true,
                };
                if fits && group.iter().all(|r| kind(r) == first) {
                    return first;
                }
                let odd = |r: &&Ref| kind(r) != Kind::Digit(FREE);
                wrong.extend(group.iter().filter(odd));
                Kind::Digit(FREE)
            };
            let mut own: Vec<Kind> = (0..node.outputs.len())
                .map(|output| Kind::Digit(node.op.clamp(output)))
                .collect();
            match &node.op {
                NetOp::Conv(conv) => {
                    for channel in conv.inputs.chunks(conv.area().max(1)) {
                        check(&mut channel.iter().flatten().copied(), true);
                    }
                }
                NetOp::Max(groups) => {
                    for (group, kind) in groups.iter().zip(&mut own) {
                        *kind = check(&mut group.iter().copied(), false);
                    }
                }
                NetOp::Sparse(units) => {
                    // Of sums of several products, all left factors share a scale, and all right.
                    let several = || units.iter().filter(|unit| unit.products.len() > 1);
                    let products = || several().flat_map(|unit| &unit.products);
                    check(&mut products().map(|p| p.0), false);
                    check(&mut products().map(|p| p.1), false);
                    for (a, b, _) in units.iter().flat_map(|unit| &unit.products) {
                        check(&mut std::iter::once(*a), false);
                        check(&mut std::iter::once(*b), false);
                    }
                }
                NetOp::Exact(units) => {
                    for (a, b, _) in units.iter().flat_map(|unit| &unit.products) {
                        check(&mut std::iter::once(*a), self.style.raw_products);
                        check(&mut std::iter::once(*b), self.style.raw_products);
                    }
                    own.fill(Kind::Sum);
                }
                NetOp::Trees(_) | NetOp::Sum(_) => own.fill(Kind::Sum),
                NetOp::Dense(_) | NetOp::Map { .. } => {}
            }
            for (var, kind) in node.outputs.iter().zip(own) {
                kinds[*var as usize] = kind;
            }
            if !wrong.is_empty() {
                wrong.sort_unstable();
                wrong.dedup();
                copied.push((index, wrong));
            }
        }
        let mut units = Vec::new();
        for (node, wrong) in copied {
            let mut by = HashMap::new();
            for r in wrong {
                units.push((node, NetUnit::affine(r, 1.0, 0.0), self.vars));
                by.insert(r, Ref::bare(self.vars));
                self.vars += 1;
            }
            let change = |r: Ref| by.get(&r).copied().unwrap_or(r);
            match &mut self.nodes[node].op {
                // Terms may stay on the original.
                NetOp::Sparse(own) | NetOp::Exact(own) => {
                    for (a, b, _) in own.iter_mut().flat_map(|unit| &mut unit.products) {
                        (*a, *b) = (change(*a), change(*b));
                    }
                }
                op => op.change(change),
            }
        }
        self.insert_units(units, "copy");
    }

    /// Puts the factor first whose clamp is the lower one, so that the factors of one side are
    /// clamped alike wherever they can be. What is copied will not be clamped.
    fn orient_products(&mut self) {
        let mut clamps = vec![FREE; self.vars as usize];
        for node in &mut self.nodes {
            if let NetOp::Sparse(units) = &mut node.op {
                for (a, b, _) in units.iter_mut().flat_map(|unit| &mut unit.products) {
                    let key = |r: &Ref| clamps[r.var as usize];
                    let (lo_a, hi_a) = key(a);
                    let (lo_b, hi_b) = key(b);
                    let order = lo_a.total_cmp(&lo_b).then(hi_a.total_cmp(&hi_b));
                    if order.then(a.var.cmp(&b.var)).is_gt() {
                        std::mem::swap(a, b);
                    }
                }
            }
            let exact = matches!(node.op, NetOp::Trees(_) | NetOp::Sum(_) | NetOp::Exact(_));
            for (output, var) in node.outputs.iter().enumerate() {
                if !exact {
                    clamps[*var as usize] = node.op.clamp(output);
                }
            }
        }
    }

    /// Features that one channel of a convolution reads, where it reads several.
    pub(in crate::quantize) fn feature_channels(&self) -> Vec<Vec<usize>> {
        let mut channels: Vec<Vec<usize>> = Vec::new();
        for node in &self.nodes {
            let NetOp::Conv(conv) = &node.op else {
                continue;
            };
            for channel in conv.inputs.chunks(conv.area().max(1)) {
                let vars = channel.iter().flatten().map(|r| r.var as usize);
                let mut own: Vec<usize> = vars.filter(|var| *var < self.features).collect();
                own.sort_unstable();
                own.dedup();
                // Channels that share a feature are one.
                let (shared, rest): (Vec<_>, Vec<_>) = channels
                    .into_iter()
                    .partition(|c| c.iter().any(|f| own.binary_search(f).is_ok()));
                own.extend(shared.into_iter().flatten());
                own.sort_unstable();
                own.dedup();
                channels = rest;
                if own.len() > 1 {
                    channels.push(own);
                }
            }
        }
        channels
    }

    /// Drops nodes and units that no output depends on.
    fn prune(&mut self) {
        let mut alive = vec![false; self.vars as usize];
        self.output_refs()
            .for_each(|r| alive[r.var as usize] = true);
        for node in self.nodes.iter_mut().rev() {
            let keep: Vec<bool> = node.outputs.iter().map(|v| alive[*v as usize]).collect();
            node.keep(&keep);
            if !node.outputs.is_empty() {
                node.op.visit(|r| alive[r.var as usize] = true);
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// An input feature, of several digits.
    Raw,
    /// An exact sum of several digits.
    Sum,
    /// One digit, clamped like this.
    Digit(Clamp),
}

impl NetNode {
    /// Drops the outputs that are not to be kept; convolutions lose whole filters, and only
    /// where all of them go everything.
    fn keep(&mut self, keep: &[bool]) {
        if keep.iter().all(|keep| *keep) {
            return;
        }
        if !keep.iter().any(|keep| *keep) {
            self.outputs.clear();
            return;
        }
        fn retain<T>(list: &mut Vec<T>, keep: &[bool]) {
            let mut at = keep.iter();
            list.retain(|_| at.next().copied().unwrap_or(false));
        }
        match &mut self.op {
            NetOp::Dense(dense) => {
                retain(&mut dense.weights, keep);
                retain(&mut dense.bias, keep);
                retain(&mut dense.clamps, keep);
            }
            NetOp::Sparse(units) | NetOp::Sum(units) | NetOp::Exact(units) => {
                retain(units, keep);
            }
            NetOp::Max(groups) => retain(groups, keep),
            NetOp::Map { inputs, .. } => retain(inputs, keep),
            NetOp::Conv(conv) => {
                // Only where groups stay whole.
                let plane = conv.plane().max(1);
                let filters: Vec<bool> = keep.chunks(plane).map(|c| c.contains(&true)).collect();
                if conv.shape.groups != 1 || filters.iter().all(|keep| *keep) {
                    return;
                }
                let taps = conv.weights.len() / filters.len().max(1);
                let spread = |count: usize| -> Vec<bool> {
                    let each = filters.iter().flat_map(|f| std::iter::repeat_n(*f, count));
                    each.collect()
                };
                retain(&mut conv.weights, &spread(taps));
                retain(&mut conv.bias, &spread(plane));
                retain(&mut conv.clamps, &spread(plane));
                retain(&mut self.outputs, &spread(plane));
                conv.shape.filters = filters.iter().filter(|keep| **keep).count() as u32;
                return;
            }
            NetOp::Trees(_) => return,
        }
        retain(&mut self.outputs, keep);
    }
}
