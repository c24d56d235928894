//! The statement in Rust against the statement in Solidity, on a deployed hub.

#![allow(clippy::expect_used, reason = "a test ends where its contracts do")]

use alloy::primitives::{Address, B256, U256, Uint};
use haloracle_contracts::{
    Feature, IHalo2Verifier, IModelRegistry, IVerifierRouter, ModelSpec, OutputField, Request,
    Schema, statement,
};
use haloracle_testkit::{
    Anvil, Hub,
    hub::{OWNER, policy},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

fn request(rng: &mut StdRng) -> Request {
    Request {
        modelId: U256::from_be_bytes(rng.r#gen::<[u8; 32]>()),
        consumer: Address::from(rng.r#gen::<[u8; 20]>()),
        subject: Address::from(rng.r#gen::<[u8; 20]>()),
        refundTo: Address::from(rng.r#gen::<[u8; 20]>()),
        nonce: rng.r#gen(),
        deadline: rng.r#gen(),
        fee: Uint::from(rng.r#gen::<u64>()),
        callbackGas: rng.r#gen(),
        modes: rng.r#gen(),
        inputMode: rng.r#gen(),
        inputDigest: B256::from(rng.r#gen::<[u8; 32]>()),
        userData: B256::from(rng.r#gen::<[u8; 32]>()),
    }
}

#[tokio::test]
async fn ids_and_tags_equal_the_hubs() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let contract = hub.contract();
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..8 {
        let request = request(&mut rng);
        let payee = Address::from(rng.r#gen::<[u8; 20]>());
        let id = contract
            .requestIdOf(request.clone())
            .call()
            .await
            .expect("an id");
        assert_eq!(statement::request_id(31337, hub.hub, &request), id);
        let tag = contract.tagOf(id, payee).call().await.expect("a tag");
        assert_eq!(statement::tag(id, payee), tag);
    }
    let other = statement::request_id(1, hub.hub, &request(&mut StdRng::seed_from_u64(3)));
    let same = request(&mut StdRng::seed_from_u64(3));
    let id = contract.requestIdOf(same).call().await.expect("an id");
    assert_ne!(other, id, "the chain is part of the id");
}

fn word(rng: &mut StdRng) -> [u8; 32] {
    let mut word = rng.r#gen::<[u8; 32]>();
    word[0] = 0;
    word
}

/// Public and private weights and inputs: the hub takes commitment and mode from its registry.
#[tokio::test]
async fn instances_equal_the_hubs() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let contract = hub.contract();
    let mut rng = StdRng::seed_from_u64(4);
    for mode in [statement::INPUT_PUBLIC_WORDS, statement::INPUT_COMMITMENT] {
        for commitment in [B256::ZERO, B256::from(word(&mut rng))] {
            // Ten slots of 24 bits a word: 11 features, and 21 outputs with the status.
            let schema = Schema {
                digitBits: 8,
                inputDigits: 3,
                outputDigits: 3,
                inputMode: mode,
                features: vec![Feature::default(); 11],
                outputs: vec![
                    OutputField {
                        multiplier: 1,
                        ..OutputField::default()
                    };
                    20
                ],
            };
            let committed = mode == statement::INPUT_COMMITMENT;
            let words = if committed { 1 } else { 2 };
            let count = 2 + u64::from(!commitment.is_zero()) + words + 3;
            let model = ModelSpec {
                modelCommitment: commitment,
                ..ModelSpec::default()
            };
            let key = key_data(14, count);
            let model_id = hub
                .register_as(model, &key, srs_hash(&hub).await, schema, policy(0, 0))
                .await
                .expect("registered");
            let input: Vec<[u8; 32]> = (0..words).map(|_| word(&mut rng)).collect();
            let output: Vec<[u8; 32]> = (0..3).map(|_| word(&mut rng)).collect();
            let request = Request {
                modelId: model_id,
                inputMode: mode,
                inputDigest: match committed {
                    true => input[0].into(),
                    false => statement::input_digest(&input),
                },
                ..request(&mut rng)
            };
            let payee = Address::from(rng.r#gen::<[u8; 20]>());
            let bytes = if committed {
                Vec::new()
            } else {
                input.concat()
            };
            let instances = contract
                .instancesOf(request.clone(), payee, bytes.into(), output.concat().into())
                .call()
                .await
                .expect("instances");
            let instances: Vec<[u8; 32]> = instances.iter().map(U256::to_be_bytes).collect();
            assert_eq!(instances.len() as u64, count);
            let tag = statement::tag(statement::request_id(31337, hub.hub, &request), payee);
            assert_eq!(
                statement::instances(tag, commitment, &input, &output),
                instances
            );
        }
    }
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
    let verifier = router
        .verifierOf(hub.route)
        .call()
        .await
        .expect("a verifier");
    let verifier = IHalo2Verifier::new(verifier, hub.anvil.provider());
    verifier.srsHash().call().await.expect("a hash")
}

#[tokio::test]
async fn model_ids_and_schema_hashes_equal_the_registrys() {
    let hub = Hub::deploy(Anvil::start().expect("anvil"))
        .await
        .expect("contracts");
    let registry = IModelRegistry::new(hub.registry, hub.anvil.provider());
    let schema = Schema {
        digitBits: 8,
        inputDigits: 2,
        outputDigits: 2,
        inputMode: statement::INPUT_COMMITMENT,
        features: vec![Feature {
            lo: -5,
            hi: 1000,
            decimals: 2,
        }],
        outputs: vec![OutputField {
            zeroPoint: 128,
            multiplier: 3,
            decimals: 4,
        }],
    };
    let spec = ModelSpec {
        route: hub.route,
        vkHash: statement::vk_hash(b"key"),
        schemaHash: statement::schema_hash(&schema),
        compilerVersion: "a version longer than one word of thirty-two bytes".into(),
        ..ModelSpec::default()
    };
    let id = registry
        .computeModelId(OWNER, spec.clone())
        .call()
        .await
        .expect("an id");
    assert_eq!(statement::model_id(OWNER, &spec), id);
}
