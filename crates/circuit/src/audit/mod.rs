//! Reads a program's fixed columns back and compares them with the model.
//!
//! The lowering is the trusted base of "this verifying key is this model". So its result is
//! audited by other code that sees only fixed cells and copies: it computes every cell's
//! coefficient in the final linear check as a polynomial in ρ, and compares each power of ρ
//! with the equations that the model prescribes (specification, section 11).

mod bounds;
mod forms;
mod homes;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::IntegerModel;

use crate::chain::Chain;
use crate::lower::{table_entries, table_tag};
use crate::program::{Op, Program};

/// A finished program that does not say what its model says.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct AuditError(pub String);

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
    audit_batch(model, 1, program)
}

/// Compares `program` with `items` runs of `model`, each with inputs, layers and outputs of its
/// own.
///
/// # Errors
/// The first difference, with its row, unit or power of ρ.
pub fn audit_batch(
    model: &IntegerModel,
    items: usize,
    program: &Program,
) -> Result<(), AuditError> {
    let model = &Chain::new(model).map_err(AuditError)?;
    bounds::sizes(model, items, program)?;
    markers(program)?;
    let homes = homes::homes(model, program)?;
    homes::copies(program, &homes)?;
    homes::kinds(model, program)?;
    bounds::packing(model, program)?;
    functions(model, program)?;
    unread(program)?;
    forms::compare(model, program)
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

/// The table holds exactly range and functions, and each tabled activation is tied to its digit.
fn functions(model: &Chain<'_>, program: &Program) -> Result<(), AuditError> {
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
    for (piece, (item, layer)) in pieces(model, program).enumerate() {
        let dense = &model.layers[layer];
        for unit in 0..dense.weights.len() {
            let what = |what: &str| format!("item {item} layer {layer} unit {unit}: {what}");
            let from = program.unit_rows[piece][unit];
            let to = program.activation_rows[piece][unit];
            if dense.table.is_none() {
                check(from == to, || what("activation row"))?;
                continue;
            }
            let tied = to > 0 && roots[to - 1] == from;
            check(tied, || what("function argument"))?;
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

/// Every item's layers, as (item, layer), in the order of the program's lists.
fn pieces<'a>(
    model: &'a Chain<'_>,
    program: &'a Program,
) -> impl DoubleEndedIterator<Item = (usize, usize)> + ExactSizeIterator + 'a {
    let layers = model.layers.len();
    (0..program.items * layers).map(move |piece| (piece / layers, piece % layers))
}

/// Representative row of each row's `z` cell.
fn roots(program: &Program) -> Vec<usize> {
    let mut roots: Vec<usize> = (0..program.rows.len()).collect();
    for &(to, from) in &program.copies {
        roots[to] = from;
    }
    roots
}
