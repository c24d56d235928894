//! What a node's units can reach in the box, before clamps.

use super::{Interval, Round};
use crate::quantize::net::{NetConv, NetDense, NetUnit, Var};

impl Round<'_, '_> {
    pub(super) fn dense(&self, dense: &NetDense) -> Vec<Interval> {
        let inputs = dense.inputs.iter();
        let x: Vec<Interval> = inputs.map(|r| self.values[r.var as usize]).collect();
        let units = dense.weights.iter().zip(&dense.bias);
        units
            .map(|(row, bias)| {
                let mut reach = Interval::point(*bias);
                for (weight, x) in row.iter().zip(&x) {
                    let (a, b) = (weight * x.lo, weight * x.hi);
                    reach.lo += a.min(b);
                    reach.hi += a.max(b);
                }
                reach
            })
            .collect()
    }

    pub(super) fn conv(&self, conv: &NetConv) -> Vec<Interval> {
        let inputs = conv.inputs.iter();
        let x: Vec<Interval> = inputs
            .map(|r| r.map_or(Interval::point(0.0), |r| self.values[r.var as usize]))
            .collect();
        let mut reach: Vec<Interval> = conv.bias.iter().map(|b| Interval::point(*b)).collect();
        conv.shape.spans(|span| {
            let weight = conv.weights[span.weight];
            let outputs = reach[span.output..span.output + span.count].iter_mut();
            let inputs = x[span.input..].iter().step_by(span.stride);
            for (reach, x) in outputs.zip(inputs) {
                let (a, b) = (weight * x.lo, weight * x.hi);
                reach.lo += a.min(b);
                reach.hi += a.max(b);
            }
        });
        reach
    }

    pub(super) fn unit(&self, unit: &NetUnit) -> Interval {
        let x = |var: Var| self.values[var as usize];
        let terms = unit.terms.iter().map(|(r, c)| x(r.var).times(*c));
        let products = unit.products.iter();
        let products = products.map(|(a, b, c)| x(a.var).product(x(b.var)).times(*c));
        terms
            .chain(products)
            .fold(Interval::point(unit.bias), Interval::plus)
    }
}
