//! Operators of ONNX-ML, as onnxruntime computes them.

mod binary;
pub(super) mod features;
mod forest;
pub(super) mod labels;
pub(super) mod linear;
mod post;
pub(super) mod svm;
pub(super) mod tree_ensemble;
pub(super) mod trees;
