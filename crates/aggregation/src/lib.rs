//! Recursive aggregation: one proof that verifies proofs of different models.
//!
//! [`Aggregator`] writes the circuit, [`AggregationKeys`] proves it, [`AggregationKey`] verifies.
//! What is proved and why it is sound stands in `docs/aggregation.md`.
//!
//! | module | what |
//! | --- | --- |
//! | [`config`], `gates` | the constraint system |
//! | [`rows`], [`circuit`], [`phase2`] | rows with their witness, assigned phase by phase |
//! | [`limbs`], [`curve`], [`msm`] | the base field, point operations, sums |
//! | `plain`, `transcript`, `expression` | arithmetic, Poseidon, constraints of the machine |
//! | `inner`, `domain`, [`verifier`] | one proof, up to the pairing |
//! | [`aggregate`], [`accumulator`] | all proofs; what is left to the pairing |
//! | [`keys`], [`files`], [`memory`] | keys, files, estimates |

pub mod accumulator;
pub mod aggregate;
pub mod circuit;
pub mod config;
pub mod curve;
mod domain;
mod expression;
pub mod files;
mod gates;
mod inner;
mod inputs;
pub mod keys;
mod lagrange;
pub mod limbs;
pub mod memory;
pub mod msm;
pub mod phase2;
mod plain;
pub mod rows;
mod transcript;
pub mod verifier;

pub use aggregate::{AggregateError, Aggregator, Statement};
pub use keys::{AggregateProof, AggregationKey, AggregationKeys};
pub use verifier::InnerProof;
