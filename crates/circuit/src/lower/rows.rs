//! Emits the rows of each part of a model.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::chain::Chain;

use super::words::instance_words;
use super::{LowerError, MAX_K, digits, packing};
use crate::field::{power_of_two, signed};
use crate::machine::config::{LANES, TUPLE_OUT_SHIFT, TUPLE_TAG_SHIFT};
use crate::program::{Op, Program, Row, Source};

/// Collects rows; copies refer to rows by number, also to later ones, so they are resolved last.
pub(super) struct Builder<'m> {
    pub(super) model: &'m Chain<'m>,
    pub(super) program: Program,
    /// Rows whose `z` copies a unit that is placed later: row, piece, unit and whether it copies
    /// the activation rather than the requantization.
    pending: Vec<(usize, usize, usize, Taken)>,
}

/// Which of a unit's two digits is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The requantized digit.
    Digit,
    /// What the layer's function makes of it.
    Activation,
}

impl<'m> Builder<'m> {
    pub(super) fn new(
        model: &'m Chain<'m>,
        items: usize,
        saturating: Vec<Vec<bool>>,
    ) -> Result<Self, LowerError> {
        let packings = model
            .layers
            .iter()
            .zip(&saturating)
            .map(|(layer, units)| packing::choose(layer, model.digit_bits, units))
            .collect::<Result<Vec<_>, _>>()?;
        let unset = |layer: &haloracle_model::Dense| vec![usize::MAX; layer.weights.len()];
        let pieces = (0..items).flat_map(|_| model.layers.iter().map(unset));
        let pieces: Vec<Vec<usize>> = pieces.collect();
        Ok(Self {
            model,
            program: Program {
                k: 0,
                digit_bits: model.digit_bits,
                items,
                instances: 2 + items * (model.input_words() + model.output_words()),
                input_words: model.input_words(),
                rows: Vec::new(),
                copies: Vec::new(),
                digit_rows: vec![usize::MAX; items * model.input_wires()],
                unit_rows: pieces.clone(),
                activation_rows: pieces,
                saturating,
                packings,
                used_rows: 0,
            },
            pending: Vec::new(),
        })
    }

    /// Refuses a model that cannot fit before any of its rows is built.
    ///
    /// # Errors
    /// [`LowerError::TooLarge`], with a lower bound of the rows needed.
    pub(super) fn check_size(&self) -> Result<(), LowerError> {
        let items = self.program.items;
        let mut rows = digits::rows(instance_words(self.model, items), items);
        for (layer, pack) in self.model.layers.iter().zip(&self.program.packings) {
            let read = |input: &usize| layer.weights.iter().any(|row| row[*input] != 0);
            let inputs = (0..layer.weights[0].len()).filter(read).count();
            rows += items * (layer.weights.len() + inputs * pack.exponents.div_ceil(LANES));
        }
        if rows >> MAX_K == 0 {
            return Ok(());
        }
        Err(LowerError::TooLarge {
            rows,
            entries: table_entries(self.model).len(),
        })
    }

    pub(super) fn push(&mut self, row: Row) -> usize {
        if let Source::Copy { row: from } = row.source {
            self.program.copies.push((self.program.rows.len(), from));
        }
        self.program.rows.push(row);
        self.program.rows.len() - 1
    }

    /// A row whose `z` copies a digit of `unit`, placed already or not.
    pub(super) fn push_unit_copy(
        &mut self,
        row: Row,
        piece: usize,
        unit: usize,
        taken: Taken,
    ) -> usize {
        let at = self.push(row);
        self.pending.push((at, piece, unit, taken));
        at
    }

    /// Requantization rows of an item's layer: one equation per unit, padding units included.
    pub(super) fn requantization(&mut self, item: usize, layer: usize) {
        let piece = self.program.piece(item, layer);
        let bits = self.model.digit_bits;
        let pack = self.program.packings[layer];
        let dense = &self.model.layers[layer];
        let step = power_of_two(pack.bits);
        let back = power_of_two(pack.bits * (pack.per_exponent as u32 - 1))
            .invert()
            .unwrap_or(Fr::ZERO);
        for exponent in (0..pack.exponents).rev() {
            for digit in (0..pack.per_exponent).rev() {
                let unit = exponent * pack.per_exponent + digit;
                let mut row = Row::new(Source::Idle);
                row.fixed.act = Fr::ONE;
                row.fixed.digit = power_of_two(bits);
                if digit + 1 == pack.per_exponent {
                    row.fixed.s_one = Fr::ZERO;
                    row.fixed.s_rho = back;
                } else {
                    row.fixed.s_one = step;
                }
                if unit >= dense.weights.len() {
                    self.push(row);
                    continue;
                }
                let saturates = self.program.saturating[layer][unit];
                row.fixed.op = if saturates { Op::Saturate } else { Op::Split };
                row.fixed.lanes[0] = signed(dense.bias[unit]);
                row.source = Source::Unit { item, layer, unit };
                let at = self.push(row);
                self.program.unit_rows[piece][unit] = at;
                if dense.table.is_none() {
                    self.program.activation_rows[piece][unit] = at;
                }
                if saturates {
                    let mut excess = Row::new(Source::Excess { item, layer, unit });
                    excess.fixed.op = Op::Split;
                    excess.fixed.act = power_of_two(bits);
                    excess.fixed.digit = power_of_two(2 * bits);
                    self.push(excess);
                }
            }
        }
    }

    /// Weight blocks of an item's layer: each input's column of packed weights, folded, times the
    /// input. Every item has blocks of its own: under one fold, only the sum of the items' errors
    /// would vanish.
    pub(super) fn weights(&mut self, item: usize, layer: usize) {
        let piece = self.program.piece(item, layer);
        let digits = item * self.model.input_wires();
        let pack = self.program.packings[layer];
        let dense = &self.model.layers[layer];
        let chunks = pack.exponents.div_ceil(LANES);
        let inputs = dense.weights[0].len();
        for input in 0..inputs {
            let column: Vec<i64> = dense.weights.iter().map(|row| row[input]).collect();
            if column.iter().all(|w| *w == 0) {
                continue;
            }
            let from = match layer {
                0 => self.program.digit_rows[digits + input],
                _ => self.program.activation_rows[piece - 1][input],
            };
            for chunk in (0..chunks).rev() {
                let last = chunk == 0;
                let mut row = Row::new(match last {
                    true => Source::Copy { row: from },
                    false => Source::Idle,
                });
                row.fixed.op = match chunk + 1 == chunks {
                    true => Op::Plain,
                    false => Op::Fold,
                };
                row.fixed.load = last;
                for lane in 0..LANES {
                    let units = column
                        .iter()
                        .skip((chunk * LANES + lane) * pack.per_exponent)
                        .take(pack.per_exponent);
                    row.fixed.lanes[lane] = units.rev().fold(Fr::ZERO, |sum, w| {
                        sum * power_of_two(pack.bits) + signed(*w)
                    });
                }
                self.push(row);
            }
        }
    }

    /// Function rows of an item's layer: `(z, z')` looked up under the table's tag.
    pub(super) fn functions(&mut self, item: usize, layer: usize) {
        if self.model.layers[layer].table.is_none() {
            return;
        }
        let piece = self.program.piece(item, layer);
        for unit in 0..self.model.layers[layer].weights.len() {
            let mut argument = Row::new(Source::Copy {
                row: self.program.unit_rows[piece][unit],
            });
            argument.fixed.tag = table_tag(self.model, layer);
            self.push(argument);
            let at = self.push(Row::new(Source::Table { item, layer, unit }));
            self.program.activation_rows[piece][unit] = at;
        }
    }

    /// Resolves pending copies.
    pub(super) fn into_program(mut self) -> Program {
        for (at, piece, unit, taken) in self.pending {
            let from = match taken {
                Taken::Digit => self.program.unit_rows[piece][unit],
                Taken::Activation => self.program.activation_rows[piece][unit],
            };
            self.program.rows[at].source = Source::Copy { row: from };
            self.program.copies.push((at, from));
        }
        self.program
    }
}

/// Tag of a layer's table: equal tables share one, the first is 1; 0 if the layer has none.
pub(crate) fn table_tag(model: &Chain<'_>, layer: usize) -> u32 {
    let Some(table) = &model.layers[layer].table else {
        return 0;
    };
    let tables = distinct_tables(model);
    let position = tables
        .iter()
        .position(|values| *values == &table.values[..]);
    position.map_or(0, |at| at as u32 + 1)
}

fn distinct_tables<'c>(model: &'c Chain<'_>) -> Vec<&'c [u32]> {
    let mut tables: Vec<&[u32]> = Vec::new();
    for table in model.layers.iter().filter_map(|layer| layer.table.as_ref()) {
        if !tables.contains(&&table.values[..]) {
            tables.push(&table.values);
        }
    }
    tables
}

/// The packed form of the tuple `(z, out)` under `tag`.
pub(crate) fn tuple(z: u32, out: u32, tag: u32) -> Fr {
    Fr::from(u64::from(z))
        + Fr::from(u64::from(out)) * power_of_two(TUPLE_OUT_SHIFT)
        + Fr::from(u64::from(tag)) * power_of_two(TUPLE_TAG_SHIFT)
}

/// Table entries in row order: the digits' range, then each function's tuples.
pub(crate) fn table_entries(model: &Chain<'_>) -> Vec<(u32, Fr)> {
    let range = (0..=model.max_digit()).map(|value| (value, Fr::ZERO));
    let tuples = distinct_tables(model)
        .into_iter()
        .enumerate()
        .flat_map(|(index, values)| {
            let entry = move |(z, out): (usize, &u32)| (0, tuple(z as u32, *out, index as u32 + 1));
            values.iter().enumerate().map(entry)
        });
    range.chain(tuples).collect()
}

/// Row of the table entry `(z, out)` under `tag`; `None` if the function says otherwise.
pub(crate) fn table_multiplicity_index(
    model: &Chain<'_>,
    tag: u32,
    z: u32,
    out: u32,
) -> Option<usize> {
    let tables = distinct_tables(model);
    let values = tables.get(tag.checked_sub(1)? as usize)?;
    let size = values.len();
    (values.get(z as usize) == Some(&out)).then(|| size * tag as usize + z as usize)
}
