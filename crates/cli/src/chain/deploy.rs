//! Deploys verifiers, router, registry, batch settler, hub and escrow.

use std::path::Path;

use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::rpc::types::state::{AccountOverride, StateOverride};
use alloy::sol_types::{SolCall, SolValue};
use eyre::{WrapErr, ensure};
use haloracle_contracts::{IHalo2Verifier, IInferenceHub, IVerifierRouter, statement};
use haloracle_prover::Shape;
use haloracle_solidity_verifier::contract_name;

use super::artifacts::Artifact;
use super::contracts::{DeployedVerifier, Deployment};
use super::node::{Node, send};
use super::revert::{explain, explain_transport};

alloy::sol! {
    /// OpenZeppelin's `Ownable2Step`, as far as it is used here.
    #[sol(rpc)]
    interface IOwnable {
        function transferOwnership(address newOwner) external;
    }
}

/// Chain of development nodes: anything goes.
pub(crate) const DEVELOPMENT: u64 = 31_337;

/// What is deployed, and for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// forge's output folder.
    pub(crate) artifacts: &'a Path,
    /// Who sends.
    pub(crate) deployer: Address,
    /// Owner of the router; still has to accept if it is not the deployer.
    pub(crate) owner: Address,
    /// Who may stop routes.
    pub(crate) guardian: Address,
    /// Deploy a verifier whose SRS is unsafe, on any chain.
    pub(crate) allow_unsafe: bool,
}

/// Refuses a known secret where it matters.
pub(crate) fn refuse_unsafe(chain_id: u64, is_unsafe: bool, allowed: bool) -> eyre::Result<()> {
    ensure!(
        !is_unsafe || allowed || chain_id == DEVELOPMENT,
        "the SRS is unsafe: whoever made it can forge proofs. Use a ceremony's SRS on chain \
         {chain_id}, or pass --allow-unsafe if forged answers do no harm there"
    );
    Ok(())
}

/// Asks the verifier's code about its SRS before anything is sent: the code is put at an address
/// for the length of one call.
async fn srs_is_unsafe(node: &Node, name: &str, runtime: &[u8]) -> eyre::Result<bool> {
    let address = Address::repeat_byte(0xfe);
    let account = AccountOverride {
        code: Some(Bytes::copy_from_slice(runtime)),
        ..AccountOverride::default()
    };
    let request = TransactionRequest::default()
        .with_to(address)
        .with_input(IHalo2Verifier::srsUnsafeCall {}.abi_encode());
    let overrides: StateOverride = [(address, account)].into_iter().collect();
    let answer = node.provider.call(request).overrides(overrides).await;
    let what = "asking the verifier whether its SRS is unsafe";
    let answer = answer.map_err(|error| explain_transport(what, &error))?;
    IHalo2Verifier::srsUnsafeCall::abi_decode_returns(&answer)
        .wrap_err_with(|| format!("the artifact {name} is not a verifier"))
}

/// The verifiers that forge built, by name: one per shape. A checkout may hold some shapes only;
/// the routes of others can be activated later.
fn verifiers(artifacts: &Path) -> eyre::Result<Vec<(&'static str, Artifact)>> {
    let names = Shape::ALL.map(contract_name).into_iter();
    let built: Vec<_> = names
        .filter(|name| Artifact::path(artifacts, name).exists())
        .map(|name| Ok((name, Artifact::load(artifacts, name)?)))
        .collect::<eyre::Result<_>>()?;
    if built.is_empty() {
        // Names the first one in its error.
        Artifact::load(artifacts, contract_name(Shape::Narrow))?;
    }
    Ok(built)
}

/// What a deployed verifier says of itself.
async fn describe(node: &Node, name: &str, address: Address) -> eyre::Result<DeployedVerifier> {
    let contract = IHalo2Verifier::new(address, &node.provider);
    let asked = |error| explain(&format!("asking {name}"), error);
    let shape_hash: B256 = contract.shapeHash().call().await.map_err(asked)?;
    let srs_hash: B256 = contract.srsHash().call().await.map_err(asked)?;
    Ok(DeployedVerifier {
        name: name.to_owned(),
        address,
        shape_hash,
        srs_hash,
        srs_unsafe: contract.srsUnsafe().call().await.map_err(asked)?,
        route: statement::route(shape_hash, srs_hash),
    })
}

/// Deploys everything; the record says where it is and is written by the caller.
pub(crate) async fn deploy(node: &Node, plan: Plan<'_>) -> eyre::Result<(Deployment, u64)> {
    let load = |name| Artifact::load(plan.artifacts, name);
    let (built, router) = (verifiers(plan.artifacts)?, load("VerifierRouter")?);
    let (registry, hub) = (load("ModelRegistry")?, load("InferenceHub")?);
    let settler = load("BatchSettler")?;
    for (name, verifier) in &built {
        let srs_unsafe = srs_is_unsafe(node, name, &verifier.runtime).await?;
        refuse_unsafe(node.chain_id, srs_unsafe, plan.allow_unsafe)?;
    }

    let from_block = node.provider.get_block_number().await;
    let from_block =
        from_block.map_err(|error| explain_transport("asking for the latest block", &error))?;
    let mut gas = 0;
    let mut create = async |name: &str, code: Vec<u8>| -> eyre::Result<Address> {
        let (address, receipt) = node.deploy(name, code).await?;
        gas += receipt.gas_used;
        Ok(address)
    };
    let mut verifiers = Vec::with_capacity(built.len());
    for (name, verifier) in built {
        let address = create(name, verifier.creation).await?;
        verifiers.push(describe(node, name, address).await?);
    }
    let roles = (plan.deployer, plan.guardian).abi_encode();
    let router = create("VerifierRouter", router.with(&roles)).await?;
    let registry = create("ModelRegistry", registry.with(&router.abi_encode())).await?;
    // The settler names its hub, which comes next and refuses a settler that names another.
    let nonce = node.provider.get_transaction_count(plan.deployer).await;
    let nonce = nonce.map_err(|error| explain_transport("asking for the nonce", &error))?;
    let parts = (plan.deployer.create(nonce + 1), registry).abi_encode();
    let settler = create("BatchSettler", settler.with(&parts)).await?;
    let parts = (registry, router, vec![settler]).abi_encode_params();
    let hub = create("InferenceHub", hub.with(&parts)).await?;

    let routes = IVerifierRouter::new(router, &node.provider);
    for verifier in &verifiers {
        let what = format!("activating {}", verifier.name);
        let activated = send(&what, routes.activate(verifier.address)).await?;
        gas += activated.gas_used;
    }
    if plan.owner != plan.deployer {
        let owned = IOwnable::new(router, &node.provider);
        let handed = send(
            "handing over the router",
            owned.transferOwnership(plan.owner),
        );
        gas += handed.await?.gas_used;
    }
    let asked = |error| explain("asking the hub for its escrow", error);
    let escrow = IInferenceHub::new(hub, &node.provider);
    let escrow = escrow.escrow().call().await.map_err(asked)?;
    let deployment = Deployment {
        chain_id: node.chain_id,
        from_block,
        verifiers,
        router,
        registry,
        hub,
        settler: Some(settler),
        escrow,
        owner: plan.owner,
        guardian: plan.guardian,
        collateral_manager: None,
    };
    Ok((deployment, gas))
}
