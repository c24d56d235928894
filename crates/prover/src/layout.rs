//! `layout.json`: what the lowering made of a model, for people and cost estimates.

use haloracle_circuit::machine::config::LANES;
use haloracle_circuit::{Lowered, Program, Shape, wide};
use haloracle_model::{IntegerModel, Op};
use serde::{Deserialize, Serialize};

/// Size and packing of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The constraint system.
    pub shape: Shape,
    /// Inputs that a proof answers.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub items: usize,
    /// log2 of the rows.
    pub k: u32,
    /// Digit width `t`.
    pub digit_bits: u32,
    /// Weight lanes per row.
    pub lanes: usize,
    /// Rows in use.
    pub rows: usize,
    /// Rows available at this k.
    pub usable_rows: usize,
    /// Range, function and tree entries of the look-up table.
    pub table_entries: usize,
    /// Copy constraints.
    pub copies: usize,
    /// Public instances: two tag halves, input words, output words.
    pub instances: usize,
    /// Input words among them.
    pub input_words: usize,
    /// Per node.
    pub nodes: Vec<NodeLayout>,
}

fn one() -> usize {
    1
}

fn is_one(items: &usize) -> bool {
    *items == 1
}

/// Rows and packing of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLayout {
    /// Node's name.
    pub name: String,
    /// Values that it computes.
    pub outputs: usize,
    /// Rows of its own.
    pub rows: usize,
    /// Bits per packed unit; 0 if its units are not packed.
    pub packing_bits: u32,
    /// Units per field element; 0 if its units are not packed.
    pub packed: usize,
}

impl Layout {
    /// Describes `program`.
    pub fn new(model: &IntegerModel, program: &Lowered) -> Self {
        match program {
            Lowered::Narrow(program) => Self::narrow(model, program),
            Lowered::Wide(program) => Self::wide(model, program),
        }
    }

    fn narrow(model: &IntegerModel, program: &Program) -> Self {
        let chain = haloracle_circuit::chain::Chain::new(model);
        let layers = chain.map(|chain| chain.layers).unwrap_or_default();
        let layers = layers.iter().zip(&program.packings).enumerate();
        let entries = program.rows.iter().rposition(|row| {
            row.fixed.table_range != 0 || row.fixed.table_tuple != Default::default()
        });
        let nodes = layers.map(|(index, (layer, packing))| {
            let units = layer.weights.len();
            let saturating = program.saturating[index].iter().filter(|s| **s).count();
            let inputs = layer.weights.first().map_or(0, Vec::len);
            let functions = layer.table.as_ref().map_or(0, |_| 2 * units);
            let claims = packing.per_exponent * packing.exponents + saturating;
            NodeLayout {
                name: layer.name.clone(),
                outputs: units,
                rows: program.items
                    * (claims + inputs * packing.exponents.div_ceil(LANES) + functions),
                packing_bits: packing.bits,
                packed: packing.per_exponent,
            }
        });
        Self {
            shape: Shape::Narrow,
            items: program.items,
            k: program.k,
            digit_bits: program.digit_bits,
            lanes: LANES,
            rows: program.used_rows,
            usable_rows: program.last_row(),
            table_entries: entries.map_or(0, |last| last + 1),
            copies: program.copies.len(),
            instances: program.instances,
            input_words: program.input_words,
            nodes: nodes.collect(),
        }
    }

    fn wide(model: &IntegerModel, program: &wide::Program) -> Self {
        let ends = program.node_rows.iter().skip(1).copied();
        let ends = ends.chain([program.used_rows]);
        let mut parts = program.node_rows.iter().zip(ends).zip(&program.packings);
        let nodes = model.nodes.iter().map(|node| {
            // Trees are repeated per item, all other nodes compute all items at once.
            let count = match node.op {
                Op::Trees(_) => program.items,
                _ => 1,
            };
            let own: Vec<_> = parts.by_ref().take(count).collect();
            let packing = own.first().and_then(|(_, packing)| **packing);
            NodeLayout {
                name: node.name.clone(),
                outputs: node.outputs(),
                rows: own.iter().map(|((start, end), _)| end - **start).sum(),
                packing_bits: packing.map_or(0, |p| p.bits),
                packed: packing.map_or(0, |p| p.per_exponent),
            }
        });
        Self {
            shape: Shape::Wide,
            items: program.items,
            k: program.k,
            digit_bits: program.digit_bits,
            lanes: wide::config::LANES,
            rows: program.used_rows,
            usable_rows: program.last_row(),
            table_entries: program.table_entries,
            copies: program.copies.len(),
            instances: program.instances,
            input_words: program.input_words,
            nodes: nodes.collect(),
        }
    }
}
