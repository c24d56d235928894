//! Contracts as forge built them, from `out/`.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use alloy::primitives::{Address, Bytes, U256, hex};
use serde_json::Value;

use crate::{Anvil, TestkitError, foundry_tool, repository};

/// Creation code and ABI of one contract.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Contract name.
    pub name: String,
    /// Creation code without constructor arguments.
    pub bytecode: Bytes,
    /// The ABI as forge wrote it.
    pub abi: Value,
}

impl Artifact {
    /// Reads `out/<name>.sol/<name>.json`, running `forge build` once per process before. With
    /// `HALORACLE_OUT` set, that directory is read instead, and nothing is built.
    ///
    /// # Errors
    /// Forge fails, or no such contract was built.
    pub fn load(name: &str) -> Result<Self, TestkitError> {
        let out = match std::env::var_os("HALORACLE_OUT") {
            Some(out) => PathBuf::from(out),
            None => {
                build()?;
                repository().join("out")
            }
        };
        let path = out.join(format!("{name}.sol/{name}.json"));
        let wrong = |what: &str| TestkitError::Artifact {
            name: name.into(),
            what: what.into(),
        };
        let text = fs::read_to_string(&path).map_err(|source| TestkitError::Io {
            path: path.clone(),
            source,
        })?;
        let json: Value = serde_json::from_str(&text).map_err(|e| wrong(&e.to_string()))?;
        let object = json["bytecode"]["object"]
            .as_str()
            .ok_or_else(|| wrong("no bytecode"))?;
        let bytecode = hex::decode(object)
            .map_err(|_| wrong("unlinked bytecode"))?
            .into();
        Ok(Self {
            name: name.into(),
            bytecode,
            abi: json["abi"].clone(),
        })
    }

    /// Deploys the contract from an unlocked account with abi-encoded constructor arguments.
    ///
    /// # Errors
    /// The node refused the transaction, or the constructor reverted.
    pub async fn deploy(
        &self,
        anvil: &Anvil,
        from: Address,
        arguments: &[u8],
    ) -> Result<Address, TestkitError> {
        let code = [&self.bytecode, arguments].concat();
        let receipt = anvil
            .send(&self.name, from, None, U256::ZERO, code.into())
            .await?;
        receipt
            .contract_address
            .ok_or_else(|| TestkitError::Artifact {
                name: self.name.clone(),
                what: "deployment created no contract".into(),
            })
    }
}

/// Runs `forge build` once per process; forge itself skips what did not change.
fn build() -> Result<(), TestkitError> {
    static BUILT: OnceLock<Result<(), (PathBuf, String)>> = OnceLock::new();
    let forge = foundry_tool("forge", "HALORACLE_FORGE")?;
    let outcome = BUILT.get_or_init(|| {
        let output = Command::new(&forge)
            .args(["build", "--skip", "test", "--skip", "script"])
            .current_dir(repository())
            .output()
            .map_err(|error| (forge.clone(), error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err((
                forge.clone(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        }
    });
    outcome
        .clone()
        .map_err(|(path, output)| TestkitError::Process {
            what: format!("{} build", path.display()),
            output,
        })
}
