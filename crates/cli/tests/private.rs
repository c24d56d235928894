//! A private request by the real binary: asked, handed in, proved by the real agent, read.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

#[path = "../../agent/tests/common/mod.rs"]
mod common;

use std::{fs, path::Path, process::Command};

use alloy::signers::local::PrivateKeySigner;
use common::{LIMIT, PAYEE, Setup, World, until};
use haloracle_prover::Shape;
use haloracle_testkit::{AgentProcess, process::free_port};
use serde_json::Value;

/// Anvil's first account.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const TOKEN: &str = "a-token-of-many-letters";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_haloracle"))
}

/// Runs the binary in `dir`: exit code, standard output, standard error.
fn haloracle(world: &World, dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary())
        .args(arguments)
        .current_dir(dir)
        .env("HALORACLE_RPC_URL", world.hub.anvil.url())
        .env("HALORACLE_HUB", world.hub.hub.to_string())
        .env("HALORACLE_KEYSTORE", dir.join("key.json"))
        .env("HALORACLE_PASSWORD", "password")
        .env_remove("HALORACLE_PASSWORD_FILE")
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_request_goes_its_whole_way() {
    let port = free_port().expect("a port");
    let intake = format!("[intake]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"token\"\n");
    let mut world = World::new(Setup {
        shape: Some(Shape::Wide),
        private: (true, true),
        more: Box::leak(intake.into_boxed_str()),
        ..Setup::default()
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let key = hex::decode(KEY).expect("hexadecimal");
    let mut rng = rand::thread_rng();
    PrivateKeySigner::encrypt_keystore(dir, &mut rng, key, "password", Some("key.json"))
        .expect("a keystore");
    fs::write(dir.join("token"), TOKEN).expect("written");
    fs::write(world.operator.config.with_file_name("token"), TOKEN).expect("written");
    let values = world.input();
    let row = serde_json::json!({ "input": [values] });
    fs::write(dir.join("row.json"), row.to_string()).expect("written");
    let model = format!("{:#066x}", world.model_id);
    let url = format!("http://127.0.0.1:{port}/");

    let base = ["request", &model, "--input", "row.json", "--raw", "--json"];
    let (code, _, error) = haloracle(&world, dir, &base);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("--opening FILE"), "{error}");

    let mut agent = AgentProcess::spawn(binary(), &world.operator.config, &world.operator.log, &[])
        .expect("the agent starts");
    until("the agent", || async {
        world.page("/live").await.is_some()
    })
    .await;
    let mut more = vec!["--opening", "opening.json", "--operator", &url];
    more.extend(["--operator-token-file", "token"]);
    let (code, out, error) = haloracle(&world, dir, &[&base[..], &more].concat());
    assert_eq!(code, Some(0), "{error}");
    let asked: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(asked["handed_in"], true);
    assert!(asked.get("raw_input").is_none(), "{asked}");
    let id = asked["request_id"].as_str().expect("an id");

    let opening: Value =
        serde_json::from_slice(&fs::read(dir.join("opening.json")).expect("kept")).expect("JSON");
    assert_eq!(opening["values"], serde_json::json!(values));
    assert_eq!(opening["requestId"], id);

    let wait = LIMIT.as_secs().to_string();
    let status = ["status", id, "--wait", &wait, "--json"];
    let (code, out, error) = haloracle(&world, dir, &status);
    assert_eq!(code, Some(0), "{error}");
    let status: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status["state"], "verified");
    assert_eq!(status["status"], 0);
    assert_eq!(status["payee"].as_str().map(str::parse), Some(Ok(PAYEE)));
    let raw = status["outputs"].as_array().expect("outputs").iter();
    let raw: Vec<u64> = raw.filter_map(|output| output["raw"].as_u64()).collect();
    let run = world.model.run(&values).expect("in the box");
    assert_eq!(raw, run.outputs());

    // A run again needs the input, which is gone.
    agent.terminate().expect("asked to stop");
    assert!(agent.wait(LIMIT).expect("it stops").success());
    let config = world.operator.config.display().to_string();
    let replay = [
        "agent", "replay", "--config", &config, "--from", "0", "--json",
    ];
    let (code, out, error) = haloracle(&world, dir, &replay);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("private_input"), "{out}");

    // Nothing that the agent said holds the salt or the values.
    let log = agent.output();
    let salt = opening["salt"].as_str().expect("a salt");
    let salt = salt.trim_start_matches("0x");
    assert!(
        !log.contains(salt) && !log.contains(&format!("{values:?}")),
        "{log}"
    );

    // An opening is never overwritten.
    let (code, _, error) = haloracle(&world, dir, &[&base[..], &more].concat());
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("exists already"), "{error}");
}
