//! Lagrange polynomials of an inner circuit's rows, at the point of evaluation.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;

use crate::domain::Domain;
use crate::rows::{Builder, Cell};

/// Values of Lagrange polynomials at x.
pub(crate) struct Lagrange {
    /// `x^n − 1`.
    pub(crate) vanishing: Cell,
    /// `(x^n − 1) / n`.
    scale: Cell,
    x: Cell,
    /// Of the first row.
    pub(crate) first: Cell,
    /// Of the last usable row.
    pub(crate) last: Cell,
    /// Of all rows behind it, together.
    pub(crate) blind: Cell,
}

impl Lagrange {
    pub(crate) fn new(
        b: &mut Builder,
        domain: &Domain,
        x: Cell,
        xn: Cell,
        blinding: usize,
    ) -> Self {
        let vanishing = b.affine(xn, Fr::ONE, -Fr::ONE);
        let inverse = domain.inverse_rows(b);
        let scale = b.mul(vanishing, inverse);
        let zero = b.constant(Fr::ZERO);
        let mut lagrange = Self {
            vanishing,
            scale,
            x,
            first: zero,
            last: zero,
            blind: zero,
        };
        let one = b.constant(Fr::ONE);
        let first = lagrange.unscaled(b, one);
        lagrange.first = b.mul(first, scale);
        let mut blind = zero;
        for row in 1..=blinding as i32 {
            let root = domain.root(b, -row);
            let value = lagrange.unscaled(b, root);
            blind = b.add(blind, value);
        }
        lagrange.blind = b.mul(blind, scale);
        let root = domain.root(b, -(blinding as i32 + 1));
        let last = lagrange.unscaled(b, root);
        lagrange.last = b.mul(last, scale);
        lagrange
    }

    /// `root / (x − root)`.
    fn unscaled(&self, b: &mut Builder, root: Cell) -> Cell {
        let difference = b.sub(self.x, root);
        let inverse = b.inverse(difference);
        b.mul(root, inverse)
    }

    /// The instance column at x.
    pub(crate) fn instance(&self, b: &mut Builder, domain: &Domain, instances: &[Cell]) -> Cell {
        let omega = domain.root(b, 1);
        let mut root = b.constant(Fr::ONE);
        let mut sum = b.constant(Fr::ZERO);
        for (row, instance) in instances.iter().enumerate() {
            if row > 0 {
                root = b.mul(root, omega);
            }
            let value = self.unscaled(b, root);
            sum = b.mul_add(*instance, value, sum);
        }
        b.mul(sum, self.scale)
    }
}
