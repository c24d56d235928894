// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CreditToken} from "./CreditToken.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";
import {RiskBounds, RiskPolicy} from "./RiskPolicy.sol";
import {IInferenceHub} from "../interfaces/IInferenceHub.sol";
import {InputModes, Modes, OutputField, RequestOptions, Schema} from "../types/Types.sol";

/// @notice A ratio that the manager fills into the model's input.
/// @param feature Position in the input.
/// @param one Raw value that stands for a ratio of one, such as 10,000 for percent with two
/// decimals.
struct RatioFeature {
    uint256 feature;
    uint256 one;
}

/// @notice What a `CollateralManager` is deployed with; nothing of it ever changes.
/// @param hub Hub whose verified results are believed.
/// @param modelId Credit-risk model; its single output is a probability of default.
/// @param attester Source of applicants' features.
/// @param price Credit units (18 decimals) that one ether of collateral is worth.
/// @param loanToValue Debt over the collateral's worth.
/// @param utilization Debt over the limit.
/// @param bounds Bounds of every change of a collateral factor.
struct ManagerConfig {
    IInferenceHub hub;
    uint256 modelId;
    address attester;
    uint256 price;
    RatioFeature loanToValue;
    RatioFeature utilization;
    RiskBounds bounds;
}

/// @title Example: a lending position whose collateral factor follows a verified risk score
/// @notice Ether is collateral, `CreditToken` is lent. Who may borrow how much depends on the
/// account's collateral factor, which moves only on a score that the hub verified, for inputs
/// that this contract built itself: two features from the position, the rest from what the
/// attester said about the account. Anyone may ask for anyone's review, since nobody but the
/// position and the attester chooses what is scored. A result that does not tighten counts only if
/// the position was held for `MIN_HOLD` before it was asked for, and has not worsened since: else
/// a deposit of one transaction would buy a better factor. A tightening has no such conditions,
/// and nothing the borrower does to the position voids it.
/// @dev Left out to stay short, needed in earnest: a price feed, interest, liquidation.
contract CollateralManager is InferenceConsumer, RiskPolicy, ReentrancyGuardTransient {
    using SafeCast for int256;
    using SafeCast for uint256;

    struct Position {
        uint128 collateral;
        uint128 debt;
        uint16 factorBps;
        // When the factor last changed; 0: never.
        uint40 changedAt;
        // First deposit or attestation.
        uint40 openedAt;
        // Last deposit or repayment.
        uint40 improvedAt;
        // Counts attestations: what a pending review was based on.
        uint64 version;
    }

    struct Review {
        address account;
        uint40 requestedAt;
        uint128 collateral;
        uint128 debt;
    }

    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);
    event Borrowed(address indexed account, uint256 amount);
    event Repaid(address indexed account, uint256 amount);
    event Attested(address indexed account, int32[] features);
    event ReviewRequested(uint256 indexed id, address indexed account, int32[] features);
    event ReviewApplied(
        uint256 indexed id,
        address indexed account,
        uint256 score,
        uint256 factorBefore,
        uint256 factorAfter
    );
    event ReviewRefused(uint256 indexed id, address indexed account, uint256 status);

    error BadConfig(string reason);
    error NotAttester(address caller);
    error NotAttested(address account);
    error WrongFeatureCount(uint256 expected, uint256 got);
    error ZeroAmount();
    error Unhealthy(uint256 debt, uint256 limit);
    error TransferFailed(address to, uint256 amount);
    error UnknownReview(uint256 id);
    error SnapshotChanged(uint256 id);
    error PositionWorsened(uint256 id);
    /// @notice The position improved too late: only a review requested from `notBefore` on may
    /// keep or loosen the factor.
    error NotHeld(uint256 id, uint256 notBefore);
    /// @notice So little collateral that its limit rounds to nothing, yet there is debt.
    error NoLimit(address account);
    error ScoreOutOfRange(uint256 score, uint256 one);

    /// @notice Gas of the callback; it needs less than half.
    uint32 public constant CALLBACK_GAS = 100_000;
    /// @notice Seconds that an operator has to answer.
    uint64 public constant ANSWER_TIME = 1 hours;
    /// @notice Seconds between a position's last improvement and a review that may profit from it.
    uint256 public constant MIN_HOLD = 1 hours;

    uint256 private constant WHOLE_BPS = 10_000;
    uint256 private constant ETHER = 1e18;

    /// @notice What is lent.
    CreditToken public immutable credit;
    /// @notice The credit-risk model.
    uint256 public immutable modelId;
    /// @notice Source of applicants' features.
    address public immutable attester;
    /// @notice Credit units that one ether of collateral is worth.
    uint256 public immutable price;

    // Fixed by the model's schema, which never changes: read once.
    uint256 private immutable _featureCount;
    uint256 private immutable _loanToValueFeature;
    uint256 private immutable _loanToValueOne;
    uint256 private immutable _utilizationFeature;
    uint256 private immutable _utilizationOne;
    uint256 private immutable _slotBits;
    uint256 private immutable _scoreStep;
    uint256 private immutable _scoreOne;

    /// @notice Reviews asked for and not yet applied or refused.
    mapping(uint256 id => Review) public reviews;

    mapping(address account => Position) private _positions;
    mapping(address account => int32[]) private _attested;

    constructor(ManagerConfig memory config)
        InferenceConsumer(config.hub)
        RiskPolicy(config.bounds)
    {
        Schema memory schema = config.hub.registry().schemaOf(config.modelId);
        if (schema.inputMode != InputModes.PUBLIC_WORDS) {
            revert BadConfig("the model's inputs are private");
        }
        uint256 count = schema.features.length;
        RatioFeature memory loanToValue = config.loanToValue;
        RatioFeature memory utilization = config.utilization;
        if (loanToValue.feature >= count || utilization.feature >= count) {
            revert BadConfig("no such feature");
        }
        if (loanToValue.feature == utilization.feature) revert BadConfig("one feature twice");
        if (loanToValue.one == 0 || utilization.one == 0) revert BadConfig("unit is zero");
        if (schema.outputs.length != 1) revert BadConfig("the model has more than a score");
        OutputField memory score = schema.outputs[0];
        if (score.zeroPoint != 0) revert BadConfig("a probability is never negative");
        if (config.price == 0) revert BadConfig("price is zero");
        modelId = config.modelId;
        attester = config.attester;
        price = config.price;
        _featureCount = count;
        (_loanToValueFeature, _loanToValueOne) = (loanToValue.feature, loanToValue.one);
        (_utilizationFeature, _utilizationOne) = (utilization.feature, utilization.one);
        _slotBits = uint256(schema.digitBits) * schema.outputDigits;
        _scoreStep = score.multiplier;
        _scoreOne = 10 ** score.decimals;
        credit = new CreditToken();
    }

    /// @notice Adds the value sent to the caller's collateral.
    function deposit() external payable {
        if (msg.value == 0) revert ZeroAmount();
        Position storage position = _positions[msg.sender];
        position.collateral += msg.value.toUint128();
        position.improvedAt = uint40(block.timestamp);
        _open(position);
        emit Deposited(msg.sender, msg.value);
    }

    /// @notice Takes back collateral that the debt does not need.
    function withdraw(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _positions[msg.sender].collateral -= amount.toUint128();
        _requireHealthy(msg.sender);
        emit Withdrawn(msg.sender, amount);
        // solhint-disable-next-line avoid-low-level-calls
        (bool sent,) = msg.sender.call{value: amount}("");
        if (!sent) revert TransferFailed(msg.sender, amount);
    }

    /// @notice Borrows `amount` credit units against the caller's collateral.
    function borrow(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _positions[msg.sender].debt += amount.toUint128();
        _requireHealthy(msg.sender);
        emit Borrowed(msg.sender, amount);
        credit.mint(msg.sender, amount);
    }

    /// @notice Repays `amount` credit units of the caller's debt.
    function repay(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Position storage position = _positions[msg.sender];
        position.debt -= amount.toUint128();
        position.improvedAt = uint40(block.timestamp);
        emit Repaid(msg.sender, amount);
        credit.burn(msg.sender, amount);
    }

    /// @notice Records an applicant's features, in the model's order and units, the two that this
    /// contract fills in left out. Attester only; pending reviews of the account become void.
    function attest(address account, int32[] calldata features) external {
        if (msg.sender != attester) revert NotAttester(msg.sender);
        if (features.length != _featureCount - 2) {
            revert WrongFeatureCount(_featureCount - 2, features.length);
        }
        _attested[account] = features;
        Position storage position = _positions[account];
        ++position.version;
        _open(position);
        emit Attested(account, features);
    }

    /// @notice Asks for a verified score of `account`; the value sent is the fee, at least
    /// `hub.quote(modelId, CALLBACK_GAS)`. Refunds go to the caller's balance in the escrow, never
    /// to this contract's: it need not be able to withdraw them.
    /// @dev Reverts if a feature is outside the model's domain, such as a utilization beyond it
    /// after a tightening: the model knows nothing there.
    function requestReview(address account) external payable returns (uint256 id) {
        int32[] memory features = featuresOf(account);
        Position storage position = _positions[account];
        id = hub.requestInference{value: msg.value}(
            modelId,
            features,
            RequestOptions({
                refundTo: msg.sender,
                deadline: uint64(block.timestamp) + ANSWER_TIME,
                callbackGas: CALLBACK_GAS,
                modes: Modes.DEFAULT,
                userData: _snapshot(account)
            })
        );
        reviews[id] = Review({
            account: account,
            requestedAt: uint40(block.timestamp),
            collateral: position.collateral,
            debt: position.debt
        });
        emit ReviewRequested(id, account, features);
    }

    /// @notice Collateral (wei) and debt (credit units) of `account`.
    function positionOf(address account) external view returns (uint256 collateral, uint256 debt) {
        Position storage position = _positions[account];
        return (position.collateral, position.debt);
    }

    /// @notice The model's input for `account`: its position and what was attested.
    function featuresOf(address account) public view returns (int32[] memory features) {
        int32[] storage attested = _attested[account];
        if (attested.length == 0) revert NotAttested(account);
        features = new int32[](_featureCount);
        uint256 next;
        for (uint256 i = 0; i < _featureCount; ++i) {
            if (i == _loanToValueFeature) {
                features[i] = _ratio(account, valueOf(account), _loanToValueOne);
            } else if (i == _utilizationFeature) {
                features[i] = _ratio(account, limitOf(account), _utilizationOne);
            } else {
                features[i] = attested[next];
                ++next;
            }
        }
    }

    /// @notice Collateral factor of `account`, in basis points.
    function factorOf(address account) public view returns (uint256) {
        uint256 factor = _positions[account].factorBps;
        return factor == 0 ? bounds().initialBps : factor;
    }

    /// @notice Worth of `account`'s collateral, in credit units.
    function valueOf(address account) public view returns (uint256) {
        return _positions[account].collateral * price / ETHER;
    }

    /// @notice Most that `account` may owe, in credit units.
    function limitOf(address account) public view returns (uint256) {
        return valueOf(account) * factorOf(account) / WHOLE_BPS;
    }

    /// @dev Applies a verified score, whole or not at all.
    function _onInference(
        uint256 id,
        uint256,
        uint256 status,
        bytes calldata output,
        bytes32 userData
    ) internal override {
        Review memory review = reviews[id];
        if (review.account == address(0)) revert UnknownReview(id);
        // An id acts once; a revert below restores it, so that delivery may be tried again.
        delete reviews[id];
        if (status != STATUS_OK) {
            emit ReviewRefused(id, review.account, status);
            return;
        }
        _requireFresh(review.requestedAt, bounds().maxAge);
        // Compare and swap: an attestation since makes this result old.
        (uint256 factorThen, uint256 version) = _split(userData);
        if (version != _positions[review.account].version) revert SnapshotChanged(id);
        uint256 score = _raw(output, _slotBits, 1) * _scoreStep;
        if (score > _scoreOne) revert ScoreOutOfRange(score, _scoreOne);
        _apply(id, review, factorThen, score);
    }

    function _apply(uint256 id, Review memory review, uint256 factorThen, uint256 score) private {
        Position storage position = _positions[review.account];
        uint256 factor = factorOf(review.account);
        uint256 target = _target(factor, score, _scoreOne);
        // A tightening since makes any result old, a loosening only what would not tighten: else
        // borrowers could void a tightening with a loosening of their own.
        if (factor < factorThen) revert SnapshotChanged(id);
        if (target >= factor) {
            if (factor > factorThen) revert SnapshotChanged(id);
            _requireHeld(id, review, position);
        }
        _checkChange(factor, target, position.changedAt, position.openedAt);
        if (target != factor) {
            position.factorBps = uint16(target);
            position.changedAt = uint40(block.timestamp);
        }
        emit ReviewApplied(id, review.account, score, factor, target);
    }

    /// @dev Notes when an account is first heard of.
    function _open(Position storage position) private {
        if (position.openedAt == 0) position.openedAt = uint40(block.timestamp);
    }

    /// @dev Reverts unless the position scored was no passing one: not improved shortly before the
    /// review or at any time after, not worsened since, not reviewed within one block.
    function _requireHeld(uint256 id, Review memory review, Position storage position)
        private
        view
    {
        if (position.debt > review.debt || position.collateral < review.collateral) {
            revert PositionWorsened(id);
        }
        uint256 notBefore = position.improvedAt + MIN_HOLD;
        if (review.requestedAt < notBefore) revert NotHeld(id, notBefore);
        notBefore = uint256(review.requestedAt) + 1;
        if (block.timestamp < notBefore) revert TooSoon(notBefore);
    }

    /// @dev What a review is based on: from the low bits on the account (160), its factor (16)
    /// and its version (64).
    function _snapshot(address account) private view returns (bytes32) {
        return bytes32(
            uint256(_positions[account].version) << 176 | factorOf(account) << 160
                | uint256(uint160(account))
        );
    }

    /// @dev Debt over `base` in the feature's units, rounded up: against the borrower.
    function _ratio(address account, uint256 base, uint256 unit) private view returns (int32) {
        uint256 debt = _positions[account].debt;
        if (debt == 0) return 0;
        if (base == 0) revert NoLimit(account);
        return Math.mulDiv(debt, unit, base, Math.Rounding.Ceil).toInt256().toInt32();
    }

    function _requireHealthy(address account) private view {
        uint256 debt = _positions[account].debt;
        uint256 limit = limitOf(account);
        if (debt > limit) revert Unhealthy(debt, limit);
    }

    /// @dev Factor and version of a `_snapshot`.
    function _split(bytes32 snapshot) private pure returns (uint256 factor, uint256 version) {
        return (uint16(uint256(snapshot) >> 160), uint64(uint256(snapshot) >> 176));
    }
}
