//! Linear after linear becomes one linear node, where that costs nothing.

use std::collections::{HashMap, HashSet};

use super::{FREE, Net, NetDense, NetOp, NetUnit, Ref, VAR, Var, View};

/// How far apart the coefficients of one unit may lie for it to be spelled out in another: the
/// smallest of them is rounded to an integer on the scale of the largest.
const MAX_RATIO: f64 = 8.0;

/// Who reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Nobody,
    /// One node, bare.
    Node(usize),
    /// Several nodes, an output, or a function of it.
    Many,
}

impl Net {
    /// Merges until nothing more can be merged.
    pub(super) fn merge(&mut self) {
        while self.fold_copies() || self.merge_dense() || self.merge_sparse() {
            self.drop_empty();
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    fn readers(&self) -> Vec<Reader> {
        let mut readers = vec![Reader::Nobody; self.vars as usize];
        for (index, node) in self.nodes.iter().enumerate() {
            node.op.visit(|r| {
                let reader = &mut readers[r.var as usize];
                let bare = r.expr == VAR && node.op.is_linear();
                *reader = match *reader {
                    Reader::Nobody if bare => Reader::Node(index),
                    Reader::Node(other) if bare && other == index => Reader::Node(index),
                    _ => Reader::Many,
                };
            });
        }
        for r in self.output_refs() {
            readers[r.var as usize] = Reader::Many;
        }
        readers
    }

    /// Affine copies of linear units: the unit becomes the copy, where everything else that
    /// reads it weighs it by itself and can weigh the copy instead.
    fn fold_copies(&mut self) -> bool {
        let mut uses = vec![0u32; self.vars as usize];
        for node in &self.nodes {
            node.op.visit(|r| uses[r.var as usize] += 1);
        }
        self.output_refs().for_each(|r| uses[r.var as usize] += 1);
        let weighed = self.weighed();
        // Per variable, the only copy of it: (copy, factor, offset).
        let mut copies: HashMap<Var, (Var, f64, f64)> = HashMap::new();
        for node in &self.nodes {
            let NetOp::Sparse(units) = &node.op else {
                continue;
            };
            for (unit, var) in units.iter().zip(&node.outputs) {
                if let ([(of, scale)], []) = (unit.terms.as_slice(), unit.products.as_slice())
                    && of.expr == VAR
                    && uses[of.var as usize] == weighed[of.var as usize]
                    && *scale != 0.0
                    && unit.clamp == FREE
                    && !copies.contains_key(&of.var)
                {
                    copies.insert(of.var, (*var, *scale, unit.bias));
                }
            }
        }
        let mut folded: HashSet<Var> = HashSet::new();
        for node in &mut self.nodes {
            let at = foldable(&node.op, &node.outputs, &copies, &uses);
            if let NetOp::Conv(conv) = &mut node.op {
                let plane = conv.plane().max(1);
                let per_filter = conv.weights.len() / conv.shape.filters.max(1) as usize;
                let mut done = None;
                for index in &at {
                    let filter = index / plane;
                    if let Some((_, scale, _)) = copies.get(&node.outputs[*index])
                        && done != Some(filter)
                    {
                        let own = &mut conv.weights[filter * per_filter..][..per_filter];
                        own.iter_mut().for_each(|w| *w *= scale);
                        done = Some(filter);
                    }
                }
            }
            for index in at {
                if let Some((copy, scale, offset)) = copies.get(&node.outputs[index]) {
                    node.op.scale(index, *scale, *offset);
                    node.outputs[index] = *copy;
                    folded.insert(*copy);
                }
            }
        }
        if folded.is_empty() {
            return false;
        }
        copies.retain(|_, (copy, _, _)| folded.contains(copy));
        self.weigh_copies(&copies);
        // The copies' own units go; the variables are now the producers'.
        let mut seen = HashSet::new();
        for node in &mut self.nodes {
            let duplicate: Vec<bool> = node
                .outputs
                .iter()
                .map(|var| folded.contains(var) && !seen.insert(*var))
                .collect();
            if let NetOp::Sparse(units) = &mut node.op {
                let mut at = duplicate.iter();
                units.retain(|_| !at.next().copied().unwrap_or(false));
                let mut at = duplicate.iter();
                node.outputs
                    .retain(|_| !at.next().copied().unwrap_or(false));
            }
        }
        true
    }

    /// Per variable, how often it is read with a weight of its own.
    pub(super) fn weighed(&self) -> Vec<u32> {
        let mut weighed = vec![0u32; self.vars as usize];
        let mut count = |r: &Ref| weighed[r.var as usize] += u32::from(r.expr == VAR);
        for node in &self.nodes {
            match &node.op {
                NetOp::Dense(dense) => dense.inputs.iter().for_each(&mut count),
                NetOp::Sparse(units) | NetOp::Sum(units) | NetOp::Exact(units) => {
                    let terms = units.iter().flat_map(|unit| &unit.terms);
                    terms.for_each(|(r, _)| count(r));
                }
                NetOp::Conv(_) | NetOp::Map { .. } | NetOp::Max(_) | NetOp::Trees(_) => {}
            }
        }
        for (_, view) in &self.decisions {
            if let View::Of { of, .. } = view {
                count(of);
            }
        }
        weighed
    }

    /// Replaces variables by their affine copies in everything but these copies.
    fn weigh_copies(&mut self, copies: &HashMap<Var, (Var, f64, f64)>) {
        // x = (copy − offset) / factor.
        let inverse = |r: &Ref| {
            let (copy, scale, offset) = copies.get(&r.var)?;
            Some((Ref::bare(*copy), 1.0 / scale, -offset / scale))
        };
        for node in &mut self.nodes {
            match &mut node.op {
                NetOp::Dense(dense) => {
                    for (column, input) in dense.inputs.iter_mut().enumerate() {
                        let Some((copy, scale, offset)) = inverse(input) else {
                            continue;
                        };
                        *input = copy;
                        for (row, bias) in dense.weights.iter_mut().zip(&mut dense.bias) {
                            *bias += row[column] * offset;
                            row[column] *= scale;
                        }
                    }
                }
                NetOp::Sparse(units) | NetOp::Sum(units) | NetOp::Exact(units) => {
                    for (unit, var) in units.iter_mut().zip(&node.outputs) {
                        for (r, c) in &mut unit.terms {
                            if let Some((copy, scale, offset)) = inverse(r)
                                && copy.var != *var
                            {
                                *r = copy;
                                unit.bias += *c * offset;
                                *c *= scale;
                            }
                        }
                    }
                }
                NetOp::Conv(_) | NetOp::Map { .. } | NetOp::Max(_) | NetOp::Trees(_) => {}
            }
        }
        for (_, view) in &mut self.decisions {
            if let View::Of { of, scale, offset } = view
                && let Some((copy, factor, shift)) = inverse(of)
            {
                *of = copy;
                *offset += *scale * shift;
                *scale *= factor;
            }
        }
    }

    /// A dense or small sparse node that only one dense node reads is multiplied into it.
    fn merge_dense(&mut self) -> bool {
        let readers = self.readers();
        for producer in 0..self.nodes.len() {
            let outputs = &self.nodes[producer].outputs;
            let Reader::Node(reader) = readers[outputs[0] as usize] else {
                continue;
            };
            let alone = outputs.iter().all(|var| {
                [Reader::Node(reader), Reader::Nobody].contains(&readers[*var as usize])
            });
            if !alone {
                continue;
            }
            let ops = [producer, reader].map(|index| &self.nodes[index].op);
            if !ops.iter().any(|op| matches!(op, NetOp::Dense(_))) {
                continue;
            }
            let Some(inner) = as_dense(&self.nodes[producer].op) else {
                continue;
            };
            let Some(outer) = as_dense(&self.nodes[reader].op) else {
                continue;
            };
            let merged = multiply(&inner, &self.nodes[producer].outputs, &outer);
            let size = |dense: &NetDense| {
                let rows = dense.weights.iter();
                rows.map(|row| row.iter().filter(|w| **w != 0.0).count())
                    .sum::<usize>()
            };
            let fits = merged.inputs.len() <= outer.inputs.len().max(inner.inputs.len())
                && size(&merged) <= size(&inner) + size(&outer);
            if !fits {
                continue;
            }
            self.nodes[reader].op = NetOp::Dense(merged);
            self.nodes[producer].outputs.clear();
            return true;
        }
        false
    }

    /// A unit of few terms that only one other unit reads is spelled out there.
    fn merge_sparse(&mut self) -> bool {
        let readers = self.readers();
        let mut uses = vec![0u32; self.vars as usize];
        for node in &self.nodes {
            node.op.visit(|r| uses[r.var as usize] += 1);
        }
        let mut units: HashMap<Var, NetUnit> = HashMap::new();
        for node in &self.nodes {
            if let NetOp::Sparse(own) = &node.op {
                for (unit, var) in own.iter().zip(&node.outputs) {
                    let plain = unit.clamp == FREE && unit.products.is_empty();
                    let single = matches!(readers[*var as usize], Reader::Node(_));
                    if plain && single && uses[*var as usize] == 1 {
                        units.insert(*var, unit.clone());
                    }
                }
            }
        }
        let mut gone: HashSet<Var> = HashSet::new();
        for node in &mut self.nodes {
            let NetOp::Sparse(own) = &mut node.op else {
                continue;
            };
            for unit in own {
                let at = unit.terms.iter().position(|(r, _)| {
                    r.expr == VAR && units.contains_key(&r.var) && !gone.contains(&r.var)
                });
                let Some(at) = at else { continue };
                let (r, c) = unit.terms[at];
                let Some(inner) = units.get(&r.var) else {
                    continue;
                };
                let mut all: Vec<(Ref, f64)> = unit.terms.clone();
                all.remove(at);
                for (r, inner) in &inner.terms {
                    match all.iter_mut().find(|(other, _)| other == r) {
                        Some((_, sum)) => *sum += c * inner,
                        None => all.push((*r, c * inner)),
                    }
                }
                let sizes = || all.iter().map(|(_, c)| c.abs());
                let largest = sizes().fold(0.0, f64::max);
                let smallest = sizes().fold(f64::INFINITY, f64::min);
                if largest > MAX_RATIO * smallest || !unit.products.is_empty() {
                    continue;
                }
                unit.bias += c * inner.bias;
                unit.terms = all;
                gone.insert(r.var);
            }
        }
        for node in &mut self.nodes {
            if let NetOp::Sparse(own) = &mut node.op
                && node.outputs.iter().any(|var| gone.contains(var))
            {
                let keep: Vec<bool> = node.outputs.iter().map(|v| !gone.contains(v)).collect();
                let mut at = keep.iter();
                own.retain(|_| at.next().copied().unwrap_or(true));
                let mut at = keep.iter();
                node.outputs.retain(|_| at.next().copied().unwrap_or(true));
            }
        }
        !gone.is_empty()
    }
}

/// Outputs of a linear node that can become the copies that read them: of a convolution, those
/// of filters whose outputs that are read at all are copied with one factor.
fn foldable(
    op: &NetOp,
    outputs: &[Var],
    copies: &HashMap<Var, (Var, f64, f64)>,
    uses: &[u32],
) -> Vec<usize> {
    let free = |index: &usize| op.clamp(*index) == FREE && copies.contains_key(&outputs[*index]);
    match op {
        NetOp::Dense(_) | NetOp::Sparse(_) => (0..outputs.len()).filter(free).collect(),
        NetOp::Conv(conv) => {
            let plane = conv.plane().max(1);
            let filters = outputs.chunks(plane).enumerate();
            let whole = filters.filter(|(_, vars)| {
                let read = || vars.iter().filter(|var| uses[**var as usize] > 0);
                let mut factors = read().map(|var| copies.get(var).map(|(_, scale, _)| *scale));
                let first = factors.next().flatten();
                first.is_some() && factors.all(|factor| factor == first)
            });
            whole
                .flat_map(|(filter, vars)| filter * plane..filter * plane + vars.len())
                .filter(free)
                .collect()
        }
        _ => Vec::new(),
    }
}

impl NetOp {
    /// Output `index` becomes `scale` times itself plus `offset`; of a convolution the bias
    /// alone, since its weights belong to whole filters.
    fn scale(&mut self, index: usize, scale: f64, offset: f64) {
        match self {
            Self::Dense(dense) => {
                dense.weights[index].iter_mut().for_each(|w| *w *= scale);
                dense.bias[index] = dense.bias[index] * scale + offset;
            }
            Self::Conv(conv) => conv.bias[index] = conv.bias[index] * scale + offset,
            Self::Sparse(units) => {
                let unit = &mut units[index];
                unit.terms.iter_mut().for_each(|(_, c)| *c *= scale);
                unit.products.iter_mut().for_each(|(_, _, c)| *c *= scale);
                unit.bias = unit.bias * scale + offset;
            }
            Self::Map { .. } | Self::Max(_) | Self::Trees(_) | Self::Sum(_) | Self::Exact(_) => {}
        }
    }
}

/// A linear node without products as a matrix; `None` if it would be large and mostly empty.
pub(super) fn as_dense(op: &NetOp) -> Option<NetDense> {
    match op {
        NetOp::Dense(dense) => Some(dense.clone()),
        NetOp::Sparse(units) => {
            let mut inputs: Vec<Ref> = Vec::new();
            let mut position: HashMap<Ref, usize> = HashMap::new();
            for unit in units {
                if !unit.products.is_empty() {
                    return None;
                }
                for (r, _) in &unit.terms {
                    position.entry(*r).or_insert_with(|| {
                        inputs.push(*r);
                        inputs.len() - 1
                    });
                }
            }
            if inputs.len() * units.len() > 1 << 16 {
                return None;
            }
            let mut dense = NetDense {
                weights: vec![vec![0.0; inputs.len()]; units.len()],
                bias: units.iter().map(|unit| unit.bias).collect(),
                clamps: units.iter().map(|unit| unit.clamp).collect(),
                inputs: Vec::new(),
            };
            for (unit, row) in units.iter().zip(&mut dense.weights) {
                for (r, c) in &unit.terms {
                    row[position[r]] += c;
                }
            }
            dense.inputs = inputs;
            Some(dense)
        }
        _ => None,
    }
}

/// `outer` with every input that `inner` computes replaced by what it is computed from.
fn multiply(inner: &NetDense, outputs: &[Var], outer: &NetDense) -> NetDense {
    let unit_of: HashMap<Var, usize> = outputs.iter().enumerate().map(|(i, v)| (*v, i)).collect();
    let mut inputs: Vec<Ref> = Vec::new();
    let mut position: HashMap<Ref, usize> = HashMap::new();
    let mut place = |r: Ref| {
        *position.entry(r).or_insert_with(|| {
            inputs.push(r);
            inputs.len() - 1
        })
    };
    // The inner inputs first: their order is the order in which a chain's wires stand.
    let inner_at: Vec<usize> = inner.inputs.iter().map(|r| place(*r)).collect();
    let outer_at: Vec<Result<usize, usize>> = outer
        .inputs
        .iter()
        .map(|r| match unit_of.get(&r.var) {
            Some(unit) => Err(*unit),
            None => Ok(place(*r)),
        })
        .collect();
    let mut merged = NetDense {
        bias: outer.bias.clone(),
        clamps: outer.clamps.clone(),
        ..NetDense::default()
    };
    for (row, bias) in outer.weights.iter().zip(&mut merged.bias) {
        let mut own = vec![0.0; inputs.len()];
        for (weight, at) in row.iter().zip(&outer_at) {
            match at {
                Ok(column) => own[*column] += weight,
                Err(unit) => {
                    *bias += weight * inner.bias[*unit];
                    for (w, column) in inner.weights[*unit].iter().zip(&inner_at) {
                        own[*column] += weight * w;
                    }
                }
            }
        }
        merged.weights.push(own);
    }
    merged.inputs = inputs;
    merged
}
