//! Calibration rows inside the box, as both models see them.

use super::QuantizeError;
use super::net::Net;
use super::scales::Seen;
use crate::data::Dataset;
use crate::graph::FloatGraph;
use crate::integer::{InputSchema, IntegerModel};

/// Multiplications that running the float model on the calibration rows may take; beyond it
/// rows are left out evenly, down to [`LEAST_ROWS`].
const WORK: u64 = 20_000_000_000;
/// Rows that are always used.
const LEAST_ROWS: usize = 256;

/// Calibration rows inside the box.
pub(crate) struct Samples {
    /// Raw fixed-point inputs.
    pub(crate) raw: Vec<Vec<i64>>,
    /// The float model's outputs for the unrounded inputs.
    pub(crate) float: Vec<Vec<f64>>,
    /// Rows of the data that lie outside the box and were left out.
    pub(crate) outside: usize,
    /// Rows inside the box that were left out because the model is large.
    pub(crate) skipped: usize,
    /// Per kept row, its position in the data.
    pub(crate) rows: Vec<usize>,
    /// Multiplications that one row takes, about.
    pub(crate) work: u64,
    /// What a raw 1 stands for, per feature.
    steps: Vec<f64>,
}

impl Samples {
    pub(super) fn new(
        graph: &FloatGraph,
        net: &Net,
        data: &Dataset,
        input: &InputSchema,
        digit_bits: u32,
    ) -> Result<Self, QuantizeError> {
        // Only the input side is needed to convert rows.
        let converter = IntegerModel {
            name: graph.name.clone(),
            digit_bits,
            input: input.clone(),
            nodes: Vec::new(),
            output: Vec::new(),
            privacy: Default::default(),
        };
        let mut inside = Vec::new();
        let mut outside = 0;
        let mut first = None;
        for (index, row) in data.x.iter().enumerate() {
            match converter.raw_from_real(row) {
                Ok(raw) => inside.push((index, raw)),
                Err(error) => {
                    outside += 1;
                    first.get_or_insert(error);
                }
            }
        }
        if let (Some(first), true) = (first, inside.is_empty()) {
            return Err(QuantizeError::NoRows {
                rows: data.x.len(),
                first,
            });
        }
        let room = (WORK / net.work().max(1)) as usize;
        let stride = inside.len().div_ceil(room.max(LEAST_ROWS)).max(1);
        let mut samples = Self {
            raw: Vec::new(),
            float: Vec::new(),
            outside,
            skipped: inside.len(),
            rows: Vec::new(),
            work: net.work(),
            steps: (input.features.iter())
                .map(|feature| 10f64.powi(feature.decimals.into()))
                .collect(),
        };
        for (index, raw) in inside.into_iter().step_by(stride) {
            let float = graph.run(&data.x[index])?.outputs;
            if let Some(value) = float.iter().find(|v| !v.is_finite()) {
                return Err(QuantizeError::NotFinite { value: *value });
            }
            samples.raw.push(raw);
            samples.float.push(float);
            samples.rows.push(index);
        }
        samples.skipped -= samples.rows.len();
        Ok(samples)
    }

    /// The values that raw inputs stand for. What the integer model makes of them is corrected
    /// against the network on these: rounding of the inputs is not its error, and next to a
    /// threshold it would be a large one.
    fn read(&self, at: usize) -> Vec<f64> {
        let raw = self.raw[at].iter().zip(&self.steps);
        raw.map(|(raw, step)| *raw as f64 / step).collect()
    }

    /// Calibrated ranges of the network's variables.
    pub(super) fn seen(&self, net: &Net) -> Seen {
        let mut seen = Seen::new(net.vars as usize);
        for at in 0..self.raw.len() {
            seen.add(&net.run(&self.read(at)));
        }
        seen
    }

    /// Linear values of the network's variables on some of the kept rows.
    pub(super) fn linear(&self, net: &Net, picked: &[usize]) -> Vec<Vec<f32>> {
        let rows = picked.iter().map(|at| net.run(&self.read(*at)).linear);
        rows.map(|linear| linear.into_iter().map(|v| v as f32).collect())
            .collect()
    }
}
