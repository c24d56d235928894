//! What whoever reads proofs can compute: the evaluations in them, and the columns that follow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

use halo2_proofs::arithmetic::{eval_polynomial, lagrange_interpolate};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{BatchInvert, Field};
use halo2_proofs::plonk::ConstraintSystem;
use halo2_proofs::poly::{EvaluationDomain, Rotation};
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead};
use haloracle_circuit::machine::config::DEGREE;
use haloracle_circuit::{Lowered, field};
use haloracle_model::{IntegerModel, Node, Op};
use haloracle_prover::transcript::EvmReader;
use haloracle_prover::{Keys, Proof};
use num_bigint::{BigInt, BigUint, Sign};

/// One proof as its readers see it: the point and the evaluations there, per column.
pub struct Seen {
    /// The point x, which the transcript gives to everybody.
    pub x: Fr,
    /// Evaluations of the advice columns at x.
    pub advice: Vec<Fr>,
    /// Evaluations of the fixed columns at x.
    pub fixed: Vec<Fr>,
}

fn skip(transcript: &mut EvmReader<'_>, points: usize) {
    for _ in 0..points {
        transcript.read_point().unwrap();
    }
}

fn squeeze(transcript: &mut EvmReader<'_>, challenges: usize) {
    for _ in 0..challenges {
        transcript.squeeze_challenge();
    }
}

impl Seen {
    /// Reads `proof` as the verifier does, up to the evaluations.
    pub fn new(keys: &Keys, proof: &Proof) -> Self {
        let key = keys.verifying_key();
        let cs = key.shape().constraint_system();
        let mut transcript = EvmReader::new(key.digest(&keys.srs().hash()), &proof.evm);
        // The reader puts the digest in place of the first scalar.
        transcript.common_scalar(Fr::ZERO).unwrap();
        for word in &proof.instances {
            let value = field::from_word(word).unwrap();
            transcript.common_scalar(value).unwrap();
        }
        let phases = cs.advice_column_phase();
        for phase in 0..=phases.iter().copied().max().unwrap() {
            let columns = phases.iter().filter(|of| **of == phase);
            skip(&mut transcript, columns.count());
            let challenges = cs.challenge_phase();
            let challenges = challenges.iter().filter(|of| **of == phase);
            squeeze(&mut transcript, challenges.count());
        }
        // θ, β, γ; products and the random polynomial; y; the quotient.
        squeeze(&mut transcript, 3);
        let products = cs.permutation().get_columns().len().div_ceil(DEGREE - 2);
        skip(&mut transcript, products + 1);
        squeeze(&mut transcript, 1);
        skip(&mut transcript, DEGREE - 1);
        let x = transcript.squeeze_challenge().get_scalar();
        // Queries at other rows than the current one say no more than these.
        let mut here = |queries: Vec<(usize, Rotation)>, columns: usize| {
            let mut values = vec![Fr::ZERO; columns];
            for (column, rotation) in queries {
                let value = transcript.read_scalar().unwrap();
                if rotation == Rotation::cur() {
                    values[column] = value;
                }
            }
            values
        };
        let advice = cs.advice_queries().iter().map(|(c, at)| (c.index(), *at));
        let advice = here(advice.collect(), cs.num_advice_columns());
        let fixed = cs.fixed_queries().iter().map(|(c, at)| (c.index(), *at));
        let fixed = here(fixed.collect(), cs.num_fixed_columns());
        Self { x, advice, fixed }
    }
}

/// The cells of the column whose polynomial takes these values: as many as there are rows.
pub fn interpolated(k: u32, points: &[Fr], values: &[Fr]) -> Vec<Fr> {
    assert_eq!(points.len(), 1 << k);
    let coefficients = lagrange_interpolate(points, values);
    let omega = EvaluationDomain::<Fr>::new(DEGREE as u32, k).get_omega();
    let rows = std::iter::successors(Some(Fr::ONE), |row| Some(row * omega));
    let rows = rows.take(1 << k);
    rows.map(|row| eval_polynomial(&coefficients, row))
        .collect()
}

/// Values at `x` of the polynomials that are 1 on one row and 0 on the others.
pub fn lagrange(k: u32, x: Fr) -> Vec<Fr> {
    let omega = EvaluationDomain::<Fr>::new(DEGREE as u32, k).get_omega();
    let n = 1u64 << k;
    let rows = std::iter::successors(Some(Fr::ONE), |row| Some(row * omega));
    let rows: Vec<Fr> = rows.take(n as usize).collect();
    let mut inverses: Vec<Fr> = rows.iter().map(|row| x - row).collect();
    inverses.batch_invert();
    let scale = (x.pow([n]) - Fr::ONE) * Fr::from(n).invert().unwrap();
    let pairs = rows.into_iter().zip(inverses);
    pairs.map(|(row, inverse)| row * inverse * scale).collect()
}

/// The value of a column at `x`.
pub fn evaluated(k: u32, column: &[Fr], x: Fr) -> Fr {
    let products = column.iter().zip(lagrange(k, x)).map(|(v, l)| *v * l);
    products.sum()
}

/// The cells of `column` in the rows `unknown`, from one evaluation each; the other cells are
/// known. Gaussian elimination.
pub fn solved(k: u32, column: &[Fr], unknown: &[usize], seen: &[(Fr, Fr)]) -> Vec<Fr> {
    let count = unknown.len();
    assert_eq!(seen.len(), count);
    let mut known = column.to_vec();
    unknown.iter().for_each(|row| known[*row] = Fr::ZERO);
    let equation = |(x, value): &(Fr, Fr)| -> Vec<Fr> {
        let all = lagrange(k, *x);
        let rest: Fr = known.iter().zip(&all).map(|(v, l)| *v * l).sum();
        let mut row: Vec<Fr> = unknown.iter().map(|at| all[*at]).collect();
        row.push(*value - rest);
        row
    };
    let mut rows: Vec<Vec<Fr>> = seen.iter().map(equation).collect();
    for at in 0..count {
        let pivot = (at..count).find(|row| rows[*row][at] != Fr::ZERO).unwrap();
        rows.swap(at, pivot);
        let inverse = rows[at][at].invert().unwrap();
        rows[at].iter_mut().for_each(|cell| *cell *= inverse);
        let pivot = rows[at].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != at) {
            let factor = row[at];
            let pairs = row.iter_mut().zip(&pivot);
            pairs.for_each(|(cell, p)| *cell -= factor * p);
        }
    }
    rows.into_iter().map(|row| row[count]).collect()
}

/// Small signed numbers that a field element packs, `bits` apart.
fn unpacked(value: Fr, bits: u32, count: usize) -> Vec<i64> {
    let number = |value: &Fr| BigInt::from(BigUint::from_bytes_be(&field::to_word(value)));
    let (plus, minus) = (number(&value), -number(&-value));
    let mut rest = if plus.bits() < minus.bits() {
        plus
    } else {
        minus
    };
    let step = BigInt::from(1) << bits;
    let half = BigInt::from(1) << (bits - 1);
    let mut next = || {
        let mut digit = &rest % &step;
        if digit.sign() == Sign::Minus {
            digit += &step;
        }
        if digit >= half {
            digit -= &step;
        }
        rest = (&rest - &digit) / &step;
        i64::try_from(digit).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

/// Weights, by unit and input, and biases.
pub type Layer = (Vec<Vec<i64>>, Vec<i64>);

/// The dense layers of a model that has no other nodes.
pub fn dense_layers(model: &IntegerModel) -> Vec<Layer> {
    let layer = |node: &Node| match &node.op {
        Op::Dense { weights, bias } => (weights.clone(), bias.clone()),
        other => panic!("no dense layer: {other:?}"),
    };
    model.nodes.iter().map(layer).collect()
}

/// The dense layers, read off the fixed columns. Which cell means what is public: it follows from
/// the architecture. What is not found is `i64::MIN`.
pub fn weights(model: &IntegerModel, program: &Lowered, columns: &[Vec<Fr>]) -> Vec<Layer> {
    let unset = i64::MIN;
    let blank = |(weights, bias): Layer| {
        let weights = weights.iter().map(|row| vec![unset; row.len()]);
        (weights.collect(), vec![unset; bias.len()])
    };
    let mut layers: Vec<Layer> = dense_layers(model).into_iter().map(blank).collect();
    let number = |value: Fr| unpacked(value, 62, 1)[0];
    match program {
        Lowered::Narrow(program) => {
            use haloracle_circuit::program::Source;
            for (row, content) in program.rows.iter().enumerate() {
                if let Source::Unit { layer, unit, .. } = content.source {
                    layers[layer].1[unit] = number(columns[0][row]);
                }
                let Source::Copy { row: from } = content.source else {
                    continue;
                };
                for (layer, (weights, _)) in layers.iter_mut().enumerate() {
                    let homes = match layer {
                        0 => &program.digit_rows,
                        _ => &program.activation_rows[layer - 1],
                    };
                    let Some(input) = homes.iter().position(|home| *home == from) else {
                        continue;
                    };
                    let pack = program.packings[layer];
                    let lanes = columns.iter().map(|column| column[row]);
                    let lanes = lanes.take(pack.exponents);
                    let units = lanes.flat_map(|v| unpacked(v, pack.bits, pack.per_exponent));
                    for (weights, w) in weights.iter_mut().zip(units) {
                        weights[input] = w;
                    }
                }
            }
        }
        Lowered::Wide(program) => {
            use haloracle_circuit::wide::program::{Source, Value};
            for (node, (first, pack)) in program.node_rows.iter().zip(&program.packings).enumerate()
            {
                let last = program.node_rows.get(node + 1).copied();
                let pack = pack.unwrap();
                let rows = program.rows.iter().enumerate();
                let rows = rows.take(last.unwrap_or(program.used_rows)).skip(*first);
                for (row, content) in rows {
                    match content.source {
                        Source::Claims { units, .. } => {
                            let used = units.iter().enumerate().filter(|(_, u)| **u != u32::MAX);
                            for (lane, unit) in used {
                                layers[node].1[*unit as usize] = number(columns[lane][row]);
                            }
                        }
                        Source::Values(values) if content.fixed.local => {
                            for (lane, value) in values.iter().enumerate() {
                                let Value::Wire(wire) = value else { continue };
                                let inputs = &model.nodes[node].inputs;
                                let input = inputs.iter().position(|w| w == wire).unwrap();
                                let units =
                                    unpacked(columns[lane][row], pack.bits, pack.per_exponent);
                                for (weights, w) in layers[node].0.iter_mut().zip(units) {
                                    weights[input] = w;
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    layers
}

/// Advice columns are opened at fewer points than they have blinded rows.
pub fn opened_less_than_blinded(cs: &ConstraintSystem<Fr>) -> bool {
    (0..cs.num_advice_columns()).all(|column| {
        let queries = cs.advice_queries().iter();
        let points = queries.filter(|(of, _)| of.index() == column).count();
        // And once more, to the commitment's opening.
        points < cs.blinding_factors()
    })
}
