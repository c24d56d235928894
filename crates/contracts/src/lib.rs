//! Alloy bindings of the on-chain interfaces and the statement hashing shared by everyone.
//!
//! [`bindings`] comes from the committed Solidity sources, so it compiles without forge;
//! `tests/abi.rs` compares its selectors with what forge builds. [`statement`] is the Rust side
//! of the one definition of request id, tag and public inputs; `tests/hub.rs` compares it with a
//! deployed hub. [`batch`] does the same for proofs about many requests, `tests/batch.rs` compares
//! it with a deployed settler. [`l1_fee`] is what an OP-stack chain asks for a transaction's data.
//! [`authorisation`] is what the subject of private inputs signs.
//!
//! Layers: this crate imports nothing of the workspace.

pub mod authorisation;
pub mod batch;
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod bindings;
pub mod l1_fee;
pub mod statement;

pub use bindings::{
    BatchKey, Delivery, Feature, IAggregateSettler, IBatchSettler, IEscrow, IHalo2Verifier,
    IInferenceConsumer, IInferenceHub, IModelRegistry, ISettlementHub, ISettlementModule,
    IVerifierRouter, LeafResult, ModelPolicy, ModelSpec, ModelTerms, OutputField, Request,
    RequestOptions, Schema, State,
};
