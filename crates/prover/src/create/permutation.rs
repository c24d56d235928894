//! The permutation argument: products of fractions along the rows.
//!
//! Gabizon, Williamson, Ciobotaru, "PLONK", eprint 2019/953, section 5, in halo2's form: columns
//! in sets of `degree − 2`, a product for each set, each starting where the one before ends.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::{Any, Column};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use rand::RngCore;

use super::domain::batch_invert;
use super::graph::{Graph, Input, Linear};
use super::key::ProvingKey;
use super::msm::commit_all;
use super::{CreateError, Values};

/// The argument's challenges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges {
    pub(super) beta: Fr,
    pub(super) gamma: Fr,
}

/// The input that holds a permuted column.
fn input(column: &Column<Any>) -> Input {
    match column.column_type() {
        Any::Advice(_) => Input::Advice(column.index()),
        Any::Fixed => Input::Fixed(column.index()),
        Any::Instance => Input::Instance(column.index()),
    }
}

/// Computes and commits the products, on the rows.
///
/// # Errors
/// A transcript that refuses a commitment.
pub(super) fn products<E, R, T>(
    key: &ProvingKey,
    values: &Values<'_>,
    challenges: Challenges,
    rng: &mut R,
    transcript: &mut T,
) -> Result<Vec<Vec<Fr>>, CreateError>
where
    E: EncodedChallenge<G1Affine>,
    R: RngCore,
    T: TranscriptWrite<G1Affine, E>,
{
    let mut products = Vec::with_capacity(key.copied.len());
    let mut last = Fr::ONE;
    for set in 0..key.copied.len() {
        let mut product = product(key, values, challenges, set, last);
        last = product[key.usable];
        for cell in &mut product[key.usable + 1..] {
            *cell = Fr::random(&mut *rng);
        }
        // Unused by KZG, like the blinds of advice columns.
        Fr::random(&mut *rng);
        products.push(product);
    }
    let slices: Vec<&[Fr]> = products.iter().map(Vec::as_slice).collect();
    for commitment in commit_all(&key.lagrange, &slices) {
        transcript.write_point(commitment)?;
    }
    Ok(products)
}

/// One product, before blinding: constant but where cells are copied, since a cell that is
/// mapped to itself contributes a fraction of 1.
fn product(
    key: &ProvingKey,
    values: &Values<'_>,
    Challenges { beta, gamma }: Challenges,
    set: usize,
    start: Fr,
) -> Vec<Fr> {
    let size = key.degree - 2;
    let rows = &key.copied[set];
    let columns = key.permuted.iter().enumerate();
    let columns: Vec<_> = columns.skip(set * size).take(size).collect();
    let mut numerators = vec![Fr::ONE; rows.len()];
    let mut denominators = vec![Fr::ONE; rows.len()];
    for (index, column) in columns {
        let cells = values.of(input(column));
        let delta = Fr::DELTA.pow([index as u64]) * beta;
        let parts = numerators.iter_mut().zip(&mut denominators);
        let (mut name, mut at) = (delta, 0);
        for ((numerator, denominator), row) in parts.zip(rows) {
            // Rows rise; names are powers of ω.
            name *= key.domain.omega().pow_vartime([(row - at) as u64]);
            at = *row;
            *numerator *= name + gamma + cells[*row];
            *denominator *= beta * key.sigma[index][*row] + gamma + cells[*row];
        }
    }
    batch_invert(&mut denominators);
    let mut product = vec![start; key.rows()];
    let mut current = start;
    let mut filled = 0;
    for ((row, numerator), inverse) in rows.iter().zip(numerators).zip(denominators) {
        product[filled..=*row].fill(current);
        current *= numerator * inverse;
        filled = row + 1;
    }
    product[filled..].fill(current);
    product
}

/// The argument's constraints, in the verifier's order.
pub(super) fn constraints(
    key: &ProvingKey,
    graph: &mut Graph,
    Challenges { beta, gamma }: Challenges,
) -> Vec<Linear> {
    let sets = key.copied.len();
    if sets == 0 {
        return Vec::new();
    }
    // Row −1 − t before the end is l_0, so many rows ahead.
    let blinding = (key.rows() - key.usable) as i32;
    let first = graph.query(Input::First, 0);
    let last = graph.query(Input::First, blinding);
    let mut active = Linear::constant(Fr::ONE);
    for ahead in 1..=blinding {
        active.add(&graph.query(Input::First, ahead), -Fr::ONE);
    }
    let mut constraints = Vec::new();

    // l_0 (1 − z_0)
    let mut start = graph.query(Input::Product(0), 0).scale(-Fr::ONE);
    start.add(&Linear::constant(Fr::ONE), Fr::ONE);
    constraints.push(graph.multiply(first.clone(), start));

    // l_last (z² − z) = l_last z (z − 1), of the last set
    let end = graph.query(Input::Product(sets - 1), 0);
    let mut minus_one = end.clone();
    minus_one.add(&Linear::constant(Fr::ONE), -Fr::ONE);
    let square = graph.multiply(end, minus_one);
    constraints.push(graph.multiply(last, square));

    // l_0 (z_i − z_(i−1)(ω^last X))
    for set in 1..sets {
        let mut step = graph.query(Input::Product(set), 0);
        step.add(&graph.query(Input::Product(set - 1), -blinding), -Fr::ONE);
        constraints.push(graph.multiply(first.clone(), step));
    }

    // l_active (z(ωX) Π (p + β σ + γ) − z Π (p + δ^j β X + γ))
    let size = key.degree - 2;
    let mut delta = beta;
    for (set, columns) in key.permuted.chunks(size).enumerate() {
        let mut left = graph.query(Input::Product(set), 1);
        let mut right = graph.query(Input::Product(set), 0);
        for (offset, column) in columns.iter().enumerate() {
            let mut cell = graph.query(input(column), 0);
            cell.add(&Linear::constant(Fr::ONE), gamma);
            let mut permuted = cell.clone();
            let sigma = graph.query(Input::Sigma(set * size + offset), 0);
            permuted.add(&sigma, beta);
            let mut named = cell;
            named.add(&graph.query(Input::Point, 0), delta);
            left = graph.multiply(left, permuted);
            right = graph.multiply(right, named);
            delta *= Fr::DELTA;
        }
        left.add(&right, -Fr::ONE);
        constraints.push(graph.multiply(active.clone(), left));
    }
    constraints
}
