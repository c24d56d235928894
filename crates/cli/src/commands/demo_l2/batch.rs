//! Requests on the rollup, and the operator who settles them together.

use std::time::Instant;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionReceipt;
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::IInferenceHub::InferenceRequested;
use haloracle_contracts::batch::{self, BatchResult, ResultTree};
use haloracle_contracts::{
    IBatchSettler, IInferenceHub, Request, RequestOptions, State, statement,
};
use haloracle_model::Dataset;

use crate::chain::node::{Node, send};
use crate::chain::revert::{explain, explain_transport};
use crate::inputs;
use crate::local::accounts::{OPERATOR, USER};
use crate::local::stack::Stack;

use super::PRICES;

/// Seconds that a request stays open.
const LIFETIME: u64 = 3_600;
/// Bytes of a word.
const WORD: usize = 32;

/// An open request.
pub(super) struct Open {
    pub(super) id: U256,
    pub(super) request: Request,
    words: Bytes,
    raw: Vec<i64>,
}

/// What a settlement of many requests took.
pub(super) struct Settled {
    pub(super) requests: usize,
    pub(super) items: u32,
    pub(super) proof_seconds: f64,
    pub(super) gas: u64,
    pub(super) data_fee: U256,
    pub(super) computed_data_fee: U256,
}

/// A posted root and everything that its leaves are claimed with.
pub(super) struct Posted {
    pub(super) settled: Settled,
    pub(super) batch_id: U256,
    pub(super) tag: B256,
    pub(super) claims: Vec<IBatchSettler::Claim>,
}

/// A proof of many answers, ready to be sent.
struct Proved {
    items: u32,
    tag: B256,
    inputs: Bytes,
    outputs: Vec<Vec<u8>>,
    proof: Bytes,
    seconds: f64,
}

/// Asks, proves and settles on the rollup.
pub(super) struct Operator<'s> {
    stack: &'s Stack,
    user: Node,
    node: Node,
    settler: Address,
}

impl<'s> Operator<'s> {
    pub(super) async fn new(stack: &'s Stack) -> eyre::Result<Self> {
        let settler = stack.deployment.settler;
        Ok(Self {
            user: stack.as_account(USER).await?,
            node: stack.as_account(OPERATOR).await?,
            settler: settler.ok_or_else(|| eyre!("no settler was deployed"))?,
            stack,
        })
    }

    /// Who asks.
    pub(super) fn consumer(&self) -> eyre::Result<Address> {
        Ok(USER.signer()?.address())
    }

    fn payee(&self) -> eyre::Result<Address> {
        Ok(OPERATOR.signer()?.address())
    }

    /// Opens `count` requests on rows of the model's calibration data.
    pub(super) async fn ask(&self, count: usize, modes: u8) -> eyre::Result<Vec<Open>> {
        let model = self.stack.compiled.bundle.model();
        let data = Dataset::read(&self.stack.calibration)?;
        let hub = IInferenceHub::new(self.stack.contracts.hub, &self.user.provider);
        let asked = |error| explain("asking for the fee", error);
        let fee = hub.quote(self.stack.model_id, 0).call().await;
        let fee = fee.map_err(asked)?;
        let deadline = self.user.now().await? + LIFETIME;
        let mut open = Vec::with_capacity(count);
        for (index, row) in data.x.iter().take(count).enumerate() {
            let row = inputs::from_real(model, row)?;
            let raw: Vec<i32> = (row.raw.iter().map(|value| i32::try_from(*value)))
                .collect::<Result<_, _>>()
                .wrap_err("a 32-bit integer")?;
            let options = RequestOptions {
                deadline,
                modes,
                userData: B256::from(U256::from(index + 1)),
                ..RequestOptions::default()
            };
            let call = hub.requestInference(self.stack.model_id, raw, options);
            let receipt = send("requesting", call.value(fee)).await?;
            let event = receipt.decoded_log::<InferenceRequested>();
            let event = event
                .ok_or_else(|| eyre!("the hub announced no request"))?
                .data;
            open.push(Open {
                id: event.id,
                request: event.request,
                words: event.input,
                raw: row.raw,
            });
        }
        ensure!(open.len() == count, "fewer than {count} calibration rows");
        Ok(open)
    }

    /// Proves the answers to `open` in the smallest circuit that holds them.
    fn prove(&self, open: &[Open]) -> eyre::Result<Proved> {
        let bundle = &self.stack.compiled.bundle;
        let items = bundle.batch_for(open.len());
        let items = items.ok_or_else(|| eyre!("no batch circuit holds {} inputs", open.len()))?;
        let keys = bundle.batch_keys(items)?;
        let vk_hash = statement::vk_hash(&keys.verifying_key().to_data());
        let payee = self.payee()?;
        let leaves: Vec<(U256, Address)> = open.iter().map(|one| (one.id, payee)).collect();
        let tag = batch::batch_tag(self.node.chain_id, self.settler, vk_hash, &leaves);
        let rows: Vec<Vec<i64>> = open.iter().map(|one| one.raw.clone()).collect();
        let start = Instant::now();
        let proof = keys.prove_batch(&rows, &[], &tag.0)?;
        let seconds = start.elapsed().as_secs_f64();
        let (ins, outs) = (bundle.model().input_words(), bundle.model().output_words());
        let outputs = proof.instances[2..].chunks(ins + outs).take(open.len());
        let outputs = outputs.map(|item| item[ins..].as_flattened().to_vec());
        Ok(Proved {
            items,
            tag,
            inputs: open.iter().flat_map(|one| one.words.to_vec()).collect(),
            outputs: outputs.collect(),
            proof: proof.evm.into(),
            seconds,
        })
    }

    /// Gas of a settlement, and what the chain took for its data.
    async fn settled(
        &self,
        proved: &Proved,
        balance: U256,
        receipt: &TransactionReceipt,
    ) -> eyre::Result<Settled> {
        let asked = |error| explain_transport("reading the settlement", &error);
        let hash = receipt.transaction_hash;
        let provider = &self.node.provider;
        let raw = provider.get_raw_transaction_by_hash(hash).await;
        let raw = raw
            .map_err(asked)?
            .ok_or_else(|| eyre!("the node does not know transaction {hash}"))?;
        let spent = balance - self.balance().await?;
        let gas = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        let settled = Settled {
            requests: proved.outputs.len(),
            items: proved.items,
            proof_seconds: proved.seconds,
            gas: receipt.gas_used,
            data_fee: spent.saturating_sub(gas),
            computed_data_fee: PRICES.fee(haloracle_contracts::l1_fee::DataFee::Fjord, &raw),
        };
        ensure!(
            settled.data_fee == settled.computed_data_fee,
            "the chain took {} wei for the data, the formula says {}",
            settled.data_fee,
            settled.computed_data_fee
        );
        Ok(settled)
    }

    async fn balance(&self) -> eyre::Result<U256> {
        let balance = self.node.provider.get_balance(self.payee()?).await;
        balance.map_err(|error| explain_transport("reading the operator's balance", &error))
    }

    /// Settles `open` by one call that stores every result.
    pub(super) async fn settle(&self, open: &[Open]) -> eyre::Result<Settled> {
        let proved = self.prove(open)?;
        let balance = self.balance().await?;
        let contract = IBatchSettler::new(self.settler, &self.node.provider);
        let call = contract.settleBatch(IBatchSettler::Batch {
            modelId: self.stack.model_id,
            items: U256::from(proved.items),
            requests: open.iter().map(|one| one.request.clone()).collect(),
            payees: vec![self.payee()?],
            inputs: proved.inputs.clone(),
            outputs: proved.outputs.concat().into(),
            proof: proved.proof.clone(),
        });
        let receipt = send("settling a batch", call).await?;
        self.settled(&proved, balance, &receipt).await
    }

    /// Fails unless every request has its result, for the operator.
    pub(super) async fn require_verified(&self, open: &[Open]) -> eyre::Result<()> {
        let hub = IInferenceHub::new(self.stack.contracts.hub, &self.node.provider);
        for one in open {
            let result = hub.resultOf(one.id).call().await;
            let result = result.map_err(|error| explain("reading a result", error))?;
            ensure!(
                result.state == State::Verified && result.payee == self.payee()?,
                "request {} was not settled",
                one.id
            );
        }
        Ok(())
    }

    /// Proves `open` and posts the root of the results.
    pub(super) async fn post_root(&self, open: &[Open]) -> eyre::Result<Posted> {
        let proved = self.prove(open)?;
        let balance = self.balance().await?;
        let payee = self.payee()?;
        let contract = IBatchSettler::new(self.settler, &self.node.provider);
        let call = contract.settleRoot(IBatchSettler::RootBatch {
            modelId: self.stack.model_id,
            items: U256::from(proved.items),
            ids: open.iter().map(|one| one.id).collect(),
            payees: vec![payee],
            inputs: proved.inputs.clone(),
            outputs: proved.outputs.concat().into(),
            proof: proved.proof.clone(),
        });
        let receipt = send("posting a root", call).await?;
        let batch_id = batch::batch_id(self.stack.model_id, proved.tag);
        let bits = self.stack.compiled.bundle.model().output_slot_bits() as usize;
        let status = |output: &[u8]| {
            let word = U256::from_be_slice(output.get(..WORD).unwrap_or_default());
            word & ((U256::from(1) << bits) - U256::from(1))
        };
        let results = open.iter().zip(&proved.outputs);
        let results: Vec<BatchResult> = results
            .map(|(one, output)| BatchResult {
                request_id: one.id,
                payee,
                status: status(output),
                input_digest: one.request.inputDigest,
                output_digest: alloy::primitives::keccak256(output),
            })
            .collect();
        let tree = ResultTree::new(self.node.chain_id, self.settler, batch_id, &results)?;
        let posted = contract.postedRoot(batch_id).call().await;
        let posted = posted.map_err(|error| explain("reading the root", error))?;
        ensure!(posted.root == tree.root(), "the settler holds another root");
        let claims = open.iter().zip(&proved.outputs).enumerate();
        let claims = claims.map(|(index, (one, output))| {
            Ok(IBatchSettler::Claim {
                request: one.request.clone(),
                batchTag: proved.tag,
                index: U256::from(index),
                payee,
                output: output.clone().into(),
                path: tree.path(index)?,
            })
        });
        Ok(Posted {
            claims: claims.collect::<eyre::Result<_>>()?,
            settled: self.settled(&proved, balance, &receipt).await?,
            batch_id,
            tag: proved.tag,
        })
    }

    /// Settles one leaf of a posted root; its gas.
    pub(super) async fn claim(&self, posted: &Posted, index: usize) -> eyre::Result<u64> {
        let claim = posted.claims.get(index);
        let claim = claim.ok_or_else(|| eyre!("the batch has no leaf {index}"))?;
        let contract = IBatchSettler::new(self.settler, &self.node.provider);
        let receipt = send("claiming a leaf", contract.claimLeaf(claim.clone())).await?;
        Ok(receipt.gas_used)
    }
}
