//! `aggregate` on the committed aggregate of four models: verdicts, and refusals before any work.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{repo, run, scratch};

fn fixture(name: &str) -> String {
    repo(&format!("test/fixtures/aggregate/{name}"))
}

/// Runs `aggregate` on fixtures, with an SRS that is too small for anything but verifying.
fn aggregate(dir: &Path, proofs: &[&str], more: &[&str]) -> common::Run {
    if !dir.join("dev.srs").exists() {
        let new = [
            "srs", "new", "--unsafe", "--dev", "--k", "6", "-o", "dev.srs",
        ];
        assert_eq!(run(dir, &new).code, Some(0));
    }
    let proofs: Vec<String> = proofs.iter().map(|name| fixture(name)).collect();
    let keys = repo("test/fixtures/aggregate");
    let mut arguments = vec!["aggregate"];
    arguments.extend(proofs.iter().map(String::as_str));
    arguments.extend(["--srs", "dev.srs", "--keys", &keys]);
    arguments.extend(more);
    run(dir, &arguments)
}

const PROOFS: [&str; 4] = ["mlp.json", "forest.json", "cnn.json", "private.json"];

#[test]
fn the_committed_aggregate_is_valid_for_its_proofs_in_their_order() {
    let dir = scratch();
    let dir = dir.path();
    let file = fixture("aggregate-4.json");
    let check = |proofs: &[&str]| aggregate(dir, proofs, &["--verify", &file]).code;
    assert_eq!(check(&PROOFS), Some(0));
    let [mlp, forest, cnn, private] = PROOFS;
    assert_eq!(check(&[forest, mlp, cnn, private]), Some(1), "order");
    assert_eq!(check(&[mlp, mlp, cnn, private]), Some(1), "repeated");
    assert_eq!(check(&[mlp, forest, cnn]), Some(1), "one left out");
    // A changed proof, and a changed instance.
    let text = fs::read_to_string(&file).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let proof = value["proof"].as_str().unwrap();
    let mut digits = proof.to_owned().into_bytes();
    let last = digits.len() - 1;
    digits[last] = if digits[last] == b'0' { b'1' } else { b'0' };
    let changed = text.replace(proof, &String::from_utf8(digits).unwrap());
    fs::write(dir.join("changed.json"), changed).unwrap();
    let found = aggregate(dir, &PROOFS, &["--verify", "changed.json"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    // Another contract's γ.
    let settler = value["settler"].as_str().unwrap();
    let changed = text.replace(settler, "0x00000000000000000000000000000000000000aa");
    fs::write(dir.join("elsewhere.json"), changed).unwrap();
    let found = aggregate(dir, &PROOFS, &["--verify", "elsewhere.json"]);
    assert_eq!(found.code, Some(1), "{found:?}");
}

#[test]
fn what_cannot_be_made_is_refused_before_any_work() {
    let dir = scratch();
    let dir = dir.path();
    let make = |more: &[&str]| aggregate(dir, &PROOFS, &[more, &["-o", "out.json"]].concat());
    make(&["--max-memory", "1"]).is_error(&["4 slots", "GiB", "--max-memory 1"]);
    make(&[]).is_error(&["2^20 rows", "2^6"]);
    make(&["--slots", "2", "--max-memory", "100"]).is_error(&[]);
    assert!(!dir.join("out.json").exists());
    aggregate(dir, &["README.md"], &["-o", "out.json"]).is_error(&["README.md"]);
    let proof = aggregate(dir, &["aggregate-4.json"], &["-o", "out.json"]);
    proof.is_error(&["aggregate-4.json", "not a proof for aggregation"]);
    // A proof under another setup.
    let other = ["srs", "new", "--unsafe", "--k", "6", "-o", "other.srs"];
    assert_eq!(run(dir, &other).code, Some(0));
    let mlp = fixture("mlp.json");
    let arguments = ["aggregate", &mlp, "--srs", "other.srs", "-o", "out.json"];
    run(dir, &arguments).is_error(&["mlp.json", "SRS"]);
}
