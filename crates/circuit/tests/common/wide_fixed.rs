//! Changes of fixed cells.

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::wide::config::LANES;
use haloracle_circuit::wide::program::{Hold, Kind, Live, Program};

/// Fixed columns.
pub const COLUMNS: usize = LANES + 19;

/// Gives one fixed cell another value, one of several by `step`.
pub fn change(program: &mut Program, row: usize, column: usize, step: u32) {
    let fixed = &mut program.rows[row].fixed;
    let by = Fr::from(u64::from(step));
    if column < LANES {
        fixed.lanes[column] += by;
        return;
    }
    match column - LANES {
        0 => fixed.q = !fixed.q,
        1 => {
            let codes = [Live::Free, Live::Looked, Live::Hash];
            fixed.live = codes[(fixed.live as usize + step as usize) % 3];
        }
        at @ 2..=4 => fixed.a[at - 2] += by,
        5 => fixed.local = !fixed.local,
        6 => fixed.vec += by,
        7 => fixed.act += by,
        8 => fixed.digit += by,
        9 => fixed.close = !fixed.close,
        10 => fixed.product = !fixed.product,
        11 => {
            let codes = [Hold::Fresh, Hold::Keep, Hold::Shift, Hold::Take];
            fixed.hold = codes[(fixed.hold as usize + step as usize) % 4];
        }
        12 => fixed.split = !fixed.split,
        13 => fixed.max = !fixed.max,
        14 => {
            let codes = [Kind::Plain, Kind::Saturate, Kind::Edge, Kind::Feature];
            fixed.kind = codes[(fixed.kind as usize + step as usize) % 4];
        }
        15 if step == 1 => fixed.tag += 1,
        15 => fixed.tag = u32::from(fixed.tag == 0) * 2,
        16 => fixed.table_range += step,
        17 => fixed.table_tuple += by,
        18 => fixed.home = !fixed.home,
        _ => unreachable!("column {column}"),
    }
}

/// Changes of one cell: as many as a code has other values.
pub fn steps(column: usize) -> std::ops::RangeInclusive<u32> {
    match column.checked_sub(LANES) {
        Some(1 | 15) => 1..=2,
        Some(11 | 14) => 1..=3,
        _ => 1..=1,
    }
}
