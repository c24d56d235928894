//! Trees: each feature's rank by two sums, then a chain of tuples per tree.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Trees;
use haloracle_model::integer::TREE_LIMBS;

use super::roles::Role;
use super::tables::TreeTags;
use super::walk::Walk;
use super::wiring::cell;
use super::{AuditError, check};
use crate::field::power_of_two;
use crate::wide::config::CELLS;

/// Digits of a bound in a tuple: what is left of four cells beside the rank.
const BOUND_DIGITS: usize = CELLS - 1;

impl Walk<'_> {
    /// All features, then all trees.
    pub(super) fn trees(&mut self, node: usize, trees: &Trees) -> Result<(), AuditError> {
        let missing = || AuditError("trees without tags".into());
        let tags = self.tags.trees.get(&node).cloned().ok_or_else(missing)?;
        for number in 0..trees.features.len() {
            self.rank(node, trees, number, &tags)?;
        }
        for number in 0..trees.trees.len() {
            self.path(node, trees, number, &tags)?;
        }
        Ok(())
    }

    /// `v − low − above = 0` and `high − v − below = 0`, where the bounds are the table's for
    /// the rank: with differences that are no less than 0, the rank is that of `v`.
    fn rank(
        &mut self,
        node: usize,
        trees: &Trees,
        number: usize,
        tags: &TreeTags,
    ) -> Result<(), AuditError> {
        let digits = &trees.features[number].digits;
        check(digits.len() <= BOUND_DIGITS, || {
            format!("tree feature {number}: {} digits", digits.len())
        })?;
        let bits = self.model.digit_bits;
        let value: Fr = (digits.iter().zip(0..))
            .map(|(at, digit)| power_of_two(bits * digit) * self.input(node, *at as usize))
            .sum();
        let [low_tag, high_tag] = tags.features[number];
        let mut home = None;
        for (role, sign) in [
            (Role::Rank(low_tag), Fr::ONE),
            (Role::Tuple(high_tag), -Fr::ONE),
        ] {
            let position = self.position()?;
            let row = self.next_tuple(role)?;
            check(row + 2 == position.close, || {
                format!("row {row}: not the bound of its equation")
            })?;
            match home {
                None => {
                    self.own(cell(row, 0))?;
                    self.features.push((row, number as u32, tags.value));
                    home = Some(cell(row, 0));
                }
                Some(home) => self.shows(cell(row, 0), home)?,
            }
            let mut sum = value;
            for digit in 0..BOUND_DIGITS {
                let bound = cell(row, digit + 1);
                let distance = cell(position.close, digit);
                self.own(bound)?;
                self.own(distance)?;
                let scale = power_of_two(bits * digit as u32);
                sum -= scale * (self.point.z(bound) + sign * self.point.z(distance));
            }
            self.prescribed += position.power * sign * sum;
        }
        Ok(())
    }

    /// A pair of rows per level, the leaf behind them: each row names the next by its number.
    fn path(
        &mut self,
        node: usize,
        trees: &Trees,
        number: usize,
        tags: &TreeTags,
    ) -> Result<(), AuditError> {
        let (root, inner, leaves) = &tags.trees[number];
        let mut before: Option<usize> = None;
        let mut next = |walk: &mut Self, role: Role| {
            let row = walk.next_tuple(role)?;
            let follows = before.is_none_or(|before| before + 1 == row);
            before = Some(row);
            check(follows, || format!("row {row}: not behind the row before"))?;
            Ok::<usize, AuditError>(row)
        };
        for level in 0..trees.trees[number].depth() {
            let tag = if level == 0 { *root } else { *inner };
            let row = next(self, Role::Edge(tag))?;
            self.own_row(row)?;
            let row = next(self, Role::Feature(tags.value))?;
            self.own_row(row)?;
        }
        let first_wire = self.first_wire(node) + number * trees.limbs as usize;
        let mut id = None;
        for (chunk, tag) in leaves.iter().enumerate() {
            let row = next(self, Role::Tuple(*tag))?;
            match id {
                None => {
                    self.own(cell(row, 0))?;
                    id = Some(cell(row, 0));
                }
                Some(id) => self.shows(cell(row, 0), id)?,
            }
            for limb in 0..TREE_LIMBS {
                let here = cell(row, limb + 1);
                self.own(here)?;
                let at = chunk * TREE_LIMBS + limb;
                if at < trees.limbs as usize {
                    self.home_is(first_wire + at, here)?;
                }
            }
        }
        Ok(())
    }
}
