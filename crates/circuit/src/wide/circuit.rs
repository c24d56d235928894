//! The wide circuit: assigns a program's cells and computes the phase-2 accumulators.

use std::sync::{Arc, OnceLock};

use halo2_proofs::circuit::{Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use halo2_proofs::plonk::{Circuit, Column, ConstraintSystem, Error, Fixed};

use super::config::{CELLS, WideConfig};
use super::phase2::{Challenges, Phase2};
use super::program::Program;
use super::witness::Witness;

/// Rows at the end that hold blinding, and the row of the permutation's last value.
pub fn unusable_rows() -> usize {
    static ROWS: OnceLock<usize> = OnceLock::new();
    *ROWS.get_or_init(|| {
        let mut meta = ConstraintSystem::default();
        WideConfig::configure(&mut meta);
        meta.blinding_factors() + 1
    })
}

/// A program, with a witness when proving.
#[derive(Clone, Debug)]
pub struct WideCircuit {
    program: Arc<Program>,
    witness: Option<Arc<Witness>>,
}

impl WideCircuit {
    /// For key generation: fixed columns and copies only.
    pub fn without_witness(program: Arc<Program>) -> Self {
        Self {
            program,
            witness: None,
        }
    }

    /// For proving.
    pub fn new(program: Arc<Program>, witness: Arc<Witness>) -> Self {
        Self {
            program,
            witness: Some(witness),
        }
    }

    fn assign_fixed(&self, config: &WideConfig, region: &mut Region<'_, Fr>) {
        let mut set = |column: Column<Fixed>, row: usize, value: Fr| {
            region.assign_fixed(column, row, value);
        };
        let small = |value: u32| Fr::from(u64::from(value));
        let flag = |value: bool| Fr::from(u64::from(value));
        for (index, row) in self.program.rows.iter().enumerate() {
            let fixed = &row.fixed;
            for (column, value) in config.lanes.into_iter().zip(fixed.lanes) {
                set(column, index, value);
            }
            set(config.q, index, flag(fixed.q));
            set(config.live, index, small(fixed.live as u32));
            set(config.a_one, index, fixed.a[0]);
            set(config.a_four, index, fixed.a[1]);
            set(config.a_lanes, index, fixed.a[2]);
            set(config.local, index, flag(fixed.local));
            set(config.vec, index, fixed.vec);
            set(config.act, index, fixed.act);
            set(config.digit, index, fixed.digit);
            set(config.close, index, flag(fixed.close));
            set(config.product, index, flag(fixed.product));
            set(config.hold, index, small(fixed.hold as u32));
            set(config.split, index, flag(fixed.split));
            set(config.max, index, flag(fixed.max));
            set(config.kind, index, small(fixed.kind as u32));
            set(config.tag, index, small(fixed.tag));
            set(config.table_range, index, small(fixed.table_range));
            set(config.table_tuple, index, fixed.table_tuple);
            set(config.home, index, flag(fixed.home));
        }
    }

    fn assign_digits(
        &self,
        config: &WideConfig,
        region: &mut Region<'_, Fr>,
    ) -> Vec<[halo2_proofs::circuit::Cell; CELLS]> {
        let known = |value: Option<Fr>| value.map_or(Value::unknown(), Value::known);
        let small = |value: u32| Fr::from(u64::from(value));
        let witness = self.witness.as_deref();
        let mut cells = Vec::with_capacity(self.program.rows.len());
        for row in 0..self.program.rows.len() {
            cells.push(std::array::from_fn(|lane| {
                let z = witness.map(|w| w.cell(row, lane));
                region.assign_advice(config.z[lane], row, known(z)).cell()
            }));
            for lane in 0..CELLS {
                let n = witness.map(|w| small(w.n[row][lane]));
                region.assign_advice(config.n[lane], row, known(n));
                let r = witness.map(|w| w.remainder(row, lane));
                region.assign_advice(config.r[lane], row, known(r));
            }
            let m = witness.map(|w| small(w.m[row]));
            region.assign_advice(config.m, row, known(m));
        }
        for (to, from) in &self.program.copies {
            let at = |cell: &super::program::Cell| cells[cell.row as usize][cell.lane as usize];
            region.constrain_equal(at(to), at(from));
        }
        cells
    }

    fn assign_sums(&self, config: &WideConfig, region: &mut Region<'_, Fr>) {
        let challenge = |c| region.get_challenge(c);
        let [rho, sigma, beta, alpha] =
            [config.rho, config.sigma, config.beta, config.alpha].map(challenge);
        let pairs = rho.zip(sigma).zip(beta.zip(alpha));
        let challenges = pairs.map(|((rho, sigma), (beta, alpha))| Challenges {
            rho,
            sigma,
            beta,
            alpha,
        });
        let phase = match &self.witness {
            Some(witness) => challenges.map(|c| Phase2::new(&self.program, witness, c)),
            None => Value::unknown(),
        };
        let [h0, h1, h2] = config.helpers;
        let columns = [
            config.fold,
            config.hand,
            config.check,
            h0,
            h1,
            h2,
            config.sum,
        ];
        for row in 0..self.program.rows.len() {
            let values = phase.as_ref().map(|p| {
                let [h0, h1, h2] = p.helpers[row];
                [
                    p.fold[row],
                    p.hand[row],
                    p.check[row],
                    h0,
                    h1,
                    h2,
                    p.sum[row],
                ]
            });
            for (index, column) in columns.into_iter().enumerate() {
                region.assign_advice(column, row, values.map(|v| v[index]));
            }
        }
    }
}

impl Circuit<Fr> for WideCircuit {
    type Config = WideConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self::without_witness(Arc::clone(&self.program))
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> WideConfig {
        WideConfig::configure(meta)
    }

    fn synthesize(&self, config: WideConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let cells = layouter.assign_region(
            || "program",
            |mut region| {
                self.assign_fixed(&config, &mut region);
                let cells = self.assign_digits(&config, &mut region);
                // Commits z, n, r and m; only now do the challenges exist.
                region.next_phase();
                self.assign_sums(&config, &mut region);
                Ok(cells)
            },
        )?;
        for (cell, instance) in &self.program.public {
            let cell = cells[cell.row as usize][cell.lane as usize];
            layouter.constrain_instance(cell, config.instance, *instance);
        }
        Ok(())
    }
}

/// `Σ_k base^k terms_k`.
pub(super) fn horner(terms: impl DoubleEndedIterator<Item = Fr>, base: Fr) -> Fr {
    terms.rev().fold(Fr::ZERO, |sum, term| sum * base + term)
}
