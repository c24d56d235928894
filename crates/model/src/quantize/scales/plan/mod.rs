//! One scale per class, coarse enough that every input of the box has a proof.

mod least;
mod reach;

use super::fields::{self, Wanted};
use super::range;
use super::{Choice, Classes, Interval, Scale, Seen};
use crate::integer::OutputField;
use crate::quantize::net::{Clamp, FREE, Net, NetOp, Var};

/// Largest weight behind the first layer; digits of inputs may have larger ones.
const MAX_HIDDEN_WEIGHT: f64 = 65_535.0;
/// Rounds of scales and reaches, each following from the other.
const ROUNDS: usize = 4;
/// Factors below this are made whole where a class has only one of them: a rounded small factor
/// would change every value by percents.
const SMALL_FACTOR: f64 = 256.0;

/// What planning needs to know.
#[derive(Clone, Copy, Debug)]
pub(in crate::quantize) struct Planner<'a> {
    pub(in crate::quantize) net: &'a Net,
    pub(in crate::quantize) classes: &'a Classes,
    pub(in crate::quantize) seen: &'a Seen,
    /// Box of every feature, in real units.
    pub(in crate::quantize) boxes: &'a [Interval],
    /// Per variable of several digits or of raw ones, each digit's largest value and what one
    /// of it counts for, lowest first; empty for requantized digits.
    pub(in crate::quantize) digits: &'a [Vec<(f64, f64)>],
    /// Range of every exact sum, by variable.
    pub(in crate::quantize) sums: &'a [Interval],
    pub(in crate::quantize) names: &'a [String],
    pub(in crate::quantize) digit_bits: u32,
}

/// The scales of a network.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct Plan {
    /// Per class.
    pub(in crate::quantize) scales: Vec<Scale>,
    /// Per output; wires are not filled in.
    pub(in crate::quantize) fields: Vec<OutputField>,
    /// Per class, whether a clamp from above lies inside the digits' range, where it would have
    /// no effect.
    pub(in crate::quantize) uncut: Vec<bool>,
}

/// State of one round.
struct Round<'a, 'p> {
    planner: &'p Planner<'a>,
    choice: Choice,
    /// Per class, hull of what its units can reach before clamps; of the round before.
    reach: Vec<Interval>,
    /// The same, being collected.
    next: Vec<Interval>,
    /// Per class, finest step that keeps its units provable and weights small.
    least: Vec<f64>,
    scales: Vec<Option<Scale>>,
    /// Per variable, the values that the box can reach.
    values: Vec<Interval>,
    /// Per class, factors of its units: what weights are before they are rounded.
    factors: Vec<Factors>,
}

/// The real factors by which a class's units multiply digits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Factors {
    None,
    /// All of this magnitude.
    Equal(f64),
    Different,
}

impl Factors {
    fn add(&mut self, factor: f64) {
        let factor = factor.abs();
        *self = match *self {
            _ if factor == 0.0 => *self,
            Self::None => Self::Equal(factor),
            Self::Equal(other) if (other - factor).abs() <= 1e-9 * other => *self,
            _ => Self::Different,
        };
    }
}

impl Planner<'_> {
    fn max(&self) -> f64 {
        self.base() - 1.0
    }

    fn base(&self) -> f64 {
        2f64.powi(self.digit_bits as i32)
    }

    /// The scales that `choice` gives, no finer than `floor` per class.
    ///
    /// # Errors
    /// Outputs too large for an output field's step.
    pub(in crate::quantize) fn plan(&self, choice: Choice, floor: &[f64]) -> Result<Plan, String> {
        let count = self.classes.all.len();
        let mut round = Round {
            planner: self,
            choice,
            reach: vec![Interval::EMPTY; count],
            next: vec![Interval::EMPTY; count],
            least: floor.to_vec(),
            scales: vec![None; count],
            values: vec![Interval::point(0.0); self.net.vars as usize],
            factors: vec![Factors::None; count],
        };
        let mut before: Vec<Option<Scale>> = Vec::new();
        for _ in 0..ROUNDS {
            round.run()?;
            if round.scales == before {
                break;
            }
            before.clone_from(&round.scales);
        }
        let fields = round.fields()?;
        let one = Scale {
            step: 1.0 / self.max(),
            zero: 0.0,
        };
        let scales: Vec<Scale> = before.into_iter().map(|s| s.unwrap_or(one)).collect();
        let uncut = (0..count).map(|class| {
            let (_, top) = self.clamp(class);
            let scale = scales[class];
            top < scale.real(self.max()) - 0.51 * scale.step && round.reach[class].hi > top
        });
        Ok(Plan {
            uncut: uncut.collect(),
            scales,
            fields,
        })
    }

    /// The clamp of a class's units: one for all, which alignment sees to.
    fn clamp(&self, class: usize) -> Clamp {
        let unit = self.classes.all[class].units.first();
        unit.map_or(FREE, |(node, output)| {
            self.net.nodes[*node].op.clamp(*output)
        })
    }

    /// Calibrated values of a class's units, before clamps.
    fn seen(&self, class: usize) -> Interval {
        let units = self.classes.all[class].units.iter();
        units
            .map(|(node, output)| self.seen_var(self.net.nodes[*node].outputs[*output]))
            .fold(Interval::EMPTY, Interval::hull)
    }

    fn seen_var(&self, var: Var) -> Interval {
        self.seen.0[var as usize]
    }

    /// Calibrated values of a class's tables.
    fn seen_tables(&self, class: usize) -> Interval {
        let tables = self.classes.all[class].tables.iter();
        let nodes = tables.flat_map(|(node, _)| self.net.nodes[*node].outputs.iter());
        nodes
            .map(|var| self.seen_var(*var))
            .fold(Interval::EMPTY, Interval::hull)
    }
}

impl Round<'_, '_> {
    fn run(&mut self) -> Result<(), String> {
        self.next.fill(Interval::EMPTY);
        self.scales.fill(None);
        let planner = self.planner;
        // Steps of outputs are fixed before anything else.
        for (output, field) in self.fields()?.iter().enumerate() {
            let classes = planner.classes.all.iter();
            let class = classes
                .into_iter()
                .position(|c| c.outputs.contains(&output));
            if let Some(class) = class {
                self.scales[class] = Some(Scale {
                    step: field.step(),
                    zero: field.zero_point as f64,
                });
            }
        }
        for (value, interval) in self.values.iter_mut().zip(planner.boxes) {
            *value = *interval;
        }
        for (index, node) in planner.net.nodes.iter().enumerate() {
            match &node.op {
                NetOp::Dense(dense) => self.linear(index, &self.dense(dense)),
                NetOp::Conv(conv) => self.linear(index, &self.conv(conv)),
                NetOp::Sparse(units) => {
                    let reach: Vec<Interval> = units.iter().map(|u| self.unit(u)).collect();
                    self.linear(index, &reach);
                }
                NetOp::Map { expr, inputs } => self.table(index, *expr, inputs),
                NetOp::Max(groups) => {
                    for (group, var) in groups.iter().zip(&node.outputs) {
                        let members = group.iter().map(|r| self.values[r.var as usize]);
                        let lowest = Interval::point(f64::NEG_INFINITY);
                        self.values[*var as usize] = members.fold(lowest, |a, b| Interval {
                            lo: a.lo.max(b.lo),
                            hi: a.hi.max(b.hi),
                        });
                    }
                }
                NetOp::Trees(_) => {
                    for var in &node.outputs {
                        self.values[*var as usize] = planner.sums[*var as usize];
                    }
                }
                NetOp::Sum(units) | NetOp::Exact(units) => {
                    for (unit, var) in units.iter().zip(&node.outputs) {
                        self.values[*var as usize] = self.unit(unit);
                    }
                }
            }
        }
        self.reach.clone_from(&self.next);
        Ok(())
    }

    fn fields(&self) -> Result<Vec<OutputField>, String> {
        let planner = self.planner;
        let mut wanted = Vec::with_capacity(planner.names.len());
        for output in 0..planner.names.len() {
            let mut classes = planner.classes.all.iter();
            let Some(class) = classes.position(|c| c.outputs.contains(&output)) else {
                return Err(format!(
                    "output `{}` is not computed",
                    planner.names[output]
                ));
            };
            let (lo, hi) = planner.clamp(class);
            let tables = planner.seen_tables(class);
            let all = planner.classes.all[class].tables.iter().map(|(_, expr)| {
                // Functions bend near zero: that is where most of the points must be.
                let far = |x: f64| 1e3 * x.powi(5);
                let unit = Interval::new(-1.0, 1.0);
                range::hull(&|x| planner.net.exprs.value(*expr, far(x)), unit)
            });
            let all = all.fold(tables, Interval::hull);
            let only_tables = planner.classes.all[class].units.is_empty();
            wanted.push(Wanted {
                seen: planner.seen(class).clamp((lo, hi)).hull(tables),
                possible: match only_tables {
                    true => all,
                    false => Interval { lo, hi },
                },
                clamp: (lo, hi),
                least: self.least[class],
                probability: only_tables && all.lo >= 0.0 && all.hi <= 1.0 && all.hi > 0.9,
            });
        }
        fields::fields(planner.names, &wanted, planner.max() as u32)
    }

    /// Takes in what a linear node can reach, and decides the classes that it completes.
    fn linear(&mut self, node: usize, reach: &[Interval]) {
        let planner = self.planner;
        let net_node = &planner.net.nodes[node];
        let least = self.least_steps(&net_node.op, reach);
        for (output, var) in net_node.outputs.iter().enumerate() {
            let Some(class) = planner.classes.of(*var) else {
                continue;
            };
            self.next[class] = self.next[class].hull(reach[output]);
            self.least[class] = self.least[class].max(least[output]);
            if planner.classes.all[class].units.first() == Some(&(node, output)) {
                self.factors[class] = Factors::None;
            }
            let own = match &net_node.op {
                NetOp::Sparse(units) => self.unit_factors(&units[output]),
                _ => Factors::Different,
            };
            match own {
                Factors::None => {}
                Factors::Equal(factor) => self.factors[class].add(factor),
                Factors::Different => self.factors[class] = Factors::Different,
            }
        }
        for (output, var) in net_node.outputs.iter().enumerate() {
            let Some(class) = planner.classes.of(*var) else {
                continue;
            };
            let scale = match self.scales[class] {
                Some(scale) => scale,
                None => {
                    let scale = self.decide(class);
                    self.scales[class] = Some(scale);
                    scale
                }
            };
            self.values[*var as usize] = reach[output]
                .clamp(net_node.op.clamp(output))
                .clamp((scale.real(0.0), scale.real(planner.max())));
        }
    }

    /// The scale of a class of units, from everything known so far.
    fn decide(&self, class: usize) -> Scale {
        let planner = self.planner;
        let (seen, clamp) = (planner.seen(class), planner.clamp(class));
        let content = &planner.classes.all[class];
        // What later nodes of the class reach is known from the round before.
        let mut reach = self.next[class].hull(self.reach[class]);
        if reach.is_empty() {
            reach = seen;
        }
        let mut wanted = range::units(seen, reach, clamp, self.choice);
        if !content.read_by.is_empty() {
            let exprs = &planner.net.exprs;
            let tail = self.choice.tail;
            let part = range::not_flat(exprs, &content.read_by, seen, reach, tail);
            if self.choice.wide_tables {
                // Where the function flattens out, the table reaches that far.
                if part.lo > reach.lo {
                    wanted.lo = wanted.lo.min(part.lo);
                }
                if part.hi < reach.hi {
                    wanted.hi = wanted.hi.max(part.hi);
                }
                // But never beyond where the units saturate.
                wanted = wanted.clamp(clamp);
            }
            let mut narrow = wanted.clamp((part.lo, part.hi));
            // Where the units are clamped, the digits must saturate at the clamp.
            if clamp.0.is_finite() {
                narrow.lo = wanted.lo;
            }
            if clamp.1.is_finite() {
                narrow.hi = wanted.hi;
            }
            // Who reads the value itself needs all of it.
            if narrow.width() > 0.0 && !content.read_plainly {
                wanted = narrow;
            }
        }
        for (node, _) in &content.tables {
            for var in &planner.net.nodes[*node].outputs {
                wanted = wanted.hull(planner.seen_var(*var));
            }
        }
        self.scale(class, wanted, clamp)
    }

    fn scale(&self, class: usize, mut wanted: Interval, clamp: Clamp) -> Scale {
        let planner = self.planner;
        let content = &planner.classes.all[class];
        if content.holds_zero {
            wanted = wanted.hull(Interval::point(0.0));
        }
        let max = planner.max();
        let width = match wanted.width() {
            w if w > 0.0 && w.is_finite() => w,
            _ => 1.0,
        };
        let mut step = (width / max).max(self.least[class]);
        if let Factors::Equal(factor) = self.factors[class] {
            let whole = factor * planner.base() / step;
            if (1.0..SMALL_FACTOR).contains(&whole) {
                step = factor * planner.base() / whole.floor();
            }
        }
        let mut zero = match clamp.0 == f64::NEG_INFINITY && clamp.1 < f64::INFINITY {
            true => max - wanted.hi / step,
            false => -wanted.lo / step,
        };
        if content.whole_zero || content.holds_zero {
            zero = zero.round();
        }
        Scale { step, zero }
    }

    fn table(&mut self, node: usize, expr: u32, inputs: &[Var]) {
        let planner = self.planner;
        let outputs = &planner.net.nodes[node].outputs;
        let (Some(input), Some(output)) = (inputs.first(), outputs.first()) else {
            return;
        };
        let (Some(from), Some(to)) = (planner.classes.of(*input), planner.classes.of(*output))
        else {
            return;
        };
        let max = planner.max();
        let inside = match self.scales[from] {
            Some(scale) => Interval::new(scale.real(0.0), scale.real(max)),
            None => planner.seen_var(*input),
        };
        let seen = outputs
            .iter()
            .map(|var| planner.seen_var(*var))
            .fold(Interval::EMPTY, Interval::hull);
        let wanted = range::table(&planner.net.exprs, expr, inside, seen, self.choice);
        self.next[to] = self.next[to].hull(wanted);
        let scale = match self.scales[to] {
            Some(scale) => scale,
            None => {
                let all = self.next[to].hull(self.reach[to]);
                let units = planner.seen(to);
                let wanted = if units.is_empty() {
                    all
                } else {
                    all.hull(units)
                };
                let scale = self.scale(to, wanted, FREE);
                self.scales[to] = Some(scale);
                scale
            }
        };
        let held = Interval::new(scale.real(0.0), scale.real(max));
        for var in outputs {
            self.values[*var as usize] = held;
        }
    }
}
