//! Post-training quantization: a float graph and calibration data become an integer model.
//!
//! ```text
//! FloatGraph ─ net ────▶ the same function, of fewer and simpler nodes
//!            ─ samples ▶ what every value is on the calibration rows
//!            ─ scales ─▶ what a digit of every value stands for
//!            ─ emit ───▶ integer weights, biases corrected on the rows
//!            ─ search ─▶ the best of a few choices of scales
//! ```
//! Real scales live in the integer weights, so every unit has its own activation scale at no
//! cost. Inputs stay the caller's raw fixed-point digits: the first layer's weights carry
//! `10^−decimals · 2^(t d)` for digit `d`, so input scaling is part of what is proved.

mod emit;
pub mod heads;
mod net;
mod samples;
mod scales;
mod search;
pub mod trees;

use std::borrow::Cow;

use crate::data::Dataset;
use crate::float::FloatError;
use crate::graph::{FloatGraph, Task};
use crate::integer::{InputSchema, IntegerModel, MAX_DIGIT_BITS, MIN_DIGIT_BITS, ModelError};
use crate::report::{Attempt, Report, Targets};
use crate::schema::{Precision, SchemaError, SchemaSpec, input_schema};
use heads::{Head, HeadError};
use net::{Net, Style};
pub(crate) use samples::Samples;
use search::{Search, SearchError};
use trees::TreesError;

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
    /// What the model answers.
    pub head: Head,
    /// Whether [`IntegerModel::with_private_weights`] follows: one bias per filter then, weights of
    /// few digits, and no exact sum of a layer that a decision reads, for its coefficients would
    /// be public.
    pub private_weights: bool,
    /// Whether [`IntegerModel::with_private_inputs`] follows: inputs beyond the box then flow
    /// through the model too, as far as a slot holds them.
    pub private_inputs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            digit_bits: None,
            max_error: 0.005,
            min_agreement: 0.99,
            margin: 0.5,
            schema: None,
            head: Head::Score,
            private_weights: false,
            private_inputs: false,
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
    /// A node that integers cannot compute.
    #[error("node `{node}`: {what}")]
    Operator {
        /// Its name.
        node: String,
        /// What is wrong.
        what: &'static str,
    },
    /// An ensemble that cannot be made of integers.
    #[error(transparent)]
    Trees(#[from] TreesError),
    /// An answer that the model cannot give.
    #[error(transparent)]
    Head(#[from] HeadError),
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

/// What is fixed before scales are chosen.
pub(crate) struct Draft<'g> {
    pub(crate) graph: &'g FloatGraph,
    pub(crate) input: InputSchema,
    /// Names of the scores that are answered.
    pub(crate) outputs: Vec<String>,
    /// How the answer is taken from the graph.
    pub(crate) head: heads::Plan,
    /// What was asked for.
    pub(crate) answers: Head,
    pub(crate) digit_bits: u32,
    /// Whether weights become private.
    pub(crate) private: bool,
    /// Whether inputs do.
    pub(crate) private_inputs: bool,
}

/// What a model takes to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// log2 of the circuit's rows: what time and memory follow.
    pub k: u32,
    /// Rows in use.
    pub rows: usize,
}

/// Says what a model takes to prove; `None` where no circuit holds it. The circuit's crate
/// knows, which this one does not import.
pub type Sizer<'a> = &'a dyn Fn(&IntegerModel) -> Option<Size>;

/// Quantizes `graph` with the scales that `data` suggests, at the fewest bits per digit that
/// reach the accuracy targets.
///
/// Deterministic: the same graph, data and options give the same integers.
///
/// # Errors
/// See [`QuantizeError`]; in particular when no digit width reaches the accuracy targets.
pub fn quantize<'g>(
    graph: impl Into<Cow<'g, FloatGraph>>,
    data: &Dataset,
    options: &Options,
) -> Result<(IntegerModel, Report), QuantizeError> {
    guarded(graph.into().as_ref(), data, options, None)
}

/// [`quantize`], where of the models that reach the targets the smallest circuit wins: wider
/// digits where they save digits per input, smaller private weights where these save a doubling.
///
/// # Errors
/// See [`quantize`].
pub fn quantize_smallest<'g>(
    graph: impl Into<Cow<'g, FloatGraph>>,
    data: &Dataset,
    options: &Options,
    size: Sizer<'_>,
) -> Result<(IntegerModel, Report), QuantizeError> {
    guarded(graph.into().as_ref(), data, options, Some(size))
}

/// Part of the rows allowed to disagree that is left for rows that the calibration does not have.
const GUARD: f64 = 0.25;
/// The same of the mean error, which moves less from one set of rows to another.
const ERROR_GUARD: f64 = 0.15;
/// And the standard errors by which the mean lies below that: few rows of very different errors
/// say little of their mean.
const STANDARD_ERRORS: f64 = 2.0;

/// Chooses the width for accuracy a little beyond the targets, because rows to come differ from
/// the calibrated ones; where no width reaches that, for the targets themselves.
fn guarded(
    graph: &FloatGraph,
    data: &Dataset,
    options: &Options,
    size: Option<Sizer<'_>>,
) -> Result<(IntegerModel, Report), QuantizeError> {
    let nominal = Targets {
        max_error: options.max_error,
        min_agreement: options.min_agreement,
        standard_errors: 0.0,
    };
    // Targets that ask for nothing are not made stricter.
    let stricter = options.digit_bits.is_none() && options.min_agreement > 0.5;
    if stricter {
        // A single row is no sign of anything.
        let one = 1.0 / data.x.len().max(1) as f64;
        let others = ((1.0 - nominal.min_agreement) * (1.0 - GUARD)).max(one);
        let inner = Targets {
            max_error: nominal.max_error * (1.0 - ERROR_GUARD),
            min_agreement: nominal.min_agreement.max(1.0 - others),
            standard_errors: STANDARD_ERRORS,
        };
        match widths(graph, data, options, &inner, size) {
            Ok((model, report)) => return Ok((model, report.with_targets(nominal))),
            Err(QuantizeError::Accuracy { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    widths(graph, data, options, &nominal, size)
}

/// A model that reaches the targets.
struct Reached {
    model: IntegerModel,
    report: Report,
    /// Its place among the attempts.
    attempt: usize,
    /// What it takes, once another model might take less.
    size: Option<Option<Size>>,
}

impl Reached {
    /// Whether a model of these inputs may be smaller: it has fewer of their digits, and a look-up
    /// table that fits.
    fn leaves_room(&mut self, input: &InputSchema, digit_bits: u32, size: Sizer<'_>) -> bool {
        if input.digits >= self.model.input.digits {
            return false;
        }
        let own = *self.size.get_or_insert_with(|| size(&self.model));
        own.is_none_or(|own| digit_bits < own.k)
    }
}

fn widths(
    graph: &FloatGraph,
    data: &Dataset,
    options: &Options,
    targets: &Targets,
    size: Option<Sizer<'_>>,
) -> Result<(IntegerModel, Report), QuantizeError> {
    check(options)?;
    // Scales are chosen by what was asked for: beyond it, they had better serve the whole box.
    let nominal = Targets {
        max_error: options.max_error,
        min_agreement: options.min_agreement,
        standard_errors: 0.0,
    };
    let widths = match options.digit_bits {
        Some(bits) => bits..=bits,
        None => AUTOMATIC_DIGIT_BITS,
    };
    let answers = answers(graph, &options.head);
    let head = heads::plan(graph, &answers)?;
    let style = Style {
        two_sided: true,
        raw_products: false,
        exact_decisions: !options.private_weights,
    };
    let net = Net::new(graph, head.scores(), &head.wires(), style)?;
    let precisions: &[Precision] = match net.has_trees() {
        // Comparisons are as exact as the inputs.
        true => &[Precision::Exact],
        false => &[Precision::OneDigit, Precision::Fine],
    };
    let channels = net.feature_channels();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut best: Option<Reached> = None;
    let mut failure = None;
    for digit_bits in widths {
        let mut tried: Option<InputSchema> = None;
        for precision in precisions {
            let input = input_schema(
                options.schema.as_ref(),
                data,
                graph.features,
                options.margin,
                digit_bits,
                &channels,
                *precision,
            )?;
            if tried.as_ref() == Some(&input) {
                continue;
            }
            tried = Some(input.clone());
            if let (Some(best), Some(size)) = (&mut best, size)
                && !best.leaves_room(&input, digit_bits, size)
            {
                continue;
            }
            let draft = Draft {
                graph,
                outputs: output_names(head.scores().len(), options.schema.as_ref())?,
                head: head.clone(),
                answers: answers.clone(),
                input,
                digit_bits,
                private: options.private_weights,
                private_inputs: options.private_inputs,
            };
            // A width that cannot prove the whole box may be followed by one that can.
            let (model, report) = match attempt(&draft, data, &nominal, targets, size) {
                Ok(made) => made,
                Err(error) => {
                    failure = Some(error);
                    continue;
                }
            };
            attempts.push(report.attempt());
            if !report.attempt().reached {
                continue;
            }
            let Some(size) = size else {
                return Ok((model, report.with_attempts(attempts)));
            };
            let mut reached = Reached {
                model,
                report,
                attempt: attempts.len() - 1,
                size: None,
            };
            best = Some(match best.take() {
                None => reached,
                Some(best) => {
                    let own = size(&reached.model);
                    reached.size = Some(own);
                    let other = best.size.flatten();
                    let k = |size: Option<Size>| size.map_or(u32::MAX, |size| size.k);
                    for (attempt, size) in [(reached.attempt, own), (best.attempt, other)] {
                        attempts[attempt].k = size.map(|size| size.k);
                    }
                    if k(own) < k(other) { reached } else { best }
                }
            });
        }
    }
    if let Some(best) = best {
        return Ok((best.model, best.report.with_attempts(attempts)));
    }
    let best = attempts
        .into_iter()
        .min_by(|a, b| a.mean_error_percent.total_cmp(&b.mean_error_percent));
    match (best, failure) {
        (Some(best), _) => Err(QuantizeError::Accuracy {
            targets: targets.clone(),
            best: Box::new(best),
        }),
        (None, Some(error)) => Err(error),
        (None, None) => Err(bad_width(options)),
    }
}

/// Bits of a raw feature that products may read as it is: of more, the exact sums would need
/// too many digits.
const RAW_PRODUCT_BITS: u32 = 16;

/// The best model of one digit width and input schema.
fn attempt(
    draft: &Draft<'_>,
    data: &Dataset,
    targets: &Targets,
    accepted: &Targets,
    size: Option<Sizer<'_>>,
) -> Result<(IntegerModel, Report), QuantizeError> {
    let mut style = Style {
        two_sided: true,
        raw_products: draft.input.digits * draft.digit_bits <= RAW_PRODUCT_BITS,
        exact_decisions: !draft.private,
    };
    let net = |style| Net::new(draft.graph, draft.head.scores(), &draft.head.wires(), style);
    let first = net(style)?;
    let samples = Samples::new(draft.graph, &first, data, &draft.input, draft.digit_bits)?;
    let mut made = Search::new(draft, &first, &samples)?.best(targets, size);
    if let Err(SearchError::Uncut) = made {
        // Two-sided clamps as tables, which no scale can be too coarse for.
        style.two_sided = false;
        made = Search::new(draft, &net(style)?, &samples)?.best(targets, size);
    }
    let made = match made {
        Ok(made) => made,
        Err(SearchError::Other(error)) => return Err(error),
        Err(SearchError::Uncut) => {
            return Err(ModelError::Malformed {
                model: draft.graph.name.clone(),
                what: "a clamp is too narrow for what it clamps; narrow the domain box".into(),
            }
            .into());
        }
    };
    let report = Report::new(draft, &made.model, &made.ranges, data, &samples, accepted)?;
    Ok((made.model, report))
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

/// A model whose output is a class number answers with it.
fn answers(graph: &FloatGraph, head: &Head) -> Head {
    match (graph.task, head) {
        (Task::Class, Head::Score) => Head::Class,
        _ => head.clone(),
    }
}

fn output_names(expected: usize, spec: Option<&SchemaSpec>) -> Result<Vec<String>, QuantizeError> {
    match spec.map(|s| s.outputs.as_slice()) {
        Some(names) if !names.is_empty() && expected > 0 => {
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
