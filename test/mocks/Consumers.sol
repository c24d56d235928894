// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../../contracts/interfaces/IInferenceConsumer.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {Request, RequestOptions} from "../../contracts/types/Types.sol";

/// @title Asks on behalf of tests; what the callback does is up to the heirs
abstract contract TestConsumer is IInferenceConsumer {
    IInferenceHub public immutable hub;

    constructor(IInferenceHub hub_) {
        hub = hub_;
    }

    function ask(uint256 modelId, int32[] calldata input, RequestOptions calldata options)
        external
        payable
        returns (uint256)
    {
        return hub.requestInference{value: msg.value}(modelId, input, options);
    }

    function askPrivately(
        uint256 modelId,
        bytes32 commitment,
        address subject,
        RequestOptions calldata options
    ) external payable returns (uint256) {
        return hub.requestPrivateInference{value: msg.value}(modelId, commitment, subject, options);
    }

    function cancel(Request calldata request) external {
        hub.cancel(request);
    }
}

/// @title Records what it is told, and the gas it got
contract RecordingConsumer is TestConsumer {
    uint256 public calls;
    uint256 public gasAtEntry;
    uint256 public lastId;
    uint256 public lastModelId;
    uint256 public lastStatus;
    bytes public lastOutput;
    bytes32 public lastUserData;

    constructor(IInferenceHub hub_) TestConsumer(hub_) {}

    function onInference(
        uint256 id,
        uint256 modelId,
        uint256 status,
        bytes calldata output,
        bytes32 userData
    ) external virtual {
        gasAtEntry = gasleft();
        ++calls;
        (lastId, lastModelId, lastStatus) = (id, modelId, status);
        (lastOutput, lastUserData) = (output, userData);
    }
}

/// @title Needs all the gas it asked for: succeeds with `need`, fails with less
contract HungryConsumer is TestConsumer {
    uint256 public immutable need;
    uint256 public calls;

    constructor(IInferenceHub hub_, uint256 need_) TestConsumer(hub_) {
        need = need_;
    }

    function onInference(uint256, uint256, uint256, bytes calldata, bytes32) external {
        // Some hundred gas go to reaching this line.
        require(gasleft() + 1_000 >= need, "starved");
        ++calls;
    }
}

/// @title Fails until told otherwise
contract RevertingConsumer is TestConsumer {
    error NotToday(uint256 day);

    bool public willing;
    uint256 public calls;

    constructor(IInferenceHub hub_) TestConsumer(hub_) {}

    function setWilling(bool willing_) external {
        willing = willing_;
    }

    function onInference(uint256, uint256, uint256, bytes calldata, bytes32) external {
        if (!willing) revert NotToday(7);
        ++calls;
    }
}

/// @title Burns all the gas it gets
contract BurningConsumer is TestConsumer {
    constructor(IInferenceHub hub_) TestConsumer(hub_) {}

    function onInference(uint256, uint256, uint256, bytes calldata, bytes32) external pure {
        for (uint256 i = 0;; ++i) {}
    }
}

/// @title Returns or reverts with as much data as its gas can buy
contract BombConsumer is TestConsumer {
    bool public immutable reverts;
    uint256 public immutable size;

    constructor(IInferenceHub hub_, bool reverts_, uint256 size_) TestConsumer(hub_) {
        (reverts, size) = (reverts_, size_);
    }

    function onInference(uint256, uint256, uint256, bytes calldata, bytes32) external view {
        (bool fail, uint256 length) = (reverts, size);
        assembly {
            if fail { revert(0, length) }
            return(0, length)
        }
    }
}

/// @title Uses its callback to call the hub with what it was armed with
contract ReentrantConsumer is TestConsumer {
    bytes public payload;
    bool public entered;
    bool public succeeded;
    bytes public result;

    constructor(IInferenceHub hub_) TestConsumer(hub_) {}

    function arm(bytes calldata payload_) external {
        payload = payload_;
    }

    function onInference(uint256, uint256, uint256, bytes calldata, bytes32) external {
        if (entered) return;
        entered = true;
        (succeeded, result) = address(hub).call(payload);
    }
}
