//! What a proof of a machine consists of, as far as its verification in a circuit needs it.
//!
//! The order is that of the proof system: see `haloracle_prover::create`.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{Any, Column, ConstraintSystem};
use haloracle_circuit::Shape;

/// A polynomial whose commitment is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Opened {
    /// Advice column.
    Advice(usize),
    /// Fixed column, committed in the key.
    Fixed(usize),
    /// Permutation of a column, committed in the key.
    Sigma(usize),
    /// Product of a chunk of permuted columns.
    Product(usize),
    /// The random polynomial.
    Random,
    /// The quotient, put together from its pieces.
    Quotient,
}

/// Polynomials that are opened at the same rotations of x.
#[derive(Clone, Debug)]
pub(crate) struct RotationSet {
    /// Ascending.
    pub(crate) rotations: Vec<i32>,
    pub(crate) polynomials: Vec<Opened>,
}

/// A shape as its verifier sees it.
#[derive(Clone, Debug)]
pub(crate) struct Inner {
    pub(crate) cs: ConstraintSystem<Fr>,
    pub(crate) blinding: usize,
    /// Permuted columns, in the chunks that share a product.
    pub(crate) chunks: Vec<Vec<Column<Any>>>,
    pub(crate) pieces: usize,
    /// Evaluations in the order of the proof.
    pub(crate) evaluations: Vec<(Opened, i32)>,
    pub(crate) sets: Vec<RotationSet>,
}

impl Inner {
    pub(crate) fn new(shape: Shape) -> Self {
        let cs = shape.constraint_system();
        let permuted = cs.permutation().get_columns();
        let degree = cs.degree();
        let chunks = permuted.chunks(degree - 2).map(<[_]>::to_vec).collect();
        let mut inner = Self {
            blinding: cs.blinding_factors(),
            chunks,
            pieces: degree - 1,
            cs,
            evaluations: Vec::new(),
            sets: Vec::new(),
        };
        let advice: Vec<_> = inner.cs.advice_queries().iter().map(advice).collect();
        let fixed: Vec<_> = inner.cs.fixed_queries().iter().map(fixed).collect();
        let sigmas: Vec<_> = (0..permuted.len())
            .map(|column| (Opened::Sigma(column), 0))
            .collect();
        let products = inner.products();
        inner.evaluations = [
            advice.as_slice(),
            &fixed,
            &[(Opened::Random, 0)],
            &sigmas,
            &products,
        ]
        .concat();
        let (near, mut last): (Vec<_>, Vec<_>) = products
            .into_iter()
            .partition(|(_, rotation)| *rotation >= 0);
        last.reverse();
        let ends = [(Opened::Quotient, 0), (Opened::Random, 0)];
        inner.sets = rotation_sets(&[advice, near, last, fixed, sigmas, ends.to_vec()].concat());
        inner
    }

    /// Rotation of the last usable row.
    pub(crate) fn last(&self) -> i32 {
        -(self.blinding as i32 + 1)
    }

    /// Commitments in a key: fixed columns, permuted columns.
    pub(crate) fn commitments(&self) -> (usize, usize) {
        let permuted = self.cs.permutation().get_columns().len();
        (self.cs.num_fixed_columns(), permuted)
    }

    /// Every rotation at which something is opened, ascending.
    pub(crate) fn rotations(&self) -> Vec<i32> {
        let all = self.sets.iter().flat_map(|set| set.rotations.clone());
        let mut all: Vec<i32> = all.collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn products(&self) -> Vec<(Opened, i32)> {
        let count = self.chunks.len();
        let mut products = Vec::new();
        for chunk in 0..count {
            products.push((Opened::Product(chunk), 0));
            products.push((Opened::Product(chunk), 1));
            if chunk + 1 < count {
                products.push((Opened::Product(chunk), self.last()));
            }
        }
        products
    }
}

fn advice<T>(query: &(Column<T>, halo2_proofs::poly::Rotation)) -> (Opened, i32)
where
    T: halo2_proofs::plonk::ColumnType,
{
    (Opened::Advice(query.0.index()), query.1.0)
}

fn fixed<T>(query: &(Column<T>, halo2_proofs::poly::Rotation)) -> (Opened, i32)
where
    T: halo2_proofs::plonk::ColumnType,
{
    (Opened::Fixed(query.0.index()), query.1.0)
}

/// Groups polynomials by their rotations, both in order of appearance.
fn rotation_sets(queries: &[(Opened, i32)]) -> Vec<RotationSet> {
    let mut polynomials: Vec<(Opened, Vec<i32>)> = Vec::new();
    for (polynomial, rotation) in queries {
        match polynomials
            .iter_mut()
            .find(|(known, _)| known == polynomial)
        {
            Some((_, rotations)) => rotations.push(*rotation),
            None => polynomials.push((*polynomial, vec![*rotation])),
        }
    }
    let mut sets: Vec<RotationSet> = Vec::new();
    for (polynomial, mut rotations) in polynomials {
        rotations.sort_unstable();
        match sets.iter_mut().find(|set| set.rotations == rotations) {
            Some(set) => set.polynomials.push(polynomial),
            None => sets.push(RotationSet {
                rotations,
                polynomials: vec![polynomial],
            }),
        }
    }
    sets
}
