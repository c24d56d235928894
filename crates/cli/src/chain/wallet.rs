//! The encrypted keystore that signs transactions.

use std::io::Write;
use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
use eyre::{WrapErr, bail, ensure, eyre};
use serde_json::Value;

use crate::text::read;

/// Environment variable with the keystore's password.
const PASSWORD: &str = "HALORACLE_PASSWORD";

/// Which key signs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WalletArgs {
    /// Encrypted keystore (version 3) of the sender
    #[arg(long, value_name = "FILE", env = "HALORACLE_KEYSTORE")]
    keystore: PathBuf,
    /// File with the keystore's password; else HALORACLE_PASSWORD is taken
    #[arg(long, value_name = "FILE", env = "HALORACLE_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
}

impl WalletArgs {
    /// Decrypts the key; takes a moment by the keystore's design.
    pub(crate) fn open(&self) -> eyre::Result<PrivateKeySigner> {
        let password = match &self.password_file {
            Some(path) => String::from_utf8(read(path)?)
                .wrap_err_with(|| format!("password file `{}`", path.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            None => std::env::var(PASSWORD)
                .map_err(|_| eyre!("no password: give --password-file or set {PASSWORD}"))?,
        };
        decrypt(&self.keystore, &password)
    }
}

fn decrypt(path: &Path, password: &str) -> eyre::Result<PrivateKeySigner> {
    let name = path.display();
    let text = normal_form(&read(path)?)
        .wrap_err_with(|| format!("`{name}` is not a version 3 keystore"))?;
    // The decryption reads files only; what it reads is still encrypted.
    let mut file = tempfile::NamedTempFile::new().wrap_err("no temporary file")?;
    file.write_all(text.as_bytes())
        .wrap_err("no temporary file")?;
    PrivateKeySigner::decrypt_keystore(file.path(), password).map_err(|error| {
        let message = error.to_string();
        if message.contains("Mac Mismatch") {
            eyre!("wrong password for keystore `{name}`")
        } else {
            eyre!("`{name}` is not a version 3 keystore: {message}")
        }
    })
}

/// ethers writes `Crypto` where others write `crypto`; lengths that the decryption takes for
/// granted are checked.
fn normal_form(bytes: &[u8]) -> eyre::Result<String> {
    let mut keystore: Value = serde_json::from_slice(bytes)?;
    let object = keystore
        .as_object_mut()
        .ok_or_else(|| eyre!("not a JSON object"))?;
    if let Some(crypto) = object.remove("Crypto") {
        object.insert("crypto".into(), crypto);
    }
    let Some(crypto) = object.get("crypto") else {
        bail!("no `crypto` in it")
    };
    let bytes = |text: &Value| {
        text.as_str()
            .map(|text| text.trim_start_matches("0x").len() / 2)
    };
    ensure!(
        bytes(&crypto["cipherparams"]["iv"]) == Some(16),
        "`iv` is not 16 bytes"
    );
    ensure!(crypto["kdfparams"]["dklen"] == 32, "`dklen` is not 32");
    ensure!(
        bytes(&crypto["ciphertext"]) == Some(32),
        "`ciphertext` is not 32 bytes"
    );
    Ok(keystore.to_string())
}
