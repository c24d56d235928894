// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Script, console2} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";

import {InferenceHub} from "../contracts/InferenceHub.sol";
import {ModelRegistry} from "../contracts/ModelRegistry.sol";
import {VerifierRouter} from "../contracts/VerifierRouter.sol";
import {Halo2Verifier} from "../contracts/generated/Halo2Verifier.sol";
import {IHalo2Verifier} from "../contracts/interfaces/IHalo2Verifier.sol";

/// @title Deploys verifier, router, registry, hub and escrow; writes deployments/CHAIN.json
/// @notice ```sh
/// forge script script/Deploy.s.sol --rpc-url URL --broadcast --account NAME --sender ADDRESS
/// ```
/// Without `--broadcast` it is a dry run and writes nothing.
/// Environment: `OWNER` and `GUARDIAN` of the router (both the deployer if unset);
/// `ALLOW_UNSAFE=true` to deploy a verifier of an SRS made locally: whoever made it can forge
/// proofs. Chain 31337 needs no leave.
contract Deploy is Script {
    /// @notice The verifier's SRS is for development; set `ALLOW_UNSAFE=true` to use it anyway.
    error UnsafeSrs(uint256 chainId);

    struct Deployment {
        IHalo2Verifier verifier;
        VerifierRouter router;
        ModelRegistry registry;
        InferenceHub hub;
        bytes32 route;
    }

    uint256 private constant ANVIL = 31_337;

    function run() external {
        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        address owner = vm.envOr("OWNER", deployer);
        address guardian = vm.envOr("GUARDIAN", deployer);
        Deployment memory d = deploy(deployer, owner, guardian, vm.envOr("ALLOW_UNSAFE", false));
        vm.stopBroadcast();
        // A dry run deploys nothing: it must not replace the record of what is deployed.
        if (vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) write(d, owner, guardian);
    }

    /// @notice Deploys everything. The deployer activates the route, then hands the router over;
    /// another owner still has to accept.
    function deploy(address deployer, address owner, address guardian, bool allowUnsafe)
        public
        returns (Deployment memory d)
    {
        d.verifier = IHalo2Verifier(address(new Halo2Verifier()));
        if (d.verifier.srsUnsafe() && block.chainid != ANVIL && !allowUnsafe) {
            revert UnsafeSrs(block.chainid);
        }
        d.router = new VerifierRouter(deployer, guardian);
        d.route = d.router.activate(address(d.verifier));
        d.registry = new ModelRegistry(d.router);
        d.hub = new InferenceHub(d.registry, d.router);
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
        vm.serializeAddress(key, "verifier", address(d.verifier));
        vm.serializeAddress(key, "router", address(d.router));
        vm.serializeAddress(key, "registry", address(d.registry));
        vm.serializeAddress(key, "hub", address(d.hub));
        vm.serializeAddress(key, "escrow", address(d.hub.escrow()));
        vm.serializeAddress(key, "owner", owner);
        vm.serializeAddress(key, "guardian", guardian);
        vm.serializeBytes32(key, "shapeHash", d.verifier.shapeHash());
        vm.serializeBytes32(key, "srsHash", d.verifier.srsHash());
        vm.serializeBool(key, "srsUnsafe", d.verifier.srsUnsafe());
        string memory json = vm.serializeBytes32(key, "route", d.route);
        vm.createDir(string.concat(vm.projectRoot(), "/deployments"), true);
        string memory chain = vm.toString(block.chainid);
        path = string.concat(vm.projectRoot(), "/deployments/", chain, ".json");
        vm.writeJson(json, path);
        // solhint-disable-next-line no-console
        console2.log("wrote", path);
    }
}
