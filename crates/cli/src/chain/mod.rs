//! Contracts, nodes and wallets, as the on-chain commands use them.

pub(crate) mod artifacts;
pub(crate) mod collateral;
pub(crate) mod contracts;
pub(crate) mod deploy;
pub(crate) mod node;
pub(crate) mod private;
pub(crate) mod revert;
pub(crate) mod spec;
pub(crate) mod view;
pub(crate) mod wallet;

use std::future::Future;

use eyre::WrapErr;

/// Runs a command that talks to nodes.
pub(crate) fn block_on<T>(future: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .wrap_err("could not start the asynchronous runtime")?;
    runtime.block_on(future)
}
