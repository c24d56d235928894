//! Copies: which `z` cells are one value.

use super::{AuditError, check};
use crate::wide::config::CELLS;
use crate::wide::program::{Cell, Program};

/// Index of a `z` cell among all.
pub(super) fn index(cell: Cell) -> usize {
    cell.row as usize * CELLS + usize::from(cell.lane)
}

/// A `z` cell by row and lane.
pub(super) fn cell(row: usize, lane: usize) -> Cell {
    Cell {
        row: row as u32,
        lane: lane as u8,
    }
}

/// The root of every `z` cell: where it is a copy its home, else itself.
pub(super) struct Wiring {
    homes: Vec<Option<Cell>>,
}

impl Wiring {
    /// Reads the copies; every cell is a copy of at most one, and none of a copy.
    pub(super) fn new(program: &Program) -> Result<Self, AuditError> {
        let mut homes = vec![None; program.rows.len() * CELLS];
        for (to, from) in &program.copies {
            let slot = &mut homes[index(*to)];
            check(slot.is_none() && to != from, || {
                format!("row {} cell {}: two copies", to.row, to.lane)
            })?;
            *slot = Some(*from);
        }
        for (to, from) in &program.copies {
            check(homes[index(*from)].is_none(), || {
                format!("row {} cell {}: a copy of a copy", to.row, to.lane)
            })?;
        }
        Ok(Self { homes })
    }

    /// Where the cell's value lives.
    pub(super) fn root(&self, cell: Cell) -> Cell {
        self.homes[index(cell)].unwrap_or(cell)
    }

    /// Whether the cell is a copy.
    pub(super) fn is_copy(&self, cell: Cell) -> bool {
        self.homes[index(cell)].is_some()
    }
}
