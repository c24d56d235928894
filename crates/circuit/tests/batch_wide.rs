//! Several items of one model in one wide program: answers, commitments, forgeries between items.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::graphs::{PIECES, Piece, graph};
use common::wide::{models, salts};
use common::{input, tag};
use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::Item;
use haloracle_circuit::commitment::{Domain, commit, commit_input, digit_words};
use haloracle_circuit::field::to_word;
use haloracle_circuit::wide::lower::lower_batch;
use haloracle_circuit::wide::program::Source;
use haloracle_circuit::wide::{Program, WideCircuit, WideError, Witness};
use haloracle_model::{Batch, IntegerModel, Op};

/// A program of several items and a run of it.
struct Case {
    model: IntegerModel,
    program: Arc<Program>,
    raws: Vec<Vec<i64>>,
    witness: Witness,
}

/// Salt of an item's inputs.
fn salt(item: usize) -> Fr {
    Fr::from(0x51ab + item as u64)
}

impl Case {
    fn new(model: IntegerModel, items: usize, seed: u64) -> Result<Self, WideError> {
        let program = Arc::new(lower_batch(&model, items)?);
        let raws: Vec<Vec<i64>> = (0..items as u64)
            .map(|item| input(&model, seed + item))
            .collect();
        let witness = run(&model, &program, &raws);
        Ok(Self {
            model,
            program,
            raws,
            witness,
        })
    }

    fn holds(&self, witness: &Witness) -> bool {
        self.holds_with(witness, witness.instance_values())
    }

    fn holds_with(&self, witness: &Witness, instances: Vec<Fr>) -> bool {
        let circuit = WideCircuit::new(Arc::clone(&self.program), Arc::new(witness.clone()));
        let prover = MockProver::run(self.program.k, &circuit, vec![instances]).unwrap();
        prover.verify().is_ok()
    }

    /// Every item's words are those of its run alone, under its own salt.
    fn answers(&self) {
        let model = &self.model;
        let mut words = self.witness.instances[2..].iter();
        if model.privacy.weights {
            let digits = digit_words(&model.parameters(), model.digit_bits);
            let weights = commit(Domain::Model, salts().model, &digits);
            assert_eq!(words.next(), Some(&to_word(&weights)));
        }
        for (item, raw) in self.raws.iter().enumerate() {
            let run = model.run(raw).unwrap();
            let mut wanted = model.pack_input(raw).unwrap();
            if model.privacy.inputs {
                let salt = to_word(&salt(item));
                wanted = vec![commit_input(&salt, &wanted).unwrap()];
            }
            wanted.extend(model.pack_output(run.status, run.outputs()));
            assert!(
                wanted.iter().eq(words.by_ref().take(wanted.len())),
                "{item}"
            );
        }
        assert!(words.next().is_none());
    }

    /// Words of one item.
    fn words(&self) -> usize {
        let first = 2 + usize::from(self.model.privacy.weights);
        (self.witness.instances.len() - first) / self.raws.len()
    }
}

fn run(model: &IntegerModel, program: &Program, raws: &[Vec<i64>]) -> Witness {
    let items = raws.iter().enumerate().map(|(item, raw)| Item {
        raw,
        salt: salt(item),
    });
    let items: Vec<Item<'_>> = items.collect();
    Witness::batch(model, program, &items, salts().model, &tag()).unwrap()
}

#[test]
fn random_graphs_answer_every_item_as_alone() {
    let mut checked = 0;
    for seed in 0..40u64 {
        let mut pieces = PIECES.to_vec();
        pieces.rotate_left(seed as usize % PIECES.len());
        pieces.truncate(3 + seed as usize % 6);
        let model = graph(seed, 4 + (seed % 4) as u32, &pieces);
        if model.validate().is_err() || model.check_complete().is_err() {
            continue;
        }
        let items = 2 + seed as usize % 5;
        let case = Case::new(model, items, seed).unwrap();
        assert!(case.holds(&case.witness), "seed {seed}, {items} items");
        case.answers();
        checked += 1;
    }
    assert!(checked > 15, "{checked} models were checked");
}

#[test]
fn private_weights_are_committed_to_once_and_private_inputs_item_by_item() {
    let mut checked = 0;
    for seed in 0..30u64 {
        let pieces = [Piece::Dense, Piece::Sparse, Piece::Max, Piece::Dense];
        let mut model = graph(seed, 4, &pieces[..1 + seed as usize % 4]);
        if seed % 3 != 0 {
            model = model.with_private_inputs();
        }
        if seed % 3 != 1 {
            match model.with_private_weights() {
                Ok(private) => model = private,
                Err(_) => continue,
            }
        }
        if model.validate().is_err() || model.check_complete().is_err() {
            continue;
        }
        let case = Case::new(model, 2 + seed as usize % 3, seed).unwrap();
        assert!(case.holds(&case.witness), "seed {seed}");
        case.answers();
        checked += 1;
    }
    assert!(checked > 10, "{checked} models were checked");
    let weights = |items: usize| {
        let program = lower_batch(&common::wide::private(), items).unwrap();
        program
            .rows
            .iter()
            .filter(|row| row.fixed.live as u32 == 2)
            .count()
    };
    assert_eq!(weights(1), weights(5), "the weights' sponge stands once");
}

#[test]
fn every_kind_of_model_has_batches() {
    for model in models() {
        let name = model.name.clone();
        let case = Case::new(model, 3, 11).unwrap();
        assert!(case.holds(&case.witness), "{name}");
        case.answers();
    }
}

#[test]
fn no_claim_of_one_item_makes_up_for_another_s() {
    // The weights of all items stand in one fold: errors of +1 and −1 in two items, in the same
    // unit and in the same digit, would cancel but for the powers of sigma.
    let mut tried = 0;
    for model in models() {
        let case = Case::new(model, 3, 5).unwrap();
        let batch = Batch::new(&case.model, 3).unwrap();
        for (node, first) in case.model.nodes.iter().zip(case.model.first_wires()) {
            if !matches!(node.op, Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. }) {
                continue;
            }
            let max = case.program.max_digit();
            let home = |item: usize| {
                let cell = case.program.homes[batch.wire(item, first as u32) as usize];
                (cell.row as usize, usize::from(cell.lane))
            };
            let (one, other) = (home(0), home(2));
            let mut witness = case.witness.clone();
            if witness.r[one.0][one.1] == max || witness.r[other.0][other.1] == 0 {
                continue;
            }
            witness.r[one.0][one.1] += 1;
            witness.r[other.0][other.1] -= 1;
            assert!(!case.holds(&witness), "{} {}", case.model.name, node.name);
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} forgeries were tried");
}

#[test]
fn words_belong_to_their_items() {
    for model in models() {
        let name = model.name.clone();
        let case = Case::new(model, 3, 17).unwrap();
        let honest = case.witness.instance_values();
        let words = case.words();
        let first = honest.len() - 3 * words;
        // Two items change places; one takes another's output; the last repeats the one before.
        let mut exchanged = honest.clone();
        for word in 0..words {
            exchanged.swap(first + word, first + words + word);
        }
        let mut answers = honest.clone();
        answers.swap(first + words - 1, first + 2 * words - 1);
        let mut repeated = honest.clone();
        repeated.copy_within(first + words..first + 2 * words, first + 2 * words);
        for forged in [exchanged, answers, repeated] {
            if forged != honest {
                assert!(!case.holds_with(&case.witness, forged), "{name}");
            }
        }
    }
}

#[test]
fn a_batch_takes_as_many_inputs_as_it_was_made_for() {
    let model = models().swap_remove(0);
    let case = Case::new(model, 3, 1).unwrap();
    for count in [1, 2, 4] {
        let raws = vec![case.raws[0].clone(); count];
        let items = raws.iter().map(|raw| Item { raw, salt: salt(0) });
        let items: Vec<Item<'_>> = items.collect();
        let refused = Witness::batch(&case.model, &case.program, &items, salts().model, &tag());
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("3 inputs at once"), "{error}");
    }
    let mut raws = case.raws.clone();
    raws[1][0] = i64::MAX;
    let items = raws.iter().map(|raw| Item { raw, salt: salt(0) });
    let items: Vec<Item<'_>> = items.collect();
    let refused = Witness::batch(&case.model, &case.program, &items, salts().model, &tag());
    let error = refused.unwrap_err().to_string();
    assert!(error.starts_with("input 2: feature 0"), "{error}");
}

#[test]
fn sources_name_every_unit_of_every_item_once() {
    for model in models() {
        let program = lower_batch(&model, 4).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for row in &program.rows {
            if let Source::Claims { node, units } = &row.source {
                let units = units.iter().filter(|unit| **unit != u32::MAX);
                assert!(
                    units
                        .map(|unit| (*node, *unit))
                        .all(|unit| seen.insert(unit))
                );
            }
        }
        let batch = Batch::new(&model, 4).unwrap();
        let nodes = batch.graph().nodes.iter().filter(|node| node.requantizes());
        assert_eq!(seen.len(), nodes.map(|node| node.outputs()).sum::<usize>());
    }
}
