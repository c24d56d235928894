// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {Request, RequestOptions} from "../../contracts/types/Types.sol";

/// @title Gas of whole transactions: base cost and calldata included
/// @dev A test measures what a transaction would take if all preparation is in `setUp`: accounts
/// and slots are then cold.
abstract contract TransactionGas is Test {
    uint256 private constant TX_BASE = 21_000;

    function _calldataGas(bytes memory data) internal pure returns (uint256 gas) {
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    /// @dev Calls `to` with `data`: gas of the transaction after refunds, and what these are.
    function _transact(address to, bytes memory data)
        internal
        returns (uint256 total, uint256 refund)
    {
        (bool ok,) = to.call(data);
        Vm.Gas memory gas = vm.lastCallGas();
        assertTrue(ok);
        refund = uint256(uint64(gas.gasRefunded));
        total = _refunded(TX_BASE + _calldataGas(data) + gas.gasTotalUsed, refund);
    }

    /// @dev EIP-3529: at most a fifth comes back.
    function _refunded(uint256 total, uint256 refund) internal pure returns (uint256) {
        return total - (refund > total / 5 ? total / 5 : refund);
    }

    /// @dev Credits `account`, as an operator or owner who earned before, with the refund of a
    /// request of model `modelId` that nobody answered.
    function _credit(InferenceHub hub, uint256 modelId, int32[] memory raw, address account)
        internal
    {
        RequestOptions memory options = RequestOptions({
            refundTo: account,
            deadline: uint64(block.timestamp + 1),
            callbackGas: 0,
            modes: 0,
            userData: 0
        });
        uint256 balance = hub.escrow().balanceOf(account);
        vm.recordLogs();
        hoax(account, 1);
        hub.requestInference{value: 1}(modelId, raw, options);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (Request memory request,) = abi.decode(logs[0].data, (Request, bytes));
        skip(2);
        hub.expire(request);
        assertEq(hub.escrow().balanceOf(account), balance + 1);
    }
}
