//! `haloracle infer` on answers that hold a class as well as scores, or a class alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{golden, onnx, repo, run, scratch};
use serde_json::Value;

/// Compiles `trees` with what it answers and runs it on the golden rows.
fn inferred(answer: &[&str]) -> Value {
    let dir = scratch();
    let data = golden("trees");
    let trees = onnx("trees");
    let compile = ["compile", &trees, "--calibration", &data, "-o", "bundle"];
    let compiled = run(dir.path(), &[&compile[..], answer, &["--json"]].concat()).json(0);
    assert!(compiled["estimate"]["prove_seconds"].as_f64().unwrap() > 0.0);
    let nodes = compiled["nodes"].as_array().unwrap();
    let rows: u64 = nodes.iter().map(|n| n["rows"].as_u64().unwrap()).sum();
    assert!(rows > 0 && rows <= compiled["rows"].as_u64().unwrap());
    let input = golden("trees");
    let infer = ["infer", "bundle", "--input", &input];
    let text = run(dir.path(), &infer);
    assert_eq!(text.code, Some(0), "{text:#?}");
    assert!(text.stdout.contains("  label "), "{}", text.stdout);
    run(dir.path(), &[&infer[..], &["--json"]].concat()).json(0)
}

/// The last field of every row is the class that came with the file.
fn classes_are_the_labels(inferred: &Value) {
    let rows = inferred["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    for row in rows {
        let class = row["outputs"].as_array().unwrap().last().unwrap();
        assert_eq!(class["name"], "class");
        assert_eq!(class["value"].as_f64(), row["label"].as_f64(), "{row}");
    }
    let accuracy = &inferred["accuracy"];
    assert_eq!(accuracy["against"], "outputs in the file");
    assert_eq!(accuracy["agreement"], 1.0);
}

#[test]
fn rows_outside_the_box_are_refused_or_left_out_and_counted() {
    let dir = scratch();
    let file = |end: &str| repo(&format!("models/breast_cancer/logreg{end}"));
    let (onnx, data, golden) = (file(".onnx"), file("_calibration.npz"), file(".npz"));
    run(
        dir.path(),
        &[
            "compile",
            &onnx,
            "--calibration",
            &data,
            "-o",
            "b",
            "--json",
        ],
    )
    .json(0);
    let infer = ["infer", "b", "--input", &golden];
    run(dir.path(), &infer).is_error(&["row 36", "outside its domain"]);
    let report = run(
        dir.path(),
        &[&infer[..], &["--skip-outside", "--json"]].concat(),
    )
    .json(0);
    let outside = report["outside"].as_u64().unwrap();
    assert!(outside > 0, "{outside}");
    assert_eq!(
        report["rows"].as_array().unwrap().len() as u64 + outside,
        100
    );
    assert!(report["accuracy"]["agreement"].as_f64().unwrap() >= 0.99);
}

#[test]
fn scores_are_compared_with_y_and_the_class_with_label() {
    let inferred = inferred(&[]);
    classes_are_the_labels(&inferred);
    let mean = inferred["accuracy"]["mean"].as_f64().unwrap();
    assert!(mean > 0.0 && mean < 0.005, "{mean}");
}

#[test]
fn a_class_alone_is_compared_with_label() {
    let inferred = inferred(&["--answer", "class"]);
    classes_are_the_labels(&inferred);
    assert_eq!(inferred["rows"][0]["outputs"].as_array().unwrap().len(), 1);
}
