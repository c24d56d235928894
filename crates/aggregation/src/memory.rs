//! What an aggregate takes, before it is started.

use haloracle_circuit::Shape;

use crate::config::DIGIT_BITS;
use crate::inner::Inner;
use crate::msm::{WINDOW_BITS, WINDOWS};

/// Bytes per row at the peak of proving, measured: columns, the quotient and the SRS.
pub const BYTES_PER_ROW: u64 = 5120;

/// Rows of a point's table; measured, as the circuit is the same for every witness.
const TABLE_ROWS: usize = 395;
/// Rows of an addition.
const ADDITION_ROWS: usize = 21;
/// Rows of a window's doublings.
const DOUBLING_ROWS: usize = 33 * WINDOW_BITS;
/// Rows of a proof that are no curve arithmetic: hashes, constraints, Lagrange values.
const PLAIN_ROWS: usize = 17_500;

/// An estimate of a circuit's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Rows in use.
    pub rows: usize,
    /// log2 of the rows.
    pub k: u32,
    /// Peak memory of proving, in bytes.
    pub bytes: u64,
}

/// Points in the sum of one proof of a shape.
pub fn points(shape: Shape) -> usize {
    let inner = Inner::new(shape);
    let (fixed, permuted) = inner.commitments();
    /// Random polynomial, W, W'.
    const OTHERS: usize = 3;
    fixed + permuted + inner.cs.num_advice_columns() + inner.chunks.len() + inner.pieces + OTHERS
}

/// What `slots` proofs of `shape` take.
pub fn estimate(shape: Shape, slots: usize) -> Estimate {
    let terms = slots * points(shape) + 1;
    let additions = ADDITION_ROWS * WINDOWS;
    // One plain row composes two digits.
    let scalars = (terms + slots + 2) * WINDOWS.div_ceil(2);
    let curve = terms * (TABLE_ROWS + additions)
        + slots * additions
        + 2 * (2 * WINDOWS * DOUBLING_ROWS + additions)
        + 2 * TABLE_ROWS;
    let rows = curve + scalars + slots * PLAIN_ROWS + (1 << DIGIT_BITS);
    let k = rows.next_power_of_two().trailing_zeros();
    Estimate {
        rows,
        k,
        bytes: BYTES_PER_ROW << k,
    }
}
