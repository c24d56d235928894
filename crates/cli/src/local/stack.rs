//! Node, contracts and the credit-risk model, deployed and registered.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, U256};
use eyre::WrapErr;
use haloracle_contracts::ModelPolicy;

use crate::chain::contracts::{Contracts, Deployment};
use crate::chain::deploy::{Plan, deploy};
use crate::chain::node::Node;
use crate::chain::spec::Registration;
use crate::checkout::{Checkout, Compiled, KnownModel};
use crate::commands::register::register;
use crate::ui::Working;

use super::accounts::{Account, DEPLOYER, OPERATOR};
use super::agent::{Agent, Job};
use super::anvil::Anvil;

/// Least fee of a request: 0.001 ether.
const FEE: u64 = 1_000_000_000_000_000;
/// Part of the fee that goes to the model's owner: 10 %.
const OWNER_SHARE_BPS: u16 = 1_000;

/// Everything but the agent.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The node.
    pub(crate) anvil: Anvil,
    /// The node, with the deployer's key.
    pub(crate) node: Node,
    /// The contracts.
    pub(crate) contracts: Contracts,
    /// The same as a file.
    pub(crate) deployment: Deployment,
    /// The model.
    pub(crate) compiled: Compiled,
    /// Its id.
    pub(crate) model_id: U256,
    /// Rows that the model was calibrated on.
    pub(crate) calibration: PathBuf,
    bundle: PathBuf,
}

impl Stack {
    /// Deploys and registers everything on `anvil`; files go to `dir`.
    pub(crate) async fn build(
        checkout: &Checkout,
        dir: &Path,
        anvil: Anvil,
        working: &Working,
    ) -> eyre::Result<Self> {
        Self::build_with(checkout, dir, anvil, &[], working).await
    }

    /// [`Self::build`] with keys for batches of so many items.
    pub(crate) async fn build_with(
        checkout: &Checkout,
        dir: &Path,
        anvil: Anvil,
        batches: &[u32],
        working: &Working,
    ) -> eyre::Result<Self> {
        working.now("compiling the credit-risk model");
        let bundle = dir.join("credit_risk");
        let model = KnownModel::CREDIT_RISK;
        let compiled = model.compile_batched(checkout, &bundle, batches)?;
        working.now("deploying the contracts");
        let key = DEPLOYER.signer()?;
        let deployer = key.address();
        let node = Node::connect(anvil.url(), Some(key)).await?;
        let artifacts = checkout.path("out");
        let plan = Plan {
            artifacts: &artifacts,
            deployer,
            owner: deployer,
            guardian: deployer,
            // Our own node: nothing there is worth a forgery.
            allow_unsafe: true,
        };
        let (deployment, _) = deploy(&node, plan).await?;
        let contracts = Contracts::of_hub(&node, deployment.hub, deployment.from_block).await?;
        working.now("registering the model");
        let keys = &compiled.keys;
        let registration = Registration::new(&compiled.bundle, keys.verifying_key(), keys.srs())?;
        let policy = ModelPolicy {
            fee: FEE.try_into().wrap_err("fee")?,
            ownerShareBps: OWNER_SHARE_BPS,
            open: true,
        };
        let registered = register(&node, &contracts, deployer, &registration, policy).await?;
        let model_id = registered.id;
        Ok(Self {
            anvil,
            node,
            contracts,
            deployment,
            compiled,
            model_id,
            calibration: model.calibration(checkout),
            bundle,
        })
    }

    /// The node, with the key of `account`.
    pub(crate) async fn as_account(&self, account: Account) -> eyre::Result<Node> {
        Node::connect(self.anvil.url(), Some(account.signer()?)).await
    }

    /// Starts an agent that is paid at `payee`.
    pub(crate) fn start_agent(&self, dir: &Path, payee: Address) -> eyre::Result<Agent> {
        Agent::start(
            dir,
            Job {
                rpc_url: self.anvil.url(),
                chain_id: self.node.chain_id,
                hub: self.contracts.hub,
                start_block: self.contracts.from_block,
                payee,
                signer: OPERATOR,
                bundle: &self.bundle,
                model_id: self.model_id,
            },
        )
    }
}
