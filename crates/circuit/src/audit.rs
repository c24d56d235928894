//! Reads a program's fixed columns back and compares them with the model.
//!
//! The lowering is the trusted base of "this verifying key is this model". So its result is
//! audited by other code that sees only fixed cells and copies: it computes every cell's
//! coefficient in the final linear check as a polynomial in ρ, and compares each power of ρ
//! with the equations that the model prescribes (specification, section 11).

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::IntegerModel;
use num_bigint::BigInt;

use crate::field::{power_of_two, signed};
use crate::lower::{Part, instance_words, layer_error, table_entries, table_tag};
use crate::machine::config::LANES;
use crate::program::{Op, Program};

/// A finished program that does not say what its model says.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct AuditError(pub String);

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

fn check(holds: bool, message: impl FnOnce() -> String) -> Result<(), AuditError> {
    if holds {
        Ok(())
    } else {
        Err(AuditError(message()))
    }
}

/// Compares `program` with `model`.
///
/// # Errors
/// The first difference, with its row, unit or power of ρ.
pub fn audit(model: &IntegerModel, program: &Program) -> Result<(), AuditError> {
    markers(program)?;
    copies(program)?;
    bounds(model, program)?;
    kinds(model, program)?;
    functions(model, program)?;
    unread(program)?;
    let found = prune(decompile(program)?);
    let wanted = prune(equations(model, program));
    for exponent in found.keys().chain(wanted.keys()) {
        check(found.get(exponent) == wanted.get(exponent), || {
            format!("equation at rho^{exponent} is not the model's")
        })?;
    }
    Ok(())
}

/// Gates on but for the last row; ends on the first and last row; instances read where declared.
fn markers(program: &Program) -> Result<(), AuditError> {
    let last = program.last_row();
    for (index, row) in program.rows.iter().enumerate() {
        let fixed = &row.fixed;
        check(fixed.q == (index < last), || format!("row {index}: q"))?;
        let end = fixed.load && fixed.act != Fr::ZERO;
        check(end == (index == 0 || index == last), || {
            format!("row {index}: end marker")
        })?;
        let reads = fixed.load && fixed.s_rho != Fr::ZERO;
        check(reads == (index < program.instances), || {
            format!("row {index}: instance marker")
        })?;
    }
    check(program.rows[0].fixed.op == Op::Plain, || {
        "row 0: nothing is before the first row, its fold must restart".into()
    })?;
    check(program.rows[last - 1].fixed.tag == 0, || {
        "a tuple may not reach into the last row".into()
    })
}

/// A copied cell has one root, and every copy declared by a source is enforced.
fn copies(program: &Program) -> Result<(), AuditError> {
    let mut pairs: Vec<_> = program.copies.clone();
    pairs.sort_unstable();
    let mut declared: Vec<_> = program
        .rows
        .iter()
        .enumerate()
        .filter_map(|(to, row)| match row.source {
            crate::program::Source::Copy { row: from } => Some((to, from)),
            _ => None,
        })
        .collect();
    declared.sort_unstable();
    check(pairs == declared, || {
        "copies differ from the sources".into()
    })
}

/// `E < 2^c` and `c P ≤ 253`, and rows of every packing lie below the last.
fn bounds(model: &IntegerModel, program: &Program) -> Result<(), AuditError> {
    for (index, layer) in model.layers.iter().enumerate() {
        let pack = program.packings[index];
        let error = layer_error(layer, model.digit_bits, &program.saturating[index]);
        let fits = error < BigInt::from(1) << pack.bits;
        check(
            fits && pack.bits as usize * pack.per_exponent <= 253,
            || format!("layer {index}: packing {pack:?} is not sound for errors up to {error}"),
        )?;
    }
    check(program.used_rows <= program.last_row(), || {
        "rows reach the last usable row".into()
    })
}

/// Row kinds of requantization rows, which decide what their cells may hold.
fn kinds(model: &IntegerModel, program: &Program) -> Result<(), AuditError> {
    let mut expected = vec![None; program.rows.len()];
    for (layer, units) in program.unit_rows.iter().enumerate() {
        for (unit, &row) in units.iter().enumerate() {
            if program.saturating[layer][unit] {
                expected[row] = Some(Op::Saturate);
                expected[row + 1] = Some(Op::Split);
            } else {
                expected[row] = Some(Op::Split);
            }
        }
    }
    for (index, (row, expected)) in program.rows.iter().zip(expected).enumerate() {
        let splits = matches!(row.fixed.op, Op::Split | Op::Saturate);
        let right = match expected {
            Some(op) => row.fixed.op == op,
            None => !splits,
        };
        check(right, || format!("row {index}: kind {:?}", row.fixed.op))?;
        let saturates_right =
            row.fixed.op != Op::Saturate || row.fixed.digit == power_of_two(model.digit_bits);
        check(saturates_right, || format!("row {index}: largest digit"))?;
    }
    Ok(())
}

/// The table holds exactly range and functions, and each tabled activation is tied to its digit.
fn functions(model: &IntegerModel, program: &Program) -> Result<(), AuditError> {
    let entries = table_entries(model);
    check(entries.len() <= program.last_row(), || {
        "table entries reach the last usable row".into()
    })?;
    for (index, row) in program.rows.iter().enumerate() {
        let wanted = entries.get(index).copied().unwrap_or((0, Fr::ZERO));
        let held = (row.fixed.table_range, row.fixed.table_tuple);
        check(held == wanted, || format!("row {index}: table entry"))?;
    }
    let roots = roots(program);
    let mut tags = vec![0; program.rows.len()];
    for (layer, dense) in model.layers.iter().enumerate() {
        for unit in 0..dense.weights.len() {
            let from = program.unit_rows[layer][unit];
            let to = program.activation_rows[layer][unit];
            if dense.table.is_none() {
                check(from == to, || {
                    format!("layer {layer} unit {unit}: activation row")
                })?;
                continue;
            }
            let tied = to > 0 && roots[to - 1] == from;
            check(tied, || {
                format!("layer {layer} unit {unit}: function argument")
            })?;
            tags[to - 1] = table_tag(model, layer);
            check(tags[to - 1] >= 1, || "a tag must be at least 1".into())?;
        }
    }
    let held = program.rows.iter().map(|row| row.fixed.tag);
    check(held.eq(tags), || {
        "tags differ from the model's functions".into()
    })
}

/// Cells that no equation reads hold nothing, so that one program has one set of fixed columns.
fn unread(program: &Program) -> Result<(), AuditError> {
    let last = program.last_row();
    // Whether the fold after this row is read by a load, here or further down its block.
    let mut folded_on = false;
    for index in (0..last).rev() {
        let fixed = &program.rows[index].fixed;
        let read = fixed.load || folded_on;
        let lanes = fixed.lanes.iter().all(|lane| *lane == Fr::ZERO);
        check(read || fixed.act != Fr::ZERO || lanes, || {
            format!("row {index}: weights that nothing reads")
        })?;
        check(read || fixed.op != Op::Fold, || {
            format!("row {index}: a fold that nothing reads")
        })?;
        folded_on = fixed.op == Op::Fold && read;
    }
    let end = &program.rows[last].fixed;
    let empty = end.act == Fr::ONE
        && end.op == Op::Plain
        && end.tag == 0
        && [end.s_one, end.s_rho, end.digit]
            .iter()
            .chain(&end.lanes)
            .all(|v| *v == Fr::ZERO);
    check(empty, || {
        "the last row must hold the end marker alone".into()
    })
}

/// Representative row of each row's `z` cell.
fn roots(program: &Program) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..program.rows.len()).collect();
    for &(to, from) in &program.copies {
        roots[to] = from;
    }
    roots
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
            for (power, weight) in fold.iter().enumerate() {
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
fn equations(model: &IntegerModel, program: &Program) -> Forms {
    let bits = model.digit_bits;
    let mut forms = Forms::new();
    // Last layer lowest: each layer's rows multiply what is before them by ρ^exponents.
    let mut base = 0;
    for (index, layer) in model.layers.iter().enumerate().rev() {
        let pack = program.packings[index];
        for (unit, (weights, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
            let exponent = base + unit / pack.per_exponent;
            let scale = power_of_two(pack.bits * (unit % pack.per_exponent) as u32);
            let row = program.unit_rows[index][unit];
            add(&mut forms, exponent, Cell::One, scale * signed(*bias));
            let inputs = match index {
                0 => &program.digit_rows,
                _ => &program.activation_rows[index - 1],
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
        padding(program, index, base, &mut forms);
        base += pack.exponents;
    }
    let words = instance_words(model);
    let outputs = program.activation_rows.last();
    // Tag digits have no home that the model knows: they are found by their place.
    let mut tags = tag_rows(program);
    for (word, parts) in words.into_iter().enumerate() {
        let exponent = base + program.instances - 1 - word;
        add(&mut forms, exponent, Cell::Instance(word), Fr::ONE);
        for (bit, part) in parts {
            let cell = match part {
                Part::Input(digit) => Cell::Z(program.digit_rows[digit]),
                Part::Output(unit) => Cell::Z(outputs.map_or(0, |rows| rows[unit])),
                Part::Tag if word == 0 && bit == 0 => Cell::R(0),
                Part::Tag => Cell::Z(tags.remove(&(word, bit)).unwrap_or(usize::MAX)),
            };
            add(&mut forms, exponent, cell, -power_of_two(bit));
        }
    }
    forms
}

/// Padding units: an equation without inputs, which forces the row's cells to zero.
fn padding(program: &Program, layer: usize, base: usize, forms: &mut Forms) {
    let pack = program.packings[layer];
    let units = program.unit_rows[layer].len();
    let excess = program.saturating[layer].iter().filter(|s| **s).count();
    let total = pack.per_exponent * pack.exponents;
    // Padding rows come first: units are laid out from the highest to the lowest.
    let first = program.unit_rows[layer][units - 1] - (total - units);
    debug_assert!(first + total + excess <= program.rows.len());
    for unit in units..total {
        let row = first + (total - 1 - unit);
        let exponent = base + unit / pack.per_exponent;
        let scale = power_of_two(pack.bits * (unit % pack.per_exponent) as u32);
        let digit = scale * power_of_two(program.digit_bits);
        add(forms, exponent, Cell::Z(row), -digit);
        add(forms, exponent, Cell::R(row), -scale);
    }
}

fn tag_rows(program: &Program) -> BTreeMap<(usize, u32), usize> {
    let rows = program.rows.iter().enumerate();
    rows.filter_map(|(index, row)| match row.source {
        crate::program::Source::Digit { word, bit, .. } if word < 2 => Some(((word, bit), index)),
        _ => None,
    })
    .collect()
}
