//! Evaluates the wide machine's gates, and hands cells to MockProver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use halo2_proofs::dev::{MockProver, VerifyFailure};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::{ConstraintSystem, Expression};
use haloracle_circuit::field::to_word;
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::Live;
use haloracle_circuit::wide::{WideCircuit, WideConfig, Witness};

use super::wide_checker::{ADVICE, Cells, M, N, R, Z, fixed_cells};

/// One constraint, and the columns that it reads on its row and the next, as bits.
struct Polynomial {
    name: String,
    expression: Expression<Fr>,
    fixed: u64,
    now: u64,
    next: u64,
}

/// The constraint system.
pub struct Machine {
    polynomials: Vec<Polynomial>,
}

impl Machine {
    /// The columns stand in the order that [`Cells`] has them in.
    pub fn new() -> Self {
        let mut meta = ConstraintSystem::default();
        let config = WideConfig::configure(&mut meta);
        let advice = [config.z, config.n, config.r].concat();
        let phase2 = [config.m, config.fold, config.hand, config.check];
        let order = advice.into_iter().chain(phase2).chain(config.helpers);
        let order: Vec<usize> = order.chain([config.sum]).map(|c| c.index()).collect();
        assert_eq!(order, (0..ADVICE).collect::<Vec<_>>());
        let polynomials = meta.gates().iter().flat_map(|gate| {
            let name = gate.name();
            let all = gate.polynomials().iter().enumerate();
            all.map(move |(index, expression)| {
                let mut polynomial = Polynomial {
                    name: format!("{name}/{index}"),
                    expression: expression.clone(),
                    fixed: 0,
                    now: 0,
                    next: 0,
                };
                polynomial.note_columns();
                polynomial
            })
        });
        Self {
            polynomials: polynomials.collect(),
        }
    }

    /// Names of all constraints.
    pub fn names(&self) -> BTreeSet<String> {
        self.polynomials.iter().map(|p| p.name.clone()).collect()
    }
}

impl Polynomial {
    fn note_columns(&mut self) {
        let fixed = std::cell::Cell::new(0u64);
        let advice = std::cell::Cell::new([0u64; 2]);
        self.expression.evaluate(
            &|_| (),
            &|_| (),
            &|query| fixed.set(fixed.get() | 1 << query.column_index()),
            &|query| {
                let mut masks = advice.get();
                masks[query.rotation().0 as usize] |= 1 << query.column_index();
                advice.set(masks);
            },
            &|_| (),
            &|_| (),
            &|()| (),
            &|(), ()| (),
            &|(), ()| (),
            &|(), _| (),
        );
        self.fixed = fixed.get();
        [self.now, self.next] = advice.get();
    }
}

/// The lowest bits of a cell, all there is of a digit.
fn digit(value: &Fr) -> u32 {
    let bytes = value.to_repr();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Cells {
    /// Value of a polynomial on a row.
    fn evaluate(&self, polynomial: &Polynomial, row: usize) -> Fr {
        let last = self.last();
        // A blinding row holds anything; a fixed arbitrary value stands for it.
        let blinding = Fr::from(0xb11d_u64).square();
        polynomial.expression.evaluate(
            &|constant| constant,
            &|_| unreachable!("the machine has no selectors"),
            &|query| self.fixed[row][query.column_index()],
            &|query| match row + query.rotation().0 as usize {
                at if at > last => blinding,
                at => self.advice[at][query.column_index()],
            },
            &|_| unreachable!("no gate reads the instances"),
            &|challenge| match challenge.index() {
                0 => self.challenges.rho,
                1 => self.challenges.sigma,
                2 => self.challenges.beta,
                _ => self.challenges.alpha,
            },
            &|value| -value,
            &|left, right| left + right,
            &|left, right| left * right,
            &|value, factor| value * factor,
        )
    }

    /// Constraints that fail, by name, with their rows; `copy` and `public` for copies.
    pub fn failures(&self) -> BTreeSet<(String, usize)> {
        let rows = 0..=self.last();
        let gates = self.machine.polynomials.iter().flat_map(|polynomial| {
            let fails = |row: &usize| self.evaluate(polynomial, *row) != Fr::ZERO;
            let failing = rows.clone().filter(fails);
            failing.map(|row| (polynomial.name.clone(), row))
        });
        gates.chain(self.wiring()).collect()
    }

    /// Names of the constraints that fail.
    pub fn violations(&self) -> BTreeSet<String> {
        self.failures().into_iter().map(|(name, _)| name).collect()
    }

    fn wiring(&self) -> impl Iterator<Item = (String, usize)> {
        let copies = self.program.copies.iter();
        let copies = copies.filter(|(to, from)| self.z(*to) != self.z(*from));
        let public = self.program.public.iter();
        let public = public.filter(|(cell, at)| self.instances.get(*at) != Some(&self.z(*cell)));
        let copies = copies.map(|(to, _)| ("copy".to_owned(), to.row as usize));
        let public = public.map(|(cell, _)| ("public".to_owned(), cell.row as usize));
        copies.chain(public).collect::<Vec<_>>().into_iter()
    }

    /// Whether some copy differs from its home, or a public cell from its instance.
    pub fn wiring_broken(&self) -> bool {
        self.wiring().next().is_some()
    }

    /// Takes a row's fixed cells from the program anew.
    pub fn refresh(&mut self, row: usize) {
        self.fixed[row] = fixed_cells(&self.program.rows[row].fixed);
    }

    /// These cells without their accumulators, before the prover's own code and MockProver.
    pub fn mock(&self) -> Result<(), Vec<VerifyFailure>> {
        let rows = self.advice.len();
        let digits = |first: usize| {
            let row = |row: usize| std::array::from_fn(|k| digit(&self.advice[row][first + k]));
            (0..rows).map(row).collect::<Vec<[u32; CELLS]>>()
        };
        let mut witness = Witness {
            z: digits(Z),
            n: digits(N),
            r: digits(R),
            m: (0..rows).map(|row| digit(&self.advice[row][M])).collect(),
            free: BTreeMap::new(),
            free_r: BTreeMap::new(),
            instances: self.instances.iter().map(to_word).collect(),
        };
        for row in (0..rows).filter(|row| self.program.rows[*row].fixed.live != Live::Looked) {
            for lane in 0..CELLS {
                let key = (row as u32, lane as u8);
                witness.free.insert(key, self.advice[row][Z + lane]);
                witness.free_r.insert(key, self.advice[row][R + lane]);
            }
        }
        let circuit = WideCircuit::new(Arc::clone(&self.program), Arc::new(witness));
        MockProver::run(self.program.k, &circuit, vec![self.instances.clone()])
            .expect("circuit synthesizes")
            .verify()
    }

    /// Whether some constraint fails, if `honest` satisfies all: only polynomials that read a
    /// cell that differs are evaluated, those of the ends first.
    pub fn is_refused(&self, honest: &Self) -> bool {
        if self.wiring().next().is_some() {
            return true;
        }
        let differ = |row: usize| {
            let Some(cells) = self.advice.get(row) else {
                return 0;
            };
            let pairs = cells.iter().zip(&honest.advice[row]);
            let pairs = pairs.enumerate().filter(|(_, (a, b))| a != b);
            pairs.fold(0u64, |mask, (column, _)| mask | 1 << column)
        };
        let mut next = 0;
        for row in (0..=self.last()).rev() {
            let now = differ(row);
            let pairs = self.fixed[row].iter().zip(&honest.fixed[row]);
            let pairs = pairs.enumerate().filter(|(_, (a, b))| a != b);
            let fixed = pairs.fold(0u64, |mask, (column, _)| mask | 1 << column);
            let fails = self.machine.polynomials.iter().any(|p| {
                (p.now & now | p.next & next | p.fixed & fixed) != 0
                    && self.evaluate(p, row) != Fr::ZERO
            });
            if fails {
                return true;
            }
            next = now;
        }
        false
    }
}
