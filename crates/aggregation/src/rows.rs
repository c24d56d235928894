//! The rows of an aggregation circuit while it is written, with their witness.
//!
//! Point operations and plain arithmetic go to separate streams, because a point operation takes
//! its operands from the row before it. The finished program is the curve stream, the plain
//! stream and the range table, one after the other.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};

use crate::config::{DIGIT_BITS, DIGITS, OPERANDS};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A limb enters the fold.
    Limb,
    /// A point operation ends.
    Step,
    /// Plain arithmetic.
    Plain,
    /// A full round of Poseidon.
    Full,
    /// A partial round.
    Partial,
    /// A table entry.
    Entry,
    /// An end of the look-up sum.
    End,
}

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Limbs, steps and entries.
    Curve,
    /// Arithmetic and hashes.
    Plain,
}

/// Position of a cell that copies may name: column 0 to 2 are `d`, 3 is `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Its stream.
    pub stream: Stream,
    /// Row in the stream.
    pub row: u32,
    /// Column under the permutation.
    pub column: u8,
}

/// Column of `w` in a [`Place`].
pub const W: u8 = 3;

/// A cell with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Where it is.
    pub place: Place,
    /// What it holds.
    pub value: Fr,
}

/// Constants of the rows, each stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    values: Vec<Fr>,
    indices: HashMap<[u8; 32], u32>,
}

impl Default for Pool {
    fn default() -> Self {
        let mut pool = Self {
            values: Vec::new(),
            indices: HashMap::new(),
        };
        pool.index(Fr::ZERO);
        pool
    }
}

impl Pool {
    fn index(&mut self, value: Fr) -> u32 {
        let values = &mut self.values;
        *self.indices.entry(value.to_repr()).or_insert_with(|| {
            values.push(value);
            values.len() as u32 - 1
        })
    }

    /// A constant.
    pub fn value(&self, index: u32) -> Fr {
        self.values.get(index as usize).copied().unwrap_or(Fr::ZERO)
    }
}

/// One stream of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Modes.
    pub modes: Vec<Mode>,
    /// Operands, as indices into the pool.
    pub operands: Vec<[u32; OPERANDS]>,
    /// Cells `d`.
    pub d: Vec<[Fr; DIGITS]>,
    /// Cells `w`.
    pub w: Vec<Fr>,
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.modes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.modes.is_empty()
    }

    fn append(&mut self, mut other: Self) {
        self.modes.append(&mut other.modes);
        self.operands.append(&mut other.operands);
        self.d.append(&mut other.d);
        self.w.append(&mut other.w);
    }
}

/// Operands of a row; what is not named is zero.
pub type Operands = [Fr; OPERANDS];

/// Writes rows.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) curve: Rows,
    pub(crate) plain: Rows,
    pub(crate) pool: Pool,
    pub(crate) copies: Vec<(Place, Place)>,
    pub(crate) public: Vec<Place>,
    /// For each step that reads, the curve row of the entry.
    pub(crate) reads: Vec<(u32, u32)>,
    /// Why the witness does not satisfy the rows, if it is known.
    pub(crate) broken: Option<&'static str>,
    pub(crate) zero: Option<Cell>,
    pub(crate) one: Option<Cell>,
    pub(crate) register: crate::curve::Register,
    pub(crate) entries: HashMap<(u32, u32), crate::curve::Entry>,
    pub(crate) ids: u32,
}

impl Default for Builder {
    fn default() -> Self {
        let mut builder = Self {
            curve: Rows::default(),
            plain: Rows::default(),
            pool: Pool::default(),
            copies: Vec::new(),
            public: Vec::new(),
            reads: Vec::new(),
            broken: None,
            zero: None,
            one: None,
            register: Default::default(),
            entries: HashMap::new(),
            ids: 0,
        };
        builder.push(
            Stream::Curve,
            Mode::End,
            [Fr::ZERO; OPERANDS],
            [Fr::ZERO; DIGITS],
            Fr::ZERO,
        );
        builder
    }
}

impl Builder {
    /// Appends a row; its number in the stream.
    pub(crate) fn push(
        &mut self,
        stream: Stream,
        mode: Mode,
        operands: Operands,
        d: [Fr; DIGITS],
        w: Fr,
    ) -> u32 {
        let operands = operands.map(|value| self.pool.index(value));
        let rows = match stream {
            Stream::Curve => &mut self.curve,
            Stream::Plain => &mut self.plain,
        };
        rows.modes.push(mode);
        rows.operands.push(operands);
        rows.d.push(d);
        rows.w.push(w);
        rows.len() as u32 - 1
    }

    /// Notes that the witness cannot satisfy the rows.
    pub(crate) fn fail(&mut self, why: &'static str) {
        self.broken.get_or_insert(why);
    }

    /// Makes `cell` the next public instance.
    pub fn expose(&mut self, cell: Cell) {
        self.public.push(cell.place);
    }

    /// Requires two cells to be equal.
    pub fn equal(&mut self, left: Cell, right: Cell) {
        if left.value != right.value {
            self.fail("two cells that must be equal are not");
        }
        self.copies.push((left.place, right.place));
    }

    /// Number of rows so far: curve, plain.
    pub fn rows(&self) -> (usize, usize) {
        (self.curve.len(), self.plain.len())
    }

    /// Appends the range table, counts look-ups and joins the streams.
    pub fn finish(mut self) -> Program {
        for (_, entry) in &self.reads {
            if let Some(count) = self.curve.w.get_mut(*entry as usize) {
                *count += Fr::ONE;
            }
        }
        let mut counts = vec![0u64; 1 << DIGIT_BITS];
        let limbs = self.curve.modes.iter().zip(&self.curve.d);
        for (_, d) in limbs.filter(|(mode, _)| **mode == Mode::Limb) {
            for digit in d {
                let value = crate::limbs::to_integer(digit);
                let count = usize::try_from(&value).ok().and_then(|v| counts.get_mut(v));
                if let Some(count) = count {
                    *count += 1;
                }
            }
        }
        let public: Vec<Fr> = self.public.iter().map(|place| self.at(*place)).collect();
        for (value, count) in counts.into_iter().enumerate() {
            let mut operands = [Fr::ZERO; OPERANDS];
            operands[3] = Fr::from(value as u64);
            let none = [Fr::ZERO; DIGITS];
            self.push(Stream::Plain, Mode::Entry, operands, none, Fr::from(count));
        }
        let none = ([Fr::ZERO; OPERANDS], [Fr::ZERO; DIGITS]);
        self.push(Stream::Plain, Mode::End, none.0, none.1, Fr::ZERO);
        let offset = self.curve.len() as u32;
        let place = |place: Place| match place.stream {
            Stream::Curve => (place.row, place.column),
            Stream::Plain => (place.row + offset, place.column),
        };
        let copies = self.copies.iter().map(|(a, b)| (place(*a), place(*b)));
        let copies = copies.collect();
        let cells = self.public.iter().map(|p| place(*p)).collect();
        let mut rows = self.curve;
        rows.append(self.plain);
        Program {
            rows,
            pool: self.pool,
            copies,
            public: cells,
            instances: public,
            reads: self.reads,
            broken: self.broken,
        }
    }

    fn at(&self, place: Place) -> Fr {
        let rows = match place.stream {
            Stream::Curve => &self.curve,
            Stream::Plain => &self.plain,
        };
        let row = place.row as usize;
        match place.column {
            W => rows.w.get(row).copied(),
            column => rows.d.get(row).map(|d| d[usize::from(column)]),
        }
        .unwrap_or(Fr::ZERO)
    }
}

/// Row and column under the permutation.
pub type Position = (u32, u8);

/// A finished circuit with the witness that it was written with.
#[derive(Clone, Debug)]
pub struct Program {
    /// All rows.
    pub rows: Rows,
    /// Constants.
    pub pool: Pool,
    /// Pairs of equal cells.
    pub copies: Vec<(Position, Position)>,
    /// Cells that are public.
    pub public: Vec<Position>,
    /// Their values.
    pub instances: Vec<Fr>,
    /// For each step that reads, the row of the entry.
    pub reads: Vec<(u32, u32)>,
    /// Why the witness does not satisfy the rows, if it is known.
    pub broken: Option<&'static str>,
}
