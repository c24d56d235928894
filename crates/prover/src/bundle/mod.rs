//! Bundles: a compiled model as a directory.
//!
//! | file | holds |
//! | --- | --- |
//! | `model.json` | the integer model: the definition of its answers |
//! | `layout.json` | k, rows, packing: what the lowering made of it |
//! | `report.json`, `report.html` | accuracy against the float model |
//! | `vk.bin`, `srs.bin` | verifying key and the truncated SRS, after setup |
//! | `onchain.json` | what a registry needs, after setup |
//! | `batches/N/…` | layout, key and SRS of proofs that answer N inputs |
//! | `manifest.json` | keccak-256 of every other file, and of itself |
//!
//! `create` builds the directory beside its final place and renames it. `setup` takes the keys
//! out of the manifest, writes them, and enters them last: a crash leaves a bundle without keys,
//! never one with half of them.

mod batch;
mod create;
mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use haloracle_circuit::commitment::{Domain, commit, digit_words};
use haloracle_circuit::{Lowered, compile, field, reopen, reopen_batch};
use haloracle_model::IntegerModel;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, keccak};
use crate::key::VerifyingKey;
use crate::keys::{Keys, SetupError};
use crate::manifest::{self, Manifest, hex_hash};
use crate::onchain::{BatchKey, OnChain};
use crate::srs::Srs;

pub use create::BundleParts;
pub use error::BundleError;

const KEY_FILES: [&str; 3] = ["vk.bin", "srs.bin", "onchain.json"];

const BATCH_KEY_FILES: [&str; 2] = ["vk.bin", "srs.bin"];

/// Most inputs that a proof may answer at once.
pub const MAX_BATCH: u32 = 256;

/// A file of the batches of `items` inputs.
fn batch_file(items: u32, name: &str) -> String {
    format!("batches/{items}/{name}")
}

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

/// What the lowering made of a model.
const LAYOUT_FILE: &str = "layout.json";

/// Salt of the commitment to private weights: whoever has it and the weights can prove.
const SECRET_FILE: &str = "secret.json";

/// `secret.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    model_salt: String,
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
        let last = name.rsplit('/').next().unwrap_or(name);
        if KEY_FILES.contains(&last) {
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
        for name in [LAYOUT_FILE, "report.json", "report.html"] {
            checked_file(dir, &manifest, name)?;
        }
        for items in &manifest.batches {
            checked_file(dir, &manifest, &batch_file(*items, LAYOUT_FILE))?;
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

    /// Names of the files that setup makes.
    fn key_files(&self) -> Vec<String> {
        let batches = self.manifest.batches.iter();
        let batches =
            batches.flat_map(|items| BATCH_KEY_FILES.map(|name| batch_file(*items, name)));
        let single = KEY_FILES.map(str::to_owned);
        single.into_iter().chain(batches).collect()
    }

    /// Whether `setup` was run.
    pub fn has_keys(&self) -> bool {
        let mut names = self.key_files().into_iter();
        names.all(|name| self.manifest.files.contains_key(&name))
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

    /// Generates keys, those of all batches too, and writes them into the bundle.
    ///
    /// # Errors
    /// An SRS that is too small; a full disk.
    pub fn setup(&mut self, srs: &Srs) -> Result<Keys, BundleError> {
        let mut keys = Keys::generate_for(Arc::clone(&self.model), self.program.clone(), srs)?;
        let salt = field::from_word(&self.model_salt()?);
        keys.set_model_salt(salt.unwrap_or_default());
        let mut contents = vec![
            ("vk.bin".to_owned(), keys.verifying_key().to_data()),
            ("srs.bin".to_owned(), keys.srs().to_bytes()),
        ];
        let mut batches = Vec::new();
        for items in self.manifest.batches.clone() {
            let program = reopen_batch(&self.model, items as usize, self.program.shape())?;
            let srs = srs.truncate(program.k()).map_err(SetupError::from)?;
            let key = Keys::derive_verifying(&program, &srs)?;
            contents.push((batch_file(items, "vk.bin"), key.to_data()));
            contents.push((batch_file(items, "srs.bin"), srs.to_bytes()));
            batches.push(BatchKey::new(items, &key));
        }
        for name in self.key_files() {
            self.manifest.files.remove(&name);
        }
        write_manifest(&self.dir, &self.manifest)?;

        let onchain = OnChain::new(self, keys.verifying_key(), batches, keys.srs())?;
        contents.push(("onchain.json".to_owned(), json(&onchain)?));
        for (name, bytes) in contents {
            files::write_atomic(&self.dir.join(&name), &bytes)?;
            self.manifest.enter(&name, &bytes);
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

    /// Makes the verifying keys anew from `model.json` and compares them with `vk.bin`, those of
    /// the batches and `onchain.json`: the manifest guards against damage, this against keys of
    /// another model.
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
        let keys = self.batches().iter().map(|items| {
            let key = self.batch_verifying_key(*items)?;
            Ok(BatchKey::new(*items, &key))
        });
        let batches = keys.collect::<Result<Vec<_>, BundleError>>()?;
        if self.onchain()? != OnChain::new(self, &derived, batches, &srs)? {
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
        self.assemble(self.program.clone(), srs, self.verifying_key()?, "vk.bin")
    }

    fn assemble(
        &self,
        program: Lowered,
        srs: Srs,
        verifying: VerifyingKey,
        name: &str,
    ) -> Result<Keys, BundleError> {
        let of_program = (program.shape(), program.k(), program.instances());
        if (verifying.shape(), verifying.k(), verifying.instances()) != of_program {
            return Err(self.damaged(format!("{name} is the key of another circuit")));
        }
        let mut keys = Keys::assemble(Arc::clone(&self.model), program, srs, verifying)?;
        let salt = field::from_word(&self.model_salt()?);
        keys.set_model_salt(salt.unwrap_or_default());
        Ok(keys)
    }
}
