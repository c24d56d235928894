//! The models under `models/`, compiled under the development setup.

use std::path::{Path, PathBuf};

use eyre::{WrapErr, eyre};
use haloracle_model::{Dataset, Options, SchemaSpec, quantize};
use haloracle_prover::{Bundle, BundleParts, Keys, Srs, compile, compile_batch, files::keccak};
use haloracle_solidity_verifier::UNSAFE_SEED_TEXT;

use crate::inputs::{self, Row};
use crate::text::read;

use super::Checkout;

/// A model that the project carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownModel {
    /// Its name.
    pub(crate) name: &'static str,
    onnx: &'static str,
    calibration: &'static str,
    schema: Option<&'static str>,
    /// Rows to prove; the first one is the example.
    examples: &'static str,
    /// Weights and inputs are private, under a salt that everybody knows.
    private: bool,
}

/// A bundle and its keys.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The bundle.
    pub(crate) bundle: Bundle,
    /// Its keys.
    pub(crate) keys: Keys,
    /// An example input.
    pub(crate) example: Row,
}

impl KnownModel {
    /// Breast cancer, 30-32-16-1.
    pub(crate) const MLP_SMALL: Self = Self {
        name: "mlp_small",
        onnx: "models/breast_cancer/mlp_small.onnx",
        calibration: "models/breast_cancer/mlp_small.npz",
        schema: None,
        examples: "models/breast_cancer/mlp_small.npz",
        private: false,
    };
    /// Breast cancer, scaler and logistic regression.
    pub(crate) const LOGREG: Self = Self {
        name: "logreg",
        onnx: "models/breast_cancer/logreg.onnx",
        calibration: "models/breast_cancer/logreg.npz",
        schema: None,
        examples: "models/breast_cancer/logreg.npz",
        private: false,
    };
    /// Credit risk, from synthetic data.
    pub(crate) const CREDIT_RISK: Self = Self {
        name: "credit_risk",
        onnx: "models/credit_risk/credit_risk.onnx",
        calibration: "models/credit_risk/calibration.npz",
        schema: Some("models/credit_risk/schema.json"),
        examples: "models/credit_risk/low_risk.json",
        private: false,
    };
    /// Breast cancer, a forest, exact; in the wide shape.
    pub(crate) const TREES: Self = Self {
        name: "trees",
        onnx: "models/breast_cancer/trees.onnx",
        calibration: "models/breast_cancer/trees_calibration.npz",
        schema: None,
        examples: "models/breast_cancer/trees.npz",
        private: false,
    };
    /// Credit risk with private weights and inputs; in the wide shape.
    pub(crate) const CREDIT_RISK_PRIVATE: Self = Self {
        name: "credit_risk_private",
        private: true,
        ..Self::CREDIT_RISK
    };
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::MLP_SMALL,
        Self::LOGREG,
        Self::CREDIT_RISK,
        Self::TREES,
        Self::CREDIT_RISK_PRIVATE,
    ];

    /// Its file of example inputs.
    pub(crate) fn examples(&self, checkout: &Checkout) -> PathBuf {
        checkout.path(self.examples)
    }

    /// Its calibration data.
    pub(crate) fn calibration(&self, checkout: &Checkout) -> PathBuf {
        checkout.path(self.calibration)
    }

    /// Compiles the model into `dir` and generates its keys.
    pub(crate) fn compile(
        &self,
        checkout: &Checkout,
        srs: &Srs,
        dir: &Path,
    ) -> eyre::Result<Compiled> {
        self.compile_inner(checkout, Some(srs), dir, &[])
            .wrap_err_with(|| format!("could not compile model {}", self.name))
    }

    /// The same with keys for batches of so many items, under a development setup that is large
    /// enough for all.
    pub(crate) fn compile_batched(
        &self,
        checkout: &Checkout,
        dir: &Path,
        batches: &[u32],
    ) -> eyre::Result<Compiled> {
        self.compile_inner(checkout, None, dir, batches)
            .wrap_err_with(|| format!("could not compile model {}", self.name))
    }

    fn compile_inner(
        &self,
        checkout: &Checkout,
        srs: Option<&Srs>,
        dir: &Path,
        batches: &[u32],
    ) -> eyre::Result<Compiled> {
        let path = checkout.path(self.onnx);
        let onnx = read(&path)?;
        let float = haloracle_onnx::load_graph(&path)?.graph;
        let data = Dataset::read(&checkout.path(self.calibration))?;
        let schema = self.schema.map(|schema| -> eyre::Result<_> {
            Ok(SchemaSpec::from_json(&read(&checkout.path(schema))?)?)
        });
        let options = Options {
            schema: schema.transpose()?,
            private_weights: self.private,
            ..Options::default()
        };
        let (mut model, report) = quantize(&float, &data, &options)?;
        if self.private {
            model = model.with_private_inputs().with_private_weights()?;
        }
        let report_json = serde_json::to_vec_pretty(&report)?;
        let report_html = report.to_html();
        let parts = BundleParts {
            model: &model,
            shape: None,
            onnx: &onnx,
            report_json: &report_json,
            report_html: report_html.as_bytes(),
        };
        let mut bundle = match batches {
            [] => Bundle::create_salted(dir, parts, &dev_salt("model"))?,
            sizes => {
                let program = compile(&model, None)?;
                let lowered = sizes
                    .iter()
                    .map(|items| compile_batch(&model, *items as usize, program.shape()));
                let lowered = lowered.collect::<Result<Vec<_>, _>>()?;
                Bundle::create_batched(dir, parts, program, &lowered)?
            }
        };
        let keys = match srs {
            Some(srs) => bundle.setup(srs)?,
            None => bundle.setup(&dev_srs(DEV_K.max(bundle.largest_k()?))?)?,
        };
        let examples = Dataset::read(&self.examples(checkout))?;
        let first = examples.x.first().ok_or_else(|| eyre!("no example row"))?;
        let example = inputs::from_real(&model, first)?;
        Ok(Compiled {
            bundle,
            keys,
            example,
        })
    }
}

/// The setup under the seed that everybody knows: for fixtures, demo and benchmarks.
pub(crate) fn dev_srs(k: u32) -> eyre::Result<Srs> {
    Ok(Srs::unsafe_setup(k, dev_seed())?)
}

/// Salt of a commitment that everybody can open: for fixtures.
pub(crate) fn dev_salt(what: &str) -> [u8; 32] {
    let mut salt = keccak(format!("haloracle unsafe fixture salt: {what}").as_bytes());
    // Below the field's modulus.
    salt[0] = 0;
    salt
}

/// Anybody can forge proofs under this seed.
pub(crate) fn dev_seed() -> [u8; 32] {
    keccak(UNSAFE_SEED_TEXT.as_bytes())
}

/// Rows of the largest of the project's models, as a power of two.
pub(crate) const DEV_K: u32 = 12;
