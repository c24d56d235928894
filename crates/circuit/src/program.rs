//! The row program: what a compiled model is to the machine.
//!
//! A program is the machine's fixed columns row by row, where each row's witness comes from,
//! and which `z` cells are copies. It knows nothing of halo2's layouter, and the constraint
//! system knows nothing of models: a new kind of row is a new way to fill these rows.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use crate::machine::config::LANES;

/// Kinds of row, the values of the `op` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Nothing of the below: `n` must be 0, the fold restarts.
    Plain = 0,
    /// The fold continues from the row before.
    Fold = 1,
    /// `z n = 0`: a signed quotient split into parts.
    Split = 2,
    /// As `Split`; the next row holds what exceeds the digit.
    Saturate = 3,
}

/// The fixed cells of one row; see [`crate::machine::config`] for what each does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedRow {
    /// Weight lanes.
    pub lanes: [Fr; LANES],
    /// Gates on.
    pub q: bool,
    /// Constant part of the check's multiplier.
    pub s_one: Fr,
    /// Coefficient of ρ in the check's multiplier.
    pub s_rho: Fr,
    /// Kind of row.
    pub op: Op,
    /// Adds `z A'`.
    pub load: bool,
    /// Coefficient of `W − r`.
    pub act: Fr,
    /// Coefficient of `−(z − n)`.
    pub digit: Fr,
    /// Function tag of the tuple `(z, z')`.
    pub tag: u32,
    /// Range entry of the table.
    pub table_range: u32,
    /// Tuple entry of the table.
    pub table_tuple: Fr,
}

impl Default for FixedRow {
    /// An idle row: carries the check through, holds a zero table entry.
    fn default() -> Self {
        Self {
            lanes: [Fr::ZERO; LANES],
            q: true,
            s_one: Fr::ONE,
            s_rho: Fr::ZERO,
            op: Op::Plain,
            load: false,
            act: Fr::ZERO,
            digit: Fr::ZERO,
            tag: 0,
            table_range: 0,
            table_tuple: Fr::ZERO,
        }
    }
}

/// Where a row's `z`, `n` and `r` come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// All zero.
    Idle,
    /// `z` is the digit of instance `word` at `bit`; `r` the digit at bit 0 if `low_in_r`.
    Digit {
        /// Instance index.
        word: usize,
        /// Lowest bit of the digit.
        bit: u32,
        /// Whether `r` holds the digit at bit 0 (row 0 only).
        low_in_r: bool,
    },
    /// `z − n` and `r` of a unit's accumulator; the clamped digit if it saturates.
    Unit {
        /// Item of the batch.
        item: usize,
        /// Layer index.
        layer: usize,
        /// Unit index.
        unit: usize,
    },
    /// The excess of a saturating unit: high parts in `z − n`, low excess in `r`.
    Excess {
        /// Item of the batch.
        item: usize,
        /// Layer index.
        layer: usize,
        /// Unit index.
        unit: usize,
    },
    /// `z` is a copy of another row's `z`.
    Copy {
        /// The row copied from.
        row: usize,
    },
    /// `z` is the layer's function table at the unit's digit.
    Table {
        /// Item of the batch.
        item: usize,
        /// Layer index.
        layer: usize,
        /// Unit index.
        unit: usize,
    },
}

/// One row: fixed cells and the origin of its witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Fixed cells.
    pub fixed: FixedRow,
    /// Origin of `z`, `n`, `r`.
    pub source: Source,
}

impl Row {
    /// A row with the given origin and otherwise idle.
    pub fn new(source: Source) -> Self {
        Self {
            fixed: FixedRow::default(),
            source,
        }
    }
}

/// How a layer's units are packed into the linear check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Bits per packed unit, `c`: every error of the layer is below 2^c in absolute value.
    pub bits: u32,
    /// Units per exponent of ρ, `P`, with `c P ≤ 253`.
    pub per_exponent: usize,
    /// Exponents of ρ the layer owns.
    pub exponents: usize,
}

/// A lowered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// log2 of the number of rows.
    pub k: u32,
    /// Digit width `t`.
    pub digit_bits: u32,
    /// Inputs that a proof answers.
    pub items: usize,
    /// Number of public instances: two tag halves, then per item input words, output words.
    pub instances: usize,
    /// Input words of one item.
    pub input_words: usize,
    /// The usable rows, 0 to the last; the last has `q` off and holds nothing.
    pub rows: Vec<Row>,
    /// Pairs of rows whose `z` cells are equal.
    pub copies: Vec<(usize, usize)>,
    /// Row of each input digit's home, item by item.
    pub digit_rows: Vec<usize>,
    /// Row of each unit's requantization, per [`Self::piece`].
    pub unit_rows: Vec<Vec<usize>>,
    /// Row of each unit's activation, per [`Self::piece`]: the requantization's, or the table's
    /// result.
    pub activation_rows: Vec<Vec<usize>>,
    /// Whether a unit saturates, per layer.
    pub saturating: Vec<Vec<bool>>,
    /// Packing per layer.
    pub packings: Vec<Packing>,
    /// Rows in use before padding.
    pub used_rows: usize,
}

impl Program {
    /// Rows of the circuit, 2^k.
    pub fn size(&self) -> usize {
        1 << self.k
    }

    /// Number of one item's layer among all: an item's layers follow each other.
    pub fn piece(&self, item: usize, layer: usize) -> usize {
        item * self.packings.len() + layer
    }

    /// Index of the last usable row.
    pub fn last_row(&self) -> usize {
        self.rows.len() - 1
    }

    /// `M`, the largest digit.
    pub fn max_digit(&self) -> u32 {
        (1 << self.digit_bits) - 1
    }
}
