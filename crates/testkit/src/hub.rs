//! The real contracts on a real anvil: verifier, router, registry, hub; and a caller of theirs.

use alloy::{
    eips::BlockId,
    network::Ethereum,
    primitives::{Address, B256, Bytes, U256, Uint},
    providers::{Provider, RootProvider},
    rpc::types::{Filter, TransactionReceipt},
    sol_types::{SolCall, SolEvent, SolValue},
};
use haloracle_contracts::{
    BatchKey, IEscrow, IInferenceHub, IModelRegistry, IVerifierRouter, ModelPolicy, ModelSpec,
    Request, RequestOptions, Schema, State, statement,
};

use crate::{Anvil, Artifact, TestkitError, anvil::ACCOUNTS};

/// Text whose keccak-256 seeds the SRS that the committed `Halo2Verifier` was generated for.
pub const UNSAFE_SEED_TEXT: &str = "haloracle unsafe development srs v1";
/// Owner of the contracts and of the models.
pub const OWNER: Address = ACCOUNTS[0];
/// Who asks.
pub const CALLER: Address = ACCOUNTS[2];

/// The seed of the development SRS.
pub fn unsafe_seed() -> [u8; 32] {
    alloy::primitives::keccak256(UNSAFE_SEED_TEXT).0
}

/// Deployed contracts.
#[derive(Debug)]
pub struct Hub {
    /// The node.
    pub anvil: Anvil,
    /// `InferenceHub`.
    pub hub: Address,
    /// `BatchSettler`.
    pub settler: Address,
    /// `ModelRegistry`.
    pub registry: Address,
    /// `VerifierRouter`.
    pub router: Address,
    /// `Escrow`.
    pub escrow: Address,
    /// Route of the deployed `Halo2Verifier`.
    pub route: B256,
    /// Route of the deployed `Halo2VerifierWide`.
    pub wide_route: B256,
}

impl Hub {
    /// Deploys everything on `anvil` and activates the verifiers' routes.
    ///
    /// # Errors
    /// Forge cannot build, or a deployment reverts.
    pub async fn deploy(anvil: Anvil) -> Result<Self, TestkitError> {
        let deploy = async |name: &str, arguments: Vec<u8>| {
            Artifact::load(name)?
                .deploy(&anvil, OWNER, &arguments)
                .await
        };
        let router = deploy("VerifierRouter", (OWNER, OWNER).abi_encode()).await?;
        let registry = deploy("ModelRegistry", router.abi_encode()).await?;
        // The settler names its hub, which comes next.
        let nonce = anvil.provider().get_transaction_count(OWNER).await?;
        let parts = (OWNER.create(nonce + 1), registry).abi_encode();
        let settler = deploy("BatchSettler", parts).await?;
        let parts = (registry, router, vec![settler]).abi_encode_params();
        let hub = deploy("InferenceHub", parts).await?;
        let activate = async |name: &str| {
            let verifier = deploy(name, Vec::new()).await?;
            let call = IVerifierRouter::activateCall { verifier }.abi_encode();
            let sent = anvil.send("activate", OWNER, Some(router), U256::ZERO, call.into());
            let receipt = sent.await?;
            event::<IVerifierRouter::RouteActivated>(&receipt, "RouteActivated")
        };
        let route = activate("Halo2Verifier").await?.route;
        let wide_route = activate("Halo2VerifierWide").await?.route;
        let provider = anvil.provider();
        let escrow = IInferenceHub::new(hub, provider).escrow().call().await?;
        Ok(Self {
            anvil,
            hub,
            settler,
            registry,
            router,
            escrow,
            route,
            wide_route,
        })
    }

    /// The hub's binding.
    pub fn contract(&self) -> IInferenceHub::IInferenceHubInstance<RootProvider, Ethereum> {
        IInferenceHub::new(self.hub, self.anvil.provider())
    }

    /// Registers a model owned by [`OWNER`] under the deployed route.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn register(
        &self,
        vk_data: &[u8],
        srs_hash: B256,
        schema: Schema,
        policy: ModelPolicy,
    ) -> Result<U256, TestkitError> {
        let spec = ModelSpec::default();
        self.register_as(spec, vk_data, srs_hash, schema, policy)
            .await
    }

    /// As [`Self::register`], with what `spec` says besides the hashes of the data; its route too,
    /// if it names one.
    ///
    /// # Errors
    /// The registry refuses it.
    pub async fn register_as(
        &self,
        spec: ModelSpec,
        vk_data: &[u8],
        srs_hash: B256,
        schema: Schema,
        policy: ModelPolicy,
    ) -> Result<U256, TestkitError> {
        self.register_batched(spec, vk_data, srs_hash, schema, policy, &[])
            .await
    }

    /// As [`Self::register_as`], with keys of batches: items of each and its data.
    ///
    /// # Errors
    /// The registry refuses the model or a key.
    pub async fn register_batched(
        &self,
        spec: ModelSpec,
        vk_data: &[u8],
        srs_hash: B256,
        schema: Schema,
        policy: ModelPolicy,
        batches: &[(u16, Vec<u8>)],
    ) -> Result<U256, TestkitError> {
        let route = match spec.route.is_zero() {
            true => self.route,
            false => spec.route,
        };
        let spec = ModelSpec {
            route,
            vkHash: statement::vk_hash(vk_data),
            schemaHash: statement::schema_hash(&schema),
            srsHash: srs_hash,
            graphHash: B256::repeat_byte(1),
            onnxHash: B256::repeat_byte(2),
            reportHash: B256::repeat_byte(3),
            compilerVersion: "test".into(),
            batchKeys: batches
                .iter()
                .map(|(items, data)| BatchKey {
                    items: *items,
                    vkHash: statement::vk_hash(data),
                })
                .collect(),
            ..spec
        };
        let id = statement::model_id(OWNER, &spec);
        let call = IModelRegistry::registerCall {
            spec: spec.clone(),
            vkData: vk_data.to_vec().into(),
            schema,
            policy,
        };
        let data = call.abi_encode().into();
        self.anvil
            .send("register", OWNER, Some(self.registry), U256::ZERO, data)
            .await?;
        for (index, (_, data)) in batches.iter().enumerate() {
            let add = IModelRegistry::addBatchKeyCall {
                modelId: id,
                spec: spec.clone(),
                index: U256::from(index),
                vkData: data.clone().into(),
            };
            let (to, data) = (Some(self.registry), add.abi_encode().into());
            self.anvil
                .send("addBatchKey", OWNER, to, U256::ZERO, data)
                .await?;
        }
        Ok(id)
    }

    /// Asks for `model_id` on `input` from [`CALLER`], an hour before the deadline, without a
    /// callback. Returns id and request.
    ///
    /// # Errors
    /// The hub refuses the request.
    pub async fn request(
        &self,
        model_id: U256,
        input: &[i64],
        fee: u64,
    ) -> Result<(U256, Request), TestkitError> {
        let receipt = self.send_request(model_id, input, fee, 3600).await?;
        let event = event::<IInferenceHub::InferenceRequested>(&receipt, "InferenceRequested")?;
        Ok((event.id, event.request))
    }

    /// As [`Self::request`] with a deadline `seconds` from now; returns the receipt.
    ///
    /// # Errors
    /// The hub refuses the request.
    pub async fn send_request(
        &self,
        model_id: U256,
        input: &[i64],
        fee: u64,
        seconds: u64,
    ) -> Result<TransactionReceipt, TestkitError> {
        let call = IInferenceHub::requestInferenceCall {
            modelId: model_id,
            input: input
                .iter()
                .map(|value| i32::try_from(*value).unwrap_or(i32::MAX))
                .collect(),
            options: RequestOptions {
                deadline: self.anvil.now().await? + seconds,
                ..RequestOptions::default()
            },
        };
        let data = call.abi_encode().into();
        self.anvil
            .send(
                "requestInference",
                CALLER,
                Some(self.hub),
                U256::from(fee),
                data,
            )
            .await
    }

    /// Asks for `model_id` on the values of `subject` behind `commitment`, an hour before the
    /// deadline, from [`CALLER`], without a callback. Returns id and request.
    ///
    /// # Errors
    /// The hub refuses the request.
    pub async fn request_private(
        &self,
        model_id: U256,
        commitment: B256,
        subject: Address,
        fee: u64,
    ) -> Result<(U256, Request), TestkitError> {
        let call = IInferenceHub::requestPrivateInferenceCall {
            modelId: model_id,
            commitment,
            subject,
            options: RequestOptions {
                deadline: self.anvil.now().await? + 3600,
                ..RequestOptions::default()
            },
        };
        let (data, fee) = (call.abi_encode().into(), U256::from(fee));
        let sent = self
            .anvil
            .send("requestPrivateInference", CALLER, Some(self.hub), fee, data);
        let receipt = sent.await?;
        let event = event::<IInferenceHub::InferenceRequested>(&receipt, "InferenceRequested")?;
        Ok((event.id, event.request))
    }

    /// State and payee of a request.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn state(&self, id: U256) -> Result<(State, Address), TestkitError> {
        let result = self
            .contract()
            .resultOf(id)
            .block(BlockId::latest())
            .call()
            .await?;
        Ok((result.state, result.payee))
    }

    /// Every `Verified` event of a request on the canonical chain.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn verified(&self, id: U256) -> Result<Vec<IInferenceHub::Verified>, TestkitError> {
        let filter = Filter::new()
            .address(self.hub)
            .event_signature(IInferenceHub::Verified::SIGNATURE_HASH)
            .topic1(id)
            .from_block(0);
        let logs = self.anvil.provider().get_logs(&filter).await?;
        Ok(logs
            .iter()
            .filter_map(|log| IInferenceHub::Verified::decode_log(&log.inner).ok())
            .map(|log| log.data)
            .collect())
    }

    /// What `account` may withdraw, in wei.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn credit(&self, account: Address) -> Result<U256, TestkitError> {
        let escrow = IEscrow::new(self.escrow, self.anvil.provider());
        Ok(escrow
            .balanceOf(account)
            .block(BlockId::latest())
            .call()
            .await?)
    }
}

/// A policy with a fee in wei and an owner's share in hundredths of a percent.
pub fn policy(fee: u64, owner_share_bps: u16) -> ModelPolicy {
    ModelPolicy {
        fee: Uint::from(fee),
        ownerShareBps: owner_share_bps,
        open: true,
    }
}

fn event<E: SolEvent>(receipt: &TransactionReceipt, name: &str) -> Result<E, TestkitError> {
    let mut logs = receipt.inner.logs().iter();
    let found = logs.find_map(|log| E::decode_log(&log.inner).ok());
    found
        .map(|log| log.data)
        .ok_or_else(|| TestkitError::Process {
            what: format!("event {name}"),
            output: format!("not in transaction {}", receipt.transaction_hash),
        })
}

/// Calldata of a settlement, for tests that act as another operator.
pub fn fulfill(
    request: Request,
    input: Bytes,
    payee: Address,
    output: Bytes,
    proof: Bytes,
) -> Bytes {
    let call = IInferenceHub::fulfillCall {
        request,
        input,
        payee,
        output,
        proof,
    };
    call.abi_encode().into()
}
