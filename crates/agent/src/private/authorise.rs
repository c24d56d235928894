//! Whether the subject of a request signed for it: an account's own key, or a contract's word.

use alloy::primitives::{Address, B256, Bytes, FixedBytes, Signature};
use haloracle_contracts::authorisation::IERC1271::isValidSignatureCall;

use crate::{
    chain::Chain,
    rpc::{Class, RpcError},
};

/// What a contract answers if a signature is its own (ERC-1271).
const VALID: FixedBytes<4> = FixedBytes([0x16, 0x26, 0xba, 0x7e]);
/// Longest signature that a contract is asked about.
pub(crate) const MAX_SIGNATURE_BYTES: usize = 4_096;

/// Whether `signature` is `subject`'s for `hash`.
///
/// A signature that the account's own key made is enough, with or without code at the account;
/// else its code is asked, at the latest block.
pub(crate) async fn is_signed(
    chain: &Chain,
    subject: Address,
    hash: B256,
    signature: &Bytes,
) -> Result<bool, RpcError> {
    if is_own_key(subject, hash, signature) {
        return Ok(true);
    }
    if signature.len() > MAX_SIGNATURE_BYTES || chain.code(subject).await?.is_empty() {
        return Ok(false);
    }
    let call = isValidSignatureCall {
        hash,
        signature: signature.clone(),
    };
    match chain.read(subject, &call).await {
        Ok(answer) => Ok(answer == VALID),
        // The contract refuses, or is none that signs.
        Err(error) => match error.class {
            Class::Revert(_) | Class::Rejected => Ok(false),
            _ => Err(error),
        },
    }
}

/// Whether `signature` is 65 bytes that the key of `subject` made; never one of two forms.
fn is_own_key(subject: Address, hash: B256, signature: &[u8]) -> bool {
    let signature = Signature::from_raw(signature).ok();
    signature
        .filter(|signature| signature.normalize_s().is_none())
        .and_then(|signature| signature.recover_address_from_prehash(&hash).ok())
        .is_some_and(|signer| signer == subject && !subject.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    #[test]
    fn an_accounts_key_signs_for_itself_and_for_one_hash() {
        let key = PrivateKeySigner::random();
        let hash = B256::repeat_byte(7);
        let signature = key.sign_hash_sync(&hash).expect("signed").as_bytes();
        assert!(is_own_key(key.address(), hash, &signature));
        assert!(!is_own_key(key.address(), B256::repeat_byte(8), &signature));
        assert!(!is_own_key(Address::repeat_byte(1), hash, &signature));
        assert!(!is_own_key(Address::ZERO, hash, &[0; 65]));
        for length in [0, 1, 64, 66] {
            let mut other = signature.to_vec();
            other.resize(length, 0);
            assert!(!is_own_key(key.address(), hash, &other), "{length} bytes");
        }
        for byte in 0..65 {
            let mut other = signature;
            other[byte] ^= 1;
            assert!(!is_own_key(key.address(), hash, &other), "byte {byte}");
        }
    }
}
