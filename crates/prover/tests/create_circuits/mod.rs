//! A circuit that uses everything the prover supports: two or three phases, challenges, rotations in
//! both directions, an instance column in a gate and in copies, constants, rational values,
//! weight lanes behind one combination, several permutation products, degree 5.
#![allow(dead_code, unreachable_pub)]

use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk::{
    Advice, Assigned, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase,
    Fixed, Instance, SecondPhase, ThirdPhase,
};
use halo2_proofs::poly::Rotation;

const LANES: usize = 5;
/// Columns under the permutation besides `a`, `b`, the constants and the instance.
const PERMUTED: usize = 4;

/// What the circuit is run on; `a` is free, the rest follows from it. The stock prover fails on
/// three phases.
#[derive(Clone, Debug)]
pub struct Everything<const THIRD: bool> {
    /// Values of column a; `None` for key generation.
    pub a: Option<Vec<u64>>,
    pub rows: usize,
    /// Adds this to one cell, to break the constraint that it is under.
    pub tamper: Option<(Cell, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    A,
    B,
    Sum,
    Inverse,
    Product,
    Previous,
    Copy(usize),
    Constant,
}

#[derive(Clone, Copy, Debug)]
pub struct Config {
    lanes: [Column<Fixed>; LANES],
    q: Column<Fixed>,
    s: Column<Fixed>,
    end: Column<Fixed>,
    a: Column<Advice>,
    b: Column<Advice>,
    previous: Column<Advice>,
    copies: [Column<Advice>; PERMUTED],
    sum: Column<Advice>,
    inverse: Column<Advice>,
    product: Column<Advice>,
    instance: Column<Instance>,
    r1: Challenge,
    r2: Challenge,
}

impl<const THIRD: bool> Everything<THIRD> {
    pub fn a(&self) -> Vec<u64> {
        self.a.clone().unwrap_or_else(|| vec![0; self.rows])
    }

    /// `I_i = i`, but the first, which is a copy of `a_0`.
    pub fn instance(&self) -> Vec<Fr> {
        let a = self.a();
        let mut instance: Vec<Fr> = (0..self.rows as u64).map(Fr::from).collect();
        instance[0] = Fr::from(a[0]);
        instance
    }
}

fn lane(l: usize, row: usize) -> Fr {
    match (row * 7 + l) % 5 {
        0 => Fr::ZERO,
        1 => -Fr::from((row + l) as u64),
        _ => Fr::from((row * row + l) as u64).square(),
    }
}

impl<const THIRD: bool> Circuit<Fr> for Everything<THIRD> {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self {
            a: None,
            ..self.clone()
        }
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let lanes = std::array::from_fn(|_| meta.fixed_column());
        let [q, s, end, constants] = std::array::from_fn(|_| meta.fixed_column());
        let [a, b, previous] = std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let copies = std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let r1 = meta.challenge_usable_after(FirstPhase);
        let [sum, inverse] = std::array::from_fn(|_| meta.advice_column_in(SecondPhase));
        let (r2, product) = match THIRD {
            true => (
                meta.challenge_usable_after(SecondPhase),
                meta.advice_column_in(ThirdPhase),
            ),
            false => (
                meta.challenge_usable_after(FirstPhase),
                meta.advice_column_in(SecondPhase),
            ),
        };
        let instance = meta.instance_column();
        for column in [a, b].into_iter().chain(copies) {
            meta.enable_equality(column);
        }
        meta.enable_equality(instance);
        meta.enable_constant(constants);
        let config = Config {
            lanes,
            q,
            s,
            end,
            a,
            b,
            previous,
            copies,
            sum,
            inverse,
            product,
            instance,
            r1,
            r2,
        };
        let now = |row: &mut halo2_proofs::plonk::VirtualCells<'_, Fr>, column| {
            row.query_advice(column, Rotation::cur())
        };
        meta.create_gate("b = a^2 + I", |row| {
            let q = row.query_fixed(q, Rotation::cur());
            let (a, b) = (now(row, a), now(row, b));
            let instance = row.query_instance(instance, Rotation::cur());
            vec![q * (b - a.square() - instance)]
        });
        meta.create_gate("sum' = r1 sum + W + a", |row| {
            let q = row.query_fixed(q, Rotation::cur());
            let r1 = row.query_challenge(r1);
            let lanes = lanes.map(|lane| row.query_fixed(lane, Rotation::cur()));
            let weights = lanes
                .into_iter()
                .rev()
                .reduce(|sum, lane| sum * r1.clone() + lane)
                .unwrap();
            let next = row.query_advice(sum, Rotation::next());
            let (a, sum) = (now(row, a), now(row, sum));
            vec![q * (next - sum * r1 - weights - a)]
        });
        meta.create_gate("inverse and product", |row| {
            let [q, s] = [q, s].map(|column| row.query_fixed(column, Rotation::cur()));
            let [r1, r2] = [r1, r2].map(|challenge| row.query_challenge(challenge));
            let [a, sum, inverse, product] =
                [a, sum, inverse, product].map(|column| now(row, column));
            let one = Expression::Constant(Fr::ONE);
            vec![
                q.clone() * (inverse.clone() * (r1 + a.clone()) - one),
                q * s * (product - r2 * sum * inverse * a),
            ]
        });
        meta.create_gate("previous and ends", |row| {
            let s = row.query_fixed(s, Rotation::cur());
            let end = row.query_fixed(end, Rotation::cur());
            let [a, b] = [a, b].map(|column| row.query_advice(column, Rotation::prev()));
            let later = row.query_advice(previous, Rotation(3));
            let now_previous = now(row, previous);
            vec![
                s.clone() * (now_previous.clone() - a - b),
                end * (later - now_previous),
            ]
        });
        config
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let known = self.a.is_some();
        let (a, instance, rows) = (self.a(), self.instance(), self.rows);
        let value = |value: Fr| match known {
            true => Value::known(value),
            false => Value::unknown(),
        };
        let shift = |cell: Cell, row: usize| match self.tamper {
            Some((tampered, by)) if tampered == cell && row == 4 => Fr::from(by),
            _ => Fr::ZERO,
        };
        let first = layouter.assign_region(
            || "everything",
            |mut region| {
                let mut cells = Vec::new();
                let b = |row: usize| Fr::from(a[row]).square() + instance[row];
                for row in 0..rows {
                    for (l, column) in config.lanes.into_iter().enumerate() {
                        region.assign_fixed(column, row, lane(l, row));
                    }
                    let inner = row + 1 < rows;
                    region.assign_fixed(config.q, row, Fr::from(u64::from(inner)));
                    let s = u64::from(inner && row > 0) * 5;
                    region.assign_fixed(config.s, row, Fr::from(s));
                    let to_a = value(Fr::from(a[row]) + shift(Cell::A, row));
                    let a_cell = region.assign_advice(config.a, row, to_a).cell();
                    let to_b = value(b(row) + shift(Cell::B, row));
                    region.assign_advice(config.b, row, to_b);
                    let before = match row {
                        0 => Fr::ZERO,
                        _ => Fr::from(a[row - 1]) + b(row - 1),
                    };
                    let previous = before + shift(Cell::Previous, row);
                    region.assign_advice(config.previous, row, value(previous));
                    cells.push(a_cell);
                    for (c, column) in config.copies.into_iter().enumerate() {
                        // Column c repeats every (c + 2)nd cell of a.
                        let from = row - row % (c + 2);
                        let to = Fr::from(a[from]) + shift(Cell::Copy(c), row);
                        let copy = region.assign_advice(column, row, value(to)).cell();
                        region.constrain_equal(copy, cells[from]);
                    }
                }
                let seven = Fr::from(7) + shift(Cell::Constant, 4);
                let cell = region.assign_advice(config.copies[0], rows, value(seven));
                region.constrain_constant(cell.cell(), Fr::from(7))?;

                region.next_phase();
                let r1 = region.get_challenge(config.r1);
                let mut sum = value(Fr::ZERO);
                for row in 0..rows {
                    let next = sum.zip(r1).map(|(sum, r1)| {
                        let lanes = (0..LANES).rev().map(|l| lane(l, row));
                        let weights = lanes.fold(Fr::ZERO, |w, lane| w * r1 + lane);
                        sum * r1 + weights + Fr::from(a[row])
                    });
                    let tampered = sum.map(|sum| sum + shift(Cell::Sum, row));
                    region.assign_advice(config.sum, row, tampered);
                    sum = next;
                    let inverse = value(Fr::from(a[row])).zip(r1).map(|(a, r1)| {
                        let by = shift(Cell::Inverse, row);
                        Assigned::Rational(Fr::ONE + by * (r1 + a), r1 + a)
                    });
                    region.assign_advice(config.inverse, row, inverse);
                }

                if THIRD {
                    region.next_phase();
                }
                let r2 = region.get_challenge(config.r2);
                let mut sum = value(Fr::ZERO);
                for row in 0..rows {
                    let now = sum;
                    sum = sum.zip(r1).map(|(sum, r1)| {
                        let lanes = (0..LANES).rev().map(|l| lane(l, row));
                        let weights = lanes.fold(Fr::ZERO, |w, lane| w * r1 + lane);
                        sum * r1 + weights + Fr::from(a[row])
                    });
                    let product = now.zip(r1).zip(r2).map(|((sum, r1), r2)| {
                        let a = Fr::from(a[row]);
                        let inverse = (r1 + a).invert().unwrap();
                        r2 * sum * inverse * a + shift(Cell::Product, row)
                    });
                    region.assign_advice(config.product, row, product);
                }
                Ok(cells[0])
            },
        )?;
        layouter.constrain_instance(first, config.instance, 0);
        Ok(())
    }
}
