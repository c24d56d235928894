//! Quantized models with one integer semantics.
//!
//! [`IntegerModel`] is what a registered model *is*: the circuit equals [`IntegerModel::run`]
//! bit for bit, and the float network it came from is only the yardstick of its accuracy.
//!
//! Layers: this crate imports nothing of the workspace.

pub mod integer;
pub mod words;

pub use integer::{
    Dense, Feature, FunctionTable, InputSchema, IntegerModel, ModelError, OutputField, Trace,
};
