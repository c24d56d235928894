//! Post-training quantization: a float network and calibration data become an integer model.
//!
//! Real scales live in the integer weights, so every unit has its own activation scale at no
//! cost. Inputs stay the caller's raw fixed-point digits: the first layer's weights carry
//! `10^−decimals · 2^(t d)` for digit `d`, so input scaling is part of what is proved.
//! Biases are then corrected on the calibration data for the mean error that rounding the
//! weights causes.

mod build;
pub mod heads;
mod scale;
mod search;
pub mod trees;

use crate::data::Dataset;
use crate::float::{FloatError, FloatModel, FloatTrace};
use crate::integer::{IntegerModel, MAX_DIGIT_BITS, MIN_DIGIT_BITS, ModelError};
use crate::report::{Attempt, Report, Targets};
use crate::schema::{SchemaError, SchemaSpec, input_schema};

/// Digit widths that are tried, narrowest first: 8 bits keep small models at 2^10 rows.
const AUTOMATIC_DIGIT_BITS: std::ops::RangeInclusive<u32> = 8..=MAX_DIGIT_BITS;

/// What the caller may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Digit width; `None` takes the smallest of 8..=12 that reaches the targets.
    pub digit_bits: Option<u32>,
    /// Largest mean absolute error allowed, as part of the float outputs' range.
    pub max_error: f64,
    /// Least part of the rows whose class must agree with the float model.
    pub min_agreement: f64,
    /// Part of each calibrated range that the domain box adds on both sides.
    pub margin: f64,
    /// Names, decimals and boxes fixed by the user.
    pub schema: Option<SchemaSpec>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            digit_bits: None,
            max_error: 0.005,
            min_agreement: 0.99,
            margin: 0.5,
            schema: None,
        }
    }
}

/// Why no integer model could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The options contradict themselves.
    #[error("option `{option}` is {value}; {must}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
    /// No input schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No calibration row lies inside the box that the schema fixes.
    #[error(
        "none of the {rows} calibration rows lies inside the domain box of the schema; \
         the first is outside in: {first}"
    )]
    NoRows {
        /// Rows given.
        rows: usize,
        /// Why the first is refused.
        first: ModelError,
    },
    /// The outputs that came with the data cannot be the model's.
    #[error(
        "y of the calibration data has {got} values per row, the model gives {expected}; y must \
         hold the float model's outputs, or be left out"
    )]
    Golden {
        /// Outputs of the model.
        expected: usize,
        /// Values per row of y.
        got: usize,
    },
    /// The float model overflows.
    #[error("the float model answers {value} on the calibration data; its weights are too large")]
    NotFinite {
        /// The answer.
        value: f64,
    },
    /// The float model does not run.
    #[error(transparent)]
    Float(#[from] FloatError),
    /// The integer model would not be well-formed, or some input of its box unprovable.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No digit width reaches the accuracy asked for.
    #[error(
        "accuracy missed: best is {best}; wanted mean error at most {:.3} % and agreement at \
         least {:.2} %. Give calibration data closer to real inputs, a narrower box, a larger \
         digit width, or looser targets", .targets.max_error * 100.0, .targets.min_agreement * 100.0
    )]
    Accuracy {
        /// What was wanted.
        targets: Targets,
        /// The attempt that came closest.
        best: Box<Attempt>,
    },
}

/// Calibration rows inside the box, as both models see them.
pub(crate) struct Samples {
    /// Raw fixed-point inputs.
    pub(crate) raw: Vec<Vec<i64>>,
    /// The float model's run on the unrounded inputs.
    pub(crate) float: Vec<FloatTrace>,
    /// Rows of the data that lie outside the box and were left out.
    pub(crate) outside: usize,
}

/// Quantizes `model` with the scales that `data` suggests.
///
/// Deterministic: the same model, data and options give the same integers.
///
/// # Errors
/// See [`QuantizeError`]; in particular when no digit width reaches the accuracy targets.
pub fn quantize(
    model: &FloatModel,
    data: &Dataset,
    options: &Options,
) -> Result<(IntegerModel, Report), QuantizeError> {
    check(options)?;
    let targets = Targets {
        max_error: options.max_error,
        min_agreement: options.min_agreement,
    };
    let widths = match options.digit_bits {
        Some(bits) => bits..=bits,
        None => AUTOMATIC_DIGIT_BITS,
    };
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut failure = None;
    for digit_bits in widths {
        let input = input_schema(
            options.schema.as_ref(),
            data,
            model.features,
            options.margin,
            digit_bits,
        )?;
        let outputs = output_names(model, options.schema.as_ref())?;
        let samples = Samples::new(model, data, &input, digit_bits)?;
        let draft = build::Draft {
            model,
            input,
            outputs,
            digit_bits,
        };
        // A width that cannot prove the whole box may be followed by one that can.
        let integer = match search::best(&draft, &samples, &targets) {
            Ok(integer) => integer,
            Err(error) => {
                failure = Some(error);
                continue;
            }
        };
        let report = Report::new(model, &integer, data, &samples, &targets)?;
        let attempt = report.attempt();
        let reached = attempt.reached;
        attempts.push(attempt);
        if reached {
            return Ok((integer, report.with_attempts(attempts)));
        }
    }
    let best = attempts
        .into_iter()
        .min_by(|a, b| a.mean_error_percent.total_cmp(&b.mean_error_percent));
    match (best, failure) {
        (Some(best), _) => Err(QuantizeError::Accuracy {
            targets,
            best: Box::new(best),
        }),
        (None, Some(error)) => Err(error),
        (None, None) => Err(bad_width(options)),
    }
}

fn bad_width(options: &Options) -> QuantizeError {
    QuantizeError::Option {
        option: "digit_bits",
        value: format!("{:?}", options.digit_bits),
        must: "it must be 4 to 12",
    }
}

fn check(options: &Options) -> Result<(), QuantizeError> {
    if options
        .digit_bits
        .is_some_and(|bits| !(MIN_DIGIT_BITS..=MAX_DIGIT_BITS).contains(&bits))
    {
        return Err(bad_width(options));
    }
    let fraction = |option, value: f64, most: f64, must| {
        if value >= 0.0 && value <= most {
            return Ok(());
        }
        Err(QuantizeError::Option {
            option,
            value: value.to_string(),
            must,
        })
    };
    fraction(
        "max_error",
        options.max_error,
        f64::MAX,
        "it must not be negative",
    )?;
    fraction(
        "min_agreement",
        options.min_agreement,
        1.0,
        "it must be a fraction from 0 to 1",
    )?;
    fraction(
        "margin",
        options.margin,
        1000.0,
        "it must be a fraction from 0 to 1000",
    )
}

fn output_names(
    model: &FloatModel,
    spec: Option<&SchemaSpec>,
) -> Result<Vec<String>, QuantizeError> {
    let expected = model.outputs();
    match spec.map(|s| s.outputs.as_slice()) {
        Some(names) if !names.is_empty() => {
            if names.len() != expected {
                return Err(SchemaError::Outputs {
                    expected,
                    got: names.len(),
                }
                .into());
            }
            Ok(names.to_vec())
        }
        _ => Ok((0..expected).map(|i| format!("y{i}")).collect()),
    }
}

impl Samples {
    fn new(
        model: &FloatModel,
        data: &Dataset,
        input: &crate::integer::InputSchema,
        digit_bits: u32,
    ) -> Result<Self, QuantizeError> {
        // Only the input side is needed to convert rows.
        let converter = IntegerModel {
            name: model.name.clone(),
            digit_bits,
            input: input.clone(),
            nodes: Vec::new(),
            output: Vec::new(),
        };
        let mut samples = Self {
            raw: Vec::new(),
            float: Vec::new(),
            outside: 0,
        };
        let mut first = None;
        for row in &data.x {
            match converter.raw_from_real(row) {
                Ok(raw) => {
                    let float = model.run(row)?;
                    if let Some(value) = float.outputs().iter().find(|v| !v.is_finite()) {
                        return Err(QuantizeError::NotFinite { value: *value });
                    }
                    samples.raw.push(raw);
                    samples.float.push(float);
                }
                Err(error) => {
                    samples.outside += 1;
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            Some(first) if samples.raw.is_empty() => Err(QuantizeError::NoRows {
                rows: data.x.len(),
                first,
            }),
            _ => Ok(samples),
        }
    }
}
