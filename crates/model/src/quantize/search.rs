//! Tries a few ways to choose scales.
//!
//! The tighter the scales, the finer the answers on inputs like the calibrated ones, and the
//! sooner a hidden unit saturates on others. A caller may send any input of the box, so the
//! widest headroom that reaches the accuracy targets with room to spare is taken.

use super::Samples;
use super::build::{Choice, Draft};
use crate::float::Activation;
use crate::integer::{IntegerModel, ModelError};
use crate::report::{ClassRule, Targets, span};

/// Rows that candidates are compared on; the report uses all.
const SEARCH_ROWS: usize = 512;
/// Part of the allowed error that a candidate may use up in exchange for headroom.
const ERROR_SHARE: f64 = 0.5;
/// Hidden ReLU scales: the calibrated maximum times this, widest headroom first. Below 1
/// outliers are clipped, which only a model that misses its targets otherwise needs.
const CLIPS: [f64; 12] = [
    8.0, 6.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.25, 1.0, 0.85, 0.7, 0.55,
];
/// The clip that a sigmoid's radius is chosen at.
const PLAIN_CLIP: f64 = 1.25;
/// Half-widths of a sigmoid's table in logits: narrower is finer inside, but every tail beyond
/// answers as the last entry does, at 5 with an error of up to 0.0067.
const RADII: [f64; 6] = [8.0, 7.0, 6.0, 5.0, 10.0, 12.0];

/// The model with the widest headroom that reaches the targets, or else the most accurate.
pub(super) fn best(
    draft: &Draft<'_>,
    samples: &Samples,
    targets: &Targets,
) -> Result<IntegerModel, ModelError> {
    let search = Search::new(draft, samples);
    let layers = &draft.model.layers;
    let mut best = search.candidate(Choice {
        clip: PLAIN_CLIP,
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
        for clip in CLIPS {
            let choice = Choice {
                clip,
                ..best.choice
            };
            let candidate = search.candidate(choice)?;
            let comfortable = candidate.error <= ERROR_SHARE * targets.max_error;
            if comfortable && candidate.agreement >= targets.min_agreement {
                return Ok(candidate.model);
            }
            best = best.better(candidate);
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
}

struct Candidate {
    choice: Choice,
    model: IntegerModel,
    /// Mean absolute error as part of the output range.
    error: f64,
    agreement: f64,
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
    fn new(draft: &'s Draft<'s>, samples: &'s Samples) -> Self {
        let stride = samples.raw.len().div_ceil(SEARCH_ROWS).max(1);
        let outputs = samples.float.iter().flat_map(|trace| trace.outputs());
        Self {
            draft,
            samples,
            rows: (0..samples.raw.len()).step_by(stride).collect(),
            rule: ClassRule::of(draft.model),
            output_range: span(outputs.copied()),
        }
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
        Ok(Candidate {
            choice,
            error: sum / values / self.output_range,
            agreement: agreeing as f64 / self.rows.len() as f64,
            model,
        })
    }
}
