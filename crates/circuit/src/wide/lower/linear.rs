//! Requantized nodes whose units are packed: dense layers, and whatever is cheapest as one.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{NodeBounds, Op};
use num_bigint::BigInt;

use super::builder::Builder;
use crate::field::{power_of_two, signed};
use crate::lower::packing::{PACKING_BITS, claimed_range};
use crate::wide::config::{CELLS, LANES};
use crate::wide::lower::WideError;
use crate::wide::program::{Hold, Packing, Source, Value};

/// Which units of a requantizing node may leave the digit's range over the box.
///
/// # Errors
/// A unit that leaves even what a saturating row can hold.
pub(in crate::wide) fn saturating(
    model: &haloracle_model::IntegerModel,
    node: usize,
    bounds: &NodeBounds,
) -> Result<Vec<bool>, WideError> {
    let bits = model.digit_bits;
    let max = i64::from(model.max_digit());
    let limit = model.accumulator_limit();
    let mut units = Vec::with_capacity(bounds.accumulators.len());
    for (unit, &(low, high)) in bounds.accumulators.iter().enumerate() {
        for value in [low, high] {
            if value.abs() > limit {
                return Err(WideError::Overflow {
                    node: model.nodes[node].name.clone(),
                    unit,
                    value,
                    digit_bits: bits,
                    limit,
                });
            }
        }
        units.push(low >> bits < -max || high >> bits > max);
    }
    Ok(units)
}

/// Largest error of a node's units in absolute value, over all cells that the gates allow.
pub(in crate::wide) fn node_error(
    model: &haloracle_model::IntegerModel,
    node: usize,
    saturates: bool,
) -> BigInt {
    let max: BigInt = (BigInt::from(1) << model.digit_bits) - 1;
    let (claimed_low, claimed_high) = claimed_range(model.digit_bits, saturates);
    // A padding unit: nothing against a claim.
    let mut worst = (-&claimed_low).max(claimed_high.clone());
    let Some(linear) = model.nodes[node].linear() else {
        return worst;
    };
    for unit in 0..linear.units() {
        // Terms fit 62 bits together, which the model's validation asserts.
        let (mut low, mut high) = (0i128, 0i128);
        linear.terms(unit, |_, w| match w < 0 {
            true => low += i128::from(w),
            false => high += i128::from(w),
        });
        let bias = BigInt::from(linear.bias(unit));
        let low: BigInt = &bias + BigInt::from(low) * &max;
        let high: BigInt = &bias + BigInt::from(high) * &max;
        worst = worst.max(&claimed_high - low).max(high - &claimed_low);
    }
    worst
}

/// Packing of `units` units per position that takes the fewest rows, for blocks of `blocks`
/// weights per unit and `positions` positions.
pub(super) fn choose(
    name: &str,
    error: &BigInt,
    units: usize,
    blocks: usize,
    positions: usize,
) -> Result<Packing, WideError> {
    let bits = u32::try_from(error.bits()).unwrap_or(u32::MAX).max(1);
    let most = (PACKING_BITS / bits) as usize;
    if most == 0 {
        return Err(WideError::TooWide {
            node: name.into(),
            bits,
        });
    }
    let cost = |per: usize| {
        let exponents = units.div_ceil(per);
        positions * per * exponents.div_ceil(CELLS) + blocks * exponents.div_ceil(LANES)
    };
    let best = (1..=most.min(units)).min_by_key(|per| (cost(*per), *per));
    let per_exponent = best.unwrap_or(1);
    Ok(Packing {
        bits,
        per_exponent,
        exponents: units.div_ceil(per_exponent),
    })
}

/// The packing for local rows of four inputs, where they take fewer rows than a block of lanes
/// per input. Its `exponents` counts positions.
fn dotted(packing: Packing, units: usize, inputs: usize) -> Option<Packing> {
    let most = (PACKING_BITS / packing.bits) as usize;
    let positions = units.div_ceil(most);
    let per_exponent = units.div_ceil(positions);
    let rows = positions * (inputs.div_ceil(CELLS) + per_exponent);
    let blocks = inputs * packing.exponents.div_ceil(LANES)
        + packing.per_exponent * packing.exponents.div_ceil(CELLS);
    (rows < blocks).then_some(Packing {
        bits: packing.bits,
        per_exponent,
        exponents: 1,
    })
}

/// Weights of consecutive units, packed.
pub(in crate::wide) fn pack(weights: &[i64], packing: Packing) -> Vec<Fr> {
    let step = power_of_two(packing.bits);
    let chunks = weights.chunks(packing.per_exponent);
    let pack = |units: &[i64]| {
        let nonzero = units.iter().rposition(|w| *w != 0).map_or(0, |at| at + 1);
        let units = units[..nonzero].iter().rev();
        units.fold(Fr::ZERO, |sum, w| sum * step + signed(*w))
    };
    chunks.map(pack).collect()
}

impl Builder<'_> {
    /// A requantized node as a matrix: one position, one block of rows per input it reads.
    pub(super) fn dense(&mut self, node: usize, saturates: &[bool]) -> Result<(), WideError> {
        let columns = self.columns(node);
        let units = saturates.len();
        let error = node_error(self.model, node, saturates.contains(&true));
        let name = self.model.nodes[node].name.clone();
        let packing = choose(&name, &error, units, columns.len(), 1)?;
        if let Some(packing) = dotted(packing, units, columns.len()) {
            self.packings[node] = Some(packing);
            self.dots(node, packing, &columns, saturates);
            return Ok(());
        }
        self.packings[node] = Some(packing);
        self.claims(
            node,
            packing,
            |slot| (slot < units).then_some(slot),
            saturates,
        );
        for (wire, column) in columns {
            let source = Source::Values([Value::Wire(wire), Value::Zero, Value::Zero, Value::Zero]);
            let mut weights = pack(&column, packing);
            while weights.last() == Some(&Fr::ZERO) {
                weights.pop();
            }
            self.fold_product(&weights, Hold::Fresh, source);
        }
        Ok(())
    }

    /// A matrix of few units: each position holds the units of one field element, whose claims
    /// are followed by local rows of four inputs, with packed weights as coefficients.
    fn dots(
        &mut self,
        node: usize,
        packing: Packing,
        columns: &[(u32, Vec<i64>)],
        saturates: &[bool],
    ) {
        let units = saturates.len();
        let one = Packing {
            exponents: 1,
            ..packing
        };
        for position in (0..units.div_ceil(packing.per_exponent)).rev() {
            let first = position * packing.per_exponent;
            let unit = |slot: usize| (first + slot < units).then_some(first + slot);
            self.claims(node, one, unit, saturates);
            // The position goes on after its claims.
            let last = self.rows.len() - 1;
            self.rows[last].fixed.close = false;
            for chunk in columns.chunks(CELLS) {
                let mut values = [Value::Zero; CELLS];
                let mut coefficients = [Fr::ZERO; CELLS];
                for (lane, (wire, column)) in chunk.iter().enumerate() {
                    let until = units.min(first + packing.per_exponent);
                    coefficients[lane] = pack(&column[first..until], packing)[0];
                    if coefficients[lane] != Fr::ZERO {
                        values[lane] = Value::Wire(*wire);
                    }
                }
                if values != [Value::Zero; CELLS] {
                    let at = self.close_with(values, coefficients);
                    self.rows[at].fixed.close = false;
                }
            }
            let last = self.rows.len() - 1;
            self.rows[last].fixed.close = true;
        }
    }

    /// Per wire that the node reads with a weight, the weights of all units.
    pub(super) fn columns(&self, node: usize) -> Vec<(u32, Vec<i64>)> {
        let operator = &self.model.nodes[node];
        let inputs = &operator.inputs;
        if let Op::Dense { weights, .. } = &operator.op {
            let column = |input: usize| weights.iter().map(|row| row[input]).collect::<Vec<_>>();
            let columns = (0..inputs.len()).map(|input| (inputs[input], column(input)));
            return columns
                .filter(|(_, column)| column.iter().any(|w| *w != 0))
                .collect();
        }
        let Some(linear) = operator.linear() else {
            return Vec::new();
        };
        let mut columns = vec![Vec::new(); inputs.len()];
        for unit in 0..linear.units() {
            linear.terms(unit, |input, w| {
                if columns[input].is_empty() {
                    columns[input] = vec![0; linear.units()];
                }
                columns[input][unit] += w;
            });
        }
        let read = columns.into_iter().enumerate();
        read.filter(|(_, column)| !column.is_empty())
            .map(|(input, column)| (inputs[input], column))
            .collect()
    }

    /// Rows that [`Self::dense`] would take, about.
    pub(super) fn dense_rows(&self, node: usize, units: usize, error: &BigInt) -> usize {
        let per = (u64::from(PACKING_BITS) / error.bits().max(1)).max(1) as usize;
        let exponents = units.div_ceil(per);
        self.model.nodes[node].inputs.len() * exponents.div_ceil(LANES) + units.div_ceil(CELLS)
    }
}
