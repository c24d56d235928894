//! Encryption at rest: XChaCha20-Poly1305, a random nonce for everything, the request's id as
//! associated data, so that what belongs to one request opens no other.

use std::fmt;

use alloy::primitives::{U256, keccak256};
use chacha20poly1305::{
    AeadCore, Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rand::rngs::OsRng;
use zeroize::Zeroizing;

/// Separates this key from everything else that the secret is used for.
const DOMAIN: &[u8] = b"haloracle.agent.private-inputs.v1";
/// Bytes of a nonce, which stands before the encrypted bytes.
const NONCE_BYTES: usize = 24;

/// Seals and opens bytes under one key.
pub(crate) struct Vault {
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault whose key is derived from `secret`, which must be hard to guess.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let material = Zeroizing::new([DOMAIN, secret].concat());
        let key = Zeroizing::new(keccak256(&*material).0);
        Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(&*key)),
        }
    }

    /// Encrypts `bytes` for request `id`; `None` if there are too many of them.
    pub(crate) fn seal(&self, id: U256, bytes: &[u8]) -> Option<Vec<u8>> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let aad = id.to_be_bytes::<32>();
        let payload = Payload {
            msg: bytes,
            aad: &aad,
        };
        let sealed = self.cipher.encrypt(&nonce, payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what was sealed for request `id`; `None` if it was not, or under another key.
    pub(crate) fn open(&self, id: U256, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, msg) = sealed.split_at_checked(NONCE_BYTES)?;
        let aad = id.to_be_bytes::<32>();
        let payload = Payload { msg, aad: &aad };
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), payload);
        opened.ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"the values of somebody";

    #[test]
    fn what_is_sealed_opens_for_its_request_under_its_key_only() {
        let vault = Vault::new(&[7; 32]);
        let id = U256::from(5);
        let sealed = vault.seal(id, TEXT).expect("sealed");
        assert_eq!(
            vault.open(id, &sealed).as_deref().map(Vec::as_slice),
            Some(TEXT)
        );
        assert!(vault.open(U256::from(6), &sealed).is_none());
        assert!(Vault::new(&[8; 32]).open(id, &sealed).is_none());
        assert_ne!(
            vault.seal(id, TEXT),
            Some(sealed.clone()),
            "a nonce is used once"
        );
        assert!(
            !sealed
                .windows(8)
                .any(|part| TEXT.windows(8).any(|t| t == part))
        );
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let vault = Vault::new(&[7; 32]);
        let id = U256::from(5);
        let sealed = vault.seal(id, TEXT).expect("sealed");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(id, &changed).is_none(), "byte {index}");
            assert!(vault.open(id, &sealed[..index]).is_none(), "{index} bytes");
        }
        assert!(vault.open(id, &[sealed, vec![0]].concat()).is_none());
    }
}
