//! What a transaction offers per gas, and what its replacement does.

use crate::{chain::Block, config::FeeConfig};

/// Tip when the node gives none.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// Least raise that nodes accept for a replacement, in percent.
const LEAST_BUMP: u128 = 10;

/// Fees of an EIP-1559 transaction, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    pub(crate) max: u128,
    pub(crate) tip: u128,
}

/// Fees of a first attempt; `None` while the chain asks for more than the cap.
pub(crate) fn first(config: &FeeConfig, head: Block, node_tip: Option<u128>) -> Option<Fees> {
    let cap = u128::from(config.max_fee_wei);
    let base = u128::from(head.base_fee.unwrap_or_default());
    if base > cap {
        return None;
    }
    let tip = config
        .priority_fee_wei
        .map(u128::from)
        .or(node_tip)
        .unwrap_or(DEFAULT_TIP)
        .min(cap);
    // Twice the base fee lasts through six full blocks.
    let max = base.saturating_mul(2).saturating_add(tip).min(cap);
    Some(Fees {
        max,
        tip: tip.min(max),
    })
}

/// Fees of a replacement: both raised, and no less than a first attempt would offer now. `None`
/// if the cap does not allow a raise that nodes accept.
pub(crate) fn bump(config: &FeeConfig, old: Fees, now: Option<Fees>) -> Option<Fees> {
    let raise = |fee: u128, percent: u128| {
        fee.saturating_add(fee.saturating_mul(percent).div_ceil(100).max(1))
    };
    let percent = u128::from(config.bump_percent).max(LEAST_BUMP);
    let cap = u128::from(config.max_fee_wei);
    let max = raise(old.max, percent)
        .max(now.map_or(0, |fees| fees.max))
        .min(cap);
    if max < raise(old.max, LEAST_BUMP) {
        return None;
    }
    let tip = raise(old.tip, percent).max(now.map_or(0, |fees| fees.tip));
    // The tip has to rise as well; where it cannot, nodes refuse the replacement.
    (raise(old.tip, LEAST_BUMP) <= max).then_some(Fees {
        max,
        tip: tip.min(max),
    })
}

/// Price per gas that a settlement will likely pay.
pub(crate) fn expected_price(config: &FeeConfig, head: Block) -> u128 {
    let tip = config.priority_fee_wei.map_or(DEFAULT_TIP, u128::from);
    (u128::from(head.base_fee.unwrap_or_default()) + tip).min(u128::from(config.max_fee_wei))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    fn head(base_fee: u64) -> Block {
        Block {
            number: 1,
            hash: B256::ZERO,
            timestamp: 0,
            base_fee: Some(base_fee),
        }
    }

    fn config(max_fee_wei: u64) -> FeeConfig {
        FeeConfig {
            max_fee_wei,
            ..FeeConfig::default()
        }
    }

    #[test]
    fn the_cap_holds_for_every_attempt() {
        assert_eq!(first(&config(100), head(101), None), None);
        let fees = first(&config(1000), head(400), Some(50));
        assert_eq!(fees, Some(Fees { max: 850, tip: 50 }));
        let capped = first(&config(500), head(400), Some(900));
        assert_eq!(capped, Some(Fees { max: 500, tip: 500 }));
        let absurd = first(&config(500), head(400), Some(u128::MAX));
        assert_eq!(absurd, Some(Fees { max: 500, tip: 500 }));
    }

    #[test]
    fn replacements_rise_until_the_cap() {
        let mut fees = Fees { max: 100, tip: 10 };
        let mut raises = 0;
        while let Some(next) = bump(&config(300), fees, None) {
            assert!(next.max * 100 >= fees.max * 110 && next.tip * 100 >= fees.tip * 110);
            assert!(next.max <= 300);
            fees = next;
            raises += 1;
        }
        assert_eq!((fees.max, raises), (300, 5));
    }

    #[test]
    fn a_replacement_offers_what_the_chain_asks_now() {
        let old = Fees { max: 100, tip: 10 };
        let now = Some(Fees { max: 900, tip: 30 });
        assert_eq!(bump(&config(1000), old, now), now);
    }
}
