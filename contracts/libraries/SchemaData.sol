// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Feature, InputModes, OutputField, Schema, Statuses} from "../types/Types.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {DataContract} from "./DataContract.sol";

/// @title A model's schema as packed data: 9 bytes a feature, 9 bytes an output field
/// @notice
/// ```text
/// at  bytes
///   0   1   digitBits
///   1   1   inputDigits
///   2   1   outputDigits
///   3   1   inputMode
///   4   2   features
///   6   2   outputs
///   8   2   input words; 1 where inputs are private: their commitment
///  10   2   output words
///  12  32   route
///  44  32   commitment to private weights, or zero
///  76   9   per feature: lo (4), hi (4), decimals (1)
///   …   9   per output: zeroPoint (4), multiplier (4), decimals (1)
/// ```
/// It is the last part of a data contract: readers take the contract and where the schema starts,
/// `at`, in bytes of data.
///
/// Packing of words: equal slots, first value in the lowest bits, at most 253 bits of a word, so
/// that every word is below the scalar field and has one meaning.
library SchemaData {
    /// @dev Bits of a word that carry slots: 2^253 is below the scalar field's modulus.
    uint256 internal constant WORD_BITS = 253;
    /// @dev Bounds of the digit width; the machine's look-up table holds 2^digitBits entries.
    uint256 internal constant MIN_DIGIT_BITS = 4;
    uint256 internal constant MAX_DIGIT_BITS = 12;
    /// @dev Widest slot: 32-bit inputs in 12-bit digits need 36, outputs have `MAX_OUTPUT_DIGITS`.
    uint256 internal constant MAX_SLOT_BITS = 48;
    /// @dev Most digits of an output. Of the widest digits they just fill the widest slot.
    uint256 internal constant MAX_OUTPUT_DIGITS = 4;
    /// @dev Most decimals of a fixed-point number, as in ether.
    uint256 internal constant MAX_DECIMALS = 18;
    /// @dev Most features and outputs together; keeps the data under the code size limit.
    uint256 internal constant MAX_ENTRIES = 2_048;

    uint256 private constant ENTRY_BYTES = 9;
    uint256 private constant ROUTE_AT = 12;
    uint256 private constant COMMITMENT_AT = 44;
    uint256 private constant ENTRIES_AT = 76;

    /// @notice The fixed-size part of the data.
    struct Header {
        uint256 digitBits;
        uint256 inputDigits;
        uint256 outputDigits;
        uint256 inputMode;
        uint256 features;
        uint256 outputs;
        uint256 inputWords;
        uint256 outputWords;
        bytes32 route;
        bytes32 modelCommitment;
    }

    /// @notice Checks `schema`'s numbers and derives the header.
    function validate(Schema calldata schema) internal pure returns (Header memory header) {
        uint256 bits = schema.digitBits;
        uint256 slot = bits * schema.inputDigits;
        uint256 features = schema.features.length;
        uint256 outputs = schema.outputs.length;
        if (bits < MIN_DIGIT_BITS || bits > MAX_DIGIT_BITS) {
            revert IModelRegistry.BadSchema("digit width");
        }
        if (slot == 0 || slot > MAX_SLOT_BITS) revert IModelRegistry.BadSchema("slot width");
        if (schema.outputDigits == 0 || schema.outputDigits > MAX_OUTPUT_DIGITS) {
            revert IModelRegistry.BadSchema("output width");
        }
        if (schema.inputMode > InputModes.COMMITMENT) {
            revert IModelRegistry.BadSchema("input mode");
        }
        if (features == 0) revert IModelRegistry.BadSchema("no features");
        if (outputs == 0) revert IModelRegistry.BadSchema("no outputs");
        if (features + outputs > MAX_ENTRIES) revert IModelRegistry.BadSchema("too many fields");
        header.digitBits = bits;
        header.inputDigits = schema.inputDigits;
        header.outputDigits = schema.outputDigits;
        header.inputMode = schema.inputMode;
        header.features = features;
        header.outputs = outputs;
        bool committed = schema.inputMode == InputModes.COMMITMENT;
        header.inputWords = committed ? 1 : _wordCount(features, slot);
        // One more slot: the status.
        header.outputWords = _wordCount(outputs + 1, outputSlotBits(header));
    }

    /// @notice Bits of an output slot.
    function outputSlotBits(Header memory header) internal pure returns (uint256) {
        return header.outputDigits * header.digitBits;
    }

    /// @notice Encodes `schema` with `header`, checking every entry.
    function encode(Schema calldata schema, Header memory header)
        internal
        pure
        returns (bytes memory data)
    {
        uint256 length = ENTRIES_AT + ENTRY_BYTES * (header.features + header.outputs);
        // One spare word: entries are written 32 bytes at a time.
        data = new bytes(length + 32);
        uint256 cursor = _writeHeader(data, header);
        uint256 slot = header.digitBits * header.inputDigits;
        for (uint256 i = 0; i < header.features; ++i) {
            Feature calldata feature = schema.features[i];
            (int256 lo, int256 hi) = (feature.lo, feature.hi);
            // An empty box, lo above hi, wraps to a width of no slot.
            if (uint256(hi - lo) >> slot != 0) {
                revert IModelRegistry.BadSchema("box does not fit its slot");
            }
            cursor = _writeEntry(cursor, uint32(feature.lo), uint32(feature.hi), feature.decimals);
        }
        slot = outputSlotBits(header);
        for (uint256 i = 0; i < header.outputs; ++i) {
            OutputField calldata field = schema.outputs[i];
            if (field.zeroPoint >> slot != 0) {
                revert IModelRegistry.BadSchema("zero point does not fit its slot");
            }
            if (field.multiplier == 0) revert IModelRegistry.BadSchema("multiplier is zero");
            cursor = _writeEntry(cursor, field.zeroPoint, field.multiplier, field.decimals);
        }
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(data, length)
        }
    }

    /// @notice Reads the header.
    function readHeader(address pointer, uint256 at) internal view returns (Header memory header) {
        return _header(DataContract.load(pointer, at, ENTRIES_AT));
    }

    /// @notice Reads the route alone.
    function readRoute(address pointer, uint256 at) internal view returns (bytes32 route) {
        bytes memory data = DataContract.load(pointer, at + ROUTE_AT, 32);
        return bytes32(_load(data, 0));
    }

    /// @notice Reads the whole schema.
    function read(address pointer, uint256 at) internal view returns (Schema memory schema) {
        bytes memory data = _load(pointer, at);
        Header memory header = _header(data);
        schema.digitBits = uint8(header.digitBits);
        schema.inputDigits = uint8(header.inputDigits);
        schema.outputDigits = uint8(header.outputDigits);
        schema.inputMode = uint8(header.inputMode);
        schema.features = new Feature[](header.features);
        schema.outputs = new OutputField[](header.outputs);
        uint256 position = ENTRIES_AT;
        for (uint256 i = 0; i < header.features; ++i) {
            uint256 entry = _load(data, position);
            schema.features[i] = Feature({
                lo: int32(uint32(entry >> 224)),
                hi: int32(uint32(entry >> 192)),
                decimals: uint8(entry >> 184)
            });
            position += ENTRY_BYTES;
        }
        for (uint256 i = 0; i < header.outputs; ++i) {
            schema.outputs[i] = _outputField(_load(data, position));
            position += ENTRY_BYTES;
        }
    }

    /// @notice Checks `input` against the box and packs it, in one pass. Private inputs have no
    /// words: reverts `PrivateInputs`.
    function pack(address pointer, uint256 at, int32[] calldata input)
        internal
        view
        returns (uint256[] memory words)
    {
        bytes memory data = _load(pointer, at);
        Header memory header = _header(data);
        if (header.inputMode != InputModes.PUBLIC_WORDS) revert IModelRegistry.PrivateInputs();
        if (input.length != header.features) {
            revert IModelRegistry.WrongInputLength(header.features, input.length);
        }
        words = new uint256[](header.inputWords);
        uint256 offender = _packInto(words, data, input, header.digitBits * header.inputDigits);
        if (offender < input.length) {
            uint256 entry = _load(data, ENTRIES_AT + ENTRY_BYTES * offender);
            revert IModelRegistry.OutOfDomain(
                offender,
                _rawValue(input, offender),
                int32(uint32(entry >> 224)),
                int32(uint32(entry >> 192))
            );
        }
    }

    /// @notice Splits canonical output words into status and fixed-point values. A refusal has no
    /// values: the raw zeros beside it stand for nothing.
    function decodeOutput(address pointer, uint256 at, bytes calldata output)
        internal
        view
        returns (uint256 status, int256[] memory values)
    {
        bytes memory data = _load(pointer, at);
        Header memory header = _header(data);
        if (output.length != header.outputWords * 32) {
            revert IModelRegistry.WrongOutputLength(header.outputWords * 32, output.length);
        }
        uint256 slotBits = outputSlotBits(header);
        uint256 perWord = WORD_BITS / slotBits;
        uint256 mask = (1 << slotBits) - 1;
        uint256 fieldsAt = ENTRIES_AT + ENTRY_BYTES * header.features;
        values = new int256[](header.outputs);
        uint256 word;
        for (uint256 slot = 0; slot <= header.outputs; ++slot) {
            if (slot % perWord == 0) {
                // What is left of the word before has no slot: it must be zero.
                if (word != 0) revert IModelRegistry.NonCanonicalOutput(slot / perWord - 1, word);
                word = uint256(bytes32(output[32 * (slot / perWord):]));
            }
            uint256 raw = word & mask;
            word >>= slotBits;
            if (slot == 0) {
                status = raw;
            } else {
                OutputField memory field =
                    _outputField(_load(data, fieldsAt + ENTRY_BYTES * (slot - 1)));
                values[slot - 1] = fixedPoint(field, raw);
            }
        }
        if (word != 0) revert IModelRegistry.NonCanonicalOutput(header.outputWords - 1, word);
        if (status != Statuses.OK) values = new int256[](0);
    }

    /// @notice The fixed-point number, with `field.decimals` decimals, that `raw` stands for.
    function fixedPoint(OutputField memory field, uint256 raw) internal pure returns (int256) {
        return (int256(raw) - int256(uint256(field.zeroPoint))) * int256(uint256(field.multiplier));
    }

    function _wordCount(uint256 slots, uint256 slotBits) private pure returns (uint256) {
        uint256 perWord = WORD_BITS / slotBits;
        return (slots + perWord - 1) / perWord;
    }

    /// @dev Returns the first feature outside its box, or `input.length`.
    function _packInto(
        uint256[] memory words,
        bytes memory data,
        int32[] calldata input,
        uint256 slot
    ) private pure returns (uint256 offender) {
        uint256 entries = ENTRIES_AT;
        uint256 stride = ENTRY_BYTES;
        uint256 lastShift = (WORD_BITS / slot - 1) * slot;
        // The loop runs once per feature of every request: hence assembly. Comparisons are on all
        // 256 bits, so calldata that is no sign-extended int32 is outside every box.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let entryAt := add(add(data, 0x20), entries)
            let wordAt := add(words, 0x20)
            let word := 0
            let shift := 0
            let count := input.length
            for {} lt(offender, count) { offender := add(offender, 1) } {
                let value := calldataload(add(input.offset, shl(5, offender)))
                let entry := mload(entryAt)
                let lo := sar(224, entry)
                if or(slt(value, lo), sgt(value, signextend(3, shr(192, entry)))) { break }
                word := or(word, shl(shift, sub(value, lo)))
                entryAt := add(entryAt, stride)
                switch eq(shift, lastShift)
                case 0 { shift := add(shift, slot) }
                default {
                    mstore(wordAt, word)
                    wordAt := add(wordAt, 0x20)
                    word := 0
                    shift := 0
                }
            }
            // A word begun and not full. (All words may be written: then `shift` is 0.)
            if shift { mstore(wordAt, word) }
        }
    }

    function _rawValue(int32[] calldata input, uint256 index) private pure returns (int256 value) {
        // Not `input[index]`: a value that is no int32 must be named, not panic.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            value := calldataload(add(input.offset, shl(5, index)))
        }
    }

    function _writeHeader(bytes memory data, Header memory header)
        private
        pure
        returns (uint256 cursor)
    {
        uint256 widths = header.digitBits << 24 | header.inputDigits << 16 | header.outputDigits
            << 8 | header.inputMode;
        uint256 counts = header.features << 48 | header.outputs << 32 | header.inputWords << 16
            | header.outputWords;
        _store(data, 0, bytes32((widths << 64 | counts) << 160));
        _store(data, ROUTE_AT, header.route);
        _store(data, COMMITMENT_AT, header.modelCommitment);
        uint256 entriesAt = ENTRIES_AT;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            cursor := add(add(data, 0x20), entriesAt)
        }
    }

    function _writeEntry(uint256 cursor, uint32 first, uint32 second, uint8 decimals)
        private
        pure
        returns (uint256 next)
    {
        if (decimals > MAX_DECIMALS) revert IModelRegistry.BadSchema("decimals");
        uint256 entry = uint256(first) << 224 | uint256(second) << 192 | uint256(decimals) << 184;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(cursor, entry)
        }
        return cursor + ENTRY_BYTES;
    }

    function _load(address pointer, uint256 at) private view returns (bytes memory) {
        return DataContract.load(pointer, at, DataContract.size(pointer) - at);
    }

    function _header(bytes memory data) private pure returns (Header memory header) {
        uint256 sizes = _load(data, 0) >> 160;
        header.digitBits = sizes >> 88;
        header.inputDigits = sizes >> 80 & 0xff;
        header.outputDigits = sizes >> 72 & 0xff;
        header.inputMode = sizes >> 64 & 0xff;
        header.features = sizes >> 48 & 0xffff;
        header.outputs = sizes >> 32 & 0xffff;
        header.inputWords = sizes >> 16 & 0xffff;
        header.outputWords = sizes & 0xffff;
        header.route = bytes32(_load(data, ROUTE_AT));
        header.modelCommitment = bytes32(_load(data, COMMITMENT_AT));
    }

    function _outputField(uint256 entry) private pure returns (OutputField memory) {
        return OutputField({
            zeroPoint: uint32(entry >> 224),
            multiplier: uint32(entry >> 192),
            decimals: uint8(entry >> 184)
        });
    }

    function _store(bytes memory data, uint256 position, bytes32 word) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), position), word)
        }
    }

    function _load(bytes memory data, uint256 position) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), position))
        }
    }
}
