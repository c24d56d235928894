//! The advice that depends on challenges.

use halo2_proofs::arithmetic::parallelize;
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{BatchInvert, Field, PrimeField};

use crate::config::{DIGIT_BITS, OPERANDS};
use crate::gates::power_of_two;
use crate::limbs::{BASE_BITS, MODULUS_LIMBS, to_integer};
use crate::rows::{Mode, Program};

/// Columns of phase 2, one value more than there are rows.
#[derive(Clone, Debug)]
pub struct Registers {
    /// Fold of limbs.
    pub fold: Vec<Fr>,
    /// λ.
    pub slope: Vec<Fr>,
    /// x.
    pub x: Vec<Fr>,
    /// y.
    pub y: Vec<Fr>,
    /// x read.
    pub tx: Vec<Fr>,
    /// y read.
    pub ty: Vec<Fr>,
}

fn operands(program: &Program, row: usize) -> [Fr; OPERANDS] {
    program.rows.operands[row].map(|index| program.pool.value(index))
}

impl Registers {
    /// Runs the rows.
    pub fn new(program: &Program, rho: Fr, sigma: Fr) -> Self {
        let rows = program.rows.len();
        let column = || vec![Fr::ZERO; rows + 1];
        let mut all = Self {
            fold: column(),
            slope: column(),
            x: column(),
            y: column(),
            tx: column(),
            ty: column(),
        };
        let modulus = MODULUS_LIMBS
            .iter()
            .rev()
            .fold(Fr::ZERO, |sum, limb| sum * rho + Fr::from_u128(*limb));
        let carry = rho - power_of_two(BASE_BITS);
        let mut reads = program.reads.iter().peekable();
        for row in 0..rows {
            let mode = program.rows.modes[row];
            let (fold, slope, x, y) = (all.fold[row], all.slope[row], all.x[row], all.y[row]);
            let next = match mode {
                Mode::Limb => {
                    let c = operands(program, row);
                    let weight = (c[1] + c[3] * sigma) * modulus + (c[2] + c[4] * sigma) * carry;
                    [
                        c[0] * rho * fold + program.rows.w[row],
                        slope + c[5] * (fold - slope),
                        x + c[6] * (fold - x),
                        y - c[7] * y + fold * weight,
                    ]
                }
                Mode::Step => {
                    let c = operands(program, row);
                    if let Some((_, entry)) = reads.next_if(|(at, _)| *at as usize == row) {
                        let entry = *entry as usize;
                        let from = operands(program, entry);
                        all.tx[row] = from[2] * all.x[entry];
                        all.ty[row] = from[4] * all.y[entry];
                    }
                    let (tx, ty) = (all.tx[row], all.ty[row]);
                    let (sum, keep) = (c[0] + c[1], c[2] + c[3]);
                    [
                        Fr::ZERO,
                        Fr::ZERO,
                        sum * fold + keep * x + c[4] * tx,
                        sum * (slope * (tx - fold) - ty) + keep * fold + c[4] * ty,
                    ]
                }
                Mode::Entry | Mode::End => [Fr::ZERO, Fr::ZERO, x, y],
                Mode::Plain | Mode::Full | Mode::Partial => [Fr::ZERO; 4],
            };
            [
                all.fold[row + 1],
                all.slope[row + 1],
                all.x[row + 1],
                all.y[row + 1],
            ] = next;
        }
        all
    }
}

/// Columns of phase 3, one value more than there are rows.
#[derive(Clone, Debug)]
pub struct Sums {
    /// `h_0`, `h_1`.
    pub helpers: [Vec<Fr>; 2],
    /// φ.
    pub sum: Vec<Fr>,
}

impl Sums {
    /// Sums the look-ups up.
    pub fn new(program: &Program, registers: &Registers, alpha: Fr, beta: Fr) -> Self {
        let rows = program.rows.len();
        let mut inverses: Vec<Fr> = (0..1u64 << DIGIT_BITS)
            .map(|digit| beta + Fr::from(digit))
            .collect();
        invert(&mut inverses);
        let powers = [
            alpha,
            alpha.square(),
            alpha.square() * alpha,
            alpha.square().square(),
        ];
        let mut denominators = vec![Fr::ONE; rows];
        parallelize(&mut denominators, |part, start| {
            for (offset, value) in part.iter_mut().enumerate() {
                let row = start + offset;
                let w = program.rows.w[row];
                match program.rows.modes[row] {
                    Mode::Step => {
                        let c = operands(program, row);
                        *value = beta
                            + c[5] * powers[0]
                            + w * powers[1]
                            + registers.tx[row] * powers[2]
                            + registers.ty[row] * powers[3];
                    }
                    Mode::Entry => {
                        let c = operands(program, row);
                        *value = beta
                            + c[3]
                            + c[0] * powers[0]
                            + c[1] * powers[1]
                            + c[2] * registers.x[row] * powers[2]
                            + c[4] * registers.y[row] * powers[3];
                    }
                    _ => {}
                }
            }
        });
        parallelize(&mut denominators, |part, _| invert(part));
        let digit = |value: &Fr| {
            let index = usize::try_from(&to_integer(value)).ok();
            let inverse = index.and_then(|index| inverses.get(index)).copied();
            inverse.unwrap_or(Fr::ZERO)
        };
        let column = || vec![Fr::ZERO; rows + 1];
        let mut helpers = [column(), column()];
        for (part, helper) in helpers.iter_mut().enumerate() {
            parallelize(helper, |values, start| {
                for (offset, value) in values.iter_mut().enumerate() {
                    let row = start + offset;
                    if row < rows && program.rows.modes[row] == Mode::Limb {
                        let digits = &program.rows.d[row][3 * part..3 * part + 3];
                        *value = digits.iter().map(digit).sum();
                    }
                }
            });
        }
        let mut sum = column();
        for row in 0..rows {
            let term = match program.rows.modes[row] {
                Mode::Limb => helpers[0][row] + helpers[1][row],
                Mode::Step => {
                    let c = operands(program, row);
                    (c[0] + c[1] + c[4]) * denominators[row]
                }
                Mode::Entry => -program.rows.w[row] * denominators[row],
                _ => Fr::ZERO,
            };
            sum[row + 1] = sum[row] + term;
        }
        Self { helpers, sum }
    }
}

fn invert(values: &mut [Fr]) {
    values.batch_invert();
}
