//! Damaged files: an error that names the file, never a panic, whatever the bytes are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use haloracle_onnx::{OnnxError, read_graph};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn import(name: &str, bytes: &[u8]) -> Result<(), OnnxError> {
    read_graph(bytes, name).map(drop)
}

fn read(path: &str) -> Vec<u8> {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models");
    std::fs::read(models.join(path)).unwrap()
}

#[test]
fn every_truncation_is_an_error_that_names_the_file() {
    for path in [
        "breast_cancer/logreg.onnx",
        "credit_risk/credit_risk.onnx",
        "operators/folding.onnx",
        "operators/recurrent/lstm_peephole.onnx",
        "operators/quantized/qlinearconv_bias.onnx",
        "sklearn/decision_tree.onnx",
        "sklearn/scaler_logreg_zipmap.onnx",
        "sklearn/imputer_scaler_logreg.onnx",
    ] {
        let bytes = read(path);
        for len in 0..bytes.len() {
            let error = import("broken.onnx", &bytes[..len]).unwrap_err();
            assert!(error.to_string().contains("broken.onnx"), "{error}");
        }
    }
}

#[test]
fn no_single_changed_byte_panics() {
    for path in [
        "breast_cancer/logreg_std.onnx",
        "operators/folding.onnx",
        "sklearn/decision_stump.onnx",
    ] {
        let bytes = read(path);
        for at in 0..bytes.len() {
            for flip in 1..=u8::MAX {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                let _ = import("broken.onnx", &bytes);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_damage_panics(
        file in 0..8usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        insert in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let path = [
            "breast_cancer/mlp_small.onnx",
            "credit_risk/credit_risk.onnx",
            "operators/constant_nodes.onnx",
            "digits/cnn_digits.onnx",
            "sklearn/gaussian_nb_iris.onnx",
            "sklearn/scaler_svc_rbf_iris.onnx",
            "torch/attention.onnx",
            "torch/gru.onnx",
        ][file];
        let mut bytes = read(path);
        for (at, byte) in flips {
            let at = at.index(bytes.len().min(600));
            bytes[at] = byte;
        }
        let at = cut.index(bytes.len());
        bytes.splice(at..at, insert);
        let _ = import("broken.onnx", &bytes);
    }

    #[test]
    fn no_garbage_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(import("garbage.onnx", &bytes).is_err());
    }
}
