//! Evaluations of columns from their values on the rows.
//!
//! With the Lagrange values `l_i(x)` once computed, the value of a column at `ω^r x` is an inner
//! product with them, shifted by `r`: no coefficients are needed, and zeros are skipped.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use rayon::prelude::*;

use super::Values;
use super::graph::Input;
use super::opening::{Name, Opened, Query};

/// The values of all columns where the verifier asks for them.
#[derive(Debug)]
pub(super) struct Claims<'v> {
    /// Queries of the constraint system, advice first.
    advice: Vec<Query<'v>>,
    fixed: Vec<Query<'v>>,
    sigma: Vec<Query<'v>>,
    /// Per product: at x, at ωx and, but for the last, at the last row.
    products: Vec<Vec<Query<'v>>>,
}

impl<'v> Claims<'v> {
    /// Evaluates every column at every rotation of `x` that the verifier needs.
    pub(super) fn new(values: &Values<'v>, x: Fr) -> Self {
        let key = values.key;
        let lagrange = key.domain.lagrange(x);
        let claim = |(input, rotation): (Input, i32)| {
            let column = values.of(input);
            Query {
                name: Name::Column(input),
                polynomial: Opened::Values(column),
                rotation,
                evaluation: shifted_product(column, &lagrange, rotation),
            }
        };
        let claims = |queries: Vec<(Input, i32)>| queries.into_par_iter().map(claim).collect();
        let advice = key.cs.advice_queries().iter();
        let advice = advice.map(|(column, at)| (Input::Advice(column.index()), at.0));
        let fixed = key.cs.fixed_queries().iter();
        let fixed = fixed.map(|(column, at)| (Input::Fixed(column.index()), at.0));
        let sigma = (0..key.sigma.len()).map(|index| (Input::Sigma(index), 0));
        let last_row = key.usable as i32 - key.rows() as i32;
        let sets = key.copied.len();
        let products = (0..sets).map(|set| {
            let rotations = [Some(0), Some(1), (set + 1 < sets).then_some(last_row)];
            let queries = rotations.into_iter().flatten();
            queries
                .map(|rotation| (Input::Product(set), rotation))
                .collect()
        });
        Self {
            advice: claims(advice.collect()),
            fixed: claims(fixed.collect()),
            sigma: claims(sigma.collect()),
            products: products.map(claims).collect(),
        }
    }

    /// The evaluations as the proof lists them, that of the random polynomial among them.
    pub(super) fn written(&self, random: Fr) -> impl Iterator<Item = Fr> {
        let value = |query: &Query<'_>| query.evaluation;
        let columns = self.advice.iter().chain(&self.fixed).map(value);
        let rest = self.sigma.iter().chain(self.products.iter().flatten());
        columns.chain([random]).chain(rest.map(value))
    }

    /// The queries in the order in which they are opened.
    pub(super) fn queries(&self) -> Vec<Query<'v>> {
        let mut queries = self.advice.clone();
        for product in &self.products {
            queries.extend(product.iter().take(2).cloned());
        }
        for product in self.products.iter().rev() {
            queries.extend(product.iter().skip(2).cloned());
        }
        queries.extend(self.fixed.iter().chain(&self.sigma).cloned());
        queries
    }
}

/// `Σ_i column_i l_(i − rotation)`.
fn shifted_product(column: &[Fr], lagrange: &[Fr], rotation: i32) -> Fr {
    let rows = column.len().max(1) as i64;
    let shift = i64::from(rotation).rem_euclid(rows) as usize;
    let (head, tail) = column.split_at(shift.min(column.len()));
    let pairs = tail.iter().chain(head).zip(lagrange);
    let products = pairs.filter(|(value, _)| **value != Fr::ZERO);
    products.fold(Fr::ZERO, |sum, (value, l)| sum + *value * l)
}
