//! Recursive aggregation: one proof that verifies proofs of different models.

pub mod circuit;
pub mod config;
pub mod curve;
mod gates;
pub mod limbs;
pub mod msm;
pub mod phase2;
mod plain;
pub mod rows;
