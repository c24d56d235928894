//! Trees: ranks of the features, then one pair of rows per level and a leaf row per tree.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Trees;
use haloracle_model::integer::TREE_LIMBS;

use super::WideError;
use super::builder::Builder;
use super::tables::RANK_DIGITS;
use crate::field::power_of_two;
use crate::wide::config::{CELLS, TAG_SHIFT, TUPLE_BITS};
use crate::wide::program::{Aux, Bound, Kind, Row, Source, Value};

impl Builder<'_> {
    pub(super) fn trees(&mut self, node: usize, trees: &Trees) -> Result<(), WideError> {
        let tags = self.tables.trees[&node].clone();
        for (index, feature) in trees.features.iter().enumerate() {
            if feature.digits.len() > RANK_DIGITS {
                return Err(WideError::WideFeature {
                    node: self.model.nodes[node].name.clone(),
                    feature: index,
                    digits: feature.digits.len(),
                });
            }
            self.rank(
                node,
                index,
                &feature.digits,
                tags.value,
                tags.features[index],
            );
        }
        let first = self.first_wire(node);
        for (index, tree) in trees.trees.iter().enumerate() {
            let tree_tags = &tags.trees[index];
            let [node, number] = [node as u32, index as u32];
            for level in 0..tree.depth() as u32 {
                let mut row = Row::new(Source::Edge {
                    node,
                    tree: number,
                    level,
                });
                row.fixed.kind = Kind::Edge;
                row.fixed.tag = if level == 0 {
                    tree_tags.root
                } else {
                    tree_tags.inner
                };
                self.push(row);
                let mut row = Row::new(Source::Feature {
                    node,
                    tree: number,
                    level,
                });
                row.fixed.kind = Kind::Feature;
                row.fixed.tag = tags.value;
                self.push(row);
            }
            let id = self.rows.len();
            for (chunk, tag) in tree_tags.leaves.iter().enumerate() {
                let mut row = Row::new(Source::Leaf {
                    node,
                    tree: number,
                    chunk: chunk as u32,
                });
                row.fixed.tag = *tag;
                let at = self.push(row);
                if chunk > 0 {
                    self.ties.push((at, id));
                }
                let limbs = trees.limbs as usize;
                for lane in 0..TREE_LIMBS.min(limbs - chunk * TREE_LIMBS) {
                    let wire = first + index * limbs + chunk * TREE_LIMBS + lane;
                    self.own(wire, at, lane + 1);
                }
            }
        }
        Ok(())
    }

    /// The rank of a feature: its value lies between the bounds that the table gives for the
    /// rank, which two sums with non-negative differences show.
    fn rank(&mut self, node: usize, feature: usize, digits: &[u32], value: u32, tags: [u32; 2]) {
        let bits = self.model.digit_bits;
        let inputs = &self.model.nodes[node].inputs;
        let wires: Vec<Value> = digits
            .iter()
            .map(|at| Value::Wire(inputs[*at as usize]))
            .collect();
        let [node, feature] = [node as u32, feature as u32];
        let rank = self.aux(Aux::Rank { node, feature });
        let weights = |offset: usize, sign: Fr| {
            let mut all = [Fr::ZERO; CELLS];
            for digit in 0..RANK_DIGITS {
                all[digit + offset] = sign * power_of_two(bits * digit as u32);
            }
            all
        };
        for (bound, distance, tag, sign) in [
            (Bound::Low, Bound::Above, tags[0], -Fr::ONE),
            (Bound::High, Bound::Below, tags[1], Fr::ONE),
        ] {
            let mut digit = |what: Bound, digit: usize| {
                self.aux(Aux::Bound {
                    node,
                    feature,
                    what,
                    digit: digit as u32,
                })
            };
            let bounds = [0, 1, 2].map(|d| digit(bound, d));
            let distances = [0, 1, 2].map(|d| digit(distance, d));
            let mut row = Row::new(Source::Values([rank, bounds[0], bounds[1], bounds[2]]));
            row.fixed.local = true;
            row.fixed.lanes[..CELLS].copy_from_slice(&weights(1, sign));
            row.fixed.tag = tag;
            if matches!(bound, Bound::Low) {
                // The table's entry of this feature's rank is its home.
                row.fixed.home = true;
                row.fixed.table_tuple = Fr::from(u64::from(feature)) * power_of_two(TUPLE_BITS)
                    + Fr::from(u64::from(value)) * power_of_two(TAG_SHIFT);
            }
            self.push(row);
            let mut values = [Value::Zero; CELLS];
            let mut coefficients = [Fr::ZERO; CELLS];
            let all = weights(0, -sign);
            for (lane, wire) in wires.iter().enumerate() {
                values[lane] = *wire;
                coefficients[lane] = all[lane];
            }
            let at = self.close_with(values, coefficients);
            self.rows[at].fixed.close = false;
            let values = [distances[0], distances[1], distances[2], Value::Zero];
            self.close_with(values, weights(0, -Fr::ONE));
        }
    }
}
