//! Committed models against onnxruntime's outputs: the float executor, and the integer model.

use std::path::PathBuf;

use haloracle_model::{Dataset, IntegerModel, Options, Report, quantize};

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn quantized(path: &str, options: &Options) -> (IntegerModel, Report) {
    let float = haloracle_onnx::load(&models().join(format!("{path}.onnx"))).unwrap();
    let data = Dataset::read(&models().join(format!("{path}.npz"))).unwrap();
    let (model, report) = quantize(&float, &data, options).unwrap();
    println!(
        "{path}: t={} digits={} agreement={} error% {:?} outside={} golden={:?} attempts={:?}",
        report.digit_bits,
        report.input_digits,
        report.agreement,
        report.error_percent,
        report.rows_outside_domain,
        report.golden_difference,
        report.attempts
    );
    for layer in &report.layers {
        println!("  {layer:?}");
    }
    println!("{:?}", report.outputs);
    (model, report)
}

#[test]
fn mlp_small() {
    quantized("breast_cancer/mlp_small", &Options::default());
}

#[test]
fn logreg() {
    quantized("breast_cancer/logreg", &Options::default());
}

#[test]
fn logreg_std() {
    quantized("breast_cancer/logreg_std", &Options::default());
}
