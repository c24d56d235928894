//! Tidies a finished graph: what nothing reads is dropped, and linear nodes that only feed one
//! another become one.
//!
//! - A multiple of one wire plus a constant moves into the dense layer, convolution or sum that
//!   makes the wire (batch normalization, bias, scale behind a layer).
//! - A sum that only another sum reads becomes part of it.
//! - A dense layer that only another dense layer reads becomes part of it, where that costs no
//!   more.

use haloracle_model::WireId;
use haloracle_model::graph::{FloatNode, FloatOp, FloatUnit};

use super::Builder;

/// Units that one row of the machine multiplies with one input: what dense layers cost by.
const UNITS_PER_ROW: usize = 144;

/// A node with the wires it makes spelled out, so that nodes can go and wires can move.
struct Work {
    name: String,
    inputs: Vec<WireId>,
    op: FloatOp,
    outputs: Vec<WireId>,
}

struct Graph {
    features: usize,
    nodes: Vec<Work>,
    outputs: Vec<WireId>,
    wires: usize,
}

/// The graph's nodes and outputs, tidied.
pub(crate) fn fold(
    builder: Builder,
    outputs: Vec<WireId>,
) -> Result<(Vec<FloatNode>, Vec<WireId>), String> {
    let (features, nodes) = builder.finish();
    let mut at = features;
    let nodes = nodes
        .into_iter()
        .map(|node| {
            let first = at;
            at += node.outputs();
            Work {
                outputs: (first..at).map(|wire| wire as WireId).collect(),
                name: node.name,
                inputs: node.inputs,
                op: node.op,
            }
        })
        .collect();
    let mut graph = Graph {
        features,
        nodes,
        outputs,
        wires: at,
    };
    graph.prune();
    graph.fold_multiples();
    graph.fold_sums();
    graph.fold_dense();
    graph.prune();
    graph.finish()
}

impl Graph {
    /// Drops nodes, units and members that nothing reads.
    fn prune(&mut self) {
        let mut needed = vec![false; self.wires];
        for wire in &self.outputs {
            needed[*wire as usize] = true;
        }
        for node in self.nodes.iter_mut().rev() {
            let keep: Vec<bool> = node.outputs.iter().map(|w| needed[*w as usize]).collect();
            if !keep.contains(&true) {
                node.outputs.clear();
                continue;
            }
            if keep.contains(&false) && node.op.trim(&keep, &mut node.inputs) {
                let mut at = keep.iter();
                node.outputs.retain(|_| at.next().is_some_and(|k| *k));
            }
            node.drop_unread_inputs();
            for wire in &node.inputs {
                needed[*wire as usize] = true;
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// How often each wire is read, counting every term.
    fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0u32; self.wires];
        let mut count = |wire: WireId| uses[wire as usize] = uses[wire as usize].saturating_add(1);
        for node in &self.nodes {
            match &node.op {
                FloatOp::Sparse { units } => {
                    for unit in units {
                        unit.terms
                            .iter()
                            .for_each(|(at, _)| count(node.inputs[*at as usize]));
                        for (a, b, _) in &unit.products {
                            count(node.inputs[*a as usize]);
                            count(node.inputs[*b as usize]);
                        }
                    }
                }
                _ => node.inputs.iter().for_each(|wire| count(*wire)),
            }
        }
        self.outputs.iter().for_each(|wire| count(*wire));
        uses
    }

    /// The node and output position that make each wire.
    fn makers(&self) -> Vec<Option<(usize, usize)>> {
        let mut makers = vec![None; self.wires];
        for (index, node) in self.nodes.iter().enumerate() {
            for (at, wire) in node.outputs.iter().enumerate() {
                makers[*wire as usize] = Some((index, at));
            }
        }
        makers
    }

    /// Moves `c · x + b` into what makes `x`, where nothing else reads `x`.
    fn fold_multiples(&mut self) {
        let mut uses = self.uses();
        let makers = self.makers();
        // Wires that now hold what another wire held.
        let mut moved: Vec<WireId> = (0..self.wires as WireId).collect();
        for index in (0..self.nodes.len()).rev() {
            let FloatOp::Sparse { units } = &self.nodes[index].op else {
                continue;
            };
            let inputs = &self.nodes[index].inputs;
            // (unit, maker, its output, factor, addend)
            let mut found: Vec<(usize, usize, usize, f64, f64)> = Vec::new();
            for (at, unit) in units.iter().enumerate() {
                if let ([(position, factor)], []) = (&unit.terms[..], &unit.products[..]) {
                    let wire = inputs[*position as usize];
                    if let (1, Some((maker, output))) = (uses[wire as usize], makers[wire as usize])
                    {
                        found.push((at, maker, output, *factor, unit.bias));
                    }
                }
            }
            let mut folded = vec![false; units.len()];
            found.sort_unstable_by_key(|(_, maker, output, ..)| (*maker, *output));
            for group in found.chunk_by(|a, b| a.1 == b.1) {
                let maker = group[0].1;
                let changes: Vec<(usize, f64, f64)> = group
                    .iter()
                    .map(|(_, _, output, c, b)| (*output, *c, *b))
                    .collect();
                // Ascending, like the group.
                let done = self.nodes[maker].op.scale_outputs(&changes);
                for (unit, _, output, ..) in group {
                    if done.binary_search(output).is_ok() {
                        folded[*unit] = true;
                        let wire = self.nodes[maker].outputs[*output];
                        let own = self.nodes[index].outputs[*unit];
                        moved[own as usize] = wire;
                        uses[wire as usize] = uses[own as usize];
                    }
                }
            }
            let node = &mut self.nodes[index];
            if let FloatOp::Sparse { units } = &mut node.op {
                let mut at = folded.iter();
                units.retain(|_| at.next().is_some_and(|f| !f));
                let mut at = folded.iter();
                node.outputs.retain(|_| at.next().is_some_and(|f| !f));
            }
        }
        self.rename(&moved);
    }

    /// Follows `moved` to where every wire's number is now.
    fn rename(&mut self, moved: &[WireId]) {
        let target = |mut wire: WireId| {
            while moved[wire as usize] != wire {
                wire = moved[wire as usize];
            }
            wire
        };
        for node in &mut self.nodes {
            node.inputs
                .iter_mut()
                .for_each(|wire| *wire = target(*wire));
        }
        self.outputs
            .iter_mut()
            .for_each(|wire| *wire = target(*wire));
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// Makes a sum that only one other sum reads part of that.
    fn fold_sums(&mut self) {
        let uses = self.uses();
        let makers = self.makers();
        let mut gone: Vec<Vec<bool>> = self
            .nodes
            .iter()
            .map(|n| vec![false; n.outputs.len()])
            .collect();
        for index in 0..self.nodes.len() {
            let FloatOp::Sparse { units } = &self.nodes[index].op else {
                continue;
            };
            let inputs = &self.nodes[index].inputs;
            let inner = |wire: WireId| -> Option<(usize, usize, &FloatUnit, &[WireId])> {
                let (maker, output) = makers[wire as usize].filter(|_| uses[wire as usize] == 1)?;
                match &self.nodes[maker].op {
                    FloatOp::Sparse { units } => {
                        Some((maker, output, &units[output], &self.nodes[maker].inputs))
                    }
                    _ => None,
                }
            };
            let foldable = |unit: &FloatUnit| {
                unit.terms
                    .iter()
                    .any(|(at, _)| inner(inputs[*at as usize]).is_some())
            };
            if !units.iter().any(foldable) {
                continue;
            }
            let mut wires = super::Inputs::default();
            let mut merged = Vec::with_capacity(units.len());
            for unit in units {
                let mut sum = FloatUnit {
                    bias: unit.bias,
                    ..FloatUnit::default()
                };
                for (at, c) in &unit.terms {
                    match inner(inputs[*at as usize]) {
                        Some((maker, output, part, own)) => {
                            gone[maker][output] = true;
                            sum.bias += c * part.bias;
                            for (at, d) in &part.terms {
                                sum.terms.push((wires.position(own[*at as usize]), c * d));
                            }
                            for (a, b, d) in &part.products {
                                let a = wires.position(own[*a as usize]);
                                let b = wires.position(own[*b as usize]);
                                sum.products.push((a, b, c * d));
                            }
                        }
                        None => sum.terms.push((wires.position(inputs[*at as usize]), *c)),
                    }
                }
                for (a, b, c) in &unit.products {
                    let a = wires.position(inputs[*a as usize]);
                    let b = wires.position(inputs[*b as usize]);
                    sum.products.push((a, b, *c));
                }
                merged.push(tidy(sum));
            }
            self.nodes[index].inputs = wires.wires;
            self.nodes[index].op = FloatOp::Sparse { units: merged };
        }
        for (node, gone) in self.nodes.iter_mut().zip(gone) {
            if let FloatOp::Sparse { units } = &mut node.op {
                let mut at = gone.iter();
                units.retain(|_| at.next().is_some_and(|g| !g));
                let mut at = gone.iter();
                node.outputs.retain(|_| at.next().is_some_and(|g| !g));
            }
        }
        self.nodes.retain(|node| !node.outputs.is_empty());
    }

    /// Multiplies out neighbouring dense layers where the product costs no more.
    fn fold_dense(&mut self) {
        let uses = self.uses();
        let makers = self.makers();
        let mut gone = vec![false; self.nodes.len()];
        for index in 0..self.nodes.len() {
            loop {
                let node = &self.nodes[index];
                let FloatOp::Dense { weights, .. } = &node.op else {
                    break;
                };
                let sole = |maker: usize| {
                    let inner = &self.nodes[maker];
                    let read =
                        |wire: &WireId| uses[*wire as usize] == 1 && node.inputs.contains(wire);
                    let cost = |units: usize, inputs: usize| inputs * units.div_ceil(UNITS_PER_ROW);
                    match &inner.op {
                        FloatOp::Dense {
                            weights: inner_weights,
                            ..
                        } => {
                            let units = weights.len();
                            let others =
                                node.inputs.len() - inner.outputs.len().min(node.inputs.len());
                            !gone[maker]
                                && inner.outputs.iter().all(read)
                                && cost(units, others + inner.inputs.len())
                                    <= cost(units, node.inputs.len())
                                        + cost(inner_weights.len(), inner.inputs.len())
                        }
                        _ => false,
                    }
                };
                let found = node
                    .inputs
                    .iter()
                    .filter_map(|wire| makers[*wire as usize])
                    .map(|(maker, _)| maker)
                    .find(|maker| sole(*maker));
                let Some(maker) = found else {
                    break;
                };
                let merged = multiply(&self.nodes[index], &self.nodes[maker]);
                let Some((inputs, op)) = merged else {
                    break;
                };
                gone[maker] = true;
                self.nodes[index].inputs = inputs;
                self.nodes[index].op = op;
            }
        }
        let mut at = gone.iter();
        self.nodes.retain(|_| at.next().is_some_and(|g| !g));
    }

    /// The nodes with wires numbered anew, without gaps.
    fn finish(self) -> Result<(Vec<FloatNode>, Vec<WireId>), String> {
        let mut number: Vec<Option<WireId>> = vec![None; self.wires];
        for (wire, slot) in number.iter_mut().enumerate().take(self.features) {
            *slot = Some(wire as WireId);
        }
        let mut next = self.features;
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let renamed =
            |number: &[Option<WireId>], wires: &[WireId]| -> Result<Vec<WireId>, String> {
                wires
                    .iter()
                    .map(|wire| number[*wire as usize].ok_or_else(super::lost))
                    .collect()
            };
        for node in self.nodes {
            let inputs = renamed(&number, &node.inputs)?;
            for wire in &node.outputs {
                number[*wire as usize] = Some(next as WireId);
                next += 1;
            }
            nodes.push(FloatNode {
                name: node.name,
                inputs,
                op: node.op,
            });
        }
        for node in &nodes {
            if !parameters(&node.op).all(|v| v.is_finite()) {
                return Err(format!(
                    "`{}`: a weight or bias overflows once constants are worked in; every parameter \
                     must be finite",
                    node.name
                ));
            }
        }
        let outputs = renamed(&number, &self.outputs)?;
        Ok((nodes, outputs))
    }
}

/// `outer ∘ inner` of two dense nodes: inputs and operator.
fn multiply(outer: &Work, inner: &Work) -> Option<(Vec<WireId>, FloatOp)> {
    let (
        FloatOp::Dense {
            weights: w,
            bias: b,
        },
        FloatOp::Dense {
            weights: v,
            bias: a,
        },
    ) = (&outer.op, &inner.op)
    else {
        return None;
    };
    let mut wires = super::Inputs::default();
    // Per input of the outer node: a place of its own, or a unit of the inner node.
    let places: Vec<Result<u32, usize>> = outer
        .inputs
        .iter()
        .map(|wire| match inner.outputs.iter().position(|o| o == wire) {
            Some(unit) => Err(unit),
            None => Ok(wires.position(*wire)),
        })
        .collect();
    let columns: Vec<usize> = inner
        .inputs
        .iter()
        .map(|w| wires.position(*w) as usize)
        .collect();
    let width = wires.wires.len();
    let mut weights = Vec::with_capacity(w.len());
    let mut bias = Vec::with_capacity(b.len());
    for (row, b) in w.iter().zip(b) {
        let mut merged = vec![0.0; width];
        let mut constant = 0.0;
        for (w, place) in row.iter().zip(&places) {
            match place {
                Ok(column) => merged[*column as usize] += w,
                Err(unit) => {
                    constant += w * a[*unit];
                    for (column, v) in columns.iter().zip(&v[*unit]) {
                        merged[*column] += w * v;
                    }
                }
            }
        }
        weights.push(merged);
        bias.push(b + constant);
    }
    Some((wires.wires, FloatOp::Dense { weights, bias }))
}

/// A sum with equal terms added up.
fn tidy(unit: FloatUnit) -> FloatUnit {
    let mut terms: Vec<(u32, f64)> = Vec::with_capacity(unit.terms.len());
    let mut places = std::collections::HashMap::new();
    for (at, c) in unit.terms {
        match places.get(&at) {
            Some(place) => {
                let term: &mut (u32, f64) = &mut terms[*place];
                term.1 += c;
            }
            None => {
                places.insert(at, terms.len());
                terms.push((at, c));
            }
        }
    }
    FloatUnit { terms, ..unit }
}

/// All parameters of an operator that must be finite.
fn parameters(op: &FloatOp) -> Box<dyn Iterator<Item = f64> + '_> {
    match op {
        FloatOp::Dense { weights, bias } => Box::new(weights.iter().flatten().chain(bias).copied()),
        FloatOp::Conv(conv) => Box::new(conv.weights.iter().chain(&conv.bias).copied()),
        FloatOp::Sparse { units } => Box::new(units.iter().flat_map(|unit| {
            let terms = unit.terms.iter().map(|(_, c)| *c);
            let products = unit.products.iter().map(|(_, _, c)| *c);
            terms.chain(products).chain([unit.bias])
        })),
        _ => Box::new(std::iter::empty()),
    }
}

impl Work {
    /// Drops inputs that no term, group or branch refers to.
    fn drop_unread_inputs(&mut self) {
        let mut read = vec![false; self.inputs.len()];
        match &self.op {
            FloatOp::Sparse { units } => {
                for unit in units {
                    unit.terms
                        .iter()
                        .for_each(|(at, _)| read[*at as usize] = true);
                    for (a, b, _) in &unit.products {
                        read[*a as usize] = true;
                        read[*b as usize] = true;
                    }
                }
            }
            FloatOp::Max { groups } | FloatOp::ArgMax { groups } => {
                groups
                    .iter()
                    .flatten()
                    .for_each(|at| read[*at as usize] = true);
            }
            _ => return,
        }
        if !read.contains(&false) {
            return;
        }
        let mut next = 0;
        let places: Vec<u32> = read
            .iter()
            .map(|read| {
                let place = next;
                next += u32::from(*read);
                place
            })
            .collect();
        let mut at = read.iter();
        self.inputs.retain(|_| at.next().is_some_and(|r| *r));
        match &mut self.op {
            FloatOp::Sparse { units } => {
                for unit in units {
                    unit.terms
                        .iter_mut()
                        .for_each(|(at, _)| *at = places[*at as usize]);
                    for (a, b, _) in &mut unit.products {
                        *a = places[*a as usize];
                        *b = places[*b as usize];
                    }
                }
            }
            FloatOp::Max { groups } | FloatOp::ArgMax { groups } => {
                groups
                    .iter_mut()
                    .flatten()
                    .for_each(|at| *at = places[*at as usize]);
            }
            _ => {}
        }
    }
}

/// What tidying does to operators.
trait Tidy {
    /// Drops outputs; says whether this kind of operator can.
    fn trim(&mut self, keep: &[bool], inputs: &mut Vec<WireId>) -> bool;
    /// `y ← c · y + b` for outputs `(position, c, b)`; the positions where it could be done.
    fn scale_outputs(&mut self, changes: &[(usize, f64, f64)]) -> Vec<usize>;
}

impl Tidy for FloatOp {
    fn trim(&mut self, keep: &[bool], inputs: &mut Vec<WireId>) -> bool {
        fn filter<T>(list: &mut Vec<T>, keep: &[bool]) {
            let mut at = keep.iter();
            list.retain(|_| at.next().is_some_and(|k| *k));
        }
        match self {
            Self::Dense { weights, bias } => {
                filter(weights, keep);
                filter(bias, keep);
            }
            Self::Sparse { units } => filter(units, keep),
            Self::Scale { steps } => {
                filter(steps, keep);
                filter(inputs, keep);
            }
            Self::Map(_) => filter(inputs, keep),
            Self::Max { groups } | Self::ArgMax { groups } => filter(groups, keep),
            Self::Conv(_) | Self::Trees(_) => return false,
        }
        true
    }

    fn scale_outputs(&mut self, changes: &[(usize, f64, f64)]) -> Vec<usize> {
        match self {
            Self::Dense { weights, bias } => {
                for (at, c, b) in changes {
                    weights[*at].iter_mut().for_each(|w| *w *= c);
                    bias[*at] = bias[*at] * c + b;
                }
            }
            Self::Sparse { units } => {
                for (at, c, b) in changes {
                    let unit = &mut units[*at];
                    unit.terms.iter_mut().for_each(|(_, w)| *w *= c);
                    unit.products.iter_mut().for_each(|(_, _, w)| *w *= c);
                    unit.bias = unit.bias * c + b;
                }
            }
            Self::Conv(conv) => {
                // Only where all positions of a filter change alike.
                let plane = conv.shape.outputs() / conv.bias.len().max(1);
                let taps = conv.weights.len() / conv.bias.len().max(1);
                let mut done = Vec::new();
                for group in changes.chunk_by(|a, b| a.0 / plane == b.0 / plane) {
                    let (first, c, b) = group[0];
                    let filter = first / plane;
                    if group.len() == plane && group.iter().all(|g| (g.1, g.2) == (c, b)) {
                        let own = &mut conv.weights[filter * taps..(filter + 1) * taps];
                        own.iter_mut().for_each(|w| *w *= c);
                        conv.bias[filter] = conv.bias[filter] * c + b;
                        done.extend(group.iter().map(|g| g.0));
                    }
                }
                return done;
            }
            _ => return Vec::new(),
        }
        changes.iter().map(|(at, ..)| *at).collect()
    }
}
