//! The transaction signer: a key that exists only decrypted in memory and is never printed.

use std::{
    env, fmt, fs,
    io::{self, Write},
    path::PathBuf,
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes},
    signers::{SignerSync, local::PrivateKeySigner},
};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::config::SignerConfig;

/// Why there is no signer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The keystore or the password file could not be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The environment variable with the password is not set.
    #[error("environment variable `{0}`, which should hold the keystore password, is not set")]
    NoPassword(String),
    /// The password does not open the keystore.
    #[error("wrong password for keystore `{}`", .0.display())]
    WrongPassword(PathBuf),
    /// The file is not a keystore that we can read.
    #[error("`{}` is not a version 3 keystore: {message}", .path.display())]
    NotAKeystore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Signing failed.
    #[error("could not sign: {0}")]
    Sign(String),
}

/// A signed transaction, ready to be stored and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
}

/// Signs transactions for one address.
pub struct Signer {
    key: PrivateKeySigner,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.key.address()).finish()
    }
}

impl Signer {
    /// The key's bytes, for deriving other secrets from.
    pub(crate) fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().0)
    }

    /// Decrypts the configured keystore. Takes about a second by the keystore's design.
    ///
    /// # Errors
    /// Files are unreadable, the password is missing or wrong, or the file is no keystore.
    pub fn open(config: &SignerConfig) -> Result<Self, SignerError> {
        let password = password(config)?;
        let path = &config.keystore;
        let text = fs::read_to_string(path).map_err(|source| SignerError::Read {
            path: path.clone(),
            source,
        })?;
        let not_a_keystore = |message: String| SignerError::NotAKeystore {
            path: path.clone(),
            message,
        };
        let normal = normalize(&text).map_err(not_a_keystore)?;
        let mut file = tempfile::NamedTempFile::new()
            .map_err(|error| not_a_keystore(format!("no temporary file: {error}")))?;
        file.write_all(normal.as_bytes())
            .map_err(|error| not_a_keystore(format!("no temporary file: {error}")))?;
        let key = PrivateKeySigner::decrypt_keystore(file.path(), password).map_err(|error| {
            let message = error.to_string();
            if message.contains("Mac Mismatch") {
                SignerError::WrongPassword(path.clone())
            } else {
                not_a_keystore(message)
            }
        })?;
        Ok(Self { key })
    }

    /// The address that pays for gas.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Signs an EIP-1559 transaction.
    pub(crate) fn sign(&self, tx: TxEip1559) -> Result<Signed, SignerError> {
        let signature = self
            .key
            .sign_hash_sync(&tx.signature_hash())
            .map_err(|error| SignerError::Sign(error.to_string()))?;
        let signed = tx.into_signed(signature);
        Ok(Signed {
            hash: *signed.hash(),
            raw: signed.encoded_2718().into(),
        })
    }
}

/// Brings a keystore to the form the decryption expects: ethers writes `Crypto` where others write
/// `crypto`, and lengths it takes for granted are checked. Everything in it stays encrypted.
fn normalize(text: &str) -> Result<String, String> {
    let mut keystore: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let object = keystore.as_object_mut().ok_or("not a JSON object")?;
    if let Some(crypto) = object.remove("Crypto") {
        object.insert("crypto".into(), crypto);
    }
    let crypto = object.get("crypto").ok_or("no `crypto`")?;
    let bytes = |value: &Value| {
        value
            .as_str()
            .map(|text| text.trim_start_matches("0x").len() / 2)
    };
    if bytes(&crypto["cipherparams"]["iv"]) != Some(16) {
        return Err("`iv` is not 16 bytes".into());
    }
    if crypto["kdfparams"]["dklen"].as_u64() != Some(32) {
        return Err("`dklen` is not 32".into());
    }
    if bytes(&crypto["ciphertext"]) != Some(32) {
        return Err("`ciphertext` is not 32 bytes".into());
    }
    Ok(keystore.to_string())
}

fn password(config: &SignerConfig) -> Result<String, SignerError> {
    if let Some(path) = &config.password_file {
        let text = fs::read_to_string(path).map_err(|source| SignerError::Read {
            path: path.clone(),
            source,
        })?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    let variable = config.password_env.clone().unwrap_or_default();
    env::var(&variable).map_err(|_| SignerError::NoPassword(variable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;
    use std::path::Path;

    fn open(keystore: &Path, password: &str) -> Result<Signer, SignerError> {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("password");
        fs::write(&file, format!("{password}\n")).expect("written");
        Signer::open(&SignerConfig {
            keystore: keystore.to_path_buf(),
            password_file: Some(file),
            password_env: None,
        })
    }

    fn ethers() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ethers-keystore.json")
    }

    #[test]
    fn opens_a_keystore_written_by_ethers() {
        let signer = open(&ethers(), "public test password").expect("opens");
        assert_eq!(
            signer.address(),
            address!("90F79bf6EB2c4f870365E785982E1f101E93b906")
        );
        assert_eq!(
            format!("{signer:?}"),
            format!("Signer({:?})", signer.address())
        );
    }

    #[test]
    fn opens_a_keystore_written_by_alloy() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut rng = rand::thread_rng();
        let key = [7u8; 32];
        let (written, name) =
            PrivateKeySigner::encrypt_keystore(dir.path(), &mut rng, key, "pw", None)
                .expect("written");
        let signer = open(&dir.path().join(name), "pw").expect("opens");
        assert_eq!(signer.address(), written.address());
    }

    #[test]
    fn bad_keystores_have_clear_errors() {
        assert!(matches!(
            open(&ethers(), "guess"),
            Err(SignerError::WrongPassword(_))
        ));
        let missing = Path::new("nowhere/key.json");
        assert!(matches!(open(missing, "x"), Err(SignerError::Read { .. })));
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("key.json");
        let good = fs::read_to_string(ethers()).expect("fixture");
        let short_iv = good.replace("d077d8dcac901ed0c1d9a651567c6d7f", "d077");
        for text in ["", "{}", "[1]", "{\"crypto\":{}}", &short_iv] {
            fs::write(&file, text).expect("written");
            assert!(
                matches!(open(&file, "x"), Err(SignerError::NotAKeystore { .. })),
                "{text}"
            );
        }
    }
}
