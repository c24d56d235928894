//! Estimated gas against what forge measured with real proofs: `snapshots/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use haloracle_agent::cost::{Cost, Model, Way, gas::FIRST_CREDIT};
use haloracle_prover::Shape;
use serde_json::Value;

/// How far an estimate may be off, in percent.
const TOLERANCE: f64 = 3.0;

fn json(path: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    serde_json::from_slice(&std::fs::read(root.join(path)).unwrap()).unwrap()
}

fn gas(snapshot: &Value, name: &str) -> u64 {
    snapshot[name].as_str().unwrap().parse().unwrap()
}

fn hex_bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

/// The model of a fixture, whose proofs the snapshots are of.
fn fixture(name: &str) -> Model {
    let fixture = json(&format!("test/fixtures/{name}.json"));
    let length = |field: &str| hex_bytes(&fixture[field]).len();
    let key = hex_bytes(&fixture["vkData"]);
    let points = key[64..].chunks(64);
    let empty = points.filter(|point| point.iter().all(|byte| *byte == 0));
    let private_inputs = length("input") == 0;
    let input_words = length("input") / 32 + usize::from(private_inputs);
    let output_words = length("output") / 32;
    let instances = fixture["instances"].as_array().unwrap().len();
    Model {
        shape: match length("proof") {
            2_048 => Shape::Narrow,
            4_480 => Shape::Wide,
            other => panic!("a proof of {other} bytes"),
        },
        proof_bytes: length("proof"),
        input_words,
        input_bits: 253 * input_words,
        output_words,
        output_bits: 16 * output_words,
        private_weights: instances == 3 + input_words + output_words,
        private_inputs,
        empty_columns: empty.count() as u32,
        batches: vec![16, 64],
    }
}

#[track_caller]
fn close(what: &str, estimated: u64, measured: u64) {
    let off = (estimated as f64 / measured as f64 - 1.0) * 100.0;
    println!("{what}: estimated {estimated}, measured {measured}, {off:+.2} %");
    assert!(off.abs() < TOLERANCE, "{what}: {off:+.2} %");
}

#[test]
fn fulfill_takes_what_real_proofs_took() {
    let measured = json("snapshots/real_proof.json");
    for name in [
        "mlp_small",
        "logreg",
        "credit_risk",
        "trees",
        "credit_risk_private",
    ] {
        let model = fixture(name);
        let cost = Cost::new(&model, Way::Single, 1);
        // Forge leaves out calldata and transaction, and credits two accounts for the first time.
        let call = gas(&measured, &format!("fulfill, {name}, no callback"));
        close(name, cost.execution + 2 * FIRST_CREDIT, call);
    }
}

#[test]
fn batches_take_what_was_measured() {
    let measured = json("snapshots/batch.json");
    let model = fixture("mlp_small");
    for items in [16u32, 64] {
        let cost = Cost::new(&model, Way::Batch { items }, items);
        let name = format!("settleBatch (N = {items}), real, per request");
        close(&name, cost.gas / u64::from(items), gas(&measured, &name));
    }
    let aggregates = json("snapshots/aggregate.json");
    for leaves in [1u32, 4] {
        let cost = Cost::new(&model, Way::Aggregate { slots: 4 }, leaves);
        let plural = if leaves == 1 { "leaf" } else { "leaves" };
        let stub = gas(
            &aggregates,
            &format!("settleAggregate, {leaves} {plural}, stub verifier"),
        );
        let verify = gas(&aggregates, "verify");
        close("settleAggregate", cost.execution, stub + verify);
    }
    let cost = Cost::new(&model, Way::Root { items: 64 }, 64);
    let name = "settleRoot (N = 64), real, per request";
    close(name, cost.gas / 64, gas(&measured, name));
}
