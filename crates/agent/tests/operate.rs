//! `check` and `replay` against a real chain.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use common::{Setup, World};
use haloracle_agent::{
    CancellationToken, CheckStatus, Outcome, check, config::Config, replay, run,
};

fn failures(report: &haloracle_agent::CheckReport) -> Vec<String> {
    let failed = report
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Failed);
    failed
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_what_is_wrong() {
    let world = World::new(Setup::default()).await;
    let good = world.config();
    let report = check(&good).await;
    assert!(report.is_ok(), "{:?}", failures(&report));
    assert!(
        report
            .checks
            .iter()
            .any(|check| check.name.ends_with("on chain"))
    );

    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    let cases: [(Config, &str); 7] = [
        (with(&|c| c.chain_id = 1), "is on chain 31337"),
        (with(&|c| c.hub = common::PAYEE), "no contract at"),
        (
            with(&|c| c.hub = world.hub.registry),
            "not an inference hub",
        ),
        (
            with(&|c| c.signer.password_file = Some(world.operator.config.clone())),
            "wrong password",
        ),
        (
            with(&|c| c.signer.keystore = "nowhere.json".into()),
            "could not read `nowhere.json`",
        ),
        (with(&|c| c.models[0].bundle = "nowhere".into()), "nowhere"),
        (
            with(&|c| c.models[0].id = Some(world.model_id + alloy::primitives::U256::from(1))),
            "is not registered",
        ),
    ];
    for (config, expected) in cases {
        let report = check(&config).await;
        let failed = failures(&report);
        assert!(
            failed.iter().any(|failure| failure.contains(expected)),
            "{expected}: {failed:?}"
        );
    }
    let mut config = with(&|c| c.rpc.urls.insert(0, "http://127.0.0.1:1".into()));
    let report = check(&config).await;
    assert_eq!(
        failures(&report).len(),
        1,
        "only the dead node: {:?}",
        failures(&report)
    );
    config.rpc.urls = vec!["127.0.0.1".into()];
    assert!(failures(&check(&config).await)[0].starts_with("rpc.urls[0]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_chain_stops_the_agent_with_a_clear_error() {
    let world = World::new(Setup::default()).await;
    let mut config = world.config();
    config.chain_id = 5;
    let error = run(config, CancellationToken::new())
        .await
        .expect_err("it refuses");
    assert_eq!(
        error.to_string(),
        "configured for chain 5, but the node is on chain 31337"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_shows_equality_and_what_is_open() {
    let mut world = World::new(Setup::default()).await;
    let settled = world.ask().await;
    let stop = CancellationToken::new();
    let agent = tokio::spawn(run(world.config(), stop.clone()));
    world.settled_once(&settled).await;
    stop.cancel();
    agent.await.expect("no panic").expect("no error");
    world.ask().await;
    let report = replay(&world.config(), 0).await.expect("replayed");
    let outcomes: Vec<&Outcome> = report.requests.iter().map(|r| &r.outcome).collect();
    assert_eq!(outcomes, [&Outcome::Equal, &Outcome::NotSettled]);
    assert!(report.is_consistent());
    let mut without = world.config();
    without.models.clear();
    let report = replay(&without, 0).await.expect("replayed");
    assert!(
        report
            .requests
            .iter()
            .all(|request| request.outcome == Outcome::NoBundle)
    );
}
