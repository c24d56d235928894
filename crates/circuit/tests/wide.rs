//! The wide shape: honest runs of random graphs have proofs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::graphs::{PIECES, Piece, graph};
use common::{input, tag};
use halo2_proofs::dev::MockProver;
use haloracle_circuit::wide::{WideCircuit, Witness, lower};
use haloracle_model::IntegerModel;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn check(model: &IntegerModel, seeds: std::ops::Range<u64>) {
    let program = Arc::new(lower(model).unwrap_or_else(|error| panic!("{}: {error}", model.name)));
    for seed in seeds {
        let raw = input(model, seed);
        let witness = Witness::new(model, &program, &raw, &tag()).unwrap();
        let instances = witness.instance_values();
        let circuit = WideCircuit::new(Arc::clone(&program), Arc::new(witness));
        let result = MockProver::run(program.k, &circuit, vec![instances])
            .unwrap()
            .verify();
        if let Err(failures) = result {
            let shown: Vec<String> = failures.iter().take(3).map(|f| format!("{f:?}")).collect();
            panic!("{} seed {seed}: {}", model.name, shown.join("\n"));
        }
    }
}

#[test]
fn each_operator_alone_is_provable() {
    for (at, piece) in PIECES.into_iter().enumerate() {
        for seed in 0..12 {
            check(&graph(seed * 31 + at as u64, 5, &[piece]), 0..4);
        }
    }
}

#[test]
fn random_graphs_are_provable_in_their_corners() {
    let mut rng = StdRng::seed_from_u64(11);
    for seed in 0..60 {
        let pieces: Vec<Piece> = (0..rng.gen_range(2..6))
            .map(|_| PIECES[rng.gen_range(0..PIECES.len())])
            .collect();
        let model = graph(1000 + seed, rng.gen_range(4..=7), &pieces);
        if model.check_complete().is_ok() {
            check(&model, 0..4);
        }
    }
}
