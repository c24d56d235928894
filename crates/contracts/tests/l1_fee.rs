//! The L1 data fee against what an OP-stack node takes from the sender. Anvil charges by Fjord's
//! formula under every hardfork, so Ecotone's has unit tests only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use alloy::{
    eips::Encodable2718,
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, Bytes, U256},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use haloracle_contracts::l1_fee::{DataFee, L1_BLOCK, L1Prices, SLOTS};
use haloracle_testkit::Anvil;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

const PRICES: L1Prices = L1Prices {
    base_fee: 23_456_789_012,
    blob_base_fee: 1_234_567_890,
    base_fee_scalar: 2_269,
    blob_base_fee_scalar: 1_055_762,
};

/// Calldata as transactions have it: noise, zeros, repetitions, and a mixture.
fn payloads() -> Vec<Bytes> {
    let mut rng = StdRng::seed_from_u64(7);
    let noise: Vec<u8> = (0..2_048).map(|_| rng.r#gen()).collect();
    let words: Vec<u8> = (0..64u8)
        .flat_map(|i| [&[0; 28][..], &[i, 1, 2, i]].concat())
        .collect();
    let mixture = [&noise[..700], &words, &noise[..700]].concat();
    let all = [vec![], vec![0; 5_000], noise, words, mixture];
    all.into_iter().map(Bytes::from).collect()
}

async fn charged_as_computed(hardfork: &str) {
    let anvil = Anvil::optimism(hardfork, 8_453).unwrap();
    let signer = PrivateKeySigner::random();
    let from = signer.address();
    let funds = U256::from(10).pow(U256::from(20));
    let set = json!([from, format!("{funds:#x}")]);
    anvil.call("anvil_setBalance", set).await.unwrap();
    for (slot, value) in SLOTS.into_iter().zip(PRICES.to_storage()) {
        let params = json!([L1_BLOCK, format!("{slot:#x}"), format!("{value:#066x}")]);
        anvil.call("anvil_setStorageAt", params).await.unwrap();
    }
    let wallet = EthereumWallet::from(signer);
    let provider = ProviderBuilder::new().connect_provider(anvil.provider());
    for (nonce, data) in payloads().into_iter().enumerate() {
        let request = TransactionRequest::default()
            .with_from(from)
            .with_to(Address::repeat_byte(0xde))
            .with_input(data)
            .with_nonce(nonce as u64)
            .with_chain_id(8_453)
            .with_gas_limit(2_000_000)
            .with_max_fee_per_gas(3_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        let signed = request.build(&wallet).await.unwrap();
        let bytes = signed.encoded_2718();
        let before = provider.get_balance(from).await.unwrap();
        let sent = provider.send_raw_transaction(&bytes).await.unwrap();
        let receipt = sent.get_receipt().await.unwrap();
        let after = provider.get_balance(from).await.unwrap();
        let gas = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        let fee = PRICES.fee(DataFee::Fjord, &bytes);
        assert!(fee > U256::ZERO);
        assert_eq!(before - after - gas, fee, "transaction {nonce}, {hardfork}");
    }
}

#[tokio::test]
async fn fjord_takes_the_fee_that_is_computed() {
    charged_as_computed("fjord").await;
}

#[tokio::test]
async fn isthmus_counts_as_fjord_does() {
    charged_as_computed("isthmus").await;
}
