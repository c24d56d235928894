//! Layers whose weights are cells: one unit per exponent, so nothing need be known of a weight
//! but the range of its digits.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Op;
use haloracle_model::integer::{BIAS_LIMBS, NodeParameters};

use super::conv::{Layout, Places};
use super::linear::powers;
use super::point::ZERO;
use super::walk::Walk;
use super::wiring::cell;
use super::{AuditError, bounds, check};
use crate::field::power_of_two;
use crate::wide::config::CELLS;
use crate::wide::program::Packing;

impl Walk<'_> {
    /// The cell that holds 1, behind the zero cell.
    pub(super) fn one_cell(&mut self) -> Result<(), AuditError> {
        let position = self.position()?;
        let one = cell(ZERO.row as usize + 1, 0);
        check(position.close == one.row as usize, || {
            "the equation of 1 is not the second".into()
        })?;
        self.own(one)?;
        self.one = Some(one);
        // A value like any other at the point: biases are its multiples.
        self.prescribed += position.power * (self.point.z(one) - Fr::ONE);
        Ok(())
    }

    /// Layout and packing of a private node of `units` claims per position; refuses sums that
    /// could wrap around the modulus, whatever the parameters.
    fn private(
        &self,
        node: usize,
        units: usize,
        terms: usize,
    ) -> Result<(NodeParameters, Packing), AuditError> {
        self.provable(node)?;
        let missing = || AuditError("no private parameters".into());
        let parameters = self.model.parameter_layout().0.get(node).copied().flatten();
        let parameters = parameters.ok_or_else(missing)?;
        bounds::alone(&bounds::private_error(
            self.model.digit_bits,
            terms,
            parameters.limbs,
            BIAS_LIMBS,
        ))?;
        let packing = self.program.packings[node].ok_or_else(missing)?;
        let plain = packing.per_exponent == 1 && packing.exponents == units;
        check(plain && self.program.saturating[node], || {
            format!("packing {packing:?} of private units")
        })?;
        Ok((parameters, packing))
    }

    /// A number at the point: its digits less half their range, in units of the cell that is 1.
    /// The offset stands in the fixed columns, so 1 is not needed for it.
    fn number(&self, first: usize, limbs: u32) -> Result<Fr, AuditError> {
        let bits = self.model.digit_bits;
        let mut sum = -power_of_two(bits * limbs - 1);
        for limb in 0..limbs {
            let missing = || AuditError("a parameter without a cell".into());
            let home = self.parameters.get(first + limb as usize).copied();
            sum += power_of_two(bits * limb) * self.point.z(home.ok_or_else(missing)?);
        }
        Ok(sum)
    }

    fn numbers(
        &self,
        count: usize,
        limbs: u32,
        first: impl Fn(usize) -> usize,
    ) -> Result<Vec<Fr>, AuditError> {
        (0..count).map(|at| self.number(first(at), limbs)).collect()
    }

    fn one(&self) -> Fr {
        self.one.map_or(Fr::ONE, |one| self.point.z(one))
    }

    /// A matrix of private weights.
    pub(super) fn private_dense(&mut self, node: usize) -> Result<(), AuditError> {
        let operator = &self.model.nodes[node];
        let (units, inputs) = (operator.outputs(), operator.inputs.len());
        let (parameters, pack) = self.private(node, units, inputs)?;
        let position = self.position()?;
        self.claims(node, position, pack, &|slot| Some(slot), &vec![true; units])?;
        let x: Vec<Fr> = (0..inputs).map(|at| self.input(node, at)).collect();
        let biases = self.numbers(units, BIAS_LIMBS, |at| parameters.bias(at))?;
        let weights = self.numbers(units * inputs, parameters.limbs, |at| parameters.weight(at))?;
        let one = self.one();
        let mut power = position.power;
        for (bias, weights) in biases.iter().zip(weights.chunks(inputs.max(1))) {
            let terms: Fr = weights.iter().zip(&x).map(|(w, x)| *w * x).sum();
            self.prescribed += power * (*bias * one + terms);
            power *= self.point.rho;
        }
        Ok(())
    }

    /// A convolution of private weights, always by polynomials.
    pub(super) fn private_conv(&mut self, node: usize) -> Result<(), AuditError> {
        let Op::Conv(conv) = &self.model.nodes[node].op else {
            return Ok(());
        };
        let missing = || AuditError("a convolution that no product of polynomials is".into());
        let layout = Layout::new(conv).ok_or_else(missing)?;
        let filters = conv.filters as usize;
        let per_filter = conv.weights.len() / filters;
        let (parameters, pack) = self.private(node, filters, per_filter)?;
        let saturates = vec![true; conv.outputs()];
        let places = self.places(node, conv, &layout, pack, &saturates)?;
        let scales = powers(self.point.rho, pack.exponents.div_ceil(CELLS) * CELLS);
        let biases = self.numbers(filters, BIAS_LIMBS, |at| parameters.bias(at))?;
        let count = conv.weights.len();
        let weights = self.numbers(count, parameters.limbs, |at| parameters.weight(at))?;
        let packed: Fr = biases.iter().zip(&scales).map(|(b, s)| *b * s).sum();
        let used = places.iter().zip(layout.used().cycle());
        let used: Fr = used.filter(|(_, used)| *used).map(|(p, _)| *p).sum();
        self.prescribed += self.one() * packed * used;
        self.products(
            node,
            conv,
            &layout,
            &Places {
                positions: &places,
                filters: &scales,
            },
            &|at| weights[at],
        );
        Ok(())
    }
}
