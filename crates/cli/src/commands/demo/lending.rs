//! The lending position: who owns it, what it holds, what its reviews did.

use alloy::primitives::{Address, U256, utils::parse_ether};
use alloy::rpc::types::Filter;
use alloy::sol_types::{SolEvent, SolValue};
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::IInferenceHub;
use haloracle_contracts::IInferenceHub::InferenceRequested;
use haloracle_model::Dataset;

use alloy::providers::Provider;

use crate::chain::artifacts::Artifact;
use crate::chain::collateral::ICollateralManager::{
    ICollateralManagerInstance, ManagerConfig, RatioFeature, ReviewApplied, RiskBounds,
};
use crate::chain::node::{Node, send};
use crate::chain::revert::{explain, explain_transport};
use crate::checkout::Checkout;
use crate::inputs;
use crate::local::accounts::{ATTESTER, USER};
use crate::local::stack::Stack;

/// Features that the manager fills in itself: percent with two decimals.
const UTILIZATION: usize = 0;
const LOAN_TO_VALUE: usize = 5;
const WHOLE_IN_PERCENT: u64 = 10_000;
/// What the position holds and owes; one ether of collateral is worth `PRICE` credit units.
const COLLATERAL: &str = "10";
const DEBT: &str = "13000";
const PRICE: &str = "2000";
/// What else is known about the applicant: synthetic, of high risk.
const APPLICANT: &str = "models/credit_risk/high_risk.json";

/// A borrower's position at a freshly deployed example contract.
pub(crate) struct Lending<'a> {
    stack: &'a Stack,
    user: Node,
    borrower: Address,
    manager: Address,
    features: Vec<i32>,
}

fn config(stack: &Stack, attester: Address) -> eyre::Result<ManagerConfig> {
    let ratio = |feature: usize| RatioFeature {
        feature: U256::from(feature),
        one: U256::from(WHOLE_IN_PERCENT),
    };
    Ok(ManagerConfig {
        hub: stack.contracts.hub,
        modelId: stack.model_id,
        attester,
        price: parse_ether(PRICE).wrap_err("price")?,
        loanToValue: ratio(LOAN_TO_VALUE),
        utilization: ratio(UTILIZATION),
        bounds: RiskBounds {
            floorBps: 4_000,
            ceilingBps: 8_000,
            initialBps: 7_000,
            maxTightenBps: 1_000,
            maxLoosenBps: 250,
            tightenDelay: 3_600,
            loosenDelay: 86_400,
            maxAge: 7_200,
        },
    })
}

/// The applicant's features but the two that the manager fills in, as raw integers.
fn attested(stack: &Stack, checkout: &Checkout) -> eyre::Result<Vec<i32>> {
    let data = Dataset::read(&checkout.path(APPLICANT))?;
    let row = data
        .x
        .first()
        .ok_or_else(|| eyre!("`{APPLICANT}` has no row"))?;
    let row = inputs::from_real(stack.compiled.bundle.model(), row)?;
    let own = [UTILIZATION, LOAN_TO_VALUE];
    let others = row
        .raw
        .iter()
        .enumerate()
        .filter(|(index, _)| !own.contains(index));
    others
        .map(|(_, &raw)| raw.try_into().wrap_err("a 32-bit integer"))
        .collect()
}

impl<'a> Lending<'a> {
    /// Deploys the example, attests the applicant, deposits and borrows.
    pub(crate) async fn open(stack: &'a Stack, checkout: &Checkout) -> eyre::Result<Self> {
        let attester = stack.as_account(ATTESTER).await?;
        let user = stack.as_account(USER).await?;
        let borrower = USER.signer()?.address();
        let artifact = Artifact::load(&checkout.path("out"), "CollateralManager")?;
        let arguments = config(stack, ATTESTER.signer()?.address())?.abi_encode();
        let code = artifact.with(&arguments);
        let (manager, _) = stack.node.deploy("CollateralManager", code).await?;

        let known = attested(stack, checkout)?;
        let by_attester = ICollateralManagerInstance::new(manager, &attester.provider);
        send("attesting", by_attester.attest(borrower, known)).await?;
        let by_user = ICollateralManagerInstance::new(manager, &user.provider);
        let collateral = parse_ether(COLLATERAL).wrap_err("collateral")?;
        send("depositing", by_user.deposit().value(collateral)).await?;
        let debt = parse_ether(DEBT).wrap_err("debt")?;
        send("borrowing", by_user.borrow(debt)).await?;
        let features = by_user.featuresOf(borrower).call().await;
        let features = features.map_err(|error| explain("reading the features", error))?;
        Ok(Self {
            stack,
            user,
            borrower,
            manager,
            features,
        })
    }

    /// The position in words.
    pub(crate) fn position(&self) -> String {
        format!(
            "{COLLATERAL} ether at {PRICE} credit each, {DEBT} credit owed, by {}",
            self.borrower
        )
    }

    /// The model's input, as the manager builds it.
    pub(crate) fn features(&self) -> &[i32] {
        &self.features
    }

    fn contract(&self) -> ICollateralManagerInstance<&alloy::providers::DynProvider> {
        ICollateralManagerInstance::new(self.manager, &self.user.provider)
    }

    /// The collateral factor in basis points.
    pub(crate) async fn factor(&self) -> eyre::Result<u64> {
        let factor = self.contract().factorOf(self.borrower).call().await;
        let factor = factor.map_err(|error| explain("reading the collateral factor", error))?;
        Ok(factor.saturating_to())
    }

    /// Asks for a review; the request's id.
    pub(crate) async fn request_review(&self) -> eyre::Result<U256> {
        let contract = self.contract();
        let asked = |error| explain("asking for the fee", error);
        let callback_gas = contract.CALLBACK_GAS().call().await.map_err(asked)?;
        let hub = IInferenceHub::new(self.stack.contracts.hub, &self.user.provider);
        let fee = hub
            .quote(self.stack.model_id, callback_gas)
            .call()
            .await
            .map_err(asked)?;
        let call = contract.requestReview(self.borrower).value(fee);
        let receipt = send("requesting a review", call).await?;
        let event = receipt.decoded_log::<InferenceRequested>();
        Ok(event
            .ok_or_else(|| eyre!("the hub announced no request"))?
            .data
            .id)
    }

    /// Factor before and after, if the review of request `id` was applied.
    pub(crate) async fn applied(&self, id: U256) -> eyre::Result<Option<(u64, u64)>> {
        let filter = Filter::new()
            .address(self.manager)
            .event_signature(ReviewApplied::SIGNATURE_HASH)
            .topic1(id)
            .from_block(0);
        let logs = self.user.provider.get_logs(&filter).await;
        let logs = logs.map_err(|error| explain_transport("looking for the review", &error))?;
        let Some(log) = logs.first() else {
            return Ok(None);
        };
        let event = ReviewApplied::decode_log(&log.inner).wrap_err("the review's log")?;
        ensure!(
            event.account == self.borrower,
            "the review is somebody else's"
        );
        Ok(Some((
            event.factorBefore.saturating_to(),
            event.factorAfter.saturating_to(),
        )))
    }
}
