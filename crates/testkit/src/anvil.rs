//! A real anvil node on a free port, killed when dropped.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, TxKind, U256, address},
    providers::{Provider, RootProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use serde_json::{Value, json};

use crate::{TestkitError, foundry_tool};

/// Unlocked accounts of anvil's public development mnemonic, in order.
pub const ACCOUNTS: [Address; 4] = [
    address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
];

/// How long anvil may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running anvil node.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    url: String,
    provider: RootProvider,
}

impl Anvil {
    /// Starts a node that mines a block per transaction.
    ///
    /// # Errors
    /// Anvil is missing or does not start.
    pub fn start() -> Result<Self, TestkitError> {
        Self::with_args(&[])
    }

    /// Starts a node from a dumped state.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn from_state(state: &Path) -> Result<Self, TestkitError> {
        Self::with_args(&["--load-state", &state.to_string_lossy()])
    }

    /// Starts a node as an OP-stack chain under `hardfork` (`ecotone`, `fjord`, …): it takes the L1
    /// data fee by the prices in the storage of the L1 block's predeploy, at first zero.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn optimism(hardfork: &str, chain_id: u64) -> Result<Self, TestkitError> {
        let chain_id = chain_id.to_string();
        let args = ["--network", "optimism", "--chain-id", &chain_id];
        Self::spawn(hardfork, &args)
    }

    /// Starts a node with more arguments.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn with_args(args: &[&str]) -> Result<Self, TestkitError> {
        Self::spawn("cancun", args)
    }

    fn spawn(hardfork: &str, args: &[&str]) -> Result<Self, TestkitError> {
        let path = foundry_tool("anvil", "HALORACLE_ANVIL")?;
        let mut child = Command::new(&path)
            .args(["--port", "0", "--hardfork", hardfork])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| TestkitError::Io {
                path: path.clone(),
                source,
            })?;
        let (sender, address) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            // Reads to the end: a full pipe would stop the node.
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if let Some(address) = line.strip_prefix("Listening on ") {
                        let _ = sender.send(address.to_owned());
                    }
                }
            });
        }
        let Ok(address) = address.recv_timeout(START_TIMEOUT) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(TestkitError::Timeout {
                what: "anvil to listen".into(),
                output: path.display().to_string(),
            });
        };
        let url = format!("http://{address}");
        let provider = RootProvider::new_http(url.parse().map_err(|_| TestkitError::Process {
            what: "anvil's address".into(),
            output: url.clone(),
        })?);
        Ok(Self {
            child,
            url,
            provider,
        })
    }

    /// The node's HTTP address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A provider without wallet: the node signs for [`ACCOUNTS`].
    pub fn provider(&self) -> RootProvider {
        self.provider.clone()
    }

    /// Any call of the node.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn call(&self, method: &'static str, params: Value) -> Result<Value, TestkitError> {
        Ok(self.provider.raw_request(method.into(), params).await?)
    }

    /// Mines `blocks` empty blocks.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn mine(&self, blocks: u64) -> Result<(), TestkitError> {
        self.call("anvil_mine", json!([format!("{blocks:#x}")]))
            .await
            .map(drop)
    }

    /// Turns mining a block per transaction on or off.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn automine(&self, on: bool) -> Result<(), TestkitError> {
        self.call("evm_setAutomine", json!([on])).await.map(drop)
    }

    /// Replaces the last `depth` blocks by as many empty ones; their transactions are gone.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn reorg(&self, depth: u64) -> Result<(), TestkitError> {
        self.call("anvil_reorg", json!([depth, []])).await.map(drop)
    }

    /// Moves the clock and mines a block.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn travel(&self, seconds: u64) -> Result<(), TestkitError> {
        self.call("evm_increaseTime", json!([seconds])).await?;
        self.mine(1).await
    }

    /// Remembers the state; see [`Self::revert`].
    ///
    /// # Errors
    /// The node refused it.
    pub async fn snapshot(&self) -> Result<Value, TestkitError> {
        self.call("evm_snapshot", json!([])).await
    }

    /// Returns to a [`Self::snapshot`].
    ///
    /// # Errors
    /// The node refused it.
    pub async fn revert(&self, snapshot: Value) -> Result<(), TestkitError> {
        self.call("evm_revert", json!([snapshot])).await.map(drop)
    }

    /// Sets the balance of an account, in wei.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn set_balance(&self, account: Address, wei: U256) -> Result<(), TestkitError> {
        self.call("anvil_setBalance", json!([account, wei]))
            .await
            .map(drop)
    }

    /// Timestamp of the latest block, in seconds.
    ///
    /// # Errors
    /// The node refused it.
    pub async fn now(&self) -> Result<u64, TestkitError> {
        let block = self
            .call("eth_getBlockByNumber", json!(["latest", false]))
            .await?;
        let timestamp = block["timestamp"]
            .as_str()
            .and_then(|t| t.strip_prefix("0x"));
        timestamp
            .and_then(|t| u64::from_str_radix(t, 16).ok())
            .ok_or_else(|| TestkitError::Process {
                what: "latest block".into(),
                output: block.to_string(),
            })
    }

    /// Sends `data` from an unlocked account and waits for the receipt.
    ///
    /// # Errors
    /// The node refused the transaction, or it reverted.
    pub async fn send(
        &self,
        what: &str,
        from: Address,
        to: Option<Address>,
        value: U256,
        data: Bytes,
    ) -> Result<TransactionReceipt, TestkitError> {
        let request = TransactionRequest::default()
            .with_from(from)
            .with_kind(to.map_or(TxKind::Create, TxKind::Call))
            .with_value(value)
            .with_input(data);
        let receipt = self
            .provider
            .send_transaction(request.clone())
            .await?
            .get_receipt()
            .await?;
        if receipt.status() {
            Ok(receipt)
        } else {
            let reason = self.provider.call(request).await.err();
            Err(TestkitError::Reverted {
                what: what.into(),
                reason: reason.map_or_else(String::new, |error| error.to_string()),
            })
        }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn mines_travels_and_reorganises() -> Result<(), TestkitError> {
        let anvil = Anvil::start()?;
        anvil.mine(5).await?;
        let before = anvil
            .call("eth_getBlockByNumber", json!(["0x4", false]))
            .await?;
        let now = anvil.now().await?;
        anvil.travel(1000).await?;
        assert!(anvil.now().await? >= now + 1000);
        anvil.reorg(3).await?;
        let after = anvil
            .call("eth_getBlockByNumber", json!(["0x4", false]))
            .await?;
        assert_ne!(before["hash"], after["hash"]);
        Ok(())
    }
}
