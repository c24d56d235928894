//! A chain in memory: contracts at fixed addresses and calls to them.

use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, Output};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, Bytes, TxKind};
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteEvm, MainBuilder, MainContext};

/// Gas that every call gets: below what a chain's transaction may have, far above what it needs.
pub const GAS_LIMIT: u64 = 10_000_000;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Returned these bytes.
    Return(Vec<u8>),
    /// Reverted, or ran out of gas.
    Failure,
}

/// Contracts at addresses.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    db: CacheDB<EmptyDB>,
}

impl Chain {
    /// Puts a contract with runtime `code` at `address`.
    pub fn put(&mut self, address: [u8; 20], code: &[u8]) {
        let info = AccountInfo::from_bytecode(Bytecode::new_raw(Bytes::copy_from_slice(code)));
        self.db.insert_account_info(Address::new(address), info);
    }

    /// Calls `to`; also returns the gas that the call itself took, without the transaction's
    /// own cost.
    pub fn call(&self, to: [u8; 20], calldata: &[u8]) -> (Outcome, u64) {
        self.call_with_gas(to, calldata, GAS_LIMIT)
    }

    /// Calls `to` with `gas_limit`, from which the transaction's own cost is not taken.
    pub fn call_with_gas(&self, to: [u8; 20], calldata: &[u8], gas_limit: u64) -> (Outcome, u64) {
        let bytes: u64 = calldata
            .iter()
            .map(|byte| if *byte == 0 { 4 } else { 16 })
            .sum();
        let intrinsic = 21_000 + bytes;
        let mut evm = Context::mainnet()
            .with_db(self.db.clone())
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            })
            .build_mainnet();
        let tx = TxEnv {
            gas_limit: gas_limit + intrinsic,
            kind: TxKind::Call(Address::new(to)),
            data: Bytes::copy_from_slice(calldata),
            ..Default::default()
        };
        let result = evm.transact(tx).expect("transaction is valid").result;
        let gas = result.tx_gas_used() - intrinsic;
        match result {
            ExecutionResult::Success {
                output: Output::Call(bytes),
                ..
            } => (Outcome::Return(bytes.to_vec()), gas),
            _ => (Outcome::Failure, gas),
        }
    }
}
