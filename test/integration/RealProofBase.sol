// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {VerifierRouter} from "../../contracts/VerifierRouter.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";
import {InputModes, ModelPolicy, RequestOptions} from "../../contracts/types/Types.sol";
import {Verifiers} from "../../script/Verifiers.sol";
import {TransactionGas} from "../base/TransactionGas.sol";
import {Fixture} from "./Fixture.sol";

/// @title Deploys everything with the real verifiers, registers a fixture's model and makes its
/// request, with public or private weights and inputs
abstract contract RealProofBase is TransactionGas {
    string internal constant GROUP = "real_proof";

    Fixture.Data internal fixture;
    IHalo2Verifier internal verifier;
    VerifierRouter internal router;
    ModelRegistry internal registry;
    InferenceHub internal hub;
    IEscrow internal escrow;
    address internal vk;
    /// @dev A registry that knows no model yet, and the call that registers this one.
    ModelRegistry internal fresh;
    bytes internal registration;

    function name() internal pure virtual returns (string memory);

    function setUp() public virtual {
        fixture = Fixture.read(name());
        vm.chainId(fixture.chainId);
        vm.warp(fixture.request.deadline - 1 hours);
        router = new VerifierRouter(address(this), address(this));
        string[] memory shapes = Verifiers.names();
        for (uint256 i = 0; i < shapes.length; ++i) {
            router.activate(address(Verifiers.deploy(shapes[i])));
        }
        verifier = IHalo2Verifier(router.verifierOf(Fixture.spec(fixture).route));
        registry = new ModelRegistry(router);
        address[] memory modules = new address[](1);
        modules[0] = address(new BatchSettler(fixture.hub, registry));
        deployCodeTo(
            "InferenceHub.sol:InferenceHub", abi.encode(registry, router, modules), fixture.hub
        );
        hub = InferenceHub(fixture.hub);
        escrow = hub.escrow();
        vm.prank(fixture.modelOwner);
        registry.register(
            Fixture.spec(fixture),
            fixture.vkData,
            Fixture.schema(fixture),
            ModelPolicy({fee: 0, ownerShareBps: 1_000, open: true})
        );
        (vk,) = registry.vkOf(fixture.modelId);
        fresh = new ModelRegistry(router);
        registration = abi.encodeCall(
            fresh.register,
            (
                Fixture.spec(fixture),
                fixture.vkData,
                Fixture.schema(fixture),
                ModelPolicy({fee: 0, ownerShareBps: 1_000, open: true})
            )
        );
        _request();
    }

    function _request() internal {
        RequestOptions memory options = RequestOptions({
            refundTo: fixture.request.refundTo,
            deadline: fixture.request.deadline,
            callbackGas: fixture.request.callbackGas,
            modes: fixture.request.modes,
            userData: fixture.request.userData
        });
        uint256 fee = fixture.request.fee;
        hoax(fixture.consumer, fee);
        if (_hidden()) {
            hub.requestPrivateInference{value: fee}(
                fixture.modelId, fixture.request.inputDigest, fixture.request.subject, options
            );
        } else {
            hub.requestInference{value: fee}(fixture.modelId, fixture.rawInput, options);
        }
    }

    function _hidden() internal view returns (bool) {
        return fixture.request.inputMode == InputModes.COMMITMENT;
    }

    function _fulfill(address payee, bytes memory output, bytes memory proof) internal {
        hub.fulfill(fixture.request, fixture.input, payee, output, proof);
    }
}
