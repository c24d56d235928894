// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {SchemaData} from "../../contracts/libraries/SchemaData.sol";
import {ModelSpec, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";

/// @dev Which schemas a registry takes.
contract RegistrySchemaTest is HaloracleTest {
    Schema internal schema;
    bytes internal vkData;

    function setUp() public override {
        super.setUp();
        Schema memory fresh = schemaOf(8, 2);
        schema.digitBits = fresh.digitBits;
        schema.inputDigits = fresh.inputDigits;
        schema.outputDigits = fresh.outputDigits;
        for (uint256 i = 0; i < 8; ++i) {
            schema.features.push(fresh.features[i]);
        }
        for (uint256 i = 0; i < 2; ++i) {
            schema.outputs.push(fresh.outputs[i]);
        }
        vkData = vkDataOf(9, instancesFor(fresh));
    }

    function test_register_revertsIfDigitWidthOutOfRange() public {
        schema.digitBits = 3;
        _expectBadSchema("digit width");
        schema.digitBits = 13;
        _expectBadSchema("digit width");
    }

    function test_register_revertsIfSlotWidthOutOfRange() public {
        schema.inputDigits = 0;
        _expectBadSchema("slot width");
        schema.inputDigits = 7;
        _expectBadSchema("slot width");
        // 49 bits, the least that is too wide; 48 are not.
        (schema.digitBits, schema.inputDigits) = (7, 7);
        _expectBadSchema("slot width");
        (schema.digitBits, schema.inputDigits) = (8, 6);
        vkData = vkDataOf(9, instancesFor(schema));
        _expectGoodKey(vkData);
    }

    function test_register_revertsIfNoFeatures() public {
        delete schema.features;
        _expectBadSchema("no features");
    }

    function test_register_revertsIfNoOutputs() public {
        delete schema.outputs;
        _expectBadSchema("no outputs");
    }

    function test_register_revertsIfTooManyFields() public {
        Schema memory huge = schemaOf(2_048, 1);
        ModelSpec memory spec = specOf(vkData, huge);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BadSchema.selector, "too many fields")
        );
        registry.register(spec, vkData, huge, policyOf());
    }

    function test_register_acceptsLargestSchema() public {
        Schema memory huge = schemaOf(2_047, 1);
        bytes memory key = vkDataOf(14, instancesFor(huge));
        uint256 id = registry.register(specOf(key, huge), key, huge, policyOf());
        assertEq(abi.encode(registry.schemaOf(id)), abi.encode(huge));
    }

    function test_register_revertsIfBoxIsEmptyOrWide() public {
        schema.features[7].lo = schema.features[7].hi + 1;
        _expectBadSchema("box does not fit its slot");
        schema.features[7].lo = schema.features[7].hi - 2 ** 24;
        _expectBadSchema("box does not fit its slot");
        schema.features[7].lo += 1;
        _expectGoodKey(vkData);
    }

    function test_register_revertsIfDecimalsTooMany() public {
        schema.features[0].decimals = 19;
        _expectBadSchema("decimals");
        schema.features[0].decimals = 18;
        schema.outputs[0].decimals = 19;
        _expectBadSchema("decimals");
    }

    function test_register_revertsIfOutputFieldIsNone() public {
        schema.outputs[1].zeroPoint = 256;
        _expectBadSchema("zero point does not fit its slot");
        schema.outputs[1].zeroPoint = 255;
        schema.outputs[1].multiplier = 0;
        _expectBadSchema("multiplier is zero");
    }

    function test_register_revertsIfOutputWidthOutOfRange() public {
        schema.outputDigits = 0;
        _expectBadSchema("output width");
        schema.outputDigits = 5;
        _expectBadSchema("output width");
        schema.outputDigits = type(uint8).max;
        _expectBadSchema("output width");
        // The most digits of the widest kind fill the widest slot.
        assertEq(SchemaData.MAX_OUTPUT_DIGITS * SchemaData.MAX_DIGIT_BITS, SchemaData.MAX_SLOT_BITS);
        (schema.digitBits, schema.outputDigits, schema.inputDigits) = (12, 4, 2);
        vkData = vkDataOf(14, instancesFor(schema));
        uint256 id = registry.register(specOf(vkData, schema), vkData, schema, policyOf());
        assertEq(registry.termsOf(id).outputSlotBits, 48);
    }

    /// A zero point may use every bit of a slot of several digits, and no more.
    function test_register_boundsTheZeroPointByItsSlot() public {
        schema.outputDigits = 2;
        schema.outputs[1].zeroPoint = 1 << 16;
        _expectBadSchema("zero point does not fit its slot");
        schema.outputs[1].zeroPoint = (1 << 16) - 1;
        _expectGoodKey(vkData);
        schema.outputDigits = 4;
        schema.outputs[1].zeroPoint = type(uint32).max;
        _expectGoodKey(vkData);
    }

    /// Wider slots need more words, and the key must know of each.
    function test_register_countsWordsOfWideOutputs() public {
        Schema memory wide = schemaOf(8, 31);
        wide.outputDigits = 4;
        // Seven slots of 32 bits a word; 32 slots with the status.
        bytes memory key = vkDataOf(9, 2 + 1 + 5);
        uint256 id = registry.register(specOf(key, wide), key, wide, policyOf());
        (, uint256 outputs) = registry.wordCounts(id);
        assertEq(outputs, 5);
        key = vkDataOf(9, 2 + 1 + 2);
        ModelSpec memory spec = specOf(key, wide);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, "instance count")
        );
        registry.register(spec, key, wide, policyOf());
    }

    function _expectGoodKey(bytes memory data) private {
        registry.register(specOf(data, schema), data, schema, policyOf());
    }

    function _expectBadSchema(string memory reason) private {
        ModelSpec memory spec = specOf(vkData, schema);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.BadSchema.selector, reason));
        registry.register(spec, vkData, schema, policyOf());
    }
}
