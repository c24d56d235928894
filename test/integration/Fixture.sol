// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {ModelSpec, Request, Schema} from "../../contracts/types/Types.sol";

/// @title Reads test/fixtures/NAME.json: a real key, a real request and its real proof
/// @notice What the fields mean, and how to remake them: test/fixtures/README.md.
library Fixture {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    struct Data {
        bytes32 shapeHash;
        bytes32 srsHash;
        bytes vkData;
        // Encoded: storage of tests takes no array of structs.
        bytes specEncoded;
        bytes schemaEncoded;
        address modelOwner;
        uint256 modelId;
        address hub;
        address consumer;
        address payee;
        uint256 chainId;
        Request request;
        uint256 requestId;
        bytes32 tag;
        int32[] rawInput;
        uint256[] rawOutput;
        bytes input;
        bytes output;
        uint256[] instances;
        bytes proof;
    }

    /// @notice Reads the fixture `name`.
    function read(string memory name) internal view returns (Data memory data) {
        string memory json =
            vm.readFile(string.concat(vm.projectRoot(), "/test/fixtures/", name, ".json"));
        _readModel(json, data);
        _readRequest(json, data);
        data.rawOutput = vm.parseJsonUintArray(json, ".rawOutput");
        data.output = vm.parseJsonBytes(json, ".output");
        data.proof = vm.parseJsonBytes(json, ".proof");
        // As bytes32: a number in JSON would lose its low digits on the way.
        bytes32[] memory instances = vm.parseJsonBytes32Array(json, ".instances");
        data.instances = new uint256[](instances.length);
        for (uint256 i = 0; i < instances.length; ++i) {
            data.instances[i] = uint256(instances[i]);
        }
    }

    /// @notice The model's description.
    function spec(Data memory data) internal pure returns (ModelSpec memory) {
        return abi.decode(data.specEncoded, (ModelSpec));
    }

    /// @notice The model's schema.
    function schema(Data memory data) internal pure returns (Schema memory) {
        return abi.decode(data.schemaEncoded, (Schema));
    }

    function _readModel(string memory json, Data memory data) private pure {
        data.shapeHash = vm.parseJsonBytes32(json, ".shapeHash");
        data.srsHash = vm.parseJsonBytes32(json, ".srsHash");
        data.vkData = vm.parseJsonBytes(json, ".vkData");
        data.specEncoded = vm.parseJsonBytes(json, ".specEncoded");
        data.schemaEncoded = vm.parseJsonBytes(json, ".schemaEncoded");
        data.modelOwner = vm.parseJsonAddress(json, ".modelOwner");
        data.modelId = uint256(vm.parseJsonBytes32(json, ".modelId"));
    }

    function _readRequest(string memory json, Data memory data) private pure {
        data.hub = vm.parseJsonAddress(json, ".hub");
        data.consumer = vm.parseJsonAddress(json, ".consumer");
        data.payee = vm.parseJsonAddress(json, ".payee");
        data.chainId = vm.parseJsonUint(json, ".chainId");
        data.request = abi.decode(vm.parseJsonBytes(json, ".requestEncoded"), (Request));
        data.requestId = uint256(vm.parseJsonBytes32(json, ".requestId"));
        data.tag = vm.parseJsonBytes32(json, ".tag");
        data.input = vm.parseJsonBytes(json, ".input");
        int256[] memory raw = vm.parseJsonIntArray(json, ".rawInput");
        data.rawInput = new int32[](raw.length);
        for (uint256 i = 0; i < raw.length; ++i) {
            data.rawInput[i] = int32(raw[i]);
        }
    }
}
