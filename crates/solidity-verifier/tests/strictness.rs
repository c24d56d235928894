//! The contract answers false, and never reverts, to anything but the one canonical encoding of
//! a valid proof under a well-formed key.

mod common;

use std::sync::OnceLock;

use common::evm::{Chain, Outcome};
use common::{Bench, KEY, VERIFIER, Word, input, plus, q, wide_models, word};
use haloracle_prover::{Proof, Shape, VerifyingKey};
use haloracle_solidity_verifier::{calldata, vk_code};
use num_bigint::BigUint;

/// One key of each shape.
fn benches() -> &'static [Bench; 2] {
    static BENCHES: OnceLock<[Bench; 2]> = OnceLock::new();
    BENCHES.get_or_init(|| {
        let [model, ..] = wide_models();
        let wide = Bench::in_shape(&model, Shape::Wide, &input(&model, 5));
        [Bench::small(), wide]
    })
}

/// Offsets in the calldata: selector, three head words, instances, proof.
const HEAD: usize = 4;
const INSTANCES: usize = HEAD + 3 * 32;

fn valid_call(bench: &Bench) -> Vec<u8> {
    calldata(&KEY, &bench.proof.instances, &bench.proof.evm)
}

fn answer(bench: &Bench, data: &[u8]) -> bool {
    common::answer(&bench.chain, data).0
}

fn small(value: u64) -> Word {
    word(&BigUint::from(value))
}

fn put(data: &mut [u8], at: usize, word: &Word) {
    data[at..at + 32].copy_from_slice(word);
}

#[test]
fn the_canonical_call_is_accepted() {
    for bench in benches() {
        assert!(answer(bench, &valid_call(bench)));
    }
}

#[test]
fn truncated_and_padded_calldata_is_rejected() {
    for bench in benches() {
        let data = valid_call(bench);
        let cuts = [
            1,
            2,
            31,
            32,
            33,
            64,
            1024,
            data.len() - 132,
            data.len() - 100,
            data.len() - 4,
        ];
        for cut in cuts {
            assert!(!answer(bench, &data[..data.len() - cut]), "cut by {cut}");
        }
        for tail in [1, 4, 31, 32, 64, 2048] {
            for byte in [0, 1] {
                let padded = [data.as_slice(), &vec![byte; tail]].concat();
                assert!(!answer(bench, &padded), "{tail} bytes of {byte} behind");
            }
        }
    }
}

#[test]
fn non_canonical_encodings_of_the_same_arguments_are_rejected() {
    for bench in benches() {
        let (instances, proof) = (&bench.proof.instances, &bench.proof.evm);
        let data = valid_call(bench);
        let count = instances.len();

        // Dirty bits above the address.
        let mut dirty = data.clone();
        dirty[HEAD + 11] = 1;
        assert!(!answer(bench, &dirty), "dirty address");
        let mut dirty = data.clone();
        dirty[HEAD] = 0x80;
        assert!(!answer(bench, &dirty), "dirty address");

        // Both tails one word further on, with a gap.
        let mut gap = data.clone();
        put(&mut gap, HEAD + 32, &small(0x80));
        put(&mut gap, HEAD + 64, &small(0xa0 + 32 * count as u64));
        gap.splice(INSTANCES..INSTANCES, [0; 32]);
        assert!(!answer(bench, &gap), "gap before the tails");

        // The proof before the instances.
        let mut swapped = data[..HEAD + 32].to_vec();
        swapped.extend(small(0x80 + proof.len() as u64));
        swapped.extend(small(0x60));
        swapped.extend(small(proof.len() as u64));
        swapped.extend(proof);
        swapped.extend(small(count as u64));
        swapped.extend(instances.concat());
        assert!(!answer(bench, &swapped), "tails swapped");
    }
}

#[test]
fn wrong_head_words_and_lengths_are_rejected() {
    for bench in benches() {
        let data = valid_call(bench);
        let proof_at = INSTANCES + 32 * (1 + bench.proof.instances.len());
        let huge = BigUint::from(1u8) << 255u32;
        let wraps = (BigUint::from(1u8) << 256u32) - BigUint::from(32u8);
        for at in [HEAD + 32, HEAD + 64, INSTANCES, proof_at] {
            let value = BigUint::from_bytes_be(&data[at..at + 32]);
            let one = BigUint::from(1u8);
            let thirty_two = BigUint::from(32u8);
            let changes = [
                BigUint::from(0u8),
                &value + &one,
                &value - &one,
                &value + &thirty_two,
                &value - &one.clone().min(value.clone()),
                &value + (BigUint::from(1u8) << 64u32),
                &value + &huge,
                huge.clone(),
                wraps.clone(),
            ];
            for change in changes {
                let mut changed = data.clone();
                put(&mut changed, at, &word(&change));
                assert!(!answer(bench, &changed), "word at {at} = {change:#x}");
            }
        }
    }
}

#[test]
fn other_functions_answer_or_revert() {
    for bench in benches() {
        use sha3::{Digest, Keccak256};
        let call = |signature: &str| {
            bench
                .chain
                .call(VERIFIER, &Keccak256::digest(signature)[..4])
                .0
        };
        let shape = haloracle_prover::shape_hash(bench.shape()).to_vec();
        assert_eq!(call("shapeHash()"), Outcome::Return(shape));
        assert_eq!(
            call("srsHash()"),
            Outcome::Return(bench.srs.hash().to_vec())
        );
        assert_eq!(call("srsUnsafe()"), Outcome::Return(small(1).to_vec()));
        let cs = bench.shape().constraint_system();
        let permuted = cs.permutation().get_columns().len();
        let key_shape = [cs.num_fixed_columns(), permuted]
            .map(|count| small(count as u64))
            .concat();
        assert_eq!(call("keyShape()"), Outcome::Return(key_shape));
        assert_eq!(
            call("verify()"),
            Outcome::Failure,
            "an unknown function reverts"
        );
        assert_eq!(
            bench.chain.call(VERIFIER, &[]).0,
            Outcome::Failure,
            "no function reverts"
        );
    }
}

/// The verdict on `instances` and the bench's proof when the key contract has `code`.
fn with_key(bench: &Bench, code: &[u8], instances: &[Word]) -> bool {
    let mut chain: Chain = bench.chain.clone();
    chain.put(KEY, code);
    let data = calldata(&KEY, instances, &bench.proof.evm);
    common::answer(&chain, &data).0
}

#[test]
fn a_key_of_the_wrong_form_is_rejected() {
    for bench in benches() {
        let instances = &bench.proof.instances;
        let code = vk_code(&bench.key().to_data());
        assert!(with_key(bench, &code, instances));
        assert!(
            !with_key(bench, &code[..code.len() - 1], instances),
            "one byte short"
        );
        assert!(
            !with_key(bench, &code[..code.len() - 64], instances),
            "one commitment short"
        );
        // A registry keeps a model's schema behind its key: it is not read.
        for behind in [&[0][..], &[0; 64], &[0xff; 999]] {
            assert!(
                with_key(bench, &[code.as_slice(), behind].concat(), instances),
                "{} bytes behind the key",
                behind.len()
            );
        }
        assert!(!with_key(bench, &[], instances), "no code");
        for first in [0x01, 0x5b, 0xfe] {
            let mut changed = code.clone();
            changed[0] = first;
            assert!(
                !with_key(bench, &changed, instances),
                "first byte {first:#x}"
            );
        }
        // The contract that is called has code, but no key.
        let proof = &bench.proof;
        let data = calldata(&VERIFIER, &proof.instances, &proof.evm);
        assert!(!answer(bench, &data), "the verifier is no key");
        assert!(
            !answer(bench, &calldata(&[0; 20], &proof.instances, &proof.evm)),
            "address 0"
        );
    }
}

#[test]
fn a_changed_key_is_rejected() {
    for bench in benches() {
        let instances = &bench.proof.instances;
        let data = bench.key().to_data();
        let changed = |index: usize, value: &BigUint| {
            let mut data = data.clone();
            put(&mut data, 32 * index, &word(value));
            data
        };
        let k = u64::from(bench.key().k());
        let max = (BigUint::from(1u8) << 256u32) - BigUint::from(1u8);
        for other in [0, 1, 2, 3, k - 1, k + 1, 25, 26, 28, 255, 256, 256 + k] {
            assert!(
                !with_key(
                    bench,
                    &vk_code(&changed(0, &BigUint::from(other))),
                    instances
                ),
                "k = {other}"
            );
        }
        assert!(
            !with_key(bench, &vk_code(&changed(0, &max)), instances),
            "k = 2^256 - 1"
        );

        let count = instances.len() as u64;
        for other in [0, 1, count - 1, count + 1, 1 << 20, 1 << 26] {
            let code = vk_code(&changed(1, &BigUint::from(other)));
            assert!(!with_key(bench, &code, instances), "count = {other}");
            // Also where the call has as many instances as the changed key asks for.
            let padded: Vec<Word> = instances
                .iter()
                .copied()
                .chain([[0; 32]; 2])
                .take(other.min(64) as usize)
                .collect();
            assert!(
                !with_key(bench, &code, &padded),
                "count = {other}, instances to match"
            );
        }
        assert!(
            !with_key(bench, &vk_code(&changed(1, &max)), instances),
            "count = 2^256 - 1"
        );

        // Commitments: each coordinate changed, shifted by q, or zero; infinity; another point.
        for index in 2..data.len() / 32 {
            let value = BigUint::from_bytes_be(&data[32 * index..32 * (index + 1)]);
            let mut values = vec![&value + BigUint::from(1u8), q()];
            values.extend(
                plus(&data[32 * index..32 * (index + 1)], &q()).map(|w| BigUint::from_bytes_be(&w)),
            );
            for other in values {
                let code = vk_code(&changed(index, &other));
                assert!(
                    !with_key(bench, &code, instances),
                    "key word {index} = {other:#x}"
                );
            }
        }
        for start in (2..data.len() / 32).step_by(2) {
            let mut other = data.clone();
            let replacement = if other[32 * start..][..64] == [0; 64] {
                [small(1), small(2)].concat()
            } else {
                vec![0; 64]
            };
            other[32 * start..][..64].copy_from_slice(&replacement);
            assert!(
                !with_key(bench, &vk_code(&other), instances),
                "commitment at word {start} replaced"
            );
        }
    }
}

/// Gas of a valid call.
fn needed(bench: &Bench) -> u64 {
    common::answer(&bench.chain, &valid_call(bench)).1
}

#[test]
fn invalid_proofs_cost_no_more_than_valid_ones() {
    for bench in benches() {
        let valid = valid_call(bench);
        let start = valid.len() - bench.proof.evm.len();
        for word in 0..bench.proof.evm.len() / 32 {
            let mut changed = valid.clone();
            changed[start + 32 * word + 31] ^= 1;
            let (verdict, gas) = common::answer(&bench.chain, &changed);
            assert!(
                !verdict && gas <= needed(bench) + 1000,
                "proof word {word}: {gas} gas"
            );
        }
        // No precompile, which would take all gas, sees a key's point off the curve.
        let mut data = bench.key().to_data();
        let last = data.len() - 1;
        data[last] ^= 1;
        let mut chain = bench.chain.clone();
        chain.put(KEY, &vk_code(&data));
        let (verdict, gas) = common::answer(&chain, &valid);
        assert!(!verdict && gas < needed(bench) / 4, "{gas} gas");
    }
}

#[test]
fn want_of_gas_never_turns_a_valid_proof_into_a_false_verdict() {
    for bench in benches() {
        let valid = valid_call(bench);
        let truth = Outcome::Return(small(1).to_vec());
        let step = needed(bench) as usize / 700;
        for limit in (1_000..needed(bench) + 20_000).step_by(step) {
            let outcome = bench.chain.call_with_gas(VERIFIER, &valid, limit).0;
            assert!(
                outcome == truth || outcome == Outcome::Failure,
                "{limit} gas: {outcome:?}"
            );
        }
    }
}

#[test]
fn all_zero_fixed_columns_are_accepted() {
    // Without a function table no row has a tag: that column commits to infinity.
    let mut model = common::model(3);
    model.nodes.pop();
    let first = model.first_wires()[model.nodes.len() - 1];
    for (unit, field) in model.output.iter_mut().enumerate() {
        field.wire = (first + unit) as u32;
    }
    let bench = Bench::of(&model, &[12, -34, 560]);
    let data = bench.key().to_data();
    assert!(
        data[64..].chunks(64).any(|point| point == [0; 64]),
        "no zero column"
    );
    let verdicts = bench.verdicts(&bench.proof.instances, &bench.proof.evm);
    assert_eq!(verdicts, common::Verdicts::ACCEPT);
    // Most models leave some column of the wide shape at zero; trees, say.
    let bench = &benches()[1];
    let data = bench.key().to_data();
    assert!(
        data[64..].chunks(64).any(|point| point == [0; 64]),
        "no zero column"
    );
    let verdicts = bench.verdicts(&bench.proof.instances, &bench.proof.evm);
    assert_eq!(verdicts, common::Verdicts::ACCEPT);
}

#[test]
fn keys_of_other_models_and_setups_are_rejected() {
    let [_, other, _] = wide_models();
    let others = [
        Bench::new(40, &[5; 40]),
        Bench::in_shape(&other, Shape::Wide, &input(&other, 5)),
    ];
    for (bench, other) in benches().iter().zip(&others) {
        assert_ne!(other.key(), bench.key());
        assert!(
            other.ours(&other.proof.instances, &other.proof.evm),
            "one contract, every model"
        );

        // A proof of one model under the key of the other.
        let mut chain = bench.chain.clone();
        chain.put(KEY, &vk_code(&other.key().to_data()));
        let call = calldata(&KEY, &bench.proof.instances, &bench.proof.evm);
        assert!(!common::answer(&chain, &call).0);

        // The same key data and proof under a verifier of another setup.
        let srs = haloracle_prover::Srs::unsafe_setup(1, [7; 32]).expect("k is small");
        let part = haloracle_solidity_verifier::SrsVerifierPart::new(&srs);
        let source = haloracle_solidity_verifier::Verifier::machine(bench.shape())
            .and_then(|verifier| verifier.generate(&part))
            .expect("generates");
        let mut chain = bench.chain.clone();
        chain.put(VERIFIER, &common::solc::verifier(&source));
        assert!(!common::answer(&chain, &call).0);
        let proof = Proof {
            instances: bench.proof.instances.clone(),
            evm: bench.proof.evm.clone(),
        };
        let key = VerifyingKey::from_data(&bench.key().to_data()).expect("canonical");
        assert!(haloracle_prover::verify(&srs, &key, &proof).is_err());
    }
}

/// The shapes' contracts share nothing but the setup: key and proof of one are noise to the other.
#[test]
fn the_other_shape_s_contract_rejects_key_and_proof() {
    let [narrow, wide] = benches();
    for (bench, other) in [(narrow, wide), (wide, narrow)] {
        let call = valid_call(bench);
        let mut chain = bench.chain.clone();
        chain.put(VERIFIER, common::verifier_code(other.shape()));
        assert!(
            !common::answer(&chain, &call).0,
            "contract of the other shape"
        );
        let mut chain = bench.chain.clone();
        chain.put(KEY, &vk_code(&other.key().to_data()));
        assert!(!common::answer(&chain, &call).0, "key of the other shape");
        chain.put(VERIFIER, common::verifier_code(other.shape()));
        assert!(!common::answer(&chain, &call).0, "both of the other shape");
    }
}
