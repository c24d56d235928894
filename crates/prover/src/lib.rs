//! SRS files, keys, bundles, proving and verification.
//!
//! Halo2 with KZG on BN254, SHPLONK openings and a keccak transcript, so that a contract can
//! verify what is proved here. Every proof is verified before it leaves this crate, because
//! halo2 does not notice an unsatisfied circuit.

pub mod bundle;
pub mod create;
pub mod field_reduce;
pub mod files;
pub mod key;
pub mod keys;
pub mod layout;
pub mod manifest;
pub mod onchain;
pub mod poseidon;
pub mod proof;
pub mod shape;
pub mod srs;
pub mod transcript;

pub use bundle::{Bundle, BundleError, BundleParts};
pub use files::FileError;
pub use haloracle_circuit::commitment::commit_input;
pub use haloracle_circuit::{CompileError, Lowered, Shape, compile, compile_batch};
pub use key::VerifyingKey;
pub use keys::{Keys, ProveError, SetupError, VerifyError, verify};
pub use proof::Proof;
pub use shape::shape_hash;
pub use srs::{ImportOptions, ImportProblem, Pin, Srs, SrsError};
