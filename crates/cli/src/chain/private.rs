//! The subject's side of private inputs: salt, commitment, signature, and the way to an operator.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alloy::hex;
use alloy::primitives::{Address, B256, U256};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::transports::http::reqwest::{self, StatusCode};
use eyre::{WrapErr, bail, eyre};
use haloracle_contracts::authorisation::private_input_hash;
use haloracle_model::IntegerModel;
use haloracle_prover::commit_input;
use rand::{RngCore, rngs::OsRng};
use serde_json::{Value, json};

use crate::text::read;

use super::view::show_id;

/// Where operators take private inputs.
const PATH: &str = "/v1/private-inputs";
/// Bits of a salt's first byte: 253 bits in all are below the field's modulus.
const SALT_TOP: u8 = 0x1f;
/// Longest wait for an operator that has not seen the request, or is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// An operator's intake.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OperatorArgs {
    /// Operator to hand a private input to: the address in front of its /v1/private-inputs
    #[arg(long, value_name = "URL", requires = "opening")]
    operator: Option<String>,
    /// File with the token that the operator asks for
    #[arg(long, value_name = "FILE", requires = "operator")]
    operator_token_file: Option<PathBuf>,
}

/// Salt and values behind a commitment; not printable.
pub(crate) struct Opening {
    salt: [u8; 32],
    values: Vec<i64>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(not shown)")
    }
}

impl Opening {
    /// `values` under a new salt.
    pub(crate) fn draw(values: Vec<i64>) -> Self {
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        salt[0] &= SALT_TOP;
        Self { salt, values }
    }

    /// The commitment to it at a model with this encoding.
    pub(crate) fn commitment(&self, encoding: &IntegerModel) -> eyre::Result<B256> {
        let words = encoding.pack_input(&self.values)?;
        let commitment = commit_input(&self.salt, &words);
        let commitment = commitment.ok_or_else(|| eyre!("the salt is no field element"))?;
        Ok(commitment.into())
    }

    /// Writes it to `path`, for its owner's eyes: before anything is sent, so that nothing is
    /// asked that cannot be opened any more.
    pub(crate) fn save(&self, path: &Path) -> eyre::Result<()> {
        save(path, &self.to_json())
    }

    /// Writes what an operator takes to `path`, for request `id`, signed by `key`.
    pub(crate) fn save_signed(
        &self,
        path: &Path,
        key: &PrivateKeySigner,
        (chain_id, hub): (u64, Address),
        id: U256,
        commitment: B256,
    ) -> eyre::Result<String> {
        let hash = private_input_hash(chain_id, hub, id, commitment);
        let signature = key.sign_hash_sync(&hash).wrap_err("could not sign")?;
        let mut body = self.to_json();
        body["requestId"] = json!(show_id(id));
        body["signature"] = json!(hex::encode_prefixed(signature.as_bytes()));
        save(path, &body)?;
        Ok(body.to_string())
    }

    fn to_json(&self) -> Value {
        json!({ "salt": hex::encode_prefixed(self.salt), "values": self.values })
    }
}

/// Writes a file that its owner alone may read.
fn save(path: &Path, body: &Value) -> eyre::Result<()> {
    let at = || format!("could not write `{}`", path.display());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // Temporary files are made for their owner alone, and keep that when renamed.
    let mut file =
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).wrap_err_with(at)?;
    writeln!(file, "{body}").wrap_err_with(at)?;
    file.as_file().sync_all().wrap_err_with(at)?;
    file.persist(path).wrap_err_with(at)?;
    Ok(())
}

impl OperatorArgs {
    /// Hands `body` to the operator, if one was named; waits while it has not seen the request.
    pub(crate) async fn hand_in(&self, body: &str) -> eyre::Result<bool> {
        let Some(operator) = &self.operator else {
            return Ok(false);
        };
        let token = self.operator_token_file.as_deref().map(token).transpose()?;
        let url = format!("{}{PATH}", operator.trim_end_matches('/'));
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let client = client.wrap_err("could not make an HTTP client")?;
        let start = Instant::now();
        loop {
            let mut request = client.post(&url).body(body.to_owned());
            request = request.header("content-type", "application/json");
            if let Some(token) = &token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = request.send().await;
            let response = response.wrap_err_with(|| format!("could not reach {url}"))?;
            let status = response.status();
            if status == StatusCode::ACCEPTED {
                return Ok(true);
            }
            let text = response.text().await.unwrap_or_default();
            let later = [
                StatusCode::NOT_FOUND,
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::SERVICE_UNAVAILABLE,
            ];
            if !later.contains(&status) || start.elapsed() > PATIENCE {
                let reason = serde_json::from_str::<Value>(&text).ok();
                let reason = reason.and_then(|json| Some(json["error"].as_str()?.to_owned()));
                bail!("{url} answered {status}: {}", reason.unwrap_or(text));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn token(path: &Path) -> eyre::Result<String> {
    let token = String::from_utf8(read(path)?);
    let token = token.wrap_err_with(|| format!("token file `{}`", path.display()))?;
    Ok(token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_new_every_time_and_a_field_element() {
        let salts: Vec<[u8; 32]> = (0..20).map(|_| Opening::draw(vec![]).salt).collect();
        for (index, salt) in salts.iter().enumerate() {
            assert!(commit_input(salt, &[]).is_some());
            assert!(!salts[..index].contains(salt));
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_opening_on_disk_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("opening.json");
        let opening = Opening::draw(vec![1, -2]);
        opening.save(&path).unwrap();
        let key = PrivateKeySigner::random();
        let (place, id) = ((1, Address::ZERO), U256::from(7));
        let body = opening
            .save_signed(&path, &key, place, id, B256::ZERO)
            .unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let saved: Value = serde_json::from_slice(&read(&path).unwrap()).unwrap();
        assert_eq!(saved, serde_json::from_str::<Value>(&body).unwrap());
        assert_eq!(saved["values"], json!([1, -2]));
        assert_eq!(format!("{opening:?}"), "Opening(not shown)");
    }
}
