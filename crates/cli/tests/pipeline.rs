//! From an ONNX file to a checked proof, with the real binary and the real models.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{bundles, compile, golden, onnx, run, scratch};
use serde_json::Value;

const STATEMENT: &str = "0x00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";

/// Proves rows of `model` and compares what the proofs say with the integer executor.
fn proves_and_agrees(model: &str, rows: &[usize]) {
    let (dir, out) = (bundles(), scratch());
    let (data, onnx) = (golden(model), onnx(model));
    let inferred = run(
        dir,
        &["infer", model, "--input", &data, "--onnx", &onnx, "--json"],
    )
    .json(0);
    // The bundle's own copy of the float model says the same.
    let alone = run(dir, &["infer", model, "--input", &data, "--json"]).json(0);
    assert_eq!(alone, inferred);
    assert!(inferred["rows"][0]["float"][0].is_f64());
    let answers = inferred["rows"].as_array().unwrap();
    assert_eq!(answers.len(), 100);
    let accuracy = &inferred["accuracy"];
    assert_eq!(accuracy["against"], "outputs in the file");
    assert!(
        accuracy["agreement"].as_f64().unwrap() >= 0.99,
        "{accuracy}"
    );
    let [p50, p90, max] = ["p50", "p90", "max"].map(|part| accuracy[part].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p90 && p90 <= max, "{accuracy}");
    for &row in rows {
        let proof = out.path().join(format!("{row}.json")).display().to_string();
        let number = row.to_string();
        let arguments = ["prove", model, "--input", &data, "--row", &number];
        let output = ["--statement", STATEMENT, "-o", &proof, "--json"];
        let proved = run(dir, &[&arguments[..], &output].concat()).json(0);
        assert!(proved["compact_bytes"].as_u64().unwrap() <= 1_800);
        let verified = run(dir, &["verify", model, &proof, "--json"]).json(0);
        assert_eq!(verified["valid"], true);
        assert_eq!(verified["statement"], STATEMENT);
        let answer = &answers[row - 1]["outputs"];
        assert_eq!(
            &verified["outputs"], answer,
            "row {row}: circuit and executor differ"
        );
        assert_eq!(&proved["outputs"], answer);
    }
}

/// A few rows, or all of them where time does not matter.
fn rows() -> Vec<usize> {
    if std::env::var_os("HALORACLE_SLOW").is_some() {
        (1..=100).collect()
    } else {
        vec![1, 50, 100]
    }
}

#[test]
fn mlp_small_is_proved_as_onnxruntime_answers() {
    proves_and_agrees("mlp_small", &rows());
}

#[test]
fn logreg_is_proved_as_onnxruntime_answers() {
    proves_and_agrees("logreg", &rows());
}

#[test]
fn keys_are_the_same_bytes_every_time() {
    let again = scratch();
    compile(again.path(), "mlp_small", "again").json(0);
    let srs = bundles().join("dev.srs").display().to_string();
    run(again.path(), &["setup", "again", "--srs", &srs, "--json"]).json(0);
    for name in [
        "model.json",
        "layout.json",
        "report.json",
        "vk.bin",
        "onchain.json",
    ] {
        let first = fs::read(bundles().join("mlp_small").join(name)).unwrap();
        let second = fs::read(again.path().join("again").join(name)).unwrap();
        assert!(first == second, "{name} differs");
    }
}

#[test]
fn tampered_proofs_are_invalid() {
    let (dir, out) = (bundles(), scratch());
    let proof = out.path().join("proof.json");
    let path = proof.display().to_string();
    let data = golden("mlp_small");
    run(
        dir,
        &[
            "prove",
            "mlp_small",
            "--input",
            &data,
            "--row",
            "7",
            "-o",
            &path,
            "--json",
        ],
    )
    .json(0);
    let good: Value = serde_json::from_slice(&fs::read(&proof).unwrap()).unwrap();
    let verdict = |proof: &Value| {
        let path = out.path().join("changed.json");
        fs::write(&path, proof.to_string()).unwrap();
        run(
            dir,
            &["verify", "mlp_small", &path.display().to_string(), "--json"],
        )
    };
    assert_eq!(verdict(&good).json(0)["valid"], true);

    let flip = |text: &Value, at: usize| {
        let mut bytes = text.as_str().unwrap().as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        Value::String(String::from_utf8(bytes).unwrap())
    };
    let length = good["proof"].as_str().unwrap().len();
    // A point, scalars in the middle, the last point.
    for at in [40, length / 2, length / 2 + 64, length - 1] {
        let mut bad = good.clone();
        bad["proof"] = flip(&good["proof"], at);
        let report = verdict(&bad).json(1);
        assert_eq!(report["valid"], false, "digit {at}");
        assert!(
            report["problem"].is_string() && report["outputs"].is_null(),
            "{report}"
        );
    }
    for index in 0..good["instances"].as_array().unwrap().len() {
        let mut bad = good.clone();
        bad["instances"][index] = flip(&good["instances"][index], 65);
        assert_eq!(verdict(&bad).json(1)["valid"], false, "instance {index}");
    }
    let mut more = good.clone();
    more["instances"]
        .as_array_mut()
        .unwrap()
        .push(good["instances"][0].clone());
    verdict(&more).json(1);
    let mut short = good.clone();
    short["proof"] = Value::String(good["proof"].as_str().unwrap()[..length - 2].to_owned());
    verdict(&short).json(1);
    // A proof of one model says nothing under another one's key.
    run(dir, &["verify", "logreg", &path, "--json"]).json(1);
    // What is no proof file at all cannot be judged.
    let mut alien = good.clone();
    alien["format"] = Value::String("something-else".into());
    verdict(&alien).is_error(&["something-else"]);
}

#[test]
fn solidity_writes_the_contract_the_key_and_calldata() {
    let (dir, out) = (bundles(), scratch());
    let proof = out.path().join("proof.json").display().to_string();
    let data = golden("logreg");
    run(
        dir,
        &[
            "prove", "logreg", "--input", &data, "--row", "1", "-o", &proof, "--json",
        ],
    )
    .json(0);
    let folder = out.path().join("sol");
    let target = folder.display().to_string();
    let report = run(
        dir,
        &[
            "solidity", "logreg", "--proof", &proof, "-o", &target, "--json",
        ],
    )
    .json(0);
    assert_eq!(report["srs_unsafe"], true);
    let contract = fs::read_to_string(folder.join("Halo2Verifier.sol")).unwrap();
    let committed = common::repository().join("contracts/generated/Halo2Verifier.sol");
    assert_eq!(
        contract,
        fs::read_to_string(committed).unwrap(),
        "run `make fixtures`"
    );
    let key = fs::read_to_string(folder.join("vk.hex")).unwrap();
    let bytes = fs::read(dir.join("logreg/vk.bin")).unwrap();
    assert_eq!(key.trim(), format!("0x{}", hex::encode(bytes)));
    let calldata = fs::read_to_string(folder.join("calldata.hex")).unwrap();
    let evm_bytes = report["sizes"][0]["proof_bytes"].as_u64().unwrap() as usize;
    assert!(
        calldata.len() > 2 * evm_bytes,
        "the whole proof is in the calldata"
    );
}

#[test]
fn inspect_knows_every_kind_of_file() {
    let (dir, out) = (bundles(), scratch());
    let proof = out.path().join("proof.json").display().to_string();
    let data = golden("mlp_small");
    run(
        dir,
        &[
            "prove",
            "mlp_small",
            "--input",
            &data,
            "--row",
            "1",
            "-o",
            &proof,
            "--json",
        ],
    )
    .json(0);
    for (path, kind) in [
        ("mlp_small", "bundle"),
        ("mlp_small/vk.bin", "verifying key"),
        ("dev.srs", "srs"),
        (proof.as_str(), "proof"),
    ] {
        assert_eq!(run(dir, &["inspect", path, "--json"]).json(0)["kind"], kind);
    }
    run(dir, &["inspect", "mlp_small/report.html"]).is_error(&["neither"]);
}

#[test]
fn an_srs_is_checked_by_pairings() {
    let dir = scratch();
    let new = ["srs", "new", "--k", "6", "-o", "a.srs"];
    run(dir.path(), &new).is_error(&["--unsafe", "forge"]);
    run(dir.path(), &[&new[..], &["--unsafe", "--json"]].concat()).json(0);
    assert_eq!(
        run(dir.path(), &["srs", "verify", "a.srs", "--json"]).json(0)["valid"],
        true
    );
    // Two points change places: each is still a point of the curve.
    let mut bytes = fs::read(dir.path().join("a.srs")).unwrap();
    let (header, point) = (13, 64);
    let (a, b) = (header + 3 * point, header + 4 * point);
    for offset in 0..point {
        bytes.swap(a + offset, b + offset);
    }
    fs::write(dir.path().join("b.srs"), bytes).unwrap();
    let report = run(dir.path(), &["srs", "verify", "b.srs", "--json"]).json(1);
    assert_eq!(report["valid"], false);
    run(
        dir.path(),
        &["srs", "import", "a.srs", "-o", "c.srs", "--json"],
    )
    .json(0);
    run(dir.path(), &["srs", "import", "b.srs", "-o", "d.srs"]).is_error(&["powers of tau"]);
    assert!(!dir.path().join("d.srs").exists());
}

#[test]
fn committed_fixtures_are_up_to_date() {
    let root = common::repository();
    let run = run(&root, &["fixtures", "--check", "--json"]);
    let report = run.json(if run.code == Some(0) { 0 } else { 1 });
    assert_eq!(
        report["changed"],
        serde_json::json!([]),
        "run `make fixtures`"
    );
}
