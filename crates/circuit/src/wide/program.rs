//! The wide machine's row program.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::config::{CELLS, LANES};
use crate::commitment::Domain;

/// What binds a row's cells, the values of the `live` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Nothing: cells are field elements.
    Free = 0,
    /// Every cell is looked up.
    Looked = 1,
    /// A Poseidon state, two elements of which pass their S-boxes.
    Hash = 2,
}

/// Values of the `hold` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// D is `z_0` on product rows, else 0.
    Fresh = 0,
    /// D stays.
    Keep = 1,
    /// D is multiplied by σ.
    Shift = 2,
    /// D takes the row's cells in.
    Take = 3,
}

/// Values of the `kind` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None of the below.
    Plain = 0,
    /// The next row holds what exceeds the digit.
    Saturate = 1,
    /// An edge of a tree.
    Edge = 2,
    /// The feature that the edge before compares.
    Feature = 3,
}

/// The fixed cells of one row; see [`super::config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedRow {
    /// Weight lanes.
    pub lanes: [Fr; LANES],
    /// Gates on.
    pub q: bool,
    /// What binds the cells.
    pub live: Live,
    /// Multiplier of A: constant part, coefficient of ρ^4, coefficient of ρ^16.
    pub a: [Fr; 3],
    /// Lanes are local coefficients.
    pub local: bool,
    /// Coefficient of `Σ ρ^k z_k`.
    pub vec: Fr,
    /// Coefficient of `−Σ ρ^k r_k`.
    pub act: Fr,
    /// Coefficient of `−Σ ρ^k (z_k − n_k)`.
    pub digit: Fr,
    /// Ends a position.
    pub close: bool,
    /// Adds `D' A'`.
    pub product: bool,
    /// What becomes of D.
    pub hold: Hold,
    /// Negative parts are allowed.
    pub split: bool,
    /// Maximum of four.
    pub max: bool,
    /// Saturation and tree rows.
    pub kind: Kind,
    /// Tag of the row's tuple.
    pub tag: u32,
    /// Range entry of the table.
    pub table_range: u32,
    /// Tuple entry of the table.
    pub table_tuple: Fr,
    /// The table entry adds this row's `z_0`.
    pub home: bool,
}

impl Default for FixedRow {
    /// An idle row: carries the check through, holds a zero table entry.
    fn default() -> Self {
        Self {
            lanes: [Fr::ZERO; LANES],
            q: true,
            live: Live::Looked,
            a: [Fr::ZERO; 3],
            local: false,
            vec: Fr::ZERO,
            act: Fr::ZERO,
            digit: Fr::ZERO,
            close: false,
            product: false,
            hold: Hold::Fresh,
            split: false,
            max: false,
            kind: Kind::Plain,
            tag: 0,
            table_range: 0,
            table_tuple: Fr::ZERO,
            home: false,
        }
    }
}

/// A `z` cell: row and lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Row.
    pub row: u32,
    /// Lane, below [`CELLS`].
    pub lane: u8,
}

/// Where a `z` cell's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// 0, where nothing depends on it.
    Zero,
    /// 0, by a copy of the zero cell.
    Nought,
    /// 1, by a copy of the cell that holds it.
    One,
    /// A wire of the graph.
    Wire(u32),
    /// A digit of the private weights and biases.
    Parameter(u32),
    /// The salt of a commitment, a field element.
    Salt(Committed),
    /// A cell of a sponge's rows, a field element.
    State(State),
    /// A public instance, as a field element.
    Instance(u32),
    /// The base-2^t digit of an instance at a bit.
    Digit {
        /// Instance index.
        word: u32,
        /// Lowest bit.
        bit: u32,
    },
    /// The part of a convolution's product that no output takes.
    ///
    /// Index into [`Program::borders`].
    Border(u32),
    /// A value of the run that is no wire; index into the witness's auxiliary values.
    Aux(u32),
}

/// What a sponge commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Committed {
    /// The weights and biases, once for all items.
    Model,
    /// The inputs of one item.
    Input(u32),
}

impl Committed {
    /// What the commitment is to, as its first element says.
    pub fn domain(self) -> Domain {
        match self {
            Self::Model => Domain::Model,
            Self::Input(_) => Domain::Input,
        }
    }
}

/// A cell of a sponge's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Which sponge.
    pub sponge: Committed,
    /// Which permutation.
    pub permutation: u32,
    /// Row of the permutation; [`super::lower::boxes::ROWS`] for the row behind.
    pub step: u32,
    /// Which cell of the row.
    pub lane: u8,
}

/// Where a row's witness comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `z` cells one by one; `n` and `r` are 0.
    Values([Value; CELLS]),
    /// Requantization of four units of a node: `z − n` and `r`.
    Claims {
        /// Node.
        node: u32,
        /// Unit per lane, or `u32::MAX`.
        units: [u32; CELLS],
    },
    /// What exceeds the digits of the row before.
    Excess {
        /// Node.
        node: u32,
        /// Unit per lane, or `u32::MAX`.
        units: [u32; CELLS],
    },
    /// `z` as given, `r_k` = next row's `z_0` − `z_k`.
    Maximum([Value; CELLS]),
    /// One step of a tree's path: the edge.
    Edge {
        /// Node.
        node: u32,
        /// Tree.
        tree: u32,
        /// Level, 0 at the root.
        level: u32,
    },
    /// One step of a tree's path: the feature's rank.
    Feature {
        /// Node.
        node: u32,
        /// Tree.
        tree: u32,
        /// Level, 0 at the root.
        level: u32,
    },
    /// Leaf of a tree: node number and up to three limbs.
    Leaf {
        /// Node.
        node: u32,
        /// Tree.
        tree: u32,
        /// Which limbs.
        chunk: u32,
    },
}

impl Source {
    /// All cells 0.
    pub const IDLE: Self = Self::Values([Value::Zero; CELLS]);
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

/// How a node's units are packed into the linear check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Bits per packed unit, `c`: every error is below 2^c in absolute value.
    pub bits: u32,
    /// Units per exponent of ρ, `P`, with `c P ≤ 253`.
    pub per_exponent: usize,
    /// Exponents of ρ in use.
    pub exponents: usize,
}

/// One border cell: the coefficient of σ^position ρ^exponent in a convolution's product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// Node.
    pub node: u32,
    /// Position in the product; an item's follow those of the item before.
    pub position: u32,
    /// Exponent of ρ.
    pub exponent: u32,
}

/// An auxiliary value of the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aux {
    /// A tree feature's rank.
    Rank {
        /// Node.
        node: u32,
        /// Tree feature.
        feature: u32,
    },
    /// Digit of a bound of the interval that a feature's value lies in, or of its distance.
    Bound {
        /// Node.
        node: u32,
        /// Tree feature.
        feature: u32,
        /// Which number.
        what: Bound,
        /// Digit, lowest first.
        digit: u32,
    },
    /// Running maximum: of the first `count` members of a group.
    Largest {
        /// Node.
        node: u32,
        /// Group.
        group: u32,
        /// Members so far.
        count: u32,
    },
}

/// Numbers around a tree feature's value `v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Smallest value of its rank.
    Low,
    /// Largest value of its rank.
    High,
    /// `v − low`.
    Above,
    /// `high − v`.
    Below,
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
    /// Number of public instances: two tag halves, the commitment to private weights, then per
    /// item input words or their commitment, output words.
    pub instances: usize,
    /// Input words of an item, or 1 for the commitment to private inputs.
    pub input_words: usize,
    /// The usable rows, 0 to the last; the last has `q` off and holds nothing.
    pub rows: Vec<Row>,
    /// Pairs of equal cells: a copy and its home.
    pub copies: Vec<(Cell, Cell)>,
    /// Free cells that equal a public instance.
    pub public: Vec<(Cell, usize)>,
    /// Home of every wire.
    pub homes: Vec<Cell>,
    /// Border cells in order of their numbers.
    pub borders: Vec<Border>,
    /// Auxiliary values in order of their numbers.
    pub aux: Vec<Aux>,
    /// First rows of every node's part, in order of nodes, for the report.
    pub node_rows: Vec<usize>,
    /// Packing of nodes whose units are packed.
    pub packings: Vec<Option<Packing>>,
    /// Whether a requantizing node's rows saturate.
    pub saturating: Vec<bool>,
    /// Rows in use before padding.
    pub used_rows: usize,
    /// Entries of the look-up table.
    pub table_entries: usize,
}

impl Program {
    /// Rows of the circuit, 2^k.
    pub fn size(&self) -> usize {
        1 << self.k
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
