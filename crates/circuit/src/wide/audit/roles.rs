//! What binds a row's cells, and the flags that say so.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::{AuditError, check};
use crate::field::power_of_two;
use crate::wide::config::CELLS;
use crate::wide::program::{Cell, FixedRow, Kind, Live, Program};

/// What a row is to the model, as far as flags other than those of the linear check go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Range-checked cells and nothing more.
    Plain,
    /// Free cells: an instance, a border of a convolution, the state of a sponge.
    Free,
    /// An S-box of a sponge.
    Hash,
    /// Requantized units; with an excess row behind.
    Claims {
        /// Whether the next row holds what exceeds the digits.
        saturates: bool,
    },
    /// What exceeds the digits of the row before.
    Excess,
    /// The next row's first cell is the largest of this row's.
    Maximum,
    /// The row's tuple is in the table under a tag.
    Tuple(u32),
    /// A tuple, and the home of a feature's rank.
    Rank(u32),
    /// A tuple: an edge of a tree.
    Edge(u32),
    /// A tuple: the feature that the edge before compares.
    Feature(u32),
}

impl Role {
    /// The flags that the role asks for, on an otherwise empty row.
    fn flags(self) -> FixedRow {
        let mut flags = FixedRow::default();
        match self {
            Self::Plain => {}
            Self::Free => flags.live = Live::Free,
            Self::Hash => flags.live = Live::Hash,
            Self::Claims { saturates } => {
                flags.split = true;
                if saturates {
                    flags.kind = Kind::Saturate;
                }
            }
            Self::Excess => flags.split = true,
            Self::Maximum => flags.max = true,
            Self::Tuple(tag) => flags.tag = tag,
            Self::Rank(tag) => {
                flags.tag = tag;
                flags.home = true;
            }
            Self::Edge(tag) => {
                flags.tag = tag;
                flags.kind = Kind::Edge;
            }
            Self::Feature(tag) => {
                flags.tag = tag;
                flags.kind = Kind::Feature;
            }
        }
        flags
    }
}

/// Compares every row's flags with its role; the first, second and last row exactly.
pub(super) fn compare(
    program: &Program,
    roles: &[Role],
    one: Option<Cell>,
) -> Result<(), AuditError> {
    let last = program.last_row();
    for (index, (row, role)) in program.rows.iter().zip(roles).enumerate() {
        let fixed = &row.fixed;
        if index == last {
            let end = FixedRow {
                q: false,
                live: Live::Free,
                close: true,
                product: true,
                ..FixedRow::default()
            };
            check(*fixed == end, || {
                "the last row must hold the end marker alone".into()
            })?;
            continue;
        }
        let wanted = role.flags();
        let same = fixed.q == wanted.q
            && fixed.live == wanted.live
            && fixed.split == wanted.split
            && fixed.max == wanted.max
            && fixed.kind == wanted.kind
            && fixed.tag == wanted.tag
            && fixed.home == wanted.home;
        check(same, || format!("row {index}: flags of no {role:?} row"))?;
        let end = fixed.close && fixed.product;
        check(end == (index == 0), || format!("row {index}: end marker"))?;
        let top = fixed.digit == power_of_two(program.digit_bits);
        check(fixed.kind != Kind::Saturate || top, || {
            format!("row {index}: largest digit")
        })?;
    }
    beginning(program, one)
}

/// Nothing is before row 0: it must forget what the columns start with. Row 1 is the zero cell's
/// equation, which must read nothing else; then the cell that holds 1, if there is one.
fn beginning(program: &Program, one: Option<Cell>) -> Result<(), AuditError> {
    let bare = |row: usize| FixedRow {
        table_range: program.rows[row].fixed.table_range,
        table_tuple: program.rows[row].fixed.table_tuple,
        close: true,
        ..FixedRow::default()
    };
    let first = FixedRow {
        product: true,
        ..bare(0)
    };
    check(program.rows[0].fixed == first, || {
        "row 0 must hold the marker of the beginning alone".into()
    })?;
    let mut zero = FixedRow {
        local: true,
        ..bare(1)
    };
    zero.lanes[0] = Fr::ONE;
    check(program.rows[1].fixed == zero, || {
        "row 1 must hold the zero cell's equation alone".into()
    })?;
    let Some(one) = one else { return Ok(()) };
    let mut unit = FixedRow {
        local: true,
        ..bare(one.row as usize)
    };
    unit.lanes[0] = Fr::ONE;
    unit.lanes[CELLS + 2] = -Fr::ONE;
    check(program.rows[one.row as usize].fixed == unit, || {
        format!("row {} must hold the equation of 1 alone", one.row)
    })
}
