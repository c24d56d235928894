// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Script, console2} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";

import {
    CollateralManager,
    ManagerConfig,
    RatioFeature
} from "../contracts/consumers/CollateralManager.sol";
import {RiskBounds} from "../contracts/consumers/RiskPolicy.sol";
import {IInferenceHub} from "../contracts/interfaces/IInferenceHub.sol";

/// @title Deploys the collateral example for the credit-risk model of models/credit_risk
/// @notice ```sh
/// MODEL_ID=… forge script script/DeployDemo.s.sol --rpc-url URL --broadcast …
/// ```
/// Environment: `MODEL_ID` of the registered model; `HUB` (from deployments/CHAIN.json if
/// unset); `ATTESTER` of applicants' features (the deployer if unset). Adds `collateralManager`
/// to deployments/CHAIN.json, where there is one.
contract DeployDemo is Script {
    /// @dev Of the credit-risk model's input: percent with two decimals.
    uint256 private constant UTILIZATION = 0;
    uint256 private constant LOAN_TO_VALUE = 5;
    uint256 private constant WHOLE_IN_PERCENT = 10_000;

    function run() external {
        string memory path =
            string.concat(vm.projectRoot(), "/deployments/", vm.toString(block.chainid), ".json");
        bool recorded = vm.exists(path);
        address hub = vm.envOr("HUB", address(0));
        if (hub == address(0)) hub = vm.parseJsonAddress(vm.readFile(path), ".hub");
        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        CollateralManager manager =
            deploy(IInferenceHub(hub), vm.envUint("MODEL_ID"), vm.envOr("ATTESTER", deployer));
        vm.stopBroadcast();
        // A dry run deploys nothing.
        recorded = recorded && vm.isContext(VmSafe.ForgeContext.ScriptBroadcast);
        if (recorded) vm.writeJson(vm.toString(address(manager)), path, ".collateralManager");
        // solhint-disable-next-line no-console
        console2.log("CollateralManager", address(manager));
    }

    function deploy(IInferenceHub hub, uint256 modelId, address attester)
        public
        returns (CollateralManager)
    {
        return new CollateralManager(
            ManagerConfig({
                hub: hub,
                modelId: modelId,
                attester: attester,
                price: 2_000e18,
                loanToValue: RatioFeature({feature: LOAN_TO_VALUE, one: WHOLE_IN_PERCENT}),
                utilization: RatioFeature({feature: UTILIZATION, one: WHOLE_IN_PERCENT}),
                bounds: RiskBounds({
                    floorBps: 4_000,
                    ceilingBps: 8_000,
                    initialBps: 7_000,
                    maxTightenBps: 1_000,
                    maxLoosenBps: 250,
                    tightenDelay: 1 hours,
                    loosenDelay: 1 days,
                    maxAge: 2 hours
                })
            })
        );
    }
}
