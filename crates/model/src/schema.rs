//! The input schema: names, decimals and domain box of each feature, given or calibrated.

use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::integer::{Feature, InputSchema};

/// Most decimals that are chosen automatically.
const MAX_DECIMALS: u8 = 9;
/// Rounding to fixed point may move a value by at most this part of the standard deviation …
const PRECISION: f64 = 1e-3;
/// … or this part, where it saves a whole digit per input.
const COARSE_PRECISION: f64 = 6e-3;

/// … or this part, where inputs are compared with thresholds …
const EXACT_PRECISION: f64 = 1e-4;
/// … or this part, where one digit per feature is enough.
const ONE_DIGIT_PRECISION: f64 = 2e-2;
/// Features from this many on may be one grid, such as the pixels of an image.
const GRID_FEATURES: usize = 32;

/// How finely features are told apart, where the user does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// One digit per feature, if decimals leave enough of every feature.
    OneDigit,
    /// As fine as the data, in as many digits as that takes.
    Fine,
    /// Finer still: comparisons of the inputs must come out as they do on the data.
    Exact,
}

/// What the user fixes about inputs and outputs; whatever is absent is calibrated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaSpec {
    /// One entry per feature, in input order.
    pub inputs: Vec<FeatureSpec>,
    /// Names of the outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
}

/// One feature of a [`SchemaSpec`], in the units that the float model takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// Name for error messages and documentation.
    pub name: String,
    /// Decimals of the fixed-point value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// Smallest value of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Largest value of the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
}

/// Why no schema can be made.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema file does not parse.
    #[error("the schema is not valid: {0}")]
    Parse(String),
    /// The schema or data describe another number of features than the model takes.
    #[error("the {what} has {got} features, the model takes {expected}")]
    Features {
        /// `schema` or `calibration data`.
        what: &'static str,
        /// Features of the model.
        expected: usize,
        /// Features described.
        got: usize,
    },
    /// The schema names another number of outputs than the model has.
    #[error("the schema names {got} outputs, the model has {expected}")]
    Outputs {
        /// Outputs of the model.
        expected: usize,
        /// Names given.
        got: usize,
    },
    /// A feature's box is empty, not finite or does not fit the contract's 32-bit integers.
    #[error("feature {index} `{name}`: {what}")]
    Feature {
        /// Position in the input.
        index: usize,
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        what: String,
    },
}

impl SchemaSpec {
    /// Parses `{"inputs": [{"name": …, "decimals": …, "lo": …, "hi": …}], "outputs": […]}`.
    ///
    /// # Errors
    /// [`SchemaError::Parse`] with the place.
    pub fn from_json(text: &[u8]) -> Result<Self, SchemaError> {
        serde_json::from_slice(text).map_err(|e| SchemaError::Parse(e.to_string()))
    }
}

/// Makes the schema of a model with `features` inputs for digits of `digit_bits`.
///
/// `margin` is the part of each calibrated range that is added on both sides of it; a
/// feature that is never negative keeps its lower end at or above zero. Features of one list of
/// `channels` get the same decimals and box, as do the features of a grid.
///
/// # Errors
/// A schema or data of another width, or a box that does not fit 32-bit integers.
pub fn input_schema(
    spec: Option<&SchemaSpec>,
    data: &Dataset,
    features: usize,
    margin: f64,
    digit_bits: u32,
    channels: &[Vec<usize>],
    precision: Precision,
) -> Result<InputSchema, SchemaError> {
    let wrong = |what, got| SchemaError::Features {
        what,
        expected: features,
        got,
    };
    if data.width() != features {
        return Err(wrong("calibration data", data.width()));
    }
    if let Some(spec) = spec
        && spec.inputs.len() != features
    {
        return Err(wrong("schema", spec.inputs.len()));
    }
    let mut columns: Vec<Column> = (0..features)
        .map(|index| Column::new(index, spec, data, margin, precision))
        .collect();
    let whole = grid(&columns, spec, data);
    for channel in channels.iter().chain(&whole) {
        pool(&mut columns, channel);
    }
    if precision == Precision::OneDigit {
        let most = (1i64 << digit_bits) - 1;
        if let Some(features) = one_digit(&columns, most)? {
            return Ok(InputSchema {
                digits: 1,
                features,
            });
        }
    }
    let mut boxes = columns
        .iter()
        .map(Column::feature)
        .collect::<Result<Vec<_>, _>>()?;
    // Dropping a decimal of the few widest features may save a digit on every feature.
    let widest = |boxes: &[Feature]| boxes.iter().map(width).max().unwrap_or(0);
    let digits = digit_count(widest(&boxes), digit_bits);
    let room = 1i64 << ((digits - 1).min(4) * digit_bits);
    let mut coarse = boxes.clone();
    for (column, feature) in columns.iter_mut().zip(&mut coarse) {
        if width(feature) >= room && column.may_drop_decimal(COARSE_PRECISION) {
            column.decimals -= 1;
            *feature = column.feature()?;
        }
    }
    if digits > 1 && widest(&coarse) < room && precision != Precision::Exact {
        boxes = coarse;
    }
    Ok(InputSchema {
        digits: digit_count(widest(&boxes), digit_bits),
        features: boxes,
    })
}

/// All features, if they look like the values of one grid: many, without names or bounds of
/// their own, most of them with the same smallest value and many with the same largest.
fn grid(columns: &[Column], spec: Option<&SchemaSpec>, data: &Dataset) -> Option<Vec<usize>> {
    if columns.len() < GRID_FEATURES || spec.is_some() || data.names.is_some() {
        return None;
    }
    let lo = columns.iter().map(|c| c.min).fold(f64::INFINITY, f64::min);
    let hi = columns
        .iter()
        .map(|c| c.max)
        .fold(f64::NEG_INFINITY, f64::max);
    let at_lo = columns.iter().filter(|c| c.min == lo).count();
    let near_hi = columns
        .iter()
        .filter(|c| c.max >= hi - 0.02 * (hi - lo))
        .count();
    let alike = at_lo * 2 >= columns.len() && near_hi * 4 >= columns.len();
    alike.then(|| (0..columns.len()).collect())
}

/// Gives features one box and one precision, as far as the user has not fixed them.
fn pool(columns: &mut [Column], features: &[usize]) {
    let all = || features.iter().filter_map(|index| columns.get(*index));
    let lo = all().map(|c| c.lo).fold(f64::INFINITY, f64::min);
    let hi = all().map(|c| c.hi).fold(f64::NEG_INFINITY, f64::max);
    let count = all().count().max(1) as f64;
    let variance = all().map(|c| c.deviation.powi(2)).sum::<f64>() / count;
    let fixed = all().filter(|c| c.fixed_decimals).map(|c| c.decimals).max();
    let decimals = fixed.or(all().map(|c| c.decimals).max()).unwrap_or(0);
    for index in features {
        if let Some(column) = columns.get_mut(*index) {
            column.deviation = variance.sqrt();
            if !column.fixed_decimals {
                column.decimals = decimals;
            }
            if !column.fixed_lo {
                column.lo = lo;
            }
            if !column.fixed_hi {
                column.hi = hi;
            }
        }
    }
}

/// The features in one digit each; `None` if that would be too coarse for one of them.
fn one_digit(columns: &[Column], most: i64) -> Result<Option<Vec<Feature>>, SchemaError> {
    let mut features = Vec::with_capacity(columns.len());
    for column in columns {
        let mut column = column.clone();
        let feature = loop {
            let feature = column.feature()?;
            if width(&feature) <= most {
                break feature;
            }
            if !column.may_drop_decimal(ONE_DIGIT_PRECISION) {
                return Ok(None);
            }
            column.decimals -= 1;
        };
        features.push(feature);
    }
    Ok(Some(features))
}

fn width(feature: &Feature) -> i64 {
    i64::from(feature.hi) - i64::from(feature.lo)
}

fn digit_count(width: i64, digit_bits: u32) -> u32 {
    (64 - width.leading_zeros()).div_ceil(digit_bits).max(1)
}

/// One calibrated feature.
#[derive(Clone)]
struct Column {
    index: usize,
    name: String,
    deviation: f64,
    decimals: u8,
    fixed_decimals: bool,
    /// Smallest and largest calibrated value.
    min: f64,
    max: f64,
    lo: f64,
    hi: f64,
    fixed_lo: bool,
    fixed_hi: bool,
}

impl Column {
    fn new(
        index: usize,
        spec: Option<&SchemaSpec>,
        data: &Dataset,
        margin: f64,
        precision: Precision,
    ) -> Self {
        let given = spec.and_then(|s| s.inputs.get(index));
        let values: Vec<f64> = data.x.iter().map(|row| row[index]).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A constant feature has no range of its own; its size stands in.
        let range = if max > min {
            max - min
        } else if max != 0.0 {
            max.abs()
        } else {
            1.0
        };
        let deviation = if max > min { variance.sqrt() } else { range };
        let natural = |lo: f64| if min >= 0.0 { lo.max(0.0) } else { lo };
        let name = given
            .map(|f| f.name.clone())
            .or_else(|| data.names.as_ref().and_then(|n| n.get(index).cloned()))
            .unwrap_or_else(|| format!("x{index}"));
        let fixed = given.and_then(|f| f.decimals);
        Self {
            index,
            name,
            deviation,
            decimals: fixed.unwrap_or_else(|| choose_decimals(&values, deviation, precision)),
            fixed_decimals: fixed.is_some(),
            min,
            max,
            fixed_lo: given.is_some_and(|f| f.lo.is_some()),
            fixed_hi: given.is_some_and(|f| f.hi.is_some()),
            lo: given
                .and_then(|f| f.lo)
                .unwrap_or_else(|| natural(min - margin * range)),
            hi: given.and_then(|f| f.hi).unwrap_or(max + margin * range),
        }
    }

    fn may_drop_decimal(&self, precision: f64) -> bool {
        let error = 0.5 / 10f64.powi(i32::from(self.decimals) - 1);
        !self.fixed_decimals && self.decimals > 0 && error <= precision * self.deviation
    }

    fn feature(&self) -> Result<Feature, SchemaError> {
        let fail = |what: String| {
            Err(SchemaError::Feature {
                index: self.index,
                name: self.name.clone(),
                what,
            })
        };
        if self.decimals > MAX_DECIMALS {
            return fail(format!(
                "{} decimals; at most {MAX_DECIMALS} are possible",
                self.decimals
            ));
        }
        if !(self.lo.is_finite() && self.hi.is_finite() && self.lo < self.hi) {
            return fail(format!(
                "box [{}, {}] is empty or not finite",
                self.lo, self.hi
            ));
        }
        let scale = 10f64.powi(i32::from(self.decimals));
        // Outwards, but not across a bound that is already a whole step.
        let (lo, hi) = (
            (self.lo * scale + 1e-6).floor(),
            (self.hi * scale - 1e-6).ceil(),
        );
        let fits = |v: f64| v >= f64::from(i32::MIN) && v <= f64::from(i32::MAX);
        if !fits(lo) || !fits(hi) {
            return fail(format!(
                "box [{}, {}] with {} decimals does not fit 32-bit integers; use fewer decimals \
                 or a larger unit",
                self.lo, self.hi, self.decimals
            ));
        }
        if lo >= hi {
            return fail(format!(
                "box [{}, {}] is a single value with {} decimals; use more decimals or a smaller \
                 unit",
                self.lo, self.hi, self.decimals
            ));
        }
        Ok(Feature {
            name: self.name.clone(),
            decimals: self.decimals,
            lo: lo as i32,
            hi: hi as i32,
        })
    }
}

/// Fewest decimals that are exact for all values, or precise enough for the deviation.
fn choose_decimals(values: &[f64], deviation: f64, precision: Precision) -> u8 {
    let share = match precision {
        Precision::OneDigit | Precision::Fine => PRECISION,
        Precision::Exact => EXACT_PRECISION,
    };
    let precise = |d: &u8| 0.5 / 10f64.powi(i32::from(*d)) <= share * deviation;
    let exact = |d: &u8| {
        let scale = 10f64.powi(i32::from(*d));
        // float32 data carry a relative error of 2^-24.
        values.iter().all(|v| {
            let v = v * scale;
            (v - v.round()).abs() <= 2e-7 * v.abs() + 1e-9
        })
    };
    (0..MAX_DECIMALS)
        .find(|d| precise(d) || exact(d))
        .unwrap_or(MAX_DECIMALS)
}
