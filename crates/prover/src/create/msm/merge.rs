//! Equal scalars met once: their points are summed first.

use std::borrow::Cow;

use halo2_proofs::halo2curves::bn256::G1Affine;

use super::{Bases, affine};

/// A scalar's canonical limbs beside the index of its base.
type Indexed = (u32, [u64; 4]);

/// Slots looked at before a scalar counts as new: bounds the work on inputs made to collide.
const PROBES: usize = 8;
/// Merging pays if it saves at least one term in this many.
const WORTH: usize = 16;

/// Returns the same sum with (nearly) distinct scalars, over other bases if there were enough
/// repetitions. Indices of the result refer to the bases returned with it.
pub(super) fn equal_scalars(bases: &Bases, terms: Vec<Indexed>) -> (Cow<'_, Bases>, Vec<Indexed>) {
    let (classes, distinct) = classify(&terms);
    if (terms.len() - distinct.len()) * WORTH < terms.len() || terms.is_empty() {
        return (Cow::Borrowed(bases), terms);
    }
    // Counting sort by class, then one sum a class.
    let mut starts = vec![0u32; distinct.len() + 1];
    for class in &classes {
        starts[*class as usize + 1] += 1;
    }
    for class in 0..distinct.len() {
        starts[class + 1] += starts[class];
    }
    let mut next = starts.clone();
    let mut order = vec![0u32; terms.len()];
    for ((index, _), class) in terms.iter().zip(&classes) {
        let at = &mut next[*class as usize];
        order[*at as usize] = *index;
        *at += 1;
    }
    let points: Vec<G1Affine> = affine::segment_sums(&order, &starts, |index| bases.load(index));
    let merged = (0..).zip(distinct).collect();
    (Cow::Owned(Bases::new(points)), merged)
}

/// The class of each term, and the scalar of each class.
fn classify(terms: &[Indexed]) -> (Vec<u32>, Vec<[u64; 4]>) {
    const EMPTY: u32 = u32::MAX;
    let slots = (terms.len() * 2).next_power_of_two();
    let mut table = vec![EMPTY; slots];
    let mut distinct: Vec<[u64; 4]> = Vec::new();
    let classes = terms
        .iter()
        .map(|(_, limbs)| {
            let start = hash(limbs) as usize;
            for probe in 0..PROBES {
                let slot = &mut table[(start + probe) & (slots - 1)];
                if *slot == EMPTY {
                    *slot = distinct.len() as u32;
                    break;
                }
                if distinct[*slot as usize] == *limbs {
                    return *slot;
                }
            }
            distinct.push(*limbs);
            distinct.len() as u32 - 1
        })
        .collect();
    (classes, distinct)
}

/// Mixes the limbs; large scalars are close to uniform as they are.
fn hash(limbs: &[u64; 4]) -> u32 {
    let mixed = limbs.iter().fold(0u64, |mixed, limb| {
        (mixed.rotate_left(23) ^ limb).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (mixed >> 32) as u32
}
