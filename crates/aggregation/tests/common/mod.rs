//! Small models with proofs for aggregation.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

use std::sync::Arc;

use haloracle_aggregation::InnerProof;
use haloracle_circuit::{Shape, compile};
use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, IntegerModel, OutputField};
use haloracle_prover::{Keys, Srs};

/// The SRS of all tests here.
pub fn srs(k: u32) -> Srs {
    Srs::unsafe_setup(k, [1; 32]).unwrap()
}

/// A small model; `weight` tells one from another.
pub fn model(weight: i64) -> IntegerModel {
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
                vec![vec![1, weight, -1, -10], vec![0, 7, 3, 2]],
                vec![8, -90],
                None,
            ),
            dense(
                "score",
                vec![vec![5, -3]],
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

/// A proof of a small model under `tag`.
pub fn proof(srs: &Srs, shape: Shape, weight: i64, raw: [i64; 2], tag: u8) -> InnerProof {
    let model = Arc::new(model(weight));
    let program = compile(&model, Some(shape)).unwrap();
    let keys = Keys::generate_for(model, program, srs).unwrap();
    let mut statement = [0; 32];
    statement[31] = tag;
    let proof = keys
        .prove_for_aggregation(&[raw.to_vec()], &[], &statement)
        .unwrap();
    InnerProof {
        key: keys.verifying_key().clone(),
        proof,
    }
}
