//! Everything that can be wrong with what a user gives: exit code 2, a message that says what,
//! where and what to do, no panic, and nothing left behind.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{bundles, compile, copy_bundle, corrupt, golden, listing, onnx, run, scratch};

/// Compiles `model` from `dir`; whatever happens, only `before` may be there afterwards.
#[track_caller]
fn refuses_to_compile(dir: &Path, model: &str, data: &str, fragments: &[&str]) {
    let before = listing(dir);
    run(
        dir,
        &["compile", model, "--calibration", data, "-o", "bundle"],
    )
    .is_error(fragments);
    assert_eq!(listing(dir), before, "something was left behind");
}

/// Proves from `dir`, as above.
#[track_caller]
fn refuses_to_prove(bundle: &str, input: &str, content: &str, fragments: &[&str]) {
    let dir = scratch();
    fs::write(dir.path().join(input), content).unwrap();
    let before = listing(dir.path());
    let bundle = bundles().join(bundle).display().to_string();
    run(
        dir.path(),
        &["prove", &bundle, "--input", input, "-o", "proof.json"],
    )
    .is_error(fragments);
    run(dir.path(), &["infer", &bundle, "--input", input]).is_error(fragments);
    assert_eq!(listing(dir.path()), before, "something was left behind");
}

/// Thirty values, one of them replaced.
fn row(column: usize, value: &str) -> String {
    let mut values = vec!["0.5"; 30];
    values[column] = value;
    values.join(",")
}

#[test]
fn truncated_onnx() {
    let dir = scratch();
    let bytes = fs::read(onnx("mlp_small")).unwrap();
    for part in [bytes.len() / 3, bytes.len() - 1] {
        fs::write(dir.path().join("cut.onnx"), &bytes[..part]).unwrap();
        refuses_to_compile(dir.path(), "cut.onnx", &golden("mlp_small"), &["cut.onnx"]);
    }
    fs::write(dir.path().join("cut.onnx"), b"").unwrap();
    refuses_to_compile(dir.path(), "cut.onnx", &golden("mlp_small"), &["cut.onnx"]);
    refuses_to_compile(
        dir.path(),
        "none.onnx",
        &golden("mlp_small"),
        &["none.onnx", "No such file"],
    );
}

#[test]
fn unsupported_operator_is_named_with_its_node() {
    let dir = scratch();
    let mut bytes = fs::read(onnx("mlp_small")).unwrap();
    let at = bytes.windows(4).position(|part| part == b"Relu").unwrap();
    bytes[at..at + 4].copy_from_slice(b"Sinh");
    fs::write(dir.path().join("sinh.onnx"), &bytes).unwrap();
    refuses_to_compile(
        dir.path(),
        "sinh.onnx",
        &golden("mlp_small"),
        &["sinh.onnx", "Sinh", "node"],
    );
}

#[test]
fn wrong_shapes() {
    let dir = scratch();
    fs::write(dir.path().join("two.csv"), "1,2\n3,4\n").unwrap();
    let model = onnx("mlp_small");
    refuses_to_compile(dir.path(), &model, "two.csv", &["2 features", "30"]);
    fs::write(dir.path().join("ragged.csv"), "1,2\n3\n").unwrap();
    refuses_to_compile(dir.path(), &model, "ragged.csv", &["ragged.csv", "row"]);
    refuses_to_prove(
        "mlp_small",
        "x.json",
        r#"{"input": [[1, 2, 3]]}"#,
        &["30", "got 3", "row 1"],
    );
    refuses_to_prove("mlp_small", "x.json", r#"{"input": []}"#, &["no rows"]);
    refuses_to_prove("mlp_small", "x.json", "{", &["x.json"]);
    refuses_to_prove("mlp_small", "x.txt", "1", &["x.txt", ".json, .npz or .csv"]);
}

#[test]
fn values_that_are_no_finite_numbers() {
    for value in ["NaN", "inf", "-inf", "1e999"] {
        let text = row(4, value);
        refuses_to_prove("mlp_small", "x.csv", &text, &["x.csv", "row 1", "column 5"]);
        let dir = scratch();
        fs::write(dir.path().join("data.csv"), &text).unwrap();
        let fragments = ["data.csv", "row 1", "column 5"];
        refuses_to_compile(dir.path(), &onnx("mlp_small"), "data.csv", &fragments);
    }
    refuses_to_prove("mlp_small", "x.json", r#"{"input": [[true]]}"#, &["x.json"]);
    refuses_to_prove("mlp_small", "x.json", r#"{"input": [[null]]}"#, &["x.json"]);
}

#[test]
fn values_outside_the_domain() {
    refuses_to_prove(
        "mlp_small",
        "x.csv",
        &row(7, "1e38"),
        &["feature 7", "outside", "row 1"],
    );
    refuses_to_prove(
        "mlp_small",
        "x.csv",
        &row(0, "-40"),
        &["feature 0", "outside"],
    );
    let dir = scratch();
    fs::write(dir.path().join("raw.csv"), row(3, "99999999")).unwrap();
    let bundle = bundles().join("mlp_small").display().to_string();
    let prove = [
        "prove", &bundle, "--input", "raw.csv", "--raw", "-o", "p.json",
    ];
    run(dir.path(), &prove).is_error(&["value 1", "0.5", "integers"]);
    fs::write(
        dir.path().join("raw.csv"),
        row(3, "99999999").replace("0.5", "0"),
    )
    .unwrap();
    run(dir.path(), &prove).is_error(&["feature 3", "99999999", "outside"]);
    assert!(!dir.path().join("p.json").exists());
}

#[test]
fn rows_that_are_not_there() {
    let dir = scratch();
    let bundle = bundles().join("mlp_small").display().to_string();
    let data = golden("mlp_small");
    let prove = ["prove", &bundle, "--input", &data, "-o", "p.json"];
    run(dir.path(), &prove).is_error(&["100 rows", "--row"]);
    run(dir.path(), &[&prove[..], &["--row", "101"]].concat()).is_error(&["no row 101"]);
    run(dir.path(), &[&prove[..], &["--row", "0"]].concat()).is_error(&["no row 0"]);
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn wrong_srs() {
    let dir = scratch();
    run(
        dir.path(),
        &["srs", "new", "--k", "6", "--unsafe", "-o", "small.srs"],
    );
    compile(dir.path(), "mlp_small", "bundle").json(0);
    let before = listing(&dir.path().join("bundle"));
    let setup = |srs: &str| run(dir.path(), &["setup", "bundle", "--srs", srs]);
    setup("small.srs").is_error(&["2^6", "needs 2^"]);
    let bytes = fs::read(dir.path().join("small.srs")).unwrap();
    fs::write(dir.path().join("cut.srs"), &bytes[..bytes.len() - 5]).unwrap();
    setup("cut.srs").is_error(&["cut.srs", "bytes"]);
    corrupt(&dir.path().join("small.srs"));
    setup("small.srs").is_error(&["small.srs"]);
    setup("none.srs").is_error(&["none.srs", "No such file"]);
    assert_eq!(
        listing(&dir.path().join("bundle")),
        before,
        "something was left behind"
    );
    run(
        dir.path(),
        &["srs", "new", "--k", "40", "--unsafe", "-o", "z.srs"],
    )
    .is_error(&["40"]);
}

#[test]
fn corrupted_bundles() {
    for name in listing(&bundles().join("mlp_small")) {
        let dir = scratch();
        let bundle = dir.path().join("bundle");
        copy_bundle(&bundles().join("mlp_small"), &bundle);
        corrupt(&bundle.join(&name));
        let data = golden("mlp_small");
        let prove = [
            "prove", "bundle", "--input", &data, "--row", "1", "-o", "p.json",
        ];
        let run = run(dir.path(), &prove);
        // Only the float model may be damaged: nothing but `infer` reads it.
        if name == "model.onnx" {
            let infer = ["infer", "bundle", "--input", &data];
            common::run(dir.path(), &infer).is_error(&["model.onnx", "not the model of bundle"]);
        } else {
            run.is_error(&["bundle"]);
            assert!(!dir.path().join("p.json").exists(), "{name}");
        }
        assert!(!run.stderr.contains("panicked"), "{name}: {run:#?}");
    }
    let dir = scratch();
    run(dir.path(), &["prove", "none", "--input", "x", "-o", "p"]).is_error(&["none"]);
    compile(dir.path(), "mlp_small", "keyless").json(0);
    let data = golden("mlp_small");
    let prove = [
        "prove", "keyless", "--input", &data, "--row", "1", "-o", "p.json",
    ];
    run(dir.path(), &prove).is_error(&["keyless", "haloracle setup"]);
    compile(dir.path(), "mlp_small", "keyless").is_error(&["keyless", "exists already"]);
}

#[test]
fn wrong_key_for_the_bundle() {
    let keys = ["vk.bin", "srs.bin"];
    let hash = |path: &Path| {
        let digest = alloy::primitives::keccak256(fs::read(path).unwrap());
        digest.to_string()
    };
    for with_manifest in [false, true] {
        let dir = scratch();
        let bundle = dir.path().join("bundle");
        copy_bundle(&bundles().join("mlp_small"), &bundle);
        let manifest_path = bundle.join("manifest.json");
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(&manifest_path).unwrap()).unwrap();
        for key in keys {
            fs::copy(bundles().join("logreg").join(key), bundle.join(key)).unwrap();
            manifest["files"][key] = hash(&bundle.join(key)).into();
        }
        if with_manifest {
            let sealed = haloracle_prover::manifest::seal(manifest.to_string().as_bytes());
            fs::write(&manifest_path, sealed.unwrap()).unwrap();
        }
        let data = golden("mlp_small");
        let prove = [
            "prove", "bundle", "--input", &data, "--row", "1", "-o", "p.json",
        ];
        run(dir.path(), &prove).is_error(&["bundle"]);
        assert!(!dir.path().join("p.json").exists());
    }
}

#[test]
fn batches_that_cannot_be() {
    let dir = scratch();
    let (model, data) = (onnx("mlp_small"), golden("mlp_small"));
    let compile = ["compile", &model, "--calibration", &data, "-o", "bundle"];
    let cases: [(&[&str], &str); 4] = [
        (&["--batch", "1"], "2..=256"),
        (&["--batch", "257"], "2..=256"),
        (&["--batch", "many"], "many"),
        (
            &["--batch", "4", "--batch", "4"],
            "--batch 4 is given twice",
        ),
    ];
    for (options, fragment) in cases {
        run(dir.path(), &[&compile[..], options].concat()).is_error(&[fragment]);
    }
    let bundle = bundles().join("mlp_small").display().to_string();
    let prove = [
        "prove", &bundle, "--input", &data, "--row", "1", "-o", "p.json",
    ];
    let run = run(dir.path(), &[&prove[..], &["--batch", "4"]].concat());
    run.is_error(&[
        "no circuit for batches of 4",
        "compile the model with --batch",
    ]);
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn accuracy_that_cannot_be_reached() {
    let dir = scratch();
    let (model, data) = (onnx("mlp_small"), golden("mlp_small"));
    let compile = [
        "compile",
        &model,
        "--calibration",
        &data,
        "-o",
        "bundle",
        "--bits",
        "4",
    ];
    let run = run(
        dir.path(),
        &[&compile[..], &["--max-error", "0.000001"]].concat(),
    );
    run.is_error(&["accuracy"]);
    assert!(listing(dir.path()).is_empty());
}
