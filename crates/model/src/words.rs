//! Packing of small non-negative integers into 256-bit words that stay below the scalar field.
//!
//! A word holds equal slots, the first value in the lowest bits, and at most
//! [`WORD_BITS`] bits are used: 2^253 < r, so a word is a canonical field element and two
//! different packings never collide.

/// Bits of a word that may carry slots; 2^253 is below the BN254 scalar field's modulus.
pub const WORD_BITS: u32 = 253;

/// A 256-bit word, big-endian as in the EVM.
pub type Word = [u8; 32];

/// Slots of `slot_bits` that fit one word.
pub const fn slots_per_word(slot_bits: u32) -> usize {
    (WORD_BITS / slot_bits) as usize
}

/// Words needed for `count` slots of `slot_bits`.
pub const fn word_count(count: usize, slot_bits: u32) -> usize {
    count.div_ceil(slots_per_word(slot_bits))
}

/// Packs `values`, each below 2^`slot_bits`, first value in the lowest bits of the first word.
///
/// Bits beyond `slot_bits` are a caller's bug; they are dropped here and rejected by the
/// model's own checks before.
pub fn pack(values: &[u64], slot_bits: u32) -> Vec<Word> {
    values
        .chunks(slots_per_word(slot_bits))
        .map(|slots| {
            let mut word = [0u8; 32];
            for (slot, &value) in slots.iter().enumerate() {
                for bit in 0..slot_bits as usize {
                    if value >> bit & 1 == 1 {
                        let at = slot * slot_bits as usize + bit;
                        word[31 - at / 8] |= 1 << (at % 8);
                    }
                }
            }
            word
        })
        .collect()
}

/// Reads `count` slots back; `None` if the number of words is wrong or an unused bit is set.
pub fn unpack(words: &[Word], count: usize, slot_bits: u32) -> Option<Vec<u64>> {
    if words.len() != word_count(count, slot_bits) {
        return None;
    }
    let per_word = slots_per_word(slot_bits);
    let values: Vec<u64> = (0..count)
        .map(|index| {
            let word = &words[index / per_word];
            let start = index % per_word * slot_bits as usize;
            (0..slot_bits as usize).fold(0, |value, bit| {
                let at = start + bit;
                value | u64::from(word[31 - at / 8] >> (at % 8) & 1) << bit
            })
        })
        .collect();
    (pack(&values, slot_bits) == words).then_some(values)
}
