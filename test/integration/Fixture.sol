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

    function _schema(string memory json) private view returns (Schema memory schema) {
        schema.digitBits = uint8(vm.parseJsonUint(json, ".schema.digitBits"));
        schema.inputDigits = uint8(vm.parseJsonUint(json, ".schema.inputDigits"));
        schema.features = new Feature[](_count(json, ".schema.features"));
        for (uint256 i = 0; i < schema.features.length; ++i) {
            string memory item = _item(".schema.features", i);
            schema.features[i] = Feature({
                lo: int32(vm.parseJsonInt(json, string.concat(item, ".lo"))),
                hi: int32(vm.parseJsonInt(json, string.concat(item, ".hi"))),
                decimals: uint8(vm.parseJsonUint(json, string.concat(item, ".decimals")))
            });
        }
        schema.outputs = new OutputField[](_count(json, ".schema.outputs"));
        for (uint256 i = 0; i < schema.outputs.length; ++i) {
            string memory item = _item(".schema.outputs", i);
            schema.outputs[i] = OutputField({
                zeroPoint: uint32(vm.parseJsonUint(json, string.concat(item, ".zeroPoint"))),
                multiplier: uint32(vm.parseJsonUint(json, string.concat(item, ".multiplier"))),
                decimals: uint8(vm.parseJsonUint(json, string.concat(item, ".decimals")))
            });
        }
    }

    function _count(string memory json, string memory array) private view returns (uint256 count) {
        while (vm.keyExistsJson(json, _item(array, count))) ++count;
    }

    function _item(string memory array, uint256 index) private pure returns (string memory) {
        return string.concat(array, "[", vm.toString(index), "]");
    }
}
