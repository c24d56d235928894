// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LeafResult, Settlement, SettlementTerms} from "../types/Types.sol";

/// @title The hub's side towards its settlement modules
/// @notice Modules are fixed when a hub is deployed. They check proofs about many requests at once;
/// the hub decides of each request whether it can still be settled, stores results and pays.
interface ISettlementHub {
    /// @notice Only a settlement module of this hub settles like this.
    error NotModule(address caller);
    /// @notice `module` settles at another hub.
    error ModuleOfAnotherHub(address module, address hub);
    /// @notice The module was named twice.
    error ModuleTwice(address module);
    /// @notice Not the same number of output words for every leaf, or none.
    error OutputsMalformed(uint256 bytes_, uint256 leaves);

    /// @notice Stores the proved results of those leaves whose requests are open, in time and of a
    /// mode that they allow, pays for them, and skips the others. Modules only.
    /// @dev Callbacks do not run here: delivery of a leaf with a callback stays `Pending`, for
    /// anyone to `deliver`. Warning: the hub relies on the module for everything that a proof
    /// shows: outputs, payees, that a request is of a model of `terms.owner`.
    /// @param leaves Proved leaves; a request that stands twice is settled by the first.
    /// @param outputs Output words of every leaf, one leaf after the other, all of equal length.
    /// @param terms What holds for all leaves.
    /// @return results One per leaf.
    function settleFromModule(
        Settlement[] calldata leaves,
        bytes calldata outputs,
        SettlementTerms calldata terms
    ) external returns (LeafResult[] memory results);

    /// @notice Whether `module` may settle here.
    function isModule(address module) external view returns (bool);

    /// @notice All settlement modules.
    function modules() external view returns (address[] memory);
}
