//! The float network: the yardstick that a quantized model is measured against.
//!
//! A chain of layers `a(W x + b)`, which [`Chain`](crate::Chain) makes of single operators.

use std::borrow::Cow;

use crate::graph::{FloatGraph, FloatOp, Function, Task};
use crate::integer::WireId;

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

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl FloatModel {
    /// The same network as a graph.
    pub fn graph(&self) -> FloatGraph {
        let last = self.layers.last().map(|layer| layer.activation);
        let mut graph = FloatGraph {
            name: self.name.clone(),
            features: self.features,
            nodes: Vec::new(),
            outputs: Vec::new(),
            task: match (self.outputs(), last) {
                (1, Some(Activation::Sigmoid)) => Task::Threshold(500),
                (1, _) => Task::Threshold(0),
                _ => Task::Scores,
            },
        };
        let mut wires: Vec<WireId> = (0..self.features as WireId).collect();
        for layer in &self.layers {
            let op = FloatOp::Dense {
                weights: layer.weights.clone(),
                bias: layer.bias.clone(),
            };
            wires = graph.push(layer.name.clone(), wires, op);
            let function = match layer.activation {
                Activation::Identity => continue,
                Activation::Relu => Function::Relu,
                Activation::Sigmoid => Function::Sigmoid,
            };
            let name = format!("{}.{}", layer.name, function.name());
            wires = graph.push(name, wires, FloatOp::Map(function));
        }
        graph.outputs = wires;
        graph
    }
}

impl<'g> From<&FloatModel> for Cow<'g, FloatGraph> {
    fn from(model: &FloatModel) -> Self {
        Cow::Owned(model.graph())
    }
}

impl<'g> From<&'g FloatGraph> for Cow<'g, FloatGraph> {
    fn from(graph: &'g FloatGraph) -> Self {
        Cow::Borrowed(graph)
    }
}
