// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ModelSpec, Request} from "../types/Types.sol";

/// @title What a proof is about: request id, tag, model id, route, public inputs
/// @notice The one definition on chain; `haloracle-contracts` holds its twin in Rust.
library Statement {
    bytes32 internal constant REQUEST_V1 = keccak256("haloracle.request.v1");
    bytes32 internal constant STATEMENT_V1 = keccak256("haloracle.statement.v1");
    bytes32 internal constant MODEL_V1 = keccak256("haloracle.model.v1");

    /// @notice Id of `request` at `hub` on this chain.
    function requestId(address hub, Request memory request) internal view returns (uint256) {
        return uint256(keccak256(abi.encode(REQUEST_V1, block.chainid, hub, request)));
    }

    /// @notice Binds a proof to request `id` and to the one who is paid for it.
    function tag(uint256 id, address payee) internal pure returns (bytes32) {
        return keccak256(abi.encode(STATEMENT_V1, id, payee));
    }

    /// @notice Content hash of a model version.
    function modelId(address owner, ModelSpec calldata spec) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(MODEL_V1, owner, spec)));
    }

    /// @notice Route of proofs of one machine shape under one SRS.
    function route(bytes32 shapeHash, bytes32 srsHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(shapeHash, srsHash));
    }

    /// @notice Public inputs: tag halves (128 bits each, high half first), input words, output
    /// words. Lengths must be multiples of 32.
    function instances(bytes32 tag_, bytes calldata input, bytes calldata output)
        internal
        pure
        returns (uint256[] memory values)
    {
        values = new uint256[](2 + input.length / 32 + output.length / 32);
        values[0] = uint256(tag_) >> 128;
        values[1] = uint128(uint256(tag_));
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let at := add(values, 0x60)
            let inputBytes := shl(5, shr(5, input.length))
            calldatacopy(at, input.offset, inputBytes)
            calldatacopy(add(at, inputBytes), output.offset, shl(5, shr(5, output.length)))
        }
    }
}
