//! All cells of the wide machine, which a test may change at will, phase-2 columns, fixed columns
//! and challenges included, before the machine's own gate polynomials ([`super::wide_gates`]).
//!
//! The accumulators are computed anew here, from the equations in `docs/wide.md` and not by the
//! prover's code, so that a forger's are right wherever a test does not say otherwise. Failing
//! constraints are named, so a forgery can be shown to be stopped by one constraint alone: were
//! that constraint removed, the forgery would pass.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{BatchInvert, Field, PrimeField};
use haloracle_circuit::wide::Program;
use haloracle_circuit::wide::config::{CELLS, LANES, TAG_SHIFT, TUPLE_BITS};
use haloracle_circuit::wide::program::{Cell, FixedRow, Hold, Live};

use super::wide::Case;
use super::wide_gates::Machine;

/// Fixed columns.
pub const FIXED: usize = LANES + 19;
/// Advice columns, and where each group begins.
pub const ADVICE: usize = 20;
pub const Z: usize = 0;
pub const N: usize = 4;
pub const R: usize = 8;
pub const M: usize = 12;
pub const FOLD: usize = 13;
pub const HAND: usize = 14;
pub const CHECK: usize = 15;
pub const HELPER: usize = 16;
pub const SUM: usize = 19;

/// The challenges ρ, σ, β, α.
#[derive(Clone, Copy, Debug)]
pub struct Challenges {
    pub rho: Fr,
    pub sigma: Fr,
    pub beta: Fr,
    pub alpha: Fr,
}

pub fn challenges() -> Challenges {
    let draw = |seed: u64| Fr::from(seed).pow([0x1234_5678_9abc_def1, 77]);
    Challenges {
        rho: draw(3),
        sigma: draw(11),
        beta: draw(5),
        alpha: draw(7),
    }
}

/// All cells of a run.
#[derive(Clone)]
pub struct Cells {
    pub program: Arc<Program>,
    pub machine: Arc<Machine>,
    /// Fixed columns by row, as field elements.
    pub fixed: Vec<[Fr; FIXED]>,
    /// Advice columns by row.
    pub advice: Vec<[Fr; ADVICE]>,
    pub instances: Vec<Fr>,
    pub challenges: Challenges,
    /// Row of each entry of the table: ranges, and tuples that are no rank's home.
    entries: Arc<[HashMap<[u8; 32], usize>; 2]>,
}

fn small(value: u32) -> Fr {
    Fr::from(u64::from(value))
}

fn power_of_two(bits: u32) -> Fr {
    Fr::from(2).pow([u64::from(bits)])
}

/// `Σ_k base^k terms_k`.
pub fn horner(terms: &[Fr], base: Fr) -> Fr {
    terms.iter().rev().fold(Fr::ZERO, |sum, x| sum * base + x)
}

/// A row's fixed cells in the order of the columns.
pub fn fixed_cells(row: &FixedRow) -> [Fr; FIXED] {
    let mut all = [Fr::ZERO; FIXED];
    all[..LANES].copy_from_slice(&row.lanes);
    let flag = |value: bool| Fr::from(u64::from(value));
    all[LANES..].copy_from_slice(&[
        flag(row.q),
        small(row.live as u32),
        row.a[0],
        row.a[1],
        row.a[2],
        flag(row.local),
        row.vec,
        row.act,
        row.digit,
        flag(row.close),
        flag(row.product),
        small(row.hold as u32),
        flag(row.split),
        flag(row.max),
        small(row.kind as u32),
        small(row.tag),
        small(row.table_range),
        row.table_tuple,
        flag(row.home),
    ]);
    all
}

impl Cells {
    /// The cells of an honest run, with accumulators of their own.
    pub fn new(case: &Case) -> Self {
        let program = Arc::clone(&case.program);
        let witness = &case.witness;
        let rows = 0..program.rows.len();
        let advice = rows.map(|row| {
            let mut cells = [Fr::ZERO; ADVICE];
            for lane in 0..CELLS {
                cells[Z + lane] = witness.cell(row, lane);
                cells[N + lane] = small(witness.n[row][lane]);
                cells[R + lane] = witness.remainder(row, lane);
            }
            cells[M] = small(witness.m[row]);
            cells
        });
        let mut ranges = HashMap::new();
        let mut tuples = HashMap::new();
        let free = program.rows.iter().enumerate();
        let free = free.filter(|(_, row)| !row.fixed.home);
        for (at, (index, row)) in free.take(program.table_entries).enumerate() {
            if at <= program.max_digit() as usize {
                ranges.insert(small(row.fixed.table_range).to_repr(), index);
            } else {
                tuples.insert(row.fixed.table_tuple.to_repr(), index);
            }
        }
        let mut cells = Self {
            fixed: program.rows.iter().map(|r| fixed_cells(&r.fixed)).collect(),
            advice: advice.collect(),
            instances: witness.instance_values(),
            challenges: challenges(),
            machine: Arc::new(Machine::new()),
            entries: Arc::new([ranges, tuples]),
            program,
        };
        cells.repair();
        cells
    }

    pub fn last(&self) -> usize {
        self.program.last_row()
    }

    pub fn z(&self, cell: Cell) -> Fr {
        self.advice[cell.row as usize][Z + usize::from(cell.lane)]
    }

    pub fn set_z(&mut self, cell: Cell, value: Fr) {
        self.advice[cell.row as usize][Z + usize::from(cell.lane)] = value;
    }

    /// Computes all accumulators anew from the other cells.
    pub fn repair(&mut self) {
        self.repair_linear(0, None);
        self.repair_look_ups();
    }

    /// Recomputes A, D and S behind `from`; `bump` adds to the column's cell behind a row, and
    /// what follows goes on from there. Returns the last S.
    pub fn repair_linear(&mut self, from: usize, bump: Option<(usize, usize, Fr)>) -> Fr {
        let Challenges { rho, sigma, .. } = self.challenges;
        let powers = [
            Fr::ONE,
            rho.pow([CELLS as u64]),
            rho.pow([LANES as u64]),
            sigma.pow([CELLS as u64]),
        ];
        let start = &self.advice[from];
        let (mut a, mut d, mut s) = (start[FOLD], start[HAND], start[CHECK]);
        let bump_at = |column: usize, row: usize| match bump {
            Some((c, r, by)) if (c, r) == (column, row) => by,
            _ => Fr::ZERO,
        };
        for row in from..self.last() {
            let fixed = &self.program.rows[row].fixed;
            let cells = &self.advice[row];
            a = added(fixed, cells, a, &powers, rho) + bump_at(FOLD, row);
            let z = &cells[Z..N];
            d = match fixed.hold {
                Hold::Fresh if fixed.product => z[0],
                Hold::Fresh => Fr::ZERO,
                Hold::Keep => d,
                Hold::Shift => d * sigma,
                Hold::Take => d * powers[3] + horner(z, sigma),
            } + bump_at(HAND, row);
            if fixed.close {
                s = s * sigma + a;
            }
            if fixed.product {
                s += d * a;
            }
            s += bump_at(CHECK, row);
            let next = &mut self.advice[row + 1];
            (next[FOLD], next[HAND], next[CHECK]) = (a, d, s);
        }
        s
    }

    /// Values that a row looks up, as denominators with their weights: ranges, then the tuple.
    fn asked(&self, row: usize) -> Vec<(Fr, Fr)> {
        let Challenges { beta, alpha, .. } = self.challenges;
        let fixed = &self.program.rows[row].fixed;
        if fixed.live != Live::Looked {
            return Vec::new();
        }
        let mut all: Vec<(Fr, Fr)> = self
            .ranges(row)
            .iter()
            .map(|v| (beta + v, Fr::ONE))
            .collect();
        if fixed.tag != 0 {
            all.push((beta + alpha * self.tuple(row), small(fixed.tag)));
        }
        all
    }

    fn ranges(&self, row: usize) -> Vec<Fr> {
        let cells = &self.advice[row];
        let sums = (0..CELLS).map(|k| cells[Z + k] + cells[N + k]);
        sums.chain(cells[R..M].iter().copied()).collect()
    }

    fn tuple(&self, row: usize) -> Fr {
        let cells = &self.advice[row];
        let parts = cells[Z..N].iter().chain([&cells[R]]).enumerate();
        let tag = small(self.program.rows[row].fixed.tag);
        parts.fold(tag * power_of_two(TAG_SHIFT), |sum, (at, part)| {
            sum + power_of_two(TUPLE_BITS * at as u32) * part
        })
    }

    /// The table entry that stands on a row.
    fn entry(&self, row: usize) -> Fr {
        let Challenges { beta, alpha, .. } = self.challenges;
        let fixed = &self.program.rows[row].fixed;
        let own = match fixed.home {
            true => self.advice[row][Z],
            false => Fr::ZERO,
        };
        beta + small(fixed.table_range) + alpha * (fixed.table_tuple + own)
    }

    /// The three helpers of a row, right for what its cells hold.
    pub fn helpers(&self, row: usize) -> [Fr; 3] {
        let asked = self.asked(row);
        let mut inverses: Vec<Fr> = asked.iter().map(|(f, _)| *f).collect();
        inverses.iter_mut().batch_invert();
        let mut sums = [Fr::ZERO; 3];
        for (at, (inverse, (_, weight))) in inverses.iter().zip(&asked).enumerate() {
            sums[at / 3] += *inverse * weight;
        }
        sums
    }

    /// Recomputes h and φ from whatever the cells hold.
    pub fn repair_look_ups(&mut self) {
        for row in 0..self.last() {
            let helpers = self.helpers(row);
            self.advice[row][HELPER..SUM].copy_from_slice(&helpers);
        }
        self.repair_sum();
    }

    /// Recomputes φ from helpers and multiplicities.
    pub fn repair_sum(&mut self) {
        let rows = (0..self.last()).filter(|row| self.advice[*row][M] != Fr::ZERO);
        let rows: Vec<usize> = rows.collect();
        let mut inverses: Vec<Fr> = rows.iter().map(|row| self.entry(*row)).collect();
        inverses.iter_mut().batch_invert();
        let fractions: BTreeMap<usize, Fr> = rows.into_iter().zip(inverses).collect();
        for row in 0..self.last() {
            let cells = &self.advice[row];
            let mut sum = cells[SUM] + cells[HELPER..SUM].iter().sum::<Fr>();
            if let Some(fraction) = fractions.get(&row) {
                sum -= cells[M] * fraction;
            }
            self.advice[row + 1][SUM] = sum;
        }
    }

    /// Counts what a row looks up, `times` ±1, in the multiplicities of the entries there are.
    pub fn count(&mut self, row: usize, times: Fr) {
        let fixed = &self.program.rows[row].fixed;
        if fixed.live != Live::Looked {
            return;
        }
        let mut found: Vec<(usize, Fr)> = Vec::new();
        for value in self.ranges(row) {
            let entry = self.entries[0].get(&value.to_repr());
            found.extend(entry.map(|entry| (*entry, Fr::ONE)));
        }
        if fixed.tag != 0 {
            let tuple = self.tuple(row);
            let homes = self.program.rows.iter().enumerate();
            let mut homes = homes.filter(|(_, row)| row.fixed.home);
            let home = homes.find(|(at, row)| row.fixed.table_tuple + self.advice[*at][Z] == tuple);
            let entry = self.entries[1].get(&tuple.to_repr()).copied();
            let entry = entry.or(home.map(|(at, _)| at));
            found.extend(entry.map(|entry| (entry, small(fixed.tag))));
        }
        for (entry, weight) in found {
            self.advice[entry][M] += times * weight;
        }
    }

    /// Changes a row's cells as a forger would: multiplicities follow.
    pub fn change(&mut self, row: usize, by: impl FnOnce(&mut [Fr; ADVICE])) {
        self.count(row, -Fr::ONE);
        by(&mut self.advice[row]);
        self.count(row, Fr::ONE);
    }
}

/// A on the next row.
fn added(fixed: &FixedRow, cells: &[Fr; ADVICE], a: Fr, powers: &[Fr; 4], rho: Fr) -> Fr {
    let (z, w) = (&cells[Z..N], &fixed.lanes);
    let mut sum = Fr::ZERO;
    for (factor, power) in fixed.a.iter().zip(powers) {
        if *factor != Fr::ZERO {
            sum += a * factor * power;
        }
    }
    if fixed.local {
        sum += w[4] * z[0] * z[1] + w[5] * z[2] * z[3] + w[6];
        sum += w.iter().zip(z).map(|(w, z)| *w * z).sum::<Fr>();
    } else if w.iter().any(|w| *w != Fr::ZERO) {
        sum += horner(w, rho);
    }
    if fixed.vec != Fr::ZERO {
        sum += fixed.vec * horner(z, rho);
    }
    if fixed.act != Fr::ZERO {
        sum -= fixed.act * horner(&cells[R..M], rho);
    }
    if fixed.digit != Fr::ZERO {
        sum -= fixed.digit * (horner(z, rho) - horner(&cells[N..R], rho));
    }
    sum
}
