//! Programs against halo2's evaluation of the same expressions.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::create::comb::Combs;
use crate::create::graph::{Graph, Linear};
use halo2_proofs::plonk::Expression;
use haloracle_circuit::Shape;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A value for every cell of every column.
fn cell(input: Input, row: usize) -> Fr {
    let seed = match input {
        Input::Fixed(column) => 3 * column,
        Input::Advice(column) => 3 * column + 1,
        Input::Instance(column) => 3 * column + 2,
        _ => unreachable!("gates query columns"),
    };
    Fr::random(ChaCha20Rng::seed_from_u64((seed * 1000 + row) as u64))
}

/// The gates of both machines, summed with powers of y and factored as for the quotient,
/// against halo2's own evaluation of each expression.
#[test]
fn programs_compute_what_the_expressions_say() {
    const ROWS: usize = 100;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for shape in Shape::ALL {
        let cs = shape.constraint_system();
        let challenges: Vec<Fr> = (0..cs.num_challenges())
            .map(|_| Fr::random(&mut rng))
            .collect();
        let y = Fr::random(&mut rng);
        let gates: Vec<&Expression<Fr>> = cs.gates().iter().flat_map(|g| g.polynomials()).collect();
        let build = |mut graph: Graph| {
            let gates = gates
                .iter()
                .map(|g| graph.expression(g, &challenges).unwrap());
            let gates: Vec<Linear> = gates.collect();
            (graph, gates)
        };
        let (graph, plain) = build(Graph::default());
        let combs = Combs::choose(graph.nodes(), &plain);
        assert!(!combs.list().is_empty());
        let (mut graph, linear) = build(Graph::with_combs(combs));
        let mut sum = Linear::default();
        let mut power = Fr::ONE;
        for gate in &linear {
            sum.add(gate, power);
            power *= y;
        }
        let factored = graph.factored(&sum);
        let program = Program::new(&graph, &[factored, linear[1].clone()]);
        let columns: Vec<Vec<Fr>> = program
            .inputs()
            .iter()
            .map(|input| match input {
                Input::Comb(index) => (0..ROWS)
                    .map(|row| {
                        let terms = graph.combs().list()[*index].iter();
                        terms.map(|(c, f)| cell(Input::Fixed(*c), row) * f).sum()
                    })
                    .collect(),
                input => (0..ROWS).map(|row| cell(*input, row)).collect(),
            })
            .collect();
        let slices: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
        let mut found = [Vec::new(), Vec::new()];
        for (start, rows) in [(0, 70), (70, 30)] {
            let part = program.run(&slices, start, rows);
            found[0].extend_from_slice(&part[..rows]);
            found[1].extend_from_slice(&part[rows..]);
        }
        for (row, found) in found[0].iter().zip(&found[1]).enumerate() {
            let at = |rotation: i32| (row as i64 + i64::from(rotation)).rem_euclid(ROWS as i64);
            let value = |gate: &Expression<Fr>| {
                gate.evaluate(
                    &|constant| constant,
                    &|_| unreachable!("no selectors"),
                    &|q| cell(Input::Fixed(q.column_index()), at(q.rotation().0) as usize),
                    &|q| cell(Input::Advice(q.column_index()), at(q.rotation().0) as usize),
                    &|q| {
                        cell(
                            Input::Instance(q.column_index()),
                            at(q.rotation().0) as usize,
                        )
                    },
                    &|challenge| challenges[challenge.index()],
                    &|a| -a,
                    &|a, b| a + b,
                    &|a, b| a * b,
                    &|a, factor| a * factor,
                )
            };
            let mut power = Fr::ONE;
            let mut expected = Fr::ZERO;
            for gate in &gates {
                expected += value(gate) * power;
                power *= y;
            }
            assert_eq!(*found.0, expected, "{shape}, row {row}");
            assert_eq!(*found.1, value(gates[1]), "{shape}, row {row}");
        }
    }
}
