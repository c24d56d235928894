//! Lowers an integer model to the wide machine's rows.
//!
//! Order of rows: the beginning, the public words with their digits, then the nodes in order,
//! then padding. Every equation ends with a `close` row, which multiplies all before it by σ, so
//! each has a power of σ of its own; a packed node's products follow its claims directly and
//! share their powers. Copies may point anywhere.

pub mod boxes;
mod builder;
pub(in crate::wide) mod conv;
pub(in crate::wide) mod linear;
mod local;
mod private;
mod sponge;
pub(in crate::wide) mod tables;
mod trees;
pub(in crate::wide) mod words;

use std::collections::HashMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{Batch, IntegerModel, ModelError, NodeBounds, Op};

use super::circuit::unusable_rows;
use super::program::{Cell, FixedRow, Live, Program, Row, Source, Value};
use crate::lower::{MAX_K, MIN_K};
use builder::{Builder, cell};
use tables::Tables;

/// Why a model cannot be lowered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WideError {
    /// The model is not well-formed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An accumulator exceeds what even a saturating row can hold, so some input of the domain
    /// would have no proof.
    #[error(
        "node `{node}` unit {unit}: accumulator reaches {value}, but {digit_bits}-bit saturating \
         rows hold at most {limit}; use wider digits, a narrower input domain or smaller weights"
    )]
    Overflow {
        /// Node's name.
        node: String,
        /// Unit index.
        unit: usize,
        /// The reachable value.
        value: i64,
        /// Digit width.
        digit_bits: u32,
        /// Largest value with a proof.
        limit: i64,
    },
    /// One unit alone does not fit a field element.
    #[error("node `{node}`: a unit's error needs {bits} bits, more than a field element holds")]
    TooWide {
        /// Node's name.
        node: String,
        /// Bits needed.
        bits: u32,
    },
    /// A tree compares a value of too many digits.
    #[error(
        "node `{node}`: tree feature {feature} has {digits} digits, at most {} fit a row; use \
         wider digits or fewer decimals",
        tables::RANK_DIGITS
    )]
    WideFeature {
        /// Node's name.
        node: String,
        /// Tree feature.
        feature: usize,
        /// Its digits.
        digits: usize,
    },
    /// A private convolution of a shape that the machine cannot lay out.
    #[error("node `{node}`: no layout for a private convolution of this shape")]
    NoPlan {
        /// Node's name.
        node: String,
    },
    /// Too many rows or table entries.
    #[error(
        "the model needs {rows} rows and {entries} table entries; the largest circuit has \
         2^{MAX_K} rows"
    )]
    TooLarge {
        /// Program rows.
        rows: usize,
        /// Table entries.
        entries: usize,
    },
    /// The finished program does not say what the model says: a bug of the lowering.
    #[error("compiler self-check failed: {0}")]
    Audit(#[from] super::audit::AuditError),
}

/// Lowers `model`, at the smallest `k` that holds its rows and tables, and audits the result
/// against the model's equations.
///
/// # Errors
/// See [`WideError`].
pub fn lower(model: &IntegerModel) -> Result<Program, WideError> {
    lower_batch(model, 1)
}

/// Lowers `items` inputs of `model` to one program, and audits the result against the equations
/// of every item.
///
/// # Errors
/// See [`WideError`].
pub fn lower_batch(model: &IntegerModel, items: usize) -> Result<Program, WideError> {
    let program = lower_batch_unaudited(model, items)?;
    super::audit::audit_batch(model, items, &program)?;
    Ok(program)
}

/// [`lower`] without the audit, for tests of the audit itself.
///
/// # Errors
/// See [`WideError`].
pub fn lower_unaudited(model: &IntegerModel) -> Result<Program, WideError> {
    lower_batch_unaudited(model, 1)
}

/// [`lower_batch`] without the audit, for models whose rows were audited when they were first
/// lowered.
///
/// # Errors
/// See [`WideError`].
pub fn lower_batch_unaudited(model: &IntegerModel, items: usize) -> Result<Program, WideError> {
    model.validate()?;
    let batch = Batch::new(model, items)?;
    let graph = batch.graph();
    if items > 1 {
        graph.validate()?;
    }
    let bounds = graph.bounds()?;
    let mut builder = Builder::new(&batch);
    builder.beginning();
    builder.words();
    let mut node_rows = Vec::with_capacity(graph.nodes.len());
    for (index, bounds) in bounds.iter().enumerate() {
        node_rows.push(builder.rows.len());
        builder.node(index, bounds)?;
        builder.check_size()?;
    }
    finish(builder, node_rows)
}

impl Builder<'_> {
    fn node(&mut self, index: usize, bounds: &NodeBounds) -> Result<(), WideError> {
        let node = &self.model.nodes[index];
        match &node.op {
            Op::Dense { .. } if self.parameters[index].is_some() => {
                // Every row saturates, whatever the weights: the layout tells nothing of them.
                linear::saturating(self.model, index, bounds)?;
                if let Some(parameters) = self.parameters[index] {
                    self.private_dense(index, parameters);
                }
            }
            Op::Dense { .. } => {
                let saturates = linear::saturating(self.model, index, bounds)?;
                self.dense(index, &saturates)?;
            }
            Op::Conv(shape) if self.parameters[index].is_some() => {
                linear::saturating(self.model, index, bounds)?;
                if let Some(parameters) = self.parameters[index] {
                    self.private_conv(index, shape, parameters)?;
                }
            }
            Op::Conv(shape) => {
                let saturates = linear::saturating(self.model, index, bounds)?;
                let plan = conv::Plan::new(shape);
                let error = linear::node_error(self.model, index, saturates.contains(&true));
                let dense = self.dense_rows(index, saturates.len(), &error);
                match plan.filter(|plan| self.conv_rows(shape, plan) < dense) {
                    Some(plan) => self.conv(index, shape, &plan, &saturates)?,
                    None => self.dense(index, &saturates)?,
                }
            }
            Op::Sparse { units } => {
                let saturates = linear::saturating(self.model, index, bounds)?;
                self.sparse(index, units, &saturates);
            }
            Op::Digits { digits, units } => self.digits(index, *digits, units),
            Op::Table(_) => self.functions(index),
            Op::Max { groups } => self.maxima(index, groups),
            Op::Trees(trees) => self.trees(index, trees)?,
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), WideError> {
        let entries = self.tables.tuples.len();
        if self.rows.len().max(entries) >> MAX_K == 0 {
            return Ok(());
        }
        Err(WideError::TooLarge {
            rows: self.rows.len(),
            entries,
        })
    }
}

/// The table's entries, in order: the range, then the tuples.
pub(in crate::wide) fn entries(tables: &Tables, max: u32) -> Vec<(u32, Fr)> {
    let range = (0..=max).map(|value| (value, Fr::ZERO));
    let tuples = tables.tuples.iter().map(|tuple| (0, tuple.packed()));
    range.chain(tuples).collect()
}

/// Chooses `k`, pads, writes the table and the end marker, resolves copies.
fn finish(mut builder: Builder<'_>, node_rows: Vec<usize>) -> Result<Program, WideError> {
    let model = builder.model;
    let entries = entries(&builder.tables, model.max_digit());
    let used_rows = builder.rows.len();
    let homes = builder.rows.iter().filter(|row| row.fixed.home).count();
    // Rows and entries live on rows 0..=last−1, and one more row is the last.
    let needed = used_rows.max(entries.len() + homes) + 1 + unusable_rows();
    let k = needed.next_power_of_two().trailing_zeros().max(MIN_K);
    if k > MAX_K {
        return Err(WideError::TooLarge {
            rows: used_rows,
            entries: entries.len(),
        });
    }
    let usable = (1usize << k) - unusable_rows();
    builder.rows.resize(usable, Row::new(Source::IDLE));
    let mut rows = builder.rows.iter_mut().filter(|row| !row.fixed.home);
    for (range, tuple) in &entries {
        if let Some(row) = rows.next() {
            row.fixed.table_range = *range;
            row.fixed.table_tuple = *tuple;
        }
    }
    if let Some(last) = builder.rows.last_mut() {
        last.fixed = FixedRow {
            q: false,
            live: Live::Free,
            close: true,
            product: true,
            ..FixedRow::default()
        };
    }
    let (copies, public) = copies(&builder);
    Ok(Program {
        k,
        digit_bits: model.digit_bits,
        items: builder.batch.items(),
        instances: words::instances(builder.batch).len(),
        input_words: match model.privacy.inputs {
            true => 1,
            false => builder.batch.item().input_words(),
        },
        homes: builder
            .homes
            .iter()
            .map(|home| home.unwrap_or(NOWHERE))
            .collect(),
        rows: builder.rows,
        copies,
        public,
        borders: builder.borders,
        aux: builder.aux,
        node_rows,
        packings: builder.packings,
        saturating: builder.saturating,
        used_rows,
        table_entries: entries.len(),
    })
}

/// Home of a wire that nothing reads and no row computes: of no model, refused by the audit.
const NOWHERE: Cell = Cell {
    row: u32::MAX,
    lane: 0,
};

/// Every cell that shows a value with another home is a copy of that home.
type Copies = (Vec<(Cell, Cell)>, Vec<(Cell, usize)>);

fn copies(builder: &Builder<'_>) -> Copies {
    let mut copies = Vec::new();
    let mut public = Vec::new();
    let mut aux: Vec<Option<Cell>> = vec![None; builder.aux.len()];
    // Values whose first cell is their home; the sponges stand before the layers, so a
    // parameter's home is where it is committed to.
    let mut firsts: HashMap<Value, Cell> = HashMap::new();
    for (row, source) in builder.rows.iter().enumerate() {
        let (Source::Values(values) | Source::Maximum(values)) = &source.source else {
            continue;
        };
        for (lane, value) in values.iter().enumerate() {
            let here = cell(row, lane);
            match value {
                Value::Wire(wire) => {
                    if let Some(home) = builder.homes[*wire as usize].filter(|home| *home != here) {
                        copies.push((here, home));
                    }
                }
                Value::Aux(number) => match aux[*number as usize] {
                    Some(home) => copies.push((here, home)),
                    None => aux[*number as usize] = Some(here),
                },
                Value::Instance(word) => public.push((here, *word as usize)),
                Value::One | Value::Parameter(_) | Value::Salt(_) | Value::State(_) => {
                    match firsts.get(value) {
                        Some(home) => copies.push((here, *home)),
                        None => drop(firsts.insert(*value, here)),
                    }
                }
                Value::Zero | Value::Nought | Value::Digit { .. } | Value::Border(_) => {}
            }
        }
    }
    let zero = cell(1, 0);
    public.extend(&builder.public);
    copies.extend(builder.noughts.iter().map(|nought| (*nought, zero)));
    let ties = builder.ties.iter();
    copies.extend(ties.map(|(to, from)| (cell(*to, 0), cell(*from, 0))));
    (copies, public)
}
