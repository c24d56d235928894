//! Inputs and outputs as the public words that a contract builds and reads.

use crate::integer::{IntegerModel, ModelError};
use crate::words::{self, Word};

impl IntegerModel {
    /// The canonical input words of `raw`: the public instances a contract rebuilds.
    ///
    /// # Errors
    /// As [`Self::digits`].
    pub fn pack_input(&self, raw: &[i64]) -> Result<Vec<Word>, ModelError> {
        self.digits(raw)?;
        let offsets: Vec<u64> = self
            .input
            .features
            .iter()
            .zip(raw)
            .map(|(feature, value)| (value - i64::from(feature.lo)) as u64)
            .collect();
        Ok(words::pack(&offsets, self.input_slot_bits()))
    }

    /// Raw fixed-point integers from canonical input words.
    ///
    /// # Errors
    /// Words that are not canonical, or values outside the box.
    pub fn unpack_input(&self, input: &[Word]) -> Result<Vec<i64>, ModelError> {
        let offsets = words::unpack(input, self.input.features.len(), self.input_slot_bits())
            .ok_or(ModelError::NotCanonical {
                what: "input words",
            })?;
        let raw: Vec<i64> = self
            .input
            .features
            .iter()
            .zip(offsets)
            .map(|(feature, offset)| i64::from(feature.lo) + offset as i64)
            .collect();
        self.digits(&raw)?;
        Ok(raw)
    }

    /// The canonical output words: status, then raw outputs, in equal slots.
    pub fn pack_output(&self, status: u64, outputs: &[u64]) -> Vec<Word> {
        let slots: Vec<u64> = std::iter::once(status)
            .chain(outputs.iter().copied())
            .collect();
        words::pack(&slots, self.output_slot_bits())
    }

    /// Status and outputs from canonical output words.
    ///
    /// # Errors
    /// [`ModelError::NotCanonical`].
    pub fn unpack_output(&self, output: &[Word]) -> Result<(u64, Vec<u64>), ModelError> {
        let slots = words::unpack(output, 1 + self.output.len(), self.output_slot_bits()).ok_or(
            ModelError::NotCanonical {
                what: "output words",
            },
        )?;
        Ok((slots[0], slots[1..].to_vec()))
    }
}
