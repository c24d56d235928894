//! The wide shape: honest runs of random graphs have proofs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::graphs::{PIECES, Piece, graph};
use common::{input, tag};
use halo2_proofs::dev::MockProver;
use haloracle_circuit::commitment::{Domain, commit, commit_input, digit_words};
use haloracle_circuit::field::{from_word, to_word};
use haloracle_circuit::wide::{Salts, WideCircuit, WideError, Witness, lower};
use haloracle_model::IntegerModel;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn salts() -> Salts {
    Salts {
        input: 0x1234_5678_9abc_def0u64.into(),
        model: 0xfeed_beef_0123u64.into(),
    }
}

/// Checks a model on inputs, and returns on how many.
fn check(model: &IntegerModel, seeds: std::ops::Range<u64>) -> usize {
    let program = Arc::new(
        lower(model)
            .map_err(|error| format!("{}: {error}", model.name))
            .unwrap(),
    );
    for seed in seeds.clone() {
        let raw = input(model, seed);
        let witness = Witness::new(model, &program, &raw, salts(), &tag()).unwrap();
        let instances = witness.instance_values();
        let circuit = WideCircuit::new(Arc::clone(&program), Arc::new(witness));
        let result = MockProver::run(program.k, &circuit, vec![instances])
            .unwrap()
            .verify();
        let failures = result.err().unwrap_or_default();
        let shown: Vec<String> = failures.iter().take(3).map(|f| format!("{f:?}")).collect();
        let name = &model.name;
        assert!(shown.is_empty(), "{name} seed {seed}: {}", shown.join("\n"));
    }
    seeds.count()
}

#[test]
fn each_operator_alone_is_provable() {
    let mut runs = 0;
    for (at, piece) in PIECES.into_iter().enumerate() {
        for seed in 0..12 {
            runs += check(&graph(seed * 31 + at as u64, 5, &[piece]), 0..4);
        }
    }
    println!("{runs} runs");
}

#[test]
fn random_graphs_are_provable_in_their_corners() {
    let mut rng = StdRng::seed_from_u64(11);
    let (mut graphs, mut runs) = (0, 0);
    for seed in 0..240 {
        let pieces: Vec<Piece> = (0..rng.gen_range(2..6))
            .map(|_| PIECES[rng.gen_range(0..PIECES.len())])
            .collect();
        let model = graph(1000 + seed, rng.gen_range(4..=7), &pieces);
        if model.check_complete().is_ok() {
            runs += check(&model, 0..4);
            graphs += 1;
        }
    }
    println!("{graphs} graphs, {runs} runs");
    assert!(graphs > 200, "{graphs} graphs were checked");
}

/// Dense and convolution nodes, with what may stand between.
const PRIVATE: [Piece; 5] = [
    Piece::Dense,
    Piece::Conv,
    Piece::Sparse,
    Piece::Table,
    Piece::Max,
];

#[test]
fn private_weights_and_inputs_are_provable_and_bound_to_their_commitments() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut outside = 0;
    let mut checked = 0;
    let mut lengths = BTreeSet::new();
    for seed in 0..80 {
        let mut pieces: Vec<Piece> = (0..rng.gen_range(1..3))
            .map(|_| PRIVATE[rng.gen_range(0..PRIVATE.len())])
            .collect();
        pieces.push(PRIVATE[rng.gen_range(0..2)]);
        let mut model = graph(2000 + seed, rng.gen_range(4..=6), &pieces);
        for node in &mut model.nodes {
            // A convolution's private biases are one per filter.
            if let haloracle_model::Op::Conv(conv) = &mut node.op {
                let plane = conv.outputs() / conv.filters as usize;
                for biases in conv.bias.chunks_mut(plane) {
                    let first = biases[0];
                    biases.fill(first);
                }
            }
        }
        if seed % 3 != 0 {
            model = model.with_private_inputs();
        }
        if seed % 3 != 1 {
            let Ok(private) = model.with_private_weights() else {
                continue;
            };
            model = private;
        }
        if model.validate().is_err() || model.check_complete().is_err() {
            continue;
        }
        let program = match lower(&model) {
            // Named, never wrong: no pitch keeps the product's positions apart.
            Err(WideError::NoPlan { .. }) => continue,
            program => program.unwrap(),
        };
        checked += 1;
        check(&model, 0..3);
        let mut raw = input(&model, 7);
        if model.privacy.inputs {
            // Anything that fits the slot has an answer.
            let last = raw.len() - 1;
            raw[last] =
                i64::from(model.input.features[last].lo) + (1 << model.input_slot_bits()) - 1;
        }
        let witness = Witness::new(&model, &program, &raw, salts(), &tag()).unwrap();
        let mut commitments = witness.instances[2..].iter();
        if model.privacy.weights {
            let words = digit_words(&model.parameters(), model.digit_bits);
            lengths.insert(words.len());
            let wanted = commit(Domain::Model, salts().model, &words);
            assert_eq!(from_word(commitments.next().unwrap()).unwrap(), wanted);
        }
        if model.privacy.inputs {
            let words = {
                let mut public = model.clone();
                public.privacy = Default::default();
                for feature in &mut public.input.features {
                    feature.hi = feature.lo + (1 << model.input_slot_bits()) - 1;
                }
                public.pack_input(&raw).unwrap()
            };
            let salt = to_word(&salts().input);
            assert_eq!(
                *commitments.next().unwrap(),
                commit_input(&salt, &words).unwrap()
            );
        }
        let trace = model.run(&raw).unwrap();
        let inside = raw
            .iter()
            .zip(&model.input.features)
            .all(|(v, f)| *v <= f.hi.into());
        if model.privacy.inputs {
            assert_eq!(trace.status, u64::from(!inside));
            outside += trace.status;
            assert!(inside || trace.outputs.iter().all(|v| *v == 0));
            let circuit = WideCircuit::new(Arc::new(program.clone()), Arc::new(witness.clone()));
            let proved = MockProver::run(program.k, &circuit, vec![witness.instance_values()]);
            proved.unwrap().verify().unwrap();
        }
    }
    println!("{checked} private graphs, words committed to: {lengths:?}");
    // One permutation, several, the last with one word and with two.
    let [one, two] = [0, 1].map(|odd| lengths.iter().any(|n| *n > 2 && n % 2 == odd));
    assert!(lengths.contains(&1) && one && two, "{lengths:?}");
    assert!(checked > 50, "{checked} models were checked");
    assert!(outside > 3, "{outside} inputs were outside their domain");
}
