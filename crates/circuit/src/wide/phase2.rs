//! The accumulators under the challenges.

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};

use super::circuit::horner;
use super::config::{CELLS, HELPERS, LANES, TAG_SHIFT, TUPLE_BITS};
use super::program::{FixedRow, Hold, Live, Program};
use super::witness::Witness;
use crate::field::power_of_two;

/// The phase-1 challenges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenges {
    /// Channels.
    pub rho: Fr,
    /// Positions.
    pub sigma: Fr,
    /// Look-ups.
    pub beta: Fr,
    /// Tuple separation.
    pub alpha: Fr,
}

/// The phase-2 columns, by row.
#[derive(Clone, Debug)]
pub(super) struct Phase2 {
    /// `A`.
    pub fold: Vec<Fr>,
    /// `D`.
    pub hand: Vec<Fr>,
    /// `S`.
    pub check: Vec<Fr>,
    /// `h_j`.
    pub helpers: Vec<[Fr; HELPERS]>,
    /// `φ`.
    pub sum: Vec<Fr>,
}

/// One row's cells as field elements.
pub(super) struct RowCells {
    pub(super) z: [Fr; CELLS],
    pub(super) n: [Fr; CELLS],
    pub(super) r: [Fr; CELLS],
}

fn small(value: u32) -> Fr {
    Fr::from(u64::from(value))
}

impl RowCells {
    fn of(witness: &Witness, row: usize) -> Self {
        Self {
            z: std::array::from_fn(|lane| witness.cell(row, lane)),
            n: witness.n[row].map(small),
            r: std::array::from_fn(|lane| witness.remainder(row, lane)),
        }
    }
}

/// The state of the linear check between two rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) fold: Fr,
    pub(super) hand: Fr,
    pub(super) check: Fr,
}

impl Linear {
    pub(super) const START: Self = Self {
        fold: Fr::ZERO,
        hand: Fr::ZERO,
        check: Fr::ZERO,
    };

    /// One row on: `A'`, `D'`, `S'`.
    pub(super) fn step(self, fixed: &FixedRow, cells: &RowCells, powers: &Powers) -> Self {
        let RowCells { z, n, r } = cells;
        let Powers {
            rho,
            rho_cells,
            rho_lanes,
            sigma,
            sigma_cells,
        } = *powers;
        let mut fold = Fr::ZERO;
        if fixed.a != [Fr::ZERO; 3] {
            fold = self.fold * (fixed.a[0] + fixed.a[1] * rho_cells + fixed.a[2] * rho_lanes);
        }
        let w = &fixed.lanes;
        if fixed.local {
            fold += w[4] * z[0] * z[1] + w[5] * z[2] * z[3] + w[6];
            fold += (0..CELLS).map(|k| w[k] * z[k]).sum::<Fr>();
        } else if w.iter().any(|w| *w != Fr::ZERO) {
            fold += horner(w.iter().copied(), rho);
        }
        if fixed.vec != Fr::ZERO {
            fold += fixed.vec * horner(z.iter().copied(), rho);
        }
        if fixed.act != Fr::ZERO {
            fold -= fixed.act * horner(r.iter().copied(), rho);
        }
        if fixed.digit != Fr::ZERO {
            let differences = (0..CELLS).map(|k| z[k] - n[k]);
            fold -= fixed.digit * horner(differences, rho);
        }
        let hand = match fixed.hold {
            Hold::Fresh if fixed.product => z[0],
            Hold::Fresh => Fr::ZERO,
            Hold::Keep => self.hand,
            Hold::Shift => self.hand * sigma,
            Hold::Take => self.hand * sigma_cells + horner(z.iter().copied(), sigma),
        };
        let mut check = self.check;
        if fixed.close {
            check = check * sigma + fold;
        }
        if fixed.product {
            check += hand * fold;
        }
        Self { fold, hand, check }
    }
}

/// Powers of ρ and σ that rows multiply by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Powers {
    rho: Fr,
    rho_cells: Fr,
    rho_lanes: Fr,
    sigma: Fr,
    sigma_cells: Fr,
}

impl Powers {
    pub(super) fn new(rho: Fr, sigma: Fr) -> Self {
        Self {
            rho,
            rho_cells: rho.pow([CELLS as u64]),
            rho_lanes: rho.pow([LANES as u64]),
            sigma,
            sigma_cells: sigma.pow([CELLS as u64]),
        }
    }
}

impl Phase2 {
    /// Computes the accumulators under the challenges.
    pub(super) fn new(program: &Program, witness: &Witness, challenges: Challenges) -> Self {
        let last = program.last_row();
        let mut columns = Self {
            fold: vec![Fr::ZERO; last + 1],
            hand: vec![Fr::ZERO; last + 1],
            check: vec![Fr::ZERO; last + 1],
            helpers: vec![[Fr::ZERO; HELPERS]; last + 1],
            sum: vec![Fr::ZERO; last + 1],
        };
        let powers = Powers::new(challenges.rho, challenges.sigma);
        let mut state = Linear::START;
        for row in 0..last {
            let cells = RowCells::of(witness, row);
            state = state.step(&program.rows[row].fixed, &cells, &powers);
            columns.fold[row + 1] = state.fold;
            columns.hand[row + 1] = state.hand;
            columns.check[row + 1] = state.check;
        }
        columns.look_ups(program, witness, challenges);
        columns
    }

    /// `h_j` and `φ`. Range fractions are indexed by value: one batched inversion for all.
    fn look_ups(&mut self, program: &Program, witness: &Witness, challenges: Challenges) {
        let Challenges { beta, alpha, .. } = challenges;
        let last = program.last_row();
        let range = program.max_digit() as usize + 1;
        let tuple = |parts: [Fr; CELLS + 1], tag: u32| {
            let parts = parts.into_iter().enumerate();
            parts.fold(small(tag) * power_of_two(TAG_SHIFT), |sum, (at, part)| {
                sum + part * power_of_two(TUPLE_BITS * at as u32)
            })
        };
        let mut inverses: Vec<Fr> = (0..range).map(|v| beta + Fr::from(v as u64)).collect();
        let asked = || (0..last).filter(|row| program.rows[*row].fixed.tag != 0);
        inverses.extend(asked().map(|row| {
            let cells = RowCells::of(witness, row);
            let [a, b, c, d] = cells.z;
            let packed = tuple([a, b, c, d, cells.r[0]], program.rows[row].fixed.tag);
            beta + alpha * packed
        }));
        let held = |row: &usize| {
            let fixed = &program.rows[*row].fixed;
            witness.m[*row] != 0 && (fixed.table_tuple != Fr::ZERO || fixed.home)
        };
        inverses.extend((0..last).filter(held).map(|row| {
            let fixed = &program.rows[row].fixed;
            let own = if fixed.home {
                witness.cell(row, 0)
            } else {
                Fr::ZERO
            };
            beta + small(fixed.table_range) + alpha * (fixed.table_tuple + own)
        }));
        inverses.iter_mut().batch_invert();
        let (range, rest) = inverses.split_at(range);
        let mut rest = rest.iter().copied();
        let digit = |value: u32| range.get(value as usize).copied().unwrap_or(Fr::ZERO);
        for row in 0..last {
            if program.rows[row].fixed.live != Live::Looked {
                continue;
            }
            let (z, n, r) = (witness.z[row], witness.n[row], witness.r[row]);
            let sum = |lane: usize| digit(z[lane] + n[lane]);
            self.helpers[row] = [
                sum(0) + sum(1) + sum(2),
                sum(3) + digit(r[0]) + digit(r[1]),
                digit(r[2]) + digit(r[3]),
            ];
        }
        for row in asked() {
            let tag = small(program.rows[row].fixed.tag);
            self.helpers[row][HELPERS - 1] += tag * rest.next().unwrap_or(Fr::ZERO);
        }
        for row in 0..last {
            let fixed = &program.rows[row].fixed;
            let fraction = match (witness.m[row], held(&row)) {
                (0, _) => Fr::ZERO,
                (_, true) => rest.next().unwrap_or(Fr::ZERO),
                (_, false) => digit(fixed.table_range),
            };
            let fractions: Fr = self.helpers[row].iter().sum();
            self.sum[row + 1] = self.sum[row] + fractions - small(witness.m[row]) * fraction;
        }
    }
}
