//! Bundles: a compiled model as a directory.
//!
//! | file | holds |
//! | --- | --- |
//! | `model.json` | the integer model: the definition of its answers |
//! | `layout.json` | k, rows, packing: what the lowering made of it |
//! | `report.json`, `report.html` | accuracy against the float model |
//! | `vk.bin`, `srs.bin` | verifying key and the truncated SRS, after setup |
//! | `onchain.json` | what a registry needs, after setup |
//! | `manifest.json` | keccak-256 of every other file, and of itself |
//!
//! `create` builds the directory beside its final place and renames it. `setup` takes the keys
//! out of the manifest, writes them, and enters them last: a crash leaves a bundle without keys,
//! never one with half of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::commitment::{Domain, commit, digit_words};
use haloracle_circuit::{CompileError, Lowered, Shape, compile, field, reopen};
use haloracle_model::IntegerModel;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, keccak};
use crate::key::VerifyingKey;
use crate::keys::{Keys, SetupError};
use crate::layout::Layout;
use crate::manifest::{self, Manifest, hex_hash};
use crate::onchain::OnChain;
use crate::srs::Srs;

const KEY_FILES: [&str; 3] = ["vk.bin", "srs.bin", "onchain.json"];

/// Version of the compiler, part of what a model id stands for.
pub const COMPILER_VERSION: &str = concat!("haloracle ", env!("CARGO_PKG_VERSION"));

/// A compiled model on disk.
#[derive(Clone, Debug)]
pub struct Bundle {
    dir: PathBuf,
    manifest: Manifest,
    model: Arc<IntegerModel>,
    program: Lowered,
}

/// Salt of the commitment to private weights: whoever has it and the weights can prove.
const SECRET_FILE: &str = "secret.json";

/// `secret.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    model_salt: String,
}

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

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory is in the way.
    #[error("`{}` exists already; remove it or choose another place", .0.display())]
    Exists(PathBuf),
    /// Not a bundle, or damaged.
    #[error("bundle `{}`: {what}", .dir.display())]
    Damaged {
        /// The bundle.
        dir: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Keys were not made yet.
    #[error("bundle `{}` has no keys yet: run `haloracle setup` on it", .0.display())]
    NoKeys(PathBuf),
    /// A salt that no commitment can be made under.
    #[error("the salt of the weights is not below the field's modulus")]
    Salt,
    /// The model does not fit the machine.
    #[error(transparent)]
    Lower(#[from] CompileError),
    /// Key generation failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, FileError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| FileError {
        action: "encode",
        path: PathBuf::new(),
        source: source.into(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn write_manifest(dir: &Path, manifest: &Manifest) -> Result<(), FileError> {
    let path = dir.join(manifest::FILE);
    let bytes = manifest.encode().map_err(|source| FileError {
        action: "encode",
        path: path.clone(),
        source: source.into(),
    })?;
    files::write_atomic(&path, &bytes)
}

fn checked_file(dir: &Path, manifest: &Manifest, name: &str) -> Result<Vec<u8>, BundleError> {
    let damaged = |what: String| BundleError::Damaged {
        dir: dir.to_owned(),
        what,
    };
    let Some(hash) = manifest.files.get(name) else {
        if KEY_FILES.contains(&name) {
            return Err(BundleError::NoKeys(dir.to_owned()));
        }
        return Err(damaged(format!("manifest.json does not list {name}")));
    };
    let bytes = files::read(&dir.join(name))?;
    let found = hex_hash(&bytes);
    if found != *hash {
        return Err(damaged(format!(
            "{name} is corrupted: keccak-256 is {found}, the manifest says {hash}"
        )));
    }
    Ok(bytes)
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
        Self::build(dir, parts, program, &field::to_word(&Fr::random(OsRng)))
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
        Self::build(dir, parts, program, model_salt)
    }

    fn build(
        dir: &Path,
        parts: BundleParts<'_>,
        program: Lowered,
        model_salt: &[u8; 32],
    ) -> Result<Self, BundleError> {
        if dir.exists() {
            return Err(BundleError::Exists(dir.to_owned()));
        }
        let mut contents: Vec<(&str, Vec<u8>)> = vec![
            ("model.json", json(parts.model)?),
            ("layout.json", json(&Layout::new(parts.model, &program))?),
            ("report.json", parts.report_json.to_vec()),
            ("report.html", parts.report_html.to_vec()),
        ];
        if parts.model.privacy.weights {
            let secret = Secret {
                model_salt: format!("0x{}", hex::encode(model_salt)),
            };
            contents.push((SECRET_FILE, json(&secret)?));
        }
        let mut manifest = Manifest::new(COMPILER_VERSION, program.shape(), parts.onnx);
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

    /// Opens a bundle: checks the manifest and every small file against it, and lowers the model.
    /// The SRS and the key are checked where they are read.
    ///
    /// # Errors
    /// Names what is damaged.
    pub fn open(dir: &Path) -> Result<Self, BundleError> {
        let damaged = |what: String| BundleError::Damaged {
            dir: dir.to_owned(),
            what,
        };
        let manifest = files::read(&dir.join(manifest::FILE))?;
        let manifest = Manifest::decode(&manifest).map_err(damaged)?;
        let model = checked_file(dir, &manifest, "model.json")?;
        let model: IntegerModel = serde_json::from_slice(&model)
            .map_err(|error| damaged(format!("model.json: {error}")))?;
        for name in ["layout.json", "report.json", "report.html"] {
            checked_file(dir, &manifest, name)?;
        }
        for name in ["onchain.json", SECRET_FILE] {
            if manifest.files.contains_key(name) {
                checked_file(dir, &manifest, name)?;
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            program: reopen(&model, manifest.shape)?,
            manifest,
            model: Arc::new(model),
        })
    }

    /// Salt of the commitment to private weights; zero if the weights are public.
    ///
    /// # Errors
    /// A bundle without the secret, or damage.
    pub fn model_salt(&self) -> Result<[u8; 32], BundleError> {
        if !self.model.privacy.weights {
            return Ok([0; 32]);
        }
        let bytes = self.file(SECRET_FILE)?;
        let secret: Secret = serde_json::from_slice(&bytes)
            .map_err(|error| self.damaged(format!("{SECRET_FILE}: {error}")))?;
        let digits = secret.model_salt.strip_prefix("0x").unwrap_or_default();
        let mut salt = [0; 32];
        hex::decode_to_slice(digits, &mut salt)
            .ok()
            .filter(|()| field::from_word(&salt).is_some())
            .ok_or_else(|| self.damaged(format!("{SECRET_FILE} holds no salt")))?;
        Ok(salt)
    }

    /// Commitment to private weights; zero if they are public.
    ///
    /// # Errors
    /// As [`Self::model_salt`].
    pub fn model_commitment(&self) -> Result<[u8; 32], BundleError> {
        let salt = field::from_word(&self.model_salt()?);
        if !self.model.privacy.weights {
            return Ok([0; 32]);
        }
        let salt = salt.ok_or_else(|| self.damaged(format!("{SECRET_FILE} holds no salt")))?;
        let words = digit_words(&self.model.parameters(), self.model.digit_bits);
        Ok(field::to_word(&commit(Domain::Model, salt, &words)))
    }

    /// keccak-256 of a file as it is published: for private weights behind the model's salt, so
    /// that nobody can test a guess of the file.
    ///
    /// # Errors
    /// As [`Self::file`] and [`Self::model_salt`].
    pub fn published_hash(&self, name: &str) -> Result<[u8; 32], BundleError> {
        self.published(&keccak(&self.file(name)?))
    }

    /// As [`Self::published_hash`], of the ONNX file.
    ///
    /// # Errors
    /// As [`Self::model_salt`].
    pub fn published_onnx_hash(&self) -> Result<[u8; 32], BundleError> {
        let digits = self.onnx_hash().strip_prefix("0x").unwrap_or_default();
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash)
            .map_err(|_| self.damaged("manifest.json: onnx_hash".into()))?;
        self.published(&hash)
    }

    fn published(&self, hash: &[u8; 32]) -> Result<[u8; 32], BundleError> {
        if !self.model.privacy.weights {
            return Ok(*hash);
        }
        Ok(keccak(&[self.model_salt()?, *hash].concat()))
    }

    /// Where the bundle lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The model.
    pub fn model(&self) -> &Arc<IntegerModel> {
        &self.model
    }

    /// Its row program.
    pub fn program(&self) -> &Lowered {
        &self.program
    }

    /// Compiler that made the bundle.
    pub fn compiler(&self) -> &str {
        &self.manifest.compiler
    }

    /// keccak-256 of the ONNX file, as 0x-prefixed hexadecimal.
    pub fn onnx_hash(&self) -> &str {
        &self.manifest.onnx_hash
    }

    /// Whether `setup` was run.
    pub fn has_keys(&self) -> bool {
        KEY_FILES
            .iter()
            .all(|name| self.manifest.files.contains_key(*name))
    }

    /// Reads a file of the bundle and checks it against the manifest.
    ///
    /// # Errors
    /// A file that is not there, not in the manifest, or not what the manifest says.
    pub fn file(&self, name: &str) -> Result<Vec<u8>, BundleError> {
        checked_file(&self.dir, &self.manifest, name)
    }

    fn damaged(&self, what: String) -> BundleError {
        BundleError::Damaged {
            dir: self.dir.clone(),
            what,
        }
    }

    /// Generates keys and writes them into the bundle.
    ///
    /// # Errors
    /// An SRS that is too small; a full disk.
    pub fn setup(&mut self, srs: &Srs) -> Result<Keys, BundleError> {
        let mut keys = Keys::generate_for(Arc::clone(&self.model), self.program.clone(), srs)?;
        let salt = field::from_word(&self.model_salt()?);
        keys.set_model_salt(salt.unwrap_or_default());
        for name in KEY_FILES {
            self.manifest.files.remove(name);
        }
        write_manifest(&self.dir, &self.manifest)?;

        let contents = [
            ("vk.bin", keys.verifying_key().to_data()),
            ("srs.bin", keys.srs().to_bytes()),
            (
                "onchain.json",
                json(&OnChain::new(self, keys.verifying_key(), keys.srs())?)?,
            ),
        ];
        for (name, bytes) in contents {
            files::write_atomic(&self.dir.join(name), &bytes)?;
            self.manifest.enter(name, &bytes);
        }
        write_manifest(&self.dir, &self.manifest)?;
        Ok(keys)
    }

    /// The verifying key.
    ///
    /// # Errors
    /// No keys yet, or damage.
    pub fn verifying_key(&self) -> Result<VerifyingKey, BundleError> {
        VerifyingKey::from_data(&self.file("vk.bin")?)
            .map_err(|error| self.damaged(format!("vk.bin: {error}")))
    }

    /// Makes the verifying key anew from `model.json` and compares it with `vk.bin` and
    /// `onchain.json`: the manifest guards against damage, this against keys of another model.
    ///
    /// # Errors
    /// [`BundleError::Damaged`] if they differ.
    pub fn check_key(&self) -> Result<VerifyingKey, BundleError> {
        let srs = self.srs()?;
        // With the audit that opening leaves out.
        let program = compile(&self.model, Some(self.program.shape()))?;
        let derived = Keys::derive_verifying(&program, &srs)?;
        if self.verifying_key()? != derived {
            return Err(self.damaged("vk.bin is not the key of model.json: run setup again".into()));
        }
        if self.onchain()? != OnChain::new(self, &derived, &srs)? {
            return Err(self.damaged("onchain.json is not what the bundle's files say".into()));
        }
        Ok(derived)
    }

    /// The truncated SRS.
    ///
    /// # Errors
    /// No keys yet, or damage.
    pub fn srs(&self) -> Result<Srs, BundleError> {
        Srs::from_bytes(&self.file("srs.bin")?)
            .map_err(|error| self.damaged(format!("srs.bin: {error}")))
    }

    /// What a registry needs.
    ///
    /// # Errors
    /// No keys yet, or damage.
    pub fn onchain(&self) -> Result<OnChain, BundleError> {
        serde_json::from_slice(&self.file("onchain.json")?)
            .map_err(|error| self.damaged(format!("onchain.json: {error}")))
    }

    /// Loads the keys for proving and verifying.
    ///
    /// # Errors
    /// No keys yet, damage, or keys of another circuit.
    pub fn keys(&self) -> Result<Keys, BundleError> {
        let srs = self.srs()?;
        let verifying = self.verifying_key()?;
        let program = &self.program;
        let of_program = (program.shape(), program.k(), program.instances());
        if (verifying.shape(), verifying.k(), verifying.instances()) != of_program {
            return Err(self.damaged("vk.bin is the key of another circuit".into()));
        }
        let model = Arc::clone(&self.model);
        let mut keys = Keys::assemble(model, program.clone(), srs, verifying)?;
        let salt = field::from_word(&self.model_salt()?);
        keys.set_model_salt(salt.unwrap_or_default());
        Ok(keys)
    }
}
