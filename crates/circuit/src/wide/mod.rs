//! The wide shape: four digits a row, for everything that is not a small chain of dense layers.

pub mod audit;
pub mod circuit;
pub mod config;
mod gates;
pub mod lower;
mod phase2;
pub mod program;
pub mod witness;

pub use circuit::WideCircuit;
pub use config::WideConfig;
pub use lower::{WideError, lower};
pub use program::Program;
pub use witness::{Salts, Witness};
