//! Normalizes operators, in the order in which they are read, into a [`FloatModel`].
//!
//! Neighbouring linear operators (a scaler's Sub and Div, Gemm, MatMul, Add) become one
//! affine map in f64. So preprocessing ends up inside the first layer, and thereby inside
//! the circuit; nothing of the model is left to the caller.

use crate::float::{Activation, FloatError, FloatLayer, FloatModel, MAX_WEIGHTS, dot};

/// Affine map that still waits for an activation.
#[derive(Clone, Debug)]
enum Pending {
    /// `scale_i x_i + shift_i`: kept apart so that scalers cost no matrix.
    Diagonal { scale: Vec<f64>, shift: Vec<f64> },
    /// `weights x + bias`.
    Dense {
        weights: Vec<Vec<f64>>,
        bias: Vec<f64>,
    },
}

/// A network under construction.
#[derive(Clone, Debug)]
pub struct Chain {
    name: String,
    features: usize,
    pending: Pending,
    /// Node that gave the pending map its name.
    node: Option<String>,
    layers: Vec<FloatLayer>,
}

impl Chain {
    /// The identity on `features` values.
    pub fn new(name: impl Into<String>, features: usize) -> Self {
        Self {
            name: name.into(),
            features,
            pending: Pending::identity(features),
            node: None,
            layers: Vec::new(),
        }
    }

    /// Values that leave the chain so far.
    pub fn width(&self) -> usize {
        self.pending.width()
    }

    /// `x_i ← scale_i x_i + shift_i`.
    ///
    /// # Errors
    /// Lengths other than [`Self::width`], or numbers that are not finite.
    pub fn elementwise(
        &mut self,
        node: &str,
        scale: &[f64],
        shift: &[f64],
    ) -> Result<(), FloatError> {
        let got = self.width();
        for expected in [scale.len(), shift.len()] {
            if expected != got {
                return Err(FloatError::Width {
                    node: node.into(),
                    expected,
                    got,
                });
            }
        }
        finite(node, scale.iter().chain(shift))?;
        match &mut self.pending {
            Pending::Diagonal { scale: a, shift: b } => {
                for (unit, (a, b)) in a.iter_mut().zip(b.iter_mut()).enumerate() {
                    *a *= scale[unit];
                    *b = *b * scale[unit] + shift[unit];
                }
            }
            Pending::Dense { weights, bias } => {
                for (unit, (row, b)) in weights.iter_mut().zip(bias.iter_mut()).enumerate() {
                    row.iter_mut().for_each(|w| *w *= scale[unit]);
                    *b = *b * scale[unit] + shift[unit];
                }
            }
        }
        Ok(())
    }

    /// `x ← weights · x + bias`, with `weights[i][j]` of unit `i` and input `j`.
    ///
    /// # Errors
    /// Sizes that do not fit, numbers that are not finite, or a matrix that is too large.
    pub fn linear(
        &mut self,
        node: &str,
        weights: &[Vec<f64>],
        bias: &[f64],
    ) -> Result<(), FloatError> {
        let got = self.width();
        let width = |expected| FloatError::Width {
            node: node.into(),
            expected,
            got,
        };
        if weights.is_empty() {
            return Err(FloatError::Empty);
        }
        if bias.len() != weights.len() {
            return Err(width(bias.len()));
        }
        if let Some(row) = weights.iter().find(|row| row.len() != got) {
            return Err(width(row.len()));
        }
        finite(node, weights.iter().flatten().chain(bias))?;
        limit(node, weights.len(), self.pending.inputs())?;
        let dense = match &self.pending {
            Pending::Diagonal { scale, shift } => Pending::Dense {
                weights: weights
                    .iter()
                    .map(|row| row.iter().zip(scale).map(|(w, a)| w * a).collect())
                    .collect(),
                bias: weights
                    .iter()
                    .zip(bias)
                    .map(|(row, b)| b + dot(row, shift))
                    .collect(),
            },
            Pending::Dense {
                weights: inner,
                bias: inner_bias,
            } => Pending::Dense {
                weights: weights
                    .iter()
                    .map(|row| {
                        let mut out = vec![0.0; self.pending.inputs()];
                        for (w, inner) in row.iter().zip(inner) {
                            out.iter_mut().zip(inner).for_each(|(o, v)| *o += w * v);
                        }
                        out
                    })
                    .collect(),
                bias: weights
                    .iter()
                    .zip(bias)
                    .map(|(row, b)| b + dot(row, inner_bias))
                    .collect(),
            },
        };
        self.pending = dense;
        self.node = Some(node.into());
        Ok(())
    }

    /// Applies an activation and closes the pending affine map into a layer.
    ///
    /// On inputs, or behind another activation, the map is the identity. A ReLU behind a
    /// ReLU or a sigmoid changes nothing and is dropped.
    ///
    /// # Errors
    /// A matrix that is too large, or parameters that overflowed.
    pub fn activate(&mut self, node: &str, activation: Activation) -> Result<(), FloatError> {
        if activation == Activation::Relu
            && self.pending.is_identity()
            && self
                .layers
                .last()
                .is_some_and(|layer| layer.activation != Activation::Identity)
        {
            return Ok(());
        }
        self.close(node, activation)
    }

    /// The network; what is still pending becomes a linear last layer.
    ///
    /// # Errors
    /// As [`Self::activate`]; also a network without inputs or outputs.
    pub fn finish(mut self) -> Result<FloatModel, FloatError> {
        if self.features == 0 || self.width() == 0 {
            return Err(FloatError::Empty);
        }
        if self.layers.is_empty() || !self.pending.is_identity() {
            self.close("output", Activation::Identity)?;
        }
        Ok(FloatModel {
            name: self.name,
            features: self.features,
            layers: self.layers,
        })
    }

    fn close(&mut self, node: &str, activation: Activation) -> Result<(), FloatError> {
        let width = self.width();
        let name = self.node.take().unwrap_or_else(|| node.into());
        let (weights, bias) = match std::mem::replace(&mut self.pending, Pending::identity(width)) {
            Pending::Dense { weights, bias } => (weights, bias),
            Pending::Diagonal { scale, shift } => {
                limit(node, width, width)?;
                let diagonal = |i: usize| {
                    let mut row = vec![0.0; width];
                    row[i] = scale[i];
                    row
                };
                ((0..width).map(diagonal).collect(), shift)
            }
        };
        finite(&name, weights.iter().flatten().chain(&bias))?;
        self.layers.push(FloatLayer {
            name,
            weights,
            bias,
            activation,
        });
        Ok(())
    }
}

impl Pending {
    fn identity(width: usize) -> Self {
        Self::Diagonal {
            scale: vec![1.0; width],
            shift: vec![0.0; width],
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Diagonal { scale, .. } => scale.len(),
            Self::Dense { bias, .. } => bias.len(),
        }
    }

    fn inputs(&self) -> usize {
        match self {
            Self::Diagonal { scale, .. } => scale.len(),
            Self::Dense { weights, .. } => weights.first().map_or(0, Vec::len),
        }
    }

    fn is_identity(&self) -> bool {
        match self {
            Self::Diagonal { scale, shift } => {
                scale.iter().all(|a| *a == 1.0) && shift.iter().all(|b| *b == 0.0)
            }
            Self::Dense { .. } => false,
        }
    }
}

fn finite<'a>(node: &str, mut values: impl Iterator<Item = &'a f64>) -> Result<(), FloatError> {
    match values.find(|v| !v.is_finite()) {
        Some(value) => Err(FloatError::NotFinite {
            node: node.into(),
            value: *value,
        }),
        None => Ok(()),
    }
}

fn limit(node: &str, rows: usize, columns: usize) -> Result<(), FloatError> {
    match rows.checked_mul(columns) {
        Some(entries) if entries <= MAX_WEIGHTS => Ok(()),
        _ => Err(FloatError::TooLarge {
            node: node.into(),
            rows,
            columns,
        }),
    }
}
