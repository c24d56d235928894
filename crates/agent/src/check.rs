//! Looks at everything that a configuration names, without changing anything.

mod settler;

use std::{path::Path, sync::Arc};

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use haloracle_contracts::{IModelRegistry::ModelRegistered, statement};
use serde::Serialize;

use crate::{
    chain::{Chain, hex_id},
    config::{Config, ModelConfig, RpcConfig},
    metrics::Metrics,
    models::Loaded,
    rpc::{Class, Rpc, RpcError},
    signer::Signer,
};

/// How one check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// The agent would run, but not as meant.
    Warning,
    /// The agent would not run, or not earn.
    Failed,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
}

/// Everything looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl CheckReport {
    /// Whether nothing failed.
    pub fn is_ok(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.status != CheckStatus::Failed)
    }

    fn add(&mut self, name: impl Into<String>, outcome: Result<String, String>) -> bool {
        let (status, detail) = match outcome {
            Ok(detail) => (CheckStatus::Ok, detail),
            Err(detail) => (CheckStatus::Failed, detail),
        };
        self.push(name, status, detail);
        status == CheckStatus::Ok
    }

    fn push(&mut self, name: impl Into<String>, status: CheckStatus, detail: String) {
        self.checks.push(Check {
            name: name.into(),
            status,
            detail,
        });
    }
}

/// Checks nodes, hub, keystore, balance, bundles against the registry, state directory and HTTP
/// address. Problems are in the report; there is no error. May run beside an agent, except that
/// the HTTP address is then in use, which is a warning.
pub async fn check(config: &Config) -> CheckReport {
    let mut report = CheckReport::default();
    report.add("payee", Ok(config.payee.to_string()));
    report.add("state_dir", state_dir(&config.state_dir));
    match tokio::net::TcpListener::bind(config.http.listen).await {
        Ok(_) => report.push("http", CheckStatus::Ok, config.http.listen.to_string()),
        Err(error) => {
            let detail = format!("{}: {error}", config.http.listen);
            report.push("http", CheckStatus::Warning, detail);
        }
    }
    if let Some(intake) = &config.intake {
        match tokio::net::TcpListener::bind(intake.listen).await {
            Ok(_) => report.push("intake", CheckStatus::Ok, intake.listen.to_string()),
            Err(error) => {
                let detail = format!("{}: {error}", intake.listen);
                report.push("intake", CheckStatus::Warning, detail);
            }
        }
        let files = intake.token().and(intake.secret()).map(drop);
        let files = files.map(|()| if intake.public { "everybody" } else { "token" });
        let files = files.map(str::to_owned).map_err(|error| error.to_string());
        report.add("intake access", files);
    }
    let chain = nodes(config, &mut report).await;
    let signer_config = config.signer.clone();
    let signer = tokio::task::spawn_blocking(move || Signer::open(&signer_config)).await;
    let signer = match signer {
        Ok(signer) => signer.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let address = signer.as_ref().map(Signer::address).ok();
    report.add(
        "keystore",
        signer.map(|signer| signer.address().to_string()),
    );
    let mut registry = None;
    if let Some(chain) = &chain {
        registry = hub(chain, &mut report).await;
        if let Some(batch) = &config.batch {
            settler::settler(chain, batch.settler, &mut report).await;
        }
        if let Some(address) = address {
            balance(config, chain, address, &mut report).await;
        }
    }
    if config.models.is_empty() {
        let detail = "no model is configured: nothing will be proved".into();
        report.push("models", CheckStatus::Warning, detail);
    }
    for model in &config.models {
        bundle(config, model, chain.as_ref().zip(registry), &mut report).await;
    }
    report
}

/// The directory exists or can be made.
fn state_dir(path: &Path) -> Result<String, String> {
    let existing = path
        .ancestors()
        .find(|path| path.exists() || path.as_os_str().is_empty());
    let existing = existing
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let metadata = existing
        .metadata()
        .map_err(|error| format!("`{}`: {error}", existing.display()))?;
    if !metadata.is_dir() {
        return Err(format!("`{}` is not a directory", existing.display()));
    }
    if metadata.permissions().readonly() {
        return Err(format!("`{}` is read-only", existing.display()));
    }
    Ok(path.display().to_string())
}

/// Asks every node on its own; a chain over those that answer rightly.
async fn nodes(config: &Config, report: &mut CheckReport) -> Option<Chain> {
    let mut good = Vec::new();
    for (index, url) in config.rpc.urls.iter().enumerate() {
        let name = format!("rpc.urls[{index}]");
        let alone = RpcConfig {
            urls: vec![url.clone()],
            retries: 1,
            ..config.rpc.clone()
        };
        let outcome = match chain_over(config, &alone) {
            Ok(chain) => node(config, &chain).await,
            Err(error) => Err(error.to_string()),
        };
        if report.add(name, outcome) {
            good.push(url.clone());
        }
    }
    let urls = RpcConfig {
        urls: good,
        ..config.rpc.clone()
    };
    (!urls.urls.is_empty())
        .then(|| chain_over(config, &urls).ok())
        .flatten()
}

fn chain_over(config: &Config, rpc: &RpcConfig) -> Result<Chain, RpcError> {
    let rpc = Rpc::new(rpc, Arc::new(Metrics::new()))?;
    Ok(Chain::new(rpc, config.chain_id, config.hub))
}

async fn node(config: &Config, chain: &Chain) -> Result<String, String> {
    let got = chain
        .node_chain_id()
        .await
        .map_err(|error| error.to_string())?;
    if got != config.chain_id {
        return Err(format!(
            "is on chain {got}, `chain_id` is {}",
            config.chain_id
        ));
    }
    let head = chain.head().await.map_err(|error| error.to_string())?;
    if head.base_fee.is_none() {
        return Err("its blocks have no base fee: EIP-1559 is needed".into());
    }
    Ok(format!("chain {got}, block {}", head.number))
}

/// The hub has code and names its registry.
async fn hub(chain: &Chain, report: &mut CheckReport) -> Option<Address> {
    let outcome = match chain.code(chain.hub()).await {
        Ok(code) if code.is_empty() => Err(format!("no contract at {}", chain.hub())),
        Ok(_) => chain
            .registry()
            .await
            .map_err(|error| format!("not an inference hub: {error}")),
        Err(error) => Err(error.to_string()),
    };
    let registry = outcome.as_ref().ok().copied();
    report.add(
        "hub",
        outcome.map(|registry| format!("{}, registry {registry}", chain.hub())),
    );
    registry
}

async fn balance(config: &Config, chain: &Chain, signer: Address, report: &mut CheckReport) {
    match chain.balance(signer).await {
        Ok(wei) => {
            let low = wei < U256::from(config.fees.low_balance_wei);
            let status = if low {
                CheckStatus::Warning
            } else {
                CheckStatus::Ok
            };
            report.push("balance", status, format!("{signer} has {wei} wei"));
        }
        Err(error) => report.push("balance", CheckStatus::Failed, error.to_string()),
    }
}

/// The bundle loads, and its model is registered with the same key, route and schema.
async fn bundle(
    config: &Config,
    model: &ModelConfig,
    registry: Option<(&Chain, Address)>,
    report: &mut CheckReport,
) {
    let name = format!("bundle `{}`", model.bundle.display());
    let model_config = model.clone();
    let loaded = match tokio::task::spawn_blocking(move || Loaded::open(&model_config)).await {
        Ok(loaded) => loaded.map_err(|error| error.message),
        Err(error) => Err(error.to_string()),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(message) => {
            report.add(name, Err(message));
            return;
        }
    };
    let found = format!(
        "`{}`, key {}",
        loaded.provable.model().name,
        loaded.provable.vk_hash
    );
    report.add(name.clone(), Ok(found));
    if let Some((chain, registry)) = registry {
        let outcome = registered(config, chain, registry, model, &loaded).await;
        report.add(format!("{name} on chain"), outcome);
    }
}

async fn registered(
    config: &Config,
    chain: &Chain,
    registry: Address,
    model: &ModelConfig,
    loaded: &Loaded,
) -> Result<String, String> {
    let say = |error: RpcError| error.to_string();
    let provable = &loaded.provable;
    let id = match model.id {
        Some(id) => id,
        None => search(config, chain, registry, provable.vk_hash)
            .await
            .map_err(say)?
            .ok_or("no model with its key is registered from `start_block` on")?,
    };
    let terms = match chain.terms(registry, id).await {
        Err(error) if matches!(error.class, Class::Revert(_)) => {
            return Err(format!("model {} is not registered", hex_id(id)));
        }
        terms => terms.map_err(say)?,
    };
    if terms.vkHash != provable.vk_hash {
        return Err(format!(
            "model {} is registered with another key",
            hex_id(id)
        ));
    }
    if terms.route != provable.route {
        return Err(format!(
            "model {} uses route {}, the bundle was set up for {}: another machine shape or SRS",
            hex_id(id),
            terms.route,
            provable.route
        ));
    }
    if terms.modelCommitment != provable.privacy.model_commitment {
        return Err(format!(
            "model {} is registered with another commitment to its weights",
            hex_id(id)
        ));
    }
    let schema = chain.schema(registry, id).await.map_err(say)?;
    if statement::schema_hash(&schema) != statement::schema_hash(&provable.schema) {
        return Err(format!(
            "model {} is registered with another schema",
            hex_id(id)
        ));
    }
    Ok(format!("model {}", hex_id(id)))
}

/// The id under which a key is registered, from the registry's logs.
async fn search(
    config: &Config,
    chain: &Chain,
    registry: Address,
    vk_hash: B256,
) -> Result<Option<U256>, RpcError> {
    let head = chain.head().await?.number;
    let mut from = config.start_block;
    let mut span = config.rpc.log_span;
    while from <= head {
        let to = head.min(from.saturating_add(span - 1));
        let filter = Filter::new()
            .address(registry)
            .event_signature(ModelRegistered::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        let logs = match chain.raw_logs(filter).await {
            Ok(logs) => logs,
            Err(error) if error.class == Class::RangeTooLarge && span > 1 => {
                span = (span / 2).max(1);
                continue;
            }
            Err(error) => return Err(error),
        };
        let found = logs
            .iter()
            .filter_map(|log| ModelRegistered::decode_log(&log.inner).ok())
            .find(|event| event.spec.vkHash == vk_hash);
        if let Some(event) = found {
            return Ok(Some(event.modelId));
        }
        from = to + 1;
    }
    Ok(None)
}
