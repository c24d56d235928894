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
    /// Input digit by its index in the first activation vector.
    Input(usize),
    /// Output by its index in the last layer.
    Output(usize),
}

/// The digits of every instance word, as (lowest bit, what it is); bits that no digit covers
/// are zero in every provable instance.
pub(crate) fn instance_words(model: &Chain<'_>) -> Vec<Vec<(u32, Part)>> {
    let bits = model.digit_bits;
    let digits = model.input.digits as usize;
    let tag: Vec<_> = (0..TAG_HALF_BITS.div_ceil(bits))
        .map(|d| (d * bits, Part::Tag))
        .collect();
    let mut all = vec![tag.clone(), tag];

    let slot = model.input_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut inputs = vec![Vec::new(); model.input_words()];
    for feature in 0..model.input.features.len() {
        for digit in 0..digits {
            let bit = (feature % per_word) as u32 * slot + digit as u32 * bits;
            inputs[feature / per_word].push((bit, Part::Input(feature * digits + digit)));
        }
    }
    all.append(&mut inputs);

    // Slot 0 is the status. It has no digit: a public model's status is always 0.
    let per_word = words::slots_per_word(bits);
    let mut outputs = vec![Vec::new(); model.output_words()];
    for output in 0..model.output.len() {
        let slot = output + 1;
        let bit = (slot % per_word) as u32 * bits;
        outputs[slot / per_word].push((bit, Part::Output(output)));
    }
    all.append(&mut outputs);
    all
}
