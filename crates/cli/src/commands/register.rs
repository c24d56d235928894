//! `haloracle register`: a bundle becomes a registered model.

use std::fmt;

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, TxHash, U256};
use eyre::{WrapErr, ensure};
use haloracle_contracts::{IModelRegistry, IVerifierRouter, ModelPolicy, statement};
use haloracle_prover::Bundle;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::{Contracts, ContractsArgs};
use crate::chain::deploy::refuse_unsafe;
use crate::chain::node::{Node, NodeArgs, send};
use crate::chain::revert::explain;
use crate::chain::spec::Registration;
use crate::chain::view::show_id;
use crate::chain::wallet::WalletArgs;
use crate::exit::Exit;
use crate::ui::Ui;

/// Basis points of the whole.
const WHOLE: u16 = 10_000;

/// `haloracle register`
#[derive(Debug, clap::Args)]
pub(crate) struct RegisterArgs {
    /// Bundle with keys
    bundle: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    contracts: ContractsArgs,
    /// Least fee of a request, in wei
    #[arg(long, value_name = "WEI", default_value_t = 0)]
    fee: u64,
    /// Part of the fee that goes to the model's owner, in basis points
    #[arg(long, value_name = "BPS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=i64::from(WHOLE)))]
    owner_share: u16,
    /// Register a key of an unsafe SRS: whoever made the SRS can forge proofs
    #[arg(long)]
    allow_unsafe: bool,
}

#[derive(Serialize)]
struct RegisterReport {
    model_id: String,
    owner: Address,
    registry: Address,
    vk_hash: String,
    transaction: TxHash,
    gas_used: u64,
    /// Keys of batches, each stored by a transaction of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<AddedKey>,
}

/// A key of batches that was stored.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AddedKey {
    /// Items of the batch.
    pub(crate) items: u16,
    /// The transaction.
    pub(crate) transaction: TxHash,
    /// Its gas.
    pub(crate) gas_used: u64,
}

impl fmt::Display for RegisterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model id     {}", self.model_id)?;
        writeln!(f, "owner        {}", self.owner)?;
        writeln!(f, "vk hash      {}", self.vk_hash)?;
        writeln!(f, "transaction  {}", self.transaction)?;
        writeln!(f, "gas          {}", self.gas_used)?;
        for key in &self.batches {
            let AddedKey {
                items,
                transaction,
                gas_used,
            } = key;
            writeln!(f, "batch of {items:<3} {transaction}, gas {gas_used}")?;
        }
        Ok(())
    }
}

/// What registering took.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// The model's id.
    pub(crate) id: U256,
    /// The transaction.
    pub(crate) transaction: TxHash,
    /// Its gas.
    pub(crate) gas_used: u64,
    /// The batches' keys.
    pub(crate) batches: Vec<AddedKey>,
}

/// Registers the model of a bundle and stores the keys of its batches; `owner` signs.
pub(crate) async fn register(
    node: &Node,
    contracts: &Contracts,
    owner: Address,
    registration: &Registration,
    policy: ModelPolicy,
) -> eyre::Result<Registered> {
    let spec = &registration.spec;
    let router = IVerifierRouter::new(contracts.router, &node.provider);
    let route = router.verifierOf(spec.route).call().await;
    route.map_err(|error| explain("no verifier for the bundle's machine and SRS", error))?;
    let registry = IModelRegistry::new(contracts.registry, &node.provider);
    let call = registry.register(
        spec.clone(),
        registration.vk_data.clone().into(),
        registration.schema.clone(),
        policy,
    );
    let receipt = send("registering the model", call).await?;
    let id = statement::model_id(owner, spec);
    let held = registry.ownerOf(id).call().await;
    let held = held.map_err(|error| explain("asking for the registered model", error))?;
    ensure!(
        held == owner,
        "the registry says that {held} owns the model, not {owner}"
    );
    let mut batches = Vec::new();
    let keys = spec.batchKeys.iter().zip(&registration.batches);
    for (index, (key, data)) in keys.enumerate() {
        let call = registry.addBatchKey(id, spec.clone(), U256::from(index), data.clone().into());
        let receipt = send("storing a key of batches", call).await?;
        batches.push(AddedKey {
            items: key.items,
            transaction: receipt.transaction_hash,
            gas_used: receipt.gas_used,
        });
    }
    Ok(Registered {
        id,
        transaction: receipt.transaction_hash,
        gas_used: receipt.gas_used,
        batches,
    })
}

/// What a registry is told about the bundle in `dir`, and whether its SRS is unsafe.
pub(crate) fn registration(dir: &Path) -> eyre::Result<(Registration, bool)> {
    let bundle = Bundle::open(dir)?;
    let (key, srs) = (bundle.verifying_key()?, bundle.srs()?);
    Ok((Registration::new(&bundle, &key, &srs)?, srs.is_unsafe()))
}

impl RegisterArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let (registration, srs_unsafe) = registration(&self.bundle)?;
        let key = self.wallet.open()?;
        let owner = key.address();
        let policy = ModelPolicy {
            fee: self.fee.try_into().wrap_err("fee")?,
            ownerShareBps: self.owner_share,
            open: true,
        };
        block_on(async {
            let node = self.node.connect(Some(key)).await?;
            refuse_unsafe(node.chain_id, srs_unsafe, self.allow_unsafe)?;
            let contracts = self.contracts.find(&node).await?;
            let working = ui.working("registering");
            let registered = register(&node, &contracts, owner, &registration, policy).await?;
            drop(working);
            ui.data(&RegisterReport {
                model_id: show_id(registered.id),
                owner,
                registry: contracts.registry,
                vk_hash: registration.spec.vkHash.to_string(),
                transaction: registered.transaction,
                gas_used: registered.gas_used,
                batches: registered.batches,
            })?;
            Ok(Exit::Yes)
        })
    }
}
