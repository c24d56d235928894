//! Tries a few ways to choose scales and keeps the most accurate.

use super::Samples;
use super::build::{Choice, Draft};
use crate::float::Activation;
use crate::integer::{IntegerModel, ModelError};

/// Rows that candidates are compared on; the report uses all.
const SEARCH_ROWS: usize = 512;
/// A less careful choice must be better by this factor to be taken.
const WORTHWHILE: f64 = 0.9;
/// Hidden ReLU scales: the calibrated maximum times this. Above 1 leaves headroom for
/// inputs of the box that calibration did not show; below 1 clips outliers.
const CLIPS: [f64; 5] = [1.25, 1.0, 0.85, 0.7, 0.55];
/// Half-widths of a sigmoid's table in logits: narrower is finer inside, but every tail beyond
/// answers as the last entry does, at 5 with an error of up to 0.0067.
const RADII: [f64; 6] = [8.0, 7.0, 6.0, 5.0, 10.0, 12.0];

/// The most accurate model of the candidates.
pub(super) fn best(draft: &Draft<'_>, samples: &Samples) -> Result<IntegerModel, ModelError> {
    let stride = samples.raw.len().div_ceil(SEARCH_ROWS).max(1);
    let rows: Vec<usize> = (0..samples.raw.len()).step_by(stride).collect();
    let layers = &draft.model.layers;
    let sigmoid = layers.iter().any(|l| l.activation == Activation::Sigmoid);
    let hidden = layers.len() > 1;

    let start = Choice {
        clip: CLIPS[0],
        radius: RADII[0],
    };
    let mut best = Candidate::new(draft, samples, &rows, start)?;
    if sigmoid {
        for radius in &RADII[1..] {
            let choice = Choice {
                radius: *radius,
                ..best.choice
            };
            best.challenge(draft, samples, &rows, choice, 1.0)?;
        }
    }
    if hidden {
        for clip in &CLIPS[1..] {
            let choice = Choice {
                clip: *clip,
                ..best.choice
            };
            best.challenge(draft, samples, &rows, choice, WORTHWHILE)?;
        }
    }
    Ok(best.model)
}

struct Candidate {
    choice: Choice,
    model: IntegerModel,
    error: f64,
}

impl Candidate {
    fn new(
        draft: &Draft<'_>,
        samples: &Samples,
        rows: &[usize],
        choice: Choice,
    ) -> Result<Self, ModelError> {
        let model = draft.build(samples, rows, choice)?;
        let error = mean_error(&model, samples, rows)?;
        Ok(Self {
            choice,
            model,
            error,
        })
    }

    fn challenge(
        &mut self,
        draft: &Draft<'_>,
        samples: &Samples,
        rows: &[usize],
        choice: Choice,
        worthwhile: f64,
    ) -> Result<(), ModelError> {
        let other = Self::new(draft, samples, rows, choice)?;
        if other.error < self.error * worthwhile {
            *self = other;
        }
        Ok(())
    }
}

/// Mean absolute error over rows and outputs, in the model's units.
fn mean_error(model: &IntegerModel, samples: &Samples, rows: &[usize]) -> Result<f64, ModelError> {
    let mut sum = 0.0;
    for row in rows {
        let trace = model.run(&samples.raw[*row])?;
        let float = samples.float[*row].outputs();
        for ((field, raw), float) in model.output.iter().zip(trace.outputs()).zip(float) {
            sum += (field.real(*raw) - float).abs();
        }
    }
    Ok(sum / (rows.len() * model.output.len()) as f64)
}
