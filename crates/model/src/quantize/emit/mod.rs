//! Writes the integer model of a network and its scales, one node after the other.
//!
//! The calibration rows run along: every node's biases are corrected for the mean error that
//! rounding its weights causes on them, before the next node sees its digits.

mod conv;
mod correct;
mod decide;
mod linear;
mod products;

use std::collections::HashMap;

use super::net::{Net, NetOp, Var};
use super::scales::{Classes, Plan, Scale, Seen};
use super::trees::Exact;
use super::{QuantizeError, heads};
use crate::integer::{
    FunctionTable, InputSchema, IntegerModel, ModelError, Node, Op, Unit, WireId,
};

/// How a variable reads on wires: `constant + Σ step · digit`.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) constant: f64,
    /// (wire, step), lowest digit first.
    pub(super) terms: Vec<(WireId, f64)>,
}

/// The rows that run along.
pub(super) struct Rows<'a> {
    /// Per row, raw inputs.
    pub(super) raw: Vec<&'a [i64]>,
    /// Per row, the float network's linear values by variable.
    pub(super) linear: Vec<&'a [f32]>,
}

/// What is written, or what keeps it from being.
pub(super) enum Written {
    /// A model that is well-formed and proves its whole box, and per node of it the network's
    /// node that it computes, if it is one.
    Model(IntegerModel, Vec<Option<usize>>),
    /// Classes whose steps must be larger, and how large.
    TooFine(Vec<(usize, f64)>),
}

/// Everything that is fixed before writing begins.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) name: &'a str,
    pub(super) net: &'a Net,
    pub(super) classes: &'a Classes,
    pub(super) plan: &'a Plan,
    pub(super) input: &'a InputSchema,
    pub(super) digit_bits: u32,
    /// What the model answers.
    pub(super) head: &'a heads::Plan,
    /// Calibrated ranges.
    pub(super) seen: &'a Seen,
    /// Whether weights become private: a filter then has one bias.
    pub(super) private: bool,
    /// Whether inputs become private: whatever fits a slot then runs through the model.
    pub(super) private_inputs: bool,
    /// See [`Choice`](super::scales::Choice).
    pub(super) lighter: f64,
}

/// A model being written.
struct Emitter<'a> {
    writer: &'a Writer<'a>,
    model: IntegerModel,
    /// Per variable; empty until it is computed.
    forms: Vec<Form>,
    /// Exact sums, by variable.
    exact: HashMap<Var, Exact>,
    /// Per wire, the digits that inputs can reach: all that a slot holds, where inputs are private.
    reach: Vec<(i64, i64)>,
    /// Per input digit, whether it is 0 all over the box.
    blank: Vec<bool>,
    /// Per row, every wire.
    digits: Vec<Vec<u32>>,
    /// Wires that always hold one digit, by the digit.
    constants: HashMap<u32, WireId>,
    /// Per node of the model, the network's node.
    sources: Vec<Option<usize>>,
    too_fine: Vec<(usize, f64)>,
}

impl Writer<'_> {
    /// Writes the model.
    ///
    /// # Errors
    /// Rows outside the box, trees or decisions that do not work out, or a model that is not
    /// well-formed.
    pub(super) fn write(&self, rows: &Rows<'_>) -> Result<Written, QuantizeError> {
        let mut model = IntegerModel {
            name: self.name.into(),
            digit_bits: self.digit_bits,
            input: self.input.clone(),
            nodes: Vec::new(),
            output: Vec::new(),
            privacy: Default::default(),
        };
        let blank = model.digit_bounds().iter().map(|hi| *hi == 0).collect();
        model.privacy.inputs = self.private_inputs;
        let reach = model.digit_bounds().into_iter();
        let reach = reach.map(|hi| (0, i64::from(hi))).collect();
        model.privacy.inputs = false;
        let mut emitter = Emitter {
            writer: self,
            reach,
            blank,
            digits: rows
                .raw
                .iter()
                .map(|raw| model.digits(raw))
                .collect::<Result<_, _>>()?,
            forms: self.raw_forms(),
            exact: HashMap::new(),
            model,
            constants: HashMap::new(),
            sources: Vec::new(),
            too_fine: Vec::new(),
        };
        emitter
            .forms
            .resize(self.net.vars as usize, Form::default());
        for (index, node) in self.net.nodes.iter().enumerate() {
            match &node.op {
                NetOp::Dense(dense) => emitter.dense(index, dense, rows)?,
                NetOp::Conv(conv) => emitter.conv(index, conv, rows)?,
                NetOp::Sparse(units) => emitter.sparse(index, units, rows)?,
                NetOp::Map { expr, inputs } => emitter.table(index, *expr, inputs)?,
                NetOp::Max(groups) => {
                    let inputs: Vec<WireId> = groups
                        .iter()
                        .flatten()
                        .map(|r| emitter.wire(r.var))
                        .collect();
                    let mut at = 0u32;
                    let groups = groups.iter().map(|group| {
                        let first = at;
                        at += group.len() as u32;
                        (first..at).collect()
                    });
                    let groups = groups.collect();
                    let wires =
                        emitter.push(Some(index), &node.name, inputs, Op::Max { groups })?;
                    emitter.name_outputs(&node.outputs, &wires);
                }
                NetOp::Trees(trees) => emitter.trees(index, trees)?,
                NetOp::Sum(units) => emitter.sums(index, units),
                NetOp::Exact(units) => emitter.exact(index, units)?,
            }
            if !emitter.too_fine.is_empty() {
                return Ok(Written::TooFine(emitter.too_fine));
            }
        }
        let mut fields = self.plan.fields.clone();
        for (field, r) in fields.iter_mut().zip(&self.net.scores) {
            field.wire = emitter.wire(r.var);
        }
        fields.extend(emitter.decide()?);
        let mut model = emitter.model;
        model.output = fields;
        model.validate()?;
        model.check_complete()?;
        Ok(Written::Model(model, emitter.sources))
    }

    /// How features read.
    fn raw_forms(&self) -> Vec<Form> {
        let digits = self.input.digits;
        let features = self.input.features.iter().enumerate();
        features
            .map(|(index, feature)| {
                let unit = 10f64.powi(-i32::from(feature.decimals));
                let first = index as WireId * digits;
                let step = |d: u32| unit * 2f64.powi((self.digit_bits * d) as i32);
                Form {
                    constant: f64::from(feature.lo) * unit,
                    terms: (0..digits).map(|d| (first + d, step(d))).collect(),
                }
            })
            .collect()
    }

    fn scale(&self, var: Var) -> Option<(usize, Scale)> {
        let class = self.classes.of(var)?;
        Some((class, self.plan.scales[class]))
    }
}

impl Emitter<'_> {
    fn malformed(&self, what: String) -> ModelError {
        ModelError::Malformed {
            model: self.model.name.clone(),
            what,
        }
    }

    /// Whether a wire is 0 wherever the answer counts: it needs no weights.
    fn is_blank(&self, wire: WireId) -> bool {
        let wire = wire as usize;
        self.reach[wire].1 == 0 || self.blank.get(wire).copied().unwrap_or(false)
    }

    fn base(&self) -> f64 {
        2f64.powi(self.writer.digit_bits as i32)
    }

    /// The wire of a variable of one digit.
    fn wire(&self, var: Var) -> WireId {
        let form = &self.forms[var as usize];
        form.terms.first().map_or(0, |(wire, _)| *wire)
    }

    fn name_outputs(&mut self, vars: &[Var], wires: &[WireId]) {
        for (var, wire) in vars.iter().zip(wires) {
            if let Some((_, scale)) = self.writer.scale(*var) {
                self.forms[*var as usize] = Form {
                    constant: -scale.zero * scale.step,
                    terms: vec![(*wire, scale.step)],
                };
            }
        }
    }

    /// Appends a node that needs no correction, and runs it on the rows.
    fn push(
        &mut self,
        source: Option<usize>,
        name: &str,
        inputs: Vec<WireId>,
        op: Op,
    ) -> Result<Vec<WireId>, ModelError> {
        let node = Node {
            name: name.into(),
            inputs,
            op,
        };
        self.run(&node)?;
        Ok(self.append(node, source))
    }

    /// Runs a node on the rows and over the box.
    fn run(&mut self, node: &Node) -> Result<(), ModelError> {
        let bounds = self.bounds(node)?;
        self.reach.extend(bounds.outputs);
        let bits = self.writer.digit_bits;
        for wires in &mut self.digits {
            let x: Vec<u32> = node.inputs.iter().map(|w| wires[*w as usize]).collect();
            wires.extend(node.compute(bits, &x).outputs);
        }
        Ok(())
    }

    /// Runs the nodes that others appended to the model from `first` on.
    fn catch_up(&mut self, first: usize, source: Option<usize>) -> Result<(), ModelError> {
        let nodes = self.model.nodes.split_off(first);
        for node in nodes {
            self.run(&node)?;
            self.append(node, source);
        }
        Ok(())
    }

    fn append(&mut self, node: Node, source: Option<usize>) -> Vec<WireId> {
        self.sources.push(source);
        let first = self.reach.len() - node.outputs();
        let wires = (first..self.reach.len()).map(|wire| wire as WireId);
        self.model.nodes.push(node);
        wires.collect()
    }

    fn bounds(&self, node: &Node) -> Result<crate::domain::NodeBounds, ModelError> {
        let inputs = node.inputs.iter();
        let x: Vec<(i64, i64)> = inputs.map(|wire| self.reach[*wire as usize]).collect();
        let bounds = node.bounds(&x, self.writer.digit_bits);
        bounds.map_err(|what| self.malformed(format!("node `{}`: {what}", node.name)))
    }

    /// A wire that always holds `digit`.
    fn constant(&mut self, digit: u32) -> Result<WireId, ModelError> {
        if let Some(wire) = self.constants.get(&digit) {
            return Ok(*wire);
        }
        let bias = i64::from(digit) << self.writer.digit_bits;
        let units = vec![Unit::linear(bias, Vec::new())];
        let name = match digit {
            0 => "zero".into(),
            digit => format!("constant.{digit}"),
        };
        let wires = self.push(None, &name, Vec::new(), Op::Sparse { units })?;
        let wire = wires.first().copied().unwrap_or(0);
        self.constants.insert(digit, wire);
        Ok(wire)
    }

    fn table(&mut self, index: usize, expr: u32, inputs: &[Var]) -> Result<(), ModelError> {
        let node = &self.writer.net.nodes[index];
        let (Some(input), Some(output)) = (inputs.first(), node.outputs.first()) else {
            return Ok(());
        };
        let scales = (self.writer.scale(*input), self.writer.scale(*output));
        let (Some((_, from)), Some((_, to))) = scales else {
            return Err(self.malformed(format!("node `{}`: a table without scale", node.name)));
        };
        let max = self.model.max_digit();
        let exprs = &self.writer.net.exprs;
        let values: Vec<Option<u32>> = (0..=max)
            .map(|z| {
                let value = exprs.value_of_digit(expr, from.real(f64::from(z)), from.step);
                let digit = to.digit(value).round().clamp(0.0, f64::from(max));
                (!value.is_nan()).then_some(digit as u32)
            })
            .collect();
        let table = FunctionTable {
            name: exprs.name(expr),
            values: fill(&values),
        };
        let wires = inputs.iter().map(|var| self.wire(*var)).collect();
        let name = node.name.clone();
        let wires = self.push(Some(index), &name, wires, Op::Table(table))?;
        self.name_outputs(&node.outputs, &wires);
        Ok(())
    }
}

/// Where a function has no value, that of the nearest digit that has one.
fn fill(values: &[Option<u32>]) -> Vec<u32> {
    let near = |z: usize| {
        let distance = (0..values.len()).find_map(|d| {
            let below = z.checked_sub(d).and_then(|at| values[at]);
            below.or_else(|| values.get(z + d).copied().flatten())
        });
        distance.unwrap_or(0)
    };
    (0..values.len()).map(near).collect()
}
