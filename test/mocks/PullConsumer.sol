// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {InferenceConsumer} from "../../contracts/consumers/InferenceConsumer.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {OutputField, RequestOptions} from "../../contracts/types/Types.sol";

/// @title Opens the base contract's helpers to tests
contract PullConsumer is InferenceConsumer {
    uint256 public calls;

    constructor(IInferenceHub hub_) InferenceConsumer(hub_) {}

    function ask(uint256 modelId, int32[] calldata input, RequestOptions calldata options)
        external
        payable
        returns (uint256)
    {
        return hub.requestInference{value: msg.value}(modelId, input, options);
    }

    function withdrawRefunds(address to) external returns (uint256) {
        return _withdrawRefunds(to);
    }

    function requireVerified(uint256 id, bytes calldata output) external view {
        _requireVerified(id, output);
    }

    function requireFresh(uint256 requestedAt, uint256 maxAge) external view {
        _requireFresh(requestedAt, maxAge);
    }

    function raw(bytes calldata output, uint256 slotBits, uint256 slot)
        external
        pure
        returns (uint256)
    {
        return _raw(output, slotBits, slot);
    }

    function fixedPoint(OutputField memory field, uint256 value) external pure returns (int256) {
        return _fixedPoint(field, value);
    }

    function _onInference(uint256, uint256, uint256, bytes calldata, bytes32) internal override {
        ++calls;
    }
}
