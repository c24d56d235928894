//! Demo and devnet: everything at once, and nothing left running.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::{repo, repository, run, run_in};
use serde_json::Value;

#[test]
fn the_demo_moves_a_collateral_factor_and_rejects_forgeries() {
    let report = run(&repository(), &["demo", "--json"]).json(0);
    let number = |field: &str| report[field].as_u64().unwrap();
    assert_eq!(
        (number("factor_before_bps"), number("factor_after_bps")),
        (7_000, 6_000)
    );
    assert!(number("fulfill_gas") < 700_000, "{report}");
    assert!(
        report["outputs"][0]["value"].as_f64().unwrap() >= 0.75,
        "{report}"
    );
    assert!(report["proof_seconds"].as_f64().unwrap() > 0.0);
    let rejected = report["rejected"].as_array().unwrap();
    let reason = |part: &str| {
        let mut all = rejected
            .iter()
            .filter(|one| one["what"].as_str().unwrap().contains(part));
        all.next().unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("tampered").starts_with("InvalidProof"));
    assert!(reason("replayed").starts_with("InvalidProof"));
    assert!(reason("forged").starts_with("InvalidProof"));
    assert!(reason("once more").contains("Verified"));
}

#[test]
fn the_demo_on_a_rollup_settles_a_batch_and_carries_a_root_home() {
    let report = run(&repository(), &["demo-l2", "--json"]).json(0);
    let number = |part: &str, field: &str| report[part][field].as_u64().unwrap();
    assert_ne!(report["l1_chain"], report["l2_chain"]);
    assert_eq!(
        (number("stored", "requests"), number("rooted", "requests")),
        (13, 4)
    );
    // Thirteen requests in a circuit of sixteen, three of them padding.
    assert_eq!(number("stored", "items"), 16);
    assert!(number("stored", "gas_per_request") < 90_000, "{report}");
    for part in ["stored", "rooted"] {
        let (gas, estimate) = (number(part, "gas"), number(part, "estimated_gas"));
        assert!(gas.abs_diff(estimate) * 20 < gas, "{report}");
        let fee = report[part]["data_fee_wei"].as_str().unwrap();
        assert_ne!(fee, "0x0");
        assert_eq!(report[part]["computed_data_fee_wei"], fee);
    }
    let refused = report["carried"]["refused"].as_array().unwrap();
    let reasons: Vec<&str> = (refused.iter().map(|one| one["reason"].as_str().unwrap())).collect();
    for part in [
        "not proved",
        "challenge period",
        "UnknownBatch",
        "already been relayed",
        "NotInBatch",
    ] {
        assert!(
            reasons.iter().any(|reason| reason.contains(part)),
            "{part}: {reasons:?}"
        );
    }
    assert_eq!(report["carried"]["status"], 0);
}

#[test]
fn a_devnet_answers_requests_until_it_is_stopped() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("haloracle"))
        .args(["devnet", "--port", "0", "--json"])
        .current_dir(repository())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let devnet: Value = serde_json::from_str(&line).unwrap();
    let field = |name: &str| devnet[name].as_str().unwrap().to_owned();
    let environment = [
        ("HALORACLE_RPC_URL", field("rpc_url")),
        ("HALORACLE_HUB", field("hub")),
        ("HALORACLE_KEYSTORE", field("keystore")),
        ("HALORACLE_PASSWORD_FILE", field("password_file")),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let root = repository();
    let input = repo("models/credit_risk/low_risk.json");
    let model = field("model_id");
    let request = ["request", &model, "--input", &input, "--json"];
    let requested = run_in(&root, &request, &environment).json(0);
    let id = requested["request_id"].as_str().unwrap();
    let status = ["status", id, "--wait", "60", "--json"];
    let status = run_in(&root, &status, &environment).json(0);
    assert_eq!(status["state"], "verified", "{status}");
    assert_eq!(status["payee"], devnet["payee"]);
    assert!(
        status["outputs"][0]["value"].as_f64().unwrap() < 0.1,
        "{status}"
    );
    // What the agent settled is what the bundle answers now.
    let bundle = field("bundle");
    let infer = ["infer", &bundle, "--input", &input, "--json"];
    let inferred = run_in(&root, &infer, &environment).json(0);
    assert_eq!(
        inferred["rows"][0]["outputs"][0]["raw"],
        status["outputs"][0]["raw"]
    );

    let stopped = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let address = field("rpc_url").trim_start_matches("http://").to_owned();
    assert!(
        TcpStream::connect(&address).is_err(),
        "anvil still listens at {address}"
    );
}
