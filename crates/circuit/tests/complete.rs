//! Completeness: every input of the domain box satisfies the machine, and the instances are the
//! reference executor's answer.

mod common;

use common::{Case, Shape};

#[test]
fn corners_and_random_inputs_are_provable() {
    for seed in 0..10 {
        let case = Case::new(&Shape::rich(), seed);
        if let Err(failures) = case.verify(&case.witness) {
            panic!(
                "seed {seed}: {} failures, first {}",
                failures.len(),
                failures[0]
            );
        }
    }
}

#[test]
fn the_rich_model_has_every_kind_of_row() {
    use haloracle_circuit::program::{Op, Source};
    let case = Case::new(&Shape::rich(), 9);
    let rows = &case.program.rows;
    for op in [Op::Plain, Op::Fold, Op::Split, Op::Saturate] {
        assert!(rows.iter().any(|row| row.fixed.op == op), "{op:?}");
    }
    assert!(rows.iter().any(|row| row.fixed.tag > 0));
    assert!(
        rows.iter()
            .any(|row| matches!(row.source, Source::Excess { .. }))
    );
    let plain = case
        .program
        .saturating
        .iter()
        .flatten()
        .filter(|s| !**s)
        .count();
    assert!(plain > 0, "some unit never saturates");
}

#[test]
fn random_models_of_every_digit_width_are_provable_in_their_corners() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(2026);
    for round in 0..36u64 {
        let digit_bits = 4 + (round % 9) as u32;
        let depth = rng.gen_range(1..4);
        let shape = Shape {
            seed: round,
            digit_bits,
            digits: rng.gen_range(1..=4),
            features: rng.gen_range(1..30),
            layers: (0..depth).map(|_| rng.gen_range(1..40)).collect(),
            tables: (0..depth).map(|_| rng.gen_range(0..3) == 0).collect(),
        };
        for seed in [0, 1, 2, 100 + round] {
            let case = Case::new(&shape, seed);
            let cells = common::checker::Cells::new(&case.program, &case.witness);
            assert!(cells.violations().is_empty(), "{shape:?} seed {seed}");
            if seed == 2 && digit_bits < 10 {
                assert!(case.verify(&case.witness).is_ok(), "{shape:?} seed {seed}");
            }
        }
    }
}
