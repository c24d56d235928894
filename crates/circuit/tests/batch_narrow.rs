//! Several items of one model in one narrow program.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{Shape, input, tag};
use halo2_proofs::dev::MockProver;
use haloracle_circuit::lower::lower_batch;
use haloracle_circuit::{MachineCircuit, Program, Witness};
use haloracle_model::IntegerModel;

/// A program of several items and a run of it.
struct Case {
    model: IntegerModel,
    program: Arc<Program>,
    witness: Witness,
    raws: Vec<Vec<i64>>,
}

impl Case {
    fn new(shape: &Shape, items: usize, seed: u64) -> Self {
        let model = shape.model();
        let program = Arc::new(lower_batch(&model, items).unwrap());
        let raws: Vec<Vec<i64>> = (0..items as u64)
            .map(|item| input(&model, seed + item))
            .collect();
        let all: Vec<&[i64]> = raws.iter().map(Vec::as_slice).collect();
        let witness = Witness::batch(&model, &program, &all, &tag()).unwrap();
        Self {
            model,
            program,
            witness,
            raws,
        }
    }

    fn holds(&self, witness: &Witness) -> bool {
        let circuit = MachineCircuit::new(Arc::clone(&self.program), Arc::new(witness.clone()));
        let instances = vec![witness.instance_values()];
        let prover = MockProver::run(self.program.k, &circuit, instances).unwrap();
        prover.verify().is_ok()
    }
}

#[test]
fn every_item_s_words_are_those_of_a_single_run() {
    for items in [2, 3, 5, 9] {
        let case = Case::new(&Shape::rich(), items, 0);
        assert!(case.holds(&case.witness), "{items} items");
        let mut words = case.witness.instances[2..].iter();
        for raw in &case.raws {
            let run = case.model.run(raw).unwrap();
            let mut wanted = case.model.pack_input(raw).unwrap();
            wanted.extend(case.model.pack_output(0, run.outputs()));
            assert!(wanted.iter().eq(words.by_ref().take(wanted.len())));
        }
        assert!(words.next().is_none());
    }
}
