//! Evaluates the machine's own gate polynomials on cells that a test may change at will,
//! phase-2 columns and challenges included, which MockProver does not allow.
//!
//! It names the gates that fail, so a forgery can be shown to be stopped by one constraint
//! alone: were that constraint removed, the forgery would pass.

use std::collections::BTreeSet;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use halo2_proofs::plonk::{ConstraintSystem, Expression};
use haloracle_circuit::machine::circuit::{Challenges, Phase2};
use haloracle_circuit::{MachineConfig, Program, Witness};

/// All cells of the machine.
#[derive(Clone)]
pub struct Cells {
    pub program: Program,
    pub witness: Witness,
    pub phase2: Phase2,
    pub challenges: Challenges,
    pub instances: Vec<Fr>,
    /// `z` cells as field elements: a forger is not bound to small integers.
    pub z: Vec<Fr>,
}

pub fn challenges() -> Challenges {
    let draw = |seed: u64| Fr::from(seed).pow([0x1234_5678_9abc_def1, 77]);
    Challenges {
        rho: draw(3),
        beta: draw(5),
        alpha: draw(7),
    }
}

impl Cells {
    /// The cells that an honest prover's code computes for `witness`.
    pub fn new(program: &Program, witness: &Witness) -> Self {
        Self::with_challenges(program, witness, challenges())
    }

    pub fn with_challenges(program: &Program, witness: &Witness, challenges: Challenges) -> Self {
        Self {
            program: program.clone(),
            witness: witness.clone(),
            phase2: Phase2::new(program, witness, challenges),
            challenges,
            instances: witness.instance_values(),
            z: witness.z.iter().map(|z| Fr::from(u64::from(*z))).collect(),
        }
    }

    fn fixed(&self, column: usize, row: usize) -> Fr {
        let Some(row) = self.program.rows.get(row) else {
            return Fr::ZERO;
        };
        let fixed = &row.fixed;
        let small = |value: u64| Fr::from(value);
        match column {
            0..=3 => fixed.lanes[column],
            4 => small(u64::from(fixed.q)),
            5 => fixed.s_one,
            6 => fixed.s_rho,
            7 => small(fixed.op as u64),
            8 => small(u64::from(fixed.load)),
            9 => fixed.act,
            10 => fixed.digit,
            11 => small(u64::from(fixed.tag)),
            12 => small(u64::from(fixed.table_range)),
            13 => fixed.table_tuple,
            _ => unreachable!("fixed column {column}"),
        }
    }

    fn advice(&self, column: usize, row: usize) -> Fr {
        let small = |values: &[u32]| Fr::from(u64::from(values[row]));
        match column {
            0 => self.z[row],
            1 => small(&self.witness.n),
            2 => small(&self.witness.r),
            3 => small(&self.witness.m),
            4 => self.phase2.fold[row],
            5 => self.phase2.check[row],
            6 => self.phase2.helper[row],
            7 => self.phase2.sum[row],
            _ => unreachable!("advice column {column}"),
        }
    }

    /// Names of the constraints that fail: gate names with the polynomial's index, or `copy`.
    pub fn violations(&self) -> BTreeSet<String> {
        let mut meta = ConstraintSystem::default();
        MachineConfig::configure(&mut meta);
        let mut failing = BTreeSet::new();
        let last = self.program.last_row();
        // Rows behind the last usable one hold blinding: gates must not reach them.
        for gate in meta.gates() {
            for (index, polynomial) in gate.polynomials().iter().enumerate() {
                let name = format!("{}/{index}", gate.name().split(':').next().unwrap());
                let fails = (0..=last).any(|row| self.evaluate(polynomial, row) != Fr::ZERO);
                if fails {
                    failing.insert(name);
                }
            }
        }
        if self
            .program
            .copies
            .iter()
            .any(|(to, from)| self.z[*to] != self.z[*from])
        {
            failing.insert("copy".into());
        }
        failing
    }

    fn evaluate(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let last = self.program.last_row();
        // A blinding row holds anything; a fixed arbitrary value stands for it.
        let blinding = Fr::from(0xb11d_u64).square();
        expression.evaluate(
            &|constant| constant,
            &|_| unreachable!("the machine has no selectors"),
            &|query| self.fixed(query.column_index(), row),
            &|query| {
                let at = row + query.rotation().0 as usize;
                if at > last {
                    blinding
                } else {
                    self.advice(query.column_index(), at)
                }
            },
            &|_| self.instances.get(row).copied().unwrap_or(Fr::ZERO),
            &|challenge| match challenge.index() {
                0 => self.challenges.rho,
                1 => self.challenges.beta,
                _ => self.challenges.alpha,
            },
            &|value| -value,
            &|left, right| left + right,
            &|left, right| left * right,
            &|value, factor| value * factor,
        )
    }
}
