//! Linear nodes seen as units with terms, whatever their operator.

use super::{Node, Op, Unit};

/// A node whose units are `u = bias + Σ coefficient · input` (and products).
#[derive(Clone, Copy, Debug)]
pub struct LinearView<'n> {
    op: &'n Op,
}

impl Node {
    /// The node as linear units; `None` for look-ups, maxima and trees.
    pub fn linear(&self) -> Option<LinearView<'_>> {
        match self.op {
            Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. } | Op::Digits { .. } => {
                Some(LinearView { op: &self.op })
            }
            Op::Table(_) | Op::Max { .. } | Op::Trees(_) => None,
        }
    }

    /// Whether its units are requantized: `clamp(⌊u / 2^t⌋, 0, M)`.
    pub fn requantizes(&self) -> bool {
        matches!(self.op, Op::Dense { .. } | Op::Conv(_) | Op::Sparse { .. })
    }
}

impl LinearView<'_> {
    /// Number of units.
    pub fn units(&self) -> usize {
        match self.op {
            Op::Dense { weights, .. } => weights.len(),
            Op::Conv(conv) => conv.outputs(),
            Op::Sparse { units } | Op::Digits { units, .. } => units.len(),
            Op::Table(_) | Op::Max { .. } | Op::Trees(_) => 0,
        }
    }

    /// The unit's constant.
    pub fn bias(&self, unit: usize) -> i64 {
        match self.op {
            Op::Dense { bias, .. } => bias[unit],
            Op::Conv(conv) => conv.bias[unit % conv.bias.len()],
            Op::Sparse { units } | Op::Digits { units, .. } => units[unit].bias,
            Op::Table(_) | Op::Max { .. } | Op::Trees(_) => 0,
        }
    }

    /// Calls `term` with every non-zero (input position, coefficient).
    pub fn terms(&self, unit: usize, mut term: impl FnMut(usize, i64)) {
        let mut nonzero = |input: usize, coefficient: i64| {
            if coefficient != 0 {
                term(input, coefficient);
            }
        };
        match self.op {
            Op::Dense { weights, .. } => {
                for (input, weight) in weights[unit].iter().enumerate() {
                    nonzero(input, *weight);
                }
            }
            Op::Conv(conv) => {
                for tap in conv.taps(unit) {
                    nonzero(tap.input, conv.weights[tap.weight]);
                }
            }
            Op::Sparse { units } | Op::Digits { units, .. } => {
                for (input, coefficient) in &units[unit].terms {
                    nonzero(*input as usize, *coefficient);
                }
            }
            Op::Table(_) | Op::Max { .. } | Op::Trees(_) => {}
        }
    }

    /// The unit's products of two inputs.
    pub fn products(&self, unit: usize) -> &[(u32, u32, i64)] {
        match self.op {
            Op::Sparse { units } | Op::Digits { units, .. } => &units[unit].products,
            _ => &[],
        }
    }

    /// `u` for the node's inputs `x`.
    pub fn accumulate(&self, unit: usize, x: &[u32]) -> i64 {
        let mut sum = self.bias(unit);
        if let Op::Dense { weights, .. } = self.op {
            let products = weights[unit].iter().zip(x);
            return sum + products.map(|(w, x)| w * i64::from(*x)).sum::<i64>();
        }
        self.terms(unit, |input, coefficient| {
            sum += coefficient * i64::from(x[input]);
        });
        for (left, right, coefficient) in self.products(unit) {
            sum += coefficient * i64::from(x[*left as usize]) * i64::from(x[*right as usize]);
        }
        sum
    }

    /// Every unit's `u` for the node's inputs `x`.
    pub fn accumulators(&self, x: &[u32]) -> Vec<i64> {
        match self.op {
            Op::Dense { weights, bias } => {
                let x: Vec<i64> = x.iter().map(|x| i64::from(*x)).collect();
                let units = weights.iter().zip(bias);
                units
                    .map(|(row, bias)| {
                        let products = row.iter().zip(&x).map(|(w, x)| w * x);
                        bias + products.sum::<i64>()
                    })
                    .collect()
            }
            Op::Conv(conv) => {
                let x: Vec<i64> = x.iter().map(|x| i64::from(*x)).collect();
                let mut sums = conv.bias.repeat(conv.items as usize);
                conv.spans(|span| {
                    let weight = conv.weights[span.weight];
                    let outputs = sums[span.output..span.output + span.count].iter_mut();
                    let inputs = x[span.input..].iter().step_by(span.stride);
                    outputs.zip(inputs).for_each(|(u, x)| *u += weight * x);
                });
                sums
            }
            _ => (0..self.units()).map(|u| self.accumulate(u, x)).collect(),
        }
    }

    /// Every unit's interval for inputs inside the intervals `x`, all non-negative.
    pub fn intervals(&self, x: &[(i64, i64)]) -> Vec<(i128, i128)> {
        let Op::Conv(conv) = self.op else {
            return (0..self.units()).map(|u| self.bounds(u, x)).collect();
        };
        let biases = conv.bias.iter().map(|bias| i128::from(*bias));
        let sums: Vec<(i128, i128)> = biases.map(|bias| (bias, bias)).collect();
        let mut sums = sums.repeat(conv.items as usize);
        conv.spans(|span| {
            let weight = i128::from(conv.weights[span.weight]);
            let outputs = sums[span.output..span.output + span.count].iter_mut();
            let inputs = x[span.input..].iter().step_by(span.stride);
            for (sum, (low, high)) in outputs.zip(inputs) {
                let ends = [*low, *high].map(|end| weight * i128::from(end));
                sum.0 += ends[0].min(ends[1]);
                sum.1 += ends[0].max(ends[1]);
            }
        });
        sums
    }

    /// Per unit, a bound of every partial sum for inputs in `[0, max]`.
    pub fn magnitudes(&self, max: u32) -> Vec<i128> {
        let max = i128::from(max);
        let magnitude = |c: i64| i128::from(c).abs();
        if let Op::Conv(conv) = self.op {
            let sums: Vec<i128> = conv.bias.iter().map(|bias| magnitude(*bias)).collect();
            let mut sums = sums.repeat(conv.items as usize);
            conv.spans(|span| {
                let most = magnitude(conv.weights[span.weight]) * max;
                let outputs = &mut sums[span.output..span.output + span.count];
                outputs.iter_mut().for_each(|sum| *sum += most);
            });
            return sums;
        }
        let sum = |unit: usize| {
            let mut sum = magnitude(self.bias(unit));
            self.terms(unit, |_, coefficient| sum += magnitude(coefficient) * max);
            let products = self.products(unit).iter();
            sum + products
                .map(|(_, _, c)| magnitude(*c) * max * max)
                .sum::<i128>()
        };
        (0..self.units()).map(sum).collect()
    }

    /// Interval of `u` for inputs inside the intervals `x`, all non-negative.
    pub fn bounds(&self, unit: usize, x: &[(i64, i64)]) -> (i128, i128) {
        let bias = i128::from(self.bias(unit));
        let mut interval = (bias, bias);
        let mut add = |coefficient: i64, low: i128, high: i128| {
            let ends = [low, high].map(|end| i128::from(coefficient) * end);
            interval.0 += ends[0].min(ends[1]);
            interval.1 += ends[0].max(ends[1]);
        };
        let wide = |(low, high): (i64, i64)| (i128::from(low), i128::from(high));
        self.terms(unit, |input, coefficient| {
            let (low, high) = wide(x[input]);
            add(coefficient, low, high);
        });
        for (left, right, coefficient) in self.products(unit) {
            let (a, b) = (wide(x[*left as usize]), wide(x[*right as usize]));
            add(*coefficient, a.0 * b.0, a.1 * b.1);
        }
        interval
    }
}

impl Unit {
    /// A unit without products.
    pub fn linear(bias: i64, terms: Vec<(u32, i64)>) -> Self {
        Self {
            bias,
            terms,
            products: Vec::new(),
        }
    }
}
