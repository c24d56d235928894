//! A bundle's circuits and keys for several inputs at once.

use haloracle_circuit::{compile_batch, reopen_batch};

use super::{Bundle, BundleError, LAYOUT_FILE, batch_file};
use crate::key::VerifyingKey;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::srs::Srs;

impl Bundle {
    /// Numbers of inputs that a proof may answer at once, besides one, ascending.
    pub fn batches(&self) -> &[u32] {
        &self.manifest.batches
    }

    /// The smallest batch that holds `count` inputs, if any does.
    pub fn batch_for(&self, count: usize) -> Option<u32> {
        let mut batches = self.manifest.batches.iter().copied();
        batches.find(|items| *items as usize >= count)
    }

    /// What the lowering made of `items` inputs.
    ///
    /// # Errors
    /// No circuit for so many inputs, or damage.
    pub fn batch_layout(&self, items: u32) -> Result<Layout, BundleError> {
        self.has_batch(items)?;
        let name = batch_file(items, LAYOUT_FILE);
        serde_json::from_slice(&self.file(&name)?)
            .map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    /// Largest circuit of the bundle: log2 of its rows.
    ///
    /// # Errors
    /// Damage.
    pub fn largest_k(&self) -> Result<u32, BundleError> {
        let mut batches = self.batches().iter();
        batches.try_fold(self.program.k(), |largest, items| {
            Ok(largest.max(self.batch_layout(*items)?.k))
        })
    }

    pub(super) fn has_batch(&self, items: u32) -> Result<(), BundleError> {
        if self.manifest.batches.contains(&items) {
            return Ok(());
        }
        Err(BundleError::NoBatch {
            dir: self.dir.clone(),
            items,
            batches: self.manifest.batches.clone(),
        })
    }

    /// Makes the key of the batches of `items` inputs anew, from `model.json` alone and audited,
    /// whatever key lies in the bundle.
    ///
    /// # Errors
    /// No circuit for so many inputs, no keys yet, or damage.
    pub fn derive_batch_key(&self, items: u32) -> Result<VerifyingKey, BundleError> {
        let srs = self.batch_srs(items)?;
        let program = compile_batch(&self.model, items as usize, self.program.shape())?;
        Ok(Keys::derive_verifying(&program, &srs)?)
    }

    /// [`Self::derive_batch_key`], compared with the bundle's.
    ///
    /// # Errors
    /// [`BundleError::Damaged`] if the keys differ.
    pub fn check_batch_key(&self, items: u32) -> Result<VerifyingKey, BundleError> {
        let derived = self.derive_batch_key(items)?;
        if self.batch_verifying_key(items)? != derived {
            let name = batch_file(items, "vk.bin");
            return Err(self.damaged(format!(
                "{name} is not the key of model.json: run setup again"
            )));
        }
        Ok(derived)
    }

    /// The verifying key of the batches of `items` inputs.
    ///
    /// # Errors
    /// No circuit for so many inputs, no keys yet, or damage.
    pub fn batch_verifying_key(&self, items: u32) -> Result<VerifyingKey, BundleError> {
        self.has_batch(items)?;
        let name = batch_file(items, "vk.bin");
        VerifyingKey::from_data(&self.file(&name)?)
            .map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    /// The SRS, truncated to the circuit of `items` inputs.
    ///
    /// # Errors
    /// As [`Self::batch_verifying_key`].
    pub fn batch_srs(&self, items: u32) -> Result<Srs, BundleError> {
        self.has_batch(items)?;
        let name = batch_file(items, "srs.bin");
        Srs::from_bytes(&self.file(&name)?)
            .map_err(|error| self.damaged(format!("{name}: {error}")))
    }

    /// Loads the keys for proving and verifying batches of `items` inputs.
    ///
    /// # Errors
    /// As [`Self::keys`]; no circuit for so many inputs.
    pub fn batch_keys(&self, items: u32) -> Result<Keys, BundleError> {
        let verifying = self.batch_verifying_key(items)?;
        let srs = self.batch_srs(items)?;
        let program = reopen_batch(&self.model, items as usize, self.program.shape())?;
        self.assemble(program, srs, verifying, &batch_file(items, "vk.bin"))
    }
}
