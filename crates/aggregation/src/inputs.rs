//! What enters the verification of a proof, and what binds it.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use haloracle_circuit::field::from_word;
use haloracle_prover::poseidon::{MAX_INSTANCES, Purpose, capacity};

use crate::msm::Table;
use crate::rows::{Builder, Cell};

/// The proof's bytes, one message after the other; zeros after the end.
pub(crate) struct Stream<'p>(pub(crate) &'p [u8]);

impl Stream<'_> {
    fn word(&mut self) -> [u8; 32] {
        let (word, rest) = self.0.split_at(self.0.len().min(32));
        self.0 = rest;
        word.try_into().unwrap_or_default()
    }

    pub(crate) fn scalar(&mut self) -> Fr {
        from_word(&self.word()).unwrap_or(Fr::ZERO)
    }

    pub(crate) fn point(&mut self) -> G1Affine {
        let [x, y] = [self.word(), self.word()].map(|mut word| {
            word.reverse();
            Option::from(PrimeField::from_repr(word)).unwrap_or_default()
        });
        G1Affine { x, y }
    }
}

/// A point with the elements that stand for it in hashes.
#[derive(Clone, Copy)]
pub(crate) struct Absorbed {
    pub(crate) table: Table,
    pub(crate) elements: [Cell; 3],
}

impl Builder {
    pub(crate) fn absorbed(&mut self, point: &G1Affine) -> Absorbed {
        let table = self.table(point);
        let elements = self.point_elements(&table.point);
        Absorbed { table, elements }
    }

    /// A key's fixed commitment, which may be infinity: then its elements are zero and so is its
    /// scalar, and any point stands in its place. Elements of a point of the curve are never all
    /// zero, so the bit follows from the elements.
    pub(crate) fn absorbed_or_zero(&mut self, point: &G1Affine) -> (Absorbed, Cell) {
        let infinity = bool::from(point.is_identity());
        let present = self.witness(Fr::from(u64::from(!infinity)));
        self.boolean(present);
        let stand_in = if infinity {
            G1Affine::generator()
        } else {
            *point
        };
        let Absorbed { table, elements } = self.absorbed(&stand_in);
        let elements = elements.map(|element| self.mul(element, present));
        (Absorbed { table, elements }, present)
    }

    /// Instances padded with zeros, and their digest: `count` of them may differ from zero.
    pub(crate) fn padded_instances(&mut self, count: Cell, values: &[Fr]) -> (Vec<Cell>, Cell) {
        let zero = self.constant(Fr::ZERO);
        let mut sum = zero;
        let mut before: Option<Cell> = None;
        let mut cells = Vec::with_capacity(MAX_INSTANCES);
        for index in 0..MAX_INSTANCES {
            let real = self.witness(Fr::from(u64::from(index < values.len())));
            self.boolean(real);
            if let Some(before) = before {
                // Real ones come first.
                let both = self.mul(before, real);
                self.equal(both, real);
            }
            before = Some(real);
            sum = self.add(sum, real);
            let cell = self.witness(values.get(index).copied().unwrap_or(Fr::ZERO));
            let kept = self.mul(cell, real);
            self.equal(kept, cell);
            cells.push(cell);
        }
        self.equal(sum, count);
        let first = capacity(Purpose::Instances, 0);
        let capacity = self.affine(count, capacity(Purpose::Instances, 1) - first, first);
        let digest = self.hash(capacity, &cells);
        (cells, digest)
    }
}
