//! Several items of one model in one wide program.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::graphs::{PIECES, graph};
use common::wide::salts;
use common::{input, tag};
use halo2_proofs::dev::MockProver;
use haloracle_circuit::Item;
use haloracle_circuit::wide::lower::lower_batch;
use haloracle_circuit::wide::{Program, WideCircuit, Witness};
use haloracle_model::IntegerModel;

/// Inputs of the box, one per item.
fn inputs(model: &IntegerModel, items: usize, seed: u64) -> Vec<Vec<i64>> {
    let items = 0..items as u64;
    items.map(|item| input(model, seed + item)).collect()
}

fn run(model: &IntegerModel, program: &Program, raws: &[Vec<i64>]) -> Witness {
    let items: Vec<Item<'_>> = raws
        .iter()
        .zip(1u64..)
        .map(|(raw, salt)| Item {
            raw,
            salt: salt.into(),
        })
        .collect();
    Witness::batch(model, program, &items, salts().model, &tag()).unwrap()
}

fn holds(program: &Arc<Program>, witness: &Witness) -> bool {
    let circuit = WideCircuit::new(Arc::clone(program), Arc::new(witness.clone()));
    let instances = vec![witness.instance_values()];
    let prover = MockProver::run(program.k, &circuit, instances).unwrap();
    prover.verify().is_ok()
}

#[test]
fn random_graphs_answer_every_item_as_alone() {
    for seed in 0..12u64 {
        let mut pieces = PIECES.to_vec();
        pieces.rotate_left(seed as usize % PIECES.len());
        let model = graph(seed, 4 + (seed % 4) as u32, &pieces);
        if model.check_complete().is_err() || model.validate().is_err() {
            continue;
        }
        for items in [2, 5] {
            let program = Arc::new(lower_batch(&model, items).unwrap());
            let raws = inputs(&model, items, seed);
            let witness = run(&model, &program, &raws);
            assert!(holds(&program, &witness), "seed {seed}, {items} items");
            let mut words = witness.instances[2..].iter();
            for raw in &raws {
                let run = model.run(raw).unwrap();
                let mut wanted = model.pack_input(raw).unwrap();
                wanted.extend(model.pack_output(run.status, run.outputs()));
                assert!(wanted.iter().eq(words.by_ref().take(wanted.len())));
            }
            assert!(words.next().is_none());
        }
    }
}
