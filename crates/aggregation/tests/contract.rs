//! A real aggregate against the generated contract: what it costs, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../solidity-verifier/tests/common/evm.rs"]
#[allow(dead_code, unreachable_pub)]
mod evm;
#[path = "../../solidity-verifier/tests/common/solc.rs"]
#[allow(dead_code, unreachable_pub)]
mod solc;

mod common;

use evm::{Chain, Outcome};
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_aggregation::config::constraint_system;
use haloracle_aggregation::keys::shape_hash;
use haloracle_aggregation::{AggregateProof, AggregationKeys};
use haloracle_circuit::Shape;
use haloracle_circuit::field::{from_word, to_word};
use haloracle_solidity_verifier::{SrsVerifierPart, Verifier, calldata, vk_code};

const VERIFIER: [u8; 20] = [0xa1; 20];
const KEY: [u8; 20] = [0xa2; 20];

/// The contract's answer and its gas.
fn answer(chain: &Chain, instances: &[[u8; 32]], proof: &[u8]) -> (bool, u64) {
    let (outcome, gas) = chain.call(VERIFIER, &calldata(&KEY, instances, proof));
    match outcome {
        Outcome::Return(bytes) => (bytes[31] == 1, gas),
        Outcome::Failure => panic!("the verifier must never revert"),
    }
}

/// Real aggregates take a minute or two each; `committed.rs` checks one that lies in the repository.
fn slow() -> bool {
    let asked = std::env::var_os("HALORACLE_SLOW").is_some();
    if !asked {
        println!("skipped: minutes; set HALORACLE_SLOW");
    }
    asked
}

#[test]
fn the_contract_takes_the_aggregate_and_nothing_else() {
    if !slow() {
        return;
    }
    let srs = common::srs(18);
    let shape = Shape::Narrow;
    let proofs = [
        common::proof(&srs, shape, 16, [13, -100], 1),
        common::proof(&srs, shape, -5, [99, 100], 2),
    ];
    let keys = AggregationKeys::generate(shape, 2, &srs, &proofs[1]).unwrap();
    let key = keys.verifying_key();
    let aggregate = keys.prove(&proofs, Fr::from(77)).unwrap();

    let generator = Verifier::of(constraint_system(), shape_hash()).unwrap();
    let generator = generator.with_accumulator("Halo2VerifierAggregate");
    let source = generator.generate(&SrsVerifierPart::new(&srs)).unwrap();
    let code = solc::verifier(&source);
    let mut chain = Chain::default();
    chain.put(VERIFIER, &code);
    chain.put(KEY, &vk_code(&key.to_data()));
    let words: Vec<[u8; 32]> = aggregate.instances.iter().map(to_word).collect();
    let (valid, gas) = answer(&chain, &words, &aggregate.evm);
    println!(
        "multiplications {}, code {} bytes, gas {gas}, proof {} bytes",
        generator.multiplications(),
        code.len(),
        aggregate.evm.len()
    );
    assert!(valid);
    assert!(gas <= 620_000, "{gas}");

    for word in 0..aggregate.evm.len() / 32 {
        let mut changed = aggregate.evm.clone();
        changed[32 * word + 31] ^= 1;
        assert!(!answer(&chain, &words, &changed).0, "word {word}");
    }
    for index in 0..words.len() {
        let mut changed = words.clone();
        changed[index][31] ^= 1;
        assert!(
            !answer(&chain, &changed, &aggregate.evm).0,
            "instance {index}"
        );
        let instances = changed.iter().map(|w| from_word(w).unwrap()).collect();
        let evm = aggregate.evm.clone();
        let proof = AggregateProof { instances, evm };
        assert!(key.verify(&srs, &proof).is_err(), "instance {index}");
    }
    // Another setup's G2 points refuse it.
    let other = haloracle_prover::Srs::unsafe_setup(4, [2; 32]).unwrap();
    let source = generator.generate(&SrsVerifierPart::new(&other)).unwrap();
    chain.put(VERIFIER, &solc::verifier(&source));
    assert!(!answer(&chain, &words, &aggregate.evm).0);
}

/// An aggregate whose circuit is satisfied but whose accumulated proof is not valid: only the
/// pairing of the accumulator tells.
#[test]
fn the_contract_pairs_the_accumulator() {
    if !slow() {
        return;
    }
    let srs = common::srs(17);
    let shape = Shape::Narrow;
    let proof = common::proof(&srs, shape, 16, [13, -100], 1);
    let keys = AggregationKeys::generate(shape, 1, &srs, &proof).unwrap();
    let mut forged = proof;
    // Another point for W', the proof's last message: no challenge depends on it but the last.
    let length = forged.proof.evm.len();
    let first = forged.proof.evm[..64].to_vec();
    forged.proof.evm[length - 64..].copy_from_slice(&first);
    let aggregator = haloracle_aggregation::Aggregator {
        shape,
        slots: 1,
        srs: &srs,
    };
    let program = aggregator.unchecked(&[forged], Fr::from(77)).unwrap();
    assert_eq!(program.broken, None);
    let aggregate = keys.prove_program(program).unwrap();
    assert_eq!(
        keys.verifying_key().verify(&srs, &aggregate),
        Err(haloracle_aggregation::keys::VerifyError::Pairing)
    );
    let generator = Verifier::of(constraint_system(), shape_hash()).unwrap();
    let part = SrsVerifierPart::new(&srs);
    let words: Vec<[u8; 32]> = aggregate.instances.iter().map(to_word).collect();
    let mut chain = Chain::default();
    chain.put(KEY, &vk_code(&keys.verifying_key().to_data()));
    let plain = generator.generate(&part).unwrap();
    chain.put(VERIFIER, &solc::verifier(&plain));
    assert!(
        answer(&chain, &words, &aggregate.evm).0,
        "the circuit's own proof is valid"
    );
    let paired = generator.with_accumulator("Halo2VerifierAggregate");
    chain.put(VERIFIER, &solc::verifier(&paired.generate(&part).unwrap()));
    assert!(!answer(&chain, &words, &aggregate.evm).0);
}
