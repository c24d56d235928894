//! What an OP-stack chain asks for putting a transaction's data on L1, besides its gas.
//!
//! The chain keeps L1's prices in the storage of a predeploy, [`L1_BLOCK`], and charges by the signed
//! transaction's bytes. Specification: OP Stack, "Ecotone L1 Cost Fee Changes" and "Fjord L1-Cost
//! fee changes"; later hardforks keep Fjord's formula and may add an operator fee, which is not
//! part of this.

use alloy::primitives::{Address, B256, U256, address};
use op_alloy_flz::{
    L1_COST_FASTLZ_COEF, L1_COST_INTERCEPT, MIN_TX_SIZE_SCALED, NON_ZERO_BYTE_COST, ZERO_BYTE_COST,
    flz_compress_len,
};

/// The predeploy that holds L1's prices.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
/// Its storage slots: L1's base fee, both scalars, L1's blob base fee.
pub const SLOTS: [u64; 3] = [1, 3, 7];

/// Scalars have six decimals.
const SCALAR: u64 = 1_000_000;

/// How bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFee {
    /// By calldata gas: 4 a zero byte, 16 another.
    Ecotone,
    /// By an estimate of the compressed size, linear in what FastLZ makes of the transaction.
    Fjord,
}

/// L1's prices as the L2 sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Prices {
    /// L1's base fee, in wei.
    pub base_fee: u128,
    /// L1's blob base fee, in wei.
    pub blob_base_fee: u128,
    /// Weight of the base fee, six decimals.
    pub base_fee_scalar: u32,
    /// Weight of the blob base fee, six decimals.
    pub blob_base_fee_scalar: u32,
}

impl L1Prices {
    /// The prices in the values of the storage [`SLOTS`] of [`L1_BLOCK`].
    pub fn from_storage(slots: [U256; 3]) -> Self {
        let scalars = B256::from(slots[1]);
        let scalar = |at: usize| {
            let bytes = &scalars[at..at + 4];
            bytes
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte))
        };
        Self {
            base_fee: slots[0].saturating_to(),
            blob_base_fee: slots[2].saturating_to(),
            base_fee_scalar: scalar(16),
            blob_base_fee_scalar: scalar(20),
        }
    }

    /// Values of the storage [`SLOTS`] of [`L1_BLOCK`] that hold these prices, all else there zero.
    pub fn to_storage(self) -> [U256; 3] {
        let scalars =
            U256::from(self.base_fee_scalar) << 96 | U256::from(self.blob_base_fee_scalar) << 64;
        [
            U256::from(self.base_fee),
            scalars,
            U256::from(self.blob_base_fee),
        ]
    }

    /// Price of sixteen gas of calldata on L1, weighted, in 10^-6 wei.
    fn weighted(&self) -> U256 {
        U256::from(16) * U256::from(self.base_fee_scalar) * U256::from(self.base_fee)
            + U256::from(self.blob_base_fee_scalar) * U256::from(self.blob_base_fee)
    }

    /// Fee in wei of a transaction whose signed, encoded form is `transaction`.
    pub fn fee(&self, formula: DataFee, transaction: &[u8]) -> U256 {
        match formula {
            DataFee::Ecotone => {
                let zeros = transaction.iter().filter(|byte| **byte == 0).count() as u64;
                let others = transaction.len() as u64 - zeros;
                let gas = zeros * ZERO_BYTE_COST + others * NON_ZERO_BYTE_COST;
                U256::from(gas) * self.weighted() / U256::from(16 * SCALAR)
            }
            DataFee::Fjord => self.fee_of_size(compressed_size(transaction)),
        }
    }

    /// Fjord's fee in wei of a transaction of `size` millionths of a byte, as estimated by
    /// [`compressed_size`].
    pub fn fee_of_size(&self, size: u64) -> U256 {
        U256::from(size) * self.weighted() / U256::from(SCALAR * SCALAR)
    }
}

/// Fjord's estimate of a transaction's compressed size, in millionths of a byte.
pub fn compressed_size(transaction: &[u8]) -> u64 {
    // FastLZ as the chain runs it counts in 32 bits; no transaction is that large.
    let length = u64::from(flz_compress_len(transaction));
    (length * L1_COST_FASTLZ_COEF)
        .saturating_sub(L1_COST_INTERCEPT)
        .max(MIN_TX_SIZE_SCALED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: L1Prices = L1Prices {
        base_fee: 30_000_000_000,
        blob_base_fee: 2_000_000_000,
        base_fee_scalar: 2_269,
        blob_base_fee_scalar: 1_055_762,
    };

    #[test]
    fn storage_holds_the_prices() {
        assert_eq!(L1Prices::from_storage(PRICES.to_storage()), PRICES);
    }

    #[test]
    fn small_transactions_pay_for_a_hundred_bytes() {
        let least = PRICES.fee(DataFee::Fjord, &[]);
        assert_eq!(least, PRICES.fee_of_size(100_000_000));
        assert_eq!(PRICES.fee(DataFee::Fjord, &[7; 150]), least);
    }

    #[test]
    fn ecotone_counts_calldata_gas() {
        // 3 zero bytes and 2 others: 44 gas.
        let weighted = 16u128 * 2_269 * 30_000_000_000 + 1_055_762 * 2_000_000_000;
        let fee = U256::from(44 * weighted / 16_000_000);
        assert_eq!(PRICES.fee(DataFee::Ecotone, &[0, 0, 0, 1, 2]), fee);
    }
}
