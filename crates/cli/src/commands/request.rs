//! `haloracle request`: asks for an answer, from an ordinary account.

use std::fmt;

use alloy::primitives::{Address, B256, TxHash, U256};
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::{IInferenceHub, RequestOptions};
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::ContractsArgs;
use crate::chain::node::{NodeArgs, send};
use crate::chain::revert::explain;
use crate::chain::view::{encoding, parse_id, schema, show_id};
use crate::chain::wallet::WalletArgs;
use crate::exit::Exit;
use crate::inputs::InputArgs;
use crate::ui::Ui;

/// `haloracle request`
#[derive(Debug, clap::Args)]
pub(crate) struct RequestArgs {
    /// Id of a registered model
    #[arg(value_parser = parse_id)]
    model: U256,
    #[command(flatten)]
    input: InputArgs,
    /// Row of the input file, from 1; may be left out where there is only one
    #[arg(long, value_name = "N")]
    row: Option<usize>,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    wallet: WalletArgs,
    #[command(flatten)]
    contracts: ContractsArgs,
    /// Fee in wei; what the model asks for if absent
    #[arg(long, value_name = "WEI")]
    fee: Option<u64>,
    /// Seconds that operators have to answer, up to 30 days
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    time: u64,
    /// Who may withdraw refunds; the sender if absent
    #[arg(long, value_name = "ADDRESS")]
    refund_to: Option<Address>,
}

#[derive(Serialize)]
struct RequestReport {
    request_id: String,
    model_id: String,
    raw_input: Vec<i64>,
    fee: String,
    deadline: u64,
    transaction: TxHash,
    gas_used: u64,
}

impl fmt::Display for RequestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request id   {}", self.request_id)?;
        writeln!(f, "model id     {}", self.model_id)?;
        writeln!(f, "raw input    {:?}", self.raw_input)?;
        writeln!(f, "fee          {} wei", self.fee)?;
        writeln!(f, "deadline     {}", self.deadline)?;
        writeln!(f, "transaction  {}", self.transaction)?;
        writeln!(f, "gas          {}", self.gas_used)
    }
}

impl RequestArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let key = self.wallet.open()?;
        block_on(async {
            let node = self.node.connect(Some(key)).await?;
            let contracts = self.contracts.find(&node).await?;
            let encoding = encoding(self.model, &schema(&node, &contracts, self.model).await?);
            let row = self.input.row(&encoding, self.row)?;
            let input: Result<Vec<i32>, _> = row.raw.iter().map(|&v| v.try_into()).collect();
            let hub = IInferenceHub::new(contracts.hub, &node.provider);
            let fee = match self.fee {
                Some(fee) => U256::from(fee),
                None => {
                    let quote = hub.quote(self.model, 0).call().await;
                    quote.map_err(|error| explain("asking for the fee", error))?
                }
            };
            let deadline = node.now().await? + self.time;
            let options = RequestOptions {
                refundTo: self.refund_to.unwrap_or_default(),
                deadline,
                callbackGas: 0,
                userData: B256::ZERO,
            };
            let working = ui.working("requesting");
            let input = input.wrap_err("raw values are 32-bit integers")?;
            let call = hub.requestInference(self.model, input, options).value(fee);
            let receipt = send("requesting", call).await?;
            drop(working);
            let event = receipt.decoded_log::<IInferenceHub::InferenceRequested>();
            let event = event.ok_or_else(|| eyre!("the hub announced no request"))?;
            ensure!(
                event.address == contracts.hub,
                "another contract announced the request"
            );
            ui.data(&RequestReport {
                request_id: show_id(event.data.id),
                model_id: show_id(self.model),
                raw_input: row.raw,
                fee: fee.to_string(),
                deadline,
                transaction: receipt.transaction_hash,
                gas_used: receipt.gas_used,
            })?;
            Ok(Exit::Yes)
        })
    }
}
