//! What a chain knows of models and requests.

use alloy::primitives::{B256, Bytes, TxHash, U256};
use alloy::providers::Provider;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent;
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::{
    IInferenceHub::{InferenceRequested, Verified},
    IModelRegistry,
    IModelRegistry::ModelRegistered,
    ModelSpec, Schema, statement,
};
use haloracle_model::{Feature, InputSchema, IntegerModel, OutputField};

use super::contracts::Contracts;
use super::node::Node;
use super::revert::{explain, explain_transport};

/// A log's event and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Found<E> {
    /// The event.
    pub(crate) event: E,
    /// Its transaction.
    pub(crate) transaction: Option<TxHash>,
}

/// An id on the command line: decimal or 0x-prefixed hexadecimal.
pub(crate) fn parse_id(text: &str) -> Result<U256, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an id: give a number or 0x…"))
}

/// The form in which ids are shown.
pub(crate) fn show_id(id: U256) -> String {
    B256::from(id).to_string()
}

/// The schema of a registered model.
pub(crate) async fn schema(node: &Node, contracts: &Contracts, id: U256) -> eyre::Result<Schema> {
    let registry = IModelRegistry::new(contracts.registry, &node.provider);
    let asked = format!("model {}", show_id(id));
    registry
        .schemaOf(id)
        .call()
        .await
        .map_err(|error| explain(&asked, error))
}

/// A model without layers: all that packing and unpacking need.
pub(crate) fn encoding(id: U256, schema: &Schema) -> IntegerModel {
    let features = schema
        .features
        .iter()
        .enumerate()
        .map(|(index, feature)| Feature {
            name: format!("feature {index}"),
            decimals: feature.decimals,
            lo: feature.lo,
            hi: feature.hi,
        });
    let outputs = schema
        .outputs
        .iter()
        .enumerate()
        .map(|(index, output)| OutputField {
            name: format!("output {index}"),
            wire: 0,
            digits: 1,
            zero_point: output.zeroPoint.into(),
            multiplier: output.multiplier,
            decimals: output.decimals,
        });
    haloracle_model::ChainModel {
        name: show_id(id),
        digit_bits: schema.digitBits.into(),
        input: InputSchema {
            digits: schema.inputDigits.into(),
            features: features.collect(),
        },
        layers: Vec::new(),
        output: outputs.collect(),
    }
    .build()
}

/// Status and output digits of settled output bytes.
pub(crate) fn decode_output(
    encoding: &IntegerModel,
    output: &Bytes,
) -> eyre::Result<(u64, Vec<u64>)> {
    let words = statement::to_words("output", output)?;
    encoding.unpack_output(&words).wrap_err("settled output")
}

async fn find<E: SolEvent>(
    node: &Node,
    filter: Filter,
    what: &str,
) -> eyre::Result<Option<Found<E>>> {
    let logs: Vec<Log> = node
        .provider
        .get_logs(&filter)
        .await
        .map_err(|error| explain_transport(what, &error))?;
    let Some(log) = logs.first() else {
        return Ok(None);
    };
    let event = E::decode_log(&log.inner)
        .map_err(|error| eyre!("{what}: {error}"))?
        .data;
    Ok(Some(Found {
        event,
        transaction: log.transaction_hash,
    }))
}

/// The request's announcement.
pub(crate) async fn requested(
    node: &Node,
    contracts: &Contracts,
    id: U256,
) -> eyre::Result<Found<InferenceRequested>> {
    let filter = Filter::new()
        .address(contracts.hub)
        .event_signature(InferenceRequested::SIGNATURE_HASH)
        .topic1(id)
        .from_block(contracts.from_block);
    let found = find(node, filter, "looking for the request").await?;
    found.ok_or_else(|| {
        eyre!(
            "unknown request id {}: the hub has no such request",
            show_id(id)
        )
    })
}

/// The request's settlement, if it was answered.
pub(crate) async fn verified(
    node: &Node,
    contracts: &Contracts,
    id: U256,
) -> eyre::Result<Option<Found<Verified>>> {
    let filter = Filter::new()
        .address(contracts.hub)
        .event_signature(Verified::SIGNATURE_HASH)
        .topic1(id)
        .from_block(contracts.from_block);
    find(node, filter, "looking for the answer").await
}

/// What a model was registered with.
pub(crate) async fn registered(
    node: &Node,
    contracts: &Contracts,
    id: U256,
) -> eyre::Result<ModelSpec> {
    let filter = Filter::new()
        .address(contracts.registry)
        .event_signature(ModelRegistered::SIGNATURE_HASH)
        .topic1(id)
        .from_block(contracts.from_block);
    let found = find::<ModelRegistered>(node, filter, "looking for the model").await?;
    let unknown = || {
        eyre!(
            "unknown model id {}: nothing is registered under it",
            show_id(id)
        )
    };
    let found = found.ok_or_else(unknown)?;
    ensure!(
        found.event.modelId == id,
        "the node answered with another model's log"
    );
    Ok(found.event.spec)
}
