//! The graph of a batch is its model, once per item.
//!
//! The graph comes from [`Batch::new`]; here it is read by other code. Every wire of the graph must
//! be one item's wire, every item's node must compute what the model's node does, and from its own
//! item's wires only.

use std::collections::BTreeMap;

use haloracle_model::{Batch, Conv, IntegerModel, Node, Op, Unit, WireId};

use super::{AuditError, check};

/// Compares the graph with the model.
pub(super) fn compare(batch: &Batch<'_>) -> Result<(), AuditError> {
    let (item, graph) = (batch.item(), batch.graph());
    let features = item.input.features.len();
    let same_input = graph.input.digits == item.input.digits
        && graph.input.features.len() == batch.items() * features
        && (graph.input.features.chunks(features)).all(|own| own == item.input.features);
    let same_privacy = graph.privacy.inputs == item.privacy.inputs
        && graph.privacy.weights == item.privacy.weights;
    check(
        graph.digit_bits == item.digit_bits && same_input && same_privacy,
        || "the batch has other inputs than the model".into(),
    )?;
    wires(batch)?;
    let digits = item.input_wires();
    let at_home = (0..batch.items()).all(|i| {
        let own = (0..digits).map(|d| batch.wire(i, d as WireId) as usize);
        own.eq(i * digits..(i + 1) * digits)
    });
    check(at_home, || "an item's digits are another's".into())?;
    // Where the outputs of each node of the graph begin.
    let starts: BTreeMap<usize, usize> = graph.first_wires().into_iter().zip(0..).collect();
    let mut seen = 0;
    for (index, (node, first)) in item.nodes.iter().zip(item.first_wires()).enumerate() {
        let spread = Spread {
            batch,
            graph,
            starts: &starts,
            node,
            first,
        };
        let named = |what| AuditError(format!("node `{}`: {what}", node.name));
        seen += spread.check().map_err(named)?;
        check(node.outputs() > 0, || {
            format!("node {index} computes nothing")
        })?;
    }
    check(seen == graph.nodes.len(), || {
        "the batch has other nodes than the model's items".into()
    })
}

/// Every wire of the graph is one wire of one item.
fn wires(batch: &Batch<'_>) -> Result<(), AuditError> {
    let last = |model: &IntegerModel| model.first_wires().last().copied().unwrap_or(0);
    let (own, all) = (last(batch.item()), last(batch.graph()));
    let mut taken = vec![false; all];
    let mut count = 0;
    for item in 0..batch.items() {
        for wire in 0..own as WireId {
            let place = taken.get_mut(batch.wire(item, wire) as usize);
            let fresh = place.is_some_and(|taken| !std::mem::replace(taken, true));
            check(fresh, || format!("item {item}: wire {wire} is another's"))?;
            count += 1;
        }
    }
    check(count == all, || "a wire that is no item's".into())
}

/// One node of the model and its places in the graph.
struct Spread<'a> {
    batch: &'a Batch<'a>,
    graph: &'a IntegerModel,
    starts: &'a BTreeMap<usize, usize>,
    node: &'a Node,
    /// First output wire in the model.
    first: usize,
}

impl Spread<'_> {
    /// The node of the graph that computes an item's output, and the output's place in it.
    fn place(&self, item: usize, output: usize) -> Result<(&Node, usize, usize), String> {
        let wire = self.batch.wire(item, (self.first + output) as WireId) as usize;
        let node = self.starts.range(..=wire).next_back();
        let (start, node) = node.ok_or("an input is no node's output")?;
        let found = self.graph.nodes.get(*node).ok_or("no such node")?;
        Ok((found, *node, wire - start))
    }

    /// An item's inputs of the node, in the graph.
    fn inputs(&self, item: usize) -> impl Iterator<Item = WireId> + '_ {
        let inputs = self.node.inputs.iter();
        inputs.map(move |wire| self.batch.wire(item, *wire))
    }

    /// Refuses anything but the node, once per item; returns how many nodes of the graph it is.
    fn check(&self) -> Result<usize, String> {
        let items = self.batch.items();
        let (together, number, _) = self.place(0, 0)?;
        if items == 1 {
            return match together == self.node {
                true => Ok(1),
                false => Err("is another node".into()),
            };
        }
        let outputs = self.node.outputs();
        if let Op::Trees(_) = self.node.op {
            for item in 0..items {
                let (own, at, _) = self.place(item, 0)?;
                let same =
                    own.op == self.node.op && own.inputs.iter().copied().eq(self.inputs(item));
                let in_order = (0..outputs).all(|output| {
                    let place = self.place(item, output);
                    place.is_ok_and(|(_, node, place)| node == at && place == output)
                });
                if !same || !in_order {
                    return Err(format!("item {item}: other trees"));
                }
            }
            return Ok(items);
        }
        if together.outputs() != items * outputs {
            return Err(format!("{} outputs for {items} items", together.outputs()));
        }
        for item in 0..items {
            for output in 0..outputs {
                let (_, node, place) = self.place(item, output)?;
                let same = node == number && self.same(together, item, output, place);
                if !same {
                    return Err(format!("item {item} output {output} is another's"));
                }
            }
        }
        let inputs = (0..items).flat_map(|item| self.inputs(item));
        if !together.inputs.iter().copied().eq(inputs) {
            return Err("other inputs than the items'".into());
        }
        match self.same_weights(together) {
            true => Ok(1),
            false => Err("other weights".into()),
        }
    }

    /// Whether the output at `place` of a node for all items is what the model's is for one.
    fn same(&self, together: &Node, item: usize, output: usize, place: usize) -> bool {
        let read = |at: &u32| together.inputs.get(*at as usize).copied();
        let own = |at: &u32| {
            let wire = self.node.inputs.get(*at as usize);
            wire.map(|wire| self.batch.wire(item, *wire))
        };
        let unit = |found: &Unit, wanted: &Unit| {
            let terms = |unit: &Unit, wire: &dyn Fn(&u32) -> Option<WireId>| -> Vec<_> {
                unit.terms.iter().map(|(at, c)| (wire(at), *c)).collect()
            };
            let products = |unit: &Unit, wire: &dyn Fn(&u32) -> Option<WireId>| -> Vec<_> {
                let products = unit.products.iter();
                products.map(|(a, b, c)| (wire(a), wire(b), *c)).collect()
            };
            found.bias == wanted.bias
                && terms(found, &read) == terms(wanted, &own)
                && products(found, &read) == products(wanted, &own)
        };
        match (&together.op, &self.node.op) {
            (Op::Conv(_), Op::Dense { .. } | Op::Conv(_)) => {
                place == item * self.node.outputs() + output
            }
            (Op::Sparse { units }, Op::Sparse { units: wanted }) => {
                unit(&units[place], &wanted[output])
            }
            (
                Op::Digits { digits, units },
                Op::Digits {
                    digits: width,
                    units: wanted,
                },
            ) => {
                let per = *width as usize;
                digits == width
                    && place % per == output % per
                    && unit(&units[place / per], &wanted[output / per])
            }
            (Op::Table(table), Op::Table(wanted)) => {
                table.values == wanted.values && read(&(place as u32)) == own(&(output as u32))
            }
            (Op::Max { groups }, Op::Max { groups: wanted }) => {
                let members = groups[place].iter().map(read);
                members.eq(wanted[output].iter().map(own))
            }
            _ => false,
        }
    }

    /// Whether a layer's weights are the model's, for as many images as items.
    fn same_weights(&self, together: &Node) -> bool {
        let Op::Conv(images) = &together.op else {
            return true;
        };
        let items = self.batch.items() as u32;
        let wanted = match &self.node.op {
            Op::Dense { weights, bias } => Conv {
                channels: self.node.inputs.len() as u32,
                height: 1,
                width: 1,
                filters: weights.len() as u32,
                kernel: [1, 1],
                stride: [1, 1],
                dilation: [1, 1],
                pads: [0; 4],
                groups: 1,
                items,
                weights: weights.iter().flatten().copied().collect(),
                bias: bias.clone(),
            },
            Op::Conv(conv) => Conv {
                items: conv.items.saturating_mul(items),
                ..conv.clone()
            },
            _ => return false,
        };
        *images == wanted
    }
}
