//! Our contract, halo2's verifier and snark-verifier's contract on the same proofs, in both shapes.

mod common;

use std::sync::OnceLock;

use common::{Bench, Sections, Verdicts, Word, input, plus, prove, q, r, word};
use haloracle_prover::Shape;
use num_bigint::BigUint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Made once: key generation, proofs and compilations.
fn benches() -> &'static [Bench] {
    static BENCHES: OnceLock<Vec<Bench>> = OnceLock::new();
    BENCHES.get_or_init(Bench::all)
}

fn with_word(proof: &[u8], index: usize, word: &Word) -> Vec<u8> {
    let mut proof = proof.to_vec();
    proof[32 * index..32 * (index + 1)].copy_from_slice(word);
    proof
}

fn proof_word(proof: &[u8], index: usize) -> &[u8] {
    &proof[32 * index..32 * (index + 1)]
}

fn number(value: u8) -> BigUint {
    BigUint::from(value)
}

impl Bench {
    fn assert_all_reject(&self, instances: &[Word], proof: &[u8], what: &str) {
        let verdicts = self.verdicts(instances, proof);
        assert_eq!(verdicts, Verdicts::REJECT, "{}: {what}", self.name);
    }

    /// The oracle reduces scalars instead of rejecting them: only the strict verifiers count.
    fn assert_strict_reject(&self, instances: &[Word], proof: &[u8], what: &str) {
        let name = &self.name;
        assert!(
            !self.native(instances, proof),
            "{name}: native accepts: {what}"
        );
        assert!(!self.ours(instances, proof), "{name}: ours accepts: {what}");
    }
}

#[test]
fn valid_proofs_are_accepted_by_all() {
    let accepted = |bench: &Bench, proof: &haloracle_prover::Proof| {
        let verdicts = bench.verdicts(&proof.instances, &proof.evm);
        assert_eq!(verdicts, Verdicts::ACCEPT, "{}", bench.name);
    };
    let shapes = benches().iter().map(Bench::shape);
    assert_eq!(shapes.filter(|shape| *shape == Shape::Wide).count(), 3);
    for bench in benches() {
        assert_eq!(
            bench.proof.evm.len(),
            32 * Sections::of(bench.shape()).words
        );
        accepted(bench, &bench.proof);
        // Corners of the domain saturate and touch every table entry's end.
        let features = &bench.keys.model().input.features;
        let corner = |high: fn(usize) -> bool| -> Vec<i64> {
            let all = features.iter().enumerate();
            all.map(|(index, f)| i64::from(if high(index) { f.hi } else { f.lo }))
                .collect()
        };
        let corners = [corner(|_| false), corner(|_| true), corner(|i| i % 2 == 1)];
        for (seed, raw) in corners.iter().enumerate() {
            accepted(bench, &prove(&bench.keys, raw, seed as u8 + 2));
        }
    }
}

#[test]
fn a_flipped_bit_in_any_word_is_rejected_by_all() {
    let mut rng = StdRng::seed_from_u64(1);
    for bench in benches() {
        let proof = &bench.proof;
        for index in 0..Sections::of(bench.shape()).words {
            let mut changed = proof.evm.clone();
            changed[32 * index + rng.gen_range(0..32)] ^= 1 << rng.gen_range(0..8);
            bench.assert_strict_reject(&proof.instances, &changed, &format!("word {index}"));
            let mut lowest = proof.evm.clone();
            lowest[32 * index + 31] ^= 1;
            let what = format!("lowest bit of word {index}");
            bench.assert_all_reject(&proof.instances, &lowest, &what);
        }
    }
}

#[test]
fn changed_instances_are_rejected_by_all() {
    for bench in benches() {
        let proof = &bench.proof;
        for index in 0..proof.instances.len() {
            let value = BigUint::from_bytes_be(&proof.instances[index]);
            let below = (&value + r() - number(1)) % r();
            for (changed, what) in [(&value + number(1), "+ 1"), (below, "- 1")] {
                let mut instances = proof.instances.clone();
                instances[index] = word(&changed);
                let what = format!("instance {index} {what}");
                bench.assert_all_reject(&instances, &proof.evm, &what);
            }
            for multiple in 1u8..=4 {
                let offset = r() * multiple;
                let Some(changed) = plus(&proof.instances[index], &offset) else {
                    continue;
                };
                let mut instances = proof.instances.clone();
                instances[index] = changed;
                let what = format!("instance {index} + {multiple} r");
                bench.assert_strict_reject(&instances, &proof.evm, &what);
            }
        }
        let mut swapped = proof.instances.clone();
        swapped.swap(0, 1);
        bench.assert_all_reject(&swapped, &proof.evm, "tag halves swapped");
    }
}

#[test]
fn a_wrong_number_of_instances_is_rejected() {
    for bench in benches() {
        let proof = &bench.proof;
        for extra in [[0; 32], [1; 32]] {
            let instances = [proof.instances.as_slice(), &[extra]].concat();
            bench.assert_strict_reject(&instances, &proof.evm, "extra instance");
        }
        let (_, fewer) = proof.instances.split_last().expect("has instances");
        bench.assert_strict_reject(fewer, &proof.evm, "missing instance");
        bench.assert_strict_reject(&[], &proof.evm, "no instances");
    }
}

#[test]
fn boundary_scalars_are_rejected() {
    let mut rng = StdRng::seed_from_u64(3);
    let top = (number(1) << 256u32) - number(1);
    let fixed = [
        number(0),
        number(1),
        r() - number(1),
        r(),
        r() + number(1),
        q(),
        top,
    ];
    for bench in benches() {
        let proof = &bench.proof;
        for index in Sections::of(bench.shape()).scalars {
            let random = BigUint::from_bytes_be(&rng.r#gen::<Word>()) % r();
            let near = BigUint::from_bytes_be(proof_word(&proof.evm, index)) + number(1);
            for value in fixed.iter().chain([&random, &near]) {
                let changed = with_word(&proof.evm, index, &word(value));
                if changed == proof.evm {
                    continue; // a zero column evaluates to 0
                }
                let what = format!("scalar word {index} = {value:#x}");
                bench.assert_strict_reject(&proof.instances, &changed, &what);
            }
            let shifted = plus(proof_word(&proof.evm, index), &r()).expect("2r < 2^256");
            let changed = with_word(&proof.evm, index, &shifted);
            let what = format!("scalar word {index} + r");
            bench.assert_strict_reject(&proof.instances, &changed, &what);
        }
        for index in 0..proof.instances.len() {
            for value in &fixed {
                let mut instances = proof.instances.clone();
                instances[index] = word(value);
                if instances == proof.instances {
                    continue;
                }
                let what = format!("instance {index} = {value:#x}");
                bench.assert_strict_reject(&instances, &proof.evm, &what);
            }
        }
    }
}

#[test]
fn malformed_points_are_rejected_by_all() {
    let zero = word(&number(0));
    let generator = [word(&number(1)), word(&number(2))];
    for bench in benches() {
        let proof = &bench.proof;
        for index in Sections::of(bench.shape()).point_words() {
            let place =
                |x: &Word, y: &Word| with_word(&with_word(&proof.evm, index, x), index + 1, y);
            let reject = |x: &Word, y: &Word, what: &str| {
                let what = format!("point at word {index}: {what}");
                bench.assert_all_reject(&proof.instances, &place(x, y), &what);
            };
            let [x, y]: [Word; 2] = [index, index + 1]
                .map(|index| proof_word(&proof.evm, index).try_into().expect("32 bytes"));
            let minus_y = word(&(q() - BigUint::from_bytes_be(&y)));
            reject(&zero, &zero, "infinity");
            reject(&zero, &y, "x = 0");
            reject(&x, &zero, "y = 0");
            reject(&x, &minus_y, "negated");
            reject(&generator[0], &generator[1], "generator");
            reject(&y, &x, "coordinates swapped");
            for multiple in 1u8..=4 {
                if let Some(shifted) = plus(&x, &(q() * multiple)) {
                    reject(&shifted, &y, "x + q");
                }
                if let Some(shifted) = plus(&y, &(q() * multiple)) {
                    reject(&x, &shifted, "y + q");
                }
            }
            let shifted_zero = word(&q());
            reject(&shifted_zero, &shifted_zero, "infinity + q");
        }
    }
}

#[test]
fn neighbouring_points_cannot_change_places() {
    for bench in benches() {
        let proof = &bench.proof;
        let starts: Vec<usize> = Sections::of(bench.shape()).point_words().collect();
        for pair in starts.windows(2) {
            let mut changed = proof.evm.clone();
            let (a, b) = (32 * pair[0], 32 * pair[1]);
            let first = changed[a..a + 64].to_vec();
            changed.copy_within(b..b + 64, a);
            changed[b..b + 64].copy_from_slice(&first);
            let what = format!("points at {pair:?} swapped");
            bench.assert_all_reject(&proof.instances, &changed, &what);
        }
    }
}

#[test]
fn proofs_of_another_length_are_rejected() {
    for bench in benches() {
        let proof = &bench.proof;
        for cut in [1, 31, 32, 64, proof.evm.len() / 2, proof.evm.len()] {
            let shorter = &proof.evm[..proof.evm.len() - cut];
            bench.assert_strict_reject(&proof.instances, shorter, &format!("cut by {cut}"));
        }
        for more in [1, 31, 32, 64, 4096] {
            let longer = [proof.evm.as_slice(), &vec![0; more]].concat();
            bench.assert_strict_reject(&proof.instances, &longer, &format!("{more} zeros behind"));
        }
    }
}

#[test]
fn a_proof_of_another_statement_is_rejected_by_all() {
    for bench in benches() {
        let raw = input(bench.keys.model(), 11);
        let other = prove(&bench.keys, &raw, 9);
        let verdicts = bench.verdicts(&other.instances, &other.evm);
        assert_eq!(verdicts, Verdicts::ACCEPT, "the other statement is true");
        let what = "its proof for this statement";
        bench.assert_all_reject(&bench.proof.instances, &other.evm, what);
        // A proof spliced from two valid ones.
        let half = bench.proof.evm.len() / 2;
        let spliced = [&bench.proof.evm[..half], &other.evm[half..]].concat();
        bench.assert_all_reject(&bench.proof.instances, &spliced, "spliced proof");
    }
}

#[test]
fn random_bytes_are_rejected_by_all() {
    let mut rng = StdRng::seed_from_u64(2);
    for bench in benches() {
        let proof = &bench.proof;
        for _ in 0..20 {
            let noise: Vec<u8> = (0..proof.evm.len()).map(|_| rng.r#gen()).collect();
            bench.assert_all_reject(&proof.instances, &noise, "noise");
        }
        let zeros = vec![0; proof.evm.len()];
        bench.assert_all_reject(&proof.instances, &zeros, "zeros");
    }
}
