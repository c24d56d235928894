//! What an OP-stack chain charges for data, kept fresh.

use std::time::{Duration, Instant};

use haloracle_contracts::l1_fee::{L1_BLOCK, L1Prices, SLOTS};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::{chain::Chain, rpc::RpcError};

/// How long prices are used before they are read again.
const FRESH: Duration = Duration::from_secs(120);

/// L1's prices as the chain holds them; none on a chain that charges for gas alone.
#[derive(Debug, Default)]
pub(crate) struct L1 {
    known: Mutex<Option<(Instant, Option<L1Prices>)>>,
}

impl L1 {
    /// The prices, at most two minutes old.
    pub(crate) async fn prices(&self, chain: &Chain) -> Result<Option<L1Prices>, RpcError> {
        let mut known = self.known.lock().await;
        if let Some((at, prices)) = *known
            && at.elapsed() < FRESH
        {
            return Ok(prices);
        }
        let mut values = [Default::default(); SLOTS.len()];
        for (value, slot) in values.iter_mut().zip(SLOTS) {
            *value = match chain.storage(L1_BLOCK, slot).await {
                Ok(value) => value,
                Err(error) if error.is_transient() => return Err(error),
                // No OP-stack node refuses it; an agent must not stand still for one that does.
                Err(error) => {
                    warn!(%error, "the prices of an OP-stack chain cannot be read: none assumed");
                    Default::default()
                }
            };
        }
        let prices = values
            .iter()
            .any(|value| !value.is_zero())
            .then(|| L1Prices::from_storage(values));
        if known.is_none_or(|(_, before)| before.is_some() != prices.is_some()) {
            info!(charged = prices.is_some(), "data fee of an OP-stack chain");
        }
        *known = Some((Instant::now(), prices));
        Ok(prices)
    }
}
