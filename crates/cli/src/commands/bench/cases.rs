//! The models, what the project promises for them, and the peer's figures.

use serde::Serialize;

/// EZKL 23.0.5 on 2 virtual cores, each step a fresh process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) setup_seconds: f64,
    pub(super) prove_seconds: f64,
    pub(super) prove_peak_mb: f64,
    pub(super) verify_seconds: f64,
    pub(super) proof_bytes: u32,
}

impl Peer {
    const fn new(
        name: &'static str,
        setup: f64,
        prove: (f64, f64),
        verify: f64,
        bytes: u32,
    ) -> Self {
        Self {
            name,
            setup_seconds: setup,
            prove_seconds: prove.0,
            prove_peak_mb: prove.1,
            verify_seconds: verify,
            proof_bytes: bytes,
        }
    }
}

/// What the project promises on 2 cores.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Target {
    /// Most wall seconds of a whole `prove`.
    pub(super) prove_seconds: f64,
    /// Most resident memory of it.
    pub(super) peak_mib: f64,
    /// Least part of the golden rows whose class agrees with onnxruntime; nets with random weights
    /// have no classes to speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agreement: Option<f64>,
}

/// Largest mean error, as part of the range of onnxruntime's outputs on the golden rows.
pub(super) const MAX_ERROR: f64 = 0.005;

/// What is private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    Public,
    WeightsAndInputs,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Without `.onnx`; beside it lie `.npz` with golden rows and `_calibration.npz`.
    pub(super) path: &'static str,
    pub(super) privacy: Privacy,
    pub(super) target: Target,
    pub(super) peers: &'static [Peer],
    /// Inputs that the proof answers; 1 without a batch.
    pub(super) items: u32,
    /// Writes the files of a model that is too large to be committed.
    pub(super) script: Option<&'static str>,
}

const fn case(name: &'static str, path: &'static str, seconds: f64, mib: f64) -> Case {
    Case {
        name,
        path,
        privacy: Privacy::Public,
        target: Target {
            prove_seconds: seconds,
            peak_mib: mib,
            agreement: Some(0.99),
        },
        peers: &[],
        items: 1,
        script: None,
    }
}

impl Case {
    const fn private(mut self) -> Self {
        self.privacy = Privacy::WeightsAndInputs;
        self
    }

    const fn beside(mut self, peers: &'static [Peer]) -> Self {
        self.peers = peers;
        self
    }

    const fn batch(mut self, items: u32) -> Self {
        self.items = items;
        self
    }

    /// Every class, and every score within the error.
    const fn exact(mut self) -> Self {
        self.target.agreement = Some(1.0);
        self
    }

    const fn random_weights(mut self) -> Self {
        self.target.agreement = None;
        self
    }

    const fn made_by(mut self, script: &'static str) -> Self {
        self.script = Some(script);
        self
    }
}

const HASHED: &str = "EZKL, hashed";
const DEFAULTS: &str = "EZKL, defaults";

/// All of them, small ones first.
pub(super) const CASES: [Case; 14] = [
    case("logreg", "models/breast_cancer/logreg", 0.12, 30.0).beside(&[Peer::new(
        DEFAULTS,
        23.9,
        (27.1, 2943.0),
        0.17,
        3648,
    )]),
    case("mlp_small", "models/breast_cancer/mlp_small", 0.12, 40.0).beside(&[
        Peer::new(DEFAULTS, 2.1, (2.74, 335.0), 0.02, 3072),
        Peer::new("EZKL, tuned by hand", 0.53, (0.57, 70.0), 0.01, 3072),
    ]),
    case(
        "mlp_small, 16 at once",
        "models/breast_cancer/mlp_small",
        0.5,
        80.0,
    )
    .batch(16),
    case(
        "mlp_small, 64 at once",
        "models/breast_cancer/mlp_small",
        1.6,
        250.0,
    )
    .batch(64),
    case(
        "mlp_small, private",
        "models/breast_cancer/mlp_small",
        0.6,
        100.0,
    )
    .private()
    .beside(&[Peer::new(HASHED, 9.5, (10.8, 1382.0), 0.09, 3840)]),
    case("trees", "models/breast_cancer/trees", 0.4, 80.0)
        .exact()
        .beside(&[Peer::new(
            "EZKL, as matrices",
            7.6,
            (7.6, 774.0),
            0.05,
            3648,
        )]),
    case("cnn_digits", "models/digits/cnn_digits", 0.8, 120.0).beside(&[Peer::new(
        DEFAULTS,
        9.1,
        (11.7, 1444.0),
        0.08,
        4032,
    )]),
    case(
        "cnn_digits, private",
        "models/digits/cnn_digits",
        3.0,
        400.0,
    )
    .private()
    .beside(&[Peer::new(HASHED, 61.4, (68.9, 6694.0), 0.38, 4928)]),
    case("mlp_large", "models/digits/mlp_large", 0.6, 80.0).beside(&[Peer::new(
        DEFAULTS,
        20.4,
        (25.1, 2471.0),
        0.17,
        3072,
    )]),
    case("lenet5", "models/digits/lenet5", 1.5, 250.0).beside(&[Peer::new(
        DEFAULTS,
        89.8,
        (107.2, 11083.0),
        0.73,
        4032,
    )]),
    case("mlp_1024", "bench/models/out/mlp_1024", 1.5, 250.0)
        .random_weights()
        .made_by("bench/models/mlp_1024.py"),
    case(
        "forest_500",
        "models/breast_cancer/forest_500",
        10.0,
        1024.0,
    )
    .exact(),
    case("cnn_1m", "bench/models/out/cnn_1m", 10.0, 1024.0).made_by("bench/models/cnn_1m.py"),
    case(
        "forest_500_digits",
        "bench/models/out/forest_500_digits",
        10.0,
        1024.0,
    )
    .exact()
    .made_by("bench/models/forests.py"),
];
