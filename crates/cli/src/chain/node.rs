//! A node, with a wallet where one is needed.

use std::time::Duration;

use alloy::contract::{CallBuilder, CallDecoder};
use alloy::eips::BlockId;
use alloy::network::{EthereumWallet, TransactionBuilder};
use alloy::primitives::{Address, Bytes};
use alloy::providers::{DynProvider, PendingTransactionBuilder, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::http::{Http, reqwest};
use eyre::{WrapErr, ensure, eyre};

use super::revert::{explain, explain_transport};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest wait for a transaction to be mined.
const MINED: Duration = Duration::from_secs(300);
/// Pause between two looks for a receipt, at a node on this machine and elsewhere.
const LOCAL_POLL: Duration = Duration::from_millis(60);
const POLL: Duration = Duration::from_secs(1);

/// Which node.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// HTTP address of an Ethereum node
    #[arg(long, value_name = "URL", env = "HALORACLE_RPC_URL")]
    pub(crate) rpc_url: String,
}

/// A node of a known chain.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Signs, if the node was connected with a key.
    pub(crate) provider: DynProvider,
    /// The chain's id.
    pub(crate) chain_id: u64,
}

impl NodeArgs {
    /// Connects to the node.
    pub(crate) async fn connect(&self, key: Option<PrivateKeySigner>) -> eyre::Result<Node> {
        Node::connect(&self.rpc_url, key).await
    }
}

impl Node {
    /// Connects to a node and asks for its chain.
    pub(crate) async fn connect(url: &str, key: Option<PrivateKeySigner>) -> eyre::Result<Self> {
        let parsed: reqwest::Url = url
            .parse()
            .map_err(|error| eyre!("`{url}` is not a URL: {error}"))?;
        ensure!(
            matches!(parsed.scheme(), "http" | "https"),
            "`{url}` is not an HTTP address, such as http://127.0.0.1:8545"
        );
        let client = reqwest::Client::builder().timeout(ANSWER).build();
        let client = client.wrap_err("could not make an HTTP client")?;
        let local = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let client = RpcClient::new(Http::with_client(client, parsed), local)
            .with_poll_interval(if local { LOCAL_POLL } else { POLL });
        let provider = match key {
            Some(key) => ProviderBuilder::new()
                .wallet(EthereumWallet::from(key))
                .connect_client(client)
                .erased(),
            None => ProviderBuilder::new().connect_client(client).erased(),
        };
        let asked = format!("could not reach a node at {url}");
        let chain_id = provider.get_chain_id().await;
        let chain_id = chain_id.map_err(|error| explain_transport(&asked, &error))?;
        Ok(Self { provider, chain_id })
    }

    /// Makes sure that there is a contract at `address`.
    pub(crate) async fn require_code(&self, what: &str, address: Address) -> eyre::Result<()> {
        let code = self.provider.get_code_at(address).await;
        let code = code.map_err(|error| explain_transport(what, &error))?;
        ensure!(
            !code.is_empty(),
            "there is no {what} at {address} on chain {}; deploy first, or say where it is",
            self.chain_id
        );
        Ok(())
    }

    /// Seconds of the latest block's clock: the one that deadlines are measured by.
    pub(crate) async fn now(&self) -> eyre::Result<u64> {
        let block = self.provider.get_block(BlockId::latest()).await;
        let block = block.map_err(|error| explain_transport("reading the latest block", &error))?;
        let block = block.ok_or_else(|| eyre!("the node has no latest block"))?;
        Ok(block.header.timestamp)
    }

    /// Deploys creation code.
    pub(crate) async fn deploy(
        &self,
        what: &str,
        code: Vec<u8>,
    ) -> eyre::Result<(Address, TransactionReceipt)> {
        let what = format!("deploying {what}");
        let request = TransactionRequest::default().with_deploy_code(Bytes::from(code));
        let pending = self.provider.send_transaction(request).await;
        let pending = pending.map_err(|error| explain_transport(&what, &error))?;
        let receipt = mined(&what, pending).await?;
        let address = receipt.contract_address;
        Ok((
            address.ok_or_else(|| eyre!("{what}: no contract came of it"))?,
            receipt,
        ))
    }
}

/// Sends a contract call and waits until it is mined.
pub(crate) async fn send<P: Provider, D: CallDecoder>(
    what: &str,
    call: CallBuilder<P, D>,
) -> eyre::Result<TransactionReceipt> {
    let pending = call.send().await.map_err(|error| explain(what, error))?;
    mined(what, pending).await
}

async fn mined(
    what: &str,
    pending: PendingTransactionBuilder<alloy::network::Ethereum>,
) -> eyre::Result<TransactionReceipt> {
    let hash = *pending.tx_hash();
    let receipt = pending.with_timeout(Some(MINED)).get_receipt().await;
    let receipt = receipt.wrap_err_with(|| format!("{what}: transaction {hash} was not mined"))?;
    ensure!(receipt.status(), "{what}: transaction {hash} reverted");
    Ok(receipt)
}
