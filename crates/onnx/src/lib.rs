//! Reads ONNX files into the float graph of the model crate.
//!
//! Supported are graphs of opset 8 to 21 (ONNX-ML 1 to 5) with float inputs; the operators are
//! listed by [`operators`]. A file's tensors are lists of scalar wires here, so shape operators
//! only choose wires; arithmetic with constants moves into the weights of what reads it, and
//! neighbouring linear operators become one. Whatever is not understood exactly (an operator, an
//! attribute, an extra input) is an error that names the node: nothing is ever ignored.
//!
//! Nothing that a file declares is trusted: sizes are compared with the bytes that are there.

mod builder;
mod call;
mod docs;
mod error;
mod graph;
mod inputs;
mod legacy;
mod ops;
mod proto;
mod schedule;
mod shape;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use haloracle_model::FloatModel;
use haloracle_model::graph::FloatGraph;
use prost::Message;

pub use docs::operators_page;
pub use error::OnnxError;
pub use graph::Imported;
pub use inputs::InputTensor;
pub use ops::{Operator, operators};

/// Versions of ONNX's own operator set that are read; LightGBM's exporter still writes 8.
pub const OPSETS: RangeInclusive<i64> = 8..=21;
/// Versions of the operator set ONNX-ML that are read.
pub const ML_OPSETS: RangeInclusive<i64> = 1..=5;
/// Largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// Reads and imports a file; the model takes the file's name without its ending.
///
/// # Errors
/// See [`OnnxError`]: what is wrong, where, and what is supported.
pub fn load_graph(path: &Path) -> Result<Imported, OnnxError> {
    let file = path.display().to_string();
    let bytes = read(path).map_err(|source| OnnxError::Read {
        file: file.clone(),
        source,
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(OnnxError::TooLarge { file });
    }
    let name = path.file_stem().map_or_else(
        || "model".into(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    decode(&file, &name, &bytes)
}

/// Reads a model from memory; `name` becomes the model's name and stands for the file in errors.
///
/// # Errors
/// As [`load_graph`].
pub fn read_graph(bytes: &[u8], name: &str) -> Result<FloatGraph, OnnxError> {
    read_model(bytes, name).map(|imported| imported.graph)
}

/// As [`read_graph`], with the names of inputs and outputs and what is to say about them.
///
/// # Errors
/// As [`load_graph`].
pub fn read_model(bytes: &[u8], name: &str) -> Result<Imported, OnnxError> {
    decode(name, name, bytes)
}

/// Reads a file as the chain that the first quantizer takes.
///
/// # Errors
/// As [`load_graph`]; also a model that is no chain.
pub fn load(path: &Path) -> Result<FloatModel, OnnxError> {
    let imported = load_graph(path)?;
    legacy::chain(&imported.graph).map_err(|what| OnnxError::Graph {
        file: path.display().to_string(),
        what,
    })
}

/// Reads a model from memory as the chain that the first quantizer takes.
///
/// # Errors
/// As [`load`].
pub fn import(name: &str, bytes: &[u8]) -> Result<FloatModel, OnnxError> {
    let graph = read_graph(bytes, name)?;
    legacy::chain(&graph).map_err(|what| OnnxError::Graph {
        file: name.into(),
        what,
    })
}

fn decode(file: &str, name: &str, bytes: &[u8]) -> Result<Imported, OnnxError> {
    let decode = |reason: String| OnnxError::Decode {
        file: file.into(),
        reason,
    };
    if bytes.is_empty() {
        return Err(decode("it is empty".into()));
    }
    let model = proto::ModelProto::decode(bytes).map_err(|e| decode(e.to_string()))?;
    graph::read(file, name, &model)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
