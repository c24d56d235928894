//! The quotient polynomial, coset by coset.
//!
//! A constraint of degree `d` divided by `X^n − 1` has fewer than `(d − 1) n` coefficients, so
//! its values on `d − 1` cosets of the rows determine it. Constraints are grouped by degree, and
//! a group is evaluated on as many cosets as it needs, hence a column on as many as its highest
//! constraint does. On coset `j`, where `X^n = c_j`, the pieces `h_t` of `h = Σ h_t X^(tn)` meet
//! as `Σ_t c_j^t h_t`: interpolating on each coset and solving a small Vandermonde system for
//! each coefficient yields the pieces, without a transform longer than the rows.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use rayon::prelude::*;

use super::comb::Combs;
use super::domain::Coset;
use super::graph::{Graph, Input, Linear};
use super::key::ProvingKey;
use super::permutation;
use super::program::Program;
use super::{CreateError, Values};

/// Rows that are evaluated as one task.
const TASK: usize = 1024;

/// The challenges that constraints depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges<'c> {
    /// The circuit's own.
    pub(super) circuit: &'c [Fr],
    pub(super) permutation: permutation::Challenges,
    /// Separates the constraints.
    pub(super) y: Fr,
}

/// The quotient's `degree − 1` pieces, as coefficients in natural order.
///
/// # Errors
/// Constraints that this prover does not support.
pub(super) fn pieces(
    key: &ProvingKey,
    values: &Values<'_>,
    challenges: Challenges<'_>,
) -> Result<Vec<Vec<Fr>>, CreateError> {
    let (graph, groups) = constraints(key, challenges)?;
    let programs: Vec<Program> = (0..key.degree - 1)
        .map(|coset| {
            let results: Vec<Linear> = groups.range(coset + 1..).map(|(_, g)| g.clone()).collect();
            Program::new(&graph, &results)
        })
        .collect();
    let coefficients = interpolate(key, values, &programs, graph.combs());

    // Per group, its interpolation on each of its cosets.
    let mut parts: BTreeMap<usize, Vec<Vec<Fr>>> = BTreeMap::new();
    let mut powers = Vec::new();
    for (index, program) in programs.iter().enumerate() {
        let coset = key.domain.coset(index as u32);
        let mut results = evaluate(key, program, &coset, &coefficients);
        let factor = (coset.power - Fr::ONE).invert().unwrap_or(Fr::ZERO);
        results
            .par_iter_mut()
            .for_each(|values| key.domain.interpolate_coset(&coset, values, factor));
        let groups = groups.range(index + 1..).map(|(pieces, _)| *pieces);
        for (pieces, result) in groups.zip(results) {
            parts.entry(pieces).or_default().push(result);
        }
        powers.push(coset.power);
    }

    let mut pieces = vec![vec![Fr::ZERO; key.rows()]; key.degree - 1];
    for parts in parts.values() {
        let inverse = inverse_vandermonde(&powers[..parts.len()]);
        pieces
            .par_iter_mut()
            .zip(&inverse)
            .for_each(|(piece, row)| {
                for (part, factor) in parts.iter().zip(row) {
                    for (sum, value) in piece.iter_mut().zip(part) {
                        *sum += *value * factor;
                    }
                }
            });
    }
    pieces
        .par_iter_mut()
        .for_each(|piece| key.domain.reverse_bits(piece));
    Ok(pieces)
}

/// Constraints weighted by powers of y and added up by the number of pieces that they need.
fn constraints(
    key: &ProvingKey,
    challenges: Challenges<'_>,
) -> Result<(Graph, BTreeMap<usize, Linear>), CreateError> {
    let build = |mut graph: Graph| -> Result<(Graph, Vec<Linear>), CreateError> {
        let mut constraints = Vec::new();
        for gate in key.cs.gates().iter().flat_map(|gate| gate.polynomials()) {
            constraints.push(graph.expression(gate, challenges.circuit)?);
        }
        let permutation = permutation::constraints(key, &mut graph, challenges.permutation);
        constraints.extend(permutation);
        Ok((graph, constraints))
    };
    let (graph, plain) = build(Graph::default())?;
    let combs = Combs::choose(graph.nodes(), &plain);
    let (mut graph, constraints) = build(Graph::with_combs(combs))?;

    let mut groups: BTreeMap<usize, Linear> = BTreeMap::new();
    let mut weight = Fr::ONE;
    for constraint in constraints.iter().rev() {
        let pieces = graph.degree(constraint).max(2) - 1;
        if pieces >= key.degree {
            return Err(CreateError::Unsupported(
                "gates above the degree that the constraint system states",
            ));
        }
        groups.entry(pieces).or_default().add(constraint, weight);
        weight *= challenges.y;
    }
    for group in groups.values_mut() {
        *group = graph.factored(group);
    }
    Ok((graph, groups))
}

/// Coefficients, in bit-reversed order, of every polynomial that a program reads.
fn interpolate(
    key: &ProvingKey,
    values: &Values<'_>,
    programs: &[Program],
    combs: &Combs,
) -> BTreeMap<Input, Vec<Fr>> {
    let inputs = programs.iter().flat_map(|program| program.inputs());
    let inputs: BTreeSet<Input> = inputs.copied().collect();
    let coefficients = inputs.into_par_iter().filter_map(|input| {
        let mut values = match input {
            Input::First | Input::Point => return None,
            Input::Comb(index) => {
                let mut sum = vec![Fr::ZERO; key.rows()];
                for (column, factor) in combs.list().get(index).into_iter().flatten() {
                    for (sum, value) in sum.iter_mut().zip(&key.fixed[*column]) {
                        if *value != Fr::ZERO {
                            *sum += *value * factor;
                        }
                    }
                }
                sum
            }
            column => values.of(column).to_vec(),
        };
        key.domain.interpolate(&mut values);
        Some((input, values))
    });
    coefficients.collect()
}

/// Runs a program on a coset: one vector of values per result.
fn evaluate(
    key: &ProvingKey,
    program: &Program,
    coset: &Coset,
    coefficients: &BTreeMap<Input, Vec<Fr>>,
) -> Vec<Vec<Fr>> {
    let inputs: Vec<Vec<Fr>> = program
        .inputs()
        .par_iter()
        .map(|input| match (input, coefficients.get(input)) {
            (Input::First, _) => key.domain.lagrange_first(coset),
            (Input::Point, _) => key.domain.points(coset),
            (_, Some(coefficients)) => {
                let mut values = coefficients.clone();
                key.domain.evaluate(coset, &mut values);
                values
            }
            (_, None) => vec![Fr::ZERO; key.rows()],
        })
        .collect();
    let inputs: Vec<&[Fr]> = inputs.iter().map(Vec::as_slice).collect();
    let size = TASK.min(key.rows().div_ceil(rayon::current_num_threads()));
    let tasks: Vec<Vec<Fr>> = (0..key.rows().div_ceil(size))
        .into_par_iter()
        .map(|task| program.run(&inputs, task * size, size.min(key.rows() - task * size)))
        .collect();
    let results = (0..program.results()).map(|result| {
        let parts = tasks.iter().flat_map(|task| {
            let rows = task.len() / program.results();
            &task[result * rows..(result + 1) * rows]
        });
        parts.copied().collect()
    });
    results.collect()
}

/// The inverse of the matrix with rows `(1, c, c², …)`: column `j` holds the coefficients of
/// the polynomial that is 1 at the `j`th point and 0 at the others.
fn inverse_vandermonde(points: &[Fr]) -> Vec<Vec<Fr>> {
    let size = points.len();
    let mut inverse = vec![vec![Fr::ZERO; size]; size];
    for (column, point) in points.iter().enumerate() {
        let mut polynomial = vec![Fr::ONE];
        let mut scale = Fr::ONE;
        for other in points.iter().filter(|other| *other != point) {
            // Times (X − other).
            polynomial.push(Fr::ZERO);
            for index in (0..polynomial.len()).rev() {
                let below = match index {
                    0 => Fr::ZERO,
                    _ => polynomial[index - 1],
                };
                polynomial[index] = below - polynomial[index] * other;
            }
            scale *= *point - other;
        }
        let scale = scale.invert().unwrap_or(Fr::ZERO);
        for (row, coefficient) in inverse.iter_mut().zip(polynomial) {
            row[column] = coefficient * scale;
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_vandermonde_inverts() {
        let points = [3, 5, 7, 11].map(Fr::from);
        for size in 1..=4 {
            let inverse = inverse_vandermonde(&points[..size]);
            for (i, row) in inverse.iter().enumerate() {
                for j in 0..size {
                    let product: Fr = (0..size).map(|t| row[t] * points[t].pow([j as u64])).sum();
                    assert_eq!(product, Fr::from(u64::from(i == j)));
                }
            }
        }
    }
}
