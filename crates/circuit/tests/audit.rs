//! The audit: a program that does not say what its model says is refused, whatever the change.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Case, Shape, change};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::Program;
use haloracle_circuit::audit::audit;

#[test]
fn every_fixed_cell_is_the_model_s() {
    // Small enough to try every cell of every row: 14 columns on all usable rows.
    let shape = Shape {
        features: 3,
        digits: 2,
        layers: vec![3, 2],
        tables: vec![false, true],
        ..Shape::rich()
    };
    let case = Case::new(&shape, 1);
    audit(&case.model, &case.program).unwrap();
    for row in 0..case.program.rows.len() {
        for column in 0..14 {
            // The multiplier of the first row meets S = 0, which the ends enforce.
            if row == 0 && column == 5 {
                continue;
            }
            let mut program = Program::clone(&case.program);
            change(&mut program, row, column);
            let refused = audit(&case.model, &program).is_err();
            assert!(
                refused,
                "row {row} column {column}: {:?}",
                case.program.rows[row]
            );
        }
    }
}

#[test]
fn every_fixed_cell_of_a_large_program_is_sampled() {
    let case = Case::new(&Shape::rich(), 1);
    for row in (0..case.program.rows.len()).step_by(7) {
        for column in (row % 2..14).step_by(2) {
            if row == 0 && column == 5 {
                continue;
            }
            let mut program = Program::clone(&case.program);
            change(&mut program, row, column);
            let refused = audit(&case.model, &program).is_err();
            assert!(
                refused,
                "row {row} column {column}: {:?}",
                case.program.rows[row]
            );
        }
    }
}

#[test]
fn every_copy_is_needed() {
    let case = Case::new(&Shape::rich(), 1);
    for index in 0..case.program.copies.len() {
        let mut program = Program::clone(&case.program);
        let (to, _) = program.copies.swap_remove(index);
        assert!(audit(&case.model, &program).is_err(), "copy into row {to}");
    }
}

#[test]
fn errors_that_would_cancel_between_equations_are_refused() {
    // +1 in one unit's bias and −1 in another's, in two layers and in two packed digits.
    let case = Case::new(&Shape::rich(), 1);
    let rows = &case.program.unit_rows;
    let two_layers = (rows[0][0], rows[1][0]);
    let two_digits = (rows[0][0], rows[0][1]);
    for (one, other) in [two_layers, two_digits] {
        let mut program = Program::clone(&case.program);
        program.rows[one].fixed.lanes[0] += Fr::ONE;
        program.rows[other].fixed.lanes[0] -= Fr::ONE;
        assert!(audit(&case.model, &program).is_err());
    }
}

#[test]
fn a_packing_narrower_than_the_errors_is_refused_and_would_be_forgeable() {
    let case = Case::new(&Shape::rich(), 1);
    for layer in 0..case.program.packings.len() {
        let mut program = Program::clone(&case.program);
        program.packings[layer].bits -= 1;
        let error = audit(&case.model, &program).unwrap_err().0;
        assert!(error.contains("packing"), "{error}");
        let mut program = Program::clone(&case.program);
        program.packings[layer].per_exponent = 254;
        assert!(audit(&case.model, &program).is_err());
    }
    // Why: with digits of c bits, the errors (2^c, −1) of two neighbours cancel.
    let pack = case.program.packings[0];
    let scale = |digit: u32| Fr::from(2).pow([u64::from(pack.bits * digit)]);
    assert_eq!(
        scale(0) * Fr::from(2).pow([u64::from(pack.bits)]) - scale(1),
        Fr::ZERO
    );
}

#[test]
fn rows_and_table_entries_never_reach_the_last_usable_row() {
    let case = Case::new(&Shape::rich(), 1);
    let mut program = Program::clone(&case.program);
    program.used_rows = program.last_row() + 1;
    assert!(audit(&case.model, &program).is_err());
    let mut program = Program::clone(&case.program);
    let last = program.last_row();
    program.rows[last].fixed.table_range = 1;
    assert!(audit(&case.model, &program).is_err());
}

#[test]
fn two_values_in_one_row_are_refused() {
    // Every pair of homes: pointing one value at another's row hides one of them.
    let case = Case::new(&Shape::rich(), 1);
    let program = &case.program;
    let mut homes: Vec<(&str, usize)> = Vec::new();
    homes.push(("digit", program.digit_rows[0]));
    homes.push(("unit", program.unit_rows[0][0]));
    homes.push(("excess", program.unit_rows[0][0] + 1));
    homes.push(("value", program.activation_rows[1][0]));
    for &(name, row) in &homes {
        for layer in 0..2 {
            for unit in 1..3 {
                let mut program = Program::clone(program);
                program.unit_rows[layer][unit] = row;
                if program.unit_rows == case.program.unit_rows {
                    continue;
                }
                assert!(
                    audit(&case.model, &program).is_err(),
                    "{name} {layer} {unit}"
                );
            }
        }
        let mut program = Program::clone(program);
        program.digit_rows[1] = row;
        assert!(audit(&case.model, &program).is_err(), "{name}");
    }
}

#[test]
fn copies_that_no_equation_asks_for_are_refused() {
    use haloracle_circuit::program::Source;
    let case = Case::new(&Shape::rich(), 1);
    let home = case.program.digit_rows[0];
    let mut refused = 0;
    for row in 0..case.program.last_row() {
        if matches!(case.program.rows[row].source, Source::Copy { .. }) {
            continue;
        }
        let mut program = Program::clone(&case.program);
        program.rows[row].source = Source::Copy { row: home };
        program.copies.push((row, home));
        assert!(audit(&case.model, &program).is_err(), "row {row}");
        refused += 1;
    }
    assert!(refused > 100);
}

#[test]
fn a_unit_without_the_excess_row_it_needs_is_refused() {
    use haloracle_circuit::program::{Op, Row, Source};
    let case = Case::new(&Shape::rich(), 1);
    let unit = case.program.saturating[0].iter().position(|s| *s).unwrap();
    let row = case.program.unit_rows[0][unit];
    let mut program = Program::clone(&case.program);
    program.saturating[0][unit] = false;
    program.rows[row].fixed.op = Op::Split;
    program.rows[row + 1] = Row::new(Source::Idle);
    let table = case.program.rows[row + 1].fixed.clone();
    program.rows[row + 1].fixed.table_range = table.table_range;
    program.rows[row + 1].fixed.table_tuple = table.table_tuple;
    assert!(audit(&case.model, &program).is_err());
}

#[test]
fn sizes_are_the_model_s() {
    let case = Case::new(&Shape::rich(), 1);
    let changes: [fn(&mut Program); 6] = [
        |program| program.digit_bits += 1,
        |program| program.instances -= 1,
        |program| program.input_words += 1,
        |program| program.k += 1,
        |program| program.packings[0].exponents = 0,
        |program| program.unit_rows[1].truncate(1),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut program = Program::clone(&case.program);
        change(&mut program);
        assert!(audit(&case.model, &program).is_err(), "change {index}");
    }
}

#[test]
fn a_model_far_too_large_is_refused_before_its_rows_are_built() {
    let small = Shape::rich().model();
    let mut layers = haloracle_circuit::chain::Chain::new(&small).unwrap().layers;
    let mut input = small.input.clone();
    input.features = vec![input.features[0].clone(); 200_000];
    let digits = 200_000 * input.digits as usize;
    layers[0].weights = vec![vec![0; digits]; layers[0].weights.len()];
    let model = haloracle_model::ChainModel {
        name: small.name.clone(),
        digit_bits: small.digit_bits,
        input,
        layers,
        output: small.output.clone(),
    }
    .build();
    let error = haloracle_circuit::lower(&model).unwrap_err().to_string();
    assert!(error.contains("2^20 rows"), "{error}");
}
