//! Gas of the settlements, as measured.
//!
//! `tests/cost.rs` compares them with `snapshots/`, which `forge test` writes from real proofs.
//! Calldata is not in them: it is counted from the encoded call.

/// Gas that every transaction takes.
pub const TRANSACTION: u64 = 21_000;
/// Gas of a zero byte of calldata, EIP-2028.
const ZERO_BYTE: u64 = 4;
/// Gas of another byte of calldata, EIP-2028.
const BYTE: u64 = 16;
/// Gas per token of calldata that a transaction pays at least, EIP-7623; a zero byte is one
/// token, another is four.
const FLOOR_PER_TOKEN: u64 = 10;

/// A call of the verifier: without public inputs, and for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verify {
    pub(super) base: u64,
    pub(super) instance: u64,
    /// What it saves for each fixed column that a model leaves empty: a multiplication.
    pub(super) empty_column: u64,
}

/// The narrow verifier.
pub(super) const NARROW: Verify = Verify {
    base: 337_100,
    instance: 374,
    empty_column: 6_400,
};
/// The wide verifier.
pub(super) const WIDE: Verify = Verify {
    base: 605_800,
    instance: 374,
    empty_column: 6_400,
};

/// `fulfill` besides its proof: statement, state, payment, event. Payee and owner have been
/// credited before; the first time is 17,100 more for each.
pub(super) const FULFILL: u64 = 111_000;
/// What the first credit of an account takes beyond a later one.
pub const FIRST_CREDIT: u64 = 17_100;
/// `settleBatch` besides its proof and its leaves.
pub(super) const SETTLE_BATCH: u64 = 69_000;
/// A leaf of `settleBatch`, after the refund for its deposit.
pub(super) const BATCH_LEAF: u64 = 38_400;
/// `settleRoot` besides its proof and its leaves.
pub(super) const SETTLE_ROOT: u64 = 79_300;
/// A leaf of `settleRoot`.
pub(super) const ROOT_LEAF: u64 = 4_350;

/// The verifier of aggregates, and what `settleAggregate` takes besides it and its leaves.
pub(super) const AGGREGATE: u64 = 441_000 + 19_500;
/// A leaf of `settleAggregate`: each model is settled by itself.
pub(super) const AGGREGATE_LEAF: u64 = 51_600;
/// Bytes of an aggregate's proof as calldata.
pub(super) const AGGREGATE_PROOF: usize = 3_136;

/// Gas of a transaction whose calldata is `calldata` and whose execution takes `execution`.
pub fn of_transaction(calldata: &[u8], execution: u64) -> u64 {
    let zeros = calldata.iter().filter(|byte| **byte == 0).count() as u64;
    let others = calldata.len() as u64 - zeros;
    let used = zeros * ZERO_BYTE + others * BYTE + execution;
    TRANSACTION + used.max(FLOOR_PER_TOKEN * (zeros + 4 * others))
}
