//! Small models with every kind of row, and MockProver helpers.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::unwrap_used)]

pub mod checker;
pub mod graphs;
pub mod wide;
pub mod wide_checker;
pub mod wide_fixed;
pub mod wide_gates;

use std::sync::Arc;

use halo2_proofs::dev::{MockProver, VerifyFailure};
use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::machine::config::LANES;
use haloracle_circuit::program::Op;
use haloracle_circuit::{MachineCircuit, Program, Witness, lower};
use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, IntegerModel, OutputField};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A tag with every byte different.
pub fn tag() -> [u8; 32] {
    std::array::from_fn(|byte| byte as u8 * 7 + 3)
}

/// Shape of a random model.
#[derive(Clone, Debug)]
pub struct Shape {
    pub seed: u64,
    pub digit_bits: u32,
    pub digits: u32,
    pub features: usize,
    pub layers: Vec<usize>,
    pub tables: Vec<bool>,
}

impl Shape {
    /// Saturating and plain units, a hidden and a final table, two output words at t = 8.
    pub fn rich() -> Self {
        Self {
            seed: 7,
            digit_bits: 5,
            digits: 3,
            features: 40,
            layers: vec![9, 6, 3],
            tables: vec![false, true, true],
        }
    }

    pub fn model(&self) -> IntegerModel {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let max = (1i64 << self.digit_bits) - 1;
        let features = (0..self.features)
            .map(|index| {
                let width = rng.gen_range(1..1i32 << (self.digits * self.digit_bits).min(30));
                let lo = rng.gen_range(-1000..1000);
                Feature {
                    name: format!("f{index}"),
                    decimals: 2,
                    lo,
                    hi: lo + width - 1,
                }
            })
            .collect();
        let mut width = self.features * self.digits as usize;
        let mut layers = Vec::new();
        for (index, &units) in self.layers.iter().enumerate() {
            // Some units stay inside their digit, others saturate; none leaves what a
            // saturating row can hold.
            let limit = 1i64 << (3 * self.digit_bits - 1);
            let wide = (limit / (max * width as i64)).min(2 * max).max(1);
            let weights = (0..units)
                .map(|unit| {
                    let sparse = unit % 2 == 1;
                    let mut weight = || match sparse {
                        true if rng.gen_range(0..width) >= 8 => 0,
                        true => rng.gen_range(-1..=1),
                        false => rng.gen_range(-wide..=wide),
                    };
                    (0..width).map(|_| weight()).collect()
                })
                .collect();
            let bias = (0..units)
                .map(|_| rng.gen_range(-max * max / 2..=max * max / 2))
                .collect();
            let table = self.tables[index].then(|| FunctionTable {
                name: "square".into(),
                values: (0..=max)
                    .map(|z| ((z * z + 3) % (max + 1)) as u32)
                    .collect(),
            });
            layers.push(Dense {
                name: format!("l{index}"),
                weights,
                bias,
                table,
            });
            width = units;
        }
        let output = (0..width)
            .map(|unit| OutputField {
                name: format!("y{unit}"),
                wire: 0,
                digits: 1,
                zero_point: 0,
                multiplier: 1,
                decimals: 0,
            })
            .collect();
        haloracle_model::ChainModel {
            name: "random".into(),
            digit_bits: self.digit_bits,
            input: InputSchema {
                digits: self.digits,
                features,
            },
            layers,
            output,
        }
        .build()
    }
}

/// An input of the model's box: a corner for the first seeds, random after.
pub fn input(model: &IntegerModel, seed: u64) -> Vec<i64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let features = model.input.features.iter();
    features
        .map(|f| match seed {
            0 => i64::from(f.lo),
            1 => i64::from(f.hi),
            2..=5 if rng.r#gen() => i64::from(f.lo),
            2..=5 => i64::from(f.hi),
            _ => rng.gen_range(i64::from(f.lo)..=i64::from(f.hi)),
        })
        .collect()
}

/// Everything needed to check one run.
pub struct Case {
    pub model: IntegerModel,
    pub program: Arc<Program>,
    pub witness: Witness,
}

impl Case {
    pub fn new(shape: &Shape, seed: u64) -> Self {
        Self::of(shape.model(), seed)
    }

    pub fn of(model: IntegerModel, seed: u64) -> Self {
        let program = Arc::new(lower(&model).expect("model lowers"));
        let raw = input(&model, seed);
        let witness = Witness::new(&model, &program, &raw, &tag()).expect("input has a witness");
        Self {
            model,
            program,
            witness,
        }
    }

    pub fn verify(&self, witness: &Witness) -> Result<(), Vec<VerifyFailure>> {
        let instances = witness.instance_values();
        self.verify_with(witness, instances)
    }

    pub fn verify_with(
        &self,
        witness: &Witness,
        instances: Vec<Fr>,
    ) -> Result<(), Vec<VerifyFailure>> {
        let circuit = MachineCircuit::new(Arc::clone(&self.program), Arc::new(witness.clone()));
        MockProver::run(self.program.k, &circuit, vec![instances])
            .expect("circuit synthesizes")
            .verify()
    }
}

/// Gives one fixed cell another value.
pub fn change(program: &mut Program, row: usize, column: usize) {
    let fixed = &mut program.rows[row].fixed;
    match column {
        lane if lane < LANES => fixed.lanes[lane] += Fr::ONE,
        4 => fixed.q = !fixed.q,
        5 => fixed.s_one += Fr::ONE,
        6 => fixed.s_rho += Fr::ONE,
        7 => {
            fixed.op = match fixed.op {
                Op::Plain => Op::Split,
                Op::Fold => Op::Plain,
                Op::Split => Op::Saturate,
                Op::Saturate => Op::Split,
            }
        }
        8 => fixed.load = !fixed.load,
        9 => fixed.act += Fr::ONE,
        10 => fixed.digit += Fr::ONE,
        11 => fixed.tag += 1,
        12 => fixed.table_range += 1,
        _ => fixed.table_tuple += Fr::ONE,
    }
}
