//! Why a bundle cannot be used.

use std::path::PathBuf;

use haloracle_circuit::CompileError;

use super::MAX_BATCH;
use crate::files::FileError;
use crate::keys::SetupError;

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory is in the way.
    #[error("`{}` exists already; remove it or choose another place", .0.display())]
    Exists(PathBuf),
    /// Not a bundle, or damaged.
    #[error("bundle `{}`: {what}", .dir.display())]
    Damaged {
        /// The bundle.
        dir: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No circuit for so many inputs.
    #[error(
        "bundle `{}` has no circuit for batches of {items}: {}",
        .dir.display(),
        have(.batches)
    )]
    NoBatch {
        /// The bundle.
        dir: PathBuf,
        /// The number asked for.
        items: u32,
        /// The numbers that there are.
        batches: Vec<u32>,
    },
    /// A number of inputs that no batch may have, or one that is given twice.
    #[error("a batch of {0} inputs: give each number once, from 2 to {MAX_BATCH}")]
    BatchSize(u32),
    /// Keys were not made yet.
    #[error("bundle `{}` has no keys yet: run `haloracle setup` on it", .0.display())]
    NoKeys(PathBuf),
    /// A salt that no commitment can be made under.
    #[error("the salt of the weights is not below the field's modulus")]
    Salt,
    /// The model does not fit the machine.
    #[error(transparent)]
    Lower(#[from] CompileError),
    /// Key generation failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

fn have(batches: &[u32]) -> String {
    let numbers: Vec<String> = batches.iter().map(u32::to_string).collect();
    match numbers.is_empty() {
        true => "compile the model with --batch".into(),
        false => format!("there are {}", numbers.join(", ")),
    }
}
