//! Batches on the command line: from `compile --batch` to a verdict on a proof.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{bundles, golden, onnx, run, scratch};
use serde_json::Value;

const STATEMENT: &str = "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn a_batch_from_compile_to_verify() {
    let dir = scratch();
    let (model, data) = (onnx("logreg"), golden("logreg"));
    let compile = [
        "compile",
        &model,
        "--calibration",
        &data,
        "--json",
        "-o",
        "b",
    ];
    let sizes = ["--batch", "4", "--batch", "2"];
    let compiled = run(dir.path(), &[&compile[..], &sizes].concat()).json(0);
    let items: Vec<_> = compiled["batches"].as_array().unwrap().iter().collect();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["items"], 2);
    assert_eq!(items[1]["items"], 4);
    let srs = bundles().join("dev.srs").display().to_string();
    let made = run(dir.path(), &["setup", "b", "--srs", &srs, "--json"]).json(0);
    assert_eq!(made["batches"][1]["items"], 4);
    let inspected = run(dir.path(), &["inspect", "b", "--json"]).json(0);
    assert_eq!(
        inspected["batches"][1]["vk_hash"],
        made["batches"][1]["vk_hash"]
    );
    assert_ne!(made["batches"][0]["vk_hash"], made["vk_hash"]);

    let prove = [
        "prove",
        "b",
        "--input",
        &data,
        "--statement",
        STATEMENT,
        "-o",
        "p.json",
    ];
    let batch = ["--batch", "4", "--row", "3", "--json"];
    let proved = run(dir.path(), &[&prove[..], &batch].concat()).json(0);
    assert_eq!(proved["items"].as_array().unwrap().len(), 4);
    let valid = run(dir.path(), &["verify", "b", "p.json", "--json"]).json(0);
    assert_eq!(valid["statement"], STATEMENT);
    for (item, answer) in valid["items"].as_array().unwrap().iter().zip(0..) {
        assert_eq!(item["outputs"], proved["items"][answer]);
        assert_eq!(item["status"], 0);
        let row = (3 + answer).to_string();
        let alone = [
            "prove", "b", "--input", &data, "--row", &row, "-o", "one.json", "--json",
        ];
        assert_eq!(run(dir.path(), &alone).json(0)["outputs"], item["outputs"]);
    }
    let shown = run(dir.path(), &["verify", "b", "p.json"]).stdout;
    assert!(shown.contains("item       4"), "{shown}");
    let single = run(dir.path(), &["verify", "b", "one.json", "--json"]).json(0);
    assert!(single.get("items").is_none(), "{single}");

    // Two items' words exchanged; one item's words left away; the proof of one in a batch's words.
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(dir.path().join(name)).unwrap()).unwrap()
    };
    let (honest, one) = (read("p.json"), read("one.json"));
    let words = (honest["instances"].as_array().unwrap().len() - 2) / 4;
    let mut exchanged = honest.clone();
    for word in 0..words {
        let own = exchanged["instances"].as_array_mut().unwrap();
        own.swap(2 + word, 2 + words + word);
    }
    let mut shorter = honest.clone();
    shorter["instances"]
        .as_array_mut()
        .unwrap()
        .truncate(2 + 2 * words);
    let mut other = honest.clone();
    other["proof"] = one["proof"].clone();
    for forged in [exchanged, shorter, other] {
        fs::write(dir.path().join("f.json"), forged.to_string()).unwrap();
        let verdict = run(dir.path(), &["verify", "b", "f.json", "--json"]).json(1);
        assert_eq!(verdict["valid"], false);
    }

    let refused = |options: &[&str], fragments: &[&str]| {
        run(dir.path(), &[&prove[..], options].concat()).is_error(fragments);
    };
    refused(&["--batch", "3"], &["no circuit for batches of 3", "2, 4"]);
    refused(&["--batch", "4"], &["a batch answers 4", "--row"]);
    refused(&["--batch", "4", "--row", "0"], &["no row 0"]);
    let salt = ["--batch", "2", "--row", "1", "--salt", STATEMENT];
    refused(&salt, &["inputs", "public"]);
}
