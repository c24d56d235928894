//! The circuit: assigns a program's cells, phase by phase.

use std::sync::{Arc, Mutex, PoisonError};

use halo2_proofs::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{Advice, Circuit, Column, ConstraintSystem, Error};

use crate::config::{AggregationConfig, DIGITS};
use crate::phase2::{Registers, Sums};
use crate::rows::{Mode, Program, W};

/// A program to be proved, or without its witness to make keys.
#[derive(Clone, Debug)]
pub struct AggregationCircuit {
    program: Arc<Program>,
    proving: bool,
    registers: Arc<Mutex<Option<Registers>>>,
}

impl AggregationCircuit {
    /// For proving.
    pub fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            proving: true,
            registers: Arc::default(),
        }
    }

    /// For key generation: fixed columns and copies only.
    pub fn without_witness(program: Arc<Program>) -> Self {
        Self {
            proving: false,
            ..Self::new(program)
        }
    }

    fn known(&self, value: Fr) -> Value<Fr> {
        match self.proving {
            true => Value::known(value),
            false => Value::unknown(),
        }
    }

    fn assign_fixed(&self, config: &AggregationConfig, region: &mut Region<'_, Fr>) {
        for (row, mode) in self.program.rows.modes.iter().enumerate() {
            let (column, value) = match mode {
                Mode::Limb => (config.limb, 1),
                Mode::Step => (config.step, 1),
                Mode::Plain => (config.plain, 1),
                Mode::Full => (config.hash, 1),
                Mode::Partial => (config.hash, 2),
                Mode::Entry => (config.entry, 1),
                Mode::End => (config.entry, 2),
            };
            region.assign_fixed(column, row, Fr::from(value));
            let operands = self.program.rows.operands[row];
            for (column, index) in config.c.into_iter().zip(operands) {
                if index != 0 {
                    region.assign_fixed(column, row, self.program.pool.value(index));
                }
            }
        }
    }

    /// Assigns phase 1 and the copies; the cells of the public instances.
    fn assign_cells(&self, config: &AggregationConfig, region: &mut Region<'_, Fr>) -> Vec<Cell> {
        let rows = &self.program.rows;
        let mut cells = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let mut all = [None; W as usize];
            for column in 0..DIGITS {
                let value = self.known(rows.d[row][column]);
                let cell = region.assign_advice(config.d[column], row, value).cell();
                if let Some(slot) = all.get_mut(column) {
                    *slot = Some(cell);
                }
            }
            let w = region.assign_advice(config.w, row, self.known(rows.w[row]));
            let [a, b, c] = all.map(|cell| cell.unwrap_or_else(|| w.cell()));
            cells.push([a, b, c, w.cell()]);
        }
        let at = |(row, column): (u32, u8)| cells[row as usize][usize::from(column)];
        for (left, right) in &self.program.copies {
            region.constrain_equal(at(*left), at(*right));
        }
        self.program.public.iter().map(|place| at(*place)).collect()
    }

    fn assign_columns<const N: usize>(
        &self,
        region: &mut Region<'_, Fr>,
        columns: [Column<Advice>; N],
        values: Option<[&[Fr]; N]>,
    ) {
        for (index, column) in columns.into_iter().enumerate() {
            for row in 0..=self.program.rows.len() {
                let value = values.map(|values| values[index][row]);
                let value = value.map_or_else(Value::unknown, Value::known);
                region.assign_advice(column, row, value);
            }
        }
    }
}

impl Circuit<Fr> for AggregationCircuit {
    type Config = AggregationConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self::without_witness(Arc::clone(&self.program))
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> AggregationConfig {
        AggregationConfig::configure(meta)
    }

    fn synthesize(
        &self,
        config: AggregationConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let public = layouter.assign_region(
            || "rows",
            |mut region| {
                self.assign_fixed(&config, &mut region);
                let public = self.assign_cells(&config, &mut region);
                // Commits limbs and operands; only now do ρ and σ exist.
                region.next_phase();
                let [rho, sigma] = [config.rho, config.sigma].map(|c| region.get_challenge(c));
                let mut registers = None;
                rho.zip(sigma).map(|(rho, sigma)| {
                    if self.proving {
                        registers = Some(Registers::new(&self.program, rho, sigma));
                    }
                });
                let columns = [
                    config.fold,
                    config.slope,
                    config.x,
                    config.y,
                    config.tx,
                    config.ty,
                ];
                let values = registers
                    .as_ref()
                    .map(|r| [&r.fold, &r.slope, &r.x, &r.y, &r.tx, &r.ty].map(Vec::as_slice));
                self.assign_columns(&mut region, columns, values);
                // A prover may synthesize once per phase, so this outlives the call.
                if let Some(registers) = registers {
                    *self.kept() = Some(registers);
                }
                // Commits what was read; only now do α and β exist.
                region.next_phase();
                let [alpha, beta] = [config.alpha, config.beta].map(|c| region.get_challenge(c));
                let mut sums = None;
                let kept = self.kept();
                alpha.zip(beta).map(|(alpha, beta)| {
                    if let Some(registers) = kept.as_ref().filter(|_| self.proving) {
                        sums = Some(Sums::new(&self.program, registers, alpha, beta));
                    }
                });
                let [h0, h1] = config.helpers;
                let values = sums
                    .as_ref()
                    .map(|s| [&s.helpers[0], &s.helpers[1], &s.sum].map(Vec::as_slice));
                self.assign_columns(&mut region, [h0, h1, config.sum], values);
                Ok(public)
            },
        )?;
        for (instance, cell) in public.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, instance);
        }
        Ok(())
    }
}

impl AggregationCircuit {
    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Registers>> {
        self.registers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
