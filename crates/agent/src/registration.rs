//! What a bundle is registered as: the one place that turns a model into the registry's terms.
//!
//! The command line registers what stands here, and an agent answers for a registered model only
//! if it equals what stands here.

use alloy::primitives::B256;
use haloracle_contracts::{Feature, OutputField, Schema, statement};
use haloracle_model::IntegerModel;
use haloracle_prover::{Bundle, BundleError, Srs, VerifyingKey};

/// A model that no registry could hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A number of the encoding does not fit the contract's field for it.
    #[error("{what} is {value}, the registry takes at most {most}: compile the model anew")]
    TooLarge {
        /// Which number.
        what: String,
        /// Its value.
        value: u64,
        /// Largest possible value.
        most: u64,
    },
}

/// What a model keeps to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// Commitment to private weights, the third instance of every proof; zero: they are public.
    pub model_commitment: B256,
    /// Whether requests carry a commitment to their input instead of its words.
    pub private_inputs: bool,
}

impl Privacy {
    /// Public weights and inputs.
    pub const NONE: Self = Self {
        model_commitment: B256::ZERO,
        private_inputs: false,
    };

    /// What `bundle` was compiled with.
    ///
    /// # Errors
    /// A bundle of private weights without its secret.
    pub fn of(bundle: &Bundle) -> Result<Self, BundleError> {
        Ok(Self {
            model_commitment: bundle.model_commitment()?.into(),
            private_inputs: bundle.model().privacy.inputs,
        })
    }

    /// The registry's `inputMode`.
    pub fn input_mode(&self) -> u8 {
        if self.private_inputs {
            statement::INPUT_COMMITMENT
        } else {
            statement::INPUT_PUBLIC_WORDS
        }
    }

    /// Instances before those of the input.
    pub fn instances_before_input(&self) -> usize {
        2 + usize::from(!self.model_commitment.is_zero())
    }
}

/// Hash of the machine shape that `key` belongs to.
pub fn shape_hash(key: &VerifyingKey) -> B256 {
    haloracle_prover::shape_hash(key.shape()).into()
}

/// The route of a model: machine shape and SRS.
pub fn route(key: &VerifyingKey, srs: &Srs) -> B256 {
    statement::route(shape_hash(key), srs.hash().into())
}

/// A model's schema as the registry holds it.
///
/// # Errors
/// A width or zero point beyond the contract's types.
pub fn schema_of(model: &IntegerModel, privacy: Privacy) -> Result<Schema, SchemaError> {
    let outputs = model.output.iter().map(|field| {
        let most = u64::from(u32::MAX);
        let zero_point = u32::try_from(field.zero_point).map_err(|_| SchemaError::TooLarge {
            what: format!("the zero point of output `{}`", field.name),
            value: field.zero_point,
            most,
        })?;
        Ok(OutputField {
            zeroPoint: zero_point,
            multiplier: field.multiplier,
            decimals: field.decimals,
        })
    });
    let features = model.input.features.iter().map(|feature| Feature {
        lo: feature.lo,
        hi: feature.hi,
        decimals: feature.decimals,
    });
    Ok(Schema {
        digitBits: byte("the digit width", model.digit_bits)?,
        inputDigits: byte("the number of digits per input", model.input.digits)?,
        outputDigits: byte("the number of digits per output", model.output_digits())?,
        inputMode: privacy.input_mode(),
        features: features.collect(),
        outputs: outputs.collect::<Result<_, _>>()?,
    })
}

fn byte(what: &str, value: u32) -> Result<u8, SchemaError> {
    u8::try_from(value).map_err(|_| SchemaError::TooLarge {
        what: what.into(),
        value: value.into(),
        most: u8::MAX.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use haloracle_testkit::models::random_model;
    use rand::{SeedableRng, rngs::StdRng};

    fn model() -> IntegerModel {
        random_model(&mut StdRng::seed_from_u64(2), 3, &[4, 2])
    }

    #[test]
    fn slots_are_as_wide_as_the_widest_output() {
        let mut model = model();
        let schema = schema_of(&model, Privacy::NONE).expect("fits");
        assert_eq!((schema.digitBits, schema.outputDigits), (8, 1));
        assert_eq!(schema.inputMode, statement::INPUT_PUBLIC_WORDS);
        model.output[1].digits = 3;
        let private = Privacy {
            private_inputs: true,
            ..Privacy::NONE
        };
        let schema = schema_of(&model, private).expect("fits");
        assert_eq!(schema.outputDigits, 3);
        assert_eq!(schema.inputMode, statement::INPUT_COMMITMENT);
    }

    #[test]
    fn a_zero_point_that_the_registry_cannot_hold_is_named_not_cut_off() {
        let mut model = model();
        model.output[1].zero_point = u64::from(u32::MAX);
        let schema = schema_of(&model, Privacy::NONE).expect("fits");
        assert_eq!(schema.outputs[1].zeroPoint, u32::MAX);
        model.output[1].zero_point += 1;
        let error = schema_of(&model, Privacy::NONE).expect_err("does not fit");
        assert!(error.to_string().contains("zero point of output `y1`"));
    }
}
