//! The domain box: real values to raw integers, and what a layer can reach over the whole box.

use crate::integer::{Dense, IntegerModel, ModelError};

impl Dense {
    /// Interval of `u = b + W x` per unit, for activations inside `x`.
    pub(crate) fn accumulator_bounds(&self, x: &[(i64, i64)]) -> Vec<(i64, i64)> {
        self.weights
            .iter()
            .zip(&self.bias)
            .map(|(row, bias)| {
                row.iter()
                    .zip(x)
                    .fold((*bias, *bias), |(lo, hi), (w, (a, b))| {
                        (lo + (w * a).min(w * b), hi + (w * a).max(w * b))
                    })
            })
            .collect()
    }

    /// Interval of each unit's activation, for accumulators inside `u`.
    pub(crate) fn activation_bounds(&self, u: &[(i64, i64)], digit_bits: u32) -> Vec<(i64, i64)> {
        let max = (1i64 << digit_bits) - 1;
        let digit = |u: &i64| (u >> digit_bits).clamp(0, max);
        u.iter()
            .map(|(lo, hi)| (digit(lo), digit(hi)))
            .map(|(lo, hi)| match &self.table {
                None => (lo, hi),
                Some(table) => table.values[lo as usize..=hi as usize]
                    .iter()
                    .map(|v| i64::from(*v))
                    .fold((max, 0), |(lo, hi), v| (lo.min(v), hi.max(v))),
            })
            .collect()
    }
}

impl IntegerModel {
    /// Largest value of every input digit over the box, in the order of [`Self::digits`].
    ///
    /// All digits reach `M` except the high ones of features narrower than their slot.
    pub fn digit_bounds(&self) -> Vec<u32> {
        let max = i64::from(self.max_digit());
        self.input
            .features
            .iter()
            .flat_map(|feature| {
                let width = i64::from(feature.hi) - i64::from(feature.lo);
                (0..self.input.digits)
                    .map(move |digit| (width >> (digit * self.digit_bits)).min(max) as u32)
            })
            .collect()
    }

    /// Per layer and unit, an interval that holds `u = b + W x` for every input of the box.
    ///
    /// By interval propagation, so it may be wider than what is reachable but never narrower.
    /// Expects a model that passes [`Self::validate`].
    pub fn bounds(&self) -> Vec<Vec<(i64, i64)>> {
        let mut x: Vec<(i64, i64)> = self
            .digit_bounds()
            .into_iter()
            .map(|hi| (0, i64::from(hi)))
            .collect();
        let mut all = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let u = layer.accumulator_bounds(&x);
            x = layer.activation_bounds(&u, self.digit_bits);
            all.push(u);
        }
        all
    }

    /// Largest |u| that the machine can requantize and saturate: `2^(3t) − 2^t`.
    pub fn accumulator_limit(&self) -> i64 {
        (1 << (3 * self.digit_bits)) - (1 << self.digit_bits)
    }

    /// Checks that every input of the box has a proof: no unit leaves [`Self::accumulator_limit`].
    ///
    /// # Errors
    /// [`ModelError::Unprovable`] names the first unit that may leave it.
    pub fn check_complete(&self) -> Result<(), ModelError> {
        let limit = self.accumulator_limit();
        for (layer, bounds) in self.layers.iter().zip(self.bounds()) {
            for (unit, (lo, hi)) in bounds.into_iter().enumerate() {
                if lo < -limit || hi > limit {
                    return Err(ModelError::Unprovable {
                        layer: layer.name.clone(),
                        unit,
                        lo,
                        hi,
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    /// Raw fixed-point integers of real values: `round(value × 10^decimals)`, half away from zero.
    ///
    /// Decimals beyond a feature's are rounded away; that is the documented precision of the
    /// model's input.
    ///
    /// # Errors
    /// Wrong length, NaN or infinite values, or values outside the box; the feature is named.
    pub fn raw_from_real(&self, values: &[f64]) -> Result<Vec<i64>, ModelError> {
        let features = &self.input.features;
        if values.len() != features.len() {
            return Err(ModelError::InputLength {
                expected: features.len(),
                got: values.len(),
            });
        }
        let raw: Vec<i64> = features
            .iter()
            .zip(values)
            .enumerate()
            .map(|(index, (feature, value))| {
                if !value.is_finite() {
                    return Err(ModelError::NotFinite {
                        index,
                        name: feature.name.clone(),
                        value: value.to_string(),
                    });
                }
                // `as` saturates: what does not fit i64 is outside every box.
                Ok((value * 10f64.powi(i32::from(feature.decimals))).round() as i64)
            })
            .collect::<Result<_, _>>()?;
        self.digits(&raw)?;
        Ok(raw)
    }

    /// Answer to real values, in the model's units: for people and reports.
    ///
    /// # Errors
    /// As [`Self::raw_from_real`].
    pub fn run_real(&self, values: &[f64]) -> Result<Vec<f64>, ModelError> {
        self.outputs_real(&self.raw_from_real(values)?)
    }

    /// Answer to raw integers, in the model's units.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn outputs_real(&self, raw: &[i64]) -> Result<Vec<f64>, ModelError> {
        let trace = self.run(raw)?;
        let fields = self.output.iter().zip(trace.outputs());
        Ok(fields.map(|(field, raw)| field.real(*raw)).collect())
    }

    /// The one byte form of the model that is hashed and stored: compact JSON, fields in
    /// declaration order.
    ///
    /// # Errors
    /// None for this type in practice; the serializer's error is passed on.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
