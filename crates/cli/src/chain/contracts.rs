//! Where the contracts are: `deployments/<chain id>.json`, or a hub's address.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use eyre::{WrapErr, ensure};
use haloracle_contracts::IInferenceHub;
use serde::{Deserialize, Serialize};

use crate::text::read;

use super::node::Node;
use super::revert::explain;

/// Folder of deployment files.
pub(crate) const FOLDER: &str = "deployments";

/// A deployment file; `script/Deploy.s.sol` writes the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    /// Chain.
    pub(crate) chain_id: u64,
    /// A block not after the deployment.
    pub(crate) from_block: u64,
    /// Universal verifiers, one per machine shape.
    pub(crate) verifiers: Vec<DeployedVerifier>,
    /// Routes to verifiers.
    pub(crate) router: Address,
    /// Models.
    pub(crate) registry: Address,
    /// Requests.
    pub(crate) hub: Address,
    /// Batches; deployments before there were any have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settler: Option<Address>,
    /// Money.
    pub(crate) escrow: Address,
    /// Owner of the router.
    pub(crate) owner: Address,
    /// Who may stop routes.
    pub(crate) guardian: Address,
    /// The demo's example, where it was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collateral_manager: Option<Address>,
}

/// A verifier of a deployment and the route that leads to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeployedVerifier {
    /// Name of the contract, which stands for a shape.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) address: Address,
    /// The shape.
    pub(crate) shape_hash: B256,
    /// The SRS.
    pub(crate) srs_hash: B256,
    /// Whether the SRS's secret is known.
    pub(crate) srs_unsafe: bool,
    /// Shape and SRS as one.
    pub(crate) route: B256,
}

/// Which contracts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ContractsArgs {
    /// Deployment file; deployments/CHAIN_ID.json if absent
    #[arg(long, value_name = "FILE", conflicts_with = "hub")]
    deployment: Option<PathBuf>,
    /// The hub's address, instead of a deployment file
    #[arg(long, value_name = "ADDRESS", env = "HALORACLE_HUB")]
    hub: Option<Address>,
}

/// Addresses that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contracts {
    /// Requests.
    pub(crate) hub: Address,
    /// Models.
    pub(crate) registry: Address,
    /// Money.
    pub(crate) escrow: Address,
    /// Routes to verifiers.
    pub(crate) router: Address,
    /// First block that may hold a log of them.
    pub(crate) from_block: u64,
}

impl Deployment {
    /// Reads a deployment file.
    pub(crate) fn read(path: &Path) -> eyre::Result<Self> {
        serde_json::from_slice(&read(path)?)
            .wrap_err_with(|| format!("`{}` is not a deployment file", path.display()))
    }
}

impl ContractsArgs {
    /// Finds the contracts and makes sure that they are there.
    pub(crate) async fn find(&self, node: &Node) -> eyre::Result<Contracts> {
        let (hub, from_block) = match self.hub {
            Some(hub) => (hub, 0),
            None => {
                let name = format!("{}.json", node.chain_id);
                let path = self.deployment.clone();
                let path = path.unwrap_or_else(|| Path::new(FOLDER).join(name));
                let deployment = Deployment::read(&path)
                    .wrap_err("where are the contracts? Give --deployment or --hub")?;
                ensure!(
                    deployment.chain_id == node.chain_id,
                    "`{}` is of chain {}, the node is of chain {}",
                    path.display(),
                    deployment.chain_id,
                    node.chain_id
                );
                (deployment.hub, deployment.from_block)
            }
        };
        Contracts::of_hub(node, hub, from_block).await
    }
}

impl Contracts {
    /// The contracts that belong to a hub, as the hub itself says.
    pub(crate) async fn of_hub(node: &Node, hub: Address, from_block: u64) -> eyre::Result<Self> {
        node.require_code("hub", hub).await?;
        let contract = IInferenceHub::new(hub, &node.provider);
        let asked = |error| explain("asking the hub for its contracts", error);
        Ok(Self {
            hub,
            registry: contract.registry().call().await.map_err(asked)?,
            escrow: contract.escrow().call().await.map_err(asked)?,
            router: contract.router().call().await.map_err(asked)?,
            from_block,
        })
    }
}
