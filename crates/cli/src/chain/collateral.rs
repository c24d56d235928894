//! The collateral example of the demo, as far as the demo uses it.

#![allow(missing_docs, unreachable_pub)]

alloy::sol! {
    #[sol(rpc, all_derives)]
    interface ICollateralManager {
        struct RatioFeature { uint256 feature; uint256 one; }

        struct RiskBounds {
            uint16 floorBps;
            uint16 ceilingBps;
            uint16 initialBps;
            uint16 maxTightenBps;
            uint16 maxLoosenBps;
            uint32 tightenDelay;
            uint32 loosenDelay;
            uint32 maxAge;
        }

        struct ManagerConfig {
            address hub;
            uint256 modelId;
            address attester;
            uint256 price;
            RatioFeature loanToValue;
            RatioFeature utilization;
            RiskBounds bounds;
        }

        event ReviewApplied(
            uint256 indexed id,
            address indexed account,
            uint256 score,
            uint256 factorBefore,
            uint256 factorAfter
        );

        error NotAttested(address account);
        error Unhealthy(uint256 debt, uint256 limit);
        error UnknownReview(uint256 id);
        error SnapshotChanged(uint256 id);
        error TooSoon(uint256 notBefore);

        function attest(address account, int32[] calldata features) external;
        function deposit() external payable;
        function borrow(uint256 amount) external;
        function requestReview(address account) external payable returns (uint256 id);
        function featuresOf(address account) external view returns (int32[] memory features);
        function factorOf(address account) external view returns (uint256);
        function limitOf(address account) external view returns (uint256);
        function CALLBACK_GAS() external view returns (uint32);
    }
}
