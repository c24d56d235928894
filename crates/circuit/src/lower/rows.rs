//! Emits the rows of each part of a model.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::chain::Chain;

use super::words::{Part, instance_words};
use super::{LowerError, MAX_K, packing};
use crate::field::{power_of_two, signed};
use crate::machine::config::{LANES, TUPLE_OUT_SHIFT, TUPLE_TAG_SHIFT};
use crate::program::{Op, Program, Row, Source};

/// Collects rows; copies refer to rows by number, also to later ones, so they are resolved last.
pub(super) struct Builder<'m> {
    model: &'m Chain<'m>,
    program: Program,
    /// Rows whose `z` copies the requantization of a unit that is placed later.
    pending: Vec<(usize, usize, usize)>,
}

impl<'m> Builder<'m> {
    pub(super) fn new(
        model: &'m Chain<'m>,
        saturating: Vec<Vec<bool>>,
    ) -> Result<Self, LowerError> {
        let packings = model
            .layers
            .iter()
            .zip(&saturating)
            .map(|(layer, units)| packing::choose(layer, model.digit_bits, units))
            .collect::<Result<Vec<_>, _>>()?;
        let inputs = model.input.features.len() * model.input.digits as usize;
        let unset = |layer: &haloracle_model::Dense| vec![usize::MAX; layer.weights.len()];
        Ok(Self {
            model,
            program: Program {
                k: 0,
                digit_bits: model.digit_bits,
                instances: 2 + model.input_words() + model.output_words(),
                input_words: model.input_words(),
                rows: Vec::new(),
                copies: Vec::new(),
                digit_rows: vec![usize::MAX; inputs],
                unit_rows: model.layers.iter().map(unset).collect(),
                activation_rows: model.layers.iter().map(unset).collect(),
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
        let instances = self.program.instances;
        let words = instance_words(self.model).into_iter().enumerate();
        let mut rows: usize = words
            .map(|(word, digits)| digits.len() * ((instances - 1 - word) / LANES + 1))
            .sum();
        for (layer, pack) in self.model.layers.iter().zip(&self.program.packings) {
            let read = |input: &usize| layer.weights.iter().any(|row| row[*input] != 0);
            let inputs = (0..layer.weights[0].len()).filter(read).count();
            rows += layer.weights.len() + inputs * pack.exponents.div_ceil(LANES);
        }
        if rows >> MAX_K == 0 {
            return Ok(());
        }
        Err(LowerError::TooLarge {
            rows,
            entries: table_entries(self.model).len(),
        })
    }

    fn push(&mut self, row: Row) -> usize {
        if let Source::Copy { row: from } = row.source {
            self.program.copies.push((self.program.rows.len(), from));
        }
        self.program.rows.push(row);
        self.program.rows.len() - 1
    }

    /// A row whose `z` copies the requantization of `unit`, placed already or not.
    fn push_unit_copy(&mut self, row: Row, layer: usize, unit: usize) -> usize {
        let at = self.push(row);
        self.pending.push((at, layer, unit));
        at
    }

    /// Instance rows, then the digits that do not fit them.
    ///
    /// Instance `e` of `I` has exponent `I − 1 − e` when all instance rows are done, so its
    /// digits fold `−2^bit` on that lane. Row 0 is also the machine's first row: its `act`
    /// brings `r` in, as one more digit of the first tag half.
    pub(super) fn instance_words(&mut self) {
        let all = instance_words(self.model);
        let mut rest = Vec::new();
        for (word, digits) in all.into_iter().enumerate() {
            let mut digits = digits.into_iter();
            let mut row = Row::new(Source::Idle);
            row.fixed.load = true;
            row.fixed.s_one = Fr::ZERO;
            row.fixed.s_rho = Fr::ONE;
            if word == 0 {
                row.fixed.act = Fr::ONE;
                digits.next();
            }
            if let Some(&(bit, part)) = digits.as_slice().first()
                && !matches!(part, Part::Output(_))
            {
                digits.next();
                row.fixed.digit = power_of_two(bit);
                row.source = Source::Digit {
                    word,
                    bit,
                    low_in_r: word == 0,
                };
                if let Part::Input(digit) = part {
                    self.program.digit_rows[digit] = word;
                }
            }
            self.push(row);
            rest.extend(digits.map(|(bit, part)| (word, bit, part)));
        }
        for (word, bit, part) in rest {
            self.word_digit(word, bit, part);
        }
    }

    /// The rows of one digit of an instance word; the digit itself is on the last.
    fn word_digit(&mut self, word: usize, bit: u32, part: Part) {
        let exponent = self.program.instances - 1 - word;
        let last_layer = self.model.layers.len() - 1;
        let tabled = self.model.layers[last_layer].table.is_some();
        let mut block = vec![Row::new(Source::Idle); exponent / LANES + 1];
        block[0].fixed.lanes[exponent % LANES] = -power_of_two(bit);
        for row in &mut block[1..] {
            row.fixed.op = Op::Fold;
        }
        if tabled && matches!(part, Part::Output(_)) && block.len() == 1 {
            block.insert(0, Row::new(Source::Idle));
        }
        let count = block.len();
        for (index, mut row) in block.into_iter().enumerate() {
            let last = index + 1 == count;
            row.fixed.load = last;
            match part {
                Part::Tag | Part::Input(_) if last => {
                    row.source = Source::Digit {
                        word,
                        bit,
                        low_in_r: false,
                    };
                    let at = self.push(row);
                    if let Part::Input(digit) = part {
                        self.program.digit_rows[digit] = at;
                    }
                }
                Part::Output(unit) if last && tabled => {
                    row.source = Source::Table {
                        layer: last_layer,
                        unit,
                    };
                    let at = self.push(row);
                    self.program.activation_rows[last_layer][unit] = at;
                }
                Part::Output(unit) if last => {
                    self.push_unit_copy(row, last_layer, unit);
                }
                Part::Output(unit) if tabled && index + 2 == count => {
                    row.fixed.tag = table_tag(self.model, last_layer);
                    self.push_unit_copy(row, last_layer, unit);
                }
                _ => {
                    self.push(row);
                }
            }
        }
    }

    /// Requantization rows of a layer: one equation per unit, padding units included.
    pub(super) fn requantization(&mut self, layer: usize) {
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
                row.source = Source::Unit { layer, unit };
                let at = self.push(row);
                self.program.unit_rows[layer][unit] = at;
                if dense.table.is_none() {
                    self.program.activation_rows[layer][unit] = at;
                }
                if saturates {
                    let mut excess = Row::new(Source::Excess { layer, unit });
                    excess.fixed.op = Op::Split;
                    excess.fixed.act = power_of_two(bits);
                    excess.fixed.digit = power_of_two(2 * bits);
                    self.push(excess);
                }
            }
        }
    }

    /// Weight blocks of a layer: each input's column of packed weights, folded, times the input.
    pub(super) fn weights(&mut self, layer: usize) {
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
                0 => self.program.digit_rows[input],
                _ => self.program.activation_rows[layer - 1][input],
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

    /// Function rows of a hidden layer: `(z, z')` looked up under the table's tag.
    pub(super) fn functions(&mut self, layer: usize) {
        if self.model.layers[layer].table.is_none() {
            return;
        }
        for unit in 0..self.model.layers[layer].weights.len() {
            let mut argument = Row::new(Source::Copy {
                row: self.program.unit_rows[layer][unit],
            });
            argument.fixed.tag = table_tag(self.model, layer);
            self.push(argument);
            let at = self.push(Row::new(Source::Table { layer, unit }));
            self.program.activation_rows[layer][unit] = at;
        }
    }

    /// Resolves pending copies.
    pub(super) fn into_program(mut self) -> Program {
        for (at, layer, unit) in self.pending {
            let from = self.program.unit_rows[layer][unit];
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
