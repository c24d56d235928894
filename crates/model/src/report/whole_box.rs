//! How the integer model answers beyond the calibration data.

use serde::{Deserialize, Serialize};

use super::class::Judge;
use crate::float::FloatError;
use crate::graph::FloatGraph;
use crate::integer::{InputSchema, IntegerModel, ModelError};

/// Float against integer on points spread evenly over the domain box.
///
/// Most of them are unlike any calibrated row, so this is no measure of accuracy in use: it
/// shows how the answer degrades where calibration says nothing. Answers saturate at the
/// ends of the output's range, so float outputs are clamped to it before they are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoxReport {
    /// Points compared.
    pub points: usize,
    /// Mean absolute error in percent of the calibrated output range.
    pub mean_error_percent: f64,
    /// Largest absolute error in percent of the calibrated output range.
    pub max_error_percent: f64,
    /// Part of the points whose class agrees with the float model, 0 to 1.
    pub agreement: f64,
    /// Outputs whose float value lies outside the range that can be answered.
    pub saturated: usize,
}

/// Points of the box with the float model's answers.
pub(crate) struct BoxPoints {
    raw: Vec<Vec<i64>>,
    float: Vec<Vec<f64>>,
}

impl BoxPoints {
    /// The first `count` points of a fixed sequence.
    pub(crate) fn new(
        graph: &FloatGraph,
        input: &InputSchema,
        count: usize,
    ) -> Result<Self, FloatError> {
        let mut state = 0u64;
        let raw: Vec<Vec<i64>> = (0..count).map(|_| point(input, &mut state)).collect();
        let answer = |raw: &Vec<i64>| {
            let real: Vec<f64> = input
                .features
                .iter()
                .zip(raw)
                .map(|(feature, raw)| *raw as f64 / 10f64.powi(i32::from(feature.decimals)))
                .collect();
            Ok(graph.run(&real)?.outputs)
        };
        Ok(Self {
            float: raw.iter().map(answer).collect::<Result<_, _>>()?,
            raw,
        })
    }

    /// Compares the integer model; percentages refer to `output_range`.
    pub(crate) fn compare(
        &self,
        integer: &IntegerModel,
        judge: &Judge,
        output_range: f64,
    ) -> Result<BoxReport, ModelError> {
        let top = |digits: u32| (1u64 << (digits * integer.digit_bits)) - 1;
        let (mut sum, mut worst) = (0.0, 0.0f64);
        let (mut agreeing, mut saturated, mut values) = (0, 0, 0usize);
        for (raw, float) in self.raw.iter().zip(&self.float) {
            let answer = integer.outputs_real(raw)?;
            agreeing += usize::from(judge.agree(&answer, float));
            let fields = integer.output.iter();
            for (field, (answer, float)) in fields.zip(judge.scores(&answer, float)) {
                let clamped = float.clamp(field.real(0), field.real(top(field.digits)));
                saturated += usize::from(clamped != float);
                sum += (clamped - answer).abs();
                worst = worst.max((clamped - answer).abs());
                values += 1;
            }
        }
        let points = self.raw.len();
        let percent = 100.0 / output_range;
        Ok(BoxReport {
            points,
            mean_error_percent: sum / values.max(1) as f64 * percent,
            max_error_percent: worst * percent,
            agreement: agreeing as f64 / points as f64,
            saturated,
        })
    }
}

/// The next raw input of a fixed pseudo-random sequence, uniform in the box.
fn point(input: &InputSchema, state: &mut u64) -> Vec<i64> {
    let features = input.features.iter();
    features
        .map(|feature| {
            let width = u64::from(feature.hi.abs_diff(feature.lo)) + 1;
            i64::from(feature.lo) + (next(state) % width) as i64
        })
        .collect()
}

/// One step of splitmix64: reports must not differ between runs.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
