// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice Bounds of every change of a collateral factor, in basis points and seconds.
/// @param floorBps Least factor.
/// @param ceilingBps Largest factor; debt stays below collateral.
/// @param initialBps Factor of an account never reviewed.
/// @param maxTightenBps Largest decrease in one step.
/// @param maxLoosenBps Largest increase in one step; less than `maxTightenBps`.
/// @param tightenDelay Least time since the last change before a decrease.
/// @param loosenDelay Least time since the last change, or since the account was opened, before an
/// increase; more than `tightenDelay`.
/// @param maxAge Oldest request whose result is still applied.
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

/// @title How a risk score moves a collateral factor, and how far at most
/// @notice Rule, for a probability of default p:
/// ```text
///        p < 10 %   up 2.5 points
/// 10 % ≤ p < 25 %   up 1 point
/// 25 % ≤ p < 50 %   unchanged
/// 50 % ≤ p < 75 %   down 5 points
/// 75 % ≤ p          down 10 points
/// ```
/// but no further than the floor or the ceiling, which the rule never crosses. The bounds are
/// apart from the rule and hold for any other rule as well: what breaks one is rejected whole.
abstract contract RiskPolicy {
    error BadBounds(string reason);
    error FactorOutOfBounds(uint256 target, uint256 floor, uint256 ceiling);
    error StepTooLarge(uint256 from, uint256 to, uint256 max);
    error TooSoon(uint256 notBefore);

    uint256 private constant WHOLE_BPS = 10_000;

    uint16 private immutable _floorBps;
    uint16 private immutable _ceilingBps;
    uint16 private immutable _initialBps;
    uint16 private immutable _maxTightenBps;
    uint16 private immutable _maxLoosenBps;
    uint32 private immutable _tightenDelay;
    uint32 private immutable _loosenDelay;
    uint32 private immutable _maxAge;

    constructor(RiskBounds memory b) {
        if (b.floorBps == 0 || b.floorBps > b.initialBps || b.initialBps > b.ceilingBps) {
            revert BadBounds("0 < floor <= initial <= ceiling");
        }
        if (b.ceilingBps >= WHOLE_BPS) revert BadBounds("ceiling below the whole");
        if (b.maxLoosenBps == 0 || b.maxLoosenBps >= b.maxTightenBps) {
            revert BadBounds("0 < loosening step < tightening step");
        }
        if (b.tightenDelay >= b.loosenDelay) revert BadBounds("loosening is slower");
        if (b.maxAge == 0) revert BadBounds("no result is fresh");
        _floorBps = b.floorBps;
        _ceilingBps = b.ceilingBps;
        _initialBps = b.initialBps;
        _maxTightenBps = b.maxTightenBps;
        _maxLoosenBps = b.maxLoosenBps;
        _tightenDelay = b.tightenDelay;
        _loosenDelay = b.loosenDelay;
        _maxAge = b.maxAge;
    }

    /// @notice The bounds, fixed at deployment.
    function bounds() public view returns (RiskBounds memory) {
        return RiskBounds({
            floorBps: _floorBps,
            ceilingBps: _ceilingBps,
            initialBps: _initialBps,
            maxTightenBps: _maxTightenBps,
            maxLoosenBps: _maxLoosenBps,
            tightenDelay: _tightenDelay,
            loosenDelay: _loosenDelay,
            maxAge: _maxAge
        });
    }

    /// @dev The rule: where `factor` moves for probability `score / one`.
    function _target(uint256 factor, uint256 score, uint256 one)
        internal
        view
        virtual
        returns (uint256)
    {
        uint256 perMille = score * 1_000 / one;
        if (perMille < 100) return _min(factor + 250, _ceilingBps);
        if (perMille < 250) return _min(factor + 100, _ceilingBps);
        if (perMille < 500) return factor;
        uint256 down = perMille < 750 ? 500 : 1_000;
        return factor < _floorBps + down ? _floorBps : factor - down;
    }

    /// @dev Reverts unless the change from `factor` is within bounds.
    /// @param changedAt When the factor last changed; 0: never, and a decrease need not wait.
    /// @param openedAt Since when the account is known: its first increase waits from then on.
    function _checkChange(uint256 factor, uint256 target, uint256 changedAt, uint256 openedAt)
        internal
        view
    {
        if (target == factor) return;
        if (target < _floorBps || target > _ceilingBps) {
            revert FactorOutOfBounds(target, _floorBps, _ceilingBps);
        }
        bool loosens = target > factor;
        uint256 step = loosens ? target - factor : factor - target;
        uint256 maxStep = loosens ? _maxLoosenBps : _maxTightenBps;
        if (step > maxStep) revert StepTooLarge(factor, target, maxStep);
        if (changedAt == 0) {
            if (!loosens) return;
            changedAt = openedAt;
        }
        uint256 notBefore = changedAt + (loosens ? _loosenDelay : _tightenDelay);
        if (block.timestamp < notBefore) revert TooSoon(notBefore);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
