//! Whether an opening opens a request's commitment.

use alloy::primitives::B256;
use haloracle_model::{IntegerModel, ModelError};

use super::Opening;

/// Why an opening is none. Names positions, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpeningError {
    /// Not one value per feature.
    #[error("the model takes {expected} values, there are {got}")]
    Length { expected: usize, got: usize },
    /// Beyond all that a slot of the model's input holds; what is only outside the box has an
    /// answer of its own.
    #[error("value {index}, feature `{feature}`, does not fit its slot in the model's input")]
    Value { index: usize, feature: String },
    /// The model's input cannot be packed.
    #[error("the values are no input of the model")]
    NoInput,
    /// Not below the field's modulus.
    #[error("the salt is not below the scalar field's modulus")]
    Salt,
    /// Another commitment comes out.
    #[error("salt and values do not open the request's commitment")]
    Mismatch,
}

/// Checks that `opening` is an input of `model` and opens `commitment`.
pub(crate) fn check(
    model: &IntegerModel,
    opening: &Opening,
    commitment: B256,
) -> Result<(), OpeningError> {
    if commitment_to(model, opening)? == commitment {
        Ok(())
    } else {
        Err(OpeningError::Mismatch)
    }
}

/// The commitment that `opening` opens at `model`.
pub(crate) fn commitment_to(model: &IntegerModel, opening: &Opening) -> Result<B256, OpeningError> {
    let words = model
        .pack_input(&opening.values)
        .map_err(|error| match error {
            ModelError::InputLength { expected, got } => OpeningError::Length { expected, got },
            // Its own message shows the value.
            ModelError::OutOfDomain { index, name, .. } => OpeningError::Value {
                index,
                feature: name,
            },
            _ => OpeningError::NoInput,
        })?;
    let commitment = haloracle_prover::commit_input(&opening.salt, &words);
    commitment.map(B256::from).ok_or(OpeningError::Salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::SALT_BYTES;
    use haloracle_testkit::models::random_model;
    use rand::{SeedableRng, rngs::StdRng};

    fn model() -> IntegerModel {
        random_model(&mut StdRng::seed_from_u64(3), 2, &[2]).with_private_inputs()
    }

    fn opening(model: &IntegerModel) -> Opening {
        let values = model.input.features.iter();
        Opening {
            salt: [7; SALT_BYTES],
            values: values.map(|feature| i64::from(feature.lo) + 3).collect(),
        }
    }

    #[test]
    fn only_the_committed_values_under_their_salt_open() {
        let model = model();
        let opening = opening(&model);
        let words = model.pack_input(&opening.values).expect("inside");
        let commitment = haloracle_prover::commit_input(&opening.salt, &words);
        let commitment = B256::from(commitment.expect("a field element"));
        assert_eq!(check(&model, &opening, commitment), Ok(()));

        let mut other = opening.clone();
        other.values[1] += 1;
        assert_eq!(
            check(&model, &other, commitment),
            Err(OpeningError::Mismatch)
        );
        let mut other = opening.clone();
        other.salt[31] ^= 1;
        assert_eq!(
            check(&model, &other, commitment),
            Err(OpeningError::Mismatch)
        );
        other.salt = [0xff; SALT_BYTES];
        assert_eq!(check(&model, &other, commitment), Err(OpeningError::Salt));
    }

    #[test]
    fn values_outside_the_box_are_taken_and_those_outside_their_slot_are_not() {
        let model = model();
        let mut opening = opening(&model);
        let first = &model.input.features[0];
        let slot = 1i64 << model.input_slot_bits();
        opening.values[0] = i64::from(first.hi) + 1;
        let refused = check(&model, &opening, B256::ZERO);
        assert_eq!(refused, Err(OpeningError::Mismatch), "it has a commitment");
        for value in [
            i64::from(first.lo) - 1,
            i64::from(first.lo) + slot,
            i64::MIN,
        ] {
            opening.values[0] = value;
            let refused = check(&model, &opening, B256::ZERO).expect_err("no slot");
            let message = refused.to_string();
            assert!(matches!(refused, OpeningError::Value { index: 0, .. }));
            assert!(!message.contains(&value.to_string()), "{message}");
        }
        opening.values.pop();
        let refused = check(&model, &opening, B256::ZERO);
        let (expected, got) = (2, 1);
        assert_eq!(refused, Err(OpeningError::Length { expected, got }));
    }
}
