//! The settler of batches.

use alloy::primitives::Address;
use haloracle_contracts::{ISettlementHub, ISettlementModule, batch::BATCH_V1};

use super::CheckReport;
use crate::chain::Chain;

/// The settler has code, is one, and hub and settler name each other.
pub(super) async fn settler(chain: &Chain, settler: Address, report: &mut CheckReport) {
    report.add("batch settler", look(chain, settler).await);
}

async fn look(chain: &Chain, settler: Address) -> Result<String, String> {
    let code = chain.code(settler).await;
    if code.map_err(|error| error.to_string())?.is_empty() {
        return Err(format!("no contract at {settler}"));
    }
    let no_settler = |error| format!("{settler} is not a batch settler: {error}");
    let kind = chain.read(settler, &ISettlementModule::kindCall {}).await;
    let kind = kind.map_err(no_settler)?;
    if kind != BATCH_V1 {
        return Err(format!(
            "{settler} is not a batch settler of this version: its kind is {kind}"
        ));
    }
    let hub = chain.read(settler, &ISettlementModule::hubCall {}).await;
    let hub = hub.map_err(no_settler)?;
    if hub != chain.hub() {
        return Err(format!("{settler} settles for hub {hub}"));
    }
    let call = ISettlementHub::isModuleCall { module: settler };
    match chain.read(chain.hub(), &call).await {
        Ok(true) => Ok(settler.to_string()),
        Ok(false) => Err(format!("the hub does not let {settler} settle")),
        Err(error) => Err(error.to_string()),
    }
}
