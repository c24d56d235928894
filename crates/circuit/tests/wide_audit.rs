//! The wide audit: a program that does not say what its model says is refused, whatever the
//! change.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::wide::{classes, models};
use common::wide_fixed::{COLUMNS, change, steps};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::audit::audit;
use haloracle_circuit::wide::config::{CELLS, LANES};
use haloracle_circuit::wide::lower::lower_unaudited;
use haloracle_circuit::wide::program::{Cell, Kind, Program, Source};
use haloracle_model::IntegerModel;

/// All models with their programs.
fn programs() -> impl Iterator<Item = (IntegerModel, Program)> {
    models().into_iter().map(|model| {
        let program = lower_unaudited(&model).unwrap();
        audit(&model, &program).unwrap_or_else(|error| panic!("{}: {error}", model.name));
        (model, program)
    })
}

/// Tries changes of fixed cells, all columns or only those that `wanted` picks on a row.
fn fixed_cells(models: &[&str], wanted: impl Fn(usize, usize) -> bool) {
    let mut tried = 0;
    for (model, honest) in programs() {
        if !models.contains(&model.name.as_str()) {
            continue;
        }
        // Rows in use, one of padding, the last two.
        let last = honest.last_row();
        let padding = (honest.used_rows + 1).min(last - 1);
        let mut program = honest.clone();
        for row in (0..honest.used_rows).chain([padding, last - 1, last]) {
            for column in (0..COLUMNS).filter(|column| wanted(row, *column)) {
                for step in steps(column) {
                    change(&mut program, row, column, step);
                    let refused = audit(&model, &program).is_err();
                    program.rows[row].fixed = honest.rows[row].fixed.clone();
                    let source = &honest.rows[row].source;
                    assert!(
                        refused,
                        "{}: row {row} column {column} step {step}: {source:?}",
                        model.name
                    );
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} changes refused");
    assert!(tried > 1000);
}

#[test]
fn every_fixed_cell_of_small_programs_is_the_model_s() {
    fixed_cells(&["dots", "sparse", "digits", "table", "max"], |_, _| true);
}

#[test]
fn every_fixed_cell_of_packed_layers_and_trees_is_the_model_s() {
    fixed_cells(&["dense", "trees"], |_, _| true);
}

#[test]
fn fixed_cells_of_large_programs_are_the_model_s() {
    // Every flag of every row, and lanes in turn.
    let wanted = |row: usize, column: usize| column >= LANES || column % 8 == row % 8;
    fixed_cells(&["conv", "private", "hidden"], wanted);
}

#[test]
fn fixed_cells_of_a_graph_of_everything_are_the_model_s() {
    fixed_cells(&["rich"], |row, column| (row + column) % 4 == 0);
}

#[test]
fn every_copy_is_needed_and_of_the_right_home() {
    for (model, honest) in programs() {
        let homes: Vec<Cell> = classes(&honest).into_keys().collect();
        for index in 0..honest.copies.len() {
            let mut program = honest.clone();
            let (to, from) = program.copies.swap_remove(index);
            assert!(audit(&model, &program).is_err(), "{}: {to:?}", model.name);
            // The next home there is, or any cell.
            if program.rows[to.row as usize].fixed.max {
                continue; // a member may stand twice
            }
            let at = homes.iter().position(|home| *home == from).unwrap();
            let mut others = vec![homes[(at + 1) % homes.len()], Cell { row: 2, lane: 3 }];
            others.retain(|other| *other != from && *other != to);
            for other in others {
                let mut program = honest.clone();
                program.copies[index].1 = other;
                let refused = audit(&model, &program).is_err();
                assert!(refused, "{}: {to:?} of {other:?}", model.name);
            }
        }
    }
}

#[test]
fn a_copy_too_many_is_refused() {
    for (model, honest) in programs() {
        let classes = classes(&honest);
        let homes: Vec<Cell> = classes.keys().copied().collect();
        let known: Vec<Cell> = classes.into_values().flatten().collect();
        let mut tried = 0;
        for row in 0..honest.rows.len() {
            for lane in 0..CELLS {
                let to = Cell {
                    row: row as u32,
                    lane: lane as u8,
                };
                // Another home of its own, or a cell that shows nothing.
                let new = !known.contains(&to);
                if !new && !homes.contains(&to) || !(row * CELLS + lane).is_multiple_of(3) {
                    continue;
                }
                let from = homes[(row + lane) % homes.len()];
                if from == to {
                    continue;
                }
                let mut program = honest.clone();
                program.copies.push((to, from));
                assert!(audit(&model, &program).is_err(), "{}: {to:?}", model.name);
                tried += 1;
            }
        }
        assert!(tried > 40, "{}", model.name);
    }
}

#[test]
fn public_cells_are_the_instances() {
    for (model, honest) in programs() {
        let refused = |change: &dyn Fn(&mut Program)| {
            let mut program = honest.clone();
            change(&mut program);
            assert!(audit(&model, &program).is_err(), "{}", model.name);
        };
        for index in 0..honest.public.len() {
            refused(&|program| {
                program.public.swap_remove(index);
            });
            refused(&|program| program.public[index].1 += 1);
            refused(&|program| program.public[index].0.lane += 1);
            refused(&|program| program.public.push(program.public[index]));
        }
        refused(&|program| program.public.push((Cell { row: 1, lane: 0 }, 0)));
        let count = honest.public.len();
        refused(&|program| program.public.push((Cell { row: 1, lane: 1 }, count)));
        refused(&|program| {
            let first = program.public[0].1;
            program.public[0].1 = program.public[1].1;
            program.public[1].1 = first;
        });
    }
}

#[test]
fn what_the_program_says_of_itself_is_checked() {
    for (model, honest) in programs() {
        let refused = |change: &dyn Fn(&mut Program)| {
            let mut program = honest.clone();
            change(&mut program);
            assert!(audit(&model, &program).is_err(), "{}", model.name);
        };
        refused(&|program| program.digit_bits += 1);
        refused(&|program| program.instances -= 1);
        refused(&|program| program.input_words += 1);
        refused(&|program| program.k += 1);
        refused(&|program| program.k = 77);
        refused(&|program| program.rows.truncate(3));
        refused(&|program| program.used_rows = program.rows.len());
        refused(&|program| program.table_entries += 1);
        refused(&|program| program.homes.truncate(honest.homes.len() - 1));
        refused(&|program| program.packings.truncate(honest.packings.len() - 1));
        refused(&|program| program.saturating.truncate(honest.saturating.len() - 1));
        for node in 0..model.nodes.len() {
            if model.nodes[node].requantizes() {
                refused(&|program| program.saturating[node] = !program.saturating[node]);
            }
            if honest.packings[node].is_none() {
                continue;
            }
            refused(&|program| program.packings[node] = None);
            for change in [-1i64, 1, 300] {
                refused(&|program| {
                    if let Some(pack) = &mut program.packings[node] {
                        pack.per_exponent = (pack.per_exponent as i64 + change).max(0) as usize;
                    }
                });
                refused(&|program| {
                    if let Some(pack) = &mut program.packings[node] {
                        pack.exponents = (pack.exponents as i64 + change * 7).max(0) as usize;
                    }
                });
            }
            // Private units are alone in their exponents: their bits say nothing.
            if !model.is_private(node) {
                refused(&|program| {
                    if let Some(pack) = &mut program.packings[node] {
                        pack.bits -= 1;
                    }
                });
            }
        }
        // Every wire lives where it is, and nowhere else.
        for wire in 0..honest.homes.len() {
            refused(&|program| program.homes[wire].lane ^= 1);
            refused(&|program| program.homes[wire].row += 1);
            let other = (wire + 1) % honest.homes.len();
            refused(&|program| program.homes[wire] = program.homes[other]);
        }
    }
}

#[test]
fn errors_that_would_cancel_between_equations_are_refused() {
    // +1 in one constant and −1 in another: packed digits, lanes, positions, nodes. An excess
    // row is part of the equation before it.
    for (model, honest) in programs() {
        let rows: Vec<(usize, usize)> = (0..honest.used_rows)
            .filter(|row| honest.rows[*row].fixed.split)
            .filter(|row| honest.rows[*row - 1].fixed.kind != Kind::Saturate)
            .flat_map(|row| (0..CELLS).map(move |lane| (row, lane)))
            .collect();
        let first = rows.iter().take(12);
        let pairs = first.flat_map(|one| rows.iter().map(move |other| (one, other)));
        for (one, other) in pairs.filter(|(one, other)| one != other).step_by(5) {
            let mut program = honest.clone();
            program.rows[one.0].fixed.lanes[one.1] += Fr::ONE;
            program.rows[other.0].fixed.lanes[other.1] -= Fr::ONE;
            let refused = audit(&model, &program).is_err();
            assert!(refused, "{}: {one:?} {other:?}", model.name);
        }
    }
}

#[test]
fn two_rows_may_not_change_places() {
    for (model, honest) in programs() {
        let copied: BTreeSet<u32> = (honest.copies.iter())
            .flat_map(|(to, from)| [to.row, from.row])
            .collect();
        for row in 0..honest.used_rows {
            let mut program = honest.clone();
            program.rows.swap(row, row + 1);
            let idle = (program.rows[row + 1].source == Source::IDLE
                || program.rows[row].source == Source::IDLE)
                && !copied.contains(&(row as u32))
                && !copied.contains(&(row as u32 + 1));
            if idle || program.rows[row].fixed == program.rows[row + 1].fixed {
                continue; // an empty row may stand anywhere
            }
            assert!(audit(&model, &program).is_err(), "{}: {row}", model.name);
        }
    }
}

#[test]
fn a_packing_narrower_than_the_errors_would_be_forgeable() {
    // With digits of c bits, the errors (2^c, −1) of two neighbours cancel: so E < 2^c.
    for (_, program) in programs() {
        for pack in program.packings.iter().flatten() {
            let scale = |digit: u32| Fr::from(2).pow([u64::from(pack.bits * digit)]);
            assert_eq!(scale(0) * scale(1) - scale(1), Fr::ZERO);
            assert!(pack.bits as usize * pack.per_exponent <= 253);
        }
    }
}
