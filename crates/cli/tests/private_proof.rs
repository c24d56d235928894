//! Proofs about private weights and inputs on the command line: what they show, and that they are
//! about the weights of one bundle.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{bundles, repo, run, scratch};

/// Salts are below the field's modulus.
const SALT: &str = "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn a_private_proof_is_about_one_commitment_to_weights_and_one_to_the_input() {
    let dir = scratch();
    let file = |name: &str| repo(&format!("models/credit_risk/{name}"));
    let (onnx, data) = (file("credit_risk.onnx"), file("calibration.npz"));
    let (schema, input) = (file("schema.json"), file("low_risk.json"));
    let srs = bundles().join("dev.srs").display().to_string();
    let compile = [
        "compile",
        &onnx,
        "--calibration",
        &data,
        "--schema",
        &schema,
    ];
    let private = ["--private-model", "--private-input", "--json", "-o"];
    for name in ["mine", "other"] {
        run(dir.path(), &[&compile[..], &private, &[name]].concat()).json(0);
        run(dir.path(), &["setup", name, "--srs", &srs, "--json"]).json(0);
    }
    let prove = ["prove", "mine", "--input", &input, "-o", "p.json"];
    run(dir.path(), &prove).is_error(&["private", "--salt"]);
    let proved = run(
        dir.path(),
        &[&prove[..], &["--salt", SALT, "--json"]].concat(),
    )
    .json(0);

    let valid = run(dir.path(), &["verify", "mine", "p.json", "--json"]).json(0);
    assert_eq!(valid["status"], 0);
    assert_eq!(valid["outputs"], proved["outputs"]);
    assert!(valid.get("input").is_none(), "{valid}");
    assert_eq!(valid["input_commitment"].as_str().unwrap().len(), 66);
    let shown = run(dir.path(), &["verify", "mine", "p.json"]).stdout;
    assert!(shown.contains("private, commitment 0x"), "{shown}");

    // The same weights under another salt: the keys are the same, the commitment is not.
    let keys = ["mine", "other"].map(|b| std::fs::read(dir.path().join(b).join("vk.bin")).unwrap());
    assert!(keys[0] == keys[1]);
    let other = run(dir.path(), &["verify", "other", "p.json", "--json"]).json(1);
    assert_eq!(other["valid"], false);
    let problem = other["problem"].as_str().unwrap();
    assert!(problem.contains("other weights"), "{problem}");
}
