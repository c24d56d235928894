//! Commitments to other values than the digits': one wrong S-box or one wrong sum, and everything
//! after it as the wrong state has it.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::lower::boxes::ROWS;
use haloracle_circuit::wide::program::{Cell, Live};

use super::common::wide_checker::{Cells, R, Z};
use super::{Forgery, at, case};

/// The cells of a sponge's rows that a forger may set.
#[derive(Clone, Copy)]
enum Wrong {
    /// An `r` cell.
    Power(usize),
    /// `z_3`.
    Second,
    /// A cell of the next row.
    Next(usize),
}

/// Goes through the rows and sets what the sponge makes of them, but for `wrong` on `row`.
fn follow(honest: &Cells, row: usize, wrong: Wrong) -> Cells {
    let mut cells = honest.clone();
    let program = honest.program.clone();
    for now in 0..program.used_rows {
        let (before, here) = (&program.rows[now].fixed, now == row);
        let copies: Vec<(Cell, Cell)> = (program.copies.iter())
            .filter(|(to, _)| to.row as usize == now)
            .copied()
            .collect();
        for (to, from) in copies {
            cells.set_z(to, cells.z(from));
        }
        match before.live {
            Live::Hash => cells.pass(now, here.then_some(wrong)),
            Live::Free => cells.solve(now),
            Live::Looked => {}
        }
    }
    // The forger claims the commitment that comes out.
    for (cell, instance) in &program.public {
        cells.instances[*instance] = cells.z(*cell);
    }
    cells.repair();
    cells
}

impl Cells {
    /// One row of two S-boxes.
    fn pass(&mut self, row: usize, wrong: Option<Wrong>) {
        let w = self.program.rows[row].fixed.lanes;
        let off = |what: fn(Wrong) -> Option<usize>| wrong.and_then(what);
        let power = off(|w| match w {
            Wrong::Power(at) => Some(at),
            _ => None,
        });
        let cells = &mut self.advice[row];
        for (x, r) in [(Z, R), (Z + 3, R + 2)] {
            if x == Z + 3 {
                cells[x] = w[0] * cells[R + 1] + w[1] * cells[Z + 1] + w[2] * cells[Z + 2] + w[3];
                if matches!(wrong, Some(Wrong::Second)) {
                    cells[x] += Fr::ONE;
                }
            }
            cells[r] = cells[x].square();
            // The other root has the same fourth power, so nothing else changes.
            if power == Some(r - R) {
                cells[r] = -cells[r];
            }
            cells[r + 1] = cells[r].square() * cells[x];
            if power == Some(r + 1 - R) {
                cells[r + 1] += Fr::ONE;
            }
        }
        let ([a, b], [y, z]) = ([cells[R + 1], cells[R + 3]], [cells[Z + 1], cells[Z + 2]]);
        let mut next = [
            w[4] * a + w[5] * y + w[6] * z + w[7] * b + w[8],
            w[9] * a + w[10] * y + w[11] * z + w[12] * b,
            w[13] * a + w[14] * y + w[15] * z + w[12] * b,
        ];
        if let Some(Wrong::Next(lane)) = wrong {
            next[lane] += Fr::ONE;
        }
        self.advice[row + 1][Z..Z + 3].copy_from_slice(&next);
    }

    /// Solves the equation that a row of free cells opens for the cell with coefficient 1.
    fn solve(&mut self, row: usize) {
        let fixed = &self.program.rows[row].fixed;
        let mut ones = (0..CELLS).filter(|lane| fixed.local && fixed.lanes[*lane] == Fr::ONE);
        let Some(lane) = ones.next_back() else { return };
        let mut sum = Fr::ZERO;
        for at in row.. {
            let fixed = &self.program.rows[at].fixed;
            sum += fixed.lanes[CELLS + 2];
            for lane in 0..CELLS {
                sum += fixed.lanes[lane] * self.advice[at][Z + lane];
            }
            if fixed.close {
                break;
            }
        }
        let solved = self.z(at(row, lane)) - sum;
        self.set_z(at(row, lane), solved);
    }
}

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all = Vec::new();
    for (name, step) in [("private", 13), ("hidden", 7)] {
        let honest = Cells::new(&case(name, 9));
        let rows = honest.program.rows.iter().enumerate();
        let rows = rows.filter(|(_, row)| row.fixed.live == Live::Hash);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        let last = rows.last().copied();
        // States pass from one permutation to the next, or there is but one.
        assert_eq!(rows.len() / ROWS, if name == "private" { 2 } else { 1 });
        for row in rows.iter().step_by(step).chain(&last) {
            let second = honest.advice[*row][Z + 3] != Fr::ZERO;
            let wrongs = (0..4).map(Wrong::Power);
            let wrongs = wrongs.chain([Wrong::Second]).chain((0..3).map(Wrong::Next));
            for (gate, wrong) in wrongs.enumerate() {
                if !second && matches!(wrong, Wrong::Power(2)) {
                    continue; // 0 has one root
                }
                let forged = follow(&honest, *row, wrong);
                all.push(Forgery::new(format!("hash/{gate}"), forged));
            }
        }
    }
    all
}
