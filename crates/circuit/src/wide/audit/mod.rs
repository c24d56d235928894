//! Reads a finished wide program back and compares it with the model.
//!
//! The lowering is the trusted base of "this verifying key is this model". So its result is
//! audited by other code, which sees only fixed cells, copies and public cells, and takes the
//! program's lists (homes, packings) as claims to be checked:
//!
//! 0. [`items`] compares the graph of a batch with the model, item by item; what follows is about
//!    the graph.
//! 1. [`walk`] goes through the model and claims every row that is bound in a special way: free
//!    cells, negative parts, maxima, tuples, paths of trees. What is left must be plain, so each
//!    flag stands exactly where the model wants it.
//! 2. On the way it sums up the equations that the model prescribes, each with a monomial of its
//!    own, `σ^position ρ^exponent 2^(c d)`, at one random point of all cells, ρ and σ.
//! 3. [`evaluate`] computes the final `S` from the fixed cells alone at the same point. Both are
//!    polynomials of low degree, so they are the same polynomial if their values agree, but for a
//!    probability of about 2^−230 (Schwartz–Zippel).
//! 4. [`reads`] refuses fixed cells that have no effect and copies that nothing reads, so one
//!    program has one set of fixed columns.
//!
//! That the prescribed sum vanishes only if each equation holds over the integers is the claim
//! of the linear check; its premises, `|err| < 2^c` and `c P ≤ 253`, are checked in [`bounds`].

mod bounds;
mod conv;
mod evaluate;
mod items;
mod linear;
mod local;
mod point;
mod private;
mod reads;
mod roles;
mod sponge;
mod tables;
mod trees;
mod walk;
mod wiring;
mod words;

use haloracle_model::{Batch, IntegerModel};

use super::circuit::unusable_rows;
use super::config::CELLS;
use super::program::{Cell, Program};
use crate::lower::MAX_K;
use point::Point;
use walk::Walk;
use wiring::Wiring;

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
/// The first difference, with its row, node or position of the linear check.
pub fn audit(model: &IntegerModel, program: &Program) -> Result<(), AuditError> {
    audit_batch(model, 1, program)
}

/// Compares `program` with `items` runs of `model`, each with inputs, values and outputs of its
/// own.
///
/// # Errors
/// The first difference, with its row, node or position of the linear check.
pub fn audit_batch(
    model: &IntegerModel,
    items: usize,
    program: &Program,
) -> Result<(), AuditError> {
    let refused = |error: haloracle_model::ModelError| AuditError(error.to_string());
    model.validate().map_err(refused)?;
    let batch = Batch::new(model, items).map_err(refused)?;
    audit_graph(&batch, program)
}

/// Compares `program` with the graph of a batch, and the graph with the model.
///
/// # Errors
/// The first difference.
pub fn audit_graph(batch: &Batch<'_>, program: &Program) -> Result<(), AuditError> {
    let refused = |error: haloracle_model::ModelError| AuditError(error.to_string());
    items::compare(batch)?;
    let graph = batch.graph();
    graph.validate().map_err(refused)?;
    let bounds = graph.bounds().map_err(refused)?;
    sizes(batch, program)?;
    let wiring = Wiring::new(program)?;
    let point = Point::new(program, &wiring);
    let mut walk = Walk::new(batch, program, &bounds, &wiring, &point);
    walk.model()?;
    let walked = walk.finish()?;
    tables::entries(graph, program, &walked.features)?;
    roles::compare(program, &walked.roles, walked.one)?;
    reads::content(program, &wiring)?;
    reads::cells(program, &wiring, &walked.owners)?;
    evaluate::zero_cell(program)?;
    check(
        evaluate::final_check(program, &point) == walked.prescribed,
        || "the linear check is not the sum of the model's equations".into(),
    )
}

/// The program's numbers are the model's, and everything it points at exists.
fn sizes(batch: &Batch<'_>, program: &Program) -> Result<(), AuditError> {
    let (item, model) = (batch.item(), batch.graph());
    let fail = |what: &str| {
        Err(AuditError(format!(
            "the program's {what} is not the model's"
        )))
    };
    // Rows 0 and 1, one more, and the last.
    if program.k > MAX_K
        || program.rows.len() < CELLS
        || program.rows.len() + unusable_rows() != 1 << program.k
        || program.used_rows > program.last_row()
    {
        return fail("number of rows");
    }
    if program.digit_bits != model.digit_bits {
        return fail("digit width");
    }
    if program.items != batch.items() {
        return fail("number of items");
    }
    let inputs = match item.privacy.inputs {
        true => 1,
        false => item.input_words(),
    };
    let weights = usize::from(item.privacy.weights);
    if program.instances != 2 + weights + batch.items() * (inputs + item.output_words())
        || program.input_words != inputs
    {
        return fail("number of instances");
    }
    let nodes = model.nodes.len();
    if program.packings.len() != nodes || program.saturating.len() != nodes {
        return fail("number of nodes");
    }
    let wires = model.first_wires().last().copied().unwrap_or(0);
    let status = model.privacy.status.unwrap_or(0);
    check((status as usize) < wires, || format!("no wire {status}"))?;
    let cells = (program.homes.iter())
        .chain(program.copies.iter().flat_map(|(to, from)| [to, from]))
        .chain(program.public.iter().map(|(cell, _)| cell));
    let mut cells = cells.filter(|cell| !exists(program, **cell));
    if program.homes.len() != wires || cells.next().is_some() {
        return fail("set of cells");
    }
    Ok(())
}

/// Whether gates act on a cell: the last usable row holds nothing.
fn exists(program: &Program, cell: Cell) -> bool {
    (cell.row as usize) < program.last_row() && usize::from(cell.lane) < CELLS
}
