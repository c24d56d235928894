// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {IHalo2Verifier} from "../contracts/interfaces/IHalo2Verifier.sol";

/// @title The generated verifiers, one per machine shape
/// @notice The narrow shape is always there. The wide one is deployed too where its contract was
/// generated; a deployment without it serves narrow models, and its route can be activated later.
library Verifiers {
    /// @notice The creation code did not leave a contract.
    error NotDeployed(string name);

    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Names of the generated contracts, narrow shape first.
    function names() internal view returns (string[] memory found) {
        string[2] memory shapes = ["Halo2Verifier", "Halo2VerifierWide"];
        found = new string[](shapes.length);
        uint256 count;
        for (uint256 i = 0; i < shapes.length; ++i) {
            if (VM.exists(_source(shapes[i]))) {
                found[count] = shapes[i];
                ++count;
            }
        }
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    /// @notice Deploys the generated contract `name`.
    function deploy(string memory name) internal returns (IHalo2Verifier) {
        bytes memory code = VM.getCode(string.concat(name, ".sol:", name));
        address verifier;
        // By hand, not by `new`: a contract that was not generated cannot be imported.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            verifier := create(0, add(code, 0x20), mload(code))
        }
        if (verifier == address(0)) revert NotDeployed(name);
        return IHalo2Verifier(verifier);
    }

    function _source(string memory name) private view returns (string memory) {
        return string.concat(VM.projectRoot(), "/contracts/generated/", name, ".sol");
    }
}
