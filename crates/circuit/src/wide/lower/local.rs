//! Nodes with few terms per unit, exact sums, functions and maxima.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Unit;

use super::builder::{Builder, Term, cell};
use crate::field::{power_of_two, signed};
use crate::wide::config::CELLS;
use crate::wide::program::{Aux, Row, Source, Value};

impl Builder<'_> {
    /// Requantized units with few terms. Four neighbours with the same coefficients share rows.
    pub(super) fn sparse(&mut self, node: usize, units: &[Unit], saturates: &[bool]) {
        let mut at = 0;
        while at < units.len() {
            let same = units[at..]
                .iter()
                .take(CELLS)
                .take_while(|unit| alike(unit, &units[at]))
                .count();
            let (group, sums) = if same > 1 {
                (same, self.vector_sum(node, &units[at..at + same]))
            } else {
                (1, self.unit_sum(node, &units[at]))
            };
            let lanes = std::array::from_fn(|lane| {
                if lane < group {
                    (at + lane) as u32
                } else {
                    u32::MAX
                }
            });
            let mut row = Row::new(Source::Claims {
                node: node as u32,
                units: lanes,
            });
            row.fixed.a[0] = Fr::from(u64::from(sums));
            row.fixed.act = Fr::ONE;
            row.fixed.digit = power_of_two(self.model.digit_bits);
            row.fixed.split = true;
            for (lane, unit) in units[at..at + group].iter().enumerate() {
                row.fixed.lanes[lane] = signed(unit.bias);
            }
            let excess = saturates[at..at + group].contains(&true);
            let home = self.rows.len();
            self.push_claims(node, row, excess, true);
            let first = self.first_wire(node);
            for lane in 0..group {
                self.own(first + at + lane, home, lane);
            }
            at += group;
        }
    }

    /// One row per term: four units' values under one coefficient. Returns whether there is any.
    fn vector_sum(&mut self, node: usize, units: &[Unit]) -> bool {
        let inputs = &self.model.nodes[node].inputs;
        let mut fresh = true;
        for (index, (_, coefficient)) in units[0].terms.iter().enumerate() {
            if *coefficient == 0 {
                continue;
            }
            let values: [Value; CELLS] = std::array::from_fn(|lane| match units.get(lane) {
                Some(unit) => Value::Wire(inputs[unit.terms[index].0 as usize]),
                None => Value::Nought,
            });
            let mut row = Row::new(Source::Values(values));
            row.fixed.vec = signed(*coefficient);
            row.fixed.a[0] = if fresh { Fr::ZERO } else { Fr::ONE };
            fresh = false;
            let at = self.push(row);
            for (lane, value) in values.iter().enumerate() {
                if *value == Value::Nought {
                    self.noughts.push(cell(at, lane));
                }
            }
        }
        !fresh
    }

    fn unit_sum(&mut self, node: usize, unit: &Unit) -> bool {
        let (terms, products) = self.terms(node, unit);
        // The bias stands on the row of the claim.
        self.local_sum(&terms, &products, Fr::ZERO)
    }

    /// Terms and products that are not 0.
    fn terms(&self, node: usize, unit: &Unit) -> (Vec<Term>, Vec<(Value, Value, Fr)>) {
        let inputs = &self.model.nodes[node].inputs;
        let wire = |at: &u32| Value::Wire(inputs[*at as usize]);
        let terms = unit.terms.iter().filter(|(_, c)| *c != 0);
        let terms = terms.map(|(at, c)| (wire(at), signed(*c)));
        let products = unit.products.iter().filter(|(_, _, c)| *c != 0);
        let products = products.map(|(a, b, c)| (wire(a), wire(b), signed(*c)));
        (terms.collect(), products.collect())
    }

    /// Exact sums as digits.
    pub(super) fn digits(&mut self, node: usize, digits: u32, units: &[Unit]) {
        let bits = self.model.digit_bits;
        let first = self.first_wire(node);
        for (index, unit) in units.iter().enumerate() {
            let (terms, products) = self.terms(node, unit);
            let sums = self.local_sum(&terms, &products, signed(unit.bias));
            let wires: Vec<usize> = (0..digits as usize)
                .map(|d| first + index * digits as usize + d)
                .collect();
            for (chunk_index, chunk) in wires.chunks(CELLS).enumerate() {
                let mut values = [Value::Zero; CELLS];
                let mut coefficients = [Fr::ZERO; CELLS];
                for (lane, wire) in chunk.iter().enumerate() {
                    values[lane] = Value::Wire(*wire as u32);
                    let digit = (chunk_index * CELLS + lane) as u32;
                    coefficients[lane] = -power_of_two(bits * digit);
                }
                let at = self.close_with(values, coefficients);
                self.rows[at].fixed.a[0] = Fr::from(u64::from(sums || chunk_index > 0));
                self.rows[at].fixed.close = (chunk_index + 1) * CELLS >= wires.len();
                for (lane, wire) in chunk.iter().enumerate() {
                    self.own(*wire, at, lane);
                }
            }
        }
    }

    /// One row per look-up: argument and value.
    pub(super) fn functions(&mut self, node: usize) {
        let tag = self.tables.functions[&node];
        let inputs = self.model.nodes[node].inputs.clone();
        let first = self.first_wire(node);
        for (index, input) in inputs.into_iter().enumerate() {
            let out = first + index;
            let values = [
                Value::Wire(input),
                Value::Wire(out as u32),
                Value::Zero,
                Value::Zero,
            ];
            let mut row = Row::new(Source::Values(values));
            row.fixed.tag = tag;
            let at = self.push(row);
            self.own(out, at, 1);
        }
    }

    /// Maxima: four members on the first row, then the maximum so far and three more.
    pub(super) fn maxima(&mut self, node: usize, groups: &[Vec<u32>]) {
        let inputs = self.model.nodes[node].inputs.clone();
        let first = self.first_wire(node);
        for (index, group) in groups.iter().enumerate() {
            let mut members = group.iter().map(|at| Value::Wire(inputs[*at as usize]));
            let mut carried: Option<Value> = None;
            let mut count = 0;
            loop {
                let take = if carried.is_some() { CELLS - 1 } else { CELLS };
                let mut row: Vec<Value> = carried.into_iter().collect();
                row.extend(members.by_ref().take(take));
                count += row.len() - usize::from(carried.is_some());
                let last = row[row.len() - 1];
                // Unused lanes repeat a member.
                row.resize(CELLS, last);
                let values = std::array::from_fn(|lane| row[lane]);
                let mut row = Row::new(Source::Maximum(values));
                row.fixed.max = true;
                self.push(row);
                if count >= group.len() {
                    break;
                }
                carried = Some(self.aux(Aux::Largest {
                    node: node as u32,
                    group: index as u32,
                    count: count as u32,
                }));
            }
            let out = (first + index) as u32;
            let values = [Value::Wire(out), Value::Zero, Value::Zero, Value::Zero];
            let at = self.push(Row::new(Source::Values(values)));
            self.own(out as usize, at, 0);
        }
    }
}

/// Whether two units have the same coefficients in the same order and no products.
fn alike(a: &Unit, b: &Unit) -> bool {
    let coefficients = |unit: &Unit| unit.terms.iter().map(|(_, c)| *c).collect::<Vec<_>>();
    a.products.is_empty()
        && b.products.is_empty()
        && !a.terms.is_empty()
        && coefficients(a) == coefficients(b)
}
