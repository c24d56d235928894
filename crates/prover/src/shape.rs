//! The canonical description of the machine's constraint system.
//!
//! The verifier contract, the proof system and every verifying key must mean the same gates.
//! The shape hash is keccak-256 of a serialization that depends on the constraint system alone:
//! columns with their phases, challenges, the permutation's columns, queries in order, gate
//! polynomials in order, degree and blinding factors.

use std::sync::OnceLock;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{Any, ConstraintSystem, Expression};
use haloracle_circuit::machine::config::DEGREE;
use haloracle_circuit::{Shape, field};
use sha3::{Digest, Keccak256};

/// Changes with the meaning of the serialization or of the proof system around it.
const DOMAIN: &[u8] = b"haloracle.shape.v1:halo2-kzg-bn254-shplonk-keccak";

/// The environment changes what halo2 computes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable MAX_DEGREE is `{value}`, but this machine's gates have degree \
     {DEGREE}: unset it"
)]
pub struct EnvironmentError {
    /// The variable's value.
    pub value: String,
}

/// halo2 caps the degree of every circuit at the environment variable `MAX_DEGREE`, silently:
/// proofs would come out wrong, and valid ones would be called invalid. Checked before halo2
/// reads the variable.
///
/// # Errors
/// If it is set to anything but the machine's degree.
pub fn check_environment() -> Result<(), EnvironmentError> {
    match std::env::var_os("MAX_DEGREE") {
        Some(value) if value.to_string_lossy() != DEGREE.to_string() => Err(EnvironmentError {
            value: value.to_string_lossy().into_owned(),
        }),
        _ => Ok(()),
    }
}

/// Hash of a shape; the route of a model is this and the SRS.
pub fn shape_hash(shape: Shape) -> [u8; 32] {
    static HASHES: OnceLock<[[u8; 32]; 2]> = OnceLock::new();
    let hash = |shape: Shape| Keccak256::digest(describe(&shape.constraint_system())).into();
    HASHES.get_or_init(|| Shape::ALL.map(hash))[shape as usize]
}

/// The serialization itself.
pub fn describe(meta: &ConstraintSystem<Fr>) -> Vec<u8> {
    let mut out = DOMAIN.to_vec();
    let number = |out: &mut Vec<u8>, value: usize| {
        out.extend_from_slice(&(value as u32).to_be_bytes());
    };
    for count in [
        meta.num_fixed_columns(),
        meta.num_advice_columns(),
        meta.num_instance_columns(),
        meta.num_challenges(),
        DEGREE,
        meta.blinding_factors(),
    ] {
        number(&mut out, count);
    }
    out.extend(meta.advice_column_phase());
    out.extend(meta.challenge_phase());
    let columns = meta.permutation().get_columns();
    number(&mut out, columns.len());
    for column in columns {
        out.push(match column.column_type() {
            Any::Advice(_) => 0,
            Any::Fixed => 1,
            Any::Instance => 2,
        });
        number(&mut out, column.index());
    }
    for (column, rotation) in meta.advice_queries() {
        number(&mut out, column.index());
        out.extend(rotation.0.to_be_bytes());
    }
    for (column, rotation) in meta.fixed_queries() {
        number(&mut out, column.index());
        out.extend(rotation.0.to_be_bytes());
    }
    for gate in meta.gates() {
        number(&mut out, gate.polynomials().len());
        for polynomial in gate.polynomials() {
            expression(polynomial, &mut out);
        }
    }
    out
}

/// Prefix notation: an operator byte, then its operands.
fn expression(value: &Expression<Fr>, out: &mut Vec<u8>) {
    let query = |out: &mut Vec<u8>, kind: u8, column: usize, rotation: i32| {
        out.push(kind);
        out.extend_from_slice(&(column as u32).to_be_bytes());
        out.extend_from_slice(&rotation.to_be_bytes());
    };
    match value {
        Expression::Constant(constant) => {
            out.push(b'c');
            out.extend_from_slice(&field::to_word(constant));
        }
        Expression::Selector(selector) => query(out, b's', selector.index(), 0),
        Expression::Fixed(q) => query(out, b'f', q.column_index(), q.rotation().0),
        Expression::Advice(q) => query(out, b'a', q.column_index(), q.rotation().0),
        Expression::Instance(q) => query(out, b'i', q.column_index(), q.rotation().0),
        Expression::Challenge(challenge) => query(out, b'h', challenge.index(), 0),
        Expression::Negated(inner) => {
            out.push(b'-');
            expression(inner, out);
        }
        Expression::Sum(left, right) => {
            out.push(b'+');
            expression(left, out);
            expression(right, out);
        }
        Expression::Product(left, right) => {
            out.push(b'*');
            expression(left, out);
            expression(right, out);
        }
        Expression::Scaled(inner, factor) => {
            out.push(b'x');
            out.extend_from_slice(&field::to_word(factor));
            expression(inner, out);
        }
    }
}
