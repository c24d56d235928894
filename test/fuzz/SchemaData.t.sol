// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {Feature, OutputField, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";

/// @dev Packing against a plain definition, over random schemas and inputs.
contract SchemaDataFuzzTest is HaloracleTest {
    uint256 private constant SCALAR_FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    function testFuzz_packInput_equalsThePlainDefinition(uint256 seed) public {
        Schema memory schema = _randomSchema(seed);
        uint256 id = register(schema);
        int32[] memory raw = _inside(schema, seed);
        uint256[] memory words = registry.packInput(id, raw);
        assertEq(words, _plainPack(schema, raw));
        (uint256 inputs,) = registry.wordCounts(id);
        assertEq(words.length, inputs);
        for (uint256 i = 0; i < words.length; ++i) {
            assertLt(words[i], SCALAR_FIELD);
        }
    }

    /// Different inputs never share words: each value is read back.
    function testFuzz_packInput_canBeUndone(uint256 seed) public {
        Schema memory schema = _randomSchema(seed);
        int32[] memory raw = _inside(schema, seed);
        uint256[] memory words = registry.packInput(register(schema), raw);
        uint256 slot = uint256(schema.digitBits) * schema.inputDigits;
        uint256 perWord = 253 / slot;
        for (uint256 i = 0; i < raw.length; ++i) {
            uint256 offset = words[i / perWord] >> (i % perWord * slot) & ((1 << slot) - 1);
            assertEq(int256(schema.features[i].lo) + int256(offset), raw[i]);
        }
    }

    function testFuzz_packInput_revertsIfOneValueIsOutside(uint256 seed, int32 value) public {
        Schema memory schema = _randomSchema(seed);
        int32[] memory raw = _inside(schema, seed);
        uint256 at = uint256(keccak256(abi.encode(seed, "at"))) % raw.length;
        Feature memory feature = schema.features[at];
        vm.assume(value < feature.lo || value > feature.hi);
        raw[at] = value;
        uint256 id = register(schema);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.OutOfDomain.selector, at, value, feature.lo, feature.hi
            )
        );
        registry.packInput(id, raw);
    }

    /// Calldata beyond int32, which the ABI decoder would reject: it must not wrap into the box.
    function testFuzz_packInput_revertsIfValueIsNoInt32(int256 value) public {
        value = bound(value, int256(type(int32).max) + 1, type(int256).max);
        int32[] memory raw = rawInput(30);
        bytes memory data = abi.encodeCall(registry.packInput, (modelId, raw));
        // selector, model id, offset, length, then values
        for (uint256 sign = 0; sign < 2; ++sign) {
            int256 wild = sign == 0 ? value : -value - 1;
            assembly {
                mstore(add(data, add(0x24, 0x60)), wild)
            }
            (bool ok, bytes memory result) = address(registry).staticcall(data);
            assertFalse(ok);
            assertEq(
                result,
                abi.encodeWithSelector(
                    IModelRegistry.OutOfDomain.selector, 0, wild, int256(0), int256(10_000)
                )
            );
        }
    }

    function testFuzz_schemaOf_returnsWhatWasRegistered(uint256 seed) public {
        Schema memory schema = _randomSchema(seed);
        assertEq(abi.encode(registry.schemaOf(register(schema))), abi.encode(schema));
    }

    function testFuzz_decodeOutput_readsValues(uint256 seed) public {
        Schema memory schema = _randomSchema(seed);
        uint256 id = register(schema);
        uint256[] memory raw = new uint256[](schema.outputs.length);
        for (uint256 i = 0; i < raw.length; ++i) {
            raw[i] = uint256(keccak256(abi.encode(seed, "out", i))) % (1 << _outputBits(schema));
        }
        bytes memory output = _packOutput(schema, 0, raw);
        (uint256 decoded, int256[] memory values) = registry.decodeOutput(id, output);
        assertEq(decoded, 0);
        assertEq(values.length, raw.length);
        for (uint256 i = 0; i < raw.length; ++i) {
            OutputField memory field = schema.outputs[i];
            assertEq(
                values[i],
                (int256(raw[i]) - int256(uint256(field.zeroPoint)))
                    * int256(uint256(field.multiplier))
            );
        }
    }

    /// A refusal has a status as wide as every slot, and no values that could be taken for some.
    function testFuzz_decodeOutput_givesNoValuesWithARefusal(uint256 seed, uint256 status) public {
        Schema memory schema = _randomSchema(seed);
        uint256 id = register(schema);
        status = bound(status, 1, (1 << _outputBits(schema)) - 1);
        bytes memory output = _packOutput(schema, status, new uint256[](schema.outputs.length));
        (uint256 decoded, int256[] memory values) = registry.decodeOutput(id, output);
        assertEq(decoded, status);
        assertEq(values.length, 0);
    }

    function testFuzz_decodeOutput_revertsIfUnusedBitIsSet(uint256 seed, uint8 bit) public {
        Schema memory schema = _randomSchema(seed);
        uint256 id = register(schema);
        uint256 slots = 1 + schema.outputs.length;
        uint256 slot = _outputBits(schema);
        uint256 perWord = 253 / slot;
        uint256 words = (slots + perWord - 1) / perWord;
        uint256 index = uint256(keccak256(abi.encode(seed, "word"))) % words;
        uint256 used = (index + 1 == words ? slots - index * perWord : perWord) * slot;
        uint256 position = bound(bit, used, 255);
        bytes memory output = new bytes(32 * words);
        assembly {
            mstore(add(output, mul(32, add(index, 1))), shl(position, 1))
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.NonCanonicalOutput.selector, index, 1 << (position - used)
            )
        );
        registry.decodeOutput(id, output);
    }

    function testFuzz_decodeOutput_revertsIfLengthWrong(uint16 length) public {
        vm.assume(length != 32);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.WrongOutputLength.selector, 32, length)
        );
        registry.decodeOutput(modelId, new bytes(length));
    }

    function _randomSchema(uint256 seed) private pure returns (Schema memory schema) {
        uint256 random = uint256(keccak256(abi.encode(seed, "schema")));
        schema.digitBits = uint8(4 + random % 9);
        schema.inputDigits = uint8(1 + (random >> 8) % (48 / schema.digitBits));
        schema.outputDigits = uint8(1 + (random >> 48) % 4);
        schema.features = new Feature[](1 + (random >> 16) % 40);
        schema.outputs = new OutputField[](1 + (random >> 32) % 70);
        uint256 slot = uint256(schema.digitBits) * schema.inputDigits;
        uint256 widest = slot >= 32 ? type(uint32).max : (1 << slot) - 1;
        for (uint256 i = 0; i < schema.features.length; ++i) {
            random = uint256(keccak256(abi.encode(random)));
            int256 lo = int256(int32(uint32(random)));
            int256 hi = lo + int256((random >> 32) % (widest + 1));
            if (hi > type(int32).max) hi = type(int32).max;
            schema.features[i] =
                Feature({lo: int32(lo), hi: int32(hi), decimals: uint8((random >> 128) % 19)});
        }
        for (uint256 i = 0; i < schema.outputs.length; ++i) {
            random = uint256(keccak256(abi.encode(random)));
            schema.outputs[i] = OutputField({
                zeroPoint: uint32(
                    random % (1 << (_outputBits(schema) > 32 ? 32 : _outputBits(schema)))
                ),
                multiplier: uint32(1 + (random >> 32) % type(uint32).max),
                decimals: uint8((random >> 128) % 19)
            });
        }
    }

    function _inside(Schema memory schema, uint256 seed) private pure returns (int32[] memory raw) {
        raw = new int32[](schema.features.length);
        for (uint256 i = 0; i < raw.length; ++i) {
            Feature memory feature = schema.features[i];
            uint256 random = uint256(keccak256(abi.encode(seed, "raw", i)));
            uint256 width = uint256(int256(feature.hi) - feature.lo);
            // Corners often: that is where packing goes wrong.
            uint256 offset =
                random % 4 == 0 ? 0 : random % 4 == 1 ? width : (random >> 8) % (width + 1);
            raw[i] = int32(int256(feature.lo) + int256(offset));
        }
    }

    function _plainPack(Schema memory schema, int32[] memory raw)
        private
        pure
        returns (uint256[] memory words)
    {
        uint256 slot = uint256(schema.digitBits) * schema.inputDigits;
        uint256 perWord = 253 / slot;
        words = new uint256[]((raw.length + perWord - 1) / perWord);
        for (uint256 i = 0; i < raw.length; ++i) {
            uint256 offset = uint256(int256(raw[i]) - schema.features[i].lo);
            words[i / perWord] += offset * 2 ** (i % perWord * slot);
        }
    }

    function _packOutput(Schema memory schema, uint256 status, uint256[] memory raw)
        private
        pure
        returns (bytes memory)
    {
        uint256 bits = _outputBits(schema);
        uint256 perWord = 253 / bits;
        uint256[] memory words = new uint256[](raw.length / perWord + 1);
        words[0] = status;
        for (uint256 i = 0; i < raw.length; ++i) {
            uint256 slot = i + 1;
            words[slot / perWord] += raw[i] * 2 ** (slot % perWord * bits);
        }
        return abi.encodePacked(words);
    }

    function _outputBits(Schema memory schema) private pure returns (uint256) {
        return uint256(schema.digitBits) * schema.outputDigits;
    }
}
