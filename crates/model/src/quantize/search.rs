//! Tries a few ways to choose scales.
//!
//! The tighter the scales, the finer the answers on inputs like the calibrated ones, and the
//! sooner a hidden unit saturates on others. A caller may send any input of the box, so among
//! the models that reach the accuracy targets with room to spare the one is taken that errs
//! least on the data and over the box together.
//!
//! How much is tried depends on the multiplications that a try takes, not on time: the same
//! model, data and options give the same integers on every machine.

use super::emit::{Rows, Writer, Written};
use super::net::{Net, NetOp, Var};
use super::samples::Samples;
use super::scales::{Choice, Classes, Interval, Planner, Seen};
use super::{Draft, QuantizeError, Sizer};
use crate::integer::{IntegerModel, ModelError};
use crate::report::{BoxPoints, Judge, Targets, span};

/// Most rows that candidates are compared on; the report uses all.
const MAX_ROWS: usize = 512;
/// Fewest.
const MIN_ROWS: usize = 48;
/// Multiplications per candidate on rows.
const ROW_WORK: u64 = 400_000_000;
/// Most points of the box that candidates are compared on; the report uses more.
const MAX_POINTS: usize = 200;
/// Fewest.
const MIN_POINTS: usize = 12;
/// Multiplications per candidate on points of the box.
const POINT_WORK: u64 = 100_000_000;
/// Candidates with more multiplications than this are few.
const LARGE: u64 = 150_000_000;
/// Part of the allowed error that a candidate may use up in exchange for headroom.
const ERROR_SHARE: f64 = 0.5;
/// What a changed class counts, as an error in parts of the output range.
const CHANGED_CLASS: f64 = 0.5;
/// Headroom of hidden units, widest first: from the whole box to the calibrated maximum.
const HEADROOMS: [f64; 9] = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0];
/// The same for large models.
const FEW_HEADROOMS: [f64; 4] = [0.4, 0.2, 0.1, 0.0];
/// Clipping below the calibrated maximum, for models that miss their targets otherwise.
const CLIPS: [f64; 3] = [0.85, 0.7, 0.55];
/// Half-widths of a sigmoid's table in logits: narrower is finer inside, but every tail beyond
/// answers as the last entry does, at 5 with an error of up to 0.0067. Other functions' tables
/// end where they are as flat.
const RADII: [f64; 6] = [8.0, 7.0, 6.0, 5.0, 10.0, 12.0];
/// Times that scales are widened because an input of the box would be beyond what can be
/// proved.
const MAX_WIDENINGS: usize = 12;
/// Factors by which units may become coarser for the sake of private weights of fewer digits.
const LIGHTER: [f64; 5] = [1.5, 2.5, 4.0, 6.0, 10.0];
/// Part of the allowed error that they may use up.
const LIGHT_SHARE: f64 = 0.8;

/// A network in a box with its calibration rows.
pub(super) struct Search<'s> {
    draft: &'s Draft<'s>,
    net: &'s Net,
    samples: &'s Samples,
    classes: Classes,
    seen: Seen,
    /// Rows that candidates are compared on.
    rows: Vec<usize>,
    linear: Vec<Vec<f32>>,
    boxes: Vec<Interval>,
    digits: Vec<Vec<(f64, f64)>>,
    sums: Vec<Interval>,
    judge: Judge,
    output_range: f64,
    points: BoxPoints,
    work: u64,
}

/// A model and what its nodes stand for.
pub(super) struct Made {
    pub(super) model: IntegerModel,
    /// Per node, the range of its float values before clamps.
    pub(super) ranges: Vec<Option<(f64, f64)>>,
}

struct Candidate {
    choice: Choice,
    made: Made,
    /// Mean absolute error as part of the output range.
    error: f64,
    agreement: f64,
    /// Whether it answers scores, so that errors say something.
    scored: bool,
    /// Error on the data, with its changed classes, plus error over the box.
    loss: f64,
}

/// What a search has found so far.
#[derive(Default)]
struct Tried {
    choices: Vec<Choice>,
    best: Option<Candidate>,
    /// Why the first choice that failed did.
    error: Option<QuantizeError>,
}

impl Tried {
    /// Tries one more choice; one that cannot be made is passed over.
    fn add(
        &mut self,
        choice: Choice,
        search: &Search<'_>,
        targets: &Targets,
    ) -> Result<(), SearchError> {
        if self.choices.contains(&choice) {
            return Ok(());
        }
        self.choices.push(choice);
        let candidate = match search.candidate(choice) {
            Ok(candidate) => candidate,
            Err(SearchError::Uncut) => return Err(SearchError::Uncut),
            Err(SearchError::Other(error)) => {
                self.error.get_or_insert(error);
                return Ok(());
            }
        };
        self.best = Some(match self.best.take() {
            Some(best) => best.better(candidate, targets),
            None => candidate,
        });
        Ok(())
    }
}

/// Why a candidate could not be made.
pub(super) enum SearchError {
    /// A clamp from above would have no effect; the network must keep it as a table.
    Uncut,
    Other(QuantizeError),
}

impl<E: Into<QuantizeError>> From<E> for SearchError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// Ranges of the ensembles' sums, by variable.
fn sums(net: &Net) -> Vec<Interval> {
    let mut sums = vec![Interval::point(0.0); net.vars as usize];
    for node in &net.nodes {
        if let NetOp::Trees(trees) = &node.op {
            for (target, var) in node.outputs.iter().enumerate() {
                let (lo, hi) = trees.trees.reach(target as u32);
                sums[*var as usize] = Interval { lo, hi };
            }
        }
    }
    sums
}

/// Digits of a model's weights, were they private, and whether some node's could be fewer.
fn private_digits(model: &IntegerModel) -> (usize, bool) {
    let mut model = model.clone();
    model.privacy.weights = true;
    let (layout, count) = model.parameter_layout();
    (count, layout.iter().flatten().any(|own| own.limbs > 1))
}

fn tail(radius: f64) -> f64 {
    1.0 / (1.0 + radius.exp())
}

impl Candidate {
    /// Whether it reaches the targets with room to spare.
    fn comfortable(&self, targets: &Targets) -> bool {
        self.error <= ERROR_SHARE * targets.max_error && self.agreement >= targets.min_agreement
    }

    /// How far off it is on the data.
    fn misses(&self) -> f64 {
        match self.scored {
            true => self.error,
            false => 1.0 - self.agreement,
        }
    }

    /// Comfortable ones come first, by their loss; then the others, by their error.
    fn better(self, other: Self, targets: &Targets) -> Self {
        let wins = match [&self, &other].map(|c| c.comfortable(targets)) {
            [true, true] => other.loss < self.loss,
            [false, false] => other.misses() < self.misses(),
            [_, comfortable] => comfortable,
        };
        if wins { other } else { self }
    }
}

impl<'s> Search<'s> {
    pub(super) fn new(
        draft: &'s Draft<'s>,
        net: &'s Net,
        samples: &'s Samples,
    ) -> Result<Self, QuantizeError> {
        let work = net.work().max(1);
        let count = (ROW_WORK / work).clamp(MIN_ROWS as u64, MAX_ROWS as u64) as usize;
        let stride = samples.raw.len().div_ceil(count).max(1);
        let rows: Vec<usize> = (0..samples.raw.len()).step_by(stride).collect();
        let points = (POINT_WORK / work).clamp(MIN_POINTS as u64, MAX_POINTS as u64) as usize;
        let scores: Vec<Var> = net.scores.iter().map(|r| r.var).collect();
        let outputs = samples.float.iter().flatten();
        let unit = |decimals: u8| 10f64.powi(-i32::from(decimals));
        let features = draft.input.features.iter();
        let boxes = features
            .clone()
            .map(|f| Interval::new(f64::from(f.lo), f64::from(f.hi)).times(unit(f.decimals)))
            .collect();
        let mut digits: Vec<Vec<(f64, f64)>> = vec![Vec::new(); net.vars as usize];
        let bits = draft.digit_bits;
        for (feature, digits) in features.zip(&mut digits) {
            let width = i64::from(feature.hi) - i64::from(feature.lo);
            *digits = (0..draft.input.digits)
                .map(|d| {
                    let most = (1 << bits) - 1;
                    let top = match draft.private_inputs {
                        true => most,
                        false => (width >> (d * bits)).min(most),
                    };
                    let step = unit(feature.decimals) * 2f64.powi((d * bits) as i32);
                    (top as f64, step)
                })
                .collect();
        }
        Ok(Self {
            classes: Classes::new(net, &scores, draft.private),
            seen: samples.seen(net),
            linear: samples.linear(net, &rows),
            judge: Judge::new(draft),
            output_range: span(outputs.copied()),
            points: BoxPoints::new(draft.graph, &draft.input, points)?,
            work: work * (rows.len() + points) as u64,
            sums: sums(net),
            boxes,
            digits,
            rows,
            draft,
            net,
            samples,
        })
    }

    /// Of the models that reach the targets with room to spare the one that errs least on data
    /// and box together; without any, the most accurate on the data.
    pub(super) fn best(
        &self,
        targets: &Targets,
        size: Option<Sizer<'_>>,
    ) -> Result<Made, SearchError> {
        let large = self.work > LARGE;
        let mut tried = Tried::default();
        let start = Choice {
            headroom: 0.0,
            clip: 1.0,
            tail: tail(RADII[0]),
            wide_tables: true,
            lighter: 1.0,
        };
        tried.add(start, self, targets)?;
        if self
            .classes
            .all
            .iter()
            .any(|class| !class.read_by.is_empty())
        {
            let radii = if large { &RADII[..3] } else { &RADII[..] };
            for wide_tables in [true, false] {
                for radius in radii {
                    let choice = Choice {
                        tail: tail(*radius),
                        wide_tables,
                        ..start
                    };
                    tried.add(choice, self, targets)?;
                }
            }
        }
        if self.has_hidden() {
            let base = tried.best.as_ref().map_or(start, |best| best.choice);
            let headrooms = if large {
                &FEW_HEADROOMS[..]
            } else {
                &HEADROOMS[..]
            };
            let headrooms = headrooms.iter().map(|headroom| (*headroom, 1.0));
            let clips = CLIPS.iter().map(|clip| (0.0, *clip));
            for (headroom, clip) in headrooms.chain(clips) {
                let choice = Choice {
                    headroom,
                    clip,
                    ..base
                };
                tried.add(choice, self, targets)?;
            }
        }
        match (tried.best, tried.error) {
            (Some(best), _) => Ok(self.lightest(best, targets, size)?.made),
            (None, Some(error)) => Err(SearchError::Other(error)),
            (None, None) => Err(SearchError::Uncut),
        }
    }

    /// Private weights of fewer digits, where the circuit is half as large then and the targets
    /// are still reached; else `best`.
    fn lightest(
        &self,
        mut best: Candidate,
        targets: &Targets,
        size: Option<Sizer<'_>>,
    ) -> Result<Candidate, SearchError> {
        let Some(size) = size.filter(|_| self.draft.private) else {
            return Ok(best);
        };
        let (mut fewest, mut saves) = private_digits(&best.made.model);
        if !saves {
            return Ok(best);
        }
        let mut smallest = size(&best.made.model);
        let start = best.choice;
        for lighter in LIGHTER {
            if !saves {
                break;
            }
            let choice = Choice { lighter, ..start };
            let Ok(candidate) = self.candidate(choice) else {
                continue;
            };
            if candidate.error > LIGHT_SHARE * targets.max_error
                || candidate.agreement < targets.min_agreement
            {
                break;
            }
            let digits;
            (digits, saves) = private_digits(&candidate.made.model);
            if digits >= fewest {
                continue;
            }
            fewest = digits;
            let own = size(&candidate.made.model);
            if own.map(|own| own.k) < smallest.map(|other| other.k) && own.is_some() {
                (best, smallest) = (candidate, own);
            }
        }
        Ok(best)
    }

    /// Whether there are values besides outputs and what their tables read.
    fn has_hidden(&self) -> bool {
        let mut classes = self.classes.all.iter();
        classes.any(|class| class.outputs.is_empty() && class.read_by.is_empty())
    }

    fn planner(&self) -> Planner<'_> {
        Planner {
            net: self.net,
            classes: &self.classes,
            seen: &self.seen,
            boxes: &self.boxes,
            digits: &self.digits,
            sums: &self.sums,
            names: &self.draft.outputs,
            digit_bits: self.draft.digit_bits,
        }
    }

    /// Range of a node's values.
    fn range(&self, node: usize) -> Option<(f64, f64)> {
        let vars = self.net.nodes[node].outputs.iter();
        let all = vars.map(|var| self.seen.0[*var as usize]);
        let all = all.fold(Interval::EMPTY, Interval::hull);
        (!all.is_empty()).then_some((all.lo, all.hi))
    }

    /// The model that `choice` gives.
    fn write(&self, choice: Choice) -> Result<Made, SearchError> {
        let malformed = |what| ModelError::Malformed {
            model: self.draft.graph.name.clone(),
            what,
        };
        let rows = Rows {
            raw: (self.rows.iter())
                .map(|row| self.samples.raw[*row].as_slice())
                .collect(),
            linear: self.linear.iter().map(Vec::as_slice).collect(),
        };
        let mut floor = vec![0.0f64; self.classes.all.len()];
        for _ in 0..MAX_WIDENINGS {
            let plan = self.planner().plan(choice, &floor).map_err(malformed)?;
            if plan.uncut.contains(&true) {
                return Err(SearchError::Uncut);
            }
            let writer = Writer {
                name: &self.draft.graph.name,
                net: self.net,
                classes: &self.classes,
                plan: &plan,
                input: &self.draft.input,
                digit_bits: self.draft.digit_bits,
                head: &self.draft.head,
                seen: &self.seen,
                private: self.draft.private,
                private_inputs: self.draft.private_inputs,
                lighter: choice.lighter,
            };
            match writer.write(&rows)? {
                Written::Model(model, sources) => {
                    let range = |source: &Option<usize>| self.range((*source)?);
                    return Ok(Made {
                        ranges: sources.iter().map(range).collect(),
                        model,
                    });
                }
                Written::TooFine(classes) => {
                    for (class, step) in classes {
                        floor[class] = floor[class].max(step);
                    }
                }
            }
        }
        Err(malformed(
            "no scales were found that prove the whole box; narrow the domain box".into(),
        )
        .into())
    }

    fn candidate(&self, choice: Choice) -> Result<Candidate, SearchError> {
        let made = self.write(choice)?;
        let model = &made.model;
        let (mut sum, mut agreeing) = (0.0, 0usize);
        for row in &self.rows {
            let answer = model.outputs_real(&self.samples.raw[*row])?;
            let float = &self.samples.float[*row];
            sum += self
                .judge
                .scores(&answer, float)
                .map(|(a, b)| (a - b).abs())
                .sum::<f64>();
            agreeing += usize::from(self.judge.agree(&answer, float));
        }
        let values = (self.rows.len() * self.draft.outputs.len()).max(1) as f64;
        let error = sum / values / self.output_range;
        let agreement = agreeing as f64 / self.rows.len() as f64;
        let beyond = self.points.compare(model, &self.judge, self.output_range)?;
        let changed = (1.0 - agreement) + (1.0 - beyond.agreement);
        Ok(Candidate {
            choice,
            error,
            agreement,
            scored: !self.draft.outputs.is_empty(),
            loss: match self.draft.outputs.is_empty() {
                true => changed,
                false => {
                    let beyond = beyond.mean_error_percent / 100.0;
                    error + CHANGED_CLASS * (1.0 - agreement) + beyond
                }
            },
            made,
        })
    }
}
