// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {DataContract} from "../../contracts/libraries/DataContract.sol";

contract DataContractTest is Test {
    function store(bytes calldata data) external returns (address) {
        return DataContract.store(data);
    }

    function test_store_keepsDataBehindAStop() public {
        bytes memory data = "the data";
        address pointer = this.store(data);
        assertEq(pointer.code, bytes.concat(hex"00", data));
        assertEq(DataContract.size(pointer), data.length);
        assertEq(DataContract.load(pointer, 4, 4), "data");
        assertEq(DataContract.load(pointer, 6, 4), hex"74610000");
    }

    function test_store_revertsIfTooLong() public {
        // Chains allow 24,576 bytes of code, forge's tests any number: this is the library's own.
        this.store(new bytes(65_534));
        vm.expectRevert(abi.encodeWithSelector(DataContract.DataNotStored.selector, 65_535));
        this.store(new bytes(65_535));
    }

    /// A creation may fail and leave its creator a 64th of the gas: enough to go on, with nothing.
    function test_store_neverReturnsNothing() public {
        bytes memory data = new bytes(20_000);
        bytes memory starved =
            abi.encodeWithSelector(DataContract.DataNotStored.selector, data.length);
        uint256 refused;
        uint256 stored;
        for (uint256 gas = 100_000; gas < 5_000_000; gas += 50_000) {
            (bool ok, bytes memory result) =
                address(this).call{gas: gas}(abi.encodeCall(this.store, (data)));
            if (ok) {
                assertEq(abi.decode(result, (address)).code.length, data.length + 1);
                ++stored;
            } else if (keccak256(result) == keccak256(starved)) {
                ++refused;
            }
        }
        assertGt(refused, 0);
        assertGt(stored, 0);
    }
}
