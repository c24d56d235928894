//! Sizes and error bounds, computed here again and not taken from the lowering.

use num_bigint::BigInt;

use crate::chain::Chain;

use super::{AuditError, check};
use crate::lower::{instance_words, saturating_units};
use crate::machine::circuit::unusable_rows;
use crate::program::Program;

/// The program's numbers are the model's, and its tables have an entry per unit.
pub(super) fn sizes(model: &Chain<'_>, items: usize, program: &Program) -> Result<(), AuditError> {
    let fail = |what: &str| {
        Err(AuditError(format!(
            "the program's {what} is not the model's"
        )))
    };
    if program.rows.len() + unusable_rows() != program.size() {
        return fail("number of rows");
    }
    if program.digit_bits != model.digit_bits {
        return fail("digit width");
    }
    if items == 0 || program.items != items {
        return fail("number of items");
    }
    if program.instances != instance_words(model, items).len()
        || program.input_words != model.input_words()
    {
        return fail("number of instances");
    }
    let digits = model.input.features.len() * model.input.digits as usize;
    if program.digit_rows.len() != items * digits {
        return fail("number of input digits");
    }
    let units: Vec<usize> = model
        .layers
        .iter()
        .map(|layer| layer.weights.len())
        .collect();
    let of_items = |rows: &[Vec<usize>]| {
        let lengths = rows.iter().map(Vec::len);
        rows.len() == items * units.len()
            && lengths.eq(units.iter().copied().cycle().take(rows.len()))
    };
    if !of_items(&program.unit_rows)
        || !of_items(&program.activation_rows)
        || program.packings.len() != units.len()
    {
        return fail("number of units");
    }
    // A unit that may leave its range and has no excess row would leave inputs without a proof.
    match saturating_units(model) {
        Ok(saturating) if saturating == program.saturating => Ok(()),
        Ok(_) => fail("set of saturating units"),
        Err(error) => Err(AuditError(error.to_string())),
    }
}

/// `E < 2^c`, `c P ≤ 253` and room for every unit, per layer; rows below the last usable one.
pub(super) fn packing(model: &Chain<'_>, program: &Program) -> Result<(), AuditError> {
    for (index, layer) in model.layers.iter().enumerate() {
        let pack = program.packings[index];
        let error = layer_error(model, program, index);
        let sound = error < BigInt::from(1) << pack.bits
            && pack.bits as usize * pack.per_exponent <= 253
            && pack.per_exponent * pack.exponents >= layer.weights.len();
        check(sound, || {
            format!("layer {index}: packing {pack:?} is not sound for errors up to {error}")
        })?;
    }
    check(program.used_rows <= program.last_row(), || {
        "rows reach the last usable row".into()
    })
}

/// Largest `|b + W x − y|` of a layer over all cells that the gates allow, padding included.
fn layer_error(model: &Chain<'_>, program: &Program, index: usize) -> BigInt {
    let base: BigInt = BigInt::from(1) << model.digit_bits;
    let max: BigInt = &base - 1;
    let layer = &model.layers[index];
    // A padding unit: nothing against a claim of 2^t z + r.
    let mut worst: BigInt = &base * &base - 1;
    let units = layer.weights.iter().zip(&layer.bias);
    for ((weights, bias), saturates) in units.zip(&program.saturating[index]) {
        let (mut low, mut high) = (BigInt::from(*bias), BigInt::from(*bias));
        for weight in weights {
            let reach: BigInt = BigInt::from(*weight) * &max;
            if *weight < 0 {
                low += reach
            } else {
                high += reach
            }
        }
        // Claims: 2^t (z − n) + r, and 2^t as much again in the excess row.
        let (mut least, mut most): (BigInt, BigInt) = (-(&base * &max), &base * &max + &max);
        if *saturates {
            least *= &base + 1;
            most *= &base + 1;
        }
        worst = worst.max(most - low).max(high - least);
    }
    worst
}
