//! Chains of dense layers, the simplest models.

use super::{FunctionTable, InputSchema, IntegerModel, Node, Op, OutputField, WireId};

/// One dense layer with requantization and an optional function table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Name of the node it came from.
    pub name: String,
    /// `weights[i][j]`: unit `i`, activation `j`.
    pub weights: Vec<Vec<i64>>,
    /// Bias per unit, rounding and zero point included, at scale 2^t.
    pub bias: Vec<i64>,
    /// Applied to each unit after clamping.
    pub table: Option<FunctionTable>,
}

/// A model as a chain of layers, in the fewest words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainModel {
    /// As [`IntegerModel::name`].
    pub name: String,
    /// As [`IntegerModel::digit_bits`].
    pub digit_bits: u32,
    /// As [`IntegerModel::input`].
    pub input: InputSchema,
    /// The layers in order.
    pub layers: Vec<Dense>,
    /// One field per unit of the last layer; their wires are filled in.
    pub output: Vec<OutputField>,
}

impl ChainModel {
    /// The graph.
    pub fn build(self) -> IntegerModel {
        IntegerModel::chain(
            self.name,
            self.digit_bits,
            self.input,
            self.layers,
            self.output,
        )
    }
}

impl IntegerModel {
    /// A chain of layers; the outputs, in order, are the units of the last.
    pub fn chain(
        name: impl Into<String>,
        digit_bits: u32,
        input: InputSchema,
        layers: Vec<Dense>,
        output: Vec<OutputField>,
    ) -> Self {
        let mut model = Self {
            name: name.into(),
            digit_bits,
            input,
            nodes: Vec::new(),
            output,
            privacy: Default::default(),
        };
        let mut wires: Vec<WireId> = (0..model.input_wires() as WireId).collect();
        for layer in layers {
            let node = layer.name.clone();
            wires = model.push(
                node,
                wires,
                Op::Dense {
                    weights: layer.weights,
                    bias: layer.bias,
                },
            );
            if let Some(table) = layer.table {
                let node = format!("{}.{}", layer.name, table.name);
                wires = model.push(node, wires, Op::Table(table));
            }
        }
        for (field, wire) in model.output.iter_mut().zip(wires) {
            field.wire = wire;
        }
        model
    }

    /// Appends a node and returns its output wires.
    pub fn push(&mut self, name: impl Into<String>, inputs: Vec<WireId>, op: Op) -> Vec<WireId> {
        let first = self.first_wires().last().copied().unwrap_or(0);
        let node = Node {
            name: name.into(),
            inputs,
            op,
        };
        let count = node.outputs();
        self.nodes.push(node);
        (first..first + count).map(|wire| wire as WireId).collect()
    }

    /// Weights and bias of the `index`th dense node, for tests that change a model.
    pub fn dense_mut(&mut self, index: usize) -> Option<(&mut Vec<Vec<i64>>, &mut Vec<i64>)> {
        let dense = self.nodes.iter_mut().filter_map(|node| match &mut node.op {
            Op::Dense { weights, bias } => Some((weights, bias)),
            _ => None,
        });
        dense.into_iter().nth(index)
    }
}
