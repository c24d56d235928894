//! Assigns a program and its witness to the machine's columns.

use std::sync::{Arc, OnceLock};

use halo2_proofs::circuit::{Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{BatchInvert, Field},
};
use halo2_proofs::plonk::{Circuit, Column, ConstraintSystem, Error, Fixed};

use super::config::{LANES, MachineConfig};
use crate::lower::tuple;
use crate::program::{Op, Program};
use crate::witness::Witness;

/// Rows at the end that hold blinding, and the row of the permutation's last value.
pub fn unusable_rows() -> usize {
    static ROWS: OnceLock<usize> = OnceLock::new();
    *ROWS.get_or_init(|| {
        let mut meta = ConstraintSystem::default();
        MachineConfig::configure(&mut meta);
        meta.blinding_factors() + 1
    })
}

/// A program, with a witness when proving.
#[derive(Clone, Debug)]
pub struct MachineCircuit {
    program: Arc<Program>,
    witness: Option<Arc<Witness>>,
}

/// The phase-1 challenges.
#[derive(Clone, Copy, Debug)]
pub struct Challenges {
    /// Linear check.
    pub rho: Fr,
    /// Look-ups.
    pub beta: Fr,
    /// Tuple separation.
    pub alpha: Fr,
}

/// The phase-2 columns, by row.
#[derive(Clone, Debug)]
pub struct Phase2 {
    /// `A`.
    pub fold: Vec<Fr>,
    /// `S`.
    pub check: Vec<Fr>,
    /// `h`.
    pub helper: Vec<Fr>,
    /// `φ`.
    pub sum: Vec<Fr>,
}

impl MachineCircuit {
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

    fn assign_fixed(&self, config: &MachineConfig, region: &mut Region<'_, Fr>) {
        let mut set = |column: Column<Fixed>, row: usize, value: Fr| {
            region.assign_fixed(column, row, value);
        };
        for (index, row) in self.program.rows.iter().enumerate() {
            let fixed = &row.fixed;
            for lane in 0..LANES {
                set(config.lanes[lane], index, fixed.lanes[lane]);
            }
            set(config.q, index, Fr::from(u64::from(fixed.q)));
            set(config.s_one, index, fixed.s_one);
            set(config.s_rho, index, fixed.s_rho);
            set(config.op, index, Fr::from(fixed.op as u64));
            set(config.load, index, Fr::from(u64::from(fixed.load)));
            set(config.act, index, fixed.act);
            set(config.digit, index, fixed.digit);
            set(config.tag, index, Fr::from(u64::from(fixed.tag)));
            let range = Fr::from(u64::from(fixed.table_range));
            set(config.table_range, index, range);
            set(config.table_tuple, index, fixed.table_tuple);
        }
    }

    fn assign_digits(&self, config: &MachineConfig, region: &mut Region<'_, Fr>) {
        let columns = [config.z, config.n, config.r, config.m];
        let mut cells = Vec::with_capacity(self.program.rows.len());
        for row in 0..self.program.rows.len() {
            let values = match &self.witness {
                Some(w) => [w.z[row], w.n[row], w.r[row], w.m[row]]
                    .map(|value| Value::known(Fr::from(u64::from(value)))),
                None => [Value::unknown(); 4],
            };
            for (index, (column, value)) in columns.into_iter().zip(values).enumerate() {
                let cell = region.assign_advice(column, row, value).cell();
                if index == 0 {
                    cells.push(cell);
                }
            }
        }
        for &(to, from) in &self.program.copies {
            region.constrain_equal(cells[to], cells[from]);
        }
    }

    fn assign_sums(&self, config: &MachineConfig, region: &mut Region<'_, Fr>) {
        let [rho, beta, alpha] =
            [config.rho, config.beta, config.alpha].map(|c| region.get_challenge(c));
        let challenges = rho
            .zip(beta)
            .zip(alpha)
            .map(|((rho, beta), alpha)| Challenges { rho, beta, alpha });
        let phase = match &self.witness {
            Some(witness) => challenges.map(|c| Phase2::new(&self.program, witness, c)),
            None => Value::unknown(),
        };
        let columns = [config.fold, config.check, config.helper, config.sum];
        for row in 0..self.program.rows.len() {
            let values = phase
                .as_ref()
                .map(|p| [p.fold[row], p.check[row], p.helper[row], p.sum[row]]);
            for (index, column) in columns.into_iter().enumerate() {
                region.assign_advice(column, row, values.map(|v| v[index]));
            }
        }
    }
}

impl Circuit<Fr> for MachineCircuit {
    type Config = MachineConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self::without_witness(Arc::clone(&self.program))
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> MachineConfig {
        MachineConfig::configure(meta)
    }

    fn synthesize(
        &self,
        config: MachineConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        layouter.assign_region(
            || "program",
            |mut region| {
                self.assign_fixed(&config, &mut region);
                self.assign_digits(&config, &mut region);
                // Commits z, n, r and m; only now do the challenges exist.
                region.next_phase();
                self.assign_sums(&config, &mut region);
                Ok(())
            },
        )
    }
}

impl Phase2 {
    /// Computes the accumulators under the challenges.
    pub fn new(program: &Program, witness: &Witness, challenges: Challenges) -> Self {
        let (fold, check) = linear_check(program, witness, challenges.rho);
        let (helper, sum) = look_ups(program, witness, challenges);
        Self {
            fold,
            check,
            helper,
            sum,
        }
    }
}

fn small(value: u32) -> Fr {
    Fr::from(u64::from(value))
}

/// `A` and `S`.
fn linear_check(program: &Program, witness: &Witness, rho: Fr) -> (Vec<Fr>, Vec<Fr>) {
    let last = program.last_row();
    let shift = rho.pow([LANES as u64]);
    let instances = witness.instance_values();
    let mut fold = vec![Fr::ZERO; last + 1];
    let mut check = vec![Fr::ZERO; last + 1];
    for (row, cells) in program.rows[..last].iter().enumerate() {
        let fixed = &cells.fixed;
        let lanes = fixed.lanes.iter().rev();
        let weights = lanes.fold(Fr::ZERO, |sum, lane| sum * rho + lane);
        fold[row + 1] = weights;
        if fixed.op == Op::Fold {
            let carried = fold[row] * shift;
            fold[row + 1] += carried;
        }
        let mut next = check[row] * (fixed.s_one + fixed.s_rho * rho);
        if fixed.load {
            let instance = instances.get(row).copied().unwrap_or(Fr::ZERO);
            next += fixed.s_rho * instance + small(witness.z[row]) * fold[row + 1];
        }
        next += fixed.act * (weights - small(witness.r[row]));
        next -= fixed.digit * (small(witness.z[row]) - small(witness.n[row]));
        check[row + 1] = next;
    }
    (fold, check)
}

/// `h` and `φ`. Range fractions are indexed by value: one batched inversion for all.
fn look_ups(program: &Program, witness: &Witness, challenges: Challenges) -> (Vec<Fr>, Vec<Fr>) {
    let Challenges { beta, alpha, .. } = challenges;
    let last = program.last_row();
    let range = program.max_digit() as usize + 1;
    // Denominators: β + v for each digit, then the tuples asked for, then the tuples held.
    let mut inverses: Vec<Fr> = (0..range).map(|v| beta + Fr::from(v as u64)).collect();
    let tags = || (0..last).filter(|row| program.rows[*row].fixed.tag != 0);
    inverses.extend(tags().map(|row| {
        let tag = program.rows[row].fixed.tag;
        beta + alpha * tuple(witness.z[row], witness.z[row + 1], tag)
    }));
    let held =
        |row: &usize| witness.m[*row] != 0 && program.rows[*row].fixed.table_tuple != Fr::ZERO;
    inverses.extend((0..last).filter(held).map(|row| {
        let fixed = &program.rows[row].fixed;
        beta + small(fixed.table_range) + alpha * fixed.table_tuple
    }));
    inverses.iter_mut().batch_invert();
    let (range, rest) = inverses.split_at(range);
    let mut rest = rest.iter().copied();

    let digit = |value: u32| range.get(value as usize).copied().unwrap_or(Fr::ZERO);
    let mut helper = vec![Fr::ZERO; last + 1];
    for (row, helper) in helper[..last].iter_mut().enumerate() {
        *helper = digit(witness.z[row] + witness.n[row]) + digit(witness.r[row]);
    }
    for row in tags() {
        helper[row] += small(program.rows[row].fixed.tag) * rest.next().unwrap_or(Fr::ZERO);
    }
    let mut sum = vec![Fr::ZERO; last + 1];
    for row in 0..last {
        let fixed = &program.rows[row].fixed;
        let fraction = match (witness.m[row], held(&row)) {
            (0, _) => Fr::ZERO,
            (_, true) => rest.next().unwrap_or(Fr::ZERO),
            (_, false) => digit(fixed.table_range),
        };
        sum[row + 1] = sum[row] + helper[row] - small(witness.m[row]) * fraction;
    }
    (helper, sum)
}
