//! Fixed cells without effect, and copies that nothing reads.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::wiring::{Wiring, cell, index};
use super::{AuditError, check};
use crate::poseidon::WIDTH;
use crate::wide::config::CELLS;
use crate::wide::program::{FixedRow, Hold, Kind, Live, Program};

/// Lanes that a row with `local` reads: four cells, two products, a constant.
const LOCAL_LANES: usize = CELLS + 3;

fn any(values: &[Fr]) -> bool {
    values.iter().any(|value| *value != Fr::ZERO)
}

/// Whether a row adds something to A.
fn adds(fixed: &FixedRow) -> bool {
    any(&fixed.lanes) || any(&[fixed.vec, fixed.act, fixed.digit])
}

/// A and D: what is computed is read, and what is carried on is there.
pub(super) fn content(program: &Program, wiring: &Wiring) -> Result<(), AuditError> {
    let last = program.last_row();
    let rows = &program.rows[..last];
    // From the last row back: does something later read what this row leaves in A and in D?
    let (mut fold_read, mut hand_read) = (false, false);
    for (index, row) in rows.iter().enumerate().rev() {
        let fixed = &row.fixed;
        fold_read |= fixed.close || fixed.product;
        // A sponge has its own use for the lanes.
        let lanes = any(&fixed.lanes) && fixed.live != Live::Hash;
        let sums = lanes || any(&[fixed.vec, fixed.act, fixed.digit]) || any(&fixed.a);
        check(fold_read || !(sums || fixed.local), || {
            format!("row {index}: a sum that nothing reads")
        })?;
        fold_read &= any(&fixed.a);
        hand_read |= fixed.product;
        check(hand_read || fixed.hold == Hold::Fresh, || {
            format!("row {index}: data that nothing reads")
        })?;
        hand_read &= fixed.hold != Hold::Fresh;
        let local = match fixed.local {
            true => any(&fixed.lanes[..LOCAL_LANES]) && !any(&fixed.lanes[LOCAL_LANES..]),
            false => true,
        };
        check(local, || format!("row {index}: local coefficients"))?;
    }
    // Forward: is there something in A and in D?
    let (mut fold, mut hand) = (false, false);
    for (index, row) in rows.iter().enumerate() {
        let fixed = &row.fixed;
        let carries = any(&fixed.a);
        check(!carries || fold, || {
            format!("row {index}: carries an empty sum on")
        })?;
        fold = carries || adds(fixed);
        let data = (0..CELLS).any(|lane| wiring.root(cell(index, lane)) != super::point::ZERO);
        let before = hand;
        hand = match fixed.hold {
            Hold::Fresh => fixed.product,
            Hold::Keep | Hold::Shift => before,
            Hold::Take => before || data,
        };
        check(hand || fixed.hold == Hold::Fresh, || {
            format!("row {index}: carries no data on")
        })?;
        check(!fixed.product || index == 0 || (fold && hand), || {
            format!("row {index}: a product of nothing")
        })?;
    }
    Ok(())
}

/// Whether a gate or a look-up reads a `z` cell.
fn read(program: &Program, row: usize, lane: usize) -> bool {
    let fixed = &program.rows[row].fixed;
    let local =
        fixed.local && (fixed.lanes[lane] != Fr::ZERO || fixed.lanes[CELLS + lane / 2] != Fr::ZERO);
    let own = local
        || any(&[fixed.vec, fixed.digit])
        || fixed.max
        || fixed.tag != 0
        || fixed.kind != Kind::Plain
        || fixed.live == Live::Hash
        || fixed.hold == Hold::Take
        || fixed.home && lane == 0
        || fixed.hold == Hold::Fresh && fixed.product && row > 0 && lane == 0;
    let before = row.checked_sub(1).map(|row| &program.rows[row].fixed);
    own || before.is_some_and(|before| {
        before.kind == Kind::Saturate
            || before.kind == Kind::Edge && lane < 2
            || before.kind == Kind::Feature && lane == 0
            || before.max && lane == 0
            || before.live == Live::Hash && lane < WIDTH
    })
}

/// Every cell that is read holds a value of its own or is a copy; every copy is read and holds
/// no value of its own; every copy is of a cell with a value of its own.
pub(super) fn cells(program: &Program, wiring: &Wiring, owners: &[bool]) -> Result<(), AuditError> {
    for row in 0..program.last_row() {
        for lane in 0..CELLS {
            let here = cell(row, lane);
            let (owns, copies) = (owners[index(here)], wiring.is_copy(here));
            let right = match (read(program, row, lane), copies) {
                (true, true) => !owns && owners[index(wiring.root(here))],
                (true, false) => owns,
                (false, copies) => !copies,
            };
            check(right, || {
                format!("row {row} cell {lane}: a copy too many or too few")
            })?;
        }
    }
    let end = program.last_row();
    let copies = (0..CELLS).any(|lane| wiring.is_copy(cell(end, lane)));
    check(!copies, || "the last row holds nothing".into())
}
