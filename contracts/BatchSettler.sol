// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "./interfaces/IBatchSettler.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {ISettlementHub} from "./interfaces/ISettlementHub.sol";
import {ISettlementModule} from "./interfaces/ISettlementModule.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {BatchStatement} from "./libraries/BatchStatement.sol";
import {ResultTree} from "./libraries/ResultTree.sol";
import {
    InputModes,
    LeafResult,
    ModelTerms,
    Modes,
    Request,
    Settlement,
    SettlementTerms
} from "./types/Types.sol";

/// @title Settles many requests of one model with one proof
/// @notice No owner, no pause, no upgrade, no balance. Everything that a proof shows is rebuilt
/// here from requests and registry; what may still be settled the hub decides.
contract BatchSettler is IBatchSettler {
    /// @dev Two slots.
    struct Posted {
        bytes32 root;
        uint64 at;
    }

    /// @dev Bits of a word that carry slots; a word above is no canonical field element.
    uint256 private constant WORD_BITS = 253;

    /// @inheritdoc ISettlementModule
    address public immutable hub;
    /// @inheritdoc IBatchSettler
    IModelRegistry public immutable registry;
    /// @notice Where the models' routes lead.
    IVerifierRouter public immutable router;

    mapping(uint256 batchId => Posted) private _posted;

    /// @param hub_ The hub, which is deployed after its modules: the address that it will have.
    /// @param registry_ Where its models are registered.
    constructor(address hub_, IModelRegistry registry_) {
        hub = hub_;
        registry = registry_;
        router = registry_.router();
    }

    /// @inheritdoc IBatchSettler
    function settleBatch(Batch calldata batch) external returns (LeafResult[] memory results) {
        ModelTerms memory terms = registry.batchTermsOf(batch.modelId, batch.items);
        uint256 count = batch.requests.length;
        _checkForm(terms, batch.items, count, batch.payees, batch.inputs, batch.outputs);
        uint256[] memory ids = new uint256[](count);
        Settlement[] memory leaves = new Settlement[](count);
        for (uint256 i = 0; i < count; ++i) {
            Request calldata request = batch.requests[i];
            if (request.modelId != batch.modelId) revert WrongModel(i);
            if (_inputDigest(terms, batch.inputs, i) != request.inputDigest) {
                revert InputMismatch(i);
            }
            uint256 id = BatchStatement.requestId(hub, request);
            ids[i] = id;
            leaves[i] = Settlement({
                id: id,
                payee: _payee(batch.payees, i),
                callback: request.callbackGas != 0,
                allowed: request.modes & Modes.BATCH != 0
            });
        }
        bytes32 tag = BatchStatement.tag(address(this), terms.vkHash, ids, batch.payees);
        _verify(terms, tag, batch.items, count, batch.inputs, batch.outputs, batch.proof);

        results = ISettlementHub(hub)
            .settleFromModule(leaves, batch.outputs, _terms(terms, block.timestamp));
        uint256 settled;
        for (uint256 i = 0; i < count; ++i) {
            if (results[i] == LeafResult.Settled) ++settled;
            else emit LeafSkipped(tag, i, ids[i], results[i]);
        }
        emit BatchSettled(tag, batch.modelId, count, settled);
    }

    /// @inheritdoc IBatchSettler
    function settleRoot(RootBatch calldata batch) external returns (uint256 batchId) {
        (ModelTerms memory terms, bytes32 tag) = _tagged(batch);
        uint256 count = batch.ids.length;
        _verify(terms, tag, batch.items, count, batch.inputs, batch.outputs, batch.proof);
        batchId = ResultTree.batchId(batch.modelId, tag);
        if (_posted[batchId].at != 0) revert AlreadyPosted(batchId);

        bytes32[] memory leaves = new bytes32[](count);
        ResultTree.Result memory result;
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata output = _slice(batch.outputs, terms.outputWords, i);
            result.index = i;
            result.requestId = batch.ids[i];
            result.payee = _payee(batch.payees, i);
            result.status = _status(terms, output);
            result.inputDigest = _inputDigest(terms, batch.inputs, i);
            result.outputDigest = keccak256(output);
            leaves[i] = ResultTree.leaf(block.chainid, address(this), batchId, result);
        }
        bytes32 root = ResultTree.root(leaves);
        _posted[batchId] = Posted({root: root, at: uint64(block.timestamp)});
        emit RootPosted(batchId, batch.modelId, tag, root, count);
    }

    /// @inheritdoc IBatchSettler
    function claimLeaf(Claim calldata claim) external {
        Request calldata request = claim.request;
        uint256 batchId = ResultTree.batchId(request.modelId, claim.batchTag);
        Posted memory posted = _posted[batchId];
        if (posted.at == 0) revert UnknownBatch(batchId);
        ModelTerms memory terms = registry.termsOf(request.modelId);
        if (router.isStopped(terms.route)) revert RouteIsStopped(terms.route);
        uint256 id = BatchStatement.requestId(hub, request);
        bytes32 leaf = _leaf(
            batchId,
            ResultTree.Result({
                index: claim.index,
                requestId: id,
                payee: claim.payee,
                status: _status(terms, claim.output),
                inputDigest: request.inputDigest,
                outputDigest: keccak256(claim.output)
            })
        );
        if (ResultTree.rootOf(leaf, claim.index, claim.path) != posted.root) {
            revert NotInBatch(batchId, claim.index);
        }

        Settlement[] memory leaves = new Settlement[](1);
        leaves[0] = Settlement({
            id: id,
            payee: claim.payee,
            callback: request.callbackGas != 0,
            allowed: request.modes & Modes.ROOT != 0
        });
        LeafResult result =
            ISettlementHub(hub).settleFromModule(leaves, claim.output, _terms(terms, posted.at))[0];
        if (result != LeafResult.Settled) revert NotSettled(id, result);
        emit LeafClaimed(batchId, id, claim.index);
    }

    /// @inheritdoc IBatchSettler
    function postedRoot(uint256 batchId) external view returns (bytes32 root, uint64 postedAt) {
        Posted storage posted = _posted[batchId];
        return (posted.root, posted.at);
    }

    /// @inheritdoc IBatchSettler
    function batchTagOf(
        uint256 modelId,
        uint256 items,
        uint256[] calldata ids,
        address[] calldata payees
    ) external view returns (bytes32) {
        bytes32 vkHash = registry.batchTermsOf(modelId, items).vkHash;
        return BatchStatement.tag(address(this), vkHash, ids, payees);
    }

    /// @inheritdoc IBatchSettler
    function instancesOf(RootBatch calldata batch) external view returns (uint256[] memory) {
        (ModelTerms memory terms, bytes32 tag) = _tagged(batch);
        return BatchStatement.instances(
            tag, terms.modelCommitment, batch.items, batch.ids.length, batch.inputs, batch.outputs
        );
    }

    /// @inheritdoc IBatchSettler
    function leafOf(
        uint256 batchId,
        uint256 index,
        uint256 id,
        address payee,
        uint256 status,
        bytes32 inputDigest,
        bytes32 outputDigest
    ) external view returns (bytes32) {
        return _leaf(
            batchId, ResultTree.Result(index, id, payee, status, inputDigest, outputDigest)
        );
    }

    /// @inheritdoc ISettlementModule
    function kind() external pure returns (bytes32) {
        return BatchStatement.BATCH_V1;
    }

    /// @inheritdoc IBatchSettler
    function batchIdOf(uint256 modelId, bytes32 batchTag) external pure returns (uint256) {
        return ResultTree.batchId(modelId, batchTag);
    }

    /// @dev Terms and tag of leaves of the right form.
    function _tagged(RootBatch calldata batch)
        private
        view
        returns (ModelTerms memory terms, bytes32 tag)
    {
        terms = registry.batchTermsOf(batch.modelId, batch.items);
        uint256 count = batch.ids.length;
        _checkForm(terms, batch.items, count, batch.payees, batch.inputs, batch.outputs);
        tag = BatchStatement.tag(address(this), terms.vkHash, batch.ids, batch.payees);
    }

    function _verify(
        ModelTerms memory terms,
        bytes32 tag,
        uint256 items,
        uint256 count,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) private view {
        uint256[] memory instances = BatchStatement.instances(
            tag, terms.modelCommitment, items, count, inputs, outputs
        );
        // Reverts on a stopped route.
        IHalo2Verifier verifier = IHalo2Verifier(router.verifierOf(terms.route));
        if (!verifier.verify(terms.vk, instances, proof)) revert InvalidBatchProof(tag);
    }

    function _leaf(uint256 batchId, ResultTree.Result memory result)
        private
        view
        returns (bytes32)
    {
        return ResultTree.leaf(block.chainid, address(this), batchId, result);
    }

    /// @dev What a proof cannot show: that lengths fit, somebody is paid, output words are
    /// canonical.
    function _checkForm(
        ModelTerms memory terms,
        uint256 items,
        uint256 count,
        address[] calldata payees,
        bytes calldata inputs,
        bytes calldata outputs
    ) private pure {
        if (count == 0 || count > items) revert BadLeafCount(count, items);
        if (payees.length != 1 && payees.length != count) {
            revert BadPayeeCount(count, payees.length);
        }
        for (uint256 i = 0; i < payees.length; ++i) {
            if (payees[i] == address(0)) revert ZeroPayee(i);
        }
        uint256 length = 32 * count * terms.inputWords;
        if (inputs.length != length) revert WrongInputLength(length, inputs.length);
        length = 32 * count * terms.outputWords;
        if (outputs.length != length) revert WrongOutputLength(length, outputs.length);
        uint256 above;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            for { let at := 0 } lt(at, length) { at := add(at, 0x20) } {
                above := or(above, calldataload(add(outputs.offset, at)))
            }
        }
        if (above >> WORD_BITS != 0) revert NonCanonicalOutput(above);
    }

    function _terms(ModelTerms memory terms, uint256 provenAt)
        private
        pure
        returns (SettlementTerms memory)
    {
        return SettlementTerms({
            owner: terms.owner, provenAt: uint64(provenAt), outputSlotBits: terms.outputSlotBits
        });
    }

    function _payee(address[] calldata payees, uint256 index) private pure returns (address) {
        return payees[payees.length == 1 ? 0 : index];
    }

    /// @dev What a request holds of its input: the hash of its words, or their commitment.
    function _inputDigest(ModelTerms memory terms, bytes calldata inputs, uint256 index)
        private
        pure
        returns (bytes32)
    {
        bytes calldata input = _slice(inputs, terms.inputWords, index);
        return terms.inputMode == InputModes.COMMITMENT ? bytes32(input) : keccak256(input);
    }

    function _status(ModelTerms memory terms, bytes calldata output)
        private
        pure
        returns (uint256)
    {
        return uint256(bytes32(output)) & ((1 << terms.outputSlotBits) - 1);
    }

    function _slice(bytes calldata data, uint256 words, uint256 index)
        private
        pure
        returns (bytes calldata)
    {
        return data[32 * words * index:32 * words * (index + 1)];
    }
}
