// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {AggregateStatement} from "../../contracts/libraries/AggregateStatement.sol";

contract AggregateStatementTest is Test {
    uint256 private constant R = AggregateStatement.R;
    uint256 private constant GAMMA =
        0x25b1d4396f23135f97e0e035ae737eb36bdfaa2edc43386616d0ed70f42ed70e;
    uint256 private constant D = 0x1fe11ddee784446e05f5f9d3beb10036f916a276fb2ab38579b4bd0b80d86823;

    /// @dev Reverts only show through a call.
    function combine(
        address settler,
        uint256 h,
        uint256[] memory digests,
        uint256[][] memory instances
    ) external view returns (uint256, uint256) {
        return AggregateStatement.combine(settler, h, digests, instances);
    }

    function _claims() private pure returns (uint256[] memory digests, uint256[][] memory words) {
        digests = new uint256[](2);
        words = new uint256[][](2);
        (digests[0], digests[1]) = (11, R - 1);
        words[0] = new uint256[](3);
        words[1] = new uint256[](64);
        for (uint256 i = 0; i < 64; ++i) {
            if (i < 3) words[0][i] = 5 + i;
            words[1][i] = 1000 * i;
        }
    }

    /// @dev The same claims in the test `the_contract_draws_the_same` of the Rust twin.
    function test_combine_isTheTwinsInRust() public {
        vm.chainId(10);
        (uint256[] memory digests, uint256[][] memory words) = _claims();
        (uint256 gamma, uint256 d) = this.combine(address(0x77), 42, digests, words);
        assertEq(gamma, GAMMA);
        assertEq(d, D);
    }

    function test_combine_isTheSumOfPaddedWords() public view {
        (uint256[] memory digests, uint256[][] memory words) = _claims();
        (uint256 gamma, uint256 d) = this.combine(address(0x77), 42, digests, words);
        uint256 expected = 0;
        uint256 power = 1;
        for (uint256 slot = 0; slot < 2; ++slot) {
            for (uint256 i = 0; i < 65; ++i) {
                uint256 word = i == 0 ? digests[slot] : 0;
                if (i > 0 && i <= words[slot].length) word = words[slot][i - 1];
                expected = addmod(expected, mulmod(power, word, R), R);
                power = mulmod(power, gamma, R);
            }
        }
        assertEq(d, expected);
    }

    function test_combine_dependsOnChainSettlerHashAndOrder() public {
        vm.chainId(10);
        (uint256[] memory digests, uint256[][] memory words) = _claims();
        (uint256 gamma,) = this.combine(address(0x77), 42, digests, words);
        (uint256 other,) = this.combine(address(0x78), 42, digests, words);
        assertNotEq(other, gamma);
        (other,) = this.combine(address(0x77), 43, digests, words);
        assertNotEq(other, gamma);
        vm.chainId(11);
        (other,) = this.combine(address(0x77), 42, digests, words);
        assertNotEq(other, gamma);
        vm.chainId(10);
        (digests[0], digests[1]) = (digests[1], digests[0]);
        (words[0], words[1]) = (words[1], words[0]);
        (other,) = this.combine(address(0x77), 42, digests, words);
        assertNotEq(other, gamma);
    }

    function test_combine_revertsIfAWordIsOutOfRange() public {
        (uint256[] memory digests, uint256[][] memory words) = _claims();
        words[0][2] = R;
        vm.expectRevert(abi.encodeWithSelector(AggregateStatement.WordOutOfRange.selector, 0, 3));
        this.combine(address(0), 0, digests, words);
        words[0][2] = 0;
        digests[1] = R;
        vm.expectRevert(abi.encodeWithSelector(AggregateStatement.WordOutOfRange.selector, 1, 0));
        this.combine(address(0), 0, digests, words);
    }

    function test_combine_revertsIfASlotIsTooLong() public {
        (uint256[] memory digests, uint256[][] memory words) = _claims();
        words[1] = new uint256[](65);
        vm.expectRevert(abi.encodeWithSelector(AggregateStatement.TooManyInstances.selector, 1, 65));
        this.combine(address(0), 0, digests, words);
        words = new uint256[][](1);
        vm.expectRevert(abi.encodeWithSelector(AggregateStatement.LengthMismatch.selector, 2, 1));
        this.combine(address(0), 0, digests, words);
    }
}
