//! Request id, tag, model id and public inputs: what a proof is about.
//!
//! `requestId = keccak256(abi.encode(REQUEST_V1, chainid, hub, request))` fixes everything about
//! a request, `tag = keccak256(abi.encode(STATEMENT_V1, requestId, payee))` binds the payee, and
//! the public inputs are `[tagHi, tagLo, model commitment of private weights, input words… or the
//! commitment of private inputs, output words…]`. The hub rebuilds all of it; a difference of one
//! bit here makes every proof worthless.

use alloy::{
    primitives::{Address, B256, U256, b256, keccak256, uint},
    sol_types::SolValue,
};

use crate::bindings::{ModelSpec, Request, Schema};

/// `keccak256("haloracle.statement.v1")`: domain of the tag.
pub const STATEMENT_V1: B256 =
    b256!("74c8e4fb1bfc8720c3c70f7945512d28cfe9f4e7d55243e4e7d34c274ad3f54b");
/// `keccak256("haloracle.request.v1")`: domain of the request id.
pub const REQUEST_V1: B256 =
    b256!("c7e6cfa1929b2aeafc25d3c027f9f888f5d383efff4ab2cdf931912236eda1d0");
/// `keccak256("haloracle.model.v1")`: domain of the model id.
pub const MODEL_V1: B256 =
    b256!("8368be25f7e75cccc7d03ad3574ddfdbc24eb5e42b1d8379b5bf4a45f566051c");

/// `Modes.SINGLE`: a proof settles one request.
pub const MODE_SINGLE: u8 = 1;
/// `Modes.BATCH`: a proof settles many requests at once.
pub const MODE_BATCH: u8 = 2;
/// `Modes.ROOT`: a proof posts a root over many results, and each is claimed later.
pub const MODE_ROOT: u8 = 4;
/// `InputModes.PUBLIC_WORDS`: the request carries its input.
pub const INPUT_PUBLIC_WORDS: u8 = 0;
/// `InputModes.COMMITMENT`: the request carries a commitment to its input.
pub const INPUT_COMMITMENT: u8 = 1;
/// `Statuses.OUT_OF_DOMAIN`: a private input was proved to lie outside the model's box.
pub const STATUS_OUT_OF_DOMAIN: u64 = 1;

/// Order of BN254's groups: every instance, commitments among them, is below it.
pub const SCALAR_FIELD: U256 =
    uint!(0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001_U256);

/// Bytes of an instance, an input word and an output word.
pub const WORD_BYTES: usize = 32;

/// Words do not have the form that the hub accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// `bytes input` or `bytes output` is not a whole number of words.
    #[error("{what} has {bytes} bytes, which is not a multiple of 32")]
    NotWords {
        /// `input` or `output`.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
}

/// The id of `request` at `hub` on chain `chain_id`.
pub fn request_id(chain_id: u64, hub: Address, request: &Request) -> U256 {
    let preimage = (REQUEST_V1, U256::from(chain_id), hub, request.clone()).abi_encode_params();
    keccak256(preimage).into()
}

/// The tag that binds a proof to request `id` and to the one who is paid for it.
pub fn tag(id: U256, payee: Address) -> B256 {
    keccak256((STATEMENT_V1, id, payee).abi_encode())
}

/// The tag's 128-bit halves as field elements, high half first.
pub fn tag_halves(tag: B256) -> [B256; 2] {
    let (mut high, mut low) = (B256::ZERO, B256::ZERO);
    high[16..].copy_from_slice(&tag[..16]);
    low[16..].copy_from_slice(&tag[16..]);
    [high, low]
}

/// The id under which `owner` registers `spec`, the same on every chain.
pub fn model_id(owner: Address, spec: &ModelSpec) -> U256 {
    keccak256((MODEL_V1, owner, spec.clone()).abi_encode_params()).into()
}

/// The route of proofs of one machine shape under one SRS.
pub fn route(shape_hash: B256, srs_hash: B256) -> B256 {
    keccak256((shape_hash, srs_hash).abi_encode())
}

/// The hash by which a model pins its schema.
pub fn schema_hash(schema: &Schema) -> B256 {
    keccak256(schema.abi_encode())
}

/// The hash by which a model pins its verifying key.
pub fn vk_hash(vk_data: &[u8]) -> B256 {
    keccak256(vk_data)
}

/// The digest of packed input words that a request carries.
pub fn input_digest(words: &[[u8; WORD_BYTES]]) -> B256 {
    keccak256(words.as_flattened())
}

/// Splits `bytes input` or `bytes output` into words.
///
/// # Errors
/// A length that is not a multiple of 32.
pub fn to_words(what: &'static str, bytes: &[u8]) -> Result<Vec<[u8; WORD_BYTES]>, StatementError> {
    let (words, rest) = bytes.as_chunks::<WORD_BYTES>();
    if rest.is_empty() {
        Ok(words.to_vec())
    } else {
        Err(StatementError::NotWords {
            what,
            bytes: bytes.len(),
        })
    }
}

/// The public inputs of a proof: tag halves, the commitment of a private model (zero: it is
/// public), `input` (the words, or the one commitment of private inputs), output words.
pub fn instances(
    tag: B256,
    model_commitment: B256,
    input: &[[u8; WORD_BYTES]],
    output: &[[u8; WORD_BYTES]],
) -> Vec<[u8; WORD_BYTES]> {
    let private = (!model_commitment.is_zero()).then_some(model_commitment.0);
    tag_halves(tag)
        .into_iter()
        .map(|half| half.0)
        .chain(private)
        .chain(input.iter().copied())
        .chain(output.iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_hashes_of_their_names() {
        assert_eq!(STATEMENT_V1, keccak256("haloracle.statement.v1"));
        assert_eq!(REQUEST_V1, keccak256("haloracle.request.v1"));
        assert_eq!(MODEL_V1, keccak256("haloracle.model.v1"));
    }

    #[test]
    fn request_id_hashes_fifteen_static_words() {
        let request = Request {
            modelId: U256::from(7),
            consumer: Address::repeat_byte(0x11),
            nonce: 3,
            fee: alloy::primitives::Uint::from(5),
            ..Request::default()
        };
        let mut preimage = Vec::new();
        preimage.extend_from_slice(REQUEST_V1.as_slice());
        preimage.extend_from_slice(&U256::from(31337).to_be_bytes::<32>());
        preimage.extend_from_slice(Address::repeat_byte(0x22).into_word().as_slice());
        let mut fields = [[0u8; 32]; 12];
        fields[0] = U256::from(7).to_be_bytes();
        fields[1] = Address::repeat_byte(0x11).into_word().0;
        fields[4] = U256::from(3).to_be_bytes();
        fields[6] = U256::from(5).to_be_bytes();
        preimage.extend_from_slice(fields.as_flattened());
        assert_eq!(
            request_id(31337, Address::repeat_byte(0x22), &request),
            U256::from_be_bytes(keccak256(preimage).0)
        );
    }

    #[test]
    fn tag_halves_are_below_two_to_the_128() {
        let tag = tag(U256::from(1), Address::repeat_byte(0xff));
        let [high, low] = tag_halves(tag);
        assert_eq!((&high[..16], &low[..16]), (&[0u8; 16][..], &[0u8; 16][..]));
        assert_eq!([&high[16..], &low[16..]].concat(), tag.to_vec());
    }

    #[test]
    fn a_private_models_commitment_stands_between_tag_and_input() {
        let word = |byte| [byte; WORD_BYTES];
        let (tag, input, output) = (B256::repeat_byte(9), [word(1), word(2)], [word(3)]);
        let public = instances(tag, B256::ZERO, &input, &output);
        assert_eq!(public.len(), 5);
        assert_eq!(public[2..], [word(1), word(2), word(3)]);
        let private = instances(tag, B256::repeat_byte(7), &input, &output);
        assert_eq!(private[..2], public[..2]);
        assert_eq!(private[2], word(7));
        assert_eq!(private[3..], public[2..]);
    }

    #[test]
    fn words_must_be_whole() {
        assert_eq!(to_words("input", &[0; 64]).map(|w| w.len()), Ok(2));
        assert_eq!(
            to_words("input", &[0; 33]),
            Err(StatementError::NotWords {
                what: "input",
                bytes: 33
            })
        );
    }
}
