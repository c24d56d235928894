//! The agent's real process through trouble that is not a crash.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

#[path = "../../agent/tests/common/mod.rs"]
mod common;

use std::{path::Path, process::Command, time::Duration};

use common::{LIMIT, PAY, Setup, World, until};
use haloracle_contracts::State;
use haloracle_testkit::{AgentProcess, Anvil, Fault, FaultyProxy};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_haloracle"))
}

fn spawn(world: &World) -> AgentProcess {
    AgentProcess::spawn(binary(), &world.operator.config, &world.operator.log, &[])
        .expect("the agent starts")
}

fn agent_command(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(binary())
        .arg("agent")
        .args(arguments)
        .arg("--config")
        .arg(&world.operator.config)
        .output()
        .expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().expect("an exit code"),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_stops_it_cleanly_in_the_middle_of_work() {
    let mut world = World::new(Setup::default()).await;
    let asked = world.ask().await;
    let mut agent = spawn(&world);
    agent.wait_for("proving", LIMIT).expect("it proves");
    agent.terminate().expect("asked to stop");
    let status = agent.wait(Duration::from_secs(15)).expect("it stops soon");
    assert!(status.success(), "{status}\n{}", agent.output());
    assert!(agent.output().contains("agent stopped"));
    let mut agent = spawn(&world);
    world.settled_once(&asked).await;
    agent.terminate().expect("asked to stop");
    assert!(agent.wait(LIMIT).expect("it stops").success());
    assert_eq!((world.paid().await.0, world.sent().await), (PAY, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganised_settlement_is_made_again() {
    let mut world = World::new(Setup::default()).await;
    let asked = world.ask().await;
    let mut agent = spawn(&world);
    world.metric("haloracle_jobs{state=\"done\"} 1").await;
    world.hub.anvil.reorg(1).await.expect("reorganised");
    let state = world.hub.state(asked.id).await.expect("state");
    assert_eq!(state.0, State::Open);
    world.settled_once(&asked).await;
    agent.kill();
    assert_eq!((world.paid().await.0, world.sent().await), (PAY, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_node_is_waited_out() {
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
    proxy.set(Fault::Refuse);
    let mut agent = spawn(&world);
    agent
        .wait_for("no node answers yet", LIMIT)
        .expect("it waits");
    proxy.set(Fault::None);
    let asked = world.ask().await;
    world.settled_once(&asked).await;
    proxy.set(Fault::Unavailable);
    let during = world.ask().await;
    agent.wait_for("trying again", LIMIT).expect("it notices");
    proxy.set(Fault::None);
    world.settled_once(&during).await;
    agent.terminate().expect("asked to stop");
    assert!(agent.wait(LIMIT).expect("it stops").success());
    assert_eq!((world.paid().await.0, world.sent().await), (2 * PAY, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_state_directory_has_one_agent() {
    let world = World::new(Setup::default()).await;
    let _agent = spawn(&world);
    until("the first agent", || async {
        world.page("/live").await.is_some()
    })
    .await;
    let (code, output) = agent_command(&world, &["run"]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("in use by another agent"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_replay_tell_by_their_exit_codes() {
    let mut world = World::new(Setup::default()).await;
    let (code, output) = agent_command(&world, &["check"]);
    assert_eq!(code, 0, "{output}");
    let asked = world.ask().await;
    let mut agent = spawn(&world);
    world.settled_once(&asked).await;
    agent.kill();
    let (code, output) = agent_command(&world, &["replay", "--from", "0"]);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("equal"), "{output}");
    let password = world.operator.config.with_file_name("password");
    std::fs::write(password, "guess").expect("written");
    let (code, output) = agent_command(&world, &["check"]);
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("wrong password"), "{output}");
}
