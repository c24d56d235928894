//! Second decompositions, outputs beside the clamp, maxima that are none.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::{Kind, Live};

use super::common::wide_checker::{Cells, N, R, Z};
use super::{Forgery, at, case, is_unread};

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all = negative_parts();
    all.extend(decompositions());
    all.extend(maxima());
    all
}

/// n on rows that do not split.
fn negative_parts() -> Vec<Forgery> {
    let mut all = Vec::new();
    for name in ["dense", "trees", "hidden"] {
        let honest = Cells::new(&case(name, 9));
        let max = Fr::from(u64::from(honest.program.max_digit()));
        let rows = &honest.program.rows[..honest.last()];
        for (row, content) in rows.iter().enumerate() {
            let excess = row > 0 && rows[row - 1].fixed.kind == Kind::Saturate;
            for lane in 0..CELLS {
                let looked = content.fixed.live == Live::Looked;
                let full = looked && honest.advice[row][Z + lane] == max;
                if content.fixed.split || excess || full || (row + lane) % 5 > 0 {
                    continue;
                }
                let mut cells = honest.clone();
                cells.change(row, |cells| cells[N + lane] = Fr::ONE);
                cells.repair();
                all.push(Forgery::new(format!("split/{}", 2 * lane), cells));
            }
        }
    }
    all
}

/// Claims whose unit nothing reads: the same number in other digits.
fn decompositions() -> Vec<Forgery> {
    let mut all: Vec<Forgery> = Vec::new();
    for seed in 0..40 {
        let case = case("dense", seed);
        let unread = is_unread(&case);
        let honest = Cells::new(&case);
        let max = case.program.max_digit();
        let digit = |value: u32| Fr::from(u64::from(value));
        for (row, content) in case.program.rows.iter().enumerate() {
            let saturates = content.fixed.kind == Kind::Saturate;
            let excess = row > 0 && case.program.rows[row - 1].fixed.kind == Kind::Saturate;
            if !content.fixed.split || excess {
                continue;
            }
            for lane in (0..CELLS).filter(|lane| unread(at(row, *lane))) {
                let (z, n) = (case.witness.z[row][lane], case.witness.n[row][lane]);
                let behind = |of: &[[u32; CELLS]]| of[row + 1][lane];
                let (over, under) = (behind(&case.witness.r), behind(&case.witness.n));
                let mut add = |gate: String, change: &dyn Fn(&mut Cells)| {
                    let found = all.iter().filter(|f| f.gate == gate).count();
                    if found < 3 {
                        let mut cells = honest.clone();
                        change(&mut cells);
                        cells.repair();
                        all.push(Forgery::new(gate, cells));
                    }
                };
                // z − n is the same, z n is not 0.
                let beyond = saturates && (over, under, behind(&case.witness.z)) != (0, 0, 0);
                if z + n + 2 <= max && !beyond {
                    add(format!("split/{}", 2 * lane + 1), &|cells| {
                        cells.change(row, |cells| {
                            cells[Z + lane] += Fr::ONE;
                            cells[N + lane] += Fr::ONE;
                        });
                    });
                }
                // u = 2^t (y − n₀) + r + 2^t (2^t (e₁ − n₁) + e₀): one less in y, one more in e₀.
                if saturates && z == max && over < max {
                    add(format!("saturate/{}", 2 * lane + 1), &|cells| {
                        cells.change(row, |cells| cells[Z + lane] -= Fr::ONE);
                        cells.change(row + 1, |cells| cells[R + lane] += Fr::ONE);
                    });
                }
                // A positive digit over a negative excess: y = 2^t − n₀, n₁ one more.
                if saturates && n > 0 && under < max {
                    add(format!("saturate/{}", 2 * lane), &|cells| {
                        cells.change(row, |cells| {
                            cells[Z + lane] = digit(max + 1 - n);
                            cells[N + lane] = Fr::ZERO;
                        });
                        cells.change(row + 1, |cells| cells[N + lane] += Fr::ONE);
                    });
                }
            }
        }
    }
    all
}

fn maxima() -> Vec<Forgery> {
    let mut all: Vec<Forgery> = Vec::new();
    for seed in 0..20 {
        let case = case("max", seed);
        let unread = is_unread(&case);
        let honest = Cells::new(&case);
        let max = case.program.max_digit();
        let rows = case.program.rows.iter().enumerate();
        for (row, _) in rows.filter(|(_, row)| row.fixed.max) {
            let differences = case.witness.r[row];
            // Larger than every member.
            let ends = !case.program.rows[row + 1].fixed.max && unread(at(row + 1, 0));
            if ends && differences.iter().all(|r| *r < max) {
                let mut cells = honest.clone();
                cells.change(row, |cells| {
                    cells[R..R + CELLS].iter_mut().for_each(|r| *r += Fr::ONE)
                });
                if case.witness.z[row + 1][0] < max {
                    cells.change(row + 1, |cells| cells[Z] += Fr::ONE);
                    cells.repair();
                    all.push(Forgery::new("maximum/0", cells));
                }
            }
            // A difference that is none, while another is 0.
            for lane in 0..CELLS {
                let other = (0..CELLS).any(|other| other != lane && differences[other] == 0);
                let right = differences[lane];
                for wrong in [0, right + 1].into_iter().filter(|wrong| *wrong != right) {
                    if other && wrong <= max && seed < 4 {
                        let mut cells = honest.clone();
                        cells.change(row, |cells| cells[R + lane] = Fr::from(u64::from(wrong)));
                        cells.repair();
                        all.push(Forgery::new(format!("maximum/{}", lane + 1), cells));
                    }
                }
            }
        }
    }
    all
}
