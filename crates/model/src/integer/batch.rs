//! Several runs of one model as one graph.
//!
//! Dense layers and convolutions become convolutions of as many images, so their weights stand
//! once; all other nodes are repeated, with the units of sums side by side. No node mixes the
//! values of two items, and every item has the words that its run alone has.

use std::borrow::Cow;

use super::{Conv, IntegerModel, ModelError, Node, Op, OutputField, Trace, Unit, WireId};

/// `items` runs of one model.
#[derive(Clone, Debug)]
pub struct Batch<'m> {
    item: &'m IntegerModel,
    items: usize,
    graph: Cow<'m, IntegerModel>,
    /// Per wire of the model, its wires in the graph; empty for a single item.
    wires: Vec<Vec<WireId>>,
}

impl<'m> Batch<'m> {
    /// One run: the model as it is.
    pub fn single(model: &'m IntegerModel) -> Self {
        Self {
            item: model,
            items: 1,
            graph: Cow::Borrowed(model),
            wires: Vec::new(),
        }
    }

    /// `items` runs of a model that passes [`IntegerModel::validate`].
    ///
    /// # Errors
    /// No items at all, or more wires than can be numbered.
    pub fn new(model: &'m IntegerModel, items: usize) -> Result<Self, ModelError> {
        let wires = model.first_wires().last().copied().unwrap_or(0);
        let fits = (wires as u64).checked_mul(items as u64);
        if items == 0 || fits.is_none_or(|all| all > u64::from(u32::MAX)) {
            return Err(ModelError::Malformed {
                model: model.name.clone(),
                what: format!("{items} items of {wires} wires"),
            });
        }
        Ok(match items {
            1 => Self::single(model),
            _ => Self::repeated(model, items),
        })
    }

    /// A batch as somebody says it is: nothing is checked. For tests of what checks it.
    pub fn claimed(
        model: &'m IntegerModel,
        items: usize,
        graph: IntegerModel,
        wires: Vec<Vec<WireId>>,
    ) -> Self {
        Self {
            item: model,
            items,
            graph: Cow::Owned(graph),
            wires,
        }
    }

    /// Per wire of the model, its wires in the graph, item by item.
    pub fn wires(&self) -> Vec<Vec<WireId>> {
        let wires = self.item.first_wires().last().copied().unwrap_or(0);
        let places = |wire: usize| (0..self.items).map(move |i| self.wire(i, wire as WireId));
        (0..wires).map(|wire| places(wire).collect()).collect()
    }

    fn repeated(model: &'m IntegerModel, items: usize) -> Self {
        let mut graph = IntegerModel {
            name: model.name.clone(),
            digit_bits: model.digit_bits,
            input: model.input.clone(),
            nodes: Vec::with_capacity(model.nodes.len()),
            output: Vec::new(),
            privacy: model.privacy.clone(),
        };
        graph.input.features = vec![model.input.features.clone(); items].concat();
        let own = model.input_wires();
        let digits = 0..own;
        let mut batch = Self {
            item: model,
            items,
            graph: Cow::Borrowed(model),
            wires: digits
                .map(|wire| (0..items).map(|i| (i * own + wire) as WireId).collect())
                .collect(),
        };
        let mut next = graph.input_wires();
        for node in &model.nodes {
            let (nodes, outputs) = batch.repeat(node);
            for output in outputs {
                let places = output.into_iter().map(|at| (next + at) as WireId);
                batch.wires.push(places.collect());
            }
            next += nodes.iter().map(Node::outputs).sum::<usize>();
            graph.nodes.extend(nodes);
        }
        // Digits of one output need not be neighbours here: see [`Self::output_digits`].
        for item in 0..items {
            graph
                .output
                .extend(model.output.iter().map(|field| OutputField {
                    wire: batch.wire(item, field.wire),
                    digits: 1,
                    ..field.clone()
                }));
        }
        graph.privacy.status = model.privacy.status.map(|wire| batch.wire(0, wire));
        batch.graph = Cow::Owned(graph);
        batch
    }

    /// The nodes that compute `node` for every item, and per output of `node` the places of the
    /// items' outputs among theirs.
    fn repeat(&self, node: &Node) -> (Vec<Node>, Vec<Vec<usize>>) {
        let items = self.items;
        let outputs = node.outputs();
        let count = node.inputs.len() as u32;
        let of_item = |item: usize| node.inputs.iter().map(move |wire| self.wire(item, *wire));
        let shifted = |item: usize, at: &u32| item as u32 * count + at;
        let one = |op: Op| {
            let inputs = (0..items).flat_map(of_item).collect();
            vec![Node {
                name: node.name.clone(),
                inputs,
                op,
            }]
        };
        let behind = || -> Vec<Vec<usize>> {
            let places = |at: usize| (0..items).map(|item| item * outputs + at).collect();
            (0..outputs).map(places).collect()
        };
        let unit = |item: usize, unit: &Unit| Unit {
            bias: unit.bias,
            terms: (unit.terms.iter())
                .map(|(at, c)| (shifted(item, at), *c))
                .collect(),
            products: (unit.products.iter())
                .map(|(a, b, c)| (shifted(item, a), shifted(item, b), *c))
                .collect(),
        };
        match &node.op {
            Op::Dense { weights, bias } => {
                let images = Conv {
                    channels: count,
                    height: 1,
                    width: 1,
                    filters: bias.len() as u32,
                    kernel: [1, 1],
                    stride: [1, 1],
                    dilation: [1, 1],
                    pads: [0; 4],
                    groups: 1,
                    items: items as u32,
                    weights: weights.concat(),
                    bias: bias.clone(),
                };
                (one(Op::Conv(images)), behind())
            }
            Op::Conv(conv) => {
                let images = Conv {
                    items: conv.items * items as u32,
                    ..conv.clone()
                };
                (one(Op::Conv(images)), behind())
            }
            Op::Sparse { units } => {
                // Neighbours with the same coefficients share rows: the items' units of one kind.
                let units = units.iter();
                let units = units.flat_map(|u| (0..items).map(move |item| unit(item, u)));
                let units = units.collect();
                let side_by_side = |at: usize| (0..items).map(|i| at * items + i).collect();
                (
                    one(Op::Sparse { units }),
                    (0..outputs).map(side_by_side).collect(),
                )
            }
            Op::Digits { digits, units } => {
                let all = (0..items).flat_map(|item| units.iter().map(move |u| unit(item, u)));
                let op = Op::Digits {
                    digits: *digits,
                    units: all.collect(),
                };
                (one(op), behind())
            }
            Op::Table(table) => (one(Op::Table(table.clone())), behind()),
            Op::Max { groups } => {
                let all = (0..items).flat_map(|item| {
                    let groups = groups.iter();
                    groups.map(move |group| group.iter().map(|at| shifted(item, at)).collect())
                });
                let groups = all.collect();
                (one(Op::Max { groups }), behind())
            }
            Op::Trees(_) => {
                let nodes = (0..items).map(|item| Node {
                    name: node.name.clone(),
                    inputs: of_item(item).collect(),
                    op: node.op.clone(),
                });
                (nodes.collect(), behind())
            }
        }
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The model of one item.
    pub fn item(&self) -> &'m IntegerModel {
        self.item
    }

    /// All items as one graph. Its outputs are the items' lowest digits; words are built from
    /// [`Self::output_digits`].
    pub fn graph(&self) -> &IntegerModel {
        &self.graph
    }

    /// The graph's wire that is an item's wire `wire`.
    pub fn wire(&self, item: usize, wire: WireId) -> WireId {
        match self.items {
            1 => wire,
            _ => self.wires[wire as usize][item],
        }
    }

    /// Wires of an item's output field, lowest digit first.
    pub fn output_digits(&self, item: usize, field: &OutputField) -> Vec<WireId> {
        let digits = field.wire..field.wire + field.digits;
        digits.map(|wire| self.wire(item, wire)).collect()
    }

    /// Wire of an item's status, if it has one.
    pub fn status(&self, item: usize) -> Option<WireId> {
        let status = self.item.privacy.status;
        status.map(|wire| self.wire(item, wire))
    }

    /// Runs all items.
    ///
    /// # Errors
    /// The first input outside the domain, with the number of its item where there are several.
    pub fn run(&self, items: &[&[i64]]) -> Result<Trace, ModelError> {
        for (index, raw) in items.iter().enumerate() {
            let checked = self.item.digits(raw);
            checked.map_err(|error| error.of_item(index, items.len()))?;
        }
        self.graph.run(&items.concat())
    }

    /// Status and raw outputs of an item in a run of all.
    pub fn answer(&self, trace: &Trace, item: usize) -> (u64, Vec<u64>) {
        let value = |wire: WireId| u64::from(trace.wires[wire as usize]);
        let raw = |field: &OutputField| {
            let digits = self.output_digits(item, field).into_iter().rev();
            digits.fold(0, |sum, wire| sum << self.item.digit_bits | value(wire))
        };
        let status = self.status(item).map_or(super::STATUS_OK, value);
        (status, self.item.output.iter().map(raw).collect())
    }
}
