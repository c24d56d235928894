// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";

/// @title TEST DOUBLE, no cryptography: accepts exactly `proofFor(vk, instances)`
/// @notice Like a real proof, such a "proof" holds for one key and one vector of public inputs
/// only, so that unit tests see which statement the hub asks about.
contract StubVerifier is IHalo2Verifier {
    bytes32 public immutable shapeHash;
    bytes32 public immutable srsHash;
    bool public immutable srsUnsafe;

    constructor(bytes32 shapeHash_, bytes32 srsHash_, bool srsUnsafe_) {
        shapeHash = shapeHash_;
        srsHash = srsHash_;
        srsUnsafe = srsUnsafe_;
    }

    function verify(address vk, uint256[] calldata instances, bytes calldata proof)
        external
        pure
        returns (bool)
    {
        return keccak256(proof) == keccak256(proofFor(vk, instances));
    }

    function keyShape() external pure returns (uint256, uint256) {
        return (14, 1);
    }

    function proofFor(address vk, uint256[] memory instances) public pure returns (bytes memory) {
        return abi.encode(keccak256(abi.encode(vk, instances)));
    }
}
