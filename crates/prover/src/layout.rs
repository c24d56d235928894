//! `layout.json`: what the lowering made of a model, for people and cost estimates.

use haloracle_circuit::Program;
use haloracle_circuit::machine::config::LANES;
use haloracle_model::IntegerModel;
use serde::{Deserialize, Serialize};

/// Size and packing of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
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
    /// Range and function entries of the look-up table.
    pub table_entries: usize,
    /// Copy constraints.
    pub copies: usize,
    /// Public instances: two tag halves, input words, output words.
    pub instances: usize,
    /// Input words among them.
    pub input_words: usize,
    /// Per layer.
    pub layers: Vec<LayerLayout>,
}

/// Packing of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerLayout {
    /// Node's name.
    pub name: String,
    /// Units.
    pub units: usize,
    /// Units with an excess row.
    pub saturating: usize,
    /// Bits per packed unit.
    pub packing_bits: u32,
    /// Units per field element.
    pub packed: usize,
    /// Rows of one input's weight block.
    pub block_rows: usize,
}

impl Layout {
    /// Describes `program`.
    pub fn new(model: &IntegerModel, program: &Program) -> Self {
        let chain = haloracle_circuit::chain::Chain::new(model);
        let layers = chain.map(|chain| chain.layers).unwrap_or_default();
        let layers = layers.iter().zip(&program.packings).enumerate();
        let entries = program.rows.iter().rposition(|row| {
            row.fixed.table_range != 0 || row.fixed.table_tuple != Default::default()
        });
        Self {
            k: program.k,
            digit_bits: program.digit_bits,
            lanes: LANES,
            rows: program.used_rows,
            usable_rows: program.last_row(),
            table_entries: entries.map_or(0, |last| last + 1),
            copies: program.copies.len(),
            instances: program.instances,
            input_words: program.input_words,
            layers: layers
                .map(|(index, (layer, packing))| LayerLayout {
                    name: layer.name.clone(),
                    units: layer.weights.len(),
                    saturating: program.saturating[index].iter().filter(|s| **s).count(),
                    packing_bits: packing.bits,
                    packed: packing.per_exponent,
                    block_rows: packing.exponents.div_ceil(LANES),
                })
                .collect(),
        }
    }
}
