//! Soundness: every constraint stops a forgery that nothing else stops, and every cell that
//! means something is bound.
//!
//! A forgery's set of failing constraints is compared exactly. If the named constraint were
//! removed from the machine, the set would be empty and the forgery would pass: then this test
//! is red.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::checker::{Cells, challenges};
use common::{Case, Shape};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::machine::circuit::Challenges;
use haloracle_circuit::program::{Op, Source};
use haloracle_circuit::{Program, Witness};

fn case() -> Case {
    Case::new(&Shape::rich(), 9)
}

fn names(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|name| (*name).to_owned()).collect()
}

/// Recounts range multiplicities after a change; tuples keep their counts.
fn recount(program: &Program, witness: &mut Witness) {
    let size = program.max_digit() as usize + 1;
    witness.m[..size].fill(0);
    for row in 0..program.last_row() {
        for value in [witness.z[row] + witness.n[row], witness.r[row]] {
            if (value as usize) < size {
                witness.m[value as usize] += 1;
            }
        }
    }
}

fn find(case: &Case, wanted: impl Fn(usize, &Source, Op) -> bool) -> usize {
    let rows = case.program.rows.iter().enumerate();
    let mut rows = rows.filter(|(index, row)| wanted(*index, &row.source, row.fixed.op));
    rows.next().expect("the rich model has such a row").0
}

#[test]
fn honest_cells_satisfy_every_gate() {
    for seed in 0..8 {
        let case = Case::new(&Shape::rich(), seed);
        let cells = Cells::new(&case.program, &case.witness);
        assert_eq!(cells.violations(), names(&[]), "seed {seed}");
    }
}

/// A cell that no equation reads: it may hold any digit, and nothing follows from it.
fn is_free(program: &Program, row: usize, column: usize) -> bool {
    let fixed = &program.rows[row].fixed;
    let after = |op: Op| row > 0 && program.rows[row - 1].fixed.op == op;
    match column {
        0 => {
            let copied = program
                .copies
                .iter()
                .any(|(to, from)| *to == row || *from == row);
            let tuple = fixed.tag != 0 || row > 0 && program.rows[row - 1].fixed.tag != 0;
            let read =
                fixed.load && (fixed.lanes.iter().any(|w| *w != Fr::ZERO) || fixed.op == Op::Fold);
            !(copied || tuple || read || fixed.digit != Fr::ZERO || after(Op::Saturate))
        }
        1 => false,
        _ => fixed.act == Fr::ZERO && !after(Op::Saturate),
    }
}

#[test]
fn every_digit_cell_is_bound_or_read_by_nothing() {
    let case = case();
    let (mut bound, mut free) = (0, 0);
    for row in 0..case.program.last_row() {
        for column in 0..3 {
            let mut witness = case.witness.clone();
            let cell = match column {
                0 => &mut witness.z[row],
                1 => &mut witness.n[row],
                _ => &mut witness.r[row],
            };
            // Another digit, so that only meaning, never range, can reject it.
            *cell = if *cell > 0 { *cell - 1 } else { 1 };
            if witness.z[row] + witness.n[row] > case.program.max_digit() {
                continue;
            }
            recount(&case.program, &mut witness);
            let accepted = Cells::new(&case.program, &witness).violations().is_empty();
            assert_eq!(
                accepted,
                is_free(&case.program, row, column),
                "row {row} column {column}"
            );
            if accepted { free += 1 } else { bound += 1 }
        }
    }
    println!("{bound} cells bound, {free} read by nothing");
    assert!(bound > 500);
}

#[test]
fn mock_prover_agrees_on_one_cell_of_each_kind() {
    let case = case();
    let mut seen = BTreeSet::new();
    for row in 0..case.program.last_row() {
        let source = case.program.rows[row].source;
        let kind = format!("{source:?}")
            .split([' ', '{'])
            .next()
            .unwrap()
            .to_owned();
        for column in 0..3 {
            if is_free(&case.program, row, column) || !seen.insert((kind.clone(), column)) {
                continue;
            }
            let mut witness = case.witness.clone();
            match column {
                0 => witness.z[row] ^= 1,
                1 => witness.n[row] += 1,
                _ => witness.r[row] ^= 1,
            }
            recount(&case.program, &mut witness);
            assert!(
                case.verify(&witness).is_err(),
                "row {row} {kind} column {column}"
            );
        }
    }
    assert!(seen.len() >= 12, "{seen:?}");
}

#[test]
fn every_phase_two_cell_is_bound() {
    let case = case();
    let honest = Cells::new(&case.program, &case.witness);
    let last = case.program.last_row();
    for row in 0..=last {
        for column in 0..4 {
            // Nothing reads the fold before the first row, or the last row's helper.
            if (column, row) == (0, 0) || (column, row) == (2, last) {
                continue;
            }
            let mut cells = honest.clone();
            let columns = &mut cells.phase2;
            let cell = match column {
                0 => &mut columns.fold[row],
                1 => &mut columns.check[row],
                2 => &mut columns.helper[row],
                _ => &mut columns.sum[row],
            };
            *cell += Fr::ONE;
            assert!(!cells.violations().is_empty(), "row {row} column {column}");
        }
    }
}

#[test]
fn every_multiplicity_is_bound() {
    let case = case();
    for row in 0..case.program.last_row() {
        let mut witness = case.witness.clone();
        witness.m[row] += 1;
        let failing = Cells::new(&case.program, &witness).violations();
        assert_eq!(failing, names(&["ends/1"]), "row {row}");
    }
}

#[test]
fn every_instance_is_bound_and_no_other_row_reads_one() {
    let case = case();
    let honest = Cells::new(&case.program, &case.witness);
    for index in 0..honest.instances.len() {
        for change in [Fr::ONE, -Fr::ONE, Fr::from(1 << 20)] {
            // The prover computes its sums for the instance it claims.
            let mut cells = honest.clone();
            cells.instances[index] += change;
            assert_eq!(
                cells.violations(),
                names(&["linear check/0"]),
                "instance {index}"
            );
        }
    }
    let mut cells = honest;
    cells.instances.push(Fr::from(12345));
    assert_eq!(
        cells.violations(),
        names(&[]),
        "an instance behind the count is read by nothing"
    );
}

#[test]
fn an_instance_moved_by_one_unused_bit_is_rejected_at_the_end() {
    let case = case();
    for index in 0..case.witness.instances.len() {
        for byte in 0..32 {
            let mut witness = case.witness.clone();
            witness.instances[index][byte] ^= 1;
            if witness.instance_values().len() != case.witness.instances.len() {
                continue; // not below the modulus: refused before any circuit
            }
            let failing = Cells::new(&case.program, &witness).violations();
            assert_eq!(failing, names(&["ends/0"]), "instance {index} byte {byte}");
        }
    }
}

#[test]
fn fold_gate_alone_stops_a_wrong_fold() {
    let case = case();
    let mut cells = Cells::new(&case.program, &case.witness);
    // A row that loads: give it the fold that makes another product, and carry S along.
    let row = find(&case, |row, _, _| {
        let fixed = &case.program.rows[row].fixed;
        row > case.program.instances && fixed.load && case.witness.z[row] > 0
    });
    cells.phase2.fold[row + 1] += Fr::ONE;
    repair_check(&mut cells);
    let failing = cells.violations();
    assert!(failing.contains("fold/0"), "{failing:?}");
    // With the error put back by another load, the fold gate is all that fails.
    let other = find(&case, |at, _, _| {
        let fixed = &case.program.rows[at].fixed;
        at > row && fixed.load && case.witness.z[at] > 0
    });
    let before = cells.phase2.fold[other + 1];
    let end = *cells.phase2.check.last().unwrap();
    cells.phase2.fold[other + 1] = before + Fr::ONE;
    repair_check(&mut cells);
    let slope = *cells.phase2.check.last().unwrap() - end;
    cells.phase2.fold[other + 1] = before - end * slope.invert().unwrap();
    repair_check(&mut cells);
    assert_eq!(cells.violations(), names(&["fold/0"]));
}

/// Recomputes S row by row from whatever the other cells hold.
fn repair_check(cells: &mut Cells) {
    let rho = cells.challenges.rho;
    for row in 0..cells.program.last_row() {
        let fixed = &cells.program.rows[row].fixed;
        let weights = fixed
            .lanes
            .iter()
            .rev()
            .fold(Fr::ZERO, |sum, w| sum * rho + w);
        let [n, r] = [&cells.witness.n, &cells.witness.r].map(|c| Fr::from(u64::from(c[row])));
        let mut next = cells.phase2.check[row] * (fixed.s_one + fixed.s_rho * rho);
        if fixed.load {
            let instance = cells.instances.get(row).copied().unwrap_or(Fr::ZERO);
            next += fixed.s_rho * instance + cells.z[row] * cells.phase2.fold[row + 1];
        }
        next += fixed.act * (weights - r) - fixed.digit * (cells.z[row] - n);
        cells.phase2.check[row + 1] = next;
    }
}

#[test]
fn linear_check_alone_stops_a_wrong_sum_and_its_end_a_wrong_output() {
    let case = case();
    let unit = find(&case, |_, source, _| matches!(source, Source::Unit { .. }));
    let mut witness = case.witness.clone();
    witness.r[unit] ^= 1;
    recount(&case.program, &mut witness);
    let mut cells = Cells::new(&case.program, &witness);
    assert_eq!(cells.violations(), names(&["ends/0"]));
    *cells.phase2.check.last_mut().unwrap() = Fr::ZERO;
    assert_eq!(cells.violations(), names(&["linear check/0"]));
}

#[test]
fn a_sum_that_starts_elsewhere_is_stopped() {
    let case = case();
    let mut cells = Cells::new(&case.program, &case.witness);
    for value in &mut cells.phase2.sum {
        *value += Fr::ONE;
    }
    assert_eq!(cells.violations(), names(&["ends/1"]));
    // With a free start of S, the start could make up for any error.
    let unit = find(&case, |_, source, _| matches!(source, Source::Unit { .. }));
    let mut witness = case.witness.clone();
    witness.r[unit] ^= 1;
    recount(&case.program, &mut witness);
    let mut cells = Cells::new(&case.program, &witness);
    let error = *cells.phase2.check.last().unwrap();
    cells.phase2.check[0] = Fr::ONE;
    repair_check(&mut cells);
    let slope = *cells.phase2.check.last().unwrap() - error;
    cells.phase2.check[0] = -error * slope.invert().unwrap();
    repair_check(&mut cells);
    assert_eq!(*cells.phase2.check.last().unwrap(), Fr::ZERO);
    assert_eq!(cells.violations(), names(&["ends/0"]));
}

/// A case whose first layer no later layer reads, in the state that `wanted` asks for, with the
/// row of the unit: a second decomposition there changes nothing else.
fn unread_unit(wanted: impl Fn(&Case, usize, Op) -> bool) -> (Case, usize) {
    let mut model = Shape::rich().model();
    for weights in model.dense_mut(1).unwrap().0 {
        weights.fill(0);
    }
    for seed in 0..64 {
        let case = Case::of(model.clone(), seed);
        let rows = case.program.unit_rows[0].iter().copied();
        let found = rows
            .clone()
            .find(|row| wanted(&case, *row, case.program.rows[*row].fixed.op));
        if let Some(row) = found {
            return (case, row);
        }
    }
    panic!("no input brings a unit into this state");
}

fn failing(case: &Case, mut witness: Witness) -> BTreeSet<String> {
    recount(&case.program, &mut witness);
    assert!(case.verify(&witness).is_err(), "MockProver agrees");
    Cells::new(&case.program, &witness).violations()
}

#[test]
fn split_gates_alone_stop_a_second_decomposition() {
    // z − n is the same, z n is not 0.
    let (case, row) = unread_unit(|case, row, op| {
        let sum = case.witness.z[row] + case.witness.n[row];
        op == Op::Split && sum + 2 <= case.program.max_digit()
    });
    let mut witness = case.witness.clone();
    witness.z[row] += 1;
    witness.n[row] += 1;
    assert_eq!(failing(&case, witness), names(&["split and saturate/1"]));

    // n on a row that does not split.
    let row = find(&case, |row, source, op| {
        op == Op::Plain && *source == Source::Idle && row > case.program.instances
    });
    let mut witness = case.witness.clone();
    witness.n[row] = 1;
    assert_eq!(failing(&case, witness), names(&["split and saturate/0"]));
}

#[test]
fn saturation_gates_alone_stop_an_output_beside_the_clamp() {
    // u = 2^t (y − n₀) + r + 2^t (2^t (e₁ − n₁) + e₀): one less in y, one more in e₀.
    let (case, row) = unread_unit(|case, row, op| {
        let max = case.program.max_digit();
        op == Op::Saturate && case.witness.z[row] == max && case.witness.r[row + 1] < max
    });
    let mut witness = case.witness.clone();
    witness.z[row] -= 1;
    witness.r[row + 1] += 1;
    assert_eq!(failing(&case, witness), names(&["split and saturate/3"]));

    // A positive digit over a negative excess: y = 2^t − n₀, n₁ one more, instead of y = 0.
    let (case, row) = unread_unit(|case, row, op| {
        let max = case.program.max_digit();
        op == Op::Saturate && case.witness.n[row] > 0 && case.witness.n[row + 1] < max
    });
    let mut witness = case.witness.clone();
    witness.z[row] = case.program.max_digit() + 1 - witness.n[row];
    witness.n[row] = 0;
    witness.n[row + 1] += 1;
    assert_eq!(failing(&case, witness), names(&["split and saturate/2"]));
}

#[test]
fn look_ups_stop_values_out_of_range() {
    let case = case();
    let max = case.program.max_digit();
    let row = find(&case, |row, source, _| {
        *source == Source::Idle && is_free(&case.program, row, 0) && row > 40
    });
    // The helper is right for the value, the value is in no table entry.
    let mut cells = Cells::new(&case.program, &case.witness);
    cells.z[row] = Fr::from(u64::from(max) + 1);
    repair_look_ups(&mut cells);
    assert_eq!(cells.violations(), names(&["ends/1"]));
    // A wrong helper keeps the sum right.
    let mut forged = cells.clone();
    forged.phase2.helper = Cells::new(&case.program, &case.witness).phase2.helper;
    forged.phase2.sum = Cells::new(&case.program, &case.witness).phase2.sum;
    assert_eq!(forged.violations(), names(&["look-up fractions/0"]));
    // A wrong sum: the last step forgets the difference.
    let mut forged = cells;
    *forged.phase2.sum.last_mut().unwrap() = Fr::ZERO;
    assert_eq!(forged.violations(), names(&["look-up sum/0"]));
}

/// Recomputes h and φ from whatever z holds, without indexing by value.
fn repair_look_ups(cells: &mut Cells) {
    let Challenges { beta, alpha, .. } = cells.challenges;
    let two = |bits: u64| Fr::from(2).pow([bits]);
    for row in 0..cells.program.last_row() {
        let fixed = &cells.program.rows[row].fixed;
        let [n, r, m] = [&cells.witness.n, &cells.witness.r, &cells.witness.m]
            .map(|c| Fr::from(u64::from(c[row])));
        let tag = Fr::from(u64::from(fixed.tag));
        let tuple = cells.z[row] + cells.z[row + 1] * two(16) + tag * two(80);
        let invert = |value: Fr| value.invert().unwrap();
        cells.phase2.helper[row] =
            invert(beta + cells.z[row] + n) + invert(beta + r) + tag * invert(beta + alpha * tuple);
        let entry = Fr::from(u64::from(fixed.table_range)) + alpha * fixed.table_tuple;
        cells.phase2.sum[row + 1] =
            cells.phase2.sum[row] + cells.phase2.helper[row] - m * invert(beta + entry);
    }
}

#[test]
fn a_range_cell_cannot_hold_a_packed_tuple_because_alpha_separates_them() {
    let case = case();
    let row = find(&case, |row, source, _| {
        *source == Source::Idle && is_free(&case.program, row, 0) && row > 40
    });
    let entry = case
        .program
        .rows
        .iter()
        .position(|row| row.fixed.table_tuple != Fr::ZERO)
        .unwrap();
    let forge = |challenges| {
        let mut witness = case.witness.clone();
        witness.m[entry] += 1;
        let old = witness.z[row] as usize;
        witness.m[old] -= 1;
        let mut cells = Cells::with_challenges(&case.program, &witness, challenges);
        cells.z[row] = case.program.rows[entry].fixed.table_tuple;
        repair_look_ups(&mut cells);
        cells.violations()
    };
    assert_eq!(forge(challenges()), names(&["ends/1"]));
    let one = Challenges {
        alpha: Fr::ONE,
        ..challenges()
    };
    assert_eq!(forge(one), names(&[]), "without alpha the forgery passes");
}

#[test]
fn a_function_value_that_is_not_the_table_s_is_stopped() {
    let case = case();
    let row = find(&case, |_, source, _| {
        matches!(source, Source::Table { layer: 1, .. })
    });
    let mut witness = case.witness.clone();
    witness.z[row] ^= 1;
    for &(to, from) in &case.program.copies {
        witness.z[to] = witness.z[from];
    }
    recount(&case.program, &mut witness);
    let failing = Cells::new(&case.program, &witness).violations();
    assert!(failing.contains("ends/1"), "{failing:?}");
}

#[test]
fn copies_alone_stop_another_input_in_the_weights() {
    // The prover runs the whole model honestly on another input, but shows the instances of
    // this one: only the copies between instance digits and weight blocks differ.
    let case = case();
    let other = Case::new(&Shape::rich(), 10);
    let program = &case.program;
    let mut witness = other.witness.clone();
    for (index, row) in program.rows.iter().enumerate() {
        if let Source::Digit { .. } = row.source {
            witness.z[index] = case.witness.z[index];
            witness.r[index] = case.witness.r[index];
        }
    }
    let inputs = 2..2 + program.input_words;
    witness.instances[inputs.clone()].clone_from_slice(&case.witness.instances[inputs]);
    recount(program, &mut witness);
    assert_eq!(Cells::new(program, &witness).violations(), names(&["copy"]));
}
