//! The agent where money, nonces or nodes are short.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use std::time::Duration;

use alloy::{primitives::U256, sol_types::SolCall};
use common::{Agent, PAY, Setup, World, until};
use haloracle_contracts::IInferenceHub;
use haloracle_testkit::{Anvil, Fault, FaultyProxy, anvil::ACCOUNTS};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn without_money_for_gas_it_waits_and_says_so() {
    let mut world = World::new(Setup::default()).await;
    let (anvil, signer) = (&world.hub.anvil, world.operator.signer);
    anvil
        .set_balance(signer, U256::from(1000))
        .await
        .expect("poor");
    let agent = Agent::start(&world);
    let asked = world.ask().await;
    world.metric("haloracle_proof_seconds_count 1").await;
    until("the alarm", || async {
        let page = world.page("/ready").await;
        page.is_some_and(|(status, body)| status == 503 && body.contains("balance is low"))
    })
    .await;
    assert_eq!(world.sent().await, 0);
    let ether = U256::from(10).pow(U256::from(18));
    world
        .hub
        .anvil
        .set_balance(signer, ether)
        .await
        .expect("funded");
    world.settled_once(&asked).await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (1, PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_nonces_is_filled() {
    let mut world = World::new(Setup::default()).await;
    let asked = [world.ask().await, world.ask().await];
    let drop_all = async |world: &World| {
        world
            .hub
            .anvil
            .call("anvil_dropAllTransactions", json!([]))
            .await
            .expect("dropped")
    };
    world.hub.anvil.automine(false).await.expect("off");
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"sending\"} 2").await;
    agent.stop().await;
    drop_all(&world).await;
    // As after a stranger's transaction took nonce 0 and then left the chain.
    let database = world.config().state_dir.join("agent.db");
    let database = rusqlite::Connection::open(database).expect("opens");
    database
        .execute_batch(
            "UPDATE jobs SET state = 'proved'
               WHERE id = (SELECT request_id FROM slots WHERE nonce = 0);
             UPDATE slots SET state = 'usurped' WHERE nonce = 0;",
        )
        .expect("written");
    drop(database);
    world.hub.anvil.automine(true).await.expect("on");
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 2").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (3, 2 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_small_log_range_is_asked_for_less() {
    let anvil = Anvil::start().expect("anvil");
    let proxy = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    proxy.set(Fault::LimitLogs(10));
    let urls = Some(vec![proxy.url()]);
    let mut world = World::on(
        anvil,
        Setup {
            urls,
            ..Setup::default()
        },
    )
    .await;
    let first = world.ask().await;
    world.hub.anvil.mine(300).await.expect("mined");
    let second = world.ask().await;
    let agent = Agent::start(&world);
    world.settled_once(&first).await;
    world.settled_once(&second).await;
    let refused = "haloracle_rpc_errors_total{method=\"eth_getLogs\",class=\"range_too_large\"}";
    let (_, text) = world.page("/metrics").await.expect("metrics");
    assert!(text.contains(refused), "{text}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_proof_on_disk_is_made_again_and_never_sent() {
    let mut world = World::new(Setup::default()).await;
    let asked = [world.ask().await, world.ask().await];
    world
        .hub
        .anvil
        .set_balance(world.operator.signer, U256::ZERO)
        .await
        .expect("poor");
    let agent = Agent::start(&world);
    world.metric("haloracle_proof_seconds_count 2").await;
    agent.stop().await;
    let database = world.config().state_dir.join("agent.db");
    let database = rusqlite::Connection::open(database).expect("opens");
    let damage = "UPDATE proofs SET proof = zeroblob(length(proof)) WHERE id = ?1";
    let id = asked[0].id.to_be_bytes::<32>();
    assert_eq!(database.execute(damage, [id]).expect("written"), 1);
    database
        .execute_batch(
            "DELETE FROM transactions; DELETE FROM slots; UPDATE jobs SET state = 'proved';",
        )
        .expect("written");
    drop(database);
    let ether = U256::from(10).pow(U256::from(18));
    world
        .hub
        .anvil
        .set_balance(world.operator.signer, ether)
        .await
        .expect("funded");
    let agent = Agent::start(&world);
    for one in &asked {
        world.settled_once(one).await;
    }
    world.metric("haloracle_proof_seconds_count 1").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (2, 2 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_cost_more_than_it_earns_waits_for_a_higher_fee() {
    let mut world = World::new(Setup {
        more: "[admission]\nmin_profit_wei = 1\n",
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.metric("haloracle_proof_seconds_count 0").await;
    let top_up = IInferenceHub::topUpCall { id: asked.id }.abi_encode();
    let (hub, more) = (Some(world.hub.hub), U256::from(10).pow(U256::from(16)));
    let send = world
        .hub
        .anvil
        .send("topUp", ACCOUNTS[3], hub, more, top_up.into());
    send.await.expect("topped up");
    world.settled_once(&asked).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_more_gas_than_allowed_is_given_up_and_says_why() {
    let mut world = World::new(Setup {
        more: "[fees]\ngas_limit = 200000\n[prover]\nmax_attempts = 2\n",
        ..Setup::default()
    })
    .await;
    world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"failed\"} 1").await;
    agent.stop().await;
    let database = world.config().state_dir.join("agent.db");
    let database = rusqlite::Connection::open(database).expect("opens");
    let reason: String = database
        .query_row("SELECT reason FROM jobs", [], |row| row.get(0))
        .expect("a job");
    assert!(reason.contains("`fees.gas_limit` is 200000"), "{reason}");
    assert_eq!(world.sent().await, 0);
}
