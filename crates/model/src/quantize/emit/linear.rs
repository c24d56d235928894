//! Linear nodes: real weights and scales become integers.

use super::{Emitter, Form, Rows};
use crate::integer::{ModelError, Node, Op, Unit, WireId};
use crate::quantize::net::{NetDense, NetUnit, Var};
use crate::quantize::scales::Scale;

impl Emitter<'_> {
    /// Scale of an output that is requantized.
    pub(super) fn unit_scale(&self, var: Var) -> Scale {
        let one = Scale {
            step: 1.0,
            zero: 0.0,
        };
        self.writer.scale(var).map_or(one, |(_, scale)| scale)
    }

    /// `2^t (value / step + zero)`, rounding included.
    pub(super) fn bias(&self, value: f64, scale: Scale) -> i64 {
        (self.base() * scale.digit(value) + self.base() / 2.0).round() as i64
    }

    /// An integer weight; a digit that is always 0 needs none, and a large one would cost the
    /// circuit's packing.
    fn weight(&self, real: f64, wire: WireId, scale: Scale) -> i64 {
        match self.is_blank(wire) {
            true => 0,
            false => (self.base() * real / scale.step).round() as i64,
        }
    }

    pub(super) fn dense(
        &mut self,
        index: usize,
        dense: &NetDense,
        rows: &Rows<'_>,
    ) -> Result<(), ModelError> {
        let node = &self.writer.net.nodes[index];
        let forms: Vec<&Form> = (dense.inputs.iter())
            .map(|r| &self.forms[r.var as usize])
            .collect();
        let terms = forms.iter().flat_map(|form| form.terms.iter());
        // A private weight is committed to whatever it is, so those that must be 0 are left out.
        let read = |wire: WireId| !(self.writer.private && self.is_blank(wire));
        let inputs: Vec<WireId> = terms.map(|(wire, _)| *wire).filter(|w| read(*w)).collect();
        let mut weights = Vec::with_capacity(dense.weights.len());
        let mut bias = Vec::with_capacity(dense.weights.len());
        for ((row, real), var) in dense.weights.iter().zip(&dense.bias).zip(&node.outputs) {
            let scale = self.unit_scale(*var);
            let constants = row.iter().zip(&forms).map(|(w, form)| w * form.constant);
            bias.push(self.bias(real + constants.sum::<f64>(), scale));
            let mut own = Vec::with_capacity(inputs.len());
            for (w, form) in row.iter().zip(&forms) {
                let terms = form.terms.iter().filter(|(wire, _)| read(*wire));
                own.extend(terms.map(|(wire, step)| self.weight(w * step, *wire, scale)));
            }
            weights.push(own);
        }
        let op = Op::Dense { weights, bias };
        self.requantized(index, inputs, op, &node.outputs, rows)
    }

    pub(super) fn sparse(
        &mut self,
        index: usize,
        units: &[NetUnit],
        rows: &Rows<'_>,
    ) -> Result<(), ModelError> {
        let node = &self.writer.net.nodes[index];
        let exact: Vec<bool> = units
            .iter()
            .zip(&node.outputs)
            .map(|(unit, var)| self.needs_digits(unit, self.unit_scale(*var)))
            .collect();
        let pick = |wanted: bool| -> Vec<(&NetUnit, Var)> {
            let all = units.iter().zip(&node.outputs).zip(&exact);
            let own = all.filter(|(_, exact)| **exact == wanted);
            own.map(|((unit, var), _)| (unit, *var)).collect()
        };
        let (plain, fine) = (pick(false), pick(true));
        if !plain.is_empty() {
            let mut inputs = Inputs::default();
            let quantized: Vec<Unit> = plain
                .iter()
                .map(|(unit, var)| self.unit(unit, self.unit_scale(*var), &mut inputs))
                .collect();
            let vars: Vec<Var> = plain.iter().map(|(_, var)| *var).collect();
            let op = Op::Sparse { units: quantized };
            self.requantized(index, inputs.wires, op, &vars, rows)?;
        }
        if !fine.is_empty() {
            self.through_digits(index, &fine, rows)?;
        }
        Ok(())
    }

    /// A unit at the output's scale.
    pub(super) fn unit(&self, unit: &NetUnit, scale: Scale, inputs: &mut Inputs) -> Unit {
        let mut real = RealUnit::new(unit, &self.forms);
        let bias = self.bias(real.constant, scale);
        let factor = self.base() / scale.step;
        real.round(factor, bias, inputs, |wire| self.is_blank(wire))
    }

    /// Appends a requantized node: biases corrected on the rows, bounds checked.
    pub(super) fn requantized(
        &mut self,
        index: usize,
        inputs: Vec<WireId>,
        op: Op,
        vars: &[Var],
        rows: &Rows<'_>,
    ) -> Result<(), ModelError> {
        let mut node = Node {
            name: self.writer.net.nodes[index].name.clone(),
            inputs,
            op,
        };
        self.correct(&mut node, vars, rows);
        let bounds = self.bounds(&node)?;
        let limit = self.model.accumulator_limit();
        for (var, (lo, hi)) in vars.iter().zip(&bounds.accumulators) {
            let most = lo.unsigned_abs().max(hi.unsigned_abs());
            if most > limit as u64
                && let Some((class, scale)) = self.writer.scale(*var)
            {
                let factor = most as f64 / limit as f64 * 1.01;
                self.too_fine.push((class, scale.step * factor));
            }
        }
        if self.writer.private {
            self.lighten(&node, vars);
        }
        self.reach.extend(bounds.outputs);
        let wires = self.append(node, Some(index));
        self.name_outputs(vars, &wires);
        Ok(())
    }

    /// Asks for coarser units where a private node's weights then take a digit less.
    fn lighten(&mut self, node: &Node, vars: &[Var]) {
        let most = |weights: &[i64]| weights.iter().map(|w| w.unsigned_abs()).max();
        let largest: Vec<u64> = match &node.op {
            Op::Dense { weights, .. } => weights.iter().filter_map(|w| most(w)).collect(),
            Op::Conv(conv) => {
                let filters = conv
                    .weights
                    .chunks(conv.weights.len() / conv.filters as usize);
                let plane = conv.outputs() / conv.filters as usize;
                let each = |w| std::iter::repeat_n(most(w).unwrap_or(0), plane);
                filters.flat_map(each).collect()
            }
            _ => return,
        };
        let bits = u64::BITS - largest.iter().max().unwrap_or(&0).leading_zeros() + 1;
        let fewer = bits.div_ceil(self.writer.digit_bits) - 1;
        if fewer == 0 {
            return;
        }
        let limit = (1u64 << (fewer * self.writer.digit_bits - 1)) - 1;
        let factor = |largest: &u64| *largest as f64 / limit as f64;
        if largest
            .iter()
            .any(|largest| factor(largest) > self.writer.lighter)
        {
            return;
        }
        for (var, largest) in vars.iter().zip(&largest) {
            if *largest > limit
                && let Some((class, scale)) = self.writer.scale(*var)
            {
                let step = scale.step * factor(largest) * 1.01;
                self.too_fine.push((class, step));
            }
        }
    }
}

/// The wires that a sparse node reads, each once.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) wires: Vec<WireId>,
    position: std::collections::HashMap<WireId, u32>,
}

impl Inputs {
    pub(super) fn position(&mut self, wire: WireId) -> u32 {
        *self.position.entry(wire).or_insert_with(|| {
            self.wires.push(wire);
            self.wires.len() as u32 - 1
        })
    }
}

/// A unit over digits, with real coefficients.
pub(super) struct RealUnit {
    pub(super) constant: f64,
    pub(super) terms: Vec<(WireId, f64)>,
    /// Coefficient and two integers behind their zero points: `c (n − zero) (n' − zero')`.
    pub(super) products: Vec<Centred>,
}

/// A product of two integers behind their zero points.
pub(super) struct Centred {
    pub(super) sides: [Side; 2],
    pub(super) coefficient: f64,
}

/// An integer `Σ multiplier · digit`, and what it is less.
pub(super) struct Side {
    /// (wire, multiplier).
    digits: Vec<(WireId, i64)>,
    zero: i64,
}

impl Side {
    /// The integer of a form, and what one of it counts for: a digit, or a raw feature.
    fn new(form: &Form) -> (Self, f64) {
        let step = form.terms.first().map_or(1.0, |(_, step)| *step);
        let digits = form.terms.iter();
        let side = Self {
            digits: digits
                .map(|(wire, own)| (*wire, (own / step).round() as i64))
                .collect(),
            zero: (-form.constant / step).round() as i64,
        };
        (side, step)
    }

    /// Largest absolute value with digits up to `max`.
    fn largest(&self, max: f64) -> f64 {
        let digits = self.digits.iter().map(|(_, m)| m.unsigned_abs() as f64);
        digits.sum::<f64>() * max + self.zero.unsigned_abs() as f64
    }
}

impl Centred {
    /// Largest absolute value with digits up to `max`.
    pub(super) fn largest(&self, max: f64) -> f64 {
        let [left, right] = [0, 1].map(|side: usize| self.sides[side].largest(max));
        self.coefficient.abs() * left * right
    }
}

impl RealUnit {
    pub(super) fn new(unit: &NetUnit, forms: &[Form]) -> Self {
        let mut real = Self {
            constant: unit.bias,
            terms: Vec::new(),
            products: Vec::new(),
        };
        for (r, c) in &unit.terms {
            let form = &forms[r.var as usize];
            real.constant += c * form.constant;
            let terms = form.terms.iter().map(|(wire, step)| (*wire, c * step));
            real.terms.extend(terms);
        }
        for (a, b, c) in &unit.products {
            let [(left, p), (right, q)] = [a, b].map(|r| Side::new(&forms[r.var as usize]));
            real.products.push(Centred {
                sides: [left, right],
                coefficient: c * p * q,
            });
        }
        real
    }

    /// The integers at `factor`; `bias` is what the constant has become. What exceeds 64 bits is
    /// cut there, far beyond what any accumulator may hold, and refused with it.
    pub(super) fn round(
        &mut self,
        factor: f64,
        bias: i64,
        inputs: &mut Inputs,
        unused: impl Fn(WireId) -> bool,
    ) -> Unit {
        let mut unit = Unit {
            bias,
            ..Unit::default()
        };
        let mut terms: Vec<(u32, i64)> = Vec::with_capacity(self.terms.len());
        let mut add = |at: u32, coefficient: i64| match terms.iter_mut().find(|(a, _)| *a == at) {
            Some((_, sum)) => *sum = sum.saturating_add(coefficient),
            None => terms.push((at, coefficient)),
        };
        for (wire, real) in &self.terms {
            let whole = (real * factor).round() as i64;
            if whole != 0 && !unused(*wire) {
                add(inputs.position(*wire), whole);
            }
        }
        for product in &self.products {
            let whole = (product.coefficient * factor).round() as i64;
            if whole == 0 {
                continue;
            }
            let [left, right] = &product.sides;
            for (a, x) in &left.digits {
                for (b, y) in &right.digits {
                    let at = [*a, *b].map(|wire| inputs.position(wire));
                    unit.products.push((at[0], at[1], times(whole, *x, *y)));
                }
                add(
                    inputs.position(*a),
                    times(whole.saturating_neg(), *x, right.zero),
                );
            }
            for (b, y) in &right.digits {
                add(
                    inputs.position(*b),
                    times(whole.saturating_neg(), *y, left.zero),
                );
            }
            let constant = times(whole, left.zero, right.zero);
            unit.bias = unit.bias.saturating_add(constant);
        }
        terms.retain(|(_, c)| *c != 0);
        unit.terms = terms;
        unit
    }
}

fn times(a: i64, b: i64, c: i64) -> i64 {
    a.saturating_mul(b).saturating_mul(c)
}
