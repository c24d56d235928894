//! `haloracle request`: asks for an answer, from an ordinary account.

use std::fmt;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, TxHash, U256};
use alloy::signers::local::PrivateKeySigner;
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::statement::INPUT_COMMITMENT;
use haloracle_contracts::{IInferenceHub, RequestOptions};
use haloracle_model::{InputSchema, IntegerModel};
use haloracle_prover::Bundle;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::{Contracts, ContractsArgs};
use crate::chain::node::{Node, NodeArgs, send};
use crate::chain::private::{Opening, OperatorArgs};
use crate::chain::revert::explain;
use crate::chain::view::{encoding, parse_id, schema, show_id};
use crate::chain::wallet::WalletArgs;
use crate::exit::Exit;
use crate::inputs::InputArgs;
use crate::text::{must_not_exist, word};
use crate::ui::Ui;

/// `haloracle request`
#[derive(Debug, clap::Args)]
pub(crate) struct RequestArgs {
    /// Id of a registered model
    #[arg(value_parser = parse_id)]
    model: U256,
    #[command(flatten)]
    input: Option<InputArgs>,
    /// Row of the input file, from 1; may be left out where there is only one
    #[arg(long, value_name = "N", requires = "input")]
    row: Option<usize>,
    /// The model's bundle, for the names of its features: the chain holds none
    #[arg(long, value_name = "BUNDLE", requires = "input")]
    bundle: Option<PathBuf>,
    /// For private inputs: where salt, values and signature go, what operators take. Keep it secret
    #[arg(long, value_name = "FILE", requires = "input")]
    opening: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArgs,
    /// Salted commitment to somebody's private input, instead of an input
    #[arg(long, value_name = "HEX", value_parser = word, requires = "subject",
          conflicts_with = "input", required_unless_present = "input")]
    commitment: Option<[u8; 32]>,
    /// Whose values are behind the commitment: who signs what operators are told
    #[arg(long, value_name = "ADDRESS", requires = "commitment")]
    subject: Option<Address>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_input: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<B256>,
    /// Of a private input: whether an operator has taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    handed_in: Option<bool>,
    fee: String,
    deadline: u64,
    transaction: TxHash,
    gas_used: u64,
}

impl fmt::Display for RequestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request id   {}", self.request_id)?;
        writeln!(f, "model id     {}", self.model_id)?;
        if let Some(raw) = &self.raw_input {
            writeln!(f, "raw input    {raw:?}")?;
        }
        if let Some(commitment) = &self.commitment {
            writeln!(f, "commitment   {commitment}")?;
        }
        match self.handed_in {
            Some(true) => writeln!(f, "input        taken by the operator")?,
            Some(false) => writeln!(f, "input        NOT HANDED IN: an operator must get it")?,
            None => {}
        }
        writeln!(f, "fee          {} wei", self.fee)?;
        writeln!(f, "deadline     {}", self.deadline)?;
        writeln!(f, "transaction  {}", self.transaction)?;
        writeln!(f, "gas          {}", self.gas_used)
    }
}

/// What is asked about.
enum Input {
    /// Raw values inside the model's box.
    Public(Vec<i64>),
    /// The sender's own values, and where their opening is kept.
    Own(Opening, B256, PathBuf),
    /// A commitment to values of somebody.
    Private(B256, Address),
}

/// Names the features of the schema on chain as the bundle does, if it is the bundle of that model.
fn take_names(encoding: &mut IntegerModel, bundle: &Path) -> eyre::Result<()> {
    let opened = Bundle::open(bundle)?;
    let (named, unnamed) = (&opened.model().input, &mut encoding.input);
    let boxes = |schema: &InputSchema| -> Vec<_> {
        let features = schema.features.iter();
        features.map(|f| (f.decimals, f.lo, f.hi)).collect()
    };
    ensure!(
        named.digits == unnamed.digits && boxes(named) == boxes(unnamed),
        "bundle `{}` is of another model than {}: their features differ",
        bundle.display(),
        encoding.name
    );
    unnamed.features.clone_from(&named.features);
    Ok(())
}

impl RequestArgs {
    /// The input in the way that the model takes it.
    async fn input(&self, node: &Node, contracts: &Contracts) -> eyre::Result<Input> {
        let schema = schema(node, contracts, self.model).await?;
        let private = schema.inputMode == INPUT_COMMITMENT;
        let model = show_id(self.model);
        match (&self.input, self.commitment, self.subject) {
            (Some(input), _, _) => {
                let path = match (private, &self.opening) {
                    (false, Some(_)) => Err(eyre!(
                        "model {model} takes public inputs: there is nothing to open"
                    )),
                    (true, None) => Err(eyre!(
                        "model {model} takes private inputs: give --opening FILE for what operators \
                         must be told, and --operator URL to tell one"
                    )),
                    (_, path) => Ok(path.as_ref()),
                }?;
                let mut encoding = encoding(self.model, &schema)?;
                if let Some(bundle) = &self.bundle {
                    take_names(&mut encoding, bundle)?;
                }
                let raw = input.row(&encoding, self.row)?.raw;
                match path {
                    None => Ok(Input::Public(raw)),
                    Some(path) => {
                        must_not_exist(path)?;
                        let opening = Opening::draw(raw);
                        let commitment = opening.commitment(&encoding)?;
                        opening.save(path)?;
                        Ok(Input::Own(opening, commitment, path.clone()))
                    }
                }
            }
            (None, Some(commitment), Some(subject)) => {
                ensure!(private, "model {model} takes public inputs: give --input");
                Ok(Input::Private(commitment.into(), subject))
            }
            _ => Err(eyre!("give --input, or --commitment and --subject")),
        }
    }

    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let key = self.wallet.open()?;
        block_on(self.request(key, ui))
    }

    async fn request(&self, key: PrivateKeySigner, ui: Ui) -> eyre::Result<Exit> {
        let node = self.node.connect(Some(key.clone())).await?;
        let contracts = self.contracts.find(&node).await?;
        let input = self.input(&node, &contracts).await?;
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
            modes: 0,
            userData: B256::ZERO,
        };
        let working = ui.working("requesting");
        let what = "requesting";
        let receipt = match &input {
            Input::Public(raw) => {
                let raw: Result<Vec<i32>, _> = raw.iter().map(|&v| v.try_into()).collect();
                let raw = raw.wrap_err("raw values are 32-bit integers")?;
                let call = hub.requestInference(self.model, raw, options);
                send(what, call.value(fee)).await?
            }
            Input::Own(_, commitment, _) => {
                let own = key.address();
                let call = hub.requestPrivateInference(self.model, *commitment, own, options);
                send(what, call.value(fee)).await?
            }
            Input::Private(commitment, subject) => {
                let call = hub.requestPrivateInference(self.model, *commitment, *subject, options);
                send(what, call.value(fee)).await?
            }
        };
        let event = receipt.decoded_log::<IInferenceHub::InferenceRequested>();
        let event = event.ok_or_else(|| eyre!("the hub announced no request"))?;
        ensure!(
            event.address == contracts.hub,
            "another contract announced the request"
        );
        let id = event.data.id;
        let mut report = RequestReport {
            request_id: show_id(id),
            model_id: show_id(self.model),
            raw_input: None,
            commitment: None,
            handed_in: None,
            fee: fee.to_string(),
            deadline,
            transaction: receipt.transaction_hash,
            gas_used: receipt.gas_used,
        };
        match input {
            Input::Public(raw) => report.raw_input = Some(raw),
            Input::Private(commitment, _) => report.commitment = Some(commitment),
            Input::Own(opening, commitment, path) => {
                report.commitment = Some(commitment);
                let place = (node.chain_id, contracts.hub);
                let body = opening.save_signed(&path, &key, place, id, commitment)?;
                working.now("handing the input in");
                let taken = self.operator.hand_in(&body).await.wrap_err_with(|| {
                    let (request, path) = (&report.request_id, path.display());
                    format!("request {request} was made; hand in `{path}` again")
                })?;
                report.handed_in = Some(taken);
            }
        }
        drop(working);
        ui.data(&report)?;
        Ok(Exit::Yes)
    }
}
