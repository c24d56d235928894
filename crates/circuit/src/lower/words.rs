//! Which digits an instance word consists of.

use haloracle_model::words;

use crate::chain::Chain;

/// Bits of a tag half.
pub(crate) const TAG_HALF_BITS: u32 = 128;

/// What a digit of an instance word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Part of a tag half: only the instance itself.
    Tag,
    /// Input digit by its index among the digits of all items.
    Input(usize),
    /// Output of an item by its index in the last layer.
    Output {
        /// The item.
        item: usize,
        /// Unit of the last layer.
        unit: usize,
    },
}

/// The digits of every instance word, as (lowest bit, what it is); bits that no digit covers
/// are zero in every provable instance. The tag's halves come first, then each item's input words
/// and output words: no word holds digits of two items.
pub(crate) fn instance_words(model: &Chain<'_>, items: usize) -> Vec<Vec<(u32, Part)>> {
    let bits = model.digit_bits;
    let tag: Vec<_> = (0..TAG_HALF_BITS.div_ceil(bits))
        .map(|d| (d * bits, Part::Tag))
        .collect();
    let mut all = vec![tag.clone(), tag];
    for item in 0..items {
        all.extend(input_words(model, item));
        all.extend(output_words(model, item));
    }
    all
}

fn input_words(model: &Chain<'_>, item: usize) -> Vec<Vec<(u32, Part)>> {
    let digits = model.input.digits as usize;
    let first = item * model.input_wires();
    let slot = model.input_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut inputs = vec![Vec::new(); model.input_words()];
    for feature in 0..model.input.features.len() {
        for digit in 0..digits {
            let bit = (feature % per_word) as u32 * slot + digit as u32 * model.digit_bits;
            inputs[feature / per_word].push((bit, Part::Input(first + feature * digits + digit)));
        }
    }
    inputs
}

fn output_words(model: &Chain<'_>, item: usize) -> Vec<Vec<(u32, Part)>> {
    // Slot 0 is the status. It has no digit: a public model's status is always 0.
    let bits = model.digit_bits;
    let per_word = words::slots_per_word(bits);
    let mut outputs = vec![Vec::new(); model.output_words()];
    for unit in 0..model.output.len() {
        let slot = unit + 1;
        let bit = (slot % per_word) as u32 * bits;
        outputs[slot / per_word].push((bit, Part::Output { item, unit }));
    }
    outputs
}
