//! Fills a program's rows for one input.
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
    /// Tag halves, input words, output words.
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
    /// A value that the look-up table does not hold: program and model do not belong together.
    #[error("row {row}: {what} is not in the look-up table; was the bundle made for this model?")]
    NotInTable {
        /// Row of the program.
        row: usize,
        /// Which value.
        what: String,
    },
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
        let model = &Chain::new(model).map_err(WitnessError::NotAChain)?;
        let trace = model.run(raw)?;
        let mut instances = tag_halves(tag).to_vec();
        instances.extend(model.pack_input(raw)?);
        instances.extend(model.pack_output(STATUS_OK, trace.outputs()));
        let mut witness = Self {
            z: vec![0; program.rows.len()],
            n: vec![0; program.rows.len()],
            r: vec![0; program.rows.len()],
            m: vec![0; program.rows.len()],
            instances,
        };
        for row in 0..program.rows.len() {
            witness.fill(row, model, program, &trace);
        }
        for &(to, from) in &program.copies {
            witness.z[to] = witness.z[from];
        }
        witness.count(model, program)?;
        Ok(witness)
    }

    fn fill(&mut self, row: usize, model: &Chain<'_>, program: &Program, trace: &Trace) {
        let bits = program.digit_bits;
        let max = i64::from(program.max_digit());
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
            Source::Unit { layer, unit } => {
                let u = trace.accumulators[model.nodes[layer]][unit];
                let quotient = u >> bits;
                self.z[row] = quotient.clamp(0, max) as u32;
                self.n[row] = ((-quotient).max(0) & max) as u32;
                self.r[row] = (u & max) as u32;
            }
            Source::Excess { layer, unit } => {
                let quotient = trace.accumulators[model.nodes[layer]][unit] >> bits;
                let excess = (quotient - max).max(0);
                self.z[row] = (excess >> bits) as u32;
                self.n[row] = ((-quotient).max(0) >> bits) as u32;
                self.r[row] = (excess & max) as u32;
            }
            Source::Table { layer, unit } => {
                self.z[row] = trace.wires[model.activations[layer] + unit];
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
