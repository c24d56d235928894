// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {
    CollateralManager,
    ManagerConfig,
    RatioFeature
} from "../../contracts/consumers/CollateralManager.sol";
import {RiskBounds} from "../../contracts/consumers/RiskPolicy.sol";
import {MockInferenceHub} from "../../contracts/mocks/MockInferenceHub.sol";
import {Feature, OutputField, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "./HaloracleTest.sol";

/// @title A manager on the mock hub, a borrower with ten ether of collateral, an attester
/// @dev The account is old enough for a first loosening, the position long held.
abstract contract CollateralTest is HaloracleTest {
    uint256 internal constant MODEL = 7;
    /// @dev Output digits whose score is in each band; a digit is 0.4 %.
    uint32 internal constant SAFE = 10;
    uint32 internal constant FAIR = 100;
    uint32 internal constant POOR = 150;
    uint32 internal constant BAD = 250;

    MockInferenceHub internal mock;
    CollateralManager internal manager;
    address internal immutable borrower = makeAddr("borrower");
    address internal immutable attester = makeAddr("attester");

    function setUp() public override {
        super.setUp();
        mock = new MockInferenceHub();
        mock.setModel(MODEL, creditSchema(), FEE);
        manager = new CollateralManager(configOf());
        attest(manager);
        hoax(borrower, 10 ether);
        manager.deposit{value: 10 ether}();
        skip(1 days);
    }

    /// @dev Feature 0: loan to value in percent, 2 decimals. Feature 5: utilization, 3 decimals.
    function creditSchema() internal pure returns (Schema memory schema) {
        schema.digitBits = 8;
        schema.inputDigits = 3;
        schema.outputDigits = 1;
        schema.features = new Feature[](8);
        for (uint256 i = 0; i < 8; ++i) {
            schema.features[i] = Feature({lo: 0, hi: 10_000, decimals: i == 0 ? 2 : 3});
        }
        schema.outputs = new OutputField[](1);
        schema.outputs[0] = OutputField({zeroPoint: 0, multiplier: 4, decimals: 3});
    }

    function boundsOf() internal pure returns (RiskBounds memory) {
        return RiskBounds({
            floorBps: 4_000,
            ceilingBps: 8_000,
            initialBps: 7_000,
            maxTightenBps: 1_000,
            maxLoosenBps: 250,
            tightenDelay: 1 hours,
            loosenDelay: 1 days,
            maxAge: 2 hours
        });
    }

    function configOf() internal view returns (ManagerConfig memory) {
        return ManagerConfig({
            hub: mock,
            modelId: MODEL,
            attester: attester,
            price: 2_000e18,
            loanToValue: RatioFeature({feature: 0, one: 10_000}),
            utilization: RatioFeature({feature: 5, one: 1_000}),
            bounds: boundsOf()
        });
    }

    function attest(CollateralManager target) internal {
        int32[] memory features = new int32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            features[i] = int32(int256(1 + i));
        }
        vm.prank(attester);
        target.attest(borrower, features);
    }

    function review() internal returns (uint256) {
        return manager.requestReview{value: FEE}(borrower);
    }

    function reviewed(uint32 digit) internal {
        uint256 id = review();
        skip(1);
        mock.answer(id, digit);
    }
}
