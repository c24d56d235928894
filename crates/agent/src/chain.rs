//! The chain as the agent sees it: typed reads and writes of one hub over [`Rpc`].
//!
//! What decides about a job is read at a named block, so that a node that is behind says so
//! instead of answering from the past. Other calls name the latest block: alloy would ask for the
//! pending one, in which our own unmined settlement has already happened.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::{Filter, Log, TransactionRequest},
    sol_types::{SolCall, SolEvent, SolEventInterface, SolInterface},
    transports::TransportResult,
};
use haloracle_contracts::{
    IInferenceHub::{
        self, Closed, FeeIncreased, IInferenceHubErrors, IInferenceHubEvents, InferenceRequested,
        Verified,
    },
    IModelRegistry, ModelTerms, Schema, State, statement,
};
use tracing::warn;

use crate::{
    rpc::{Class, Method, Rpc, RpcError},
    store::{Checkpoint, NewJob},
};

/// A block header's part that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: Option<u64>,
}

impl Block {
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            number: self.number,
            hash: self.hash,
        }
    }
}

/// What the hub told.
#[derive(Clone, Debug)]
pub(crate) enum HubEvent {
    Requested(NewJob),
    FeeIncreased {
        id: U256,
        total: U256,
    },
    Verified {
        id: U256,
        payee: Address,
        output: Bytes,
    },
    Closed {
        id: U256,
    },
}

/// An event and its block.
#[derive(Clone, Debug)]
pub(crate) struct HubLog {
    pub(crate) block: Checkpoint,
    /// Position in its block.
    pub(crate) index: u64,
    pub(crate) event: HubEvent,
}

/// Settlement state of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestState {
    pub(crate) state: State,
    pub(crate) payee: Address,
}

/// A mined transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) hash: B256,
    pub(crate) block: u64,
    pub(crate) ok: bool,
    /// Wei paid for gas.
    pub(crate) cost: U256,
}

/// One hub on one chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    rpc: Rpc,
    hub: Address,
    id: u64,
}

impl Chain {
    pub(crate) fn new(rpc: Rpc, id: u64, hub: Address) -> Self {
        Self { rpc, hub, id }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn hub(&self) -> Address {
        self.hub
    }

    pub(crate) async fn node_chain_id(&self) -> Result<u64, RpcError> {
        self.rpc
            .call(
                Method::ChainId,
                |node| async move { node.get_chain_id().await },
            )
            .await
    }

    pub(crate) async fn head(&self) -> Result<Block, RpcError> {
        let head = self.block_at(BlockNumberOrTag::Latest).await?;
        head.ok_or_else(|| RpcError::new(Method::Block, Class::Transient, "no latest block"))
    }

    /// The canonical block at `number`; `None` beyond the node's head.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Block>, RpcError> {
        self.block_at(BlockNumberOrTag::Number(number)).await
    }

    async fn block_at(&self, at: BlockNumberOrTag) -> Result<Option<Block>, RpcError> {
        let block = self
            .rpc
            .call(Method::Block, |node| async move {
                node.get_block_by_number(at).await
            })
            .await?;
        Ok(block.map(|block| Block {
            number: block.header.number,
            hash: block.header.hash,
            timestamp: block.header.timestamp,
            base_fee: block.header.base_fee_per_gas,
        }))
    }

    /// What the hub told in blocks `from..=to`, in order.
    pub(crate) async fn logs(&self, from: u64, to: u64) -> Result<Vec<HubLog>, RpcError> {
        let topics = vec![
            InferenceRequested::SIGNATURE_HASH,
            FeeIncreased::SIGNATURE_HASH,
            Verified::SIGNATURE_HASH,
            Closed::SIGNATURE_HASH,
        ];
        let filter = Filter::new()
            .address(self.hub)
            .event_signature(topics)
            .from_block(from)
            .to_block(to);
        let logs = self.raw_logs(filter).await?;
        Ok(logs.iter().filter_map(|log| self.decode(log)).collect())
    }

    /// Any logs.
    pub(crate) async fn raw_logs(&self, filter: Filter) -> Result<Vec<Log>, RpcError> {
        let filter = &filter;
        self.rpc
            .call(
                Method::Logs,
                |node| async move { node.get_logs(filter).await },
            )
            .await
    }

    /// An event of this hub; `None` for what is not one, or lies about its id.
    fn decode(&self, log: &Log) -> Option<HubLog> {
        let block = Checkpoint {
            number: log.block_number?,
            hash: log.block_hash?,
        };
        if log.removed || log.address() != self.hub {
            return None;
        }
        let event = match IInferenceHubEvents::decode_log(&log.inner) {
            Ok(decoded) => decoded.data,
            Err(error) => {
                warn!(%error, block = block.number, "a log of the hub could not be read");
                return None;
            }
        };
        let event = match event {
            IInferenceHubEvents::InferenceRequested(event) => {
                let id = statement::request_id(self.id, self.hub, &event.request);
                if id != event.id {
                    warn!(request = %hex_id(event.id), "the request is not what its id says");
                    return None;
                }
                HubEvent::Requested(NewJob {
                    id,
                    request: event.request,
                    input: event.input,
                    block_number: block.number,
                })
            }
            IInferenceHubEvents::FeeIncreased(event) => HubEvent::FeeIncreased {
                id: event.id,
                total: event.total,
            },
            IInferenceHubEvents::Verified(event) => HubEvent::Verified {
                id: event.id,
                payee: event.payee,
                output: event.output,
            },
            IInferenceHubEvents::Closed(event) => HubEvent::Closed { id: event.id },
            IInferenceHubEvents::CancelRequested(_) | IInferenceHubEvents::CallbackResult(_) => {
                return None;
            }
        };
        let index = log.log_index?;
        Some(HubLog {
            block,
            index,
            event,
        })
    }

    /// What the hub says about a request at block `at`. A node that does not have that block is
    /// in trouble, it does not answer.
    pub(crate) async fn request_state(
        &self,
        id: U256,
        at: Block,
    ) -> Result<RequestState, RpcError> {
        let call = IInferenceHub::resultOfCall { id };
        let answer = self
            .read_at(self.hub, &call, BlockId::hash_canonical(at.hash))
            .await?;
        Ok(RequestState {
            state: answer.state,
            payee: answer.payee,
        })
    }

    /// The hub's registry.
    pub(crate) async fn registry(&self) -> Result<Address, RpcError> {
        self.read(self.hub, &IInferenceHub::registryCall {}).await
    }

    /// The immutable terms of a model.
    pub(crate) async fn terms(
        &self,
        registry: Address,
        model_id: U256,
    ) -> Result<ModelTerms, RpcError> {
        self.read(registry, &IModelRegistry::termsOfCall { modelId: model_id })
            .await
    }

    /// Hash of the key that a model's batches of `items` are verified with; `None` if there is none.
    pub(crate) async fn batch_key(
        &self,
        registry: Address,
        model_id: U256,
        items: u32,
    ) -> Result<Option<B256>, RpcError> {
        let call = IModelRegistry::batchTermsOfCall {
            modelId: model_id,
            items: U256::from(items),
        };
        match self.read(registry, &call).await {
            Ok(terms) => Ok(Some(terms.vkHash)),
            Err(error) if matches!(error.class, Class::Revert(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Part of a request's fee that goes to the model's owner, in hundredths of a percent: as
    /// recorded when it was made, whatever the model's policy is by now.
    pub(crate) async fn owner_share(&self, id: U256) -> Result<u16, RpcError> {
        self.read(self.hub, &IInferenceHub::ownerShareOfCall { id })
            .await
    }

    /// The schema of a model.
    pub(crate) async fn schema(
        &self,
        registry: Address,
        model_id: U256,
    ) -> Result<Schema, RpcError> {
        self.read(
            registry,
            &IModelRegistry::schemaOfCall { modelId: model_id },
        )
        .await
    }

    /// When the announced cancellation of a request takes effect, in seconds since 1970; 0 if
    /// none was announced.
    pub(crate) async fn cancelled_at(&self, id: U256) -> Result<u64, RpcError> {
        self.read(self.hub, &IInferenceHub::cancelEffectiveAtCall { id })
            .await
    }

    pub(crate) async fn read<C: SolCall>(
        &self,
        to: Address,
        call: &C,
    ) -> Result<C::Return, RpcError> {
        self.read_at(to, call, BlockId::latest()).await
    }

    async fn read_at<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        at: BlockId,
    ) -> Result<C::Return, RpcError> {
        let request = &TransactionRequest::default()
            .with_to(to)
            .with_input(call.abi_encode());
        let answer = self
            .rpc
            .call(Method::Call, |node| async move {
                node.call(request.clone()).block(at).await
            })
            .await?;
        C::abi_decode_returns(&answer)
            .map_err(|error| RpcError::new(Method::Call, Class::Rejected, error))
    }

    /// What a transaction would return, without sending it.
    pub(crate) async fn simulate(
        &self,
        from: Address,
        to: Address,
        data: &Bytes,
    ) -> Result<Bytes, RpcError> {
        let request = &request(from, to, data);
        self.rpc
            .call(Method::Call, |node| async move {
                node.call(request.clone()).latest().await
            })
            .await
    }

    /// Gas that a transaction needs.
    pub(crate) async fn estimate_gas(
        &self,
        from: Address,
        to: Address,
        data: &Bytes,
    ) -> Result<u64, RpcError> {
        let request = &request(from, to, data);
        self.rpc
            .call(Method::EstimateGas, |node| async move {
                node.estimate_gas(request.clone())
                    .block(BlockId::latest())
                    .await
            })
            .await
    }

    /// Nonce after block `at`.
    pub(crate) async fn nonce(&self, account: Address, at: Block) -> Result<u64, RpcError> {
        let at = BlockId::hash_canonical(at.hash);
        self.account(Method::Nonce, |node| async move {
            node.get_transaction_count(account).block_id(at).await
        })
        .await
    }

    pub(crate) async fn balance(&self, account: Address) -> Result<U256, RpcError> {
        self.account(Method::Balance, |node| async move {
            node.get_balance(account).await
        })
        .await
    }

    pub(crate) async fn code(&self, account: Address) -> Result<Bytes, RpcError> {
        self.account(Method::Code, |node| async move {
            node.get_code_at(account).await
        })
        .await
    }

    /// A word of an account's storage.
    pub(crate) async fn storage(&self, account: Address, slot: u64) -> Result<U256, RpcError> {
        self.account(Method::Storage, |node| async move {
            node.get_storage_at(account, U256::from(slot)).await
        })
        .await
    }

    pub(crate) async fn priority_fee(&self) -> Result<u128, RpcError> {
        self.account(Method::PriorityFee, |node| async move {
            node.get_max_priority_fee_per_gas().await
        })
        .await
    }

    async fn account<T, F, Fut>(&self, method: Method, call: F) -> Result<T, RpcError>
    where
        F: Fn(alloy::providers::RootProvider) -> Fut,
        Fut: Future<Output = TransportResult<T>>,
    {
        self.rpc.call(method, call).await
    }

    /// Hands a signed transaction to a node.
    pub(crate) async fn send(&self, raw: &Bytes) -> Result<(), RpcError> {
        self.rpc
            .call(Method::Send, |node| async move {
                node.send_raw_transaction(raw)
                    .await
                    .map(|pending| *pending.tx_hash())
            })
            .await
            .map(drop)
    }

    /// Whether a node knows the transaction, mined or waiting.
    pub(crate) async fn knows(&self, hash: B256) -> Result<bool, RpcError> {
        let found = self
            .rpc
            .call(Method::Transaction, |node| async move {
                node.get_transaction_by_hash(hash).await
            })
            .await?;
        Ok(found.is_some())
    }

    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, RpcError> {
        let found = self
            .rpc
            .call(Method::Receipt, |node| async move {
                node.get_transaction_receipt(hash).await
            })
            .await?;
        Ok(found.and_then(|receipt| {
            Some(Receipt {
                hash,
                block: receipt.block_number?,
                ok: receipt.status(),
                cost: U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price),
            })
        }))
    }
}

fn request(from: Address, to: Address, data: &Bytes) -> TransactionRequest {
    TransactionRequest::default()
        .with_from(from)
        .with_to(to)
        .with_input(data.clone())
}

/// The hub's error in revert data.
pub(crate) fn hub_error(error: &RpcError) -> Option<IInferenceHubErrors> {
    match &error.class {
        Class::Revert(data) => IInferenceHubErrors::abi_decode(data).ok(),
        _ => None,
    }
}

/// A request id as people see it.
pub(crate) fn hex_id(id: U256) -> String {
    format!("{id:#066x}")
}
