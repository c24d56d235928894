// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Immutable data as the code of a contract
/// @notice The code is a STOP byte followed by the data, so that it can never run: neither change
/// nor destroy itself. A word costs 6,400 gas once instead of 22,100 for a storage slot.
library DataContract {
    /// @notice The data contract could not be created: out of gas, or more than 24,575 bytes.
    error DataNotStored(uint256 length);

    /// @dev Bytes before the data: the STOP byte.
    uint256 internal constant OFFSET = 1;

    /// @dev Creation code up to the stored code: returns what follows it, PUSH2 its length.
    bytes7 private constant COPY_AND_RETURN = 0x80600a3d393df3;

    /// @notice Stores `data` in a new contract.
    function store(bytes memory data) internal returns (address pointer) {
        uint256 length = data.length;
        // PUSH2 cannot hold more; the EVM's code size limit is lower still.
        if (length >= type(uint16).max) revert DataNotStored(length);
        bytes memory creation =
            abi.encodePacked(hex"61", uint16(length + OFFSET), COPY_AND_RETURN, hex"00", data);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            pointer := create(0, add(creation, 0x20), mload(creation))
        }
        if (pointer == address(0)) revert DataNotStored(length);
    }

    /// @notice Reads `length` bytes from `start` of the data; bytes past its end read as zero.
    function load(address pointer, uint256 start, uint256 length)
        internal
        view
        returns (bytes memory data)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            data := mload(0x40)
            // One spare word, zeroed: readers take 32 bytes at unaligned positions.
            mstore(add(data, add(length, 0x20)), 0)
            mstore(0x40, and(add(add(data, length), 0x5f), not(0x1f)))
            mstore(data, length)
            extcodecopy(pointer, add(data, 0x20), add(start, OFFSET), length)
        }
    }

    /// @notice Bytes of data that `pointer` holds.
    function size(address pointer) internal view returns (uint256) {
        return pointer.code.length - OFFSET;
    }
}
