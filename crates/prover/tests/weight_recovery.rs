//! What "public weights" means, and what private ones keep.
//!
//! Every proof holds the evaluation of each fixed column at a random point that its reader can
//! compute. A column of 2^k cells is a polynomial of degree below 2^k, so 2^k proofs of a model
//! with public weights give every cell of it, and fewer do where some cells are known. Private
//! weights stand in advice columns instead: fixed columns are the same whatever the weights, and
//! an advice column has fresh random cells in every proof, more of them than the proof opens
//! points of it, so its evaluations are uniform whatever the other cells.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../circuit/tests/common/mod.rs"]
mod common;
mod recovery;

use std::sync::Arc;

use common::wide::{empty, output, salts};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use haloracle_circuit::wide::program::{Cell, Source, Value};
use haloracle_circuit::{Filled, Shape, compile};
use haloracle_model::{FunctionTable, IntegerModel, Op, Unit};
use haloracle_prover::{Keys, Proof, Srs};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use recovery::{
    Seen, dense_layers, evaluated, interpolated, opened_less_than_blinded, solved, weights,
};

const BITS: u32 = 4;
const RAW: [i64; 2] = [7, -3];

fn dense(rng: &mut StdRng, inputs: usize, units: usize) -> Op {
    let row = |rng: &mut StdRng| (0..inputs).map(|_| rng.gen_range(-7..=7)).collect();
    Op::Dense {
        weights: (0..units).map(|_| row(rng)).collect(),
        bias: (0..units).map(|_| rng.gen_range(-60..60)).collect(),
    }
}

/// Two dense layers.
fn layers(seed: u64) -> IntegerModel {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut model = empty("layers", BITS, 2, 2);
    let inputs = (0..model.input_wires() as u32).collect();
    let hidden = model.push("hidden", inputs, dense(rng, 4, 3));
    let out = model.push("out", hidden, dense(rng, 3, 2));
    output(&mut model, out[0], 1);
    output(&mut model, out[1], 1);
    model
}

fn keys(model: &IntegerModel, shape: Shape) -> Keys {
    let program = compile(model, Some(shape)).unwrap();
    let srs = Srs::unsafe_setup(program.k(), [4; 32]).unwrap();
    Keys::generate_for(Arc::new(model.clone()), program, &srs).unwrap()
}

/// The run on [`RAW`]: the same cells every time.
fn filled(keys: &Keys) -> Filled {
    let (program, model) = (keys.program(), keys.model());
    program.witness(model, &RAW, salts(), &[6; 32]).unwrap()
}

fn proof(keys: &Keys) -> Proof {
    let proof = keys.prove_witness(filled(keys)).unwrap();
    keys.verify(&proof).unwrap();
    proof
}

fn seen(keys: &Keys, count: usize) -> Vec<Seen> {
    let proofs = (0..count).map(|_| proof(keys));
    proofs.map(|proof| Seen::new(keys, &proof)).collect()
}

/// Values of one column, with the points.
fn of(seen: &[Seen], values: impl Fn(&Seen) -> Fr) -> (Vec<Fr>, Vec<Fr>) {
    seen.iter().map(|seen| (seen.x, values(seen))).unzip()
}

/// Nothing is known but the architecture; as many proofs as rows give all fixed columns, and so
/// every weight. The same on advice columns gives columns that the next proof refutes.
#[test]
fn public_weights_follow_from_as_many_proofs_as_there_are_rows() {
    for shape in Shape::ALL {
        let model = layers(1);
        let keys = keys(&model, shape);
        let k = keys.program().k();
        let mut seen = seen(&keys, (1 << k) + 1);
        let next = seen.pop().unwrap();
        let column = |values: &dyn Fn(&Seen) -> Fr| {
            let (points, values) = of(&seen, values);
            interpolated(k, &points, &values)
        };
        let fixed: Vec<Vec<Fr>> = (0..next.fixed.len())
            .map(|at| column(&|seen: &Seen| seen.fixed[at]))
            .collect();
        for (at, cells) in fixed.iter().enumerate() {
            let predicted = evaluated(k, cells, next.x);
            assert_eq!(predicted, next.fixed[at], "{shape}: fixed column {at}");
        }
        let found = weights(&model, keys.program(), &fixed);
        assert_eq!(found, dense_layers(&model), "{shape}");
        let count: usize = found
            .iter()
            .map(|(w, b)| w.len() * w[0].len() + b.len())
            .sum();
        println!("{shape}, k = {k}: {count} numbers from {} proofs", 1 << k);

        let z = column(&|seen: &Seen| seen.advice[0]);
        assert_ne!(
            evaluated(k, &z, next.x),
            next.advice[0],
            "{shape}: not blinded"
        );
    }
}

/// With the rest of the column known, as many proofs as unknown cells are enough.
#[test]
fn a_handful_of_proofs_gives_the_weights_of_one_column() {
    let model = layers(2);
    let keys = keys(&model, Shape::Wide);
    let program = Arc::clone(keys.program().wide().unwrap());
    let k = program.k;
    let cells: Vec<Fr> = program.rows.iter().map(|row| row.fixed.lanes[0]).collect();
    let in_layers = program.node_rows[0]..program.used_rows;
    let unknown: Vec<usize> = in_layers.filter(|row| cells[*row] != Fr::ZERO).collect();
    assert!(unknown.len() >= 3, "{unknown:?}");
    let mut known = cells.clone();
    unknown.iter().for_each(|row| known[*row] = Fr::ZERO);

    let seen = seen(&keys, unknown.len());
    let (points, values) = of(&seen, |seen| seen.fixed[0]);
    let pairs: Vec<(Fr, Fr)> = points.into_iter().zip(values).collect();
    let found = solved(k, &known, &unknown, &pairs);
    let real: Vec<Fr> = unknown.iter().map(|row| cells[*row]).collect();
    assert_eq!(found, real);
    println!("{} cells from as many proofs", unknown.len());
}

/// A private layer between public nodes whose rows depend on what may come out of it.
fn private(weights: [i64; 4], bias: [i64; 2]) -> IntegerModel {
    let mut model = empty("private", BITS, 2, 1);
    model.input.features.iter_mut().for_each(|f| f.hi = 10);
    let inputs: Vec<u32> = (0..model.input_wires() as u32).collect();
    let op = Op::Dense {
        weights: weights.chunks(2).map(<[i64]>::to_vec).collect(),
        bias: bias.to_vec(),
    };
    let hidden = model.push("hidden", inputs, op);
    let units = vec![Unit::linear(8, vec![(0, 12), (1, 12)])];
    let pool = model.push("pool", hidden.clone(), Op::Sparse { units });
    let units = vec![Unit::linear(15, vec![(0, 1), (1, -1)])];
    let exact = model.push("exact", hidden, Op::Digits { digits: 2, units });
    let table = FunctionTable {
        name: "not".into(),
        values: (0..16).rev().collect(),
    };
    let out = model.push("not", pool, Op::Table(table));
    output(&mut model, out[0], 1);
    output(&mut model, exact[0], 2);
    model.with_private_weights().unwrap()
}

/// Cells of the private digits, with the digits.
fn secrets(keys: &Keys) -> Vec<(Cell, u32)> {
    let digits = keys.model().parameters();
    let mut all = Vec::new();
    for (row, content) in keys.program().wide().unwrap().rows.iter().enumerate() {
        let Source::Values(values) = content.source else {
            continue;
        };
        for (lane, value) in values.iter().enumerate() {
            if let Value::Parameter(number) = value {
                let (row, lane) = (row as u32, lane as u8);
                all.push((Cell { row, lane }, digits[*number as usize]));
            }
        }
    }
    all
}

/// Quiet weights that let little through, and loud ones: keys are equal in every byte, so fixed
/// columns, and whatever is computed from them, say nothing about which of the two it is.
#[test]
fn private_weights_leave_no_trace_in_the_key() {
    let quiet = private([0, 0, 0, 1], [3, -2]);
    let loud = private([7, 7, 6, 5], [100, 50]);
    assert_ne!(quiet.parameters(), loud.parameters());
    let [quiet, loud] = [quiet, loud].map(|model| keys(&model, Shape::Wide));
    assert!(
        quiet.verifying_key() == loud.verifying_key(),
        "the key depends on private weights"
    );
    // And public ones do.
    let [one, other] = [3, 4].map(|seed| keys(&layers(seed), Shape::Wide));
    assert!(one.verifying_key() != other.verifying_key());
}

/// Everything is given away but the private digits of one column: all its other cells that the
/// model decides, and as many proofs as unknown digits. Without blinding that would be enough;
/// with it every set of proofs gives other values, and none of them is the weights.
#[test]
fn private_weights_do_not_follow_from_proofs() {
    let keys = keys(&private([7, -3, 6, 5], [200, -9]), Shape::Wide);
    assert!(opened_less_than_blinded(&Shape::Wide.constraint_system()));
    let secrets = secrets(&keys);
    let Filled::Wide(witness) = filled(&keys) else {
        panic!("the keys are wide")
    };
    let k = keys.program().k();
    // z_0 is the first advice column.
    let secrets = secrets.iter().filter(|(cell, _)| cell.lane == 0);
    let (rows, digits): (Vec<usize>, Vec<Fr>) = secrets
        .map(|(cell, digit)| (cell.row as usize, Fr::from(u64::from(*digit))))
        .unzip();
    let mut column: Vec<Fr> = (0..witness.z.len())
        .map(|row| witness.cell(row, 0))
        .collect();
    column.resize(1 << k, Fr::ZERO);
    rows.iter()
        .zip(&digits)
        .for_each(|(row, digit)| assert_eq!(column[*row], *digit));

    let attack = |seen: &[Seen], values: &dyn Fn(&Seen) -> Fr| {
        let (points, values) = of(seen, values);
        let pairs: Vec<(Fr, Fr)> = points.into_iter().zip(values).collect();
        solved(k, &column, &rows, &pairs)
    };
    let all = seen(&keys, 2 * rows.len());
    let (first, second) = all.split_at(rows.len());
    // The attack itself works: on the column as it would be without blinding.
    let unblinded = |seen: &Seen| evaluated(k, &column, seen.x);
    assert_eq!(attack(first, &unblinded), digits);
    assert_eq!(attack(second, &unblinded), digits);

    let [one, two] = [first, second].map(|seen| attack(seen, &|seen: &Seen| seen.advice[0]));
    for ((one, two), digit) in one.iter().zip(&two).zip(&digits) {
        assert_ne!(one, two, "two sets of proofs agree");
        assert!(one != digit && two != digit, "a weight was recovered");
        // Not even a digit, however noisy.
        let range: Vec<Fr> = (0..1 << BITS).map(Fr::from).collect();
        assert!(!range.contains(one) && !range.contains(two));
    }
    println!(
        "{} private digits, {} proofs, k = {k}: not recovered",
        rows.len(),
        all.len()
    );
}
