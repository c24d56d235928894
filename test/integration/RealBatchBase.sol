// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {VerifierRouter} from "../../contracts/VerifierRouter.sol";
import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {ModelPolicy, Request, RequestOptions} from "../../contracts/types/Types.sol";
import {Verifiers} from "../../script/Verifiers.sol";
import {TransactionGas} from "../base/TransactionGas.sol";
import {BatchFixture} from "./BatchFixture.sol";

/// @title Deploys everything with the real verifiers, registers a fixture's model with its batch
/// keys and makes its requests
abstract contract RealBatchBase is TransactionGas {
    string internal constant GROUP = "batch";

    BatchFixture.Data internal fixture;
    ModelRegistry internal registry;
    InferenceHub internal hub;
    BatchSettler internal settler;
    IEscrow internal escrow;

    /// @dev Requests of the batch, which its proof fills.
    function items() internal pure virtual returns (uint256);

    function setUp() public virtual {
        fixture = BatchFixture.read(string.concat("mlp_small_batch", vm.toString(items())));
        assertEq(fixture.items, items());
        vm.chainId(fixture.chainId);
        vm.warp(fixture.deadline - 1 hours);
        _deploy();
        _register();
        // Who earned before, as operators and owners did.
        int32[] memory raw = BatchFixture.rawInput(fixture, 0);
        _credit(hub, fixture.modelId, raw, fixture.payee);
        _credit(hub, fixture.modelId, raw, fixture.modelOwner);
        for (uint256 i = 0; i < items(); ++i) {
            _request(i);
        }
        // Other requests are open too, so that settling these clears no sum.
        RequestOptions memory options;
        options.deadline = fixture.deadline;
        hoax(address(this), fixture.fee);
        hub.requestInference{value: fixture.fee}(fixture.modelId, raw, options);
    }

    function _deploy() private {
        VerifierRouter router = new VerifierRouter(address(this), address(this));
        string[] memory shapes = Verifiers.names();
        for (uint256 i = 0; i < shapes.length; ++i) {
            router.activate(address(Verifiers.deploy(shapes[i])));
        }
        registry = new ModelRegistry(router);
        deployCodeTo(
            "BatchSettler.sol:BatchSettler", abi.encode(fixture.hub, registry), fixture.settler
        );
        settler = BatchSettler(fixture.settler);
        address[] memory modules = new address[](1);
        modules[0] = fixture.settler;
        deployCodeTo(
            "InferenceHub.sol:InferenceHub", abi.encode(registry, router, modules), fixture.hub
        );
        hub = InferenceHub(fixture.hub);
        escrow = hub.escrow();
    }

    function _register() private {
        vm.prank(fixture.modelOwner);
        uint256 modelId = registry.register(
            BatchFixture.spec(fixture),
            fixture.vkData,
            BatchFixture.schema(fixture),
            ModelPolicy({fee: 0, ownerShareBps: 1_000, open: true})
        );
        assertEq(modelId, fixture.modelId);
        for (uint256 i = 0; i < fixture.batchKeys.length; ++i) {
            registry.addBatchKey(modelId, BatchFixture.spec(fixture), i, fixture.batchKeys[i]);
        }
    }

    function _request(uint256 index) private {
        Request memory request = _requests()[index];
        RequestOptions memory options = RequestOptions({
            refundTo: request.refundTo,
            deadline: request.deadline,
            callbackGas: request.callbackGas,
            modes: request.modes,
            userData: request.userData
        });
        hoax(fixture.consumer, fixture.fee);
        uint256 id = hub.requestInference{value: fixture.fee}(
            fixture.modelId, BatchFixture.rawInput(fixture, index), options
        );
        assertEq(id, hub.requestIdOf(request));
    }

    function _requests() internal view returns (Request[] memory) {
        return BatchFixture.requests(fixture);
    }

    function _payees() internal view returns (address[] memory payees) {
        payees = new address[](1);
        payees[0] = fixture.payee;
    }

    function _batch() internal view returns (IBatchSettler.Batch memory) {
        return IBatchSettler.Batch({
            modelId: fixture.modelId,
            items: items(),
            requests: _requests(),
            payees: _payees(),
            inputs: fixture.inputs,
            outputs: fixture.outputs,
            proof: fixture.proof
        });
    }

    /// @dev The same leaves for `settleRoot`.
    function _rooted(IBatchSettler.Batch memory batch)
        internal
        view
        returns (IBatchSettler.RootBatch memory)
    {
        return IBatchSettler.RootBatch({
            modelId: batch.modelId,
            items: batch.items,
            ids: _ids(batch.requests),
            payees: batch.payees,
            inputs: batch.inputs,
            outputs: batch.outputs,
            proof: batch.proof
        });
    }

    function _ids(Request[] memory requests) internal view returns (uint256[] memory ids) {
        ids = new uint256[](requests.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = hub.requestIdOf(requests[i]);
        }
    }

    /// @dev The words of leaf `index`.
    function _part(bytes memory data, uint256 index) internal pure returns (bytes memory piece) {
        piece = new bytes(data.length / items());
        for (uint256 i = 0; i < piece.length; ++i) {
            piece[i] = data[piece.length * index + i];
        }
    }

    /// @dev Exchanges the words of leaves `a` and `b` in place.
    function _swap(bytes memory data, uint256 a, uint256 b) internal pure {
        uint256 size = data.length / items();
        for (uint256 i = 0; i < size; ++i) {
            (data[size * a + i], data[size * b + i]) = (data[size * b + i], data[size * a + i]);
        }
    }
}
