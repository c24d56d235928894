//! Real proofs of tampered witnesses: halo2 writes them without a word, the verifier refuses.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use haloracle_circuit::Witness;
use haloracle_circuit::program::Source;
use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, IntegerModel, OutputField};
use haloracle_prover::{Keys, Srs, VerifyError};

/// Saturating and plain units, a hidden and a final table.
fn model() -> IntegerModel {
    let table = |shift: u32| {
        Some(FunctionTable {
            name: format!("xor {shift}"),
            values: (0..16).map(|z| z ^ shift).collect(),
        })
    };
    let dense = |name: &str, weights: Vec<Vec<i64>>, bias: Vec<i64>, table| Dense {
        name: name.into(),
        weights,
        bias,
        table,
    };
    let feature = |name: &str| Feature {
        name: name.into(),
        decimals: 0,
        lo: -100,
        hi: 100,
    };
    haloracle_model::ChainModel {
        name: "tampered".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![feature("a"), feature("b")],
        },
        layers: vec![
            dense(
                "one",
                vec![vec![9, 40, -9, -40], vec![1, 2, 1, 3]],
                vec![8, 8],
                table(3),
            ),
            dense("two", vec![vec![9, -7], vec![1, 6]], vec![60, 8], table(5)),
        ],
        output: (0..2)
            .map(|unit| OutputField {
                name: format!("y{unit}"),
                wire: 0,
                digits: 1,
                zero_point: 0,
                multiplier: 1,
                decimals: 0,
            })
            .collect(),
    }
    .build()
}

/// Recounts range look-ups, so that nothing but meaning can reject a digit.
fn recount(keys: &Keys, witness: &mut Witness) {
    let program = keys.program().narrow().unwrap();
    let size = program.max_digit() as usize + 1;
    witness.m[..size].fill(0);
    for row in 0..program.last_row() {
        for value in [witness.z[row] + witness.n[row], witness.r[row]] {
            if (value as usize) < size {
                witness.m[value as usize] += 1;
            }
        }
    }
}

#[test]
fn a_real_proof_of_each_tampered_kind_of_cell_is_refused() {
    let model = model();
    let srs = Srs::unsafe_setup(8, [5; 32]).unwrap();
    let keys = Keys::generate(&model, &srs).unwrap();
    let honest = Witness::new(
        &model,
        keys.program().narrow().unwrap(),
        &[37, -61],
        &[0x5a; 32],
    )
    .unwrap();
    keys.verify(&keys.prove_witness(honest.clone()).unwrap())
        .unwrap();

    let mut kinds = BTreeSet::new();
    let mut refused = 0;
    for (row, cells) in keys.program().narrow().unwrap().rows.iter().enumerate() {
        let (name, columns): (_, &[usize]) = match cells.source {
            Source::Idle => continue,
            Source::Digit { low_in_r: true, .. } => ("first", &[0, 2]),
            Source::Digit { word: 0 | 1, .. } => ("tag digit", &[0]),
            Source::Digit { .. } => ("input digit", &[0]),
            Source::Unit { layer: 0, .. } => ("hidden unit", &[0, 1, 2]),
            Source::Unit { .. } => ("output unit", &[0, 1, 2]),
            Source::Excess { .. } => ("excess", &[0, 1, 2]),
            Source::Copy { .. } => ("copy", &[0]),
            Source::Table { layer: 0, .. } => ("hidden table", &[0]),
            Source::Table { .. } => ("output table", &[0]),
        };
        for &column in columns {
            if !kinds.insert((name, column)) {
                continue;
            }
            let mut witness = honest.clone();
            let cell = match column {
                0 => &mut witness.z[row],
                1 => &mut witness.n[row],
                _ => &mut witness.r[row],
            };
            *cell = if *cell > 0 { *cell - 1 } else { 1 };
            recount(&keys, &mut witness);
            let proof = keys.prove_witness(witness).unwrap();
            assert_eq!(
                keys.verify(&proof),
                Err(VerifyError::Invalid),
                "{name} {column}"
            );
            refused += 1;
        }
    }
    println!("{refused} kinds of tampered cell refused: {kinds:?}");
    assert!(refused >= 16);

    // Multiplicities, a digit out of range, and each instance.
    let mut changes: Vec<Witness> = vec![honest.clone(); 2];
    changes[0].m[3] += 1;
    let idle = keys.program().narrow().unwrap().last_row() - 1;
    changes[1].z[idle] = 16;
    for index in 0..honest.instances.len() {
        let mut witness = honest.clone();
        witness.instances[index][31] ^= 1;
        changes.push(witness);
        if index < 2 {
            continue; // a tag half has no unused bits below its 128
        }
        let mut witness = honest.clone();
        // An unused slot: nothing covers bit 252 of any word here.
        witness.instances[index][0] ^= 0x10;
        changes.push(witness);
    }
    for (index, witness) in changes.into_iter().enumerate() {
        let proof = keys.prove_witness(witness).unwrap();
        assert_eq!(
            keys.verify(&proof),
            Err(VerifyError::Invalid),
            "change {index}"
        );
    }
}

#[test]
fn an_instance_plus_the_modulus_is_refused() {
    let model = model();
    let srs = Srs::unsafe_setup(8, [5; 32]).unwrap();
    let keys = Keys::generate(&model, &srs).unwrap();
    let proof = keys.prove(&[1, 2], &[1; 32]).unwrap();
    // r, big-endian.
    let modulus = hex::decode("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");
    let modulus = modulus.unwrap();
    for index in 0..proof.instances.len() {
        let mut other = proof.clone();
        let mut carry = 0u16;
        for (byte, add) in other.instances[index].iter_mut().zip(&modulus).rev() {
            let sum = u16::from(*byte) + u16::from(*add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(
            keys.verify(&other),
            Err(VerifyError::InstanceRange { index })
        );
    }
}

#[test]
fn keys_of_another_model_or_srs_refuse_the_proof() {
    let model = model();
    let srs = Srs::unsafe_setup(8, [5; 32]).unwrap();
    let keys = Keys::generate(&model, &srs).unwrap();
    let proof = keys.prove(&[1, 2], &[1; 32]).unwrap();
    let mut other = model.clone();
    other.dense_mut(1).unwrap().1[0] += 1;
    let other_keys = Keys::generate(&other, &srs).unwrap();
    assert_eq!(other_keys.verify(&proof), Err(VerifyError::Invalid));
    let other_srs = Srs::unsafe_setup(8, [6; 32]).unwrap();
    let other_keys = Keys::generate(&model, &other_srs).unwrap();
    assert_eq!(other_keys.verify(&proof), Err(VerifyError::Invalid));
}
