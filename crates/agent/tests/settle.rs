//! The agent as a library, on a real chain with real proofs.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use common::{Agent, Asked, PAY, PAYEE, Setup, World, until};
use haloracle_contracts::{IInferenceHub, State, statement};
use haloracle_prover::Shape;
use haloracle_testkit::{Anvil, Fault, FaultyProxy, anvil::ACCOUNTS, hub::CALLER};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_paid_once() {
    let mut world = World::new(Setup::default()).await;
    let before = world.ask().await;
    let agent = Agent::start(&world);
    world.settled_once(&before).await;
    let during = world.ask().await;
    world.settled_once(&during).await;
    world.metric("haloracle_jobs{state=\"done\"} 2").await;
    until("readiness", || async {
        world
            .page("/ready")
            .await
            .is_some_and(|(status, _)| status == 200)
    })
    .await;
    assert_eq!(world.page("/live").await, Some((200, "alive\n".into())));
    world.metric("haloracle_proof_seconds_count 2").await;
    world.metric("haloracle_requests_total 2").await;
    agent.stop().await;
    // A restarted agent finds nothing to do.
    let again = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"done\"} 2").await;
    until("readiness", || async {
        world
            .page("/ready")
            .await
            .is_some_and(|(status, _)| status == 200)
    })
    .await;
    again.stop().await;
    assert_eq!(world.sent().await, 2);
    assert_eq!(world.paid().await, (2 * PAY, 2 * (common::FEE - PAY)));
}

/// Another shape: another verifier, another route, the same hub and the same agent.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_the_wide_shape_is_answered() {
    let mut world = World::new(Setup {
        shape: Some(Shape::Wide),
        ..Setup::default()
    })
    .await;
    assert_ne!(world.hub.route, world.hub.wide_route);
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.settled_once(&asked).await;
    agent.stop().await;
    assert_eq!(world.paid().await, (PAY, common::FEE - PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_waits_for_depth() {
    let mut world = World::new(Setup {
        confirmations: 3,
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    world.hub.anvil.mine(2).await.expect("mined");
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    world.hub.anvil.mine(1).await.expect("mined");
    world.settled_once(&asked).await;
    world.metric("haloracle_jobs{state=\"sending\"} 1").await;
    world.hub.anvil.mine(3).await.expect("mined");
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_leaves_the_chain_is_sent_again() {
    let mut world = World::new(Setup::default()).await;
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    world.hub.anvil.reorg(1).await.expect("reorganised");
    assert_eq!(
        world.hub.state(asked.id).await.expect("state").0,
        State::Open
    );
    world.settled_once(&asked).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    world.metric("haloracle_proof_seconds_count 1").await;
    agent.stop().await;
    assert_eq!(world.paid().await.0, PAY);
    assert_eq!(world.sent().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_leaves_the_chain_is_dropped_and_taken_again() {
    let mut world = World::new(Setup {
        confirmations: 4,
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    world.hub.anvil.mine(1).await.expect("mined");
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    world.hub.anvil.reorg(2).await.expect("reorganised");
    world.metric("haloracle_jobs{state=\"removed\"} 1").await;
    world.metric("haloracle_reorgs_total 1").await;
    // The same request in another block has the same id.
    let seconds = asked.request.deadline - world.hub.anvil.now().await.expect("time");
    world
        .hub
        .send_request(world.model_id, &asked.input, common::FEE, seconds)
        .await
        .expect("asked again");
    world.hub.anvil.mine(4).await.expect("mined");
    world.settled_once(&asked).await;
    agent.stop().await;
    assert_eq!(world.paid().await.0, PAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_operators_settlement_is_no_error() {
    let mut world = World::new(Setup {
        confirmations: 2,
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    let rival = Address::repeat_byte(0x55);
    settle_for(&world, &asked, rival).await;
    world.metric("haloracle_jobs{state=\"lost\"} 1").await;
    world.hub.anvil.mine(5).await.expect("mined");
    // Our own proof, sent by somebody else, is our success.
    let ours = world.ask().await;
    settle_for(&world, &ours, PAYEE).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.stop().await;
    assert_eq!(world.sent().await, 0);
    assert_eq!(world.paid().await.0, PAY);
}

/// Proves and settles a request for `payee` from an account that is not the agent's.
async fn settle_for(world: &World, asked: &Asked, payee: Address) {
    let tag = statement::tag(asked.id, payee);
    let proof = world.keys.prove(&asked.input, &tag.0).expect("proved");
    let input = world
        .model
        .pack_input(&asked.input)
        .expect("packed")
        .concat();
    let data = haloracle_testkit::hub::fulfill(
        asked.request.clone(),
        input.into(),
        payee,
        world.answer(&asked.input).into(),
        proof.evm.into(),
    );
    let hub = Some(world.hub.hub);
    world
        .hub
        .anvil
        .send("fulfill", ACCOUNTS[3], hub, U256::ZERO, data)
        .await
        .expect("settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_the_node_delays_and_loses_nothing() {
    let anvil = Anvil::start().expect("anvil");
    let proxy = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    let urls = Some(vec![proxy.url()]);
    let mut world = World::on(
        anvil,
        Setup {
            urls,
            ..Setup::default()
        },
    )
    .await;
    let agent = Agent::start(&world);
    let mut asked = Vec::new();
    for fault in [
        Fault::Refuse,
        Fault::Unavailable,
        Fault::Hang,
        Fault::LoseAnswers,
    ] {
        proxy.set(fault);
        asked.push(world.ask().await);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        proxy.set(Fault::None);
        world.settled_once(&asked[asked.len() - 1]).await;
    }
    world.metric("haloracle_jobs{state=\"done\"} 4").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (4, 4 * PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_takes_over() {
    let anvil = Anvil::start().expect("anvil");
    let first = FaultyProxy::start(anvil.url()).await.expect("a proxy");
    let urls = Some(vec![first.url(), anvil.url().to_owned()]);
    let mut world = World::on(
        anvil,
        Setup {
            urls,
            ..Setup::default()
        },
    )
    .await;
    let agent = Agent::start(&world);
    let one = world.ask().await;
    world.settled_once(&one).await;
    first.set(Fault::Refuse);
    let two = world.ask().await;
    world.settled_once(&two).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_transaction_is_replaced_and_a_dropped_one_sent_again() {
    let mut world = World::new(Setup {
        more: "[fees]\nbump_after_s = 1\nlow_balance_wei = 0\n",
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    world.hub.anvil.automine(false).await.expect("off");
    let agent = Agent::start(&world);
    until("a replacement", || async {
        world.page("/metrics").await.is_some_and(|(_, text)| {
            let count = text
                .lines()
                .find_map(|l| l.strip_prefix("haloracle_replacements_total "));
            count.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count >= 1))
        })
    })
    .await;
    let drop_all = world.hub.anvil.call("anvil_dropAllTransactions", json!([]));
    drop_all.await.expect("dropped");
    until("the transaction in the pool", || async {
        let status = world.hub.anvil.call("txpool_status", json!([])).await;
        status.is_ok_and(|status| status["pending"] == "0x1")
    })
    .await;
    world.hub.anvil.mine(1).await.expect("mined");
    world.settled_once(&asked).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (1, PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_used_by_a_stranger_delays_the_settlement_only() {
    // While our settlement waits, its nonce is used by something else sent with the same key.
    let mut world = World::new(Setup::default()).await;
    let asked = world.ask().await;
    let (anvil, signer) = (&world.hub.anvil, world.operator.signer);
    anvil.automine(false).await.expect("off");
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"sending\"} 1").await;
    let drop_all = anvil.call("anvil_dropAllTransactions", json!([]));
    drop_all.await.expect("dropped");
    let set = anvil.call("anvil_setNonce", json!([signer, "0x1"]));
    set.await.expect("set");
    anvil.automine(true).await.expect("on");
    anvil.mine(1).await.expect("mined");
    // Nothing is called failed before a receipt has had time to show up.
    tokio::time::sleep(Duration::from_millis(800)).await;
    world.metric("haloracle_jobs{state=\"sending\"} 1").await;
    let state = world.hub.state(asked.id).await.expect("state");
    assert_eq!(state.0, State::Open);
    agent.stop().await;
    // A minute later.
    let database = world.config().state_dir.join("agent.db");
    let database = rusqlite::Connection::open(database).expect("opens");
    let earlier = "UPDATE slots SET used_ms = used_ms - 61000";
    assert_eq!(database.execute(earlier, []).expect("written"), 1);
    drop(database);
    let agent = Agent::start(&world);
    world.settled_once(&asked).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.stop().await;
    assert_eq!((world.sent().await, world.paid().await.0), (2, PAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_worth_it_is_skipped_until_its_fee_is_raised() {
    let mut world = World::new(Setup {
        more: "[admission]\nmin_fee_wei = 1500000\n",
        ..Setup::default()
    })
    .await;
    let cheap = world.ask().await;
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"skipped\"} 1").await;
    // A poor request does not block others.
    let input = world.input();
    let (id, request) = world
        .hub
        .request(world.model_id, &input, 2_000_000)
        .await
        .expect("asked");
    let rich = Asked { id, request, input };
    world.settled_once(&rich).await;
    let top_up = IInferenceHub::topUpCall { id: cheap.id }.abi_encode();
    let (hub, more) = (Some(world.hub.hub), U256::from(500_000));
    let send = world
        .hub
        .anvil
        .send("topUp", ACCOUNTS[3], hub, more, top_up.into());
    send.await.expect("topped up");
    world.settled_once(&cheap).await;
    agent.stop().await;
    assert_eq!(world.paid().await.0, 1_800_000 + 1_350_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_or_late_request_is_closed_and_not_sent() {
    let mut world = World::new(Setup {
        confirmations: 3,
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    let cancel = IInferenceHub::cancelCall {
        request: asked.request.clone(),
    };
    let hub = Some(world.hub.hub);
    let send = world.hub.anvil.send(
        "cancel",
        CALLER,
        hub,
        U256::ZERO,
        cancel.abi_encode().into(),
    );
    send.await.expect("cancelled");
    world.hub.anvil.travel(61).await.expect("later");
    let input = world.input();
    let send = world
        .hub
        .send_request(world.model_id, &input, common::FEE, 20);
    send.await.expect("asked");
    world.hub.anvil.travel(10).await.expect("later");
    world.hub.anvil.mine(3).await.expect("mined");
    let agent = Agent::start(&world);
    // Cancelled in effect, though nobody has finalized it: found out by the simulation.
    world.metric("haloracle_jobs{state=\"closed\"} 1").await;
    world.metric("haloracle_jobs{state=\"skipped\"} 1").await;
    agent.stop().await;
    assert_eq!(world.sent().await, 0);
}
