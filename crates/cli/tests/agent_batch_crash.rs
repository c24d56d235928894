//! The agent's real process, killed while requests are settled together.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

#[path = "../../agent/tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::{FEE, LIMIT, PAY, Setup, World};
use haloracle_agent::crash::Point;
use haloracle_testkit::{
    AgentProcess,
    process::{CRASH_AT, HOLD_AT},
};

fn spawn(world: &World, environment: &[(&str, &str)]) -> AgentProcess {
    let binary = Path::new(env!("CARGO_BIN_EXE_haloracle"));
    let operator = &world.operator;
    AgentProcess::spawn(binary, &operator.config, &operator.log, environment)
        .expect("the agent starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_the_requests_of_a_batch_are_settled_exactly_once() {
    // Ended at the point, and killed from outside while it hangs there.
    for how in [CRASH_AT, HOLD_AT] {
        for point in [
            Point::Witness,
            Point::Proof,
            Point::Batch,
            Point::DiskWrite,
            Point::Broadcast,
            Point::Receipt,
        ] {
            let mut world = World::new(Setup {
                batches: &[4],
                batch: Some("max_wait_ms = 60000"),
                ..Setup::default()
            })
            .await;
            let what = format!("{how} {}", point.name());
            let mut asked = Vec::new();
            for _ in 0..4 {
                asked.push(world.ask().await);
            }
            let mut agent = spawn(&world, &[(how, point.name())]);
            if how == CRASH_AT {
                let status = agent.wait(LIMIT).expect("it dies");
                assert_eq!(status.code(), None, "{what}: killed by a signal, {status}");
            } else {
                agent
                    .wait_for("held for a test", LIMIT)
                    .expect("it gets there");
                agent.kill();
            }
            let sent = matches!(point, Point::Broadcast | Point::Receipt);
            assert_eq!(world.sent().await, u64::from(sent), "{what}");

            let mut agent = spawn(&world, &[]);
            for one in &asked {
                world.settled_once(one).await;
            }
            world.metric("haloracle_jobs{state=\"done\"} 4").await;
            // A proof that was on disk is not made again.
            let stored = !matches!(point, Point::Witness | Point::Proof);
            let proofs = format!("haloracle_proof_seconds_count {}", u64::from(!stored));
            world.metric(&proofs).await;
            agent.terminate().expect("asked to stop");
            let status = agent.wait(LIMIT).expect("it stops");
            assert!(status.success(), "{what}: {status}\n{}", agent.output());
            let paid = (4 * PAY, 4 * (FEE - PAY));
            assert_eq!(world.paid().await, paid, "{what}: paid once, exactly");
            assert_eq!(world.sent().await, 1, "{what}: one transaction");
        }
    }
}
