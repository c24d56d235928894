//! The machine: one constraint system for every model.

pub mod circuit;
pub mod config;

pub use circuit::MachineCircuit;
pub use config::MachineConfig;
