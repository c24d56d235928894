//! Soundness of the wide shape, gate by gate: every constraint stops a forgery that nothing else
//! stops.
//!
//! A forgery's set of failing constraints is compared exactly. If the named constraint were
//! removed from the machine, the set would be empty and the forgery would pass: then a test here
//! is red.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod digits;
mod linear;
mod look_ups;
mod sponge;
mod trees;
mod wiring;

use std::collections::BTreeSet;

use common::wide::{Case, classes, models};
use common::wide_checker::Cells;
use haloracle_circuit::wide::program::Cell;

/// Cells that satisfy every constraint but one.
struct Forgery {
    /// The constraint.
    gate: String,
    cells: Cells,
}

impl Forgery {
    fn new(gate: impl Into<String>, cells: Cells) -> Self {
        let gate = gate.into();
        Self { gate, cells }
    }
}

fn case(name: &str, seed: u64) -> Case {
    let model = models().into_iter().find(|m| m.name == name).unwrap();
    Case::new(model, seed)
}

fn names(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|name| (*name).to_owned()).collect()
}

/// Whether a cell's value is shown nowhere else.
fn is_unread(case: &Case) -> impl Fn(Cell) -> bool + use<> {
    let program = &case.program;
    let mut known: BTreeSet<Cell> = classes(program).into_values().flatten().collect();
    known.extend(program.public.iter().map(|(cell, _)| *cell));
    move |cell| !known.contains(&cell)
}

fn at(row: usize, lane: usize) -> Cell {
    Cell {
        row: row as u32,
        lane: lane as u8,
    }
}

/// Each forgery is stopped by its constraint alone.
fn check(forgeries: &[Forgery]) {
    for Forgery { gate, cells } in forgeries {
        assert_eq!(cells.violations(), names(&[gate]));
    }
    println!("{} forgeries", forgeries.len());
}

#[test]
fn honest_cells_satisfy_every_gate() {
    for model in models() {
        let name = model.name.clone();
        for seed in [0, 1, 9] {
            let case = Case::new(model.clone(), seed);
            let cells = Cells::new(&case);
            assert_eq!(cells.violations(), names(&[]), "{name}");
        }
    }
}

#[test]
fn each_accumulator_gate_alone_stops_a_wrong_step() {
    check(&linear::forgeries());
}

#[test]
fn digit_gates_alone_stop_second_decompositions_and_wrong_clamps_and_maxima() {
    check(&digits::forgeries());
}

#[test]
fn tree_gates_alone_stop_other_leaves() {
    check(&trees::forgeries());
}

#[test]
fn hash_gates_alone_stop_other_commitments() {
    check(&sponge::forgeries());
}

#[test]
fn look_up_gates_alone_stop_values_out_of_their_tables() {
    check(&look_ups::forgeries());
}

#[test]
fn copies_alone_stop_another_input() {
    check(&wiring::forgeries());
}

#[test]
fn every_constraint_has_a_forgery_that_it_alone_stops() {
    let all = [
        linear::forgeries(),
        digits::forgeries(),
        trees::forgeries(),
        sponge::forgeries(),
        look_ups::forgeries(),
        wiring::forgeries(),
    ];
    let forged: BTreeSet<String> = all.into_iter().flatten().map(|f| f.gate).collect();
    let mut wanted = Cells::new(&case("dots", 9)).machine.names();
    assert_eq!(wanted.len(), 43);
    wanted.extend(names(&["copy", "public"]));
    let missing: Vec<&String> = wanted.difference(&forged).collect();
    assert!(missing.is_empty(), "no forgery for {missing:?}");
    assert_eq!(forged, wanted);
}

/// The prover's own code finds the same: forgeries with honest accumulators are refused.
#[test]
fn mock_prover_refuses_forgeries_too() {
    let mut tried = 0;
    let all = [digits::forgeries(), trees::forgeries(), sponge::forgeries()];
    for forgery in all.into_iter().flatten().step_by(7) {
        let refused = forgery.cells.mock();
        assert!(refused.is_err(), "{}", forgery.gate);
        tried += 1;
    }
    assert!(tried > 30);
    // What converts the cells does not break honest ones.
    let honest = Cells::new(&case("rich", 9));
    honest.mock().unwrap();
}
