// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Script, console2} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";

import {BatchSettler} from "../contracts/BatchSettler.sol";
import {InferenceHub} from "../contracts/InferenceHub.sol";
import {ModelRegistry} from "../contracts/ModelRegistry.sol";
import {VerifierRouter} from "../contracts/VerifierRouter.sol";
import {IHalo2Verifier} from "../contracts/interfaces/IHalo2Verifier.sol";
import {Verifiers} from "./Verifiers.sol";

/// @title Deploys verifiers, router, registry, settler, hub and escrow;
/// writes deployments/CHAIN.json
/// @notice ```sh
/// forge script script/Deploy.s.sol --rpc-url URL --broadcast --account NAME --sender ADDRESS
/// ```
/// Without `--broadcast` it is a dry run and writes nothing.
/// Environment: `OWNER` and `GUARDIAN` of the router (both the deployer if unset);
/// `ALLOW_UNSAFE=true` to deploy a verifier of an SRS made locally: whoever made it can forge
/// proofs. Chain 31337 needs no leave.
contract Deploy is Script {
    /// @notice A verifier's SRS is for development; set `ALLOW_UNSAFE=true` to use it anyway.
    error UnsafeSrs(uint256 chainId);

    /// @param name Contract, which stands for a machine shape.
    /// @param route What models of this shape and SRS are registered under.
    struct Route {
        string name;
        IHalo2Verifier verifier;
        bytes32 route;
    }

    struct Deployment {
        Route[] routes;
        VerifierRouter router;
        ModelRegistry registry;
        BatchSettler settler;
        InferenceHub hub;
    }

    uint256 private constant ANVIL = 31_337;

    function run() external {
        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        address owner = vm.envOr("OWNER", deployer);
        address guardian = vm.envOr("GUARDIAN", deployer);
        bool allowUnsafe = vm.envOr("ALLOW_UNSAFE", false);
        Deployment memory d = deploy(verifiers(allowUnsafe), deployer, owner, guardian);
        vm.stopBroadcast();
        // A dry run deploys nothing: it must not replace the record of what is deployed.
        if (vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) write(d, owner, guardian);
    }

    /// @notice Deploys every generated verifier.
    function verifiers(bool allowUnsafe) public returns (Route[] memory routes) {
        string[] memory names = Verifiers.names();
        routes = new Route[](names.length);
        for (uint256 i = 0; i < names.length; ++i) {
            IHalo2Verifier verifier = Verifiers.deploy(names[i]);
            if (verifier.srsUnsafe() && block.chainid != ANVIL && !allowUnsafe) {
                revert UnsafeSrs(block.chainid);
            }
            routes[i] = Route({name: names[i], verifier: verifier, route: 0});
        }
    }

    /// @notice Deploys everything else. The deployer activates a route per verifier, then hands the
    /// router over; another owner still has to accept.
    function deploy(Route[] memory routes, address deployer, address owner, address guardian)
        public
        returns (Deployment memory d)
    {
        d.routes = routes;
        d.router = new VerifierRouter(deployer, guardian);
        for (uint256 i = 0; i < routes.length; ++i) {
            routes[i].route = d.router.activate(address(routes[i].verifier));
        }
        d.registry = new ModelRegistry(d.router);
        // The settler names its hub, which comes next and checks that it is the one named.
        address next = vm.computeCreateAddress(deployer, vm.getNonce(deployer) + 1);
        d.settler = new BatchSettler(next, d.registry);
        address[] memory modules = new address[](1);
        modules[0] = address(d.settler);
        d.hub = new InferenceHub(d.registry, d.router, modules);
        if (owner != deployer) d.router.transferOwnership(owner);
    }

    /// @notice Writes deployments/CHAIN.json. `fromBlock` is not after the deployment: a watcher
    /// that starts there misses nothing.
    function write(Deployment memory d, address owner, address guardian)
        public
        returns (string memory path)
    {
        string memory key = "deployment";
        vm.serializeUint(key, "chainId", block.chainid);
        vm.serializeUint(key, "fromBlock", block.number);
        vm.serializeAddress(key, "router", address(d.router));
        vm.serializeAddress(key, "registry", address(d.registry));
        vm.serializeAddress(key, "hub", address(d.hub));
        vm.serializeAddress(key, "settler", address(d.settler));
        vm.serializeAddress(key, "escrow", address(d.hub.escrow()));
        vm.serializeAddress(key, "owner", owner);
        vm.serializeAddress(key, "guardian", guardian);
        string memory json = vm.serializeString(key, "verifiers", _routes(d.routes));
        vm.createDir(string.concat(vm.projectRoot(), "/deployments"), true);
        string memory chain = vm.toString(block.chainid);
        path = string.concat(vm.projectRoot(), "/deployments/", chain, ".json");
        vm.writeJson(json, path);
        // solhint-disable-next-line no-console
        console2.log("wrote", path);
    }

    function _routes(Route[] memory routes) private returns (string[] memory objects) {
        objects = new string[](routes.length);
        for (uint256 i = 0; i < routes.length; ++i) {
            IHalo2Verifier verifier = routes[i].verifier;
            string memory key = routes[i].name;
            vm.serializeString(key, "name", routes[i].name);
            vm.serializeAddress(key, "address", address(verifier));
            vm.serializeBytes32(key, "shapeHash", verifier.shapeHash());
            vm.serializeBytes32(key, "srsHash", verifier.srsHash());
            vm.serializeBool(key, "srsUnsafe", verifier.srsUnsafe());
            objects[i] = vm.serializeBytes32(key, "route", routes[i].route);
        }
    }
}
