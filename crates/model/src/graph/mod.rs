//! The float graph: what a model file says, as scalar wires and few kinds of operators.
//!
//! It is the yardstick that a quantized model is measured against. Shapes exist only in the
//! front end that reads a file: reshaping, transposing, slicing, concatenating and padding are
//! choices of wires here, and cost nothing later. Wires are numbered like those of the
//! [integer model](crate::integer): first the input features, then each node's outputs in order.

mod function;
mod run;

pub use function::Function;
pub use run::FloatRun;

use crate::integer::WireId;

/// A model as a graph over scalars.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    /// Name shown to people.
    pub name: String,
    /// Number of input features, the first wires.
    pub features: usize,
    /// Nodes in order of evaluation.
    pub nodes: Vec<FloatNode>,
    /// The model's outputs; never empty.
    pub outputs: Vec<WireId>,
    /// How a class is read off the outputs, where the file says it.
    pub task: Task,
}

/// What the outputs mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One score per class; the class is the first largest.
    Scores,
    /// One score; class 1 above this many thousandths (0 or 500).
    Threshold(i32),
    /// Numbers, no class.
    Regression,
    /// The output is a class number.
    Class,
}

/// One operator.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNode {
    /// Name of the ONNX node it came from.
    pub name: String,
    /// Wires it reads; operators refer to them by position in this list.
    pub inputs: Vec<WireId>,
    /// What it computes.
    pub op: FloatOp,
}

/// What a node computes from its inputs `x_0, x_1, …`.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatOp {
    /// `y_i = bias_i + Σ_j weights_ij x_j`.
    Dense {
        /// `weights[i][j]`: unit `i`, input `j`.
        weights: Vec<Vec<f64>>,
        /// Bias per unit.
        bias: Vec<f64>,
    },
    /// A convolution; taps outside the image contribute nothing.
    Conv(FloatConv),
    /// Few terms per unit. A unit without terms is a constant.
    Sparse {
        /// One per output.
        units: Vec<FloatUnit>,
    },
    /// Per element, a pipeline of float32 steps, each rounded to float32: scalers before trees,
    /// whose comparisons must come out exactly as the float model's.
    Scale {
        /// Steps of every element.
        steps: Vec<Vec<Step>>,
    },
    /// `y_i = f(x_i)`.
    Map(Function),
    /// `y_i = max` over the inputs whose positions `groups[i]` lists.
    Max {
        /// Positions of inputs, never empty.
        groups: Vec<Vec<u32>>,
    },
    /// `y_i` = position inside `groups[i]` of the first largest input.
    ArgMax {
        /// Positions of inputs, never empty.
        groups: Vec<Vec<u32>>,
    },
    /// Decision trees, their leaves summed in float32 per target.
    Trees(FloatTrees),
}

/// `y = bias + Σ coefficient · x_j + Σ coefficient · x_j · x_k`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatUnit {
    /// Constant.
    pub bias: f64,
    /// (input position, coefficient).
    pub terms: Vec<(u32, f64)>,
    /// (input position, input position, coefficient).
    pub products: Vec<(u32, u32, f64)>,
}

/// One float32 operation with a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// `x + c`.
    Add(f32),
    /// `x − c`.
    Sub(f32),
    /// `x · c`.
    Mul(f32),
    /// `x / c`.
    Div(f32),
}

impl Step {
    /// The operation, rounded to float32.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Add(c) => x + c,
            Self::Sub(c) => x - c,
            Self::Mul(c) => x * c,
            Self::Div(c) => x / c,
        }
    }
}

/// A convolution: shape as in [`crate::integer::Conv`], weights and bias in floats.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatConv {
    /// The shape; its integer weights and biases are empty.
    pub shape: crate::integer::Conv,
    /// Order filter, channel of its group, kernel row, kernel column.
    pub weights: Vec<f64>,
    /// One per filter.
    pub bias: Vec<f64>,
}

/// A float tree ensemble; input positions are its features.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTrees {
    /// The trees.
    pub trees: Vec<FloatTree>,
    /// Number of outputs.
    pub targets: usize,
    /// Added to each output; one per target.
    pub base: Vec<f32>,
    /// How the trees' leaves become one number per target.
    pub aggregate: Aggregate,
}

/// How leaves are combined per target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Sum.
    Sum,
    /// Sum divided by the number of trees.
    Average,
    /// Smallest.
    Min,
    /// Largest.
    Max,
}

/// One float tree; the root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTree {
    /// Branches and leaves; children have higher numbers than their parent.
    pub nodes: Vec<FloatTreeNode>,
}

/// A node of a float tree.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatTreeNode {
    /// Compares a feature, as float32, with a threshold.
    Branch {
        /// Input position.
        feature: u32,
        /// The comparison that leads to `yes`.
        mode: BranchMode,
        /// Threshold.
        threshold: f32,
        /// Node if the comparison holds.
        yes: u32,
        /// Node if not.
        no: u32,
        /// Whether NaN counts as holding.
        missing_is_yes: bool,
    },
    /// Ends here.
    Leaf {
        /// (target, weight).
        weights: Vec<(u32, f32)>,
    },
}

/// ONNX-ML's branch modes.
#[derive(Clone, Debug, PartialEq)]
pub enum BranchMode {
    /// `x ≤ θ`.
    Leq,
    /// `x < θ`.
    Lt,
    /// `x ≥ θ`.
    Gte,
    /// `x > θ`.
    Gt,
    /// `x = θ`.
    Eq,
    /// `x ≠ θ`.
    Neq,
    /// `x` is one of these.
    Member(Vec<f32>),
}

impl FloatGraph {
    /// First output wire of every node, then the number of wires.
    pub fn first_wires(&self) -> Vec<usize> {
        let mut at = self.features;
        let mut all = vec![at];
        for node in &self.nodes {
            at += node.outputs();
            all.push(at);
        }
        all
    }

    /// Appends a node and returns its output wires.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        inputs: Vec<WireId>,
        op: FloatOp,
    ) -> Vec<WireId> {
        let first = self.first_wires().last().copied().unwrap_or(0);
        let node = FloatNode {
            name: name.into(),
            inputs,
            op,
        };
        let count = node.outputs();
        self.nodes.push(node);
        (first..first + count).map(|wire| wire as WireId).collect()
    }
}

impl FloatNode {
    /// Number of output wires.
    pub fn outputs(&self) -> usize {
        match &self.op {
            FloatOp::Dense { weights, .. } => weights.len(),
            FloatOp::Conv(conv) => conv.shape.outputs(),
            FloatOp::Sparse { units } => units.len(),
            FloatOp::Scale { .. } | FloatOp::Map(_) => self.inputs.len(),
            FloatOp::Max { groups } | FloatOp::ArgMax { groups } => groups.len(),
            FloatOp::Trees(trees) => trees.targets,
        }
    }
}

impl BranchMode {
    /// Whether the comparison of `x` with `threshold` holds; never for NaN.
    pub fn holds(&self, x: f32, threshold: f32) -> bool {
        match self {
            Self::Leq => x <= threshold,
            Self::Lt => x < threshold,
            Self::Gte => x >= threshold,
            Self::Gt => x > threshold,
            Self::Eq => x == threshold,
            Self::Neq => x != threshold && !x.is_nan(),
            Self::Member(values) => values.contains(&x),
        }
    }
}
