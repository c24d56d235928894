//! Recursive aggregation: one proof that verifies proofs of different models.

pub mod accumulator;
pub mod aggregate;
pub mod circuit;
pub mod config;
pub mod curve;
mod domain;
mod expression;
mod gates;
mod inner;
pub mod keys;
pub mod limbs;
pub mod msm;
pub mod phase2;
mod plain;
pub mod rows;
mod transcript;
pub mod verifier;

pub use aggregate::{AggregateError, Aggregator, Statement};
pub use verifier::InnerProof;
pub use keys::{AggregateProof, AggregationKey, AggregationKeys};
