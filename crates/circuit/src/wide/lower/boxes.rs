//! A permutation as rows of two S-boxes each.
//!
//! With `a = z_0^5` and `b = z_3^5`, lanes `w` and `'` for the next row:
//! ```text
//! z_3  = w_0 a + w_1 z_1 + w_2 z_2 + w_3
//! z_0' = w_4 a + w_5 z_1 + w_6 z_2 + w_7 b + w_8
//! z_1' = w_9 a + w_10 z_1 + w_11 z_2 + w_12 b
//! z_2' = w_13 a + w_14 z_1 + w_15 z_2 + w_12 b
//! ```
//! `z_0` and `z_3` are the elements that pass their S-boxes next. The other two elements of the
//! state need not stand in `z_1` and `z_2` as they are: any basis of the same space will do, less
//! constants, which later rows add where an S-box needs them. That is what lets sixteen lanes
//! hold every row: `z_1` and `z_2` are scaled or summed so that `b` has one coefficient in both.

use std::sync::OnceLock;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH, is_full, parameters};
use crate::wide::config::{CELLS, LANES};

/// Rows of one permutation.
pub const ROWS: usize = (FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS).div_ceil(2);

/// An affine form: coefficients of `a` (before the S-box `z_0`), `z_1`, `z_2`, `b`, and 1.
type Form = [Fr; 5];

fn unit(at: usize) -> Form {
    std::array::from_fn(|i| if i == at { Fr::ONE } else { Fr::ZERO })
}

fn scaled(form: Form, by: Fr) -> Form {
    form.map(|x| x * by)
}

fn sum(left: Form, right: Form) -> Form {
    std::array::from_fn(|i| left[i] + right[i])
}

fn constant(value: Fr) -> Form {
    scaled(unit(4), value)
}

/// The elements of the state in what the current row holds.
struct State([Form; WIDTH]);

impl State {
    /// The first row holds the state, and the constant of its first element.
    fn new() -> Self {
        let [_, y, z] = parameters().constants[0];
        Self([
            unit(0),
            sum(unit(1), constant(y)),
            sum(unit(2), constant(z)),
        ])
    }

    /// Takes the element's S-box as done: it is `form` now. The last of a round mixes.
    fn pass(&mut self, (round, element): (usize, usize), form: Form) {
        self.0[element] = form;
        if element + 1 < boxes(round) {
            return;
        }
        let parameters = parameters();
        let next = parameters.constants.get(round + 1);
        let constants = next.copied().unwrap_or([Fr::ZERO; WIDTH]);
        let before = self.0;
        self.0 = std::array::from_fn(|i| {
            let terms = parameters.matrix[i].iter().zip(before);
            terms.fold(constant(constants[i]), |all, (m, x)| {
                sum(all, scaled(x, *m))
            })
        });
    }

    /// The next row's cells, where `element` passes an S-box; the state in terms of that row.
    fn turn(&mut self, element: usize) -> [Form; WIDTH] {
        let [one, two] = [(element + 1) % WIDTH, (element + 2) % WIDTH];
        let (mut first, mut second) = (self.0[one], self.0[two]);
        let next = self.0[element];
        // What the elements are in the new z_1 and z_2.
        let (mut of_first, mut of_second) = (unit(1), unit(2));
        let invert = |x: Fr| x.invert().unwrap_or(Fr::ZERO);
        if first[3] != second[3] {
            if first[3] == Fr::ZERO {
                first = sum(first, second);
                of_first = sum(unit(1), scaled(unit(2), -Fr::ONE));
            } else if second[3] == Fr::ZERO {
                second = sum(first, second);
                of_second = sum(unit(2), scaled(unit(1), -Fr::ONE));
            } else {
                let ratio = first[3] * invert(second[3]);
                second = scaled(second, ratio);
                of_second = scaled(unit(2), invert(ratio));
            }
        }
        self.0[one] = sum(of_first, constant(self.0[one][4]));
        self.0[two] = sum(of_second, constant(self.0[two][4]));
        self.0[element] = unit(0);
        [next, first, second]
    }
}

/// S-boxes of a round.
fn boxes(round: usize) -> usize {
    if is_full(round) { WIDTH } else { 1 }
}

/// Lanes of every row of a permutation. It starts from a state whose first element has its
/// constant already, and ends with the permuted state.
pub(super) fn rows() -> &'static [[Fr; LANES]] {
    static ROWS: OnceLock<Vec<[Fr; LANES]>> = OnceLock::new();
    ROWS.get_or_init(derive)
}

fn derive() -> Vec<[Fr; LANES]> {
    let all: Vec<(usize, usize)> = (0..FULL_ROUNDS + PARTIAL_ROUNDS)
        .flat_map(|round| (0..boxes(round)).map(move |element| (round, element)))
        .collect();
    let mut state = State::new();
    let mut after = all.iter().skip(2).step_by(2);
    let rows = all.chunks(2).map(|pair| {
        let mut row = [Fr::ZERO; LANES];
        for (at, element) in pair.iter().enumerate() {
            if at == 1 {
                let [a, y, z, _, one] = state.0[element.1];
                row[..4].copy_from_slice(&[a, y, z, one]);
            }
            state.pass(*element, unit(3 * at));
        }
        let [first, second, third] = match after.next() {
            Some((_, element)) => state.turn(*element),
            // Nothing is left to pass: the cells are the state.
            None => state.0,
        };
        row[4..9].copy_from_slice(&first);
        row[9..13].copy_from_slice(&second[..4]);
        row[13..].copy_from_slice(&third[..3]);
        row
    });
    rows.collect()
}

/// `z` cells of every row of a permutation, and of the row behind, which holds the permuted state
/// with `end` added to its first element. The first element of `start` has its constant already.
pub(in crate::wide) fn states(start: [Fr; WIDTH], end: Fr) -> Vec<[Fr; CELLS]> {
    let fifth = |x: Fr| x.square().square() * x;
    let [mut x, mut y, mut z] = start;
    let mut all = Vec::with_capacity(ROWS + 1);
    for w in rows() {
        let a = fifth(x);
        let other = w[0] * a + w[1] * y + w[2] * z + w[3];
        let b = fifth(other);
        all.push([x, y, z, other]);
        [x, y, z] = [
            w[4] * a + w[5] * y + w[6] * z + w[7] * b + w[8],
            w[9] * a + w[10] * y + w[11] * z + w[12] * b,
            w[13] * a + w[14] * y + w[15] * z + w[12] * b,
        ];
    }
    all.push([x + end, y, z, Fr::ZERO]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poseidon::permute;

    #[test]
    fn two_s_boxes_a_row_are_the_permutation() {
        assert_eq!(rows().len(), ROWS);
        assert_eq!(ROWS, 41);
        let constant = parameters().constants[0][0];
        for seed in 0..8u64 {
            let start = [1, 2, 3].map(|at| Fr::from(seed * at).pow([0x1234_5678_9abc_def1, at]));
            let [x, y, z] = start;
            let states = states([x + constant, y, z], Fr::from(seed));
            let [x, y, z] = permute(start);
            let last = states.last().copied();
            assert_eq!(last, Some([x + Fr::from(seed), y, z, Fr::ZERO]));
        }
    }
}
