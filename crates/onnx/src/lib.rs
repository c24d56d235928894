//! Reads ONNX files into the float chain of the model crate.
//!
//! Supported are float32 graphs of opset 9 to 21 that form one chain from one input to one
//! output; the operators are listed by [`supported_operators`]. Constants are folded and
//! neighbouring linear operators merged while reading, so preprocessing in the graph ends up
//! in the first layer. Relu and Sigmoid may stand anywhere in the chain, also on the inputs or on
//! each other. Whatever is not understood exactly (an operator, an attribute, an
//! extra input) is an error that names the node: nothing is ever ignored.
//!
//! Nothing that a file declares is trusted: sizes are compared with the bytes that are there.

mod error;
mod graph;
mod ops;
mod proto;
mod tensor;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use haloracle_model::FloatModel;
use prost::Message;

pub use error::OnnxError;
pub use ops::supported_operators;

/// Operator-set versions that are read.
pub const OPSETS: RangeInclusive<i64> = 9..=21;
/// Largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// Reads and imports a file; the model takes the file's name without its ending.
///
/// # Errors
/// See [`OnnxError`]: what is wrong, where, and what is supported.
pub fn load(path: &Path) -> Result<FloatModel, OnnxError> {
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
    import_bytes(&file, &name, &bytes)
}

/// Imports a model from memory; `name` becomes the model's name and stands for the file in
/// errors.
///
/// # Errors
/// As [`load`].
pub fn import(name: &str, bytes: &[u8]) -> Result<FloatModel, OnnxError> {
    import_bytes(name, name, bytes)
}

fn import_bytes(file: &str, name: &str, bytes: &[u8]) -> Result<FloatModel, OnnxError> {
    let decode = |reason: String| OnnxError::Decode {
        file: file.into(),
        reason,
    };
    if bytes.is_empty() {
        return Err(decode("it is empty".into()));
    }
    let model = proto::ModelProto::decode(bytes).map_err(|e| decode(e.to_string()))?;
    graph::import(file, name, &model)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
