//! `manifest.json`: keccak-256 of every other file of a bundle, and of itself.
//!
//! It guards against damage, not against harm: whoever can write the files can write the hashes.

use std::collections::BTreeMap;

use haloracle_circuit::Shape;
use serde::{Deserialize, Serialize};

use crate::files::keccak;

const FORMAT: &str = "haloracle-bundle-v2";

/// The manifest's name.
pub(crate) const FILE: &str = "manifest.json";

/// What a bundle consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    /// keccak-256 of this file with nothing in this place.
    #[serde(default)]
    hash: String,
    /// Compiler that made the bundle.
    pub(crate) compiler: String,
    /// Constraint system that the model is lowered to.
    pub(crate) shape: Shape,
    /// keccak-256 of the ONNX file the model came from.
    pub(crate) onnx_hash: String,
    /// Numbers of inputs that a proof may answer at once, besides one, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) batches: Vec<u32>,
    /// keccak-256 of each file, by name.
    pub(crate) files: BTreeMap<String, String>,
}

/// keccak-256 as 0x-prefixed hexadecimal.
pub(crate) fn hex_hash(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(keccak(bytes)))
}

impl Manifest {
    /// A manifest of no files yet.
    pub(crate) fn new(compiler: &str, shape: Shape, onnx: &[u8]) -> Self {
        Self {
            format: FORMAT.into(),
            hash: String::new(),
            compiler: compiler.into(),
            shape,
            onnx_hash: hex_hash(onnx),
            batches: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Enters a file, or what has become of it.
    pub(crate) fn enter(&mut self, name: &str, content: &[u8]) {
        self.files.insert(name.into(), hex_hash(content));
    }

    /// The file's bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut sealed = self.clone();
        sealed.hash.clear();
        sealed.hash = hex_hash(&serde_json::to_vec_pretty(&sealed)?);
        let mut bytes = serde_json::to_vec_pretty(&sealed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads [`Self::encode`] back and nothing else: it must come out as the same bytes again, so
    /// none of them stands outside the hash, spaces included.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let read = |error| format!("{FILE}: {error}");
        let manifest: Self = serde_json::from_slice(bytes).map_err(read)?;
        if manifest.format != FORMAT {
            let format = manifest.format;
            return Err(format!("format `{format}`, expected `{FORMAT}`"));
        }
        if manifest.encode().map_err(read)? != bytes {
            return Err(format!(
                "{FILE} is corrupted: it is not what its own hash says"
            ));
        }
        Ok(manifest)
    }
}

/// A manifest that was edited on purpose, with its own hash made anew: for tests and fuzzing.
///
/// # Errors
/// Bytes that are no manifest.
pub fn seal(edited: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::from_slice::<Manifest>(edited)?.encode()
}
