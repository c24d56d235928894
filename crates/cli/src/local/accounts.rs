//! Anvil's accounts: their keys are public, so they are worth nothing anywhere else.

use std::path::{Path, PathBuf};

use alloy::primitives::{B256, b256};
use alloy::signers::local::PrivateKeySigner;
use eyre::WrapErr;

use crate::text::write;

/// Password of every keystore that is made for them.
pub(crate) const PASSWORD: &str = "development only";

/// A part in the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// Name of its keystore.
    pub(crate) name: &'static str,
    key: B256,
}

/// Deploys the contracts, owns the model.
pub(crate) const DEPLOYER: Account = Account {
    name: "deployer",
    key: b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
};
/// Runs the agent.
pub(crate) const OPERATOR: Account = Account {
    name: "operator",
    key: b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
};
/// Says what is known about applicants.
pub(crate) const ATTESTER: Account = Account {
    name: "attester",
    key: b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
};
/// Has a lending position, or asks for answers.
pub(crate) const USER: Account = Account {
    name: "user",
    key: b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
};
/// Sends forged proofs.
pub(crate) const ATTACKER: Account = Account {
    name: "attacker",
    key: b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
};

impl Account {
    /// Its key.
    pub(crate) fn signer(self) -> eyre::Result<PrivateKeySigner> {
        PrivateKeySigner::from_bytes(&self.key).wrap_err("a development key")
    }

    /// Writes an encrypted keystore and its password into `dir`; their paths.
    pub(crate) fn keystore(self, dir: &Path) -> eyre::Result<(PathBuf, PathBuf)> {
        std::fs::create_dir_all(dir).wrap_err_with(|| format!("`{}`", dir.display()))?;
        let mut rng = rand::thread_rng();
        let name = format!("{}.json", self.name);
        PrivateKeySigner::encrypt_keystore(dir, &mut rng, self.key, PASSWORD, Some(&name))
            .wrap_err("could not write a keystore")?;
        let password = dir.join("password");
        write(&password, PASSWORD.as_bytes())?;
        Ok((dir.join(name), password))
    }
}
