//! Which registered model is which bundle.
//!
//! The registry is asked once per model id: the terms of a model never change. A bundle answers
//! for a model if its verifying key, route, commitment to weights and schema are those that the
//! registry pinned, and its id is the configured one, if one is.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use alloy::primitives::{Address, U256};
use haloracle_contracts::statement;
use tokio::sync::OnceCell;

use crate::{
    chain::{Chain, hex_id},
    config::ModelConfig,
    prove::Provable,
    rpc::{Class, Method, RpcError},
};

/// How long batch keys are believed missing: anybody may add them to the registry.
const KEYS_FRESH: Duration = Duration::from_secs(300);

/// A bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("bundle `{}`: {message}", .bundle.display())]
#[non_exhaustive]
pub struct BundleError {
    /// Its directory.
    pub bundle: PathBuf,
    /// What is wrong.
    pub message: String,
}

/// A loaded bundle and its limits.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: ModelConfig,
    pub(crate) provable: Provable,
}

impl Loaded {
    pub(crate) fn open(config: &ModelConfig) -> Result<Self, BundleError> {
        let provable = Provable::open(&config.bundle).map_err(|message| BundleError {
            bundle: config.bundle.clone(),
            message,
        })?;
        Ok(Self {
            config: config.clone(),
            provable,
        })
    }
}

/// All loaded bundles.
#[derive(Debug)]
pub(crate) struct Models {
    loaded: Vec<Arc<Loaded>>,
    registry: OnceCell<Address>,
    known: Mutex<HashMap<U256, Option<Arc<Loaded>>>>,
    batches: Mutex<HashMap<U256, (Instant, Vec<u32>)>>,
}

impl Models {
    /// Loads every configured bundle.
    pub(crate) fn open(configs: &[ModelConfig]) -> Result<Self, BundleError> {
        let loaded = configs
            .iter()
            .map(|config| Loaded::open(config).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            loaded,
            registry: OnceCell::new(),
            known: Mutex::default(),
            batches: Mutex::default(),
        })
    }

    /// The hub's registry.
    pub(crate) async fn registry(&self, chain: &Chain) -> Result<Address, RpcError> {
        self.registry
            .get_or_try_init(|| chain.registry())
            .await
            .copied()
    }

    /// The bundle that answers for a registered model; `None` if there is none.
    pub(crate) async fn find(
        &self,
        chain: &Chain,
        model_id: U256,
    ) -> Result<Option<Arc<Loaded>>, RpcError> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&model_id)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let registry = self.registry(chain).await?;
        let found = match chain.terms(registry, model_id).await {
            Ok(terms) => {
                let answers = |loaded: &&Arc<Loaded>| {
                    loaded.config.id.is_none_or(|id| id == model_id)
                        && loaded.provable.vk_hash == terms.vkHash
                        && loaded.provable.route == terms.route
                        && loaded.provable.privacy.model_commitment == terms.modelCommitment
                };
                match self.loaded.iter().find(answers) {
                    Some(loaded) => {
                        let schema = chain.schema(registry, model_id).await?;
                        let ours = &loaded.provable.schema;
                        (statement::schema_hash(&schema) == statement::schema_hash(ours))
                            .then(|| Arc::clone(loaded))
                    }
                    None => None,
                }
            }
            // The hub took the request, so the model is registered: the node is behind.
            Err(error) if matches!(error.class, Class::Revert(_)) => {
                let message = format!("the registry does not know model {} yet", hex_id(model_id));
                return Err(RpcError::new(Method::Call, Class::Transient, message));
            }
            Err(error) => return Err(error),
        };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(model_id, found.clone());
        Ok(found)
    }

    /// Items of the batch circuits of `loaded` whose keys the registry has for the model.
    pub(crate) async fn batches(
        &self,
        chain: &Chain,
        model_id: U256,
        loaded: &Loaded,
    ) -> Result<Vec<u32>, RpcError> {
        let ours = &loaded.provable.batches;
        let known = self
            .batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&model_id)
            .cloned();
        if let Some((at, found)) = known
            && (found.len() == ours.len() || at.elapsed() < KEYS_FRESH)
        {
            return Ok(found);
        }
        let registry = self.registry(chain).await?;
        let mut found = Vec::new();
        for (items, key) in ours {
            if chain.batch_key(registry, model_id, *items).await? == Some(*key) {
                found.push(*items);
            }
        }
        self.batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(model_id, (Instant::now(), found.clone()));
        Ok(found)
    }
}
