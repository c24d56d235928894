//! Real proofs of a small model.
#![allow(clippy::unwrap_used)]

use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, IntegerModel, OutputField};
use haloracle_prover::{Keys, Proof, Srs, VerifyError, VerifyingKey, verify};

fn model() -> IntegerModel {
    let dense = |name: &str, weights: Vec<Vec<i64>>, bias: Vec<i64>, table| Dense {
        name: name.into(),
        weights,
        bias,
        table,
    };
    let feature = |name: &str| Feature {
        name: name.into(),
        decimals: 1,
        lo: -100,
        hi: 100,
    };
    haloracle_model::ChainModel {
        name: "small".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![feature("a"), feature("b")],
        },
        layers: vec![
            dense(
                "hidden",
                vec![vec![1, 16, -1, -10], vec![0, 7, 3, 2], vec![-1, -5, 1, 16]],
                vec![8, -90, 8],
                None,
            ),
            dense(
                "score",
                vec![vec![5, -3, 4]],
                vec![40],
                Some(FunctionTable {
                    name: "halve".into(),
                    values: (0..16).map(|z| z / 2).collect(),
                }),
            ),
        ],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 0,
            multiplier: 1,
            decimals: 1,
        }],
    }
    .build()
}

fn keys() -> Keys {
    let srs = Srs::unsafe_setup(8, [1; 32]).unwrap();
    Keys::generate(&model(), &srs).unwrap()
}

#[test]
fn proves_and_verifies_from_key_data_alone() {
    let keys = keys();
    for raw in [[-100, -100], [100, 100], [-3, 57]] {
        let proof = keys.prove(&raw, &[7; 32]).unwrap();
        let key = VerifyingKey::from_data(&keys.verifying_key().to_data()).unwrap();
        assert_eq!(&key, keys.verifying_key());
        verify(keys.srs(), &key, &proof).unwrap();
        let expected = model().run(&raw).unwrap();
        let words = &proof.instances[2 + model().input_words()..];
        assert_eq!(
            model().unpack_output(words).unwrap(),
            (0, expected.outputs().to_vec())
        );
    }
}

#[test]
fn json_round_trip_is_canonical() {
    let proof = keys().prove(&[1, 2], &[9; 32]).unwrap();
    let text = serde_json::to_string(&proof).unwrap();
    let back: Proof = serde_json::from_str(&text).unwrap();
    assert_eq!(back, proof);
    let compact = proof.compact().unwrap();
    println!(
        "compact {} B, EVM form {} B",
        compact.len(),
        proof.evm.len()
    );
    assert!(compact.len() <= 1800);
}

#[test]
fn every_instance_and_every_proof_word_matters() {
    let keys = keys();
    let proof = keys.prove(&[10, -20], &[3; 32]).unwrap();
    for index in 0..proof.instances.len() {
        let mut other = proof.clone();
        other.instances[index][31] ^= 1;
        assert_eq!(
            keys.verify(&other),
            Err(VerifyError::Invalid),
            "instance {index}"
        );
    }
    for at in (0..proof.evm.len()).step_by(32) {
        let mut other = proof.clone();
        other.evm[at + 31] ^= 1;
        assert_eq!(keys.verify(&other), Err(VerifyError::Invalid), "byte {at}");
    }
    let mut longer = proof.clone();
    longer.evm.push(0);
    assert_eq!(keys.verify(&longer), Err(VerifyError::Trailing));
    let mut more = proof.clone();
    more.instances.push([0; 32]);
    assert!(matches!(
        keys.verify(&more),
        Err(VerifyError::InstanceCount { .. })
    ));
}

#[test]
fn keys_are_reproducible() {
    assert_eq!(
        keys().verifying_key().to_data(),
        keys().verifying_key().to_data()
    );
}

#[test]
fn an_srs_of_any_size_verifies() {
    let keys = keys();
    let proof = keys.prove(&[10, -20], &[3; 32]).unwrap();
    for k in [2, 8, 10] {
        let srs = Srs::unsafe_setup(k, [1; 32]).unwrap();
        verify(&srs, keys.verifying_key(), &proof).unwrap();
    }
    let other = Srs::unsafe_setup(8, [2; 32]).unwrap();
    let refused = verify(&other, keys.verifying_key(), &proof);
    assert_eq!(refused, Err(VerifyError::Invalid));
}

#[test]
fn a_tag_half_of_more_than_128_bits_is_refused() {
    let keys = keys();
    let mut proof = keys.prove(&[10, -20], &[3; 32]).unwrap();
    proof.instances[1][15] = 1;
    assert_eq!(keys.verify(&proof), Err(VerifyError::TagRange { index: 1 }));
}

#[test]
fn another_gate_degree_in_the_environment_is_named_and_nothing_is_judged() {
    // A process of its own: the variable is read by the proof system, also in other tests.
    let name = "another_gate_degree_in_the_environment_is_named_and_nothing_is_judged";
    if std::env::var_os("MAX_DEGREE").is_some() {
        let srs = Srs::unsafe_setup(8, [1; 32]).unwrap();
        let error = Keys::generate(&model(), &srs).unwrap_err().to_string();
        assert!(error.contains("MAX_DEGREE"), "{error}");
        return;
    }
    for value in ["4", "6", "0", "many"] {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env("MAX_DEGREE", value)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{value}: {}",
            String::from_utf8_lossy(&run.stdout)
        );
    }
}
