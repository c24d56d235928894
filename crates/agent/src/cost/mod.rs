//! What settling requests costs: gas, and on an OP-stack chain the data fee besides.
//!
//! One definition for the agent, which chooses by it, and for `haloracle cost`, which shows it.

mod calls;
mod facts;
pub mod gas;

use alloy::primitives::U256;
use haloracle_contracts::l1_fee::{L1Prices, compressed_size};
use haloracle_prover::Shape;
use serde::Serialize;

use calls::Call;

/// What of a model the cost of its requests depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Shape of its circuits, which picks the verifier.
    pub shape: Shape,
    /// Bytes of a proof as calldata.
    pub proof_bytes: usize,
    /// Words of one input in a statement; of a private input one, its commitment.
    pub input_words: usize,
    /// Bits that they carry.
    pub input_bits: usize,
    /// Words of one answer.
    pub output_words: usize,
    /// Bits that they carry.
    pub output_bits: usize,
    /// Whether the weights' commitment is a public input.
    pub private_weights: bool,
    /// Whether a request carries its input's commitment only.
    pub private_inputs: bool,
    /// Fixed columns that its circuits leave empty.
    pub empty_columns: u32,
    /// Items of its batch circuits.
    pub batches: Vec<u32>,
}

/// A way to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "way")]
pub enum Way {
    /// One request, one proof, `fulfill`.
    Single,
    /// Many requests of one model by one proof, every result stored.
    Batch {
        /// Items of the circuit.
        items: u32,
    },
    /// The same, of which one root is stored; whoever wants a result in the hub claims it.
    Root {
        /// Items of the circuit.
        items: u32,
    },
    /// Requests of different models by one recursive aggregate, every result stored; the others are
    /// counted as if they were of this model.
    Aggregate {
        /// Proofs that the aggregate takes.
        slots: u32,
    },
}

impl Way {
    /// Most requests of one proof.
    pub fn items(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::Batch { items } | Self::Root { items } => items,
            Self::Aggregate { slots } => slots,
        }
    }
}

/// Prices of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Wei per gas.
    pub gas: u128,
    /// L1's prices, on an OP-stack chain.
    pub l1: Option<L1Prices>,
}

/// What one settlement takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// How.
    #[serde(flatten)]
    pub way: Way,
    /// Requests that it settles.
    pub requests: u32,
    /// Gas of its execution: without the transaction's own and its calldata.
    pub execution: u64,
    /// Gas of the transaction.
    pub gas: u64,
    /// Bytes of the signed transaction.
    pub bytes: usize,
    /// Millionths of a byte that an OP-stack chain counts for them, Fjord.
    pub counted: u64,
}

impl Cost {
    /// The cost of settling `requests` requests of `model` by `way`, callbacks apart; at least
    /// one, and no more than one proof holds.
    pub fn new(model: &Model, way: Way, requests: u32) -> Self {
        let requests = requests.clamp(1, way.items());
        let call = Call::new(model, way, requests);
        let words = model.input_words + model.output_words;
        let before = 2 + usize::from(model.private_weights);
        let instances = (before + words * way.items() as usize) as u64;
        let verify = match model.shape {
            Shape::Narrow => gas::NARROW,
            Shape::Wide => gas::WIDE,
        };
        let leaves = u64::from(requests);
        let rest = match way {
            Way::Single => gas::FULFILL,
            Way::Batch { .. } => gas::SETTLE_BATCH + leaves * gas::BATCH_LEAF,
            Way::Root { .. } => gas::SETTLE_ROOT + leaves * gas::ROOT_LEAF,
            Way::Aggregate { .. } => gas::AGGREGATE + leaves * gas::AGGREGATE_LEAF,
        };
        let empty = verify.empty_column * u64::from(model.empty_columns);
        let execution = match way {
            Way::Aggregate { .. } => rest,
            _ => verify.base + verify.instance * instances - empty + rest,
        };
        Self {
            way,
            requests,
            execution,
            gas: gas::of_transaction(&call.calldata, execution),
            bytes: call.transaction.len(),
            counted: compressed_size(&call.transaction),
        }
    }

    /// Wei of the whole settlement.
    pub fn fee(&self, prices: &Prices) -> U256 {
        let data = prices.l1.map(|l1| l1.fee_of_size(self.counted));
        U256::from(self.gas) * U256::from(prices.gas) + data.unwrap_or_default()
    }

    /// Wei per request.
    pub fn fee_per_request(&self, prices: &Prices) -> U256 {
        self.fee(prices) / U256::from(self.requests)
    }
}

/// The cheapest way to store the results of up to `requests` waiting requests: least wei per
/// request, of equal ones the one that settles more. `None` if none waits.
pub fn cheapest(model: &Model, requests: u32, prices: &Prices) -> Option<Cost> {
    if requests == 0 {
        return None;
    }
    let batches = model
        .batches
        .iter()
        .map(|items| Way::Batch { items: *items });
    let costs = std::iter::once(Way::Single)
        .chain(batches)
        .map(|way| Cost::new(model, way, requests));
    costs.min_by_key(|cost| {
        let each = cost.fee_per_request(prices);
        (each, std::cmp::Reverse(cost.requests), cost.way.items())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model {
            shape: Shape::Narrow,
            proof_bytes: 2_048,
            input_words: 2,
            input_bits: 480,
            output_words: 1,
            output_bits: 16,
            private_weights: false,
            private_inputs: false,
            empty_columns: 2,
            batches: vec![4, 16, 64],
        }
    }

    const L1: Prices = Prices {
        gas: 10_000_000_000,
        l1: None,
    };

    #[test]
    fn padding_is_paid_for_only_where_it_is_worth_it() {
        let way = |requests| cheapest(&model(), requests, &L1).map(|cost| cost.way);
        assert_eq!(way(0), None);
        assert_eq!(way(1), Some(Way::Single));
        assert_eq!(way(3), Some(Way::Batch { items: 4 }));
        assert_eq!(way(5), Some(Way::Batch { items: 16 }));
        assert_eq!(way(16), Some(Way::Batch { items: 16 }));
        assert_eq!(way(500), Some(Way::Batch { items: 64 }));
    }

    #[test]
    fn data_costs_on_an_l2_what_it_weighs() {
        let l1 = L1Prices {
            base_fee: 20_000_000_000,
            blob_base_fee: 1_000_000_000,
            base_fee_scalar: 2_269,
            blob_base_fee_scalar: 1_055_762,
        };
        let prices = Prices {
            gas: 1_000_000,
            l1: Some(l1),
        };
        let single = Cost::new(&model(), Way::Single, 1);
        assert!(single.bytes > 2_048 + 12 * 32 && single.counted > 2_000_000_000);
        let data = single.fee(&prices) - U256::from(single.gas) * U256::from(prices.gas);
        assert_eq!(data, l1.fee_of_size(single.counted));
        let batch = Cost::new(&model(), Way::Batch { items: 64 }, 64);
        assert!(batch.fee_per_request(&prices) * U256::from(5) < single.fee(&prices));
    }

    #[test]
    fn calldata_has_a_floor() {
        assert_eq!(gas::of_transaction(&[0; 10], 0), 21_000 + 100);
        assert_eq!(gas::of_transaction(&[1; 10], 1_000), 21_000 + 1_160);
    }
}
