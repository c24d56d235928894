//! Why a file cannot be imported: where, what is supported, and what to do.

use crate::MAX_BYTES;
use crate::ops::supported;

/// An import error; every variant names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file cannot be opened or read.
    #[error("could not read `{file}`")]
    Read {
        /// The file.
        file: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any model the machine can prove.
    #[error("`{file}` is larger than the limit of {MAX_BYTES} bytes")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// The bytes are no ONNX model.
    #[error("`{file}` is not an ONNX model, or is cut short or damaged: {reason}; export it again")]
    Decode {
        /// The file.
        file: String,
        /// What the decoder met.
        reason: String,
    },
    /// The version of an operator set is outside the supported range.
    #[error(
        "`{file}` uses opset {version} of {domain}; supported are {first} to {last}: export it with \
         one of these"
    )]
    Opset {
        /// The file.
        file: String,
        /// The operator set.
        domain: &'static str,
        /// The version that the file uses.
        version: i64,
        /// First version that is read.
        first: i64,
        /// Last version that is read.
        last: i64,
    },
    /// Inputs, outputs or structure of the graph.
    #[error("`{file}`: {what}")]
    Graph {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A constant tensor.
    #[error("`{file}`, tensor `{tensor}`: {what}")]
    Tensor {
        /// The file.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An operator that is not supported.
    #[error(
        "`{file}`, node {index} `{node}`: operator {op} is not supported; supported are {}. \
         Replace or remove it before export",
        supported()
    )]
    UnsupportedOperator {
        /// The file.
        file: String,
        /// Position in the file, from 0.
        index: usize,
        /// The node's name, or that of its first output.
        node: String,
        /// The operator, with its domain unless it is ONNX's own.
        op: String,
    },
    /// A supported operator used in an unsupported or invalid way.
    #[error("`{file}`, node {index} `{node}` ({op}): {what}")]
    Node {
        /// The file.
        file: String,
        /// Position in the file, from 0.
        index: usize,
        /// The node's name, or that of its first output.
        node: String,
        /// The operator.
        op: String,
        /// What is wrong, and what is supported.
        what: String,
    },
}
