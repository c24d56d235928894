// SPDX-License-Identifier: MIT OR Apache-2.0
// solhint-disable one-contract-per-file
pragma solidity ^0.8.28;

/// @notice An inference request. Immutable: its hash is the request id, so a reorganisation
/// cannot change what an id means.
/// @param modelId Content hash of the model version: fixes verifying key and route.
/// @param consumer The caller, and the only target of the callback.
/// @param subject Whose private values are used, and whose signature an operator asks for before
/// it opens them; zero for public inputs.
/// @param refundTo Receives refunds (as a pull balance).
/// @param nonce Set by the hub, per consumer.
/// @param deadline Last timestamp at which the request may be fulfilled.
/// @param fee Native coin escrowed at request, in wei.
/// @param callbackGas Exact gas given to the consumer's callback; zero means pull only.
/// @param modes Bit set of allowed settlement modes, see `Modes`.
/// @param inputMode How the input is given, see `InputModes`.
/// @param inputDigest keccak256 of the packed input words; for private inputs their commitment.
/// @param userData Echoed to the consumer: position, snapshot for compare-and-swap.
struct Request {
    uint256 modelId;
    address consumer;
    address subject;
    address refundTo;
    uint64 nonce;
    uint64 deadline;
    uint96 fee;
    uint32 callbackGas;
    uint8 modes;
    uint8 inputMode;
    bytes32 inputDigest;
    bytes32 userData;
}

/// @notice What a caller chooses about a request besides model and input.
/// @param refundTo Receives refunds; zero means the caller.
/// @param deadline Last timestamp at which the request may be fulfilled.
/// @param callbackGas Exact gas for the callback; zero means pull only.
/// @param modes Allowed settlement modes, see `Modes`; zero means `Modes.DEFAULT`.
/// @param userData Echoed to the consumer.
struct RequestOptions {
    address refundTo;
    uint64 deadline;
    uint32 callbackGas;
    uint8 modes;
    bytes32 userData;
}

/// @notice Life of a request. Settled once: Verified, Cancelled, Expired and Stopped are terminal.
/// Claimed and Provisional belong to modules that come later; their numbers are reserved.
enum State {
    None,
    Open,
    Claimed,
    Provisional,
    Verified,
    Cancelled,
    Expired,
    Stopped
}

/// @notice Life of a verified result's callback, separate from settlement.
enum Delivery {
    None,
    Pending,
    Done,
    Failed
}

/// @notice One input feature: the caller passes the real value times 10^decimals, in [lo, hi].
struct Feature {
    int32 lo;
    int32 hi;
    uint8 decimals;
}

/// @notice One output field: (raw - zeroPoint) * multiplier is a number with `decimals` decimals.
/// It means something only beside status 0.
struct OutputField {
    uint32 zeroPoint;
    uint32 multiplier;
    uint8 decimals;
}

/// @notice Encoding of a model's inputs and outputs in public words.
/// @param digitBits Bits of a machine digit, t.
/// @param inputDigits Digits per input slot; a slot is inputDigits * digitBits bits wide.
/// @param outputDigits Digits per output slot, those of the widest output; every slot is
/// outputDigits * digitBits bits wide, the status in slot 0 too.
/// @param inputMode How inputs are given, see `InputModes`; a model has one way only.
/// @param features Inputs in order; of private inputs too, whose boxes the circuit checks.
/// @param outputs Outputs in order, from slot 1 on.
struct Schema {
    uint8 digitBits;
    uint8 inputDigits;
    uint8 outputDigits;
    uint8 inputMode;
    Feature[] features;
    OutputField[] outputs;
}

/// @notice The verifying key of a batch circuit: one proof of `items` inputs of one model.
/// @param items Items of the circuit, from 2 to 256; a batch may hold fewer.
/// @param vkHash keccak256 of the verifying-key data (k, instance count, commitments).
struct BatchKey {
    uint16 items;
    bytes32 vkHash;
}

/// @notice Immutable description of a model version; hashed with its owner into the model id.
/// @param route Shape of the machine, see `VerifierRouter`.
/// @param vkHash keccak256 of the verifying-key data (k, instance count, commitments).
/// @param schemaHash keccak256 of the abi-encoded `Schema`.
/// @param modelCommitment Commitment to private weights, below the scalar field's modulus; zero for
/// public models.
/// @param graphHash keccak256 of the integer model.
/// @param onnxHash keccak256 of the ONNX file.
/// @param srsHash keccak256 of the SRS's verifier part.
/// @param reportHash keccak256 of the accuracy report.
/// @param compilerVersion Version of the compiler that made the key.
/// @param batchKeys Keys of the model's batch circuits, by rising number of items. Their data is
/// added when somebody needs it, see `IModelRegistry.addBatchKey`.
struct ModelSpec {
    bytes32 route;
    bytes32 vkHash;
    bytes32 schemaHash;
    bytes32 modelCommitment;
    bytes32 graphHash;
    bytes32 onnxHash;
    bytes32 srsHash;
    bytes32 reportHash;
    string compilerVersion;
    BatchKey[] batchKeys;
}

/// @notice What the owner of a model may change, for new requests only.
/// @param fee Least fee of a request, in wei.
/// @param ownerShareBps Part of the fee that goes to the model's owner.
/// @param open Whether new requests are accepted.
struct ModelPolicy {
    uint96 fee;
    uint16 ownerShareBps;
    bool open;
}

/// @notice What a settlement needs to know about a model and one of its keys; immutable.
/// @param owner Receives the owner's share.
/// @param route Shape of the machine, see `VerifierRouter`.
/// @param vk Contract holding the verifying-key data, that of single requests or of a batch.
/// @param vkHash keccak256 of that data: one of the hashes that the model's id pins.
/// @param modelCommitment Commitment to private weights, an instance of every proof; zero: public.
/// @param inputMode How inputs are given, see `InputModes`.
/// @param inputWords Input words of a statement; private inputs have one, their commitment.
/// @param outputWords Output words of a statement.
/// @param outputSlotBits Bits of an output slot; the first holds the status.
struct ModelTerms {
    address owner;
    bytes32 route;
    address vk;
    bytes32 vkHash;
    bytes32 modelCommitment;
    uint8 inputMode;
    uint16 inputWords;
    uint16 outputWords;
    uint8 outputSlotBits;
}

/// @notice What a settlement module proved about one request.
/// @param id Request id.
/// @param payee Whom the proof pays.
/// @param callback Whether the request asks for a callback.
/// @param allowed Whether the request allows the module's mode.
struct Settlement {
    uint256 id;
    address payee;
    bool callback;
    bool allowed;
}

/// @notice What holds for all settlements of one call of a module.
/// @param owner Receives the owner's share.
/// @param provenAt When the proof was checked: it must not be after deadline or cancellation.
/// @param outputSlotBits Bits of an output slot; the first holds the status.
struct SettlementTerms {
    address owner;
    uint64 provenAt;
    uint8 outputSlotBits;
}

/// @notice What came of one leaf of a batch. Only `Settled` changes anything.
enum LeafResult {
    Settled,
    UnknownRequest,
    AlreadySettled,
    Expired,
    Cancelled,
    Stopped,
    ModeNotAllowed
}

/// @notice Allowed settlement modes (bit set). `OPTIMISTIC` is reserved.
library Modes {
    /// @dev By a proof of its own.
    uint8 internal constant SINGLE = 1;
    /// @dev By a proof that it shares with others.
    uint8 internal constant BATCH = 2;
    /// @dev By a root of results, proved by the deadline, and a claim that may come later: refunds
    /// wait `ROOT_GRACE` longer for it.
    uint8 internal constant ROOT = 4;
    uint8 internal constant OPTIMISTIC = 8;
    /// @dev Of a consumer that does not choose: the result is there once it is proved.
    uint8 internal constant DEFAULT = SINGLE | BATCH;
    /// @dev All that can be chosen.
    uint8 internal constant ALL = SINGLE | BATCH | ROOT;
}

/// @notice How an input is given: as packed words that all can read, or as a salted Poseidon
/// commitment whose opening only the operator is told.
library InputModes {
    uint8 internal constant PUBLIC_WORDS = 0;
    uint8 internal constant COMMITMENT = 1;
}

/// @notice What an answer's status says. Anything but `OK` is a refusal, and all outputs are zero.
library Statuses {
    /// @dev Answered.
    uint256 internal constant OK = 0;
    /// @dev A private input lies outside the model's box; the proof shows that it does.
    uint256 internal constant OUT_OF_DOMAIN = 1;
}
