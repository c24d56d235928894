//! The linear check as equations: found in the fixed columns, and prescribed by the model.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::homes::{padding_rows, tag_rows};
use crate::chain::Chain;

use super::{AuditError, check, pieces, roots};
use crate::field::{power_of_two, signed};
use crate::lower::{Part, instance_words};
use crate::machine::config::LANES;
use crate::program::{Op, Program};

/// A variable of the linear check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    One,
    Instance(usize),
    Z(usize),
    N(usize),
    R(usize),
}

/// Per power of ρ, the coefficient of each cell.
type Forms = BTreeMap<usize, BTreeMap<Cell, Fr>>;

fn add(forms: &mut Forms, exponent: usize, cell: Cell, value: Fr) {
    *forms
        .entry(exponent)
        .or_default()
        .entry(cell)
        .or_insert(Fr::ZERO) += value;
}

fn prune(forms: Forms) -> Forms {
    let prune = |form: BTreeMap<Cell, Fr>| -> BTreeMap<Cell, Fr> {
        form.into_iter()
            .filter(|(_, value)| *value != Fr::ZERO)
            .collect()
    };
    let forms = forms
        .into_iter()
        .map(|(exponent, form)| (exponent, prune(form)));
    forms.filter(|(_, form)| !form.is_empty()).collect()
}

/// Compares every power of ρ.
pub(super) fn compare(model: &Chain<'_>, program: &Program) -> Result<(), AuditError> {
    let found = prune(decompile(program)?);
    let wanted = prune(equations(model, program)?);
    for exponent in found.keys().chain(wanted.keys()) {
        check(found.get(exponent) == wanted.get(exponent), || {
            format!("equation at rho^{exponent} is not the model's")
        })?;
    }
    Ok(())
}

/// Every cell's coefficient in the last `S`, from fixed cells and copies alone.
fn decompile(program: &Program) -> Result<Forms, AuditError> {
    let last = program.last_row();
    let roots = roots(program);
    // Multiplier of a row's contribution: the product of all later rows' multipliers, a
    // monomial in ρ; `None` once a row forgets everything before it.
    let mut multipliers = vec![Some((Fr::ONE, 0usize)); last];
    for row in (0..last.saturating_sub(1)).rev() {
        let fixed = &program.rows[row + 1].fixed;
        let monomial = fixed.s_one == Fr::ZERO || fixed.s_rho == Fr::ZERO;
        check(monomial, || {
            format!("row {}: multiplier is no monomial", row + 1)
        })?;
        multipliers[row] = multipliers[row + 1].and_then(|(factor, exponent)| {
            match (fixed.s_one != Fr::ZERO, fixed.s_rho != Fr::ZERO) {
                (true, _) => Some((factor * fixed.s_one, exponent)),
                (false, true) => Some((factor * fixed.s_rho, exponent + 1)),
                (false, false) => None,
            }
        });
    }
    let mut forms = Forms::new();
    // `A` as a polynomial in ρ: lowest power first. Nothing before row 0 matters.
    let mut fold: Vec<Fr> = Vec::new();
    for (row, multiplier) in multipliers.into_iter().enumerate() {
        let fixed = &program.rows[row].fixed;
        if fixed.op == Op::Fold {
            fold.splice(0..0, fixed.lanes);
        } else {
            fold = fixed.lanes.to_vec();
        }
        let Some((factor, exponent)) = multiplier else {
            continue;
        };
        let z = Cell::Z(roots[row]);
        if fixed.load {
            let reads = fixed.s_rho != Fr::ZERO || fold.iter().any(|weight| *weight != Fr::ZERO);
            check(reads, || format!("row {row}: a load without weights"))?;
            add(
                &mut forms,
                exponent,
                Cell::Instance(row),
                factor * fixed.s_rho,
            );
            // Chains of a batch's digits fold one weight over hundreds of powers.
            let weights = fold.iter().enumerate();
            for (power, weight) in weights.filter(|(_, weight)| **weight != Fr::ZERO) {
                add(&mut forms, exponent + power, z, factor * weight);
            }
        }
        for lane in 0..LANES {
            let value = factor * fixed.act * fixed.lanes[lane];
            add(&mut forms, exponent + lane, Cell::One, value);
        }
        add(&mut forms, exponent, Cell::R(row), -factor * fixed.act);
        add(&mut forms, exponent, z, -factor * fixed.digit);
        // On other rows the gates force n = 0.
        if matches!(fixed.op, Op::Split | Op::Saturate) {
            add(&mut forms, exponent, Cell::N(row), factor * fixed.digit);
        }
    }
    Ok(forms)
}

/// The equations that the model prescribes, on the program's cells.
fn equations(model: &Chain<'_>, program: &Program) -> Result<Forms, AuditError> {
    let bits = model.digit_bits;
    let mut forms = Forms::new();
    // Last item's last layer lowest: each layer's rows multiply what is before them by
    // ρ^exponents.
    let mut base = 0;
    let first_digit = |item: usize| item * model.input_wires();
    for (piece, (item, index)) in pieces(model, program).enumerate().rev() {
        let layer = &model.layers[index];
        let pack = program.packings[index];
        for (unit, (weights, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
            let exponent = base + unit / pack.per_exponent;
            let scale = power_of_two(pack.bits * (unit % pack.per_exponent) as u32);
            let row = program.unit_rows[piece][unit];
            add(&mut forms, exponent, Cell::One, scale * signed(*bias));
            let inputs = match index {
                0 => &program.digit_rows[first_digit(item)..first_digit(item + 1)],
                _ => &program.activation_rows[piece - 1][..],
            };
            for (weight, &input) in weights.iter().zip(inputs) {
                add(
                    &mut forms,
                    exponent,
                    Cell::Z(input),
                    scale * signed(*weight),
                );
            }
            let mut claim = |row: usize, shift: u32| {
                let scale = scale * power_of_two(shift);
                add(
                    &mut forms,
                    exponent,
                    Cell::Z(row),
                    -scale * power_of_two(bits),
                );
                add(
                    &mut forms,
                    exponent,
                    Cell::N(row),
                    scale * power_of_two(bits),
                );
                add(&mut forms, exponent, Cell::R(row), -scale);
            };
            claim(row, 0);
            if program.saturating[index][unit] {
                claim(row + 1, bits);
            }
        }
        padding(program, item, index, base, &mut forms);
        base += pack.exponents;
    }
    let words = instance_words(model, program.items);
    let last_layer = model.layers.len().saturating_sub(1);
    // Tag digits have no home that the model knows: they are found by their place.
    let mut tags = tag_rows(program);
    for (word, parts) in words.into_iter().enumerate() {
        let exponent = base + program.instances - 1 - word;
        add(&mut forms, exponent, Cell::Instance(word), Fr::ONE);
        for (bit, part) in parts {
            let cell = match part {
                Part::Input(digit) => Cell::Z(program.digit_rows[digit]),
                Part::Output { item, unit } => {
                    Cell::Z(program.activation_rows[program.piece(item, last_layer)][unit])
                }
                Part::Tag if word == 0 && bit == 0 => Cell::R(0),
                Part::Tag => {
                    let home = tags.remove(&(word, bit));
                    let missing = || AuditError(format!("tag half {word}: no digit at bit {bit}"));
                    Cell::Z(home.ok_or_else(missing)?)
                }
            };
            add(&mut forms, exponent, cell, -power_of_two(bit));
        }
    }
    Ok(forms)
}

/// Padding units: an equation without inputs, which forces the row's cells to zero.
fn padding(program: &Program, item: usize, layer: usize, base: usize, forms: &mut Forms) {
    let pack = program.packings[layer];
    for (unit, row) in padding_rows(program, item, layer) {
        let exponent = base + unit / pack.per_exponent;
        let scale = power_of_two(pack.bits * (unit % pack.per_exponent) as u32);
        let digit = scale * power_of_two(program.digit_bits);
        add(forms, exponent, Cell::Z(row), -digit);
        add(forms, exponent, Cell::R(row), -scale);
    }
}
