//! A random point: a value for every cell that the linear check may read, and for ρ and σ.
//!
//! The values come from ChaCha20, keyed by a hash of the program: one program, one point, and no
//! program can be made to suit its point.

use std::collections::HashMap;

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::wiring::{Wiring, cell, index};
use crate::wide::config::CELLS;
use crate::wide::program::{Cell, Program};

/// The zero cell, whose own equation says that it is 0; unused cells copy it.
pub(super) const ZERO: Cell = Cell { row: 1, lane: 0 };

/// Negative parts and remainders of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) n: [Fr; CELLS],
    pub(super) r: [Fr; CELLS],
}

/// The values.
pub(super) struct Point {
    pub(super) rho: Fr,
    pub(super) sigma: Fr,
    z: Vec<Fr>,
    parts: HashMap<usize, Parts>,
}

impl Point {
    /// Draws the point of `program`.
    pub(super) fn new(program: &Program, wiring: &Wiring) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed(program));
        let mut draw = || Fr::random(&mut rng);
        let (rho, sigma) = (draw(), draw());
        let mut z = vec![Fr::ZERO; program.rows.len() * CELLS];
        let mut parts = HashMap::new();
        for (row, content) in program.rows.iter().enumerate() {
            let fixed = &content.fixed;
            for lane in 0..CELLS {
                z[row * CELLS + lane] = draw();
            }
            if fixed.act != Fr::ZERO || fixed.digit != Fr::ZERO {
                // The gates force n = 0 on rows that do not split.
                let n = match fixed.split {
                    true => std::array::from_fn(|_| draw()),
                    false => [Fr::ZERO; CELLS],
                };
                let r = std::array::from_fn(|_| draw());
                parts.insert(row, Parts { n, r });
            }
        }
        z[index(ZERO)] = Fr::ZERO;
        for row in 0..program.rows.len() {
            for lane in 0..CELLS {
                let here = cell(row, lane);
                if wiring.is_copy(here) {
                    z[index(here)] = z[index(wiring.root(here))];
                }
            }
        }
        Self {
            rho,
            sigma,
            z,
            parts,
        }
    }

    /// A `z` cell's value, that of its home if it is a copy.
    pub(super) fn z(&self, cell: Cell) -> Fr {
        self.z[index(cell)]
    }

    /// `n` and `r` of a row whose remainders or differences the check reads; else 0.
    pub(super) fn parts(&self, row: usize) -> Parts {
        let none = Parts {
            n: [Fr::ZERO; CELLS],
            r: [Fr::ZERO; CELLS],
        };
        self.parts.get(&row).copied().unwrap_or(none)
    }
}

/// Hash of everything that a verifying key depends on.
fn seed(program: &Program) -> [u8; 32] {
    let mut params = blake2b_simd::Params::new();
    let mut state = params
        .hash_length(32)
        .personal(b"HaloracleAudit")
        .to_state();
    let mut number = |bytes: &[u8]| {
        state.update(bytes);
    };
    number(&program.k.to_le_bytes());
    for row in &program.rows {
        let fixed = &row.fixed;
        let codes = [
            u32::from(fixed.q),
            fixed.live as u32,
            u32::from(fixed.local),
            u32::from(fixed.close),
            u32::from(fixed.product),
            fixed.hold as u32,
            u32::from(fixed.split),
            u32::from(fixed.max),
            fixed.kind as u32,
            fixed.tag,
            fixed.table_range,
            u32::from(fixed.home),
        ];
        number(&codes.map(u32::to_le_bytes).concat());
        let fields = [fixed.vec, fixed.act, fixed.digit, fixed.table_tuple];
        let fields = fixed.lanes.iter().chain(&fixed.a).chain(&fields);
        for (at, value) in fields.enumerate() {
            if *value != Fr::ZERO {
                number(&(at as u32).to_le_bytes());
                number(&value.to_repr());
            }
        }
    }
    let cells = |cell: &Cell| {
        [cell.row, u32::from(cell.lane)]
            .map(u32::to_le_bytes)
            .concat()
    };
    for (to, from) in &program.copies {
        number(&cells(to));
        number(&cells(from));
    }
    for (cell, instance) in &program.public {
        number(&cells(cell));
        number(&(*instance as u64).to_le_bytes());
    }
    let mut seed = [0; 32];
    seed.copy_from_slice(state.finalize().as_bytes());
    seed
}
