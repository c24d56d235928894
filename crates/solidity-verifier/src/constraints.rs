//! The constraints of the quotient, in the proof system's order: gates, then the permutation.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::{Any, Column, ConstraintSystem, Expression};

use crate::graph::{Emitter, Graph, Id};
use crate::names;
use crate::protocol::{Challenge, Polynomial, Protocol};
use crate::yul::Yul;

/// Value of the first Lagrange polynomial at x.
pub(crate) const L_FIRST: &str = "L_FIRST";
/// Value at x of the Lagrange polynomial of the last usable row.
pub(crate) const L_LAST: &str = "L_LAST";
/// Sum of those of the blinding rows.
pub(crate) const L_BLIND: &str = "L_BLIND";
/// Value of the instance polynomial at x.
pub(crate) const INSTANCE: &str = "INSTANCE";

/// A constraint ready to be printed.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    /// What it says.
    pub(crate) label: String,
    /// Shared parts that it is the first to need: (slot, value).
    pub(crate) stores: Vec<(String, Yul)>,
    pub(crate) value: Yul,
}

/// Every constraint, and how many slots their shared parts take.
pub(crate) fn constraints(
    cs: &ConstraintSystem<Fr>,
    protocol: &Protocol,
) -> (Vec<Constraint>, usize) {
    let mut graph = Graph::default();
    let mut roots = gates(&mut graph, cs);
    roots.extend(permutation(&mut graph, protocol));
    let ids: Vec<Id> = roots.iter().map(|(_, id)| *id).collect();
    let mut emitter = Emitter::new(&graph, &ids);
    let constraints = roots
        .into_iter()
        .map(|(label, id)| {
            let mut stores = Vec::new();
            let value = emitter.emit(id, &mut stores);
            Constraint {
                label,
                stores,
                value,
            }
        })
        .collect();
    (constraints, emitter.slots())
}

fn gates(graph: &mut Graph, cs: &ConstraintSystem<Fr>) -> Vec<(String, Id)> {
    let mut roots = Vec::new();
    for gate in cs.gates() {
        let count = gate.polynomials().len();
        for (index, polynomial) in gate.polynomials().iter().enumerate() {
            let part = if count > 1 {
                format!(" ({}/{count})", index + 1)
            } else {
                String::new()
            };
            roots.push((format!("{}{part}", gate.name()), import(graph, polynomial)));
        }
    }
    roots
}

fn import(graph: &mut Graph, expression: &Expression<Fr>) -> Id {
    match expression {
        Expression::Constant(value) => graph.constant(*value),
        // Rejected by `Protocol::new`; a constraint system without selectors has none.
        Expression::Selector(selector) => graph.slot(format!("SELECTOR_{}", selector.index())),
        Expression::Fixed(query) => graph.slot(names::evaluation(
            Polynomial::Fixed(query.column_index()),
            query.rotation().0,
        )),
        Expression::Advice(query) => graph.slot(names::evaluation(
            Polynomial::Advice(query.column_index()),
            query.rotation().0,
        )),
        Expression::Instance(_) => graph.slot(INSTANCE.into()),
        Expression::Challenge(challenge) => {
            graph.slot(names::challenge(Challenge::Phase(challenge.index())))
        }
        Expression::Negated(a) => {
            let a = import(graph, a);
            graph.neg(a)
        }
        Expression::Sum(a, b) => {
            let (a, b) = (import(graph, a), import(graph, b));
            graph.add(a, b)
        }
        Expression::Product(a, b) => {
            let (a, b) = (import(graph, a), import(graph, b));
            graph.mul(a, b)
        }
        Expression::Scaled(a, factor) => {
            let (a, factor) = (import(graph, a), graph.constant(*factor));
            graph.mul(a, factor)
        }
    }
}

/// Value at x of a column under the permutation.
fn column_value(graph: &mut Graph, column: &Column<Any>) -> Id {
    let index = column.index();
    graph.slot(match column.column_type() {
        Any::Advice(_) => names::evaluation(Polynomial::Advice(index), 0),
        Any::Fixed => names::evaluation(Polynomial::Fixed(index), 0),
        Any::Instance => INSTANCE.into(),
    })
}

fn permutation(graph: &mut Graph, protocol: &Protocol) -> Vec<(String, Id)> {
    let product = |graph: &mut Graph, chunk: usize, rotation: i32| {
        graph.slot(names::evaluation(Polynomial::Product(chunk), rotation))
    };
    let count = protocol.chunks.len();
    if count == 0 {
        return Vec::new();
    }
    let mut roots = Vec::new();
    let [first, last, blind] = [L_FIRST, L_LAST, L_BLIND].map(|name| graph.slot(name.into()));
    let one = graph.constant(Fr::ONE);

    let start = product(graph, 0, 0);
    let difference = graph.sub(one, start);
    roots.push((
        "permutation: starts at 1".into(),
        graph.mul(first, difference),
    ));

    let end = product(graph, count - 1, 0);
    let square = graph.mul(end, end);
    let difference = graph.sub(square, end);
    roots.push((
        "permutation: ends at 0 or 1".into(),
        graph.mul(last, difference),
    ));

    for chunk in 1..count {
        let start = product(graph, chunk, 0);
        let end = product(graph, chunk - 1, protocol.last_rotation());
        let difference = graph.sub(start, end);
        let label = format!("permutation: chunk {chunk} goes on from the one before");
        roots.push((label, graph.mul(first, difference)));
    }

    let inactive = graph.add(last, blind);
    let active = graph.sub(one, inactive);
    let [beta, gamma, x] = [Challenge::Beta, Challenge::Gamma, Challenge::X]
        .map(|challenge| graph.slot(names::challenge(challenge)));
    let beta_x = graph.mul(beta, x);
    let mut coset = Fr::ONE;
    let mut sigma = 0;
    for (chunk, columns) in protocol.chunks.iter().enumerate() {
        let mut left = product(graph, chunk, 1);
        let mut right = product(graph, chunk, 0);
        for column in columns {
            let value = column_value(graph, column);
            let blinded = graph.add(value, gamma);
            let place = graph.slot(names::evaluation(Polynomial::Sigma(sigma), 0));
            let permuted = graph.mul(beta, place);
            let factor = graph.add(blinded, permuted);
            left = graph.mul(left, factor);
            let coset_constant = graph.constant(coset);
            let identity = graph.mul(beta_x, coset_constant);
            let factor = graph.add(blinded, identity);
            right = graph.mul(right, factor);
            coset *= Fr::DELTA;
            sigma += 1;
        }
        let difference = graph.sub(left, right);
        roots.push((
            format!("permutation: chunk {chunk}"),
            graph.mul(active, difference),
        ));
    }
    roots
}
