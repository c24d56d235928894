// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title A call with an exact amount of gas that cannot harm its caller
/// @notice The callee gets exactly the gas asked for, its return data is never copied but for
/// four bytes, and its failure is a value, not a revert.
library ExactCall {
    /// @dev Kept back beyond the EIP-150 share: the call's own cost and all that its caller does
    /// afterwards (one warm storage write, one event).
    uint256 internal constant RESERVE = 20_000;

    /// @notice Gas that must be left for a call with `amount`: EIP-150 gives a callee at most
    /// 63/64 of what is left, silently less than asked for.
    function requiredGas(uint256 amount) internal pure returns (uint256) {
        return amount + amount / 63 + 1 + RESERVE;
    }

    /// @notice Calls `target` with exactly `amount` gas.
    /// @dev Warning: check `gasleft() >= requiredGas(amount)` right before.
    /// @return ok Whether `target` has code and did not revert.
    /// @return gasUsed Gas spent by the call.
    /// @return reason First four bytes of the return data of a failure.
    function run(address target, uint256 amount, bytes memory data)
        internal
        returns (bool ok, uint256 gasUsed, bytes4 reason)
    {
        if (target.code.length == 0) return (false, 0, 0);
        uint256 before = gasleft();
        // High-level calls copy all return data: a callee could make that as dear as it likes.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            ok := call(amount, target, 0, add(data, 0x20), mload(data), 0, 0)
            if iszero(ok) {
                mstore(0, 0)
                let size := returndatasize()
                if gt(size, 4) { size := 4 }
                returndatacopy(0, 0, size)
                reason := mload(0)
            }
        }
        gasUsed = before - gasleft();
    }
}
