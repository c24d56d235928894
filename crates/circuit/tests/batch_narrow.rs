//! Several items of one model in one narrow program: answers, forgeries between items, the audit.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::checker::Cells;
use common::{Shape, change, input, tag};
use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::audit::audit_batch;
use haloracle_circuit::lower::lower_batch;
use haloracle_circuit::program::Source;
use haloracle_circuit::{MachineCircuit, Program, Witness};
use haloracle_model::IntegerModel;
use rand::{Rng, SeedableRng};

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

    fn holds_with(&self, instances: Vec<Fr>) -> bool {
        let circuit =
            MachineCircuit::new(Arc::clone(&self.program), Arc::new(self.witness.clone()));
        let prover = MockProver::run(self.program.k, &circuit, vec![instances]).unwrap();
        prover.verify().is_ok()
    }

    /// Words of one item.
    fn words(&self) -> usize {
        (self.witness.instances.len() - 2) / self.raws.len()
    }
}

/// Every item's words are those of its run alone.
fn answers(case: &Case) {
    let mut words = case.witness.instances[2..].iter();
    for raw in &case.raws {
        let run = case.model.run(raw).unwrap();
        let mut wanted = case.model.pack_input(raw).unwrap();
        wanted.extend(case.model.pack_output(0, run.outputs()));
        assert!(wanted.iter().eq(words.by_ref().take(wanted.len())));
    }
    assert!(words.next().is_none());
}

#[test]
fn every_item_is_answered_as_alone() {
    for items in [2, 3, 5, 9] {
        let case = Case::new(&Shape::rich(), items, 0);
        assert!(case.holds(&case.witness), "{items} items");
        answers(&case);
    }
}

#[test]
fn random_models_answer_every_item_as_alone() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(4);
    for round in 0..30u64 {
        let depth = rng.gen_range(1..4);
        let shape = Shape {
            seed: round,
            digit_bits: 4 + (round % 7) as u32,
            digits: rng.gen_range(1..=4),
            features: rng.gen_range(1..40),
            layers: (0..depth).map(|_| rng.gen_range(1..30)).collect(),
            tables: (0..depth).map(|_| rng.gen_range(0..3) == 0).collect(),
        };
        let case = Case::new(&shape, rng.gen_range(2..12), round);
        let cells = Cells::new(&case.program, &case.witness);
        assert!(cells.violations().is_empty(), "{shape:?}");
        answers(&case);
    }
}

/// Home row of an item's unit.
fn home(case: &Case, item: usize, layer: usize, unit: usize) -> usize {
    case.program.unit_rows[case.program.piece(item, layer)][unit]
}

#[test]
fn no_claim_of_one_item_makes_up_for_another_s() {
    let case = Case::new(&Shape::rich(), 3, 20);
    let max = case.program.max_digit();
    let mut tried = 0;
    for layer in 0..3 {
        for unit in 0..case.program.unit_rows[layer].len() {
            let (one, other) = (home(&case, 0, layer, unit), home(&case, 2, layer, unit));
            let mut witness = case.witness.clone();
            if witness.r[one] == max || witness.r[other] == 0 {
                continue;
            }
            witness.r[one] += 1;
            witness.r[other] -= 1;
            assert!(!case.holds(&witness), "layer {layer} unit {unit}");
            tried += 1;
        }
    }
    assert!(tried > 10);
}

#[test]
fn one_fold_for_two_items_would_be_forgeable_and_is_refused() {
    // Two items whose equations stand at the same power of rho: what a shared fold comes to.
    let shape = Shape {
        digit_bits: 5,
        digits: 1,
        features: 4,
        layers: vec![2],
        tables: vec![false],
        seed: 3,
    };
    let mut case = Case::new(&shape, 2, 30);
    let mut program = Program::clone(&case.program);
    assert_eq!(program.packings[0].exponents, 1);
    let first = home(&case, 1, 0, 1);
    let fixed = &mut program.rows[first].fixed;
    (fixed.s_one, fixed.s_rho) = (fixed.s_rho, Fr::ZERO);
    let instances = program.instances;
    // The words' equations lie one power lower then, at the powers that their folds have: move
    // them back by a row that multiplies by rho before the items' rows.
    let before = home(&case, 0, 0, 1);
    let idle = program.rows[..before]
        .iter()
        .rposition(|row| !row.fixed.load);
    let at = idle.unwrap_or(instances);
    program.rows[at].fixed.s_rho = program.rows[at].fixed.s_one;
    program.rows[at].fixed.s_one = Fr::ZERO;
    assert!(audit_batch(&case.model, 2, &program).is_err());
    case.program = Arc::new(program);
    let (one, other) = (home(&case, 0, 0, 0), home(&case, 1, 0, 0));
    let max = case.program.max_digit();
    let mut forged = case.witness.clone();
    assert!(
        forged.r[one] < max && forged.r[other] > 0,
        "choose another seed"
    );
    forged.r[one] += 1;
    forged.r[other] -= 1;
    // The errors cancel in the last sum; the honest program's does not vanish.
    let ends = |program: &Program, witness: &Witness| {
        let cells = Cells::new(program, witness);
        cells.phase2.check[program.last_row()]
    };
    let honest = ends(&case.program, &case.witness);
    assert_eq!(ends(&case.program, &forged), honest);
    let sound = lower_batch(&case.model, 2).unwrap();
    assert_eq!(ends(&sound, &case.witness), Fr::ZERO);
    assert_ne!(ends(&sound, &forged), Fr::ZERO);
}

#[test]
fn words_belong_to_their_items() {
    // Without functions, answers differ.
    let shape = Shape {
        tables: vec![false; 3],
        ..Shape::rich()
    };
    let case = Case::new(&shape, 3, 0);
    let honest = case.witness.instance_values();
    assert!(case.holds_with(honest.clone()));
    let words = case.words();
    let mut exchanged = honest.clone();
    for word in 0..words {
        exchanged.swap(2 + word, 2 + words + word);
    }
    let mut answers = honest.clone();
    answers.swap(1 + words, 1 + 2 * words);
    let mut repeated = honest.clone();
    repeated.copy_within(2 + words..2 + 2 * words, 2 + 2 * words);
    for forged in [exchanged, answers, repeated] {
        assert_ne!(forged, honest);
        assert!(!case.holds_with(forged));
    }
    for index in 0..honest.len() {
        let mut forged = honest.clone();
        forged[index] += Fr::ONE;
        assert!(!case.holds_with(forged), "instance {index}");
    }
}

#[test]
fn a_batch_takes_as_many_inputs_as_it_was_made_for() {
    let case = Case::new(&Shape::rich(), 3, 1);
    let few: Vec<&[i64]> = case.raws[..2].iter().map(Vec::as_slice).collect();
    let error = Witness::batch(&case.model, &case.program, &few, &tag()).unwrap_err();
    assert!(
        error.to_string().contains("3 inputs at once, not 2"),
        "{error}"
    );
    let mut raws = case.raws.clone();
    raws[2][1] = i64::MIN;
    let all: Vec<&[i64]> = raws.iter().map(Vec::as_slice).collect();
    let error = Witness::batch(&case.model, &case.program, &all, &tag()).unwrap_err();
    assert!(
        error.to_string().starts_with("input 3: feature 1"),
        "{error}"
    );
}

/// A batch small enough to try every cell.
fn small() -> Case {
    let shape = Shape {
        features: 3,
        digits: 2,
        layers: vec![3, 2],
        tables: vec![false, true],
        ..Shape::rich()
    };
    Case::new(&shape, 3, 1)
}

#[test]
fn every_fixed_cell_of_a_batch_is_the_model_s() {
    let case = small();
    let used = case.program.used_rows;
    for row in (0..used).chain([used + 1, case.program.last_row()]) {
        for column in 0..14 {
            // The multiplier of the first row meets S = 0, which the ends enforce.
            if row == 0 && column == 5 {
                continue;
            }
            let mut program = Program::clone(&case.program);
            change(&mut program, row, column);
            let refused = audit_batch(&case.model, 3, &program).is_err();
            assert!(refused, "row {row} column {column}");
        }
    }
}

#[test]
fn copies_stay_inside_their_items() {
    let case = small();
    let program = &case.program;
    let homes: Vec<Vec<usize>> = (0..3)
        .map(|item| {
            let digits = program.digit_rows.chunks(6).nth(item).unwrap();
            let pieces = item * 2..item * 2 + 2;
            let units = program.unit_rows[pieces.clone()].iter();
            let values = program.activation_rows[pieces].iter();
            let units = units.chain(values).flatten();
            digits.iter().chain(units).copied().collect()
        })
        .collect();
    for (index, (to, from)) in program.copies.iter().copied().enumerate() {
        let item = homes.iter().position(|own| own.contains(&from)).unwrap();
        let at = homes[item].iter().position(|home| *home == from).unwrap();
        let other = homes[(item + 1) % 3][at];
        let mut forged = Program::clone(program);
        forged.copies[index] = (to, other);
        forged.rows[to].source = Source::Copy { row: other };
        assert!(audit_batch(&case.model, 3, &forged).is_err(), "row {to}");
        let mut forged = Program::clone(program);
        forged.copies.remove(index);
        assert!(audit_batch(&case.model, 3, &forged).is_err(), "row {to}");
    }
}

#[test]
fn items_may_not_change_places_and_are_counted() {
    let case = small();
    let refused = |change: &dyn Fn(&mut Program)| {
        let mut program = Program::clone(&case.program);
        change(&mut program);
        audit_batch(&case.model, 3, &program).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|program| program.digit_rows.swap(0, 6)));
    for piece in 0..4 {
        assert!(refused(&|program| program.unit_rows.swap(piece, piece + 2)));
        assert!(refused(&|program| program
            .activation_rows
            .swap(piece, piece + 2)));
    }
    assert!(refused(&|program| program.items = 2));
    assert!(refused(&|program| program.unit_rows.truncate(4)));
    // One more here, one less there.
    assert!(refused(&|program| {
        let (one, other) = (home(&case, 0, 1, 0), home(&case, 1, 1, 0));
        program.rows[one].fixed.lanes[0] += Fr::ONE;
        program.rows[other].fixed.lanes[0] -= Fr::ONE;
    }));
    for items in [1, 2, 4] {
        assert!(audit_batch(&case.model, items, &case.program).is_err());
    }
}
