//! Salted commitments to private inputs and private weights.
//!
//! `commit = Poseidon(capacity = domain + 2^32 · length; salt, words…)`: hiding by the salt, which
//! must be random and used once, binding by Poseidon's collision resistance. Words are packed
//! digits, each below 2^253, so a commitment opens to one list of digits.

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_model::words::Word;

use crate::field::{from_word, power_of_two, to_word};
use crate::poseidon;

/// What is committed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Input words.
    Input = 1,
    /// Weights and biases.
    Model = 2,
}

/// First element of the sponge's state, for `words` words after the salt.
pub fn capacity(domain: Domain, words: usize) -> Fr {
    Fr::from(domain as u64) + Fr::from(words as u64) * power_of_two(32)
}

/// Commitment to field elements.
pub fn commit(domain: Domain, salt: Fr, words: &[Fr]) -> Fr {
    let mut input = vec![salt];
    input.extend_from_slice(words);
    poseidon::hash(capacity(domain, words.len()), &input)
}

/// Commitment to packed input words, as the hub stores it; `None` if salt or a word is not below
/// the field's modulus.
pub fn commit_input(salt: &Word, words: &[Word]) -> Option<Word> {
    let words: Option<Vec<Fr>> = words.iter().map(from_word).collect();
    Some(to_word(&commit(Domain::Input, from_word(salt)?, &words?)))
}

/// Words of `digits` digits of `bits` bits, as many per word as fit 253 bits.
pub fn digit_words(digits: &[u32], bits: u32) -> Vec<Fr> {
    let step = power_of_two(bits);
    digits
        .chunks(digits_per_word(bits))
        .map(|chunk| {
            let digits = chunk.iter().rev();
            digits.fold(Fr::from(0), |sum, digit| {
                sum * step + Fr::from(u64::from(*digit))
            })
        })
        .collect()
}

/// Digits of `bits` bits in one word.
pub fn digits_per_word(bits: u32) -> usize {
    haloracle_model::words::slots_per_word(bits)
}
