//! Contracts as forge built them.

use std::path::{Path, PathBuf};

use eyre::{WrapErr, eyre};
use serde_json::Value;

use crate::text::{read, unhex};

/// Code of one contract.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    /// Code that deploys it, before the constructor's arguments.
    pub(crate) creation: Vec<u8>,
    /// Code that runs, with immutables left zero.
    pub(crate) runtime: Vec<u8>,
}

impl Artifact {
    /// Where forge puts what it built of contract `name`.
    pub(crate) fn path(dir: &Path, name: &str) -> PathBuf {
        dir.join(format!("{name}.sol/{name}.json"))
    }

    /// Reads `DIR/NAME.sol/NAME.json`.
    pub(crate) fn load(dir: &Path, name: &str) -> eyre::Result<Self> {
        let path = Self::path(dir, name);
        Self::parse(&path).wrap_err_with(|| {
            let path = path.display();
            format!("no usable artifact `{path}`; run `forge build` in a checkout of the project")
        })
    }

    fn parse(path: &Path) -> eyre::Result<Self> {
        let json: Value = serde_json::from_slice(&read(path)?)?;
        let code = |field: &str| {
            let object = json[field]["object"].as_str();
            unhex(object.ok_or_else(|| eyre!("no `{field}`"))?)
        };
        Ok(Self {
            creation: code("bytecode")?,
            runtime: code("deployedBytecode")?,
        })
    }

    /// Creation code with abi-encoded constructor arguments.
    pub(crate) fn with(&self, arguments: &[u8]) -> Vec<u8> {
        [&self.creation, arguments].concat()
    }
}
