//! The page of operators says what the code supports.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use haloracle_onnx::{operators, operators_page};

#[test]
fn the_page_of_operators_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators.md");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(
        page == operators_page(),
        "docs/operators.md is stale: write it again with `haloracle ops --markdown > docs/operators.md`"
    );
}

#[test]
fn operators_are_listed_once_and_in_order() {
    let all = operators();
    for pair in all.windows(2) {
        let same_family = pair[0].family == pair[1].family;
        assert!(!same_family || pair[0].name < pair[1].name, "{pair:?}");
    }
    for (at, operator) in all.iter().enumerate() {
        let twin = |o: &&haloracle_onnx::Operator| o.name == operator.name && o.ml == operator.ml;
        assert!(!all[..at].iter().any(|o| twin(&o)), "{operator:?}");
    }
}

/// Every operator stands in a file that is compared with onnxruntime.
#[test]
fn every_operator_has_a_golden_model() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut used = Vec::new();
    let mut folders = vec![models];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "onnx")
                && path.with_extension("npz").exists()
            {
                used.push(std::fs::read(path).unwrap());
            }
        }
    }
    // An operator's name is field 4 of a node: tag, length, name.
    let missing: Vec<&str> = operators()
        .iter()
        .map(|operator| operator.name)
        .filter(|name| {
            let field = [&[0x22, name.len() as u8], name.as_bytes()].concat();
            !used
                .iter()
                .any(|file| file.windows(field.len()).any(|window| window == field))
        })
        .collect();
    assert!(missing.is_empty(), "no golden model uses {missing:?}");
}
