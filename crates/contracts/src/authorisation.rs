//! What a subject signs before an operator may use its private values (EIP-712).
//!
//! The signature binds chain and hub (by the domain), request and commitment: a commitment that
//! somebody copied into a request of his own makes no operator answer it, because the subject
//! never signed that request's id.

use alloy::{
    primitives::{Address, B256, U256},
    sol,
    sol_types::{SolStruct, eip712_domain},
};

sol! {
    /// Leave to answer request `requestId` with the values behind `commitment`.
    #[derive(Debug, PartialEq, Eq)]
    struct PrivateInput {
        uint256 requestId;
        bytes32 commitment;
    }

    /// A contract that can say whether it signed something (ERC-1271).
    interface IERC1271 {
        /// Returns `0x1626ba7e`, the function's own selector, if `signature` is valid for `hash`.
        function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
    }
}

/// Name of the signing domain.
pub const DOMAIN_NAME: &str = "Haloracle";
/// Version of the signing domain.
pub const DOMAIN_VERSION: &str = "1";

/// The hash that the subject of a private request signs.
pub fn private_input_hash(chain_id: u64, hub: Address, id: U256, commitment: B256) -> B256 {
    let domain = eip712_domain! {
        name: DOMAIN_NAME,
        version: DOMAIN_VERSION,
        chain_id: chain_id,
        verifying_contract: hub,
    };
    let message = PrivateInput {
        requestId: id,
        commitment,
    };
    message.eip712_signing_hash(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{primitives::keccak256, sol_types::SolValue};

    /// By the words of EIP-712, without the library's help.
    #[test]
    fn the_hash_is_that_of_eip_712() {
        let (chain_id, hub) = (31_337u64, Address::repeat_byte(0x22));
        let (id, commitment) = (U256::from(7), B256::repeat_byte(5));
        let domain_type = "EIP712Domain(string name,string version,uint256 chainId,\
                           address verifyingContract)";
        let domain = keccak256(
            (
                keccak256(domain_type),
                keccak256("Haloracle"),
                keccak256("1"),
                U256::from(chain_id),
                hub,
            )
                .abi_encode(),
        );
        let message_type = keccak256("PrivateInput(uint256 requestId,bytes32 commitment)");
        let message = keccak256((message_type, id, commitment).abi_encode());
        let expected = keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat());
        assert_eq!(private_input_hash(chain_id, hub, id, commitment), expected);

        let others = [
            private_input_hash(1, hub, id, commitment),
            private_input_hash(chain_id, Address::ZERO, id, commitment),
            private_input_hash(chain_id, hub, U256::from(8), commitment),
            private_input_hash(chain_id, hub, id, B256::ZERO),
        ];
        assert!(!others.contains(&expected));
    }
}
