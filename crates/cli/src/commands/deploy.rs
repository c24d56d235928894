//! `haloracle deploy`: verifiers, router, registry, hub and escrow.

use std::fmt;
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use eyre::WrapErr;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::{Deployment, FOLDER};
use crate::chain::deploy::{DEVELOPMENT, Plan, deploy};
use crate::chain::node::NodeArgs;
use crate::chain::wallet::WalletArgs;
use crate::exit::Exit;
use crate::text::{must_not_exist, write};
use crate::ui::Ui;

/// `haloracle deploy`
#[derive(Debug, clap::Args)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    /// forge's output folder
    #[arg(long, value_name = "DIR", default_value = "out")]
    artifacts: PathBuf,
    /// Owner of the router; the sender if absent
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<Address>,
    /// Who may stop a route; the sender if absent
    #[arg(long, value_name = "ADDRESS")]
    guardian: Option<Address>,
    /// Deploy a verifier of an unsafe SRS: whoever made the SRS can forge proofs
    #[arg(long)]
    allow_unsafe: bool,
    /// Where the addresses go; deployments/CHAIN_ID.json if absent
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct DeployReport {
    file: PathBuf,
    gas_used: u64,
    #[serde(flatten)]
    deployment: Deployment,
}

impl fmt::Display for DeployReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.deployment;
        for (name, address) in [
            ("router", d.router),
            ("registry", d.registry),
            ("hub", d.hub),
            ("escrow", d.escrow),
        ] {
            writeln!(f, "{name:<9} {address}")?;
        }
        for verifier in &d.verifiers {
            let secret = if verifier.srs_unsafe {
                "  UNSAFE, development only"
            } else {
                ""
            };
            writeln!(f, "verifier  {} {}", verifier.address, verifier.name)?;
            writeln!(f, "  route   {}", verifier.route)?;
            writeln!(f, "  srs     {}{secret}", verifier.srs_hash)?;
        }
        writeln!(f, "gas       {}", self.gas_used)?;
        writeln!(f, "wrote     {}", self.file.display())
    }
}

impl DeployArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let key = self.wallet.open()?;
        let deployer = key.address();
        block_on(async {
            let node = self.node.connect(Some(key)).await?;
            let default = Path::new(FOLDER).join(format!("{}.json", node.chain_id));
            let file = self.output.clone().unwrap_or(default);
            if node.chain_id != DEVELOPMENT {
                must_not_exist(&file)?;
            }
            let plan = Plan {
                artifacts: &self.artifacts,
                deployer,
                owner: self.owner.unwrap_or(deployer),
                guardian: self.guardian.unwrap_or(deployer),
                allow_unsafe: self.allow_unsafe,
            };
            let working = ui.working("deploying");
            let (deployment, gas_used) = deploy(&node, plan).await?;
            drop(working);
            let mut text = serde_json::to_vec_pretty(&deployment).wrap_err("could not encode")?;
            text.push(b'\n');
            write(&file, &text)?;
            if deployment.owner != deployer {
                ui.say("the new owner of the router still has to call acceptOwnership()");
            }
            ui.data(&DeployReport {
                file,
                gas_used,
                deployment,
            })?;
            Ok(Exit::Yes)
        })
    }
}
