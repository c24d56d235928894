//! The accuracy report: float against integer, in numbers (`report.json`) and on one page
//! (`report.html`).

mod bars;
mod circuit;
mod class;
mod html;
mod nodes;
mod whole_box;

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::graph::FloatGraph;
use crate::integer::IntegerModel;
use crate::quantize::{Draft, QuantizeError, Samples};

pub use circuit::{CircuitReport, Estimate};
pub(crate) use class::Judge;
pub use nodes::NodeReport;
pub(crate) use whole_box::BoxPoints;
pub use whole_box::BoxReport;

/// Points of the scatter plot that the report keeps.
const MAX_POINTS: usize = 600;
/// Most points of the whole box that are compared.
const MAX_BOX_POINTS: usize = 500;
/// Fewest.
const MIN_BOX_POINTS: usize = 50;
/// Multiplications that the comparison may take, for more than the fewest.
const BOX_WORK: u64 = 2_000_000_000;

/// How well an integer model reproduces its float model on the calibration data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this structure.
    pub version: u32,
    /// The model's name.
    pub model: String,
    /// Digit width chosen.
    pub digit_bits: u32,
    /// Digits per input.
    pub input_digits: u32,
    /// Calibration rows used.
    pub rows: usize,
    /// Calibration rows outside the domain box, left out.
    pub rows_outside_domain: usize,
    /// Calibration rows inside it that were left out because the model is large.
    pub rows_skipped: usize,
    /// What was asked for.
    pub targets: Targets,
    /// Rule that makes a class of the outputs.
    pub class_rule: String,
    /// Part of the rows whose class agrees with the float model, 0 to 1.
    pub agreement: f64,
    /// Largest minus smallest float output; errors in percent refer to it.
    pub output_range: f64,
    /// Absolute errors in the model's units.
    pub error: ErrorStats,
    /// The same in percent of [`Self::output_range`].
    pub error_percent: ErrorStats,
    /// Standard error of the mean over the rows, in percent of [`Self::output_range`].
    #[serde(default)]
    pub mean_standard_error_percent: f64,
    /// Largest difference between this crate's float executor and the outputs `y` that came
    /// with the data, relative to the output range; absent without `y`.
    pub golden_difference: Option<f64>,
    /// Every digit width tried, in order.
    pub attempts: Vec<Attempt>,
    /// Inputs.
    pub features: Vec<FeatureReport>,
    /// Outputs.
    pub outputs: Vec<OutputReport>,
    /// Nodes of the integer model.
    pub nodes: Vec<NodeReport>,
    /// Points spread over the whole domain box, far beyond the calibration data.
    pub whole_box: BoxReport,
    /// `[output, float, integer]` of evenly chosen rows, for the plot.
    pub points: Vec<(usize, f64, f64)>,
    /// Histogram of signed errors.
    pub histogram: Histogram,
    /// The circuit, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<CircuitReport>,
}

/// What accuracy was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// Largest mean absolute error, as part of the output range.
    pub max_error: f64,
    /// Least agreement, 0 to 1.
    pub min_agreement: f64,
    /// Standard errors by which the mean error must lie below its limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub standard_errors: f64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// One digit width that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Digit width.
    pub digit_bits: u32,
    /// Mean absolute error in percent of the output range.
    pub mean_error_percent: f64,
    /// Class agreement, 0 to 1.
    pub agreement: f64,
    /// Whether both targets were reached.
    pub reached: bool,
    /// log2 of the circuit's rows, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u32>,
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} bits with mean error {:.3} % and agreement {:.2} %",
            self.digit_bits,
            self.mean_error_percent,
            self.agreement * 100.0
        )
    }
}

/// Distribution of absolute errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorStats {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// One input feature, in the model's units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// Name.
    pub name: String,
    /// Decimals of the raw integer.
    pub decimals: u8,
    /// Lower end of the domain box.
    pub lo: f64,
    /// Upper end of the domain box.
    pub hi: f64,
    /// Smallest calibrated value.
    pub seen_lo: f64,
    /// Largest calibrated value.
    pub seen_hi: f64,
    /// Part of the box between them, 0 to 1: where the report speaks for the model.
    pub coverage: f64,
}

/// One output, in the model's units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputReport {
    /// Name.
    pub name: String,
    /// Units per digit.
    pub step: f64,
    /// Smallest value that can be answered.
    pub min: f64,
    /// Largest value that can be answered.
    pub max: f64,
}

/// Counts of equal bins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Left end of the first bin.
    pub lo: f64,
    /// Right end of the last bin.
    pub hi: f64,
    /// Values per bin.
    pub counts: Vec<u64>,
}

impl ErrorStats {
    fn new(mut errors: Vec<f64>) -> Self {
        errors.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let index = (errors.len() as f64 * q).ceil() as usize;
            errors.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self {
            mean: errors.iter().sum::<f64>() / errors.len().max(1) as f64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        }
    }

    fn scaled(&self, factor: f64) -> Self {
        Self {
            mean: self.mean * factor,
            p50: self.p50 * factor,
            p90: self.p90 * factor,
            p99: self.p99 * factor,
            max: self.max * factor,
        }
    }
}

impl Report {
    /// Runs both models on every sample and compares; `ranges` are the float values that each
    /// integer node stands for.
    pub(crate) fn new(
        draft: &Draft<'_>,
        integer: &IntegerModel,
        ranges: &[Option<(f64, f64)>],
        data: &Dataset,
        samples: &Samples,
        targets: &Targets,
    ) -> Result<Self, QuantizeError> {
        let graph = draft.graph;
        let judge = Judge::new(draft);
        let mut tally = nodes::Tally::new(integer, ranges);
        let mut pairs = Vec::new();
        let mut row_errors = Vec::with_capacity(samples.raw.len());
        let mut agreeing = 0usize;
        for (raw, float) in samples.raw.iter().zip(&samples.float) {
            let trace = integer.run(raw)?;
            tally.add(&trace);
            let fields = integer.output.iter().zip(trace.outputs());
            let answer: Vec<f64> = fields.map(|(field, raw)| field.real(*raw)).collect();
            agreeing += usize::from(judge.agree(&answer, float));
            let scores = judge.scores(&answer, float).enumerate();
            let before = pairs.len();
            pairs.extend(scores.map(|(output, (answer, float))| (output, float, answer)));
            let own = pairs[before..]
                .iter()
                .map(|(_, a, b): &(_, f64, f64)| (a - b).abs());
            row_errors.push(own.sum::<f64>() / (pairs.len() - before).max(1) as f64);
        }
        let values = || pairs.iter().map(|(_, float, _)| *float);
        let range = span(values());
        let error = ErrorStats::new(pairs.iter().map(|(_, a, b)| (a - b).abs()).collect());
        let stride = pairs.len().div_ceil(MAX_POINTS).max(1);
        let points = (BOX_WORK / samples.work.max(1)) as usize;
        let points = points.clamp(MIN_BOX_POINTS, MAX_BOX_POINTS);
        Ok(Self {
            version: 2,
            model: integer.name.clone(),
            digit_bits: integer.digit_bits,
            input_digits: integer.input.digits,
            rows: samples.raw.len(),
            rows_outside_domain: samples.outside,
            rows_skipped: samples.skipped,
            targets: targets.clone(),
            class_rule: judge.describe(),
            agreement: agreeing as f64 / samples.raw.len().max(1) as f64,
            output_range: range,
            error,
            error_percent: error.scaled(100.0 / range),
            mean_standard_error_percent: standard_error(&row_errors) * 100.0 / range,
            golden_difference: golden(graph, data, samples)?.map(|difference| difference / range),
            attempts: Vec::new(),
            features: features(integer, data),
            outputs: outputs(integer),
            nodes: tally.finish(),
            whole_box: BoxPoints::new(graph, &integer.input, points)?
                .compare(integer, &judge, range)?,
            histogram: Histogram::new(pairs.iter().map(|(_, a, b)| b - a)),
            points: pairs.into_iter().step_by(stride).collect(),
            circuit: None,
        })
    }

    /// The line that [`Report::attempts`] keeps of this report.
    pub(crate) fn attempt(&self) -> Attempt {
        Attempt {
            digit_bits: self.digit_bits,
            mean_error_percent: self.error_percent.mean,
            agreement: self.agreement,
            reached: self.error_percent.mean
                + self.targets.standard_errors * self.mean_standard_error_percent
                <= self.targets.max_error * 100.0
                && self.agreement >= self.targets.min_agreement,
            k: None,
        }
    }

    pub(crate) fn with_attempts(self, attempts: Vec<Attempt>) -> Self {
        Self { attempts, ..self }
    }

    /// Says what was asked for, where the search was for a little more.
    pub(crate) fn with_targets(self, targets: Targets) -> Self {
        Self { targets, ..self }
    }

    /// Takes in what the circuit takes; `rows` are those of the model's first nodes, in order.
    pub fn with_circuit(mut self, circuit: CircuitReport, rows: &[Option<u64>]) -> Self {
        for (node, rows) in self.nodes.iter_mut().zip(rows) {
            node.rows = *rows;
        }
        self.circuit = Some(circuit);
        self
    }

    /// A page that stands alone: tables and inline drawings, no script, nothing loaded.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

/// Standard error of the mean of independent `values`; 0 of fewer than two.
fn standard_error(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (count - 1.0) / count).sqrt()
}

/// Largest minus smallest; 1 where there is no difference to refer errors to.
pub(crate) fn span(values: impl Iterator<Item = f64>) -> f64 {
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| {
        (lo.min(v), hi.max(v))
    });
    if hi > lo { hi - lo } else { 1.0 }
}

/// Largest difference between our float executor and the outputs that came with the data.
fn golden(
    graph: &FloatGraph,
    data: &Dataset,
    samples: &Samples,
) -> Result<Option<f64>, QuantizeError> {
    let Some(y) = &data.y else { return Ok(None) };
    if let Some(row) = y.iter().find(|row| row.len() != graph.outputs.len()) {
        return Err(QuantizeError::Golden {
            expected: graph.outputs.len(),
            got: row.len(),
        });
    }
    let rows = samples.rows.iter().zip(&samples.float);
    let differences = rows.flat_map(|(row, ours)| {
        let golden = y[*row].iter();
        ours.iter()
            .zip(golden)
            .map(|(ours, golden)| (ours - golden).abs())
    });
    Ok(Some(differences.fold(0.0, f64::max)))
}

fn features(integer: &IntegerModel, data: &Dataset) -> Vec<FeatureReport> {
    let describe = |(index, feature): (usize, &crate::integer::Feature)| {
        let unit = 10f64.powi(i32::from(feature.decimals));
        let (lo, hi) = (f64::from(feature.lo) / unit, f64::from(feature.hi) / unit);
        let column = || data.x.iter().map(|row| row[index]);
        let seen_lo = column().fold(f64::INFINITY, f64::min);
        let seen_hi = column().fold(f64::NEG_INFINITY, f64::max);
        let inside = (seen_hi.min(hi) - seen_lo.max(lo)).max(0.0);
        FeatureReport {
            name: feature.name.clone(),
            decimals: feature.decimals,
            lo,
            hi,
            seen_lo,
            seen_hi,
            coverage: if hi > lo { inside / (hi - lo) } else { 1.0 },
        }
    };
    integer
        .input
        .features
        .iter()
        .enumerate()
        .map(describe)
        .collect()
}

fn outputs(integer: &IntegerModel) -> Vec<OutputReport> {
    integer
        .output
        .iter()
        .map(|field| OutputReport {
            name: field.name.clone(),
            step: field.step(),
            min: field.real(0),
            max: field.real((1 << (field.digits * integer.digit_bits)) - 1),
        })
        .collect()
}

impl Histogram {
    const BINS: usize = 41;

    /// Bins symmetric around zero, wide enough for all values.
    fn new(values: impl Iterator<Item = f64> + Clone) -> Self {
        let reach = values.clone().fold(0.0f64, |m, v| m.max(v.abs()));
        let reach = if reach > 0.0 { reach } else { 1.0 };
        let mut counts = vec![0; Self::BINS];
        for value in values {
            let at = (value + reach) / (2.0 * reach) * Self::BINS as f64;
            counts[(at as usize).min(Self::BINS - 1)] += 1;
        }
        Self {
            lo: -reach,
            hi: reach,
            counts,
        }
    }
}
