//! Units with few terms, exact sums, functions and maxima.

use std::collections::BTreeSet;

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_model::Unit;

use super::linear::powers;
use super::roles::Role;
use super::walk::Walk;
use super::wiring::{cell, index};
use super::{AuditError, bounds, check};
use crate::field::{power_of_two, signed};
use crate::wide::config::CELLS;

impl Walk<'_> {
    /// `bias + Σ c x + Σ c x x'` at the point.
    fn unit(&self, node: usize, unit: &Unit) -> Fr {
        let x = |at: u32| self.input(node, at as usize);
        let terms = unit.terms.iter().map(|(at, c)| signed(*c) * x(*at));
        let products = unit.products.iter();
        let products = products.map(|(a, b, c)| signed(*c) * x(*a) * x(*b));
        signed(unit.bias) + terms.sum::<Fr>() + products.sum::<Fr>()
    }

    /// Units in order, up to four in the lanes of one position.
    pub(super) fn sparse(&mut self, node: usize, units: &[Unit]) -> Result<(), AuditError> {
        let saturates = self.saturating(node)?;
        let operator = &self.model.nodes[node];
        let bits = self.model.digit_bits;
        bounds::alone(&bounds::error(operator, bits, saturates.contains(&true)))?;
        let first = self.first_wire(node);
        let lanes = powers(self.point.rho, CELLS);
        let mut at = 0;
        while at < units.len() {
            let position = self.position()?;
            let row = self.program.homes[first + at].row as usize;
            let here = |lane: usize| {
                let wire = (at + lane < units.len()).then_some(first + at + lane);
                wire.is_some_and(|wire| self.home(wire) == cell(row, lane))
            };
            let count = (0..CELLS).take_while(|lane| here(*lane)).count();
            check(count > 0, || format!("unit {at}: lives nowhere"))?;
            let excess = saturates[at..at + count].contains(&true);
            let claims = self.next_claims(excess)?;
            check(claims == row, || {
                format!("row {claims}: not the claim of unit {at}")
            })?;
            position.holds(row)?;
            self.own_row(row)?;
            if excess {
                position.holds(row + 1)?;
                self.own_row(row + 1)?;
            }
            for (lane, power) in lanes.iter().enumerate() {
                let mut error = -self.claimed(row, lane, excess);
                if lane < count {
                    error += self.unit(node, &units[at + lane]);
                }
                self.prescribed += position.power * power * error;
            }
            at += count;
        }
        Ok(())
    }

    /// Each unit is the sum of its digits.
    pub(super) fn digits(
        &mut self,
        node: usize,
        digits: u32,
        units: &[Unit],
    ) -> Result<(), AuditError> {
        let bits = self.model.digit_bits;
        let operator = &self.model.nodes[node];
        bounds::alone(&bounds::exact_error(operator, bits, digits * bits))?;
        let first = self.first_wire(node);
        for (number, unit) in units.iter().enumerate() {
            let position = self.position()?;
            let mut error = self.unit(node, unit);
            for digit in 0..digits {
                let home = self.home(first + number * digits as usize + digit as usize);
                position.holds(home.row as usize)?;
                self.own(home)?;
                error -= power_of_two(bits * digit) * self.point.z(home);
            }
            self.prescribed += position.power * error;
        }
        Ok(())
    }

    /// One tuple per value: argument and value.
    pub(super) fn functions(&mut self, node: usize) -> Result<(), AuditError> {
        let missing = || AuditError("a function without a tag".into());
        let tag = self.tags.functions.get(&node).copied();
        let tag = tag.ok_or_else(missing)?;
        let first = self.first_wire(node);
        for at in 0..self.model.nodes[node].inputs.len() {
            let row = self.next_tuple(Role::Tuple(tag))?;
            self.shows(cell(row, 0), self.input_home(node, at))?;
            self.home_is(first + at, cell(row, 1))?;
            (1..CELLS).try_for_each(|lane| self.own(cell(row, lane)))?;
        }
        Ok(())
    }

    /// A chain of rows per maximum: four members, then the maximum so far and three more; the
    /// row behind the last holds the result.
    pub(super) fn maxima(&mut self, node: usize, groups: &[Vec<u32>]) -> Result<(), AuditError> {
        let first = self.first_wire(node);
        for (number, group) in groups.iter().enumerate() {
            let rows = 1 + group.len().saturating_sub(CELLS).div_ceil(CELLS - 1);
            let home = self.home(first + number);
            let mut members = BTreeSet::new();
            for at in 0..rows {
                let row = self.next_max()?;
                check(row + rows - at == home.row as usize, || {
                    format!("row {row}: not part of maximum {number}")
                })?;
                if at > 0 {
                    self.own(cell(row, 0))?;
                }
                let lanes = usize::from(at > 0)..CELLS;
                members.extend(lanes.map(|lane| index(self.wiring.root(cell(row, lane)))));
            }
            self.home_is(first + number, cell(home.row as usize, 0))?;
            self.own(home)?;
            let group = group.iter();
            let wanted: BTreeSet<usize> = group
                .map(|at| index(self.input_home(node, *at as usize)))
                .collect();
            check(members == wanted, || {
                format!("maximum {number}: other members than the model's")
            })?;
        }
        Ok(())
    }
}
