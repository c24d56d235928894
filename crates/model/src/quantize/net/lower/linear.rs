//! Nodes that add up: dense, convolutional and sparse units.

use std::collections::HashMap;

use super::super::expr::{Expr, ExprId, VAR};
use super::super::{Clamp, FREE, NetConv, NetDense, NetOp, NetUnit, Ref, conv_of};
use super::{Lowering, MAX_TABLES, Sum, Value, most_common};
use crate::graph::{FloatConv, FloatUnit};

impl Lowering {
    pub(super) fn dense(&mut self, name: &str, x: &[Value], weights: &[Vec<f64>], bias: &[f64]) {
        let mut inputs: Vec<Ref> = Vec::new();
        let mut position: HashMap<Ref, usize> = HashMap::new();
        let columns: Vec<Option<usize>> = x
            .iter()
            .map(|value| {
                (!value.is_constant()).then(|| {
                    *position.entry(value.of).or_insert_with(|| {
                        inputs.push(value.of);
                        inputs.len() - 1
                    })
                })
            })
            .collect();
        if inputs.len() <= 1 {
            let unit = |(row, bias): (&Vec<f64>, &f64)| FloatUnit {
                bias: *bias,
                terms: row
                    .iter()
                    .enumerate()
                    .map(|(j, w)| (j as u32, *w))
                    .collect(),
                products: Vec::new(),
            };
            let units: Vec<FloatUnit> = weights.iter().zip(bias).map(unit).collect();
            return self.sparse(name, x, &units);
        }
        let mut dense = NetDense {
            bias: bias.to_vec(),
            clamps: vec![FREE; bias.len()],
            weights: Vec::with_capacity(bias.len()),
            inputs: Vec::new(),
        };
        for (row, bias) in weights.iter().zip(&mut dense.bias) {
            let mut own = vec![0.0; inputs.len()];
            for ((weight, value), column) in row.iter().zip(x).zip(&columns) {
                *bias += weight * value.offset;
                if let Some(column) = column {
                    own[*column] += weight * value.scale;
                }
            }
            dense.weights.push(own);
        }
        dense.inputs = inputs;
        let count = dense.bias.len();
        let outputs = self.push(name, NetOp::Dense(dense), count);
        let outputs = outputs.into_iter().map(|var| Value::whole(Ref::bare(var)));
        self.values.extend(outputs);
    }

    pub(super) fn conv(&mut self, name: &str, x: &[Value], conv: &FloatConv) {
        let (shape, mut weights) = conv_of(conv);
        let area = (shape.height * shape.width) as usize;
        let mut inputs = Vec::with_capacity(x.len());
        let mut scales = Vec::with_capacity(shape.channels as usize);
        for channel in x.chunks(area.max(1)) {
            let scale = most_common(channel.iter().filter(|v| !v.is_constant()).map(|v| v.scale));
            let scale = scale.unwrap_or(1.0);
            for value in channel {
                inputs.push(match value.is_constant() {
                    true => None,
                    false if value.scale == scale => Some(value.of),
                    // Its own scale: a variable that already holds it in the channel's.
                    false => Some(self.copy(Value {
                        of: value.of,
                        scale: value.scale / scale,
                        offset: 0.0,
                    })),
                });
            }
            scales.push(scale);
        }
        let plane = shape.outputs() / shape.filters.max(1) as usize;
        let mut bias: Vec<f64> = (0..shape.outputs()).map(|o| conv.bias[o / plane]).collect();
        let offsets: Vec<f64> = x.iter().map(|value| value.offset).collect();
        if offsets.iter().any(|offset| *offset != 0.0) {
            shape.spans(|span| {
                let weight = weights[span.weight];
                for step in 0..span.count {
                    bias[span.output + step] += weight * offsets[span.input + step * span.stride];
                }
            });
        }
        let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
        let own = (shape.channels / shape.groups) as usize;
        let per_group = (shape.filters / shape.groups) as usize;
        for (index, weight) in weights.iter_mut().enumerate() {
            let (filter, channel) = (index / (own * taps), index / taps % own);
            *weight *= scales[filter / per_group * own + channel];
        }
        let count = shape.outputs();
        let mut conv = NetConv {
            shape,
            inputs,
            weights,
            bias,
            clamps: vec![FREE; count],
        };
        conv.trim();
        let outputs = self.push(name, NetOp::Conv(conv), count);
        let outputs = outputs.into_iter().map(|var| Value::whole(Ref::bare(var)));
        self.values.extend(outputs);
    }

    pub(super) fn sparse(&mut self, name: &str, x: &[Value], units: &[FloatUnit]) {
        let mut sums = Vec::with_capacity(units.len());
        for unit in units {
            let mut sum = Sum {
                bias: unit.bias,
                ..Sum::default()
            };
            let single = unit.terms.len() + unit.products.len() == 1;
            for (at, c) in &unit.terms {
                let value = x[*at as usize];
                sum.add(if single { value } else { self.known(value) }, *c);
            }
            for (a, b, c) in &unit.products {
                let [mut a, mut b] = [a, b].map(|at| self.known(x[*at as usize]));
                // A square of an affine function: one variable, so one table.
                if a == b && !a.is_constant() && !a.is_whole() {
                    a = Value::whole(self.copy(a));
                    b = a;
                }
                sum.add_product(a, b, *c);
            }
            sums.push(sum.finish());
        }
        let mut tables: Vec<ExprId> = Vec::new();
        let mut real = Vec::new();
        let first = self.values.len();
        for (index, (bias, terms, products)) in sums.into_iter().enumerate() {
            match self.univariate(bias, &terms, &products, &mut tables) {
                Some(value) => self.values.push(value),
                None => {
                    self.values.push(Value::constant(0.0));
                    let unit = NetUnit {
                        clamp: self.known_clamp(bias, &terms, &products),
                        bias,
                        terms,
                        products,
                    };
                    real.push((index, unit));
                }
            }
        }
        if real.is_empty() {
            return self.flush(name);
        }
        let (at, units): (Vec<usize>, Vec<NetUnit>) = real.into_iter().unzip();
        let count = units.len();
        let outputs = self.push(name, NetOp::Sparse(units), count);
        for (index, var) in at.into_iter().zip(outputs) {
            self.values[first + index] = Value::whole(Ref::bare(var));
        }
    }

    /// Bounds that a sum keeps by itself: a member less its maximum is never positive.
    pub(super) fn known_clamp(
        &self,
        bias: f64,
        terms: &[(Ref, f64)],
        products: &[(Ref, Ref, f64)],
    ) -> Clamp {
        let ([(a, c), (b, d)], []) = (terms, products) else {
            return FREE;
        };
        let bound = |(member, c): (&Ref, f64), (maximum, d): (&Ref, f64)| {
            let known = self.maxima.get(&maximum.var);
            let known = known.filter(|_| maximum.expr == VAR)?;
            let own = known.members.iter().find(|value| value.of == *member)?;
            // c r + d M = a (x − max) + constant, for x = scale r + offset.
            let factor = c / own.scale;
            let cancels = (factor + d / known.scale).abs() <= 1e-9 * factor.abs();
            let shift = factor * (known.offset - own.offset);
            let mut at_maximum = bias + shift;
            if at_maximum.abs() <= 1e-9 * bias.abs().max(shift.abs()) {
                at_maximum = 0.0;
            }
            cancels.then_some(match factor > 0.0 {
                true => (f64::NEG_INFINITY, at_maximum),
                false => (at_maximum, f64::INFINITY),
            })
        };
        let either = bound((a, *c), (b, *d)).or_else(|| bound((b, *d), (a, *c)));
        either.unwrap_or(FREE)
    }

    /// The sum as a function of the one variable that it depends on.
    pub(super) fn univariate(
        &mut self,
        bias: f64,
        terms: &[(Ref, f64)],
        products: &[(Ref, Ref, f64)],
        tables: &mut Vec<ExprId>,
    ) -> Option<Value> {
        let refs = || {
            let products = products.iter().flat_map(|(a, b, _)| [*a, *b]);
            terms.iter().map(|(r, _)| *r).chain(products)
        };
        let Some(first) = refs().next() else {
            return Some(Value::constant(bias));
        };
        if let ([(of, scale)], []) = (terms, products) {
            return Some(Value {
                of: *of,
                scale: *scale,
                offset: bias,
            });
        }
        if refs().any(|r| r.var != first.var) {
            return None;
        }
        // A feature as it is has all its digits; a table would read one.
        let feature = (first.var as usize) < self.net.features;
        if feature && terms.iter().any(|(r, _)| r.expr == VAR) {
            return None;
        }
        let expr = self.net.exprs.add(Expr::Sum {
            bias: 0.0,
            terms: terms.iter().map(|(r, c)| (r.expr, *c)).collect(),
            products: products
                .iter()
                .map(|(a, b, c)| (a.expr, b.expr, *c))
                .collect(),
        })?;
        if !tables.contains(&expr) {
            if tables.len() == MAX_TABLES {
                return None;
            }
            tables.push(expr);
        }
        Some(Value {
            of: Ref {
                var: first.var,
                expr,
            },
            scale: 1.0,
            offset: bias,
        })
    }
}
