//! Calldata as settlements have it: real encodings around proofs and words without pattern.
//!
//! Proofs are field elements, which no compression shortens; words hold as many bits as their slots.
//! Request, addresses and hashes are what every settlement carries.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use haloracle_contracts::{IAggregateSettler, IBatchSettler, IInferenceHub, Request};

use super::{Model, Way};

/// Bits of a word that carry slots.
const WORD_BITS: usize = 253;
/// Bytes of a signed transaction around its calldata: nonce, fees, gas, addresses, signature.
const ENVELOPE: usize = 118;

/// Bytes without pattern, the same for the same seed.
struct Noise(B256);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(keccak256(seed.to_be_bytes()))
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 32);
        while bytes.len() < count {
            self.0 = keccak256(self.0);
            bytes.extend_from_slice(self.0.as_slice());
        }
        bytes.truncate(count);
        bytes
    }

    fn word(&mut self) -> B256 {
        B256::from_slice(&self.bytes(32))
    }

    fn address(&mut self) -> Address {
        Address::from_slice(&self.bytes(20))
    }

    /// `count` words that together hold `bits` bits.
    fn words(&mut self, count: usize, mut bits: usize) -> Vec<u8> {
        let mut words = Vec::with_capacity(32 * count);
        for _ in 0..count {
            let own = bits.min(WORD_BITS);
            bits -= own;
            let value = U256::from_be_bytes(self.word().0);
            let value = match own {
                0 => U256::ZERO,
                own => value >> (256 - own),
            };
            words.extend_from_slice(&value.to_be_bytes::<32>());
        }
        words
    }
}

/// A settlement's call, and the bytes of its whole transaction.
pub(super) struct Call {
    pub(super) calldata: Vec<u8>,
    pub(super) transaction: Vec<u8>,
}

impl Call {
    /// The call that settles `requests` requests of `model` by `way`.
    pub(super) fn new(model: &Model, way: Way, requests: u32) -> Self {
        let mut noise = Noise::new(u64::from(requests));
        let model_id = U256::from_be_bytes(noise.word().0);
        let mut maker = Maker {
            model,
            model_id,
            consumer: noise.address(),
            payee: noise.address(),
            noise,
        };
        let calldata = match way {
            Way::Single => maker.fulfill(),
            Way::Batch { items } => maker.batch(items, requests),
            Way::Root { items } => maker.root(items, requests),
            Way::Aggregate { slots } => maker.aggregate(slots, requests),
        };
        let mut transaction = maker.noise.bytes(ENVELOPE);
        transaction.extend_from_slice(&calldata);
        Self {
            calldata,
            transaction,
        }
    }
}

struct Maker<'m> {
    model: &'m Model,
    model_id: U256,
    consumer: Address,
    payee: Address,
    noise: Noise,
}

impl Maker<'_> {
    fn request(&mut self, nonce: u64) -> Request {
        Request {
            modelId: self.model_id,
            consumer: self.consumer,
            refundTo: self.consumer,
            nonce,
            deadline: 1_800_000_000,
            fee: alloy::primitives::aliases::U96::from(1_234_500_000_000_000u64),
            modes: 7,
            inputMode: u8::from(self.model.private_inputs),
            inputDigest: self.noise.word(),
            ..Request::default()
        }
    }

    /// Input words as calldata carries them.
    fn input(&mut self) -> Vec<u8> {
        self.noise
            .words(self.model.input_words, self.model.input_bits)
    }

    fn output(&mut self) -> Vec<u8> {
        self.noise
            .words(self.model.output_words, self.model.output_bits)
    }

    fn proof(&mut self) -> Bytes {
        self.noise.bytes(self.model.proof_bytes).into()
    }

    fn fulfill(&mut self) -> Vec<u8> {
        // A private input's commitment stands in the request.
        let input = match self.model.private_inputs {
            true => Vec::new(),
            false => self.input(),
        };
        let call = IInferenceHub::fulfillCall {
            request: self.request(1),
            input: input.into(),
            payee: self.payee,
            output: self.output().into(),
            proof: self.proof(),
        };
        call.abi_encode()
    }

    fn many(&mut self, requests: u32) -> (Bytes, Bytes) {
        let inputs: Vec<u8> = (0..requests).flat_map(|_| self.input()).collect();
        let outputs: Vec<u8> = (0..requests).flat_map(|_| self.output()).collect();
        (inputs.into(), outputs.into())
    }

    fn batch(&mut self, items: u32, requests: u32) -> Vec<u8> {
        let (inputs, outputs) = self.many(requests);
        let batch = IBatchSettler::Batch {
            modelId: self.model_id,
            items: U256::from(items),
            requests: (0..u64::from(requests)).map(|n| self.request(n)).collect(),
            payees: vec![self.payee],
            inputs,
            outputs,
            proof: self.proof(),
        };
        IBatchSettler::settleBatchCall { batch }.abi_encode()
    }

    fn aggregate(&mut self, slots: u32, requests: u32) -> Vec<u8> {
        let leaves = (0..requests).map(|nonce| {
            let input = match self.model.private_inputs {
                true => Vec::new(),
                false => self.input(),
            };
            IAggregateSettler::Leaf {
                request: self.request(u64::from(nonce)),
                payee: self.payee,
                input: input.into(),
                output: self.output().into(),
            }
        });
        let leaves = leaves.collect();
        // Coordinates in two limbs each: 170 bits and 84.
        let limb = |maker: &mut Self, bits: usize| {
            U256::from_be_bytes(maker.noise.word().0) >> (256 - bits)
        };
        let accumulator = std::array::from_fn(|at| limb(self, if at % 2 == 0 { 170 } else { 84 }));
        let aggregate = IAggregateSettler::Aggregate {
            slots: U256::from(slots),
            leaves,
            accumulator,
            h: U256::from_be_bytes(self.noise.word().0),
            proof: self.noise.bytes(super::gas::AGGREGATE_PROOF).into(),
        };
        IAggregateSettler::settleAggregateCall { aggregate }.abi_encode()
    }

    fn root(&mut self, items: u32, requests: u32) -> Vec<u8> {
        let (inputs, outputs) = self.many(requests);
        let ids = (0..requests).map(|_| self.noise.word());
        let batch = IBatchSettler::RootBatch {
            modelId: self.model_id,
            items: U256::from(items),
            ids: ids.map(|id| U256::from_be_bytes(id.0)).collect(),
            payees: vec![self.payee],
            inputs,
            outputs,
            proof: self.proof(),
        };
        IBatchSettler::settleRootCall { batch }.abi_encode()
    }
}
