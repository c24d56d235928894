//! A small model as a bundle with keys, and a proof: what edits start from. One for each shape of
//! the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use haloracle_model::{
    ChainModel, Dense, Feature, FunctionTable, InputSchema, IntegerModel, OutputField,
};
use haloracle_prover::{Bundle, BundleParts, Keys, Proof, Shape, Srs};

/// Files of a bundle that are read.
pub(crate) const FILES: [&str; 7] = [
    "manifest.json",
    "model.json",
    "layout.json",
    "report.json",
    "onchain.json",
    "vk.bin",
    "srs.bin",
];

/// A valid bundle on disk, its files, its keys and a proof.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) dir: PathBuf,
    pub(crate) files: BTreeMap<&'static str, Vec<u8>>,
    pub(crate) keys: Keys,
    pub(crate) proof: Proof,
}

/// Large enough for the model in either shape.
pub(crate) static SRS: LazyLock<Srs> =
    LazyLock::new(|| Srs::unsafe_setup(9, [1; 32]).expect("k is in range"));

/// The base in one of the shapes.
pub(crate) fn base(choice: u8) -> &'static Base {
    static BASES: [OnceLock<Base>; 2] = [const { OnceLock::new() }; 2];
    let index = usize::from(choice) % BASES.len();
    BASES[index].get_or_init(|| make(Shape::ALL[index]))
}

fn make(shape: Shape) -> Base {
    let name = format!("haloracle-fuzz-{}-{}", std::process::id(), shape.name());
    let dir = std::env::temp_dir().join(name);
    // Of a process of the same number that is no more.
    let _ = fs::remove_dir_all(&dir);
    let parts = BundleParts {
        model: &model(),
        shape: Some(shape),
        onnx: b"onnx",
        report_json: b"{}",
        report_html: b"<html></html>",
    };
    let mut bundle = Bundle::create(&dir, parts).expect("the bundle can be written");
    let keys = bundle.setup(&SRS).expect("the SRS is large enough");
    let proof = keys.prove(&[55], &[9; 32]).expect("the input is valid");
    let read = |name| fs::read(dir.join(name)).expect("the file is there");
    let files = FILES.map(|name| (name, read(name))).into();
    Base {
        dir,
        files,
        keys,
        proof,
    }
}

/// One feature, a saturating layer, a function.
fn model() -> IntegerModel {
    let dense = |name: &str, weights, bias, table| Dense {
        name: name.into(),
        weights,
        bias,
        table,
    };
    let halve = FunctionTable {
        name: "halve".into(),
        values: (0..16).map(|digit| digit / 2).collect(),
    };
    ChainModel {
        name: "tiny".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![Feature {
                name: "a".into(),
                decimals: 1,
                lo: -100,
                hi: 100,
            }],
        },
        layers: vec![
            dense("hidden", vec![vec![1, 16], vec![-1, -9]], vec![8, 90], None),
            dense("score", vec![vec![5, -3]], vec![40], Some(halve)),
        ],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 0,
            multiplier: 16,
            decimals: 0,
        }],
    }
    .build()
}
