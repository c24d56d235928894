//! The agent's real process, killed at every crash point: nothing is lost, nothing happens twice.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

#[path = "../../agent/tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::{Asked, FEE, LIMIT, PAY, Setup, World, until};
use haloracle_agent::crash::Point;
use haloracle_testkit::{
    AgentProcess,
    process::{CRASH_AT, HOLD_AT},
};

/// Points that every request passes alone; `RemovedLog` needs a reorganisation, `Batch` others.
fn on_the_way() -> impl Iterator<Item = Point> {
    Point::ALL
        .into_iter()
        .filter(|point| !matches!(point, Point::RemovedLog | Point::Batch))
}

fn spawn(world: &World, environment: &[(&str, &str)]) -> AgentProcess {
    let binary = Path::new(env!("CARGO_BIN_EXE_haloracle"));
    AgentProcess::spawn(
        binary,
        &world.operator.config,
        &world.operator.log,
        environment,
    )
    .expect("the agent starts")
}

/// Restarts the agent and checks that the one request is settled and paid exactly once.
async fn settles_once(world: &World, asked: &Asked, what: &str) {
    let mut agent = spawn(world, &[]);
    world.settled_once(asked).await;
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.terminate().expect("asked to stop");
    let status = agent.wait(LIMIT).expect("it stops");
    assert!(status.success(), "{what}: {status}\n{}", agent.output());
    assert_eq!(
        world.paid().await,
        (PAY, FEE - PAY),
        "{what}: paid once, exactly"
    );
    assert_eq!(world.sent().await, 1, "{what}: one transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_a_request_is_settled_exactly_once() {
    for point in on_the_way() {
        let mut world = World::new(Setup::default()).await;
        let asked = world.ask().await;
        let mut agent = spawn(&world, &[(CRASH_AT, point.name())]);
        let status = agent.wait(LIMIT).expect("it dies");
        assert_eq!(
            status.code(),
            None,
            "{}: killed by a signal, {status}",
            point.name()
        );
        settles_once(&world, &asked, point.name()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_proving_and_sending_a_request_is_settled_exactly_once() {
    for point in [Point::Proof, Point::DiskWrite, Point::Broadcast] {
        let mut world = World::new(Setup::default()).await;
        let asked = world.ask().await;
        let mut agent = spawn(&world, &[(HOLD_AT, point.name())]);
        agent
            .wait_for("held for a test", LIMIT)
            .expect("it gets there");
        let sent = world.sent().await;
        assert_eq!(
            sent,
            u64::from(point == Point::Broadcast),
            "{}",
            point.name()
        );
        agent.kill();
        settles_once(&world, &asked, point.name()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_blocks_are_removed_it_goes_on_where_the_chain_is() {
    let mut world = World::new(Setup {
        confirmations: 4,
        ..Setup::default()
    })
    .await;
    let asked = world.ask().await;
    world.hub.anvil.mine(1).await.expect("mined");
    let mut agent = spawn(&world, &[(CRASH_AT, Point::RemovedLog.name())]);
    world.metric("haloracle_jobs{state=\"observed\"} 1").await;
    world.hub.anvil.reorg(2).await.expect("reorganised");
    let status = agent.wait(LIMIT).expect("it dies");
    assert_eq!(status.code(), None, "killed by a signal, {status}");

    let mut agent = spawn(&world, &[]);
    world.metric("haloracle_jobs{state=\"removed\"} 1").await;
    // The same request in another block has the same id.
    let seconds = asked.request.deadline - world.hub.anvil.now().await.expect("time");
    let again = world
        .hub
        .send_request(world.model_id, &asked.input, FEE, seconds)
        .await;
    again.expect("asked again");
    world.hub.anvil.mine(4).await.expect("mined");
    world.settled_once(&asked).await;
    world.hub.anvil.mine(4).await.expect("mined");
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    agent.kill();
    assert_eq!((world.paid().await.0, world.sent().await), (PAY, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_many_requests_are_settled_exactly_once() {
    let mut world = World::new(Setup::default()).await;
    let mut asked = Vec::new();
    for point in on_the_way() {
        for _ in 0..2 {
            asked.push(world.ask().await);
        }
        let mut agent = spawn(&world, &[(CRASH_AT, point.name())]);
        agent.wait(LIMIT).expect("it dies");
    }
    let count = asked.len() as u64;
    let mut agent = spawn(&world, &[]);
    for one in &asked {
        world.settled_once(one).await;
    }
    world
        .metric(&format!("haloracle_jobs{{state=\"done\"}} {count}"))
        .await;
    agent.kill();
    assert_eq!(
        (world.paid().await.0, world.sent().await),
        (count * PAY, count)
    );
    until("nothing left in the pool", || async {
        let status = world
            .hub
            .anvil
            .call("txpool_status", serde_json::json!([]))
            .await;
        status.is_ok_and(|status| status["pending"] == "0x0" && status["queued"] == "0x0")
    })
    .await;
}
