//! Emits the rows of the public words: the instances and the digits that they consist of.
//!
//! Instance `e` of `I` has exponent `I − 1 − e` when all instance rows are done, so its digits
//! fold `−2^bit` on that lane. A proof of one item has few words, and each digit takes a fold of
//! its own. Among the words of many items, digits at one bit whose exponents are four apart share
//! a chain: every row of a fold that goes on multiplies by ρ^4 and may load a digit.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::rows::{Builder, Taken, table_tag};
use super::words::{Part, instance_words};
use crate::field::power_of_two;
use crate::machine::config::LANES;
use crate::program::{Op, Row, Source};

/// A digit that does not stand on its word's row: word, lowest bit, what it is.
type Digit = (usize, u32, Part);

/// Digits of one bit and exponents of one remainder modulo the lanes, by exponent.
type Chains = BTreeMap<(u32, usize), BTreeMap<usize, Digit>>;

/// Groups digits into chains.
fn chains(instances: usize, digits: Vec<Digit>) -> Chains {
    let mut chains = Chains::new();
    for digit in digits {
        let exponent = instances - 1 - digit.0;
        let chain = chains.entry((digit.1, exponent % LANES)).or_default();
        chain.insert(exponent, digit);
    }
    chains
}

/// Rows of the public words, about: at most a digit per word is on the word's own row.
pub(super) fn rows(words: Vec<Vec<(u32, Part)>>, items: usize) -> usize {
    let instances = words.len();
    let digits = words.into_iter().enumerate();
    if items == 1 {
        let folds =
            digits.map(|(word, digits)| digits.len() * (1 + (instances - 1 - word) / LANES));
        return folds.sum();
    }
    let digits = digits.flat_map(|(word, digits)| {
        let rest = digits.into_iter().skip(1);
        rest.map(move |(bit, part)| (word, bit, part))
    });
    let chains = chains(instances, digits.collect());
    let last = chains.values().filter_map(|chain| chain.keys().next_back());
    instances + last.map(|exponent| 1 + exponent / LANES).sum::<usize>()
}

impl Builder<'_> {
    /// Instance rows, then the digits that do not fit them.
    ///
    /// Row 0 is also the machine's first row: its `act` brings `r` in, as one more digit of the
    /// first tag half.
    pub(super) fn instance_words(&mut self) {
        let all = instance_words(self.model, self.program.items);
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
                && !matches!(part, Part::Output { .. })
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
        if self.program.items > 1 {
            return self.digit_chains(rest);
        }
        for (word, bit, part) in rest {
            self.word_digit(word, bit, part);
        }
    }

    /// One fold per chain; a row loads the digit at its exponent, if there is one.
    fn digit_chains(&mut self, digits: Vec<Digit>) {
        for ((bit, lane), chain) in chains(self.program.instances, digits) {
            let steps = chain.keys().next_back().map_or(0, |last| last / LANES + 1);
            for step in 0..steps {
                let mut row = Row::new(Source::Idle);
                match step {
                    0 => row.fixed.lanes[lane] = -power_of_two(bit),
                    _ => row.fixed.op = Op::Fold,
                }
                match chain.get(&(step * LANES + lane)) {
                    Some(digit) => self.load_digit(row, *digit),
                    None => drop(self.push(row)),
                }
            }
        }
    }

    /// A row that loads a digit; an output is a copy, of its function's value where it has one.
    fn load_digit(&mut self, mut row: Row, (word, bit, part): Digit) {
        row.fixed.load = true;
        if let Part::Output { item, unit } = part {
            let piece = self.program.piece(item, self.model.layers.len() - 1);
            self.push_unit_copy(row, piece, unit, Taken::Activation);
            return;
        }
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

    /// The rows of one digit of a single item's word; the digit itself is on the last.
    fn word_digit(&mut self, word: usize, bit: u32, part: Part) {
        let exponent = self.program.instances - 1 - word;
        let last_layer = self.model.layers.len() - 1;
        let tabled = self.model.layers[last_layer].table.is_some();
        let mut block = vec![Row::new(Source::Idle); exponent / LANES + 1];
        block[0].fixed.lanes[exponent % LANES] = -power_of_two(bit);
        for row in &mut block[1..] {
            row.fixed.op = Op::Fold;
        }
        if tabled && matches!(part, Part::Output { .. }) && block.len() == 1 {
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
                Part::Output { item, unit } if last && tabled => {
                    row.source = Source::Table {
                        item,
                        layer: last_layer,
                        unit,
                    };
                    let at = self.push(row);
                    self.program.activation_rows[last_layer][unit] = at;
                }
                Part::Output { unit, .. } if last => {
                    self.push_unit_copy(row, last_layer, unit, Taken::Digit);
                }
                Part::Output { unit, .. } if tabled && index + 2 == count => {
                    row.fixed.tag = table_tag(self.model, last_layer);
                    self.push_unit_copy(row, last_layer, unit, Taken::Digit);
                }
                _ => {
                    self.push(row);
                }
            }
        }
    }
}
