//! `haloracle model-verify`: is a registered key the key of this model?
//!
//! The chain cannot see which circuit a verifying key belongs to. Here the key is generated
//! again, from the bundle's model alone, and everything registered is compared with it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use eyre::WrapErr;
use haloracle_contracts::{BatchKey, IModelRegistry, ModelSpec, statement};
use haloracle_prover::{Bundle, Keys, compile};
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::ContractsArgs;
use crate::chain::node::NodeArgs;
use crate::chain::revert::{explain, explain_transport};
use crate::chain::spec::Registration;
use crate::chain::view::{parse_id, registered, schema, show_id};
use crate::exit::Exit;
use crate::text::hexed;
use crate::ui::Ui;

/// `haloracle model-verify`
#[derive(Debug, clap::Args)]
pub(crate) struct ModelVerifyArgs {
    /// Id of a registered model
    #[arg(value_parser = parse_id)]
    id: U256,
    /// Bundle that the model is said to be
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    contracts: ContractsArgs,
}

#[derive(Serialize)]
struct ModelVerifyReport {
    model_id: String,
    owner: Address,
    matches: bool,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    what: &'static str,
    registered: String,
    rebuilt: String,
}

impl fmt::Display for ModelVerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model id  {}", self.model_id)?;
        writeln!(f, "owner     {}", self.owner)?;
        if self.matches {
            return writeln!(f, "the registered key is the key of this bundle's model");
        }
        writeln!(f, "NOT THIS MODEL:")?;
        self.differences.iter().try_for_each(|difference| {
            let Difference {
                what,
                registered,
                rebuilt,
            } = difference;
            writeln!(f, "  {what}: registered {registered}, rebuilt {rebuilt}")
        })
    }
}

fn compare(chain: &ModelSpec, own: &ModelSpec) -> Vec<Difference> {
    let hashes = [
        ("route", chain.route, own.route),
        ("verifying key", chain.vkHash, own.vkHash),
        ("schema", chain.schemaHash, own.schemaHash),
        (
            "model commitment",
            chain.modelCommitment,
            own.modelCommitment,
        ),
        ("integer model", chain.graphHash, own.graphHash),
        ("ONNX file", chain.onnxHash, own.onnxHash),
        ("SRS", chain.srsHash, own.srsHash),
        ("accuracy report", chain.reportHash, own.reportHash),
    ];
    let differing = hashes.into_iter().filter(|(_, chain, own)| chain != own);
    let mut found: Vec<Difference> = differing
        .map(|(what, chain, own)| Difference {
            what,
            registered: chain.to_string(),
            rebuilt: own.to_string(),
        })
        .collect();
    if chain.batchKeys != own.batchKeys {
        found.push(Difference {
            what: "batch keys",
            registered: show_batch_keys(&chain.batchKeys),
            rebuilt: show_batch_keys(&own.batchKeys),
        });
    }
    if chain.compilerVersion != own.compilerVersion {
        found.push(Difference {
            what: "compiler",
            registered: chain.compilerVersion.clone(),
            rebuilt: own.compilerVersion.clone(),
        });
    }
    found
}

fn show_batch_keys(keys: &[BatchKey]) -> String {
    let shown = keys
        .iter()
        .map(|key| format!("{} × {}", key.items, key.vkHash));
    shown.collect::<Vec<_>>().join(", ")
}

impl ModelVerifyArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let working = ui.working("generating the key from the model");
        let bundle = Bundle::open(&self.bundle)?;
        let srs = bundle.srs()?;
        srs.check().wrap_err("the bundle's SRS")?;
        // Whatever keys lie in the bundle, these are the model's.
        let program = compile(bundle.model(), Some(bundle.program().shape()))?;
        let keys = Keys::generate_for(Arc::clone(bundle.model()), program, &srs)?;
        let batches = bundle.batches().iter().map(|items| {
            working.now(format!("generating the key of batches of {items}"));
            bundle
                .batch_srs(*items)?
                .check()
                .wrap_err("the batches' SRS")?;
            Ok((*items, bundle.derive_batch_key(*items)?))
        });
        let batches = batches.collect::<eyre::Result<Vec<_>>>()?;
        let own = Registration::with_batches(&bundle, keys.verifying_key(), keys.srs(), &batches)?;
        working.now("asking the registry");
        let (owner, differences) = block_on(async {
            let node = self.node.connect(None).await?;
            let contracts = self.contracts.find(&node).await?;
            let spec = registered(&node, &contracts, self.id).await?;
            let registry = IModelRegistry::new(contracts.registry, &node.provider);
            let asked = |error| explain("asking the registry for the model", error);
            let owner = registry.ownerOf(self.id).call().await.map_err(asked)?;
            let mut differences = compare(&spec, &own.spec);
            let mut differ = |what, registered: String, rebuilt: String| {
                if registered != rebuilt {
                    differences.push(Difference {
                        what,
                        registered,
                        rebuilt,
                    });
                }
            };
            // The log is the node's word; the contracts' state is what proofs are checked with.
            let id = statement::model_id(owner, &spec);
            differ("model id", show_id(self.id), show_id(id));
            let key = registry.vkOf(self.id).call().await.map_err(asked)?;
            let code = node.provider.get_code_at(key.vk).await;
            let code = code.map_err(|error| explain_transport("reading the key", &error))?;
            let expected = haloracle_solidity_verifier::vk_code(&own.vk_data);
            // The schema lies behind the key.
            let code = code.get(..expected.len()).unwrap_or(&code);
            if code != expected {
                let shown = |code: &[u8]| hexed(haloracle_prover::files::keccak(code));
                differ(
                    "hash of the key contract's code",
                    shown(code),
                    shown(&expected),
                );
            }
            let chain_schema = schema(&node, &contracts, self.id).await?;
            let hash = |schema| statement::schema_hash(schema).to_string();
            differ("schema in use", hash(&chain_schema), hash(&own.schema));
            eyre::Ok((owner, differences))
        })?;
        drop(working);
        let matches = differences.is_empty();
        ui.data(&ModelVerifyReport {
            model_id: show_id(self.id),
            owner,
            matches,
            differences,
        })?;
        Ok(Exit::from_verdict(matches))
    }
}
