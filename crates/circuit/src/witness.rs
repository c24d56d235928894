//! Fills a program's rows for one input per item.
//!
//! Every value comes from the reference executor's trace, so the circuit cannot disagree with
//! it without the proof failing. All cells are small and non-negative, which keeps the
//! commitments cheap.

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_model::words::Word;
use haloracle_model::{IntegerModel, ModelError, Trace, integer::STATUS_OK};

use crate::chain::Chain;

use crate::field;
use crate::lower::table_multiplicity_index;
use crate::program::{Program, Source};

/// The phase-1 cells of one run, by row, and its public instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Digits.
    pub z: Vec<u32>,
    /// Negative parts.
    pub n: Vec<u32>,
    /// Remainders.
    pub r: Vec<u32>,
    /// Multiplicities of the table entries.
    pub m: Vec<u32>,
    /// Tag halves, then per item input words and output words.
    pub instances: Vec<Word>,
}

/// Why an input has no witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The input is not of the model's domain.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A model that the narrow shape cannot prove.
    #[error("not a chain of layers: {0}")]
    NotAChain(String),
    /// Another number of inputs than the program answers.
    #[error("the program answers {expected} inputs at once, not {got}")]
    Items {
        /// The program's number.
        expected: usize,
        /// The number given.
        got: usize,
    },
    /// A value that the look-up table does not hold: program and model do not belong together.
    #[error("row {row}: {what} is not in the look-up table; was the bundle made for this model?")]
    NotInTable {
        /// Row of the program.
        row: usize,
        /// Which value.
        what: String,
    },
}

/// Refuses another number of inputs than the program answers.
pub(crate) fn count_items(expected: usize, got: usize) -> Result<(), WitnessError> {
    match expected == got {
        true => Ok(()),
        false => Err(WitnessError::Items { expected, got }),
    }
}

/// The two 128-bit halves of a statement tag, as instance words.
pub fn tag_halves(tag: &Word) -> [Word; 2] {
    let mut halves = [[0; 32]; 2];
    halves[0][16..].copy_from_slice(&tag[..16]);
    halves[1][16..].copy_from_slice(&tag[16..]);
    halves
}

/// The digit of `bits` bits of `word` that starts at bit `from`.
pub(crate) fn word_digit(word: &Word, from: u32, bits: u32) -> u32 {
    (0..bits).fold(0, |digit, bit| {
        let at = (from + bit) as usize;
        let set = at < 256 && word[31 - at / 8] >> (at % 8) & 1 == 1;
        digit | u32::from(set) << bit
    })
}

impl Witness {
    /// Runs `model` on `raw` and fills `program`'s rows under the statement `tag`.
    ///
    /// # Errors
    /// An input outside the domain, or a program of another model.
    pub fn new(
        model: &IntegerModel,
        program: &Program,
        raw: &[i64],
        tag: &Word,
    ) -> Result<Self, WitnessError> {
        Self::batch(model, program, &[raw], tag)
    }

    /// Runs `model` on every item's input and fills the rows of a program of as many items.
    ///
    /// # Errors
    /// As [`Self::new`]; another number of items than the program's.
    pub fn batch(
        model: &IntegerModel,
        program: &Program,
        items: &[&[i64]],
        tag: &Word,
    ) -> Result<Self, WitnessError> {
        count_items(program.items, items.len())?;
        let model = &Chain::new(model).map_err(WitnessError::NotAChain)?;
        let traces = items.iter().enumerate().map(|(index, raw)| {
            let run = model.run(raw);
            run.map_err(|error| error.of_item(index, items.len()))
        });
        let traces: Vec<Trace> = traces.collect::<Result<_, _>>()?;
        let mut instances = tag_halves(tag).to_vec();
        for (raw, trace) in items.iter().zip(&traces) {
            instances.extend(model.pack_input(raw)?);
            instances.extend(model.pack_output(STATUS_OK, trace.outputs()));
        }
        let mut witness = Self {
            z: vec![0; program.rows.len()],
            n: vec![0; program.rows.len()],
            r: vec![0; program.rows.len()],
            m: vec![0; program.rows.len()],
            instances,
        };
        for row in 0..program.rows.len() {
            witness.fill(row, model, program, &traces);
        }
        for &(to, from) in &program.copies {
            witness.z[to] = witness.z[from];
        }
        witness.count(model, program)?;
        Ok(witness)
    }

    fn fill(&mut self, row: usize, model: &Chain<'_>, program: &Program, traces: &[Trace]) {
        let bits = program.digit_bits;
        let max = i64::from(program.max_digit());
        let accumulator = |item: usize, layer: usize, unit: usize| {
            traces[item].accumulators[model.nodes[layer]][unit]
        };
        match program.rows[row].source {
            Source::Idle | Source::Copy { .. } => {}
            Source::Digit {
                word,
                bit,
                low_in_r,
            } => {
                self.z[row] = word_digit(&self.instances[word], bit, bits);
                if low_in_r {
                    self.r[row] = word_digit(&self.instances[word], 0, bits);
                }
            }
            Source::Unit { item, layer, unit } => {
                let u = accumulator(item, layer, unit);
                let quotient = u >> bits;
                self.z[row] = quotient.clamp(0, max) as u32;
                self.n[row] = ((-quotient).max(0) & max) as u32;
                self.r[row] = (u & max) as u32;
            }
            Source::Excess { item, layer, unit } => {
                let quotient = accumulator(item, layer, unit) >> bits;
                let excess = (quotient - max).max(0);
                self.z[row] = (excess >> bits) as u32;
                self.n[row] = ((-quotient).max(0) >> bits) as u32;
                self.r[row] = (excess & max) as u32;
            }
            Source::Table { item, layer, unit } => {
                self.z[row] = traces[item].wires[model.activations[layer] + unit];
            }
        }
    }

    /// Counts how often each table entry is looked up; the entry's row holds the count.
    fn count(&mut self, model: &Chain<'_>, program: &Program) -> Result<(), WitnessError> {
        let last = program.last_row();
        let size = program.max_digit() as usize + 1;
        for row in 0..last {
            for (what, value) in [("z + n", self.z[row] + self.n[row]), ("r", self.r[row])] {
                let entry = (value as usize) < size;
                let count = entry.then(|| &mut self.m[value as usize]);
                *count.ok_or_else(|| WitnessError::NotInTable {
                    row,
                    what: format!("{what} = {value}"),
                })? += 1;
            }
            let tag = program.rows[row].fixed.tag;
            if tag != 0 {
                let entry = table_multiplicity_index(model, tag, self.z[row], self.z[row + 1]);
                let entry = entry.ok_or_else(|| WitnessError::NotInTable {
                    row,
                    what: format!("({}, {}) under tag {tag}", self.z[row], self.z[row + 1]),
                })?;
                // The multiplicity is weighted by the tag, the numerator of a tuple's fraction.
                self.m[entry] += tag;
            }
        }
        Ok(())
    }

    /// The instances as field elements; packed words are below the modulus by construction.
    pub fn instance_values(&self) -> Vec<Fr> {
        let words = self.instances.iter();
        words.filter_map(field::from_word).collect()
    }
}
