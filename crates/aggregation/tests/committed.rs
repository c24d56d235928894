//! Committed aggregates, made by `tools/bench-agg`, and the committed contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../solidity-verifier/tests/common/evm.rs"]
#[allow(dead_code, unreachable_pub)]
mod evm;
#[path = "../../solidity-verifier/tests/common/solc.rs"]
#[allow(dead_code, unreachable_pub)]
mod solc;

use std::collections::BTreeSet;

use evm::{Chain, Outcome};
use haloracle_aggregation::config::constraint_system;
use haloracle_aggregation::files::{AggregateFile, InnerProofFile, counts, key_file_name};
use haloracle_aggregation::keys::shape_hash;
use haloracle_aggregation::{AggregationKey, InnerProof, Statement};
use haloracle_circuit::Shape;
use haloracle_circuit::field::to_word;
use haloracle_prover::Srs;
use haloracle_solidity_verifier::{
    AGGREGATE_COMMAND, SrsVerifierPart, UNSAFE_SEED_TEXT, Verifier, calldata, vk_code,
};
use sha3::{Digest, Keccak256};

/// Of the development setup; verifying needs no powers.
fn srs() -> Srs {
    Srs::unsafe_setup(1, Keccak256::digest(UNSAFE_SEED_TEXT).into()).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(solc::root().join("test/fixtures/aggregate").join(name)).expect(name)
}

fn proofs(srs: &Srs) -> Vec<InnerProof> {
    let names = ["mlp", "forest", "cnn", "private"];
    let read = |name: &&str| {
        let file: InnerProofFile =
            serde_json::from_slice(&fixture(&format!("{name}.json"))).unwrap();
        file.read(&srs.hash()).unwrap()
    };
    names.iter().map(read).collect()
}

#[test]
fn the_aggregate_of_four_models_is_valid() {
    let srs = srs();
    let key =
        AggregationKey::from_data(&fixture(&key_file_name(Shape::Wide, 4, &srs.hash()))).unwrap();
    let file: AggregateFile = serde_json::from_slice(&fixture("aggregate-4.json")).unwrap();
    let aggregate = file.read(&srs.hash(), &key.to_data()).unwrap();
    assert_eq!(key.verify(&srs, &aggregate), Ok(()));
    let proofs = proofs(&srs);
    let models: BTreeSet<[u8; 32]> = proofs.iter().map(|proof| proof.key.hash()).collect();
    assert_eq!(models.len(), 4, "four models");
    let statement = Statement::new(Shape::Wide, 4, &srs.hash(), &proofs).unwrap();
    let gamma = file
        .destination()
        .unwrap()
        .gamma(&statement, &counts(&proofs, 4));
    let claimed = [statement.hash, gamma, statement.combine(gamma)];
    assert_eq!(aggregate.instances[8..], claimed);

    // The committed contract is the generator's, and takes it for at most this much gas.
    const GAS: u64 = 480_000;
    let generator = Verifier::of(constraint_system(), shape_hash()).unwrap();
    let generator = generator.with_accumulator("Halo2VerifierAggregate");
    let source = generator.generate(&SrsVerifierPart::new(&srs)).unwrap();
    let path = solc::root().join("contracts/generated/Halo2VerifierAggregate.sol");
    assert!(
        std::fs::read_to_string(path).unwrap() == source,
        "the committed contract is out of date: run `{AGGREGATE_COMMAND}`"
    );
    let (verifier, holder) = ([0xa1; 20], [0xa2; 20]);
    let mut chain = Chain::default();
    chain.put(verifier, &solc::verifier(&source));
    chain.put(holder, &vk_code(&key.to_data()));
    let words: Vec<[u8; 32]> = aggregate.instances.iter().map(to_word).collect();
    let answer = |words: &[[u8; 32]], proof: &[u8]| {
        let (outcome, gas) = chain.call(verifier, &calldata(&holder, words, proof));
        match outcome {
            Outcome::Return(bytes) => (bytes[31] == 1, gas),
            Outcome::Failure => panic!("the verifier must never revert"),
        }
    };
    let (valid, gas) = answer(&words, &aggregate.evm);
    println!("gas {gas}");
    assert!(valid);
    assert!(gas <= GAS, "{gas}");
    for word in 0..aggregate.evm.len() / 32 {
        for byte in [0, 31] {
            let mut changed = aggregate.evm.clone();
            changed[32 * word + byte] ^= 1;
            assert!(!answer(&words, &changed).0, "word {word}, byte {byte}");
        }
    }
    for index in 0..words.len() {
        for byte in [0, 31] {
            let mut changed = words.clone();
            changed[index][byte] ^= 1;
            assert!(
                !answer(&changed, &aggregate.evm).0,
                "instance {index}, byte {byte}"
            );
        }
    }
}
