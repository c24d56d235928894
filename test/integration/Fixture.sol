// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {Feature, OutputField, Schema} from "../../contracts/types/Types.sol";

/// @title Reads test/fixtures/NAME.json: a real key and a real proof, as the prover wrote them
/// @notice ```json
/// {"model": "mlp_small", "shapeHash": "0x…", "srsHash": "0x…", "vkData": "0x…",
///  "instances": ["0x…", …], "proof": "0x…",
///  "schema": {"digitBits": 8, "inputDigits": 3,
///             "features": [{"lo": 0, "hi": 1, "decimals": 0}, …],
///             "outputs": [{"zeroPoint": 0, "multiplier": 1, "decimals": 3}, …]}}
/// ```
/// `schema` may be absent where only verification is tested.
library Fixture {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    struct Data {
        string model;
        bytes vkData;
        uint256[] instances;
        bytes proof;
        bytes32 srsHash;
        bytes32 shapeHash;
        Schema schema;
    }

    /// @notice Reads the fixture `name`.
    function read(string memory name) internal view returns (Data memory data) {
        string memory json =
            vm.readFile(string.concat(vm.projectRoot(), "/test/fixtures/", name, ".json"));
        data.model = vm.parseJsonString(json, ".model");
        data.vkData = vm.parseJsonBytes(json, ".vkData");
        data.proof = vm.parseJsonBytes(json, ".proof");
        data.srsHash = vm.parseJsonBytes32(json, ".srsHash");
        data.shapeHash = vm.parseJsonBytes32(json, ".shapeHash");
        // As bytes32: a number in JSON would lose its low digits on the way.
        bytes32[] memory instances = vm.parseJsonBytes32Array(json, ".instances");
        data.instances = new uint256[](instances.length);
        for (uint256 i = 0; i < instances.length; ++i) {
            data.instances[i] = uint256(instances[i]);
        }
        if (vm.keyExistsJson(json, ".schema")) data.schema = _schema(json);
    }

    function _schema(string memory json) private pure returns (Schema memory schema) {
        schema.digitBits = uint8(vm.parseJsonUint(json, ".schema.digitBits"));
        schema.inputDigits = uint8(vm.parseJsonUint(json, ".schema.inputDigits"));
        int256[] memory lo = vm.parseJsonIntArray(json, ".schema.features[*].lo");
        int256[] memory hi = vm.parseJsonIntArray(json, ".schema.features[*].hi");
        uint256[] memory decimals = vm.parseJsonUintArray(json, ".schema.features[*].decimals");
        schema.features = new Feature[](lo.length);
        for (uint256 i = 0; i < lo.length; ++i) {
            schema.features[i] =
                Feature({lo: int32(lo[i]), hi: int32(hi[i]), decimals: uint8(decimals[i])});
        }
        uint256[] memory zeroPoint = vm.parseJsonUintArray(json, ".schema.outputs[*].zeroPoint");
        uint256[] memory multiplier = vm.parseJsonUintArray(json, ".schema.outputs[*].multiplier");
        decimals = vm.parseJsonUintArray(json, ".schema.outputs[*].decimals");
        schema.outputs = new OutputField[](zeroPoint.length);
        for (uint256 i = 0; i < zeroPoint.length; ++i) {
            schema.outputs[i] = OutputField({
                zeroPoint: uint32(zeroPoint[i]),
                multiplier: uint32(multiplier[i]),
                decimals: uint8(decimals[i])
            });
        }
    }
}
