//! The wide audit of batches: what lies between items is refused like everything else.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::wide::models;
use common::wide_fixed::{COLUMNS, change, steps};
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::wide::audit::{audit, audit_batch, audit_graph};
use haloracle_circuit::wide::lower::lower_batch_unaudited;
use haloracle_circuit::wide::program::Program;
use haloracle_model::{Batch, IntegerModel, Op};

const ITEMS: usize = 3;

fn programs() -> impl Iterator<Item = (IntegerModel, Program)> {
    models().into_iter().map(|model| {
        let program = lower_batch_unaudited(&model, ITEMS).unwrap();
        let audited = audit_batch(&model, ITEMS, &program);
        audited.unwrap_or_else(|error| panic!("{}: {error}", model.name));
        (model, program)
    })
}

#[test]
fn fixed_cells_of_batches_are_the_model_s() {
    let mut tried = 0;
    for (model, honest) in programs() {
        let few = ["dots", "sparse", "digits", "table", "max", "dense"].contains(&&*model.name);
        let share = if few { 3 } else { 37 };
        let mut program = honest.clone();
        for row in 0..honest.used_rows {
            for column in (0..COLUMNS).filter(|column| (row + column) % share == 0) {
                for step in steps(column) {
                    change(&mut program, row, column, step);
                    let refused = audit_batch(&model, ITEMS, &program).is_err();
                    program.rows[row].fixed = honest.rows[row].fixed.clone();
                    let source = &honest.rows[row].source;
                    assert!(
                        refused,
                        "{}: row {row} column {column}: {source:?}",
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
fn copies_stay_inside_their_items() {
    for (model, honest) in programs() {
        let batch = Batch::new(&model, ITEMS).unwrap();
        // Home of each wire's neighbour: the same wire of the next item.
        let neighbours: std::collections::HashMap<_, _> = batch
            .wires()
            .iter()
            .flat_map(|places| {
                let next = places.iter().skip(1).chain(&places[..1]);
                places.iter().zip(next)
            })
            .map(|(wire, next)| (honest.homes[*wire as usize], honest.homes[*next as usize]))
            .collect();
        let mut tried = 0;
        for (index, (to, from)) in honest.copies.iter().enumerate() {
            let Some(next) = neighbours.get(from).filter(|next| *next != from) else {
                continue;
            };
            let mut program = honest.clone();
            program.copies[index].1 = *next;
            let refused = audit_batch(&model, ITEMS, &program).is_err();
            assert!(refused, "{}: {to:?} shows another item's", model.name);
            tried += 1;
        }
        assert!(tried > 0, "{}", model.name);
    }
}

#[test]
fn items_may_not_change_places() {
    for (model, honest) in programs() {
        let batch = Batch::new(&model, ITEMS).unwrap();
        for places in batch.wires() {
            let mut program = honest.clone();
            program.homes.swap(places[0] as usize, places[1] as usize);
            assert!(
                audit_batch(&model, ITEMS, &program).is_err(),
                "{}",
                model.name
            );
        }
        for at in 3..honest.public.len() {
            let mut program = honest.clone();
            let one = program.public[at - 1].1;
            program.public[at - 1].1 = program.public[at].1;
            program.public[at].1 = one;
            assert!(
                audit_batch(&model, ITEMS, &program).is_err(),
                "{}",
                model.name
            );
        }
    }
}

#[test]
fn one_more_here_and_one_less_there_is_refused() {
    let mut tried = 0;
    for (model, honest) in programs() {
        let batch = Batch::new(&model, ITEMS).unwrap();
        for (node, first) in model.nodes.iter().zip(model.first_wires()) {
            if !node.requantizes() || model.privacy.weights {
                continue;
            }
            let home = |item: usize| honest.homes[batch.wire(item, first as u32) as usize];
            let (one, other) = (home(0), home(1));
            let mut program = honest.clone();
            let lane =
                |program: &mut Program, cell: haloracle_circuit::wide::program::Cell, by: Fr| {
                    program.rows[cell.row as usize].fixed.lanes[usize::from(cell.lane)] += by;
                };
            lane(&mut program, one, Fr::from(1));
            lane(&mut program, other, -Fr::from(1));
            assert!(
                audit_batch(&model, ITEMS, &program).is_err(),
                "{}",
                node.name
            );
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} programs were tried");
}

#[test]
fn a_program_answers_as_many_items_as_is_asked() {
    for (model, program) in programs() {
        assert!(audit(&model, &program).is_err());
        for items in [2, 4] {
            assert!(audit_batch(&model, items, &program).is_err());
            let mut program = program.clone();
            program.items = items;
            assert!(audit_batch(&model, ITEMS, &program).is_err());
            assert!(audit_batch(&model, items, &program).is_err());
        }
    }
}

/// Whether a wire is the same for every item, because its unit reads nothing.
fn constant(model: &IntegerModel, wire: usize) -> bool {
    let firsts = model.first_wires();
    let Some(node) = firsts.iter().rposition(|first| *first <= wire) else {
        return false;
    };
    let at = wire - firsts[node];
    match model.nodes.get(node).map(|node| &node.op) {
        Some(Op::Sparse { units }) => units[at].terms.is_empty() && units[at].products.is_empty(),
        Some(Op::Digits { digits, units }) => units[at / *digits as usize].terms.is_empty(),
        _ => false,
    }
}

#[test]
fn the_graph_of_a_batch_is_its_model_item_by_item() {
    let mut tried = 0;
    for (model, program) in programs() {
        let batch = Batch::new(&model, ITEMS).unwrap();
        let (graph, wires) = (batch.graph(), batch.wires());
        let honest = Batch::claimed(&model, ITEMS, graph.clone(), wires.clone());
        audit_graph(&honest, &program).unwrap();
        let mut refused = |what: &str, graph: IntegerModel, wires: Vec<Vec<u32>>| {
            let other = Batch::claimed(&model, ITEMS, graph, wires);
            // Even where a program of it is made, it is refused as that graph.
            let error = audit_graph(&other, &program);
            assert!(error.is_err(), "{}: {what}", model.name);
            tried += 1;
        };
        // One item reads another's value.
        for (number, node) in graph.nodes.iter().enumerate() {
            for at in 0..node.inputs.len() {
                let wire = node.inputs[at];
                let places = wires.iter().find(|places| places.contains(&wire)).unwrap();
                let next = (places.iter().position(|w| *w == wire).unwrap() + 1) % ITEMS;
                let mut other = graph.clone();
                other.nodes[number].inputs[at] = places[next];
                refused("another item's input", other, wires.clone());
            }
        }
        // Two items' wires are exchanged, or one stands for both.
        for wire in (0..wires.len()).filter(|wire| !constant(&model, *wire)) {
            let mut swapped = wires.clone();
            swapped[wire].swap(0, 1);
            refused("exchanged wires", graph.clone(), swapped);
            let mut doubled = wires.clone();
            doubled[wire][1] = doubled[wire][0];
            refused("one wire for two items", graph.clone(), doubled);
        }
        // Another number anywhere.
        for number in 0..graph.nodes.len() {
            let mut other = graph.clone();
            match &mut other.nodes[number].op {
                Op::Dense { bias, .. } => bias[0] += 1,
                Op::Conv(conv) => conv.bias[0] += 1,
                Op::Sparse { units } | Op::Digits { units, .. } => {
                    if let Some(unit) = units.last_mut() {
                        unit.bias += 1;
                    }
                }
                Op::Table(table) => table.values[0] ^= 1,
                Op::Max { groups } => {
                    let first = groups[0].clone();
                    groups[0] = groups[1].clone();
                    groups[1] = first;
                }
                Op::Trees(trees) => trees.features[0].thresholds[0] ^= 1,
            }
            if other != *graph {
                refused("another number", other, wires.clone());
            }
        }
        let mut other = graph.clone();
        other.nodes.pop();
        refused("a node less", other, wires.clone());
        let mut other = graph.clone();
        other.input.features[model.input.features.len()].hi -= 1;
        refused("another box", other, wires.clone());
    }
    assert!(tried > 200, "{tried} graphs were tried");
}
