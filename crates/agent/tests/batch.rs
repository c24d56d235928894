//! Requests of one model settled together: on a real chain, with real proofs.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256, address},
    providers::Provider,
    rpc::types::Filter,
    sol_types::{SolCall, SolEvent},
};
use common::{Agent, Asked, FEE, PAY, PAYEE, Setup, World, until};
use haloracle_agent::{CheckStatus, check};
use haloracle_contracts::{
    IBatchSettler::{BatchSettled, LeafSkipped},
    IInferenceHub, State, statement,
};
use haloracle_testkit::{anvil::ACCOUNTS, hub::CALLER};
use serde_json::json;

const RIVAL: Address = address!("5555555555555555555555555555555555555555");

async fn world(batch: &'static str) -> World {
    World::new(Setup {
        batches: &[2, 4],
        batch: Some(batch),
        ..Setup::default()
    })
    .await
}

async fn ask(world: &mut World, count: usize) -> Vec<Asked> {
    let mut asked = Vec::new();
    for _ in 0..count {
        asked.push(world.ask().await);
    }
    asked
}

/// Events of the settler: leaves and how many of them were settled, per batch.
async fn batches(world: &World) -> Vec<(u64, u64)> {
    let filter = Filter::new()
        .address(world.hub.settler)
        .event_signature(BatchSettled::SIGNATURE_HASH)
        .from_block(0);
    let logs = world.hub.anvil.provider().get_logs(&filter).await;
    let logs = logs.expect("logs");
    let events = logs.iter().map(|log| {
        let event = BatchSettled::decode_log(&log.inner).expect("an event").data;
        (event.leaves.to(), event.settled.to())
    });
    events.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_model_are_settled_by_one_transaction() {
    let mut world = world("max_wait_ms = 60000").await;
    let asked = ask(&mut world, 4).await;
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    world.metric("haloracle_batches_total 1").await;
    world.metric("haloracle_batch_requests_sum 4.0").await;
    world.metric("haloracle_proof_seconds_count 1").await;
    agent.stop().await;
    assert_eq!(batches(&world).await, [(4, 4)]);
    assert_eq!(world.sent().await, 1, "full: nobody waited a minute");
    assert_eq!(world.paid().await, (4 * PAY, 4 * (FEE - PAY)));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_share_a_circuit_of_four_and_a_lone_one_is_settled_alone() {
    let mut world = world("max_wait_ms = 1500").await;
    let asked = ask(&mut world, 3).await;
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    assert_eq!(batches(&world).await, [(3, 3)]);
    let lone = world.ask().await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let state = world.hub.state(lone.id).await.expect("state").0;
    assert_eq!(state, State::Open, "it waits for others");
    world.settled_once(&lone).await;
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    agent.stop().await;
    assert_eq!(batches(&world).await, [(3, 3)], "and then goes alone");
    assert_eq!((world.sent().await, world.paid().await.0), (2, 4 * PAY));
}

/// Proves and settles a request for a rival from an account that is not the agent's.
async fn settle_for_rival(world: &World, asked: &Asked) {
    let tag = statement::tag(asked.id, RIVAL);
    let proof = world.keys.prove(&asked.input, &tag.0).expect("proved");
    let input = world.model.pack_input(&asked.input).expect("packed");
    let data = haloracle_testkit::hub::fulfill(
        asked.request.clone(),
        input.concat().into(),
        RIVAL,
        world.answer(&asked.input).into(),
        proof.evm.into(),
    );
    let hub = Some(world.hub.hub);
    let sent = world
        .hub
        .anvil
        .send("fulfill", ACCOUNTS[3], hub, U256::ZERO, data);
    sent.await.expect("settled");
}

async fn cancel(world: &World, asked: &Asked) {
    let cancel = IInferenceHub::cancelCall {
        request: asked.request.clone(),
    };
    let (hub, data) = (Some(world.hub.hub), cancel.abi_encode().into());
    let sent = world
        .hub
        .anvil
        .send("cancel", CALLER, hub, U256::ZERO, data);
    sent.await.expect("cancelled");
}

/// A world whose gas costs more than its operator allows, and its requests.
async fn capped() -> (World, Vec<Asked>) {
    let mut world = World::new(Setup {
        batches: &[2, 4],
        batch: Some("max_wait_ms = 60000"),
        more: "[fees]\nlow_balance_wei = 0\nmax_fee_wei = 1\n",
        ..Setup::default()
    })
    .await;
    let asked = ask(&mut world, 4).await;
    (world, asked)
}

fn lift_cap(world: &World) {
    let config = std::fs::read_to_string(&world.operator.config).expect("a configuration");
    let config = config.replace("max_fee_wei = 1\n", "");
    std::fs::write(&world.operator.config, config).expect("written");
}

async fn skipped(world: &World) -> usize {
    let filter = Filter::new()
        .address(world.hub.settler)
        .event_signature(LeafSkipped::SIGNATURE_HASH)
        .from_block(0);
    let logs = world.hub.anvil.provider().get_logs(&filter).await;
    logs.expect("logs").len()
}

/// Two of four requests are settled, for us, by one batch; one is a rival's, one cancelled.
async fn rest_is_settled(world: &World, asked: &[Asked]) {
    for one in &asked[2..] {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"lost\"} 1").await;
    // Open in the hub's books, cancelled in effect: found out when it is tried alone.
    world.metric("haloracle_jobs{state=\"closed\"} 1").await;
    world.metric("haloracle_jobs{state=\"done\"} 2").await;
    world.metric("haloracle_batch_requests_sum 2.0").await;
    assert_eq!(batches(world).await, [(4, 2)]);
    assert_eq!(skipped(world).await, 2);
    assert_eq!((world.sent().await, world.paid().await.0), (1, 2 * PAY));
    let rival = world.hub.credit(RIVAL).await.expect("credit");
    assert_eq!(rival, U256::from(PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_settle_or_cancel_before_a_batch_is_signed_does_not_stop_the_rest() {
    let (world, asked) = capped().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"batched\"} 4").await;
    settle_for_rival(&world, &asked[0]).await;
    world.metric("haloracle_jobs{state=\"lost\"} 1").await;
    cancel(&world, &asked[1]).await;
    world.hub.anvil.travel(61).await.expect("later");
    agent.stop().await;
    lift_cap(&world);
    let agent = Agent::start(&world);
    rest_is_settled(&world, &asked).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_settle_or_cancel_after_a_batch_is_signed_does_not_stop_the_rest() {
    let mut world = world("max_wait_ms = 60000").await;
    let asked = ask(&mut world, 4).await;
    let (anvil, signer) = (&world.hub.anvil, world.operator.signer);
    anvil.set_balance(signer, U256::ZERO).await.expect("poor");
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"sending\"} 4").await;
    settle_for_rival(&world, &asked[0]).await;
    cancel(&world, &asked[1]).await;
    anvil.travel(61).await.expect("later");
    let ether = U256::from(10).pow(U256::from(18));
    anvil.set_balance(signer, ether).await.expect("funded");
    rest_is_settled(&world, &asked).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_settler_refuses_is_settled_one_by_one() {
    let (world, asked) = capped().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"batched\"} 4").await;
    agent.stop().await;
    let database = world.config().state_dir.join("agent.db");
    let database = rusqlite::Connection::open(database).expect("opens");
    let damage = "UPDATE batches SET proof = zeroblob(length(proof))";
    assert_eq!(database.execute(damage, []).expect("written"), 1);
    drop(database);
    lift_cap(&world);
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    agent.stop().await;
    assert!(batches(&world).await.is_empty(), "it was never sent");
    assert_eq!((world.sent().await, world.paid().await.0), (4, 4 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_replaced_or_leaves_the_chain_settles_once() {
    let mut world = World::new(Setup {
        batches: &[2, 4],
        batch: Some("max_wait_ms = 60000"),
        more: "[fees]\nbump_after_s = 1\nlow_balance_wei = 0\n",
        ..Setup::default()
    })
    .await;
    let asked = ask(&mut world, 4).await;
    world.hub.anvil.automine(false).await.expect("off");
    let agent = Agent::start(&world);
    until("a replacement", || async {
        let page = world.page("/metrics").await;
        page.is_some_and(|(_, text)| {
            let mut lines = text.lines();
            let count = lines.find_map(|l| l.strip_prefix("haloracle_replacements_total "));
            count.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count >= 1))
        })
    })
    .await;
    world.hub.anvil.mine(1).await.expect("mined");
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    // Its block leaves the chain: the same transaction settles the same requests again.
    world.hub.anvil.automine(true).await.expect("on");
    world.hub.anvil.reorg(1).await.expect("reorganised");
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    agent.stop().await;
    assert_eq!(batches(&world).await, [(4, 4)]);
    assert_eq!((world.sent().await, world.paid().await.0), (1, 4 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_registered_batch_keys_is_settled_alone() {
    let mut world = World::new(Setup {
        batch: Some("max_wait_ms = 60000"),
        ..Setup::default()
    })
    .await;
    let asked = ask(&mut world, 2).await;
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    agent.stop().await;
    assert_eq!(world.sent().await, 2);
}

/// Storage of the predeploy that holds L1's prices.
async fn set_l1(world: &World, base_fee: u64) {
    let prices = haloracle_contracts::l1_fee::L1Prices {
        base_fee: base_fee.into(),
        blob_base_fee: 0,
        base_fee_scalar: 1_000_000,
        blob_base_fee_scalar: 0,
    };
    let slots = haloracle_contracts::l1_fee::SLOTS;
    for (slot, value) in slots.iter().zip(prices.to_storage()) {
        let to = haloracle_contracts::l1_fee::L1_BLOCK;
        let params = json!([to, B256::from(U256::from(*slot)), B256::from(value)]);
        let set = world.hub.anvil.call("anvil_setStorageAt", params).await;
        set.expect("set");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_fee_of_an_op_stack_chain_counts_as_cost() {
    // Gas is paid for by the allowed loss; 2 kB of proof at this price of L1 are not.
    let more = "[admission]\nmin_profit_wei = -10000000000000000\n";
    let setup = || Setup {
        more,
        ..Setup::default()
    };
    let mut cheap = World::new(setup()).await;
    set_l1(&cheap, 1).await;
    let one = cheap.ask().await;
    let agent = Agent::start(&cheap);
    cheap.settled_once(&one).await;
    agent.stop().await;

    let mut dear = World::new(setup()).await;
    set_l1(&dear, 1_000_000_000_000).await;
    let two = dear.ask().await;
    let agent = Agent::start(&dear);
    dear.metric("haloracle_jobs{state=\"observed\"} 1").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let state = dear.hub.state(two.id).await.expect("state").0;
    assert_eq!(state, State::Open, "it would not pay");
    dear.metric("haloracle_proof_seconds_count 0").await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_looks_at_the_settler() {
    let world = world("").await;
    let mut config = world.config();
    let report = check(&config).await;
    assert!(report.is_ok(), "{:?}", report.checks);
    let found = |name: &str| {
        let mut checks = report.checks.iter();
        checks.any(|check| check.name == name && check.status == CheckStatus::Ok)
    };
    assert!(found("batch settler"), "{:?}", report.checks);
    for (settler, expected) in [
        (PAYEE, "no contract at"),
        (world.hub.registry, "not a batch settler"),
    ] {
        config.batch.as_mut().expect("configured").settler = settler;
        let report = check(&config).await;
        let failed = report
            .checks
            .iter()
            .any(|check| check.status == CheckStatus::Failed && check.detail.contains(expected));
        assert!(failed, "{expected}: {:?}", report.checks);
    }
}
