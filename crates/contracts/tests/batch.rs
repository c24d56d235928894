//! Batch statements in Rust against those in Solidity, on a deployed settler.

#![allow(clippy::expect_used, reason = "a test ends where its contracts do")]

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolCall,
};
use haloracle_contracts::{
    BatchKey, IBatchSettler, IHalo2Verifier, IModelRegistry, ISettlementHub, ISettlementModule,
    IVerifierRouter, ModelSpec, Schema, batch, statement,
};
use haloracle_testkit::{
    Anvil, Hub,
    hub::{OWNER, policy},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const CHAIN: u64 = 31_337;
const ITEMS: u16 = 8;

fn word(rng: &mut StdRng) -> [u8; 32] {
    let mut word = rng.r#gen::<[u8; 32]>();
    word[0] = 0;
    word
}

/// What a registry can check of a key: (1, 2) is on the curve.
fn key_data(k: u64, instances: u64) -> Vec<u8> {
    let words = [k, instances]
        .into_iter()
        .chain([1, 2].into_iter().cycle().take(30));
    words
        .flat_map(|word| U256::from(word).to_be_bytes::<32>())
        .collect()
}

async fn srs_hash(hub: &Hub) -> B256 {
    let router = IVerifierRouter::new(hub.router, hub.anvil.provider());
    let verifier = router.verifierOf(hub.route).call().await;
    let verifier = IHalo2Verifier::new(verifier.expect("a verifier"), hub.anvil.provider());
    verifier.srsHash().call().await.expect("a hash")
}

/// A model of two input words and one output word with a batch key, added.
async fn register(hub: &Hub, commitment: B256) -> (U256, B256) {
    let schema = Schema {
        digitBits: 8,
        inputDigits: 3,
        outputDigits: 1,
        inputMode: statement::INPUT_PUBLIC_WORDS,
        features: vec![haloracle_contracts::Feature::default(); 11],
        outputs: vec![haloracle_contracts::OutputField {
            multiplier: 1,
            ..Default::default()
        }],
    };
    let before = 2 + u64::from(!commitment.is_zero());
    let key = key_data(14, before + 3);
    let batch_key = key_data(14, before + 3 * u64::from(ITEMS));
    let spec = ModelSpec {
        modelCommitment: commitment,
        route: hub.route,
        vkHash: statement::vk_hash(&key),
        schemaHash: statement::schema_hash(&schema),
        srsHash: srs_hash(hub).await,
        compilerVersion: "batches".into(),
        batchKeys: vec![BatchKey {
            items: ITEMS,
            vkHash: statement::vk_hash(&batch_key),
        }],
        ..ModelSpec::default()
    };
    let model_id = statement::model_id(OWNER, &spec);
    let register = IModelRegistry::registerCall {
        spec: spec.clone(),
        vkData: key.into(),
        schema,
        policy: policy(0, 0),
    };
    let add = IModelRegistry::addBatchKeyCall {
        modelId: model_id,
        spec: spec.clone(),
        index: U256::ZERO,
        vkData: batch_key.into(),
    };
    for data in [register.abi_encode(), add.abi_encode()] {
        let sent = hub.anvil.send(
            "registry",
            OWNER,
            Some(hub.registry),
            U256::ZERO,
            data.into(),
        );
        sent.await.expect("registered");
    }
    (model_id, spec.batchKeys[0].vkHash)
}

#[tokio::test]
async fn tags_and_instances_equal_the_settlers() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let settler = IBatchSettler::new(hub.settler, hub.anvil.provider());
    let mut rng = StdRng::seed_from_u64(5);
    for commitment in [B256::ZERO, B256::from(word(&mut rng))] {
        let (model_id, vk_hash) = register(&hub, commitment).await;
        for (count, one_payee) in [(1, true), (2, false), (5, true), (8, false)] {
            let payee = Address::from(rng.r#gen::<[u8; 20]>());
            let leaves: Vec<(U256, Address)> = (0..count)
                .map(|_| {
                    let own = Address::from(rng.r#gen::<[u8; 20]>());
                    let id = U256::from_be_bytes(rng.r#gen::<[u8; 32]>());
                    (id, if one_payee { payee } else { own })
                })
                .collect();
            let words: Vec<Vec<[u8; 32]>> = (0..count)
                .map(|_| (0..3).map(|_| word(&mut rng)).collect())
                .collect();
            let flat = |range: std::ops::Range<usize>| -> Vec<u8> {
                let parts = words.iter().flat_map(|words| &words[range.clone()]);
                parts.copied().collect::<Vec<_>>().concat()
            };
            let payees: Vec<Address> = leaves.iter().map(|leaf| leaf.1).collect();
            let ids: Vec<U256> = leaves.iter().map(|leaf| leaf.0).collect();
            let payees = if one_payee { vec![payee] } else { payees };

            let tag = batch::batch_tag(CHAIN, hub.settler, vk_hash, &leaves);
            let items = U256::from(ITEMS);
            let theirs = settler
                .batchTagOf(model_id, items, ids.clone(), payees.clone())
                .call()
                .await
                .expect("a tag");
            assert_eq!(tag, theirs);
            let theirs = settler
                .instancesOf(IBatchSettler::RootBatch {
                    modelId: model_id,
                    items,
                    ids,
                    payees,
                    inputs: flat(0..2).into(),
                    outputs: flat(2..3).into(),
                    proof: Default::default(),
                })
                .call()
                .await
                .expect("instances");
            let theirs: Vec<[u8; 32]> = theirs.iter().map(U256::to_be_bytes).collect();
            let ours = batch::instances(tag, commitment, usize::from(ITEMS), &words);
            assert_eq!(ours.expect("fitting leaves"), theirs);
        }
    }
}

#[tokio::test]
async fn ids_and_leaves_equal_the_settlers() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let settler = IBatchSettler::new(hub.settler, hub.anvil.provider());
    let mut rng = StdRng::seed_from_u64(6);
    for _ in 0..4 {
        let (model_id, tag) = (
            U256::from_be_bytes(word(&mut rng)),
            B256::from(word(&mut rng)),
        );
        let batch_id = batch::batch_id(model_id, tag);
        let theirs = settler.batchIdOf(model_id, tag).call().await;
        assert_eq!(batch_id, theirs.expect("an id"));
        let result = batch::BatchResult {
            request_id: U256::from_be_bytes(word(&mut rng)),
            payee: Address::from(rng.r#gen::<[u8; 20]>()),
            status: U256::from(rng.r#gen::<u8>()),
            input_digest: B256::from(word(&mut rng)),
            output_digest: keccak256(word(&mut rng)),
        };
        let index = rng.gen_range(0..256usize);
        let theirs = settler.leafOf(
            batch_id,
            U256::from(index),
            result.request_id,
            result.payee,
            result.status,
            result.input_digest,
            result.output_digest,
        );
        let ours = batch::leaf(CHAIN, hub.settler, batch_id, index, &result);
        assert_eq!(ours, theirs.call().await.expect("a leaf"));
    }
}

#[tokio::test]
async fn the_hub_names_its_settler() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let settlement = ISettlementHub::new(hub.hub, hub.anvil.provider());
    let modules = settlement.modules().call().await.expect("modules");
    assert_eq!(modules, [hub.settler]);
    let settler = ISettlementModule::new(hub.settler, hub.anvil.provider());
    assert_eq!(settler.hub().call().await.expect("a hub"), hub.hub);
    let kind = settler.kind().call().await.expect("a kind");
    assert_eq!(kind, batch::BATCH_V1);
}
