//! Trees, and the decision that the model answers.

use super::{Emitter, Form};
use crate::integer::OutputField;
use crate::quantize::QuantizeError;
use crate::quantize::heads::Reading;
use crate::quantize::net::{NetTrees, NetUnit, Ref, View};
use crate::quantize::trees::{self, Exact, LinearForm, Pre, Source};

impl Emitter<'_> {
    /// Appends an ensemble; its targets are exact sums of digits.
    pub(super) fn trees(&mut self, index: usize, trees: &NetTrees) -> Result<(), QuantizeError> {
        let node = &self.writer.net.nodes[index];
        let sources = trees.sources.iter().map(|source| {
            let steps: Vec<Pre> = source.steps.iter().map(|step| Pre::from(*step)).collect();
            let var = source.of.var;
            if (var as usize) < self.writer.net.features {
                return Source::feature(self.writer.input, var as usize, steps);
            }
            let form = &self.forms[var as usize];
            let (wire, scale) = form.terms.first().copied()?;
            let bits = self.writer.digit_bits;
            let name = format!("{} input", node.name);
            Some(Source::wire(name, wire, bits, form.constant, scale, steps))
        });
        let sources: Option<Vec<Source>> = sources.collect();
        let Some(sources) = sources else {
            let what = format!("node `{}`: trees read what is no digit", node.name);
            return Err(self.malformed(what).into());
        };
        let first = self.model.nodes.len();
        let sums = trees::push(&mut self.model, &node.name, &trees.trees, &sources)?;
        self.catch_up(first, Some(index))?;
        for (var, sum) in node.outputs.iter().zip(sums) {
            let form = sum.linear();
            self.forms[*var as usize] = Form {
                constant: form.constant,
                terms: form.terms,
            };
            self.exact.insert(*var, sum);
        }
        Ok(())
    }

    /// Units that are not requantized: forms over what they read.
    pub(super) fn sums(&mut self, index: usize, units: &[NetUnit]) {
        let node = &self.writer.net.nodes[index];
        for (unit, var) in units.iter().zip(&node.outputs) {
            let mut form = Form {
                constant: unit.bias,
                terms: Vec::new(),
            };
            for (r, c) in &unit.terms {
                let own = &self.forms[r.var as usize];
                form.constant += c * own.constant;
                for (wire, step) in &own.terms {
                    match form.terms.iter_mut().find(|(other, _)| other == wire) {
                        Some((_, sum)) => *sum += c * step,
                        None => form.terms.push((*wire, c * step)),
                    }
                }
            }
            self.forms[*var as usize] = form;
        }
    }

    /// Appends the head's decision and returns its field.
    pub(super) fn decide(&mut self) -> Result<Vec<OutputField>, QuantizeError> {
        let first = self.model.nodes.len();
        let readings: Vec<(u32, Reading)> = (self.writer.net.decisions.iter())
            .filter_map(|(wire, view)| Some((*wire, self.reading(view)?)))
            .collect();
        let head = self.writer.head;
        let fields = head.emit(&mut self.model, |wire| {
            let found = readings.iter().find(|(other, _)| *other == wire);
            found.map(|(_, reading)| reading.clone())
        })?;
        self.catch_up(first, None)?;
        Ok(fields)
    }

    fn reading(&self, view: &View) -> Option<Reading> {
        let (of, scale, offset) = match *view {
            View::Constant(value) => {
                return Some(Reading::Exact(Exact {
                    unit: 1.0,
                    offset: value,
                    ..Exact::default()
                }));
            }
            View::Of { of, scale, offset } => (of, scale, offset),
        };
        let Ref { var, .. } = of;
        let whole = scale == 1.0 && offset == 0.0;
        if (var as usize) < self.writer.net.features {
            let bits = self.writer.digit_bits;
            let exact = Exact::feature(self.writer.input, bits, var as usize)?;
            return Some(Reading::Exact(match whole {
                true => exact,
                false => exact.scaled(scale, offset),
            }));
        }
        if let Some(exact) = self.exact.get(&var) {
            return Some(Reading::Exact(match whole {
                true => exact.clone(),
                false => exact.scaled(scale, offset),
            }));
        }
        let form = &self.forms[var as usize];
        if self.writer.classes.of(var).is_none() {
            let terms = form.terms.iter();
            return Some(Reading::Linear(LinearForm {
                constant: offset + scale * form.constant,
                terms: terms.map(|(wire, step)| (*wire, scale * step)).collect(),
            }));
        }
        let (wire, step) = form.terms.first().copied()?;
        Some(Reading::Digit {
            wire,
            offset: offset + scale * form.constant,
            scale: scale * step,
        })
    }
}
