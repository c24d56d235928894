//! A whole oracle on this machine: a node, the contracts, a model, an agent. For `demo`, `devnet`
//! and fixtures; every part is the real one.

pub(crate) mod accounts;
pub(crate) mod agent;
pub(crate) mod anvil;
mod child;
pub(crate) mod stack;
