//! Mutations that keep the structure of what they change: a generic mutation of a protobuf or JSON
//! file nearly always breaks the file, and never gets past its outermost parser.

mod json;
mod wire;

use crate::{Target, bundle};

/// A mutation of `input` that keeps its structure, if the target's inputs have one and `input`
/// follows it. The same seed gives the same mutation.
pub(crate) fn mutate(target: Target, input: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random(u64::from(seed));
    let after_choice = |random: &mut Random| {
        let (choice, text) = input.split_first()?;
        Some([&[*choice], json::mutate(text, random)?.as_slice()].concat())
    };
    match target {
        Target::Onnx => wire::mutate(input, &mut random),
        Target::Json => json::mutate(input, &mut random),
        Target::Proof => input
            .first()
            .filter(|choice| **choice % 4 == 0)
            .and(after_choice(&mut random)),
        Target::Bundle if bundle::is_text(input) => after_choice(&mut random),
        Target::Bundle | Target::Srs | Target::Csv | Target::Npz => None,
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, or 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// One of them.
    fn of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }

    /// A number that is likely to be at some limit.
    fn number(&mut self) -> u64 {
        let near = 1u64.wrapping_shl(self.next() as u32);
        match self.below(6) {
            0 => self.below(4) as u64,
            1 => near,
            2 => near.wrapping_sub(1),
            3 => near.wrapping_neg(),
            4 => self.below(300) as u64,
            _ => self.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_keep_the_structure_and_change_something() {
        let json = br#"{"input": [[1, 2.5], [3, 4]], "names": ["a", "b"]}"#;
        let onnx = b"\x08\x07\x12\x03abc\x1a\x0b\x08\x01\x15\x00\x00\x80\x3f\x12\x02\x08\x02";
        for (target, input) in [(Target::Json, &json[..]), (Target::Onnx, &onnx[..])] {
            let mutants: std::collections::HashSet<Vec<u8>> = (0..200)
                .map(|seed| mutate(target, input, seed).expect("a mutation"))
                .collect();
            assert!(mutants.len() > 100, "{target:?}: {}", mutants.len());
            for mutant in &mutants {
                assert!(mutate(target, mutant, 1).is_some(), "{target:?}: broken");
            }
            let again = mutate(target, input, 5);
            assert_eq!(again, mutate(target, input, 5));
        }
        assert_eq!(mutate(Target::Json, b"{", 1), None);
        assert_eq!(mutate(Target::Onnx, b"\xff", 1), None);
        assert_eq!(mutate(Target::Csv, b"1,2", 1), None);
    }
}
