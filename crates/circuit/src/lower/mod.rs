//! Lowers an integer model to a row program.
//!
//! Order of rows: instance rows, digits of the instance words, then item by item and layer by
//! layer the requantization rows followed by the weight blocks and function rows, then padding.
//! The linear check multiplies everything before by the rows after it, so a layer's blocks
//! stand between its own requantization rows and the next layer's.

mod digits;
pub(crate) mod packing;
mod rows;
mod words;

use haloracle_model::{IntegerModel, ModelError};

use crate::chain::Chain;

pub(crate) use rows::{table_entries, table_multiplicity_index, table_tag, tuple};
pub(crate) use words::{Part, TAG_HALF_BITS, instance_words};

use crate::audit::{self, AuditError};
use crate::machine::circuit::unusable_rows;
use crate::program::{FixedRow, Op, Program, Row, Source};

/// Largest circuit that is compiled: 2^20 rows.
pub const MAX_K: u32 = 20;
/// Smallest circuit; below it blinding rows dominate.
pub const MIN_K: u32 = 6;

/// Why a model cannot be lowered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// The model is not well-formed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An accumulator exceeds what even a saturating row can hold, so some input of the
    /// domain would have no proof.
    #[error(
        "layer `{layer}` unit {unit}: accumulator reaches {value}, but {digit_bits}-bit \
         saturating rows hold at most {limit}; use wider digits, a narrower input domain or \
         smaller weights"
    )]
    Overflow {
        /// Layer's name.
        layer: String,
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
    #[error("layer `{layer}`: a unit's error needs {bits} bits, more than a field element holds")]
    TooWide {
        /// Layer's name.
        layer: String,
        /// Bits needed.
        bits: u32,
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
    /// The narrow shape takes chains of layers only.
    #[error("the narrow shape takes chains of layers only: {0}; compile for the wide shape")]
    NotAChain(String),
    /// The finished program does not say what the model says: a bug of the lowering.
    #[error("compiler self-check failed: {0}")]
    Audit(#[from] AuditError),
}

/// Lowers `model`, at the smallest `k` that holds its rows and tables, and audits the result
/// against the model's equations.
///
/// # Errors
/// See [`LowerError`].
pub fn lower(model: &IntegerModel) -> Result<Program, LowerError> {
    lower_batch(model, 1)
}

/// Lowers `items` inputs of `model` to one program, and audits the result against the equations
/// of every item.
///
/// # Errors
/// See [`LowerError`].
pub fn lower_batch(model: &IntegerModel, items: usize) -> Result<Program, LowerError> {
    let program = lower_unaudited(model, items)?;
    audit::audit_batch(model, items, &program)?;
    Ok(program)
}

/// [`lower_batch`] without the audit, for models whose rows were audited when they were first
/// lowered.
///
/// # Errors
/// See [`LowerError`].
pub fn lower_unaudited(model: &IntegerModel, items: usize) -> Result<Program, LowerError> {
    model.validate()?;
    let model = &Chain::new(model).map_err(LowerError::NotAChain)?;
    let saturating = saturating_units(model)?;
    let mut builder = rows::Builder::new(model, items, saturating)?;
    builder.check_size()?;
    builder.instance_words();
    for item in 0..items {
        for layer in 0..model.layers.len() {
            builder.requantization(item, layer);
            builder.weights(item, layer);
            // A single item's outputs are looked up on the rows of its words.
            if items > 1 || layer + 1 < model.layers.len() {
                builder.functions(item, layer);
            }
        }
    }
    finish(model, builder.into_program())
}

/// Which units may leave the digit's range somewhere in the domain, and so need an excess row.
pub(crate) fn saturating_units(model: &Chain<'_>) -> Result<Vec<Vec<bool>>, LowerError> {
    let bits = model.digit_bits;
    let max = i64::from(model.max_digit());
    let limit = (1i64 << (3 * bits)) - (1 << bits);
    let mut all = Vec::new();
    for (layer, bounds) in model.layers.iter().zip(model.accumulator_bounds()?) {
        let mut units = Vec::new();
        for (unit, (low, high)) in bounds.into_iter().enumerate() {
            for value in [low, high] {
                if value.abs() > limit {
                    return Err(LowerError::Overflow {
                        layer: layer.name.clone(),
                        unit,
                        value,
                        digit_bits: bits,
                        limit,
                    });
                }
            }
            units.push(low >> bits < -max || high >> bits > max);
        }
        all.push(units);
    }
    Ok(all)
}

/// Chooses `k`, pads to the last usable row, writes the table and the end marker.
fn finish(model: &Chain<'_>, mut program: Program) -> Result<Program, LowerError> {
    let entries = rows::table_entries(model);
    program.used_rows = program.rows.len();
    // Rows and entries live on rows 0..=last−1, and one more row is the last.
    let needed = program.rows.len().max(entries.len()) + 1 + unusable_rows();
    program.k = needed.next_power_of_two().trailing_zeros().max(MIN_K);
    if program.k > MAX_K {
        return Err(LowerError::TooLarge {
            rows: program.rows.len(),
            entries: entries.len(),
        });
    }
    let usable = program.size() - unusable_rows();
    program.rows.resize(usable, Row::new(Source::Idle));
    for (row, (range, tuple)) in program.rows.iter_mut().zip(entries) {
        row.fixed.table_range = range;
        row.fixed.table_tuple = tuple;
    }
    let last = program.last_row();
    program.rows[last].fixed = FixedRow {
        q: false,
        load: true,
        act: 1.into(),
        s_one: 0.into(),
        op: Op::Plain,
        ..FixedRow::default()
    };
    Ok(program)
}
