//! Everything that enters an aggregate, changed. The circuit of a wrong proof is satisfied, so
//! what has to fail is the accumulator's pairing, or the statement.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_aggregation::accumulator::{Accumulator, AccumulatorError};
use haloracle_aggregation::aggregate::AggregateError;
use haloracle_aggregation::files::{AggregateFile, Destination, InnerProofFile, counts};
use haloracle_aggregation::{AggregateProof, Aggregator, InnerProof, Statement};
use haloracle_circuit::Shape;
use haloracle_prover::{Srs, VerifyingKey};

const SHAPE: Shape = Shape::Narrow;

fn two(srs: &Srs) -> [InnerProof; 2] {
    [
        common::proof(srs, SHAPE, 16, [13, -100], 1),
        common::proof(srs, SHAPE, -5, [99, 100], 2),
    ]
}

/// Whether the accumulator of `proof` pairs, and h. The circuit must be satisfied either way.
fn outcome(srs: &Srs, proofs: &[InnerProof]) -> (bool, Fr) {
    let slots = proofs.len();
    let aggregator = Aggregator {
        shape: SHAPE,
        slots,
        srs,
    };
    let program = aggregator.unchecked(proofs, Fr::from(5)).unwrap();
    assert_eq!(program.broken, None);
    let accumulator = Accumulator::read(&program.instances).unwrap();
    (accumulator.holds(srs), program.instances[8])
}

/// The key with one word of its data changed, if that is a key.
fn with_word(key: &VerifyingKey, at: usize, value: u8) -> Option<VerifyingKey> {
    let mut data = key.to_data();
    data[32 * at + 31] = value;
    VerifyingKey::from_data(&data).ok()
}

#[test]
fn a_key_is_bound() {
    let srs = common::srs(9);
    let [proof, other] = two(&srs);
    let honest = outcome(&srs, std::slice::from_ref(&proof));
    assert!(honest.0);
    let mut forged = proof.clone();
    // The other model's key, whose proof this is not.
    forged.key = other.key.clone();
    let found = outcome(&srs, &[forged.clone()]);
    assert!(!found.0);
    assert_ne!(found.1, honest.1);
    // Another k.
    let k = proof.key.k() as u8;
    forged.key = with_word(&proof.key, 0, k + 1).unwrap();
    assert!(!outcome(&srs, &[forged.clone()]).0);
    // One more instance, which is zero: the padded words are the same.
    let count = proof.key.instances() as u8;
    forged.key = with_word(&proof.key, 1, count + 1).unwrap();
    forged.proof.instances.push([0; 32]);
    let found = outcome(&srs, &[forged.clone()]);
    assert!(!found.0);
    assert_ne!(found.1, honest.1);
    // The number alone: the circuit says which words are real, so it cannot be satisfied.
    forged.proof = proof.proof.clone();
    let aggregator = Aggregator {
        shape: SHAPE,
        slots: 1,
        srs: &srs,
    };
    assert!(
        aggregator
            .unchecked(&[forged], Fr::one())
            .unwrap()
            .broken
            .is_some()
    );
    // Every commitment of the key, exchanged for the one behind it.
    let data = proof.key.to_data();
    let points = data.len() / 64 - 1;
    for point in 0..points {
        let mut changed = data.clone();
        let from = 64 + 64 * ((point + 1) % points);
        let to = 64 + 64 * point;
        changed.copy_within(from..from + 64, to);
        if changed == data {
            continue;
        }
        let Ok(key) = VerifyingKey::from_data(&changed) else {
            continue;
        };
        let mut forged = proof.clone();
        forged.key = key;
        let found = outcome(&srs, &[forged]);
        assert!(!found.0, "commitment {point}");
        assert_ne!(found.1, honest.1);
    }
}

#[test]
fn every_message_of_a_proof_is_checked() {
    let srs = common::srs(9);
    let [proof, other] = two(&srs);
    let words = proof.proof.evm.len() / 32;
    let cs = SHAPE.constraint_system();
    let points =
        2 * (cs.num_advice_columns() + cs.permutation().get_columns().len().div_ceil(3) + 5);
    // A point of each kind for another proof's, and every evaluation.
    for word in (0..points).step_by(2).chain([words - 4, words - 2]) {
        let mut forged = proof.clone();
        let at = 32 * word..32 * word + 64;
        forged.proof.evm[at.clone()].copy_from_slice(&other.proof.evm[at]);
        assert!(!outcome(&srs, &[forged]).0, "point at word {word}");
    }
    for word in points..words - 4 {
        let mut forged = proof.clone();
        forged.proof.evm[32 * word + 31] ^= 1;
        assert!(!outcome(&srs, &[forged]).0, "evaluation at word {word}");
    }
    for index in 0..proof.proof.instances.len() {
        let mut forged = proof.clone();
        forged.proof.instances[index][31] ^= 1;
        assert!(!outcome(&srs, &[forged]).0, "instance {index}");
    }
}

#[test]
fn one_invalid_proof_spoils_the_aggregate() {
    let srs = common::srs(9);
    let [first, second] = two(&srs);
    assert!(outcome(&srs, &[first.clone(), second.clone()]).0);
    // Proofs exchanged between the statements.
    let swapped = |a: &InnerProof, b: &InnerProof| InnerProof {
        key: a.key.clone(),
        proof: haloracle_prover::Proof {
            instances: a.proof.instances.clone(),
            evm: b.proof.evm.clone(),
        },
    };
    assert!(!outcome(&srs, &[swapped(&first, &second), second.clone()]).0);
    assert!(!outcome(&srs, &[first.clone(), swapped(&second, &first)]).0);
    let aggregator = Aggregator {
        shape: SHAPE,
        slots: 2,
        srs: &srs,
    };
    let error = aggregator.program(&[first.clone(), swapped(&second, &first)], Fr::one());
    assert!(matches!(
        error,
        Err(AggregateError::Invalid { index: 1, .. })
    ));
}

#[test]
fn order_and_repetition_are_bound() {
    let srs = common::srs(9);
    let [first, second] = two(&srs);
    let hash = srs.hash();
    let claim = |proofs: &[InnerProof]| Statement::new(SHAPE, 2, &hash, proofs).unwrap();
    let honest = claim(&[first.clone(), second.clone()]);
    assert_eq!(
        outcome(&srs, &[first.clone(), second.clone()]).1,
        honest.hash
    );
    let others = [
        claim(&[second.clone(), first.clone()]),
        claim(&[first.clone(), first.clone()]),
        claim(&[second.clone(), second.clone()]),
    ];
    for other in others {
        assert_ne!(honest.hash, other.hash);
        // Under the same h and γ, D tells them apart as well.
        assert_ne!(honest.combine(Fr::from(7)), other.combine(Fr::from(7)));
    }
    // The last proof fills the slots.
    assert_eq!(
        claim(std::slice::from_ref(&first)),
        claim(&[first.clone(), first])
    );
}

#[test]
fn another_setup_does_not_pair() {
    let srs = common::srs(9);
    let other = Srs::unsafe_setup(9, [2; 32]).unwrap();
    let [proof, _] = two(&srs);
    let aggregator = Aggregator {
        shape: SHAPE,
        slots: 1,
        srs: &srs,
    };
    let program = aggregator
        .program(std::slice::from_ref(&proof), Fr::one())
        .unwrap();
    let accumulator = Accumulator::read(&program.instances).unwrap();
    assert!(accumulator.holds(&srs));
    assert!(!accumulator.holds(&other));
    let aggregator = Aggregator {
        srs: &other,
        ..aggregator
    };
    assert!(
        aggregator
            .program(std::slice::from_ref(&proof), Fr::one())
            .is_err()
    );
    let file = InnerProofFile::new(&proof, &srs.hash());
    assert_eq!(file.read(&srs.hash()), Ok(proof));
    assert!(file.read(&other.hash()).is_err());
}

#[test]
fn accumulators_have_one_form() {
    let srs = common::srs(9);
    let [proof, _] = two(&srs);
    let aggregator = Aggregator {
        shape: SHAPE,
        slots: 1,
        srs: &srs,
    };
    let program = aggregator.program(&[proof], Fr::one()).unwrap();
    let honest = program.instances;
    let power = |bits: u32| (0..bits).fold(Fr::one(), |p, _| p.double());
    for index in 0..8 {
        let bits = if index % 2 == 0 { 170 } else { 85 };
        let mut changed = honest.clone();
        changed[index] += power(bits);
        let error = Accumulator::read(&changed).unwrap_err();
        let range = AccumulatorError::Range {
            index,
            bits: u64::from(bits),
        };
        assert_eq!(error, range);
        let mut changed = honest.clone();
        changed[index] += Fr::one();
        match Accumulator::read(&changed) {
            Err(AccumulatorError::Point(_)) => {}
            other => panic!("{index}: {other:?}"),
        }
    }
    // The same coordinate with the modulus added.
    let modulus = haloracle_aggregation::limbs::MODULUS_LIMBS.map(|limb| {
        let high = Fr::from((limb >> 64) as u64) * power(64);
        high + Fr::from(limb as u64)
    });
    let mut changed = honest.clone();
    changed[0] += modulus[0] + modulus[1] * power(85);
    changed[1] += modulus[2];
    assert!(Accumulator::read(&changed).is_err());
    assert_eq!(
        Accumulator::read(&honest[..7]),
        Err(AccumulatorError::Count(7))
    );
}

#[test]
fn gamma_is_drawn_for_one_place_and_one_claim() {
    let srs = common::srs(9);
    let proofs = two(&srs);
    let statement = Statement::new(SHAPE, 2, &srs.hash(), &proofs).unwrap();
    let counts = counts(&proofs, 2);
    let here = Destination {
        chain_id: 1,
        settler: [7; 20],
    };
    let gamma = here.gamma(&statement, &counts);
    let elsewhere = [
        Destination {
            chain_id: 2,
            ..here
        },
        Destination {
            settler: [8; 20],
            ..here
        },
    ];
    for place in elsewhere {
        assert_ne!(place.gamma(&statement, &counts), gamma);
    }
    for word in [0, 1, counts[0], 65, 65 + counts[1]] {
        let mut other = statement.clone();
        other.words[word] += Fr::one();
        assert_ne!(here.gamma(&other, &counts), gamma, "word {word}");
        assert_ne!(
            other.combine(gamma),
            statement.combine(gamma),
            "word {word}"
        );
    }
    let mut other = statement.clone();
    other.hash += Fr::one();
    assert_ne!(here.gamma(&other, &counts), gamma);
}

#[test]
fn what_does_not_fit_is_refused() {
    let srs = common::srs(9);
    let [first, second] = two(&srs);
    let hash = srs.hash();
    let new = |slots, proofs: &[InnerProof]| Statement::new(SHAPE, slots, &hash, proofs);
    assert!(matches!(
        new(2, &[]),
        Err(AggregateError::Count { got: 0, slots: 2 })
    ));
    let both = [first.clone(), second];
    assert!(matches!(
        new(1, &both),
        Err(AggregateError::Count { got: 2, slots: 1 })
    ));
    let wide = Statement::new(Shape::Wide, 1, &hash, std::slice::from_ref(&first));
    assert!(matches!(
        wide,
        Err(AggregateError::OtherShape { index: 0, .. })
    ));
    let mut long = first;
    long.proof.instances.resize(65, [0; 32]);
    let error = new(1, &[long]).unwrap_err();
    assert!(matches!(
        error,
        AggregateError::TooManyInstances { index: 0, got: 65 }
    ));
}

#[test]
fn files_come_back() {
    let proof = AggregateProof {
        instances: (0..11).map(Fr::from).collect(),
        evm: vec![1, 2, 3],
    };
    let place = Destination {
        chain_id: 10,
        settler: [3; 20],
    };
    let (srs, key) = ([4; 32], [5; 64]);
    let file = AggregateFile::new((SHAPE, 2), &srs, &key, place, &proof);
    assert_eq!(file.read(&srs, &key), Ok(proof));
    assert_eq!(file.destination(), Ok(place));
    assert!(file.read(&[0; 32], &key).is_err());
    assert!(file.read(&srs, &[6; 64]).is_err());
}

/// The same claims in the test `test_combine_isTheTwinsInRust` of `AggregateStatement.sol`.
#[test]
fn the_contract_draws_the_same() {
    let mut words = vec![Fr::from(11)];
    words.extend((5..8).map(Fr::from));
    words.resize(65, Fr::zero());
    words.push(-Fr::one());
    words.extend((0..64).map(|i| Fr::from(1000 * i)));
    let statement = Statement {
        hash: Fr::from(42),
        words,
    };
    let mut settler = [0; 20];
    settler[19] = 0x77;
    let place = Destination {
        chain_id: 10,
        settler,
    };
    let gamma = place.gamma(&statement, &[3, 64]);
    let contract = include_str!("../../../test/unit/AggregateStatement.t.sol");
    for (name, value) in [("GAMMA", gamma), ("D", statement.combine(gamma))] {
        let word = haloracle_circuit::field::to_word(&value);
        let digits: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
        let assigned = format!("constant {name} =");
        let line = format!("0x{digits};");
        let after = contract.split(&assigned).nth(1).expect("it is there");
        assert!(after.trim_start().starts_with(&line), "{name} {line}");
    }
}
