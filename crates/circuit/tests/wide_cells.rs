//! Every cell of the wide shape that means something is bound.
//!
//! Each cell is changed in programs of every feature (dense, dots, convolution, sparse sums,
//! digits, tables, maxima, trees, private weights, private inputs, all in one graph). The forger
//! counts look-ups and computes accumulators for what the cells then hold, so only the meaning of
//! the cell can reject it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::wide::{Case, classes, models};
use common::wide_checker::{CHECK, Cells, FOLD, HAND, HELPER, M, N, R, SUM, Z};
use common::wide_fixed::{COLUMNS, change, steps};
use halo2_proofs::dev::VerifyFailure;
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::config::{CELLS, LANES};
use haloracle_circuit::wide::program::{FixedRow, Hold, Kind, Live, Program, Source, Value};

/// One run per model.
fn runs() -> impl Iterator<Item = (String, Case, Cells)> {
    models().into_iter().map(|model| {
        let name = model.name.clone();
        let case = Case::new(model, 9);
        let cells = Cells::new(&case);
        (name, case, cells)
    })
}

/// Rows to try: all of small programs; of large ones those in turn that `salt` picks.
fn sample(program: &Program, salt: usize) -> impl Iterator<Item = usize> + use<> {
    let step = if program.k > 7 { 3 } else { 1 };
    (0..program.last_row()).filter(move |row| (row + salt).is_multiple_of(step))
}

/// Another digit, so that only meaning, never range, can reject it; free cells take any value.
fn other(cells: &Cells, row: usize, column: usize) -> Option<Fr> {
    let here = &cells.advice[row];
    let value = here[column];
    if cells.program.rows[row].fixed.live != Live::Looked {
        return Some(value + Fr::ONE);
    }
    let max = Fr::from(u64::from(cells.program.max_digit()));
    match column {
        // z and n are looked up together.
        _ if value != Fr::ZERO => Some(value - Fr::ONE),
        _ if column < R && here[column % CELLS + Z] + here[column % CELLS + N] == max => None,
        _ => Some(Fr::ONE),
    }
}

/// Whether no equation reads a cell: it may hold any digit, and nothing follows from it.
fn is_free(program: &Program, row: usize, column: usize) -> bool {
    let fixed = &program.rows[row].fixed;
    let nothing = FixedRow::default();
    let before = row.checked_sub(1).map(|row| &program.rows[row].fixed);
    let before = before.unwrap_or(&nothing);
    let k = column % CELLS;
    let some = |values: &[Fr]| values.iter().any(|value| *value != Fr::ZERO);
    let hash = |fixed: &FixedRow| fixed.live == Live::Hash;
    let saturated = before.kind == Kind::Saturate;
    let read = match column {
        Z..N => {
            let local = fixed.local && some(&[fixed.lanes[k], fixed.lanes[CELLS + k / 2]]);
            let own = local
                || some(&[fixed.vec, fixed.digit])
                || fixed.max
                || fixed.tag != 0
                || fixed.kind != Kind::Plain
                || hash(fixed)
                || fixed.hold == Hold::Take;
            let first = fixed.home
                || fixed.hold == Hold::Fresh && fixed.product && row > 0
                || before.max
                || matches!(before.kind, Kind::Edge | Kind::Feature);
            own || saturated
                || k == 0 && first
                || k == 1 && before.kind == Kind::Edge
                || k < 3 && hash(before)
        }
        N..R => true,
        _ => {
            fixed.act != Fr::ZERO
                || fixed.max
                || saturated
                || hash(fixed)
                || k == 0 && fixed.tag != 0
                || k != 1 && fixed.kind == Kind::Edge
                || k == 1 && (fixed.kind == Kind::Feature || before.kind == Kind::Edge)
        }
    };
    !read
}

/// The cells with another value in one of them, and everything else as a forger would have it.
fn changed(honest: &Cells, row: usize, column: usize, value: Fr) -> Cells {
    let mut cells = honest.clone();
    cells.change(row, |cells| cells[column] = value);
    cells.repair_linear(row, None);
    let helpers = cells.helpers(row);
    cells.advice[row][HELPER..SUM].copy_from_slice(&helpers);
    cells.repair_sum();
    cells
}

#[test]
fn every_digit_cell_is_bound_or_read_by_nothing() {
    let (mut bound, mut free) = (0, 0);
    for (name, case, honest) in runs() {
        for row in sample(&case.program, 0) {
            for column in Z..M {
                let Some(value) = other(&honest, row, column) else {
                    continue;
                };
                let cells = changed(&honest, row, column, value);
                // A copy is bound to its home; whether it is read, the audit asks.
                let copied = cells.wiring_broken();
                let accepted = !cells.is_refused(&honest);
                let nothing = is_free(&case.program, row, column) && !copied;
                let source = &case.program.rows[row].source;
                assert_eq!(
                    accepted, nothing,
                    "{name}: row {row} column {column}: {source:?}"
                );
                if accepted { free += 1 } else { bound += 1 }
            }
        }
    }
    println!("{bound} cells bound, {free} read by nothing");
    assert!(bound > 5000, "{bound}");
}

#[test]
fn every_value_is_bound_even_if_all_its_copies_change() {
    let mut bound = 0;
    for (name, case, honest) in runs() {
        for (home, class) in classes(&case.program) {
            let (row, column) = (home.row as usize, Z + usize::from(home.lane));
            let Some(value) = other(&honest, row, column) else {
                continue;
            };
            let mut cells = honest.clone();
            for cell in class {
                let column = Z + usize::from(cell.lane);
                cells.change(cell.row as usize, |cells| cells[column] = value);
            }
            for (cell, instance) in &case.program.public {
                cells.instances[*instance] = cells.z(*cell);
            }
            cells.repair();
            let source = &case.program.rows[row].source;
            assert!(cells.is_refused(&honest), "{name}: {home:?}: {source:?}");
            bound += 1;
        }
    }
    println!("{bound} values bound");
    assert!(bound > 300, "{bound}");
}

#[test]
fn every_phase_two_cell_is_bound() {
    for (name, case, honest) in runs() {
        let last = case.program.last_row();
        for row in 0..=last {
            for column in [FOLD, HAND, CHECK, HELPER, HELPER + 1, HELPER + 2, SUM] {
                // Nothing reads A or D before the first row, or the last row's helpers.
                let helper = (HELPER..SUM).contains(&column);
                let before = [FOLD, HAND].contains(&column);
                if row == 0 && before || row == last && helper {
                    continue;
                }
                let mut cells = honest.clone();
                cells.advice[row][column] += Fr::ONE;
                let refused = cells.is_refused(&honest);
                assert!(refused, "{name}: row {row} column {column}");
            }
        }
    }
}

#[test]
fn every_multiplicity_is_bound() {
    for (name, case, honest) in runs() {
        for row in sample(&case.program, 1) {
            let mut cells = honest.clone();
            cells.advice[row][M] += Fr::ONE;
            cells.repair_sum();
            assert!(cells.is_refused(&honest), "{name}: row {row}");
        }
    }
}

#[test]
fn every_instance_is_bound() {
    for (name, case, honest) in runs() {
        for (cell, index) in &case.program.public {
            for by in [Fr::ONE, -Fr::ONE, Fr::from(2).pow([253])] {
                let mut cells = honest.clone();
                cells.instances[*index] += by;
                assert!(cells.is_refused(&honest), "{name}: instance {index}");
                // With the cell that shows it: a word of other digits, another commitment.
                let word = cells.instances[*index];
                cells.set_z(*cell, word);
                cells.repair();
                assert!(cells.is_refused(&honest), "{name}: instance {index}");
            }
        }
    }
}

/// The permutation of the circuit itself: a copy that differs from its home breaks it, whatever
/// else it breaks.
#[test]
fn every_copy_is_a_constraint() {
    let mut copies = 0;
    for (name, case, honest) in runs() {
        let step = if case.program.k > 7 { 11 } else { 3 };
        for (to, from) in case.program.copies.iter().step_by(step) {
            let mut cells = honest.clone();
            let value = cells.z(*to);
            let other = if value == Fr::ZERO {
                Fr::ONE
            } else {
                value - Fr::ONE
            };
            cells.set_z(*to, other);
            let failures = cells.mock().unwrap_err();
            let permutation = |f: &VerifyFailure| matches!(f, VerifyFailure::Permutation { .. });
            let broken = failures.iter().any(permutation);
            assert!(broken, "{name}: {to:?} of {from:?}");
            copies += 1;
        }
        for (cell, instance) in &case.program.public {
            let mut cells = honest.clone();
            cells.instances[*instance] += Fr::ONE;
            let failures = cells.mock().unwrap_err();
            assert_eq!(failures.len(), 2, "{name}: {cell:?}: {failures:?}");
        }
    }
    println!("{copies} copies");
    assert!(copies > 80, "{copies}");
}

#[test]
fn every_fixed_column_is_read_by_a_gate() {
    // Refused changes of each column, with accumulators for the changed program.
    let mut refused: BTreeMap<usize, usize> = BTreeMap::new();
    let mut tried = 0;
    for (_, case, honest) in runs() {
        let program = &case.program;
        for row in sample(program, 2) {
            for column in (0..COLUMNS).filter(|c| *c >= LANES || (c + row) % 4 == 0) {
                for step in steps(column) {
                    let mut cells = honest.clone();
                    cells.count(row, -Fr::ONE);
                    change(Arc::make_mut(&mut cells.program), row, column, step);
                    cells.refresh(row);
                    cells.count(row, Fr::ONE);
                    cells.repair_linear(row, None);
                    let helpers = cells.helpers(row);
                    cells.advice[row][HELPER..SUM].copy_from_slice(&helpers);
                    cells.repair_sum();
                    tried += 1;
                    *refused.entry(column).or_default() += usize::from(cells.is_refused(&honest));
                }
            }
        }
    }
    println!("{tried} changes, refused by column: {refused:?}");
    for column in 0..COLUMNS {
        assert!(refused[&column] > 3, "column {column}");
    }
}

/// One cell of each kind of row and column of each program, before the prover's own code and
/// MockProver: it refuses what the checker refuses and accepts what the checker accepts.
#[test]
fn mock_prover_agrees() {
    let mut seen = BTreeSet::new();
    let mut accepted = 0;
    for (name, case, honest) in runs() {
        for row in 1..case.program.used_rows {
            let kind = match &case.program.rows[row].source {
                Source::Values([value, ..]) => {
                    let value = std::mem::discriminant::<Value>(value);
                    format!("{value:?} {:?}", case.program.rows[row].fixed.live)
                }
                source => format!("{:?}", std::mem::discriminant(source)),
            };
            for column in (Z..M).step_by(3) {
                let key = (name.len() % 3, kind.clone(), column);
                let Some(value) = other(&honest, row, column) else {
                    continue;
                };
                if !seen.insert(key) {
                    continue;
                }
                let cells = changed(&honest, row, column, value);
                let same = cells.mock().is_err() == cells.is_refused(&honest);
                assert!(same, "{name}: row {row} column {column}");
                accepted += usize::from(!cells.is_refused(&honest));
            }
        }
    }
    println!("{} cells, {accepted} of them read by nothing", seen.len());
    assert!(seen.len() > 60 && accepted > 10);
}
