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
use haloracle_model::integer::{MAX_DIGIT_BITS, MIN_DIGIT_BITS, STATUS_OK};
use haloracle_model::{ChainModel, Feature, InputSchema, IntegerModel, OutputField};

use super::contracts::Contracts;
use super::node::Node;
use super::revert::{explain, explain_transport};

/// Widest slot of a packed word, as the registry has it.
const MAX_SLOT_BITS: u32 = 48;
/// Bits that a fixed-point number may have: as many as a compiled model's outputs.
const MAX_FIXED_BITS: u32 = 62;
/// Most decimals of one, as the registry has it.
const MAX_DECIMALS: u8 = 18;

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

/// A model without layers: all that packing and unpacking need. The chain's word is not taken for
/// it: whoever answers for a registry may send any numbers.
pub(crate) fn encoding(id: U256, schema: &Schema) -> eyre::Result<IntegerModel> {
    let about = || format!("the schema of model {}", show_id(id));
    let bits = u32::from(schema.digitBits);
    ensure!(
        (MIN_DIGIT_BITS..=MAX_DIGIT_BITS).contains(&bits),
        "{}: digits of {bits} bits; there are {MIN_DIGIT_BITS} to {MAX_DIGIT_BITS}",
        about()
    );
    for (what, digits) in [
        ("input", schema.inputDigits),
        ("output", schema.outputDigits),
    ] {
        let slot = bits * u32::from(digits);
        ensure!(
            (1..=MAX_SLOT_BITS).contains(&slot),
            "{}: {what} slots of {slot} bits; there are 1 to {MAX_SLOT_BITS}",
            about()
        );
    }
    let slot = bits * u32::from(schema.outputDigits);
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
    let outputs = schema.outputs.iter().enumerate().map(|(index, output)| {
        let zero_point = u64::from(output.zeroPoint);
        let largest = zero_point.max((1 << slot) - 1);
        let largest = u128::from(largest) * u128::from(output.multiplier);
        ensure!(
            largest >> MAX_FIXED_BITS == 0 && output.decimals <= MAX_DECIMALS,
            "{}: output {index} with multiplier {} and {} decimals is no fixed-point number",
            about(),
            output.multiplier,
            output.decimals
        );
        Ok(OutputField {
            name: format!("output {index}"),
            wire: 0,
            digits: schema.outputDigits.into(),
            zero_point,
            multiplier: output.multiplier,
            decimals: output.decimals,
        })
    });
    let model = ChainModel {
        name: show_id(id),
        digit_bits: bits,
        input: InputSchema {
            digits: schema.inputDigits.into(),
            features: features.collect(),
        },
        layers: Vec::new(),
        output: outputs.collect::<eyre::Result<_>>()?,
    };
    let mut model = model.build();
    model.privacy.inputs = schema.inputMode == statement::INPUT_COMMITMENT;
    Ok(model)
}

/// Status and raw outputs of settled output bytes. A refusal has no outputs: the zeros beside
/// its status stand for nothing.
pub(crate) fn decode_output(
    encoding: &IntegerModel,
    output: &Bytes,
) -> eyre::Result<(u64, Option<Vec<u64>>)> {
    let words = statement::to_words("output", output)?;
    let (status, outputs) = encoding.unpack_output(&words).wrap_err("settled output")?;
    Ok((status, (status == STATUS_OK).then_some(outputs)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema {
            digitBits: 8,
            inputDigits: 3,
            outputDigits: 2,
            inputMode: 0,
            features: vec![haloracle_contracts::Feature {
                lo: -5,
                hi: 1000,
                decimals: 2,
            }],
            outputs: vec![haloracle_contracts::OutputField {
                zeroPoint: 300,
                multiplier: 3,
                decimals: 4,
            }],
        }
    }

    #[test]
    fn outputs_are_read_from_slots_of_several_digits() {
        let encoding = encoding(U256::from(1), &schema()).unwrap();
        let output = U256::from(0xfedc_u64 << 16).to_be_bytes::<32>();
        let (status, outputs) = decode_output(&encoding, &output.into()).unwrap();
        assert_eq!((status, outputs.as_deref()), (0, Some(&[0xfedc][..])));
        assert_eq!(encoding.output[0].fixed(0xfedc), (0xfedc - 300) * 3);
    }

    #[test]
    fn a_refusal_has_a_status_and_no_outputs() {
        let encoding = encoding(U256::from(1), &schema()).unwrap();
        let output = U256::from(0x0100).to_be_bytes::<32>();
        assert_eq!(
            decode_output(&encoding, &output.into()).unwrap(),
            (0x0100, None)
        );
    }

    #[test]
    fn numbers_that_no_registry_takes_are_errors() {
        type Change = fn(&mut Schema);
        let change: [(Change, &str); 7] = [
            (|s| s.digitBits = 0, "digits of 0 bits"),
            (|s| s.digitBits = 13, "digits of 13 bits"),
            (|s| s.inputDigits = 0, "input slots of 0 bits"),
            (|s| s.inputDigits = 7, "input slots of 56 bits"),
            (|s| s.outputDigits = 0, "output slots of 0 bits"),
            (|s| s.outputDigits = 255, "output slots of 2040 bits"),
            (|s| s.outputs[0].decimals = 19, "19 decimals"),
        ];
        for (change, message) in change {
            let mut schema = schema();
            change(&mut schema);
            let error = encoding(U256::from(1), &schema).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let mut schema = schema();
        schema.outputDigits = 6;
        schema.outputs[0].multiplier = u32::MAX;
        let error = encoding(U256::from(1), &schema).unwrap_err().to_string();
        assert!(error.contains("no fixed-point number"), "{error}");
    }
}
