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
