//! Nodes that answer, but not the truth.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use std::time::Duration;

use common::{Agent, PAY, Setup, World};
use haloracle_testkit::{Anvil, Fault, FaultyProxy};

/// A world whose agent talks to anvil through a proxy.
async fn behind_proxy() -> (World, FaultyProxy) {
    let anvil = Anvil::start().expect("anvil");
    let proxy = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    let urls = Some(vec![proxy.url()]);
    let setup = Setup {
        urls,
        ..Setup::default()
    };
    (World::on(anvil, setup).await, proxy)
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(1500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_blocks_is_no_reorganisation() {
    let (mut world, proxy) = behind_proxy().await;
    let first = world.ask().await;
    let agent = Agent::start(&world);
    world.settled_once(&first).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    proxy.set(Fault::NoBlocks);
    let second = world.ask().await;
    a_while().await;
    world.metric("haloracle_reorgs_total 0").await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    proxy.set(Fault::None);
    world.settled_once(&second).await;
    world.metric("haloracle_reorgs_total 0").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (2, 2 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_a_node_had_not_indexed_are_found_later() {
    let (mut world, proxy) = behind_proxy().await;
    proxy.set(Fault::NoLogs);
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_head_lag_blocks 0").await;
    world.metric("haloracle_requests_total 0").await;
    proxy.set(Fault::None);
    world.hub.anvil.mine(1).await.expect("mined");
    world.settled_once(&asked).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_without_the_request_removes_no_job() {
    let (mut world, proxy) = behind_proxy().await;
    let agent = Agent::start(&world);
    let first = world.ask().await;
    world.settled_once(&first).await;
    proxy.set(Fault::BlankState);
    let asked = world.ask().await;
    a_while().await;
    world.metric("haloracle_jobs{state=\"removed\"} 0").await;
    world.metric("haloracle_proof_seconds_count 1").await;
    proxy.set(Fault::None);
    world.settled_once(&asked).await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (2, 2 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_another_chain_is_never_used() {
    let anvil = Anvil::start().expect("anvil");
    let first = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    let other = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    other.set(Fault::OtherChain(1));
    let urls = Some(vec![first.url(), other.url()]);
    let setup = Setup {
        urls,
        ..Setup::default()
    };
    let mut world = World::on(anvil, setup).await;
    let agent = Agent::start(&world);
    let one = world.ask().await;
    world.settled_once(&one).await;
    first.set(Fault::Refuse);
    let two = world.ask().await;
    a_while().await;
    world.metric("haloracle_requests_total 1").await;
    assert!(world.hub.verified(two.id).await.expect("logs").is_empty());
    first.set(Fault::None);
    world.settled_once(&two).await;
    agent.stop().await;
}
