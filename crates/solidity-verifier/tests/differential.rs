//! Our contract, halo2's verifier and snark-verifier's contract on the same proofs.

mod common;

use std::sync::OnceLock;

use common::{Bench, Verdicts, Word, plus, q, r, word};
use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Made once: key generation, proof and two compilations.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(Bench::small)
}

/// What stands at which words of a proof of the machine: points (two words each), evaluations,
/// two points.
const POINTS: std::ops::Range<usize> = 0..28;
const SCALARS: std::ops::Range<usize> = 28..60;
const WORDS: usize = 64;

fn with_word(proof: &[u8], index: usize, word: &Word) -> Vec<u8> {
    let mut proof = proof.to_vec();
    proof[32 * index..32 * (index + 1)].copy_from_slice(word);
    proof
}

fn proof_word(proof: &[u8], index: usize) -> &[u8] {
    &proof[32 * index..32 * (index + 1)]
}

/// First words of the proof's points.
fn points() -> impl Iterator<Item = usize> {
    POINTS.chain(SCALARS.end..WORDS).step_by(2)
}

fn assert_all_reject(instances: &[Word], proof: &[u8], what: &str) {
    assert_eq!(
        bench().verdicts(instances, proof),
        Verdicts::REJECT,
        "{what}"
    );
}

/// The oracle reduces scalars instead of rejecting them: only the strict verifiers count.
fn assert_strict_reject(instances: &[Word], proof: &[u8], what: &str) {
    assert!(!bench().native(instances, proof), "native accepts: {what}");
    assert!(!bench().ours(instances, proof), "ours accepts: {what}");
}

#[test]
fn valid_proofs_are_accepted_by_all() {
    let bench = bench();
    let proof = &bench.proof;
    assert_eq!(proof.evm.len(), 32 * WORDS);
    assert_eq!(
        bench.verdicts(&proof.instances, &proof.evm),
        Verdicts::ACCEPT
    );
    // Corners of the domain saturate and touch every table entry's end.
    for (seed, raw) in [[-300; 3], [700; 3], [-300, 700, -300]].iter().enumerate() {
        let proof = bench
            .keys
            .prove(raw, &[seed as u8 + 1; 32])
            .expect("corner has a proof");
        assert_eq!(
            bench.verdicts(&proof.instances, &proof.evm),
            Verdicts::ACCEPT
        );
    }
}

#[test]
fn a_flipped_bit_in_any_word_is_rejected_by_all() {
    let proof = &bench().proof;
    let mut rng = StdRng::seed_from_u64(1);
    for index in 0..WORDS {
        let mut changed = proof.evm.clone();
        changed[32 * index + rng.gen_range(0..32)] ^= 1 << rng.gen_range(0..8);
        assert_strict_reject(&proof.instances, &changed, &format!("word {index}"));
        let mut lowest = proof.evm.clone();
        lowest[32 * index + 31] ^= 1;
        assert_all_reject(
            &proof.instances,
            &lowest,
            &format!("lowest bit of word {index}"),
        );
    }
}

#[test]
fn changed_instances_are_rejected_by_all() {
    let proof = &bench().proof;
    for index in 0..proof.instances.len() {
        let value = BigUint::from_bytes_be(&proof.instances[index]);
        let one = BigUint::from(1u8);
        let below = (&value + r() - &one) % r();
        for (changed, what) in [(&value + &one, "+ 1"), (below, "- 1")] {
            let mut instances = proof.instances.clone();
            instances[index] = word(&changed);
            assert_all_reject(&instances, &proof.evm, &format!("instance {index} {what}"));
        }
        for multiple in 1u8..=4 {
            let offset = r() * multiple;
            let Some(changed) = plus(&proof.instances[index], &offset) else {
                continue;
            };
            let mut instances = proof.instances.clone();
            instances[index] = changed;
            assert_strict_reject(&instances, &proof.evm, &format!("instance {index} + r"));
        }
    }
    let mut swapped = proof.instances.clone();
    swapped.swap(0, 1);
    assert_all_reject(&swapped, &proof.evm, "tag halves swapped");
}

#[test]
fn a_wrong_number_of_instances_is_rejected() {
    let bench = bench();
    let proof = &bench.proof;
    for extra in [[0; 32], [1; 32]] {
        let instances = [proof.instances.as_slice(), &[extra]].concat();
        assert_strict_reject(&instances, &proof.evm, "extra instance");
    }
    let (_, fewer) = proof.instances.split_last().expect("has instances");
    assert_strict_reject(fewer, &proof.evm, "missing instance");
    assert_strict_reject(&[], &proof.evm, "no instances");
}

#[test]
fn boundary_scalars_are_rejected() {
    let proof = &bench().proof;
    let one = BigUint::from(1u8);
    let top = (BigUint::from(1u8) << 256u32) - &one;
    let values = [
        BigUint::from(0u8),
        one.clone(),
        r() - &one,
        r(),
        r() + &one,
        q(),
        top,
    ];
    for index in SCALARS {
        for value in &values {
            let changed = with_word(&proof.evm, index, &word(value));
            if changed == proof.evm {
                continue; // a zero column evaluates to 0
            }
            let what = format!("scalar word {index} = {value:#x}");
            assert_strict_reject(&proof.instances, &changed, &what);
        }
        let shifted = plus(proof_word(&proof.evm, index), &r()).expect("2r < 2^256");
        let changed = with_word(&proof.evm, index, &shifted);
        assert_strict_reject(
            &proof.instances,
            &changed,
            &format!("scalar word {index} + r"),
        );
    }
    for index in 0..proof.instances.len() {
        for value in &values {
            let mut instances = proof.instances.clone();
            instances[index] = word(value);
            if instances == proof.instances {
                continue;
            }
            let what = format!("instance {index} = {value:#x}");
            assert_strict_reject(&instances, &proof.evm, &what);
        }
    }
}

#[test]
fn malformed_points_are_rejected_by_all() {
    let proof = &bench().proof;
    let zero = word(&BigUint::from(0u8));
    let generator = [word(&BigUint::from(1u8)), word(&BigUint::from(2u8))];
    for index in points() {
        let [x, y] = [index, index + 1].map(|index| proof_word(&proof.evm, index).to_vec());
        let place = |pair: [&Word; 2]| {
            with_word(&with_word(&proof.evm, index, pair[0]), index + 1, pair[1])
        };
        let reject = |changed: &[u8], what: &str| {
            assert_all_reject(
                &proof.instances,
                changed,
                &format!("point at word {index}: {what}"),
            );
        };
        let [x, y]: [Word; 2] = [x, y].map(|half| half.try_into().expect("32 bytes"));
        let minus_y = word(&(q() - BigUint::from_bytes_be(&y)));
        reject(&place([&zero, &zero]), "infinity");
        reject(&place([&zero, &y]), "x = 0");
        reject(&place([&x, &zero]), "y = 0");
        reject(&place([&x, &minus_y]), "negated");
        reject(&place([&generator[0], &generator[1]]), "generator");
        reject(&place([&y, &x]), "coordinates swapped");
        for multiple in 1u8..=4 {
            if let Some(shifted) = plus(&x, &(q() * multiple)) {
                reject(&place([&shifted, &y]), "x + q");
            }
            if let Some(shifted) = plus(&y, &(q() * multiple)) {
                reject(&place([&x, &shifted]), "y + q");
            }
        }
        let shifted_zero = word(&q());
        reject(&place([&shifted_zero, &shifted_zero]), "infinity + q");
    }
}

#[test]
fn neighbouring_points_cannot_change_places() {
    let proof = &bench().proof;
    let starts: Vec<usize> = points().collect();
    for pair in starts.windows(2) {
        let mut changed = proof.evm.clone();
        let (a, b) = (32 * pair[0], 32 * pair[1]);
        let first = changed[a..a + 64].to_vec();
        changed.copy_within(b..b + 64, a);
        changed[b..b + 64].copy_from_slice(&first);
        assert_all_reject(
            &proof.instances,
            &changed,
            &format!("points at {pair:?} swapped"),
        );
    }
}

#[test]
fn a_proof_of_another_statement_is_rejected_by_all() {
    let bench = bench();
    let other = bench
        .keys
        .prove(&[13, -34, 560], &[9; 32])
        .expect("input has a proof");
    let verdicts = bench.verdicts(&other.instances, &other.evm);
    assert_eq!(verdicts, Verdicts::ACCEPT, "the other statement is true");
    assert_all_reject(
        &bench.proof.instances,
        &other.evm,
        "its proof for this statement",
    );
    // A proof spliced from two valid ones.
    let half = bench.proof.evm.len() / 2;
    let spliced = [&bench.proof.evm[..half], &other.evm[half..]].concat();
    assert_all_reject(&bench.proof.instances, &spliced, "spliced proof");
}

#[test]
fn random_bytes_are_rejected_by_all() {
    let proof = &bench().proof;
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..20 {
        let noise: Vec<u8> = (0..proof.evm.len()).map(|_| rng.r#gen()).collect();
        assert_all_reject(&proof.instances, &noise, "noise");
    }
    assert_all_reject(&proof.instances, &vec![0; proof.evm.len()], "zeros");
}
