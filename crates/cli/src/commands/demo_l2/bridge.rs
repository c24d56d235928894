//! A posted root on its way to the base chain, and what must not arrive there.

use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::{SolCall, SolValue};
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::IBatchSettler;

use crate::chain::artifacts::Artifact;
use crate::chain::node::{Node, send};
use crate::chain::revert::{describe, explain, explain_transport};
use crate::checkout::Checkout;
use crate::local::stack::Stack;
use crate::ui::Working;

use super::batch::Posted;
use super::report::{Carried, Refusal};

alloy::sol! {
    /// The test double of the cross-domain messenger, `test/mocks/Messenger.sol`.
    #[sol(rpc)]
    interface IMessenger {
        struct Message {
            uint256 nonce;
            address sender;
            address target;
            uint256 minGasLimit;
            bytes data;
        }

        event SentMessage(
            address indexed target, address sender, bytes message, uint256 nonce, uint256 gasLimit
        );

        function pair(address other) external;
        function prove(Message calldata m) external;
        function relayMessage(Message calldata m) external;
        function hashOf(Message memory m) external pure returns (bytes32);
        function sent(bytes32 hash) external view returns (bool);
        function successful(bytes32 hash) external view returns (bool);
        function failed(bytes32 hash) external view returns (bool);
    }

    /// What the rollup sent, as the base chain is shown it: `test/mocks/SentMessages.sol`.
    #[sol(rpc)]
    interface ISentMessages {
        function show(bytes32 hash) external;
    }

    /// `contracts/adapters/RootSender.sol`.
    #[sol(rpc)]
    interface IRootSender {
        function sendRoot(uint256 modelId, bytes32 batchTag, address consumer, uint32 gasLimit)
            external;
    }

    /// `contracts/adapters/RootReceiver.sol`.
    #[sol(rpc)]
    interface IReceivedRoots {
        function rootFor(address consumer, uint256 batchId)
            external
            view
            returns (bytes32 root, uint64 postedAt);
    }

    /// `contracts/adapters/ScoreBook.sol`, but for `record`.
    #[sol(rpc)]
    interface IScoreBook {
        struct Config {
            address receiver;
            address hub;
            address source;
            uint256 modelId;
            uint8 outputSlotBits;
            uint64 maxAge;
        }

        function scoreOf(bytes32 key)
            external
            view
            returns (bytes32 output, uint64 status, uint64 postedAt);
    }
}

/// Challenge period of the bridge.
const CHALLENGE: u64 = 7 * 86_400;
/// Age that the consumer takes results at.
const MAX_AGE: u64 = 30 * 86_400;
/// Gas that the message asks for on the base chain.
const GAS: u32 = 100_000;
/// Gas of a relay, the messenger's own and the message's.
const RELAY_GAS: u64 = 1_000_000;

/// Both ends of the bridge, and a consumer on the base chain.
pub(super) struct Bridge<'b> {
    stack: &'b Stack,
    base: &'b Node,
    l1: Address,
    l2: Address,
    shown: Address,
    sender: Address,
    receiver: Address,
    book: Address,
}

/// Calldata of `ScoreBook.record`: its claim has the fields of the settler's.
fn record_call(claim: &IBatchSettler::Claim) -> Bytes {
    let own = IBatchSettler::claimLeafCall::SIGNATURE;
    let selector = keccak256(own.replacen("claimLeaf", "record", 1));
    let call = IBatchSettler::claimLeafCall {
        claim: claim.clone(),
    };
    let mut data = call.abi_encode();
    data[..4].copy_from_slice(&selector[..4]);
    data.into()
}

impl<'b> Bridge<'b> {
    /// Deploys both ends; results of requests by `source` count.
    pub(super) async fn deploy(
        checkout: &Checkout,
        base: &'b Node,
        stack: &'b Stack,
        source: eyre::Result<Address>,
    ) -> eyre::Result<Self> {
        let artifacts = checkout.path("out");
        let create = async |node: &Node, name: &str, arguments: Vec<u8>| {
            let code = Artifact::load(&artifacts, name)?.with(&arguments);
            Ok::<_, eyre::Report>(node.deploy(name, code).await?.0)
        };
        let settler = stack.deployment.settler;
        let settler = settler.ok_or_else(|| eyre!("no settler was deployed"))?;
        let rollup = &stack.node;
        let l2 = create(rollup, "Messenger", U256::ZERO.abi_encode()).await?;
        let shown = create(base, "SentMessages", Vec::new()).await?;
        let l1 = create(base, "Messenger", U256::from(CHALLENGE).abi_encode()).await?;
        let paired = IMessenger::new(l1, &base.provider);
        send("pairing the messengers", paired.pair(shown)).await?;
        // The sender names the receiver, which comes next and names the sender.
        let deployer = crate::local::accounts::DEPLOYER.signer()?.address();
        let nonce = base.provider.get_transaction_count(deployer).await;
        let nonce = nonce.map_err(|error| explain_transport("asking for the nonce", &error))?;
        let next = deployer.create(nonce);
        let parts = (l2, settler, next, U256::from(base.chain_id)).abi_encode();
        let sender = create(rollup, "RootSender", parts).await?;
        let parts = (l1, sender, U256::from(rollup.chain_id), settler).abi_encode();
        let receiver = create(base, "RootReceiver", parts).await?;
        ensure!(receiver == next, "the receiver is elsewhere");
        let bits = stack.compiled.bundle.model().output_slot_bits();
        let config = IScoreBook::Config {
            receiver,
            hub: stack.contracts.hub,
            source: source?,
            modelId: stack.model_id,
            outputSlotBits: u8::try_from(bits).wrap_err("bits of an output slot")?,
            maxAge: MAX_AGE,
        };
        let book = create(base, "ScoreBook", config.abi_encode()).await?;
        Ok(Self {
            stack,
            base,
            l1,
            l2,
            shown,
            sender,
            receiver,
            book,
        })
    }

    /// What the base chain says to a call that it must refuse.
    async fn refused(&self, what: &'static str, to: Address, data: Bytes) -> eyre::Result<Refusal> {
        let request = TransactionRequest::default().with_to(to).with_input(data);
        match self.base.provider.call(request).await {
            Ok(_) => Err(eyre!("the base chain accepts {what}")),
            Err(error) => {
                let data = error
                    .as_error_resp()
                    .and_then(|response| response.as_revert_data());
                let data = data.ok_or_else(|| explain_transport(what, &error))?;
                let reason = describe(&data).unwrap_or_else(|| format!("error {data}"));
                Ok(Refusal { what, reason })
            }
        }
    }

    /// Sends the root, waits, relays, records a result; what comes too early, twice or without a
    /// path is refused.
    pub(super) async fn carry(&self, posted: &Posted, working: &Working) -> eyre::Result<Carried> {
        let rollup = &self.stack.node;
        let sender = IRootSender::new(self.sender, &rollup.provider);
        let call = sender.sendRoot(self.stack.model_id, posted.tag, self.book, GAS);
        let receipt = send("sending the root", call).await?;
        let event = receipt.decoded_log::<IMessenger::SentMessage>();
        let event = event
            .ok_or_else(|| eyre!("the messenger sent nothing"))?
            .data;
        let message = IMessenger::Message {
            nonce: event.nonce,
            sender: event.sender,
            target: event.target,
            minGasLimit: event.gasLimit,
            data: event.message,
        };
        let asked = |error| explain("asking the messenger", error);
        let l2 = IMessenger::new(self.l2, &rollup.provider);
        let hash = l2.hashOf(message.clone()).call().await.map_err(asked)?;
        let l1 = IMessenger::new(self.l1, &self.base.provider);
        let relay = IMessenger::relayMessageCall { m: message.clone() };
        let relay = Bytes::from(relay.abi_encode());
        let claim = posted.claims.first();
        let claim = claim.ok_or_else(|| eyre!("the batch has no leaves"))?;

        let mut refused = Vec::new();
        refused.push(
            self.refused("a relay without proof", self.l1, relay.clone())
                .await?,
        );
        // The part of the real bridge's proof: only what the rollup sent is shown.
        ensure!(
            l2.sent(hash).call().await.map_err(asked)?,
            "the rollup did not send it"
        );
        let shown = ISentMessages::new(self.shown, &self.base.provider);
        send("showing the message", shown.show(hash)).await?;
        send("proving the message", l1.prove(message.clone())).await?;
        let early = "a relay within the challenge period";
        refused.push(self.refused(early, self.l1, relay.clone()).await?);
        let early = "a result before its root has arrived";
        refused.push(self.refused(early, self.book, record_call(claim)).await?);

        working.now("a week passes on the base chain");
        let passed: Result<serde_json::Value, _> = self
            .base
            .provider
            .raw_request("evm_increaseTime".into(), (CHALLENGE + 1,))
            .await;
        passed.map_err(|error| explain_transport("letting time pass", &error))?;
        // An estimate would find the gas at which the relay fails without reverting.
        let relayed = l1.relayMessage(message).gas(RELAY_GAS);
        send("relaying the message", relayed).await?;
        let arrived = l1.successful(hash).call().await.map_err(asked)?;
        ensure!(arrived, "the relay failed");
        refused.push(self.refused("the same relay again", self.l1, relay).await?);

        let mut forged = claim.clone();
        forged.payee = self.book;
        let what = "a result with another payee";
        refused.push(self.refused(what, self.book, record_call(&forged)).await?);
        let record = TransactionRequest::default()
            .with_to(self.book)
            .with_input(record_call(claim));
        let sent = self.base.provider.send_transaction(record).await;
        let sent = sent.map_err(|error| explain_transport("recording a result", &error))?;
        let receipt = sent.get_receipt().await.wrap_err("recording a result")?;
        ensure!(receipt.status(), "the consumer refuses the result");

        let roots = IReceivedRoots::new(self.receiver, &self.base.provider);
        let root: B256 = (roots.rootFor(self.book, posted.batch_id).call().await)
            .map_err(asked)?
            .root;
        let book = IScoreBook::new(self.book, &self.base.provider);
        let score = book.scoreOf(claim.request.userData).call().await;
        let score = score.map_err(asked)?;
        ensure!(
            score.output == keccak256(&claim.output),
            "the consumer recorded another answer"
        );
        Ok(Carried {
            batch_id: posted.batch_id.to_string(),
            root: root.to_string(),
            refused,
            status: score.status,
            output_hash: score.output.to_string(),
            record_gas: receipt.gas_used,
        })
    }
}
