//! The float network: the yardstick that a quantized model is measured against.
//!
//! An imported graph is normalized into a chain of layers `a(W x + b)` while it is read:
//! neighbouring linear operators (a scaler's Sub and Div, Gemm, MatMul, Add) become one
//! affine map in f64. So preprocessing ends up inside the first layer, and thereby inside
//! the circuit; nothing of the model is left to the caller.

/// Most entries one weight matrix may have; a limit on memory, not of the machine.
pub const MAX_WEIGHTS: usize = 1 << 24;

/// What follows an affine map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: only the last layer of a normalized chain has it.
    Identity,
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + e^−x)`.
    Sigmoid,
}

impl Activation {
    /// The function itself.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "linear",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// One layer `activation(weights · x + bias)`.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatLayer {
    /// Name of the node it came from.
    pub name: String,
    /// `weights[i][j]`: unit `i`, input `j`.
    pub weights: Vec<Vec<f64>>,
    /// Bias per unit.
    pub bias: Vec<f64>,
    /// Applied to every unit.
    pub activation: Activation,
}

/// A float network in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatModel {
    /// Name shown to people.
    pub name: String,
    /// Number of input features.
    pub features: usize,
    /// Layers in order; never empty.
    pub layers: Vec<FloatLayer>,
}

/// Every intermediate value of one float run.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTrace {
    /// Per layer, `weights · x + bias`.
    pub linear: Vec<Vec<f64>>,
    /// Per layer, after the activation.
    pub activations: Vec<Vec<f64>>,
}

impl FloatTrace {
    /// Activations of the last layer.
    pub fn outputs(&self) -> &[f64] {
        self.activations.last().map_or(&[], Vec::as_slice)
    }
}

/// Why a chain of operators is not a network that can be run.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum FloatError {
    /// Sizes of neighbouring operators disagree.
    #[error("`{node}` takes {expected} values, but {got} arrive")]
    Width {
        /// Where.
        node: String,
        /// Values it takes.
        expected: usize,
        /// Values that arrive.
        got: usize,
    },
    /// A weight became NaN or infinite.
    #[error("`{node}`: a weight or bias is {value}; every parameter must be finite")]
    NotFinite {
        /// Where.
        node: String,
        /// The offending value.
        value: f64,
    },
    /// The layer's matrix would not fit the memory limit.
    #[error(
        "`{node}`: a {rows} × {columns} weight matrix exceeds the limit of {MAX_WEIGHTS} entries"
    )]
    TooLarge {
        /// Where.
        node: String,
        /// Units.
        rows: usize,
        /// Inputs.
        columns: usize,
    },
    /// No inputs or no outputs.
    #[error("the network has no inputs or no outputs")]
    Empty,
}

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

/// Normalizes operators into a [`FloatModel`], one after the other.
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

impl FloatModel {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.bias.len())
    }

    /// Runs the network, keeping every intermediate value.
    ///
    /// # Errors
    /// A number of values other than [`Self::features`].
    pub fn run(&self, input: &[f64]) -> Result<FloatTrace, FloatError> {
        if input.len() != self.features {
            return Err(FloatError::Width {
                node: self.name.clone(),
                expected: self.features,
                got: input.len(),
            });
        }
        let mut trace = FloatTrace {
            linear: Vec::with_capacity(self.layers.len()),
            activations: Vec::with_capacity(self.layers.len()),
        };
        for layer in &self.layers {
            let x = trace.activations.last().map_or(input, Vec::as_slice);
            let linear: Vec<f64> = layer
                .weights
                .iter()
                .zip(&layer.bias)
                .map(|(row, b)| b + dot(row, x))
                .collect();
            let activations = linear.iter().map(|v| layer.activation.apply(*v)).collect();
            trace.linear.push(linear);
            trace.activations.push(activations);
        }
        Ok(trace)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
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
