//! New bundles: the directory is built beside its place and renamed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::{Lowered, Shape, compile, field};
use haloracle_model::IntegerModel;
use rand::rngs::OsRng;

use super::{
    Bundle, BundleError, COMPILER_VERSION, LAYOUT_FILE, MAX_BATCH, SECRET_FILE, Secret, batch_file,
    json, write_manifest,
};
use crate::files::{self, FileError};
use crate::layout::Layout;
use crate::manifest::Manifest;

/// What `compile` puts into a bundle.
#[derive(Clone, Copy, Debug)]
pub struct BundleParts<'a> {
    /// The integer model.
    pub model: &'a IntegerModel,
    /// The shape to lower it to; `None` takes the one that suits it.
    pub shape: Option<Shape>,
    /// The ONNX file it came from.
    pub onnx: &'a [u8],
    /// Accuracy report for programs.
    pub report_json: &'a [u8],
    /// Accuracy report for people.
    pub report_html: &'a [u8],
}

impl Bundle {
    /// Lowers the model and writes a new bundle without keys.
    ///
    /// # Errors
    /// A model that does not fit; a directory that exists; a full disk.
    pub fn create(dir: &Path, parts: BundleParts<'_>) -> Result<Self, BundleError> {
        let program = compile(parts.model, parts.shape)?;
        Self::create_lowered(dir, parts, program)
    }

    /// [`Self::create`] of a model that was lowered before, by [`compile`].
    ///
    /// # Errors
    /// A directory that exists; a full disk.
    pub fn create_lowered(
        dir: &Path,
        parts: BundleParts<'_>,
        program: Lowered,
    ) -> Result<Self, BundleError> {
        Self::create_batched(dir, parts, program, &[])
    }

    /// [`Self::create_lowered`] with circuits that answer several inputs at once, from
    /// [`compile_batch`] in the program's shape.
    ///
    /// # Errors
    /// As [`Self::create_lowered`]; a number of inputs that no batch may have.
    pub fn create_batched(
        dir: &Path,
        parts: BundleParts<'_>,
        program: Lowered,
        batches: &[Lowered],
    ) -> Result<Self, BundleError> {
        let salt = field::to_word(&Fr::random(OsRng));
        Self::build(dir, parts, program, batches, &salt)
    }

    /// [`Self::create`] with a given salt for private weights, where a bundle must come out the
    /// same twice: fixtures. Weights behind a salt that somebody knows can be guessed and tested.
    ///
    /// # Errors
    /// As [`Self::create`]; a salt that is no field element.
    pub fn create_salted(
        dir: &Path,
        parts: BundleParts<'_>,
        model_salt: &[u8; 32],
    ) -> Result<Self, BundleError> {
        if field::from_word(model_salt).is_none() {
            return Err(BundleError::Salt);
        }
        let program = compile(parts.model, parts.shape)?;
        Self::build(dir, parts, program, &[], model_salt)
    }

    fn build(
        dir: &Path,
        parts: BundleParts<'_>,
        program: Lowered,
        batches: &[Lowered],
        model_salt: &[u8; 32],
    ) -> Result<Self, BundleError> {
        if dir.exists() {
            return Err(BundleError::Exists(dir.to_owned()));
        }
        let mut contents: Vec<(String, Vec<u8>)> = vec![
            ("model.json".into(), json(parts.model)?),
            (
                LAYOUT_FILE.into(),
                json(&Layout::new(parts.model, &program))?,
            ),
            ("report.json".into(), parts.report_json.to_vec()),
            ("report.html".into(), parts.report_html.to_vec()),
        ];
        let mut sizes = Vec::new();
        for batch in batches {
            let items = u32::try_from(batch.items()).unwrap_or(u32::MAX);
            let fits = (2..=MAX_BATCH).contains(&items) && batch.shape() == program.shape();
            if !fits || sizes.contains(&items) {
                return Err(BundleError::BatchSize(items));
            }
            sizes.push(items);
            let layout = json(&Layout::new(parts.model, batch))?;
            contents.push((batch_file(items, LAYOUT_FILE), layout));
        }
        sizes.sort_unstable();
        if parts.model.privacy.weights {
            let secret = Secret {
                model_salt: format!("0x{}", hex::encode(model_salt)),
            };
            contents.push((SECRET_FILE.into(), json(&secret)?));
        }
        let mut manifest = Manifest::new(COMPILER_VERSION, program.shape(), parts.onnx);
        manifest.batches = sizes;
        for (name, bytes) in &contents {
            manifest.enter(name, bytes);
        }
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| FileError {
                action,
                path,
                source,
            }
        };
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(io("create", parent))?;
        let building = tempfile::Builder::new()
            .prefix(".bundle-")
            .tempdir_in(parent)
            .map_err(io("create", parent))?;
        for items in &manifest.batches {
            let folder = building.path().join(batch_file(*items, ""));
            fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        }
        for (name, bytes) in &contents {
            files::write_atomic(&building.path().join(name), bytes)?;
        }
        write_manifest(building.path(), &manifest)?;
        let sync = |folder: &Path| fs::File::open(folder).and_then(|folder| folder.sync_all());
        fs::rename(building.path(), dir).map_err(io("create", dir))?;
        sync(parent).map_err(io("create", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            model: Arc::new(parts.model.clone()),
            program,
        })
    }
}
