//! Models that are chains of layers, which is what the narrow shape takes.

use std::ops::Deref;

use haloracle_model::{Dense, IntegerModel, NodeBounds, Op, WireId};

/// Entries that a layer's matrix may have when an operator is written out as one.
const MAX_MATRIX: usize = 1 << 24;

/// A model seen as layers: each reads the activations of the one before, the outputs are the
/// activations of the last.
#[derive(Clone, Debug)]
pub struct Chain<'m> {
    model: &'m IntegerModel,
    /// The layers, as matrices over all activations of the layer before.
    pub layers: Vec<Dense>,
    /// Node that computes a layer's accumulators.
    pub(crate) nodes: Vec<usize>,
    /// First wire of a layer's activations.
    pub(crate) activations: Vec<usize>,
}

impl Deref for Chain<'_> {
    type Target = IntegerModel;

    fn deref(&self) -> &IntegerModel {
        self.model
    }
}

impl<'m> Chain<'m> {
    /// The chain that `model` is; otherwise what keeps it from being one.
    ///
    /// # Errors
    /// A sentence that names the node.
    pub fn new(model: &'m IntegerModel) -> Result<Self, String> {
        if model.privacy != Default::default() {
            return Err("inputs or weights are private".into());
        }
        let firsts = model.first_wires();
        let mut chain = Self {
            model,
            layers: Vec::new(),
            nodes: Vec::new(),
            activations: Vec::new(),
        };
        // Activations that the next layer may read.
        let mut range = 0..model.input_wires();
        for (index, node) in model.nodes.iter().enumerate() {
            let refuse = |why: &str| Err(format!("node `{}` {why}", node.name));
            let outputs = firsts[index]..firsts[index + 1];
            if let Op::Table(table) = &node.op {
                let all = node.inputs.iter().map(|wire| *wire as usize);
                let Some(layer) = chain.layers.last_mut() else {
                    return refuse("looks up an input");
                };
                if layer.table.is_some() || !all.eq(range.clone()) {
                    return refuse("is not a function of the whole layer before it");
                }
                layer.table = Some(table.clone());
                if let Some(first) = chain.activations.last_mut() {
                    *first = outputs.start;
                }
                range = outputs;
                continue;
            }
            if !node.requantizes() {
                return refuse("is no layer of units");
            }
            let reads = |wire: &WireId| range.contains(&(*wire as usize));
            if !node.inputs.iter().all(reads) {
                return refuse("reads other values than those of the layer before it");
            }
            let layer =
                matrix(node, &range).map_err(|why| format!("node `{}` {why}", node.name))?;
            chain.layers.push(layer);
            chain.nodes.push(index);
            chain.activations.push(outputs.start);
            range = outputs;
        }
        let fields = model.output.iter();
        let ordered = fields.map(|f| (f.wire as usize, f.digits));
        if chain.layers.is_empty() || !ordered.eq(range.map(|wire| (wire, 1))) {
            return Err("the outputs are not the last layer's units".into());
        }
        Ok(chain)
    }

    /// Intervals of the layers' accumulators over the box.
    pub(crate) fn accumulator_bounds(
        &self,
    ) -> Result<Vec<Vec<(i64, i64)>>, haloracle_model::ModelError> {
        let all: Vec<NodeBounds> = self.model.bounds()?;
        let nodes = self.nodes.iter();
        Ok(nodes.map(|node| all[*node].accumulators.clone()).collect())
    }
}

/// A linear node as a matrix over the activations `range`.
fn matrix(node: &haloracle_model::Node, range: &std::ops::Range<usize>) -> Result<Dense, String> {
    let Some(linear) = node.linear() else {
        return Err("is no layer of units".into());
    };
    let units = linear.units();
    if units.saturating_mul(range.len()) > MAX_MATRIX {
        return Err("is too large to be written out as a matrix".into());
    }
    let mut weights = vec![vec![0i64; range.len()]; units];
    let mut bias = Vec::with_capacity(units);
    for (unit, row) in weights.iter_mut().enumerate() {
        if !linear.products(unit).is_empty() {
            return Err("multiplies activations".into());
        }
        bias.push(linear.bias(unit));
        linear.terms(unit, |input, coefficient| {
            row[node.inputs[input] as usize - range.start] += coefficient;
        });
    }
    Ok(Dense {
        name: node.name.clone(),
        weights,
        bias,
        table: None,
    })
}
