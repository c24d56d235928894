//! Tries a few ways to choose scales.
//!
//! The tighter the scales, the finer the answers on inputs like the calibrated ones, and the
//! sooner a hidden unit saturates on others. A caller may send any input of the box, so among
//! the models that reach the accuracy targets with room to spare the one is taken that errs
//! least on the data and over the box together.

use super::build::{Choice, Draft};
use super::{QuantizeError, Samples};
use crate::float::{Activation, FloatError};
use crate::integer::{IntegerModel, ModelError};
use crate::report::{BoxPoints, ClassRule, Targets, span};

/// Rows that candidates are compared on; the report uses all.
const SEARCH_ROWS: usize = 512;
/// Part of the allowed error that a candidate may use up in exchange for headroom.
const ERROR_SHARE: f64 = 0.5;
/// Points of the box that candidates are compared on; the report uses more.
const BOX_POINTS: usize = 200;
/// What a changed class counts, as an error in parts of the output range.
const CHANGED_CLASS: f64 = 0.5;
/// Headroom of hidden ReLU units, widest first: from the whole box to the calibrated maximum.
const HEADROOMS: [f64; 9] = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0];
/// Clipping below the calibrated maximum, for models that miss their targets otherwise.
const CLIPS: [f64; 3] = [0.85, 0.7, 0.55];
/// Half-widths of a sigmoid's table in logits: narrower is finer inside, but every tail beyond
/// answers as the last entry does, at 5 with an error of up to 0.0067.
const RADII: [f64; 6] = [8.0, 7.0, 6.0, 5.0, 10.0, 12.0];

/// Of the models that reach the targets with room to spare the one that errs least on data and
/// box together; without any, the most accurate on the data.
pub(super) fn best(
    draft: &Draft<'_>,
    samples: &Samples,
    targets: &Targets,
) -> Result<IntegerModel, QuantizeError> {
    let search = Search::new(draft, samples)?;
    let layers = &draft.model.layers;
    let mut best = search.candidate(Choice {
        headroom: 0.0,
        clip: 1.0,
        radius: RADII[0],
    })?;
    if layers.iter().any(|l| l.activation == Activation::Sigmoid) {
        for radius in &RADII[1..] {
            let choice = Choice {
                radius: *radius,
                ..best.choice
            };
            best = best.better(search.candidate(choice)?);
        }
    }
    let hidden = &layers[..layers.len() - 1];
    if hidden.iter().any(|l| l.activation == Activation::Relu) {
        let headrooms = HEADROOMS.map(|headroom| (headroom, 1.0));
        let clips = CLIPS.map(|clip| (0.0, clip));
        let mut roomy: Option<Candidate> = None;
        for (headroom, clip) in headrooms.into_iter().chain(clips) {
            let choice = Choice {
                headroom,
                clip,
                ..best.choice
            };
            let candidate = search.candidate(choice)?;
            let comfortable = candidate.error <= ERROR_SHARE * targets.max_error
                && candidate.agreement >= targets.min_agreement;
            if comfortable && roomy.as_ref().is_none_or(|r| candidate.loss < r.loss) {
                roomy = Some(candidate);
            } else {
                best = best.better(candidate);
            }
        }
        if let Some(roomy) = roomy {
            return Ok(roomy.model);
        }
    }
    Ok(best.model)
}

struct Search<'s> {
    draft: &'s Draft<'s>,
    samples: &'s Samples,
    rows: Vec<usize>,
    rule: ClassRule,
    output_range: f64,
    points: BoxPoints,
}

struct Candidate {
    choice: Choice,
    model: IntegerModel,
    /// Mean absolute error as part of the output range.
    error: f64,
    agreement: f64,
    /// Error on the data, with its changed classes, plus error over the box.
    loss: f64,
}

impl Candidate {
    fn better(self, other: Self) -> Self {
        if other.error < self.error {
            other
        } else {
            self
        }
    }
}

impl<'s> Search<'s> {
    fn new(draft: &'s Draft<'s>, samples: &'s Samples) -> Result<Self, FloatError> {
        let stride = samples.raw.len().div_ceil(SEARCH_ROWS).max(1);
        let outputs = samples.float.iter().flat_map(|trace| trace.outputs());
        Ok(Self {
            draft,
            samples,
            rows: (0..samples.raw.len()).step_by(stride).collect(),
            rule: ClassRule::of(draft.model),
            output_range: span(outputs.copied()),
            points: BoxPoints::new(draft.model, &draft.input, BOX_POINTS)?,
        })
    }

    fn candidate(&self, choice: Choice) -> Result<Candidate, ModelError> {
        let model = self.draft.build(self.samples, &self.rows, choice)?;
        let (mut sum, mut agreeing) = (0.0, 0usize);
        for row in &self.rows {
            let answer = model.outputs_real(&self.samples.raw[*row])?;
            let float = self.samples.float[*row].outputs();
            let errors = answer.iter().zip(float).map(|(a, b)| (a - b).abs());
            sum += errors.sum::<f64>();
            agreeing += usize::from(self.rule.class(&answer) == self.rule.class(float));
        }
        let values = (self.rows.len() * model.output.len()) as f64;
        let error = sum / values / self.output_range;
        let agreement = agreeing as f64 / self.rows.len() as f64;
        let beyond = self.points.compare(&model, self.rule, self.output_range)?;
        Ok(Candidate {
            choice,
            error,
            agreement,
            loss: error + CHANGED_CLASS * (1.0 - agreement) + beyond.mean_error_percent / 100.0,
            model,
        })
    }
}
