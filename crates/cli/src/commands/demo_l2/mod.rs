//! `haloracle demo-l2`: many requests settled by one call on an OP-stack chain, and a batch's root
//! carried to the base chain.
//!
//! Two anvils, one of them an OP-stack chain that charges the L1 data fee; contracts, proofs and
//! transactions are real. The cross-domain messenger is the test double of `test/mocks`: it delays,
//! relays once and lets failed relays be replayed, and is told what the other chain sent.

mod batch;
mod bridge;
mod report;

use std::time::Instant;

use alloy::primitives::U256;
use alloy::providers::Provider;
use eyre::WrapErr;
use haloracle_agent::cost::{Cost, Model, Way};
use haloracle_contracts::l1_fee::{L1_BLOCK, L1Prices, SLOTS};
use haloracle_contracts::statement::{MODE_BATCH, MODE_ROOT};

use crate::chain::block_on;
use crate::chain::node::Node;
use crate::chain::revert::explain_transport;
use crate::checkout::Checkout;
use crate::exit::Exit;
use crate::local::accounts::DEPLOYER;
use crate::local::anvil::Anvil;
use crate::local::stack::Stack;
use crate::text::seconds;
use crate::ui::{Ui, Working};

use super::demo::unless_stopped;
use batch::Operator;
use bridge::Bridge;
use report::{L2Report, Settlement};

/// The rollup and its base chain, as OP-stack development networks number them.
const L1_CHAIN: &str = "900";
const L2_CHAIN: &str = "901";
/// Hardfork of the rollup.
const HARDFORK: &str = "isthmus";
/// Items of the batch circuits.
const SIZES: [u32; 2] = [4, 16];
/// Requests that are settled with their results stored, and with a root alone.
const STORED: usize = 13;
const ROOTED: usize = 4;
/// L1's prices as a rollup sees them: 20 gwei, blobs at 1 gwei, scalars of a large OP-stack chain.
const PRICES: L1Prices = L1Prices {
    base_fee: 20_000_000_000,
    blob_base_fee: 1_000_000_000,
    base_fee_scalar: 2_269,
    blob_base_fee_scalar: 1_055_762,
};

/// `haloracle demo-l2`
#[derive(Debug, clap::Args)]
pub(crate) struct DemoL2Args {
    #[command(flatten)]
    checkout: Checkout,
}

/// Puts L1's prices where the rollup's node reads them.
async fn set_l1_prices(node: &Node) -> eyre::Result<()> {
    for (slot, value) in SLOTS.into_iter().zip(PRICES.to_storage()) {
        let parameters = (
            L1_BLOCK,
            U256::from(slot),
            alloy::primitives::B256::from(value),
        );
        let set: Result<bool, _> = node
            .provider
            .raw_request("anvil_setStorageAt".into(), parameters)
            .await;
        set.map_err(|error| explain_transport("setting L1's prices", &error))?;
    }
    Ok(())
}

/// What a settlement was estimated to take.
fn estimate(stack: &Stack, way: Way, requests: usize) -> Cost {
    let model = Model::of(&stack.compiled.bundle);
    Cost::new(&model, way, u32::try_from(requests).unwrap_or(u32::MAX))
}

async fn demo(checkout: &Checkout, working: &Working) -> eyre::Result<L2Report> {
    let start = Instant::now();
    let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
    working.now("starting a base chain and an OP-stack chain");
    let l1 = Anvil::start(checkout, 0, &["--chain-id", L1_CHAIN])?;
    let l2 = Anvil::start_optimism(checkout, HARDFORK, &["--chain-id", L2_CHAIN])?;
    let base = Node::connect(l1.url(), Some(DEPLOYER.signer()?)).await?;
    let stack = Stack::build_with(checkout, scratch.path(), l2, &SIZES, working).await?;
    set_l1_prices(&stack.node).await?;
    working.say(format!(
        "contracts     hub {} on OP-stack chain {L2_CHAIN}",
        stack.contracts.hub
    ));

    let operator = Operator::new(&stack).await?;
    working.now(format!("{STORED} requests"));
    let open = operator.ask(STORED, MODE_BATCH).await?;
    working.now("proving and settling a batch");
    let settled = operator.settle(&open).await?;
    let stored = Settlement::new(
        &settled,
        &estimate(
            &stack,
            Way::Batch {
                items: settled.items,
            },
            STORED,
        ),
    );
    operator.require_verified(&open).await?;
    working.say(format!("batch         {stored}"));

    working.now(format!("{ROOTED} requests for a root"));
    let open = operator.ask(ROOTED, MODE_ROOT).await?;
    working.now("proving a batch and posting its root");
    let posted = operator.post_root(&open).await?;
    let items = posted.settled.items;
    let rooted = Settlement::new(
        &posted.settled,
        &estimate(&stack, Way::Root { items }, ROOTED),
    );
    working.say(format!("root          {rooted}"));

    working.now("carrying the root to the base chain");
    let bridge = Bridge::deploy(checkout, &base, &stack, operator.consumer()).await?;
    let carried = bridge.carry(&posted, working).await?;
    working.now("claiming a leaf on the rollup");
    let claim_gas = operator.claim(&posted, 1).await?;
    Ok(L2Report {
        l1_chain: base.chain_id,
        l2_chain: stack.node.chain_id,
        stored,
        rooted,
        claim_gas,
        carried,
        seconds: seconds(start.elapsed()),
    })
}

impl DemoL2Args {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let working = ui.working("starting");
        let report = block_on(unless_stopped(demo(&self.checkout, &working)))?;
        drop(working);
        ui.data(&report)?;
        Ok(Exit::Yes)
    }
}
