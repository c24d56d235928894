//! The machine: one constraint system for every model.

pub mod config;

pub use config::MachineConfig;
