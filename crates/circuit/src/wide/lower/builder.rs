//! Collects rows; wires have one home each, all other cells that hold them are copies.

use std::collections::HashMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::integer::NodeParameters;
use haloracle_model::{Batch, IntegerModel};

use super::tables::Tables;
use crate::field::{power_of_two, signed};
use crate::wide::config::{CELLS, LANES};
use crate::wide::program::{Aux, Border, Cell, Hold, Live, Packing, Row, Source, Value};

/// Rows under construction.
pub(super) struct Builder<'m> {
    pub(super) batch: &'m Batch<'m>,
    /// The graph of all items.
    pub(super) model: &'m IntegerModel,
    pub(super) tables: Tables,
    pub(super) rows: Vec<Row>,
    pub(super) homes: Vec<Option<Cell>>,
    /// Cells that must be 0 although no equation of their own says so.
    pub(super) noughts: Vec<Cell>,
    pub(super) borders: Vec<Border>,
    pub(super) aux: Vec<Aux>,
    pub(super) packings: Vec<Option<Packing>>,
    pub(super) saturating: Vec<bool>,
    /// Free cells that equal an instance, besides those that show one.
    pub(super) public: Vec<(Cell, usize)>,
    /// Layout of the private parameters per node.
    pub(super) parameters: Vec<Option<NodeParameters>>,
    /// Rows whose `z_0` equals another row's: a leaf's further rows.
    pub(super) ties: Vec<(usize, usize)>,
    aux_index: HashMap<Aux, u32>,
    firsts: Vec<usize>,
}

/// A term of a local sum: a value and its coefficient.
pub(super) type Term = (Value, Fr);

impl<'m> Builder<'m> {
    pub(super) fn new(batch: &'m Batch<'m>) -> Self {
        let model = batch.graph();
        let wires = model.first_wires().last().copied().unwrap_or(0);
        Self {
            batch,
            model,
            tables: Tables::new(model),
            rows: Vec::new(),
            homes: vec![None; wires],
            noughts: Vec::new(),
            borders: Vec::new(),
            aux: Vec::new(),
            packings: vec![None; model.nodes.len()],
            saturating: vec![false; model.nodes.len()],
            public: Vec::new(),
            parameters: model.parameter_layout().0,
            ties: Vec::new(),
            aux_index: HashMap::new(),
            firsts: model.first_wires(),
        }
    }

    pub(super) fn push(&mut self, row: Row) -> usize {
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// Makes a cell the home of a wire.
    pub(super) fn own(&mut self, wire: usize, row: usize, lane: usize) {
        self.homes[wire] = Some(cell(row, lane));
    }

    /// Number of an auxiliary value.
    pub(super) fn aux(&mut self, aux: Aux) -> Value {
        let next = self.aux.len() as u32;
        let number = *self.aux_index.entry(aux).or_insert(next);
        if number == next {
            self.aux.push(aux);
        }
        Value::Aux(number)
    }

    /// Row 0 marks the beginning; row 1 holds the zero that unused cells copy.
    pub(super) fn beginning(&mut self) {
        let mut first = Row::new(Source::IDLE);
        first.fixed.close = true;
        first.fixed.product = true;
        self.push(first);
        let mut zero = Row::new(Source::IDLE);
        zero.fixed.local = true;
        zero.fixed.lanes[0] = Fr::ONE;
        zero.fixed.close = true;
        self.push(zero);
        if self.model.privacy.weights {
            let mut one = Row::new(Source::Values([
                Value::One,
                Value::Zero,
                Value::Zero,
                Value::Zero,
            ]));
            one.fixed.local = true;
            one.fixed.lanes[0] = Fr::ONE;
            one.fixed.lanes[CELLS + 2] = -Fr::ONE;
            one.fixed.close = true;
            self.push(one);
        }
    }

    /// Rows that sum `terms` and `products` plus `constant` in A; the first forgets what A held,
    /// and none closes. Returns whether there is anything to sum, and so any row.
    pub(super) fn local_sum(
        &mut self,
        terms: &[Term],
        products: &[(Value, Value, Fr)],
        constant: Fr,
    ) -> bool {
        let mut fresh = true;
        let mut constant = Some(constant);
        for chunk in terms.chunks(CELLS) {
            let mut values = [Value::Zero; CELLS];
            let mut row = Row::new(Source::IDLE);
            for (lane, (value, coefficient)) in chunk.iter().enumerate() {
                values[lane] = *value;
                row.fixed.lanes[lane] = *coefficient;
            }
            row.source = Source::Values(values);
            self.push_local(row, &mut fresh, &mut constant);
        }
        for chunk in products.chunks(CELLS / 2) {
            let mut values = [Value::Zero; CELLS];
            let mut row = Row::new(Source::IDLE);
            for (pair, (left, right, coefficient)) in chunk.iter().enumerate() {
                values[2 * pair] = *left;
                values[2 * pair + 1] = *right;
                row.fixed.lanes[CELLS + pair] = *coefficient;
            }
            row.source = Source::Values(values);
            self.push_local(row, &mut fresh, &mut constant);
        }
        if constant.is_some_and(|constant| constant != Fr::ZERO) {
            self.push_local(Row::new(Source::IDLE), &mut fresh, &mut constant);
        }
        !fresh
    }

    fn push_local(&mut self, mut row: Row, fresh: &mut bool, constant: &mut Option<Fr>) {
        row.fixed.local = true;
        row.fixed.a[0] = if *fresh { Fr::ZERO } else { Fr::ONE };
        row.fixed.lanes[CELLS + 2] = constant.take().unwrap_or(Fr::ZERO);
        *fresh = false;
        self.push(row);
    }

    /// Adds one row of digits with coefficients to the sum so far and closes the equation.
    pub(super) fn close_with(
        &mut self,
        values: [Value; CELLS],
        coefficients: [Fr; CELLS],
    ) -> usize {
        let mut row = Row::new(Source::Values(values));
        row.fixed.local = true;
        row.fixed.a[0] = Fr::ONE;
        row.fixed.lanes[..CELLS].copy_from_slice(&coefficients);
        row.fixed.close = true;
        self.push(row)
    }

    /// A row of free cells.
    pub(super) fn free(source: Source) -> Row {
        let mut row = Row::new(source);
        row.fixed.live = Live::Free;
        row
    }

    /// Claims of one position: unit `f` at exponent `f / P` and digit `f % P`, where `unit`
    /// gives its number in the node; the last row closes the position.
    pub(super) fn claims(
        &mut self,
        node: usize,
        pack: Packing,
        unit: impl Fn(usize) -> Option<usize>,
        saturates: &[bool],
    ) {
        let bits = self.model.digit_bits;
        let first_wire = self.first_wire(node);
        let back = power_of_two(pack.bits * (pack.per_exponent as u32 - 1))
            .invert()
            .unwrap_or(Fr::ZERO);
        let mut fresh = true;
        for group in (0..pack.exponents.div_ceil(CELLS)).rev() {
            for digit in (0..pack.per_exponent).rev() {
                let mut units = [u32::MAX; CELLS];
                let mut row = Row::new(Source::IDLE);
                let mut excess = false;
                for (lane, slot) in units.iter_mut().enumerate() {
                    let exponent = group * CELLS + lane;
                    let Some(unit) = (exponent < pack.exponents)
                        .then(|| unit(exponent * pack.per_exponent + digit))
                        .flatten()
                    else {
                        continue;
                    };
                    *slot = unit as u32;
                    excess |= saturates[unit];
                    row.fixed.lanes[lane] = self.bias(node, unit);
                }
                row.source = Source::Claims {
                    node: node as u32,
                    units,
                };
                row.fixed.a = match (fresh, digit + 1 == pack.per_exponent) {
                    (true, _) => [Fr::ZERO; 3],
                    (false, true) => [Fr::ZERO, back, Fr::ZERO],
                    (false, false) => [power_of_two(pack.bits), Fr::ZERO, Fr::ZERO],
                };
                fresh = false;
                row.fixed.act = Fr::ONE;
                row.fixed.digit = power_of_two(bits);
                row.fixed.split = true;
                let last = group == 0 && digit == 0;
                self.push_claims(node, row, excess, last);
                let at = self.rows.len() - 1 - usize::from(excess);
                for (lane, unit) in units.into_iter().enumerate() {
                    if unit != u32::MAX {
                        self.own(first_wire + unit as usize, at, lane);
                    }
                }
            }
        }
    }

    /// One row of claims, with its excess row; closes the position on the last of them.
    pub(super) fn push_claims(&mut self, node: usize, mut row: Row, excess: bool, last: bool) {
        use crate::wide::program::Kind;
        let bits = self.model.digit_bits;
        let Source::Claims { units, .. } = row.source else {
            return;
        };
        row.fixed.close = last && !excess;
        if excess {
            row.fixed.kind = Kind::Saturate;
        }
        self.push(row);
        if excess {
            self.saturating[node] = true;
            let mut row = Row::new(Source::Excess {
                node: node as u32,
                units,
            });
            row.fixed.a[0] = Fr::ONE;
            row.fixed.act = power_of_two(bits);
            row.fixed.digit = power_of_two(2 * bits);
            row.fixed.split = true;
            row.fixed.close = last;
            self.push(row);
        }
    }

    /// Rows that fold packed weights, lowest exponent first, into A; the last row's D handling
    /// and source are given.
    pub(super) fn fold_product(&mut self, weights: &[Fr], hold: Hold, source: Source) {
        let chunks = weights.len().div_ceil(LANES);
        for (index, chunk) in weights.chunks(LANES).enumerate().rev() {
            let last = index == 0;
            let mut row = Row::new(Source::IDLE);
            row.fixed.lanes[..chunk.len()].copy_from_slice(chunk);
            if index + 1 != chunks {
                row.fixed.a[2] = Fr::ONE;
            }
            row.fixed.hold = match (last, hold) {
                (true, hold) => hold,
                // D must survive until the last row; a dense input is only taken there.
                (false, Hold::Fresh) => Hold::Fresh,
                (false, _) => Hold::Keep,
            };
            if last {
                row.fixed.product = true;
                row.source = source.clone();
            }
            self.push(row);
        }
    }

    /// First wire of a node.
    pub(super) fn first_wire(&self, node: usize) -> usize {
        self.firsts[node]
    }

    fn bias(&self, node: usize, unit: usize) -> Fr {
        if self.parameters[node].is_some() {
            // Private: part of the products.
            return Fr::ZERO;
        }
        let linear = self.model.nodes[node].linear();
        signed(linear.map_or(0, |linear| linear.bias(unit)))
    }
}

/// A cell by row and lane.
pub(super) fn cell(row: usize, lane: usize) -> Cell {
    Cell {
        row: row as u32,
        lane: lane as u8,
    }
}
