//! Pinned bytes: shape, SRS, key data and digest of a fixed model.
//!
//! A change here means other verifying keys and another verifier contract: run `make fixtures`
//! and say so in the changelog.
#![allow(clippy::unwrap_used)]

use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, OutputField};
use haloracle_prover::{Keys, Srs, files::keccak, shape_hash};

#[test]
fn shape_key_and_digest_are_pinned() {
    let model = haloracle_model::ChainModel {
        name: "pinned".into(),
        digit_bits: 5,
        input: InputSchema {
            digits: 2,
            features: vec![Feature {
                name: "a".into(),
                decimals: 0,
                lo: -500,
                hi: 500,
            }],
        },
        layers: vec![Dense {
            name: "l".into(),
            weights: vec![vec![7, -3], vec![1, 30]],
            bias: vec![100, -16],
            table: Some(FunctionTable {
                name: "not".into(),
                values: (0..32).rev().collect(),
            }),
        }],
        output: ["y", "z"]
            .map(|name| OutputField {
                name: name.into(),
                wire: 0,
                digits: 1,
                zero_point: 0,
                multiplier: 1,
                decimals: 0,
            })
            .into(),
    }
    .build();
    let srs = Srs::unsafe_setup(7, [3; 32]).unwrap();
    let keys = Keys::generate(&model, &srs).unwrap();
    let key = keys.verifying_key();
    let digest = haloracle_circuit::field::to_word(&key.digest(&srs.hash()));
    let found = [
        shape_hash(haloracle_prover::Shape::Narrow),
        srs.hash(),
        keccak(&srs.to_bytes()),
        key.hash(),
        digest,
    ];
    let found: Vec<String> = found.iter().map(hex::encode).collect();
    let pinned = include_str!("pinned.txt");
    assert_eq!(found, pinned.lines().collect::<Vec<_>>());
}
