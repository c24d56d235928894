// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {ModelSpec, Request, Schema} from "../../contracts/types/Types.sol";

/// @title Reads test/fixtures/NAME.json of a batch: a model with batch keys, requests, their proof
/// @notice What the fields mean, and how to remake them: test/fixtures/README.md.
library BatchFixture {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    struct Data {
        uint256 items;
        bytes vkData;
        bytes[] batchKeys;
        // Encoded: storage of tests takes no array of structs.
        bytes specEncoded;
        bytes schemaEncoded;
        bytes requestsEncoded;
        uint256 chainId;
        address hub;
        address settler;
        address modelOwner;
        uint256 modelId;
        address consumer;
        address payee;
        uint256 fee;
        uint64 deadline;
        bytes32 tag;
        uint256 batchId;
        bytes32 instancesHash;
        /// Row after row.
        int256[] rawInputs;
        bytes inputs;
        bytes outputs;
        bytes proof;
        /// Of the first request alone.
        bytes singleProof;
    }

    /// @notice Reads the fixture `name`.
    function read(string memory name) internal view returns (Data memory data) {
        string memory json =
            vm.readFile(string.concat(vm.projectRoot(), "/test/fixtures/", name, ".json"));
        _readModel(json, data);
        _readWorld(json, data);
        data.requestsEncoded = vm.parseJsonBytes(json, ".requestsEncoded");
        data.tag = vm.parseJsonBytes32(json, ".batchTag");
        data.batchId = uint256(vm.parseJsonBytes32(json, ".batchId"));
        data.instancesHash = vm.parseJsonBytes32(json, ".instancesHash");
        data.rawInputs = vm.parseJsonIntArray(json, ".rawInputs");
        data.inputs = vm.parseJsonBytes(json, ".inputs");
        data.outputs = vm.parseJsonBytes(json, ".outputs");
        data.proof = vm.parseJsonBytes(json, ".proof");
        data.singleProof = vm.parseJsonBytes(json, ".singleProof");
    }

    /// @notice The model's description.
    function spec(Data memory data) internal pure returns (ModelSpec memory) {
        return abi.decode(data.specEncoded, (ModelSpec));
    }

    /// @notice The model's schema.
    function schema(Data memory data) internal pure returns (Schema memory) {
        return abi.decode(data.schemaEncoded, (Schema));
    }

    /// @notice The requests, in the order of the batch.
    function requests(Data memory data) internal pure returns (Request[] memory) {
        return abi.decode(data.requestsEncoded, (Request[]));
    }

    /// @notice Input of the request at `index`.
    function rawInput(Data memory data, uint256 index) internal pure returns (int32[] memory raw) {
        raw = new int32[](data.rawInputs.length / data.items);
        for (uint256 i = 0; i < raw.length; ++i) {
            raw[i] = int32(data.rawInputs[raw.length * index + i]);
        }
    }

    function _readModel(string memory json, Data memory data) private pure {
        data.items = vm.parseJsonUint(json, ".items");
        data.vkData = vm.parseJsonBytes(json, ".vkData");
        data.batchKeys = vm.parseJsonBytesArray(json, ".batchKeys");
        data.specEncoded = vm.parseJsonBytes(json, ".specEncoded");
        data.schemaEncoded = vm.parseJsonBytes(json, ".schemaEncoded");
        data.modelOwner = vm.parseJsonAddress(json, ".modelOwner");
        data.modelId = uint256(vm.parseJsonBytes32(json, ".modelId"));
    }

    function _readWorld(string memory json, Data memory data) private pure {
        data.chainId = vm.parseJsonUint(json, ".chainId");
        data.hub = vm.parseJsonAddress(json, ".hub");
        data.settler = vm.parseJsonAddress(json, ".settler");
        data.consumer = vm.parseJsonAddress(json, ".consumer");
        data.payee = vm.parseJsonAddress(json, ".payee");
        data.fee = vm.parseJsonUint(json, ".fee");
        data.deadline = uint64(vm.parseJsonUint(json, ".deadline"));
    }
}
