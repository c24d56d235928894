//! Quantized models with one integer semantics.
//!
//! [`IntegerModel`] is what a registered model *is*: the circuit equals [`IntegerModel::run`]
//! bit for bit, and the float network it came from is only the yardstick of its accuracy.
//!
//! ```text
//! onnx crate ─▶ FloatModel ─┐
//! Dataset (calibration) ────┴▶ quantize ─▶ IntegerModel + Report
//! ```
//!
//! Layers: this crate imports nothing of the workspace.

mod chain;
pub mod data;
mod domain;
mod error;
pub mod float;
pub mod graph;
pub mod integer;
mod packing;
pub mod quantize;
pub mod report;
pub mod schema;
pub mod words;

pub use chain::Chain;
pub use data::{DataError, Dataset};
pub use domain::NodeBounds;
pub use float::{Activation, FloatError, FloatLayer, FloatModel};
pub use integer::{
    Batch, ChainModel, Conv, Dense, Feature, FunctionTable, InputSchema, IntegerModel, ModelError,
    Node, Op, OutputField, Trace, Tree, TreeFeature, TreeNode, Trees, Unit, WireId,
};
pub use quantize::{Options, QuantizeError, Size, Sizer, quantize, quantize_smallest};
pub use report::Report;
pub use schema::{FeatureSpec, SchemaError, SchemaSpec};
