//! An operator's files: keystore, password and configuration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};

use crate::TestkitError;

/// Settings that tests vary; the rest of the configuration is written for them.
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// Nodes.
    pub urls: Vec<String>,
    /// The hub.
    pub hub: Address,
    /// Who is paid.
    pub payee: Address,
    /// Bundles.
    pub bundles: Vec<PathBuf>,
    /// Blocks on top before the agent acts.
    pub confirmations: u64,
    /// Port of the health server.
    pub port: u16,
    /// More TOML: whole tables.
    pub more: String,
}

/// A directory with everything that an agent needs.
#[derive(Debug)]
pub struct Operator {
    /// The configuration file.
    pub config: PathBuf,
    /// Where the agent's output goes.
    pub log: PathBuf,
    /// Who pays for gas.
    pub signer: Address,
}

impl Operator {
    /// Writes keystore, password and configuration into `directory`, which exists.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn create(directory: &Path, config: &OperatorConfig) -> Result<Self, TestkitError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| TestkitError::Io { path, source }
        };
        let mut rng = rand::thread_rng();
        let key = PrivateKeySigner::random_with(&mut rng);
        let name = Some("operator.json");
        PrivateKeySigner::encrypt_keystore(directory, &mut rng, key.to_bytes(), "password", name)
            .map_err(|error| TestkitError::Process {
            what: "keystore".into(),
            output: error.to_string(),
        })?;
        let password = directory.join("password");
        fs::write(&password, "password\n").map_err(at(&password))?;
        let file = directory.join("agent.toml");
        fs::write(&file, config.to_toml()).map_err(at(&file))?;
        Ok(Self {
            config: file,
            log: directory.join("agent.log"),
            signer: key.address(),
        })
    }
}

impl OperatorConfig {
    /// The configuration file's text.
    ///
    /// Fees of tests do not pay for gas, so a loss is allowed unless `more` says otherwise.
    pub fn to_toml(&self) -> String {
        let loss = "min_profit_wei = -1000000000000000000\n";
        let more = if self.more.contains("min_profit_wei") {
            self.more.clone()
        } else if self.more.contains("[admission]\n") {
            let table = format!("[admission]\n{loss}");
            self.more.replace("[admission]\n", &table)
        } else {
            format!("{}\n[admission]\n{loss}", self.more)
        };
        let models: String = self
            .bundles
            .iter()
            .map(|bundle| format!("[[models]]\nbundle = {:?}\n", bundle.display().to_string()))
            .collect();
        format!(
            "chain_id = 31337\nhub = \"{}\"\npayee = \"{}\"\nstate_dir = \"state\"\n\
             [rpc]\nurls = {:?}\npoll_interval_ms = 50\nconfirmations = {}\nretries = 2\n\
             timeout_ms = 2000\n\
             [signer]\nkeystore = \"operator.json\"\npassword_file = \"password\"\n\
             [http]\nlisten = \"127.0.0.1:{}\"\n{models}{}\n",
            self.hub, self.payee, self.urls, self.confirmations, self.port, more
        )
    }
}
