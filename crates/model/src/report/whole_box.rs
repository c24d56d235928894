//! How the integer model answers beyond the calibration data.

use serde::{Deserialize, Serialize};

use super::class::ClassRule;
use crate::float::FloatModel;
use crate::integer::IntegerModel;
use crate::quantize::QuantizeError;

/// Points that are compared.
const POINTS: usize = 500;

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

impl BoxReport {
    pub(super) fn new(
        model: &FloatModel,
        integer: &IntegerModel,
        rule: ClassRule,
        output_range: f64,
    ) -> Result<Self, QuantizeError> {
        let top = integer.max_digit();
        let (mut sum, mut worst, mut agreeing, mut saturated) = (0.0, 0.0f64, 0, 0);
        let mut state = 0u64;
        for _ in 0..POINTS {
            let raw = point(integer, &mut state);
            let real: Vec<f64> = integer
                .input
                .features
                .iter()
                .zip(&raw)
                .map(|(feature, raw)| *raw as f64 / 10f64.powi(i32::from(feature.decimals)))
                .collect();
            let float = model.run(&real)?;
            let answer = integer.outputs_real(&raw)?;
            agreeing += usize::from(rule.class(&answer) == rule.class(float.outputs()));
            for ((field, float), answer) in integer.output.iter().zip(float.outputs()).zip(answer) {
                let clamped = float.clamp(field.real(0), field.real(top));
                saturated += usize::from(clamped != *float);
                sum += (clamped - answer).abs();
                worst = worst.max((clamped - answer).abs());
            }
        }
        let percent = 100.0 / output_range;
        Ok(Self {
            points: POINTS,
            mean_error_percent: sum / (POINTS * integer.output.len()) as f64 * percent,
            max_error_percent: worst * percent,
            agreement: agreeing as f64 / POINTS as f64,
            saturated,
        })
    }
}

/// The next raw input of a fixed pseudo-random sequence, uniform in the box.
fn point(integer: &IntegerModel, state: &mut u64) -> Vec<i64> {
    let features = integer.input.features.iter();
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
