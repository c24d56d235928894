//! `haloracle devnet`: a node, the contracts, a registered model and an agent, until ctrl-c.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::Address;
use eyre::WrapErr;
use haloracle_agent::CancellationToken;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::Deployment;
use crate::chain::view::show_id;
use crate::checkout::Checkout;
use crate::exit::Exit;
use crate::local::accounts::{OPERATOR, USER};
use crate::local::anvil::Anvil;
use crate::local::stack::Stack;
use crate::text::write;
use crate::ui::Ui;

use super::agent::cancel_on_signal;

/// Pause between two looks at the processes.
const WATCH: Duration = Duration::from_millis(500);

/// `haloracle devnet`
#[derive(Debug, clap::Args)]
pub(crate) struct DevnetArgs {
    #[command(flatten)]
    checkout: Checkout,
    /// Port of the node; 0 takes a free one
    #[arg(long, default_value_t = 8545)]
    port: u16,
    /// Folder for bundle, keystores, logs and addresses; a temporary one if absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct DevnetReport {
    rpc_url: String,
    model_id: String,
    bundle: PathBuf,
    /// Keystore of an account with money, and its password.
    keystore: PathBuf,
    password_file: PathBuf,
    deployment_file: PathBuf,
    agent_log: PathBuf,
    payee: Address,
    #[serde(flatten)]
    deployment: Deployment,
}

impl fmt::Display for DevnetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "node        {}", self.rpc_url)?;
        writeln!(f, "hub         {}", self.deployment.hub)?;
        writeln!(f, "registry    {}", self.deployment.registry)?;
        writeln!(f, "model       credit_risk, id {}", self.model_id)?;
        writeln!(
            f,
            "agent       paid at {}, log {}",
            self.payee,
            self.agent_log.display()
        )?;
        writeln!(f, "\nAsk for an answer, from another terminal:\n")?;
        writeln!(f, "  export HALORACLE_RPC_URL={}", self.rpc_url)?;
        writeln!(f, "  export HALORACLE_HUB={}", self.deployment.hub)?;
        writeln!(f, "  export HALORACLE_KEYSTORE={}", self.keystore.display())?;
        writeln!(
            f,
            "  export HALORACLE_PASSWORD_FILE={}",
            self.password_file.display()
        )?;
        let id = &self.model_id;
        writeln!(
            f,
            "  haloracle request {id} --input models/credit_risk/low_risk.json"
        )?;
        writeln!(f, "  haloracle status REQUEST_ID --wait 30")?;
        writeln!(f, "\nctrl-c ends everything")
    }
}

impl DevnetArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        match &self.dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).wrap_err_with(|| format!("`{}`", dir.display()))?;
                block_on(self.serve(dir, ui))
            }
            None => {
                let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
                block_on(self.serve(scratch.path(), ui))
            }
        }
    }

    async fn serve(&self, dir: &Path, ui: Ui) -> eyre::Result<Exit> {
        let stop = CancellationToken::new();
        cancel_on_signal(stop.clone())?;
        let working = ui.working("starting anvil");
        let anvil = Anvil::start(&self.checkout, self.port, &[])?;
        let build = Stack::build(&self.checkout, dir, anvil, &working);
        let Some(stack) = stop.run_until_cancelled(build).await else {
            return Ok(Exit::Yes);
        };
        let mut stack = stack?;
        drop(working);
        let payee = OPERATOR.signer()?.address();
        let mut agent = stack.start_agent(dir, payee)?;
        let (keystore, password_file) = USER.keystore(&dir.join("keys"))?;
        let deployment_file = dir.join("deployment.json");
        let text = serde_json::to_vec_pretty(&stack.deployment).wrap_err("could not encode")?;
        write(&deployment_file, &text)?;
        ui.data(&DevnetReport {
            rpc_url: stack.anvil.url().to_owned(),
            model_id: show_id(stack.model_id),
            bundle: stack.compiled.bundle.dir().to_owned(),
            keystore,
            password_file,
            deployment_file,
            agent_log: agent.log().to_owned(),
            payee,
            deployment: stack.deployment.clone(),
        })?;
        while stop
            .run_until_cancelled(tokio::time::sleep(WATCH))
            .await
            .is_some()
        {
            agent.require_running()?;
            stack.anvil.require_running()?;
        }
        agent.stop()?;
        Ok(Exit::Yes)
    }
}
