//! `haloracle withdraw`: takes what the escrow owes the sender.

use std::fmt;

use alloy::primitives::{Address, TxHash};
use eyre::ensure;
use haloracle_contracts::IEscrow;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::ContractsArgs;
use crate::chain::node::{NodeArgs, send};
use crate::chain::revert::explain;
use crate::chain::wallet::WalletArgs;
use crate::exit::Exit;
use crate::ui::Ui;

/// `haloracle withdraw`
#[derive(Debug, clap::Args)]
pub(crate) struct WithdrawArgs {
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    contracts: ContractsArgs,
    /// Who receives it; the sender if absent
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
}

#[derive(Serialize)]
struct WithdrawReport {
    account: Address,
    to: Address,
    /// In wei.
    amount: String,
    transaction: TxHash,
    gas_used: u64,
}

impl fmt::Display for WithdrawReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "account      {}", self.account)?;
        writeln!(f, "to           {}", self.to)?;
        writeln!(f, "amount       {} wei", self.amount)?;
        writeln!(f, "transaction  {}", self.transaction)?;
        writeln!(f, "gas          {}", self.gas_used)
    }
}

impl WithdrawArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let key = self.wallet.open()?;
        let account = key.address();
        block_on(async {
            let node = self.node.connect(Some(key)).await?;
            let contracts = self.contracts.find(&node).await?;
            let escrow = IEscrow::new(contracts.escrow, &node.provider);
            let balance = escrow.balanceOf(account).call().await;
            let amount = balance.map_err(|error| explain("asking for the balance", error))?;
            ensure!(!amount.is_zero(), "the escrow owes {account} nothing");
            let to = self.to.unwrap_or(account);
            let receipt = send("withdrawing", escrow.withdraw(to)).await?;
            ui.data(&WithdrawReport {
                account,
                to,
                amount: amount.to_string(),
                transaction: receipt.transaction_hash,
                gas_used: receipt.gas_used,
            })?;
            Ok(Exit::Yes)
        })
    }
}
