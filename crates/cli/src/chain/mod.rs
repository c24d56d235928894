//! Contracts, nodes and wallets, as the on-chain commands use them.

pub(crate) mod spec;
