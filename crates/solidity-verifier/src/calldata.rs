//! Bytes that go on chain: the key contract's code and calls of the verifier.

use sha3::{Digest, Keccak256};

/// Signature of the verifier's entry point.
const SIGNATURE: &str = "verify(address,uint256[],bytes)";

/// Calldata of `verify(vk, instances, proof)` in the one encoding that the verifier accepts.
pub fn calldata(vk: &[u8; 20], instances: &[[u8; 32]], proof: &[u8]) -> Vec<u8> {
    /// Bytes of the three head words.
    const HEAD: usize = 96;
    let selector = Keccak256::digest(SIGNATURE);
    let mut data = selector[..4].to_vec();
    let mut address = [0; 32];
    address[12..].copy_from_slice(vk);
    data.extend_from_slice(&address);
    data.extend_from_slice(&word(HEAD));
    data.extend_from_slice(&word(HEAD + 32 + 32 * instances.len()));
    data.extend_from_slice(&word(instances.len()));
    instances
        .iter()
        .for_each(|instance| data.extend_from_slice(instance));
    data.extend_from_slice(&word(proof.len()));
    data.extend_from_slice(proof);
    // Proofs are whole words; anything else is padded as the ABI asks and rejected on chain.
    data.resize(data.len() + proof.len().wrapping_neg() % 32, 0);
    data
}

/// Code of the contract that holds verifying-key data: STOP, so that it cannot be executed, then
/// the data.
pub fn vk_code(vk_data: &[u8]) -> Vec<u8> {
    [&[0x00], vk_data].concat()
}

/// A big-endian word.
fn word(value: usize) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&(value as u64).to_be_bytes());
    word
}
