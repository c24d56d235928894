//! The statement in Rust against the statement in Solidity, on a deployed hub.

#![allow(clippy::expect_used, reason = "a test ends where its contracts do")]

use alloy::primitives::{Address, B256, U256, Uint};
use haloracle_contracts::{
    Feature, IModelRegistry, ModelSpec, OutputField, Request, Schema, statement,
};
use haloracle_testkit::{Anvil, Hub, hub::OWNER};
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
async fn ids_tags_and_instances_equal_the_hubs() {
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
        let word = |rng: &mut StdRng| {
            let mut word = rng.r#gen::<[u8; 32]>();
            word[0] = 0;
            word
        };
        let (input, output) = (vec![word(&mut rng), word(&mut rng)], vec![word(&mut rng)]);
        let instances = contract
            .instancesOf(id, payee, input.concat().into(), output.concat().into())
            .call()
            .await
            .expect("instances");
        let instances: Vec<[u8; 32]> = instances.iter().map(U256::to_be_bytes).collect();
        assert_eq!(statement::instances(tag, &input, &output), instances);
    }
    let other = statement::request_id(1, hub.hub, &request(&mut StdRng::seed_from_u64(3)));
    let same = request(&mut StdRng::seed_from_u64(3));
    let id = contract.requestIdOf(same).call().await.expect("an id");
    assert_ne!(other, id, "the chain is part of the id");
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
