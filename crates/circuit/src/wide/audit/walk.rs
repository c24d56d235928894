//! Goes through the model in order and claims the rows that belong to it.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{Batch, IntegerModel, NodeBounds, Op};

use super::point::{Point, ZERO};
use super::roles::Role;
use super::tables::Tags;
use super::wiring::{Wiring, cell, index};
use super::{AuditError, check, exists};
use crate::wide::config::CELLS;
use crate::wide::program::{Cell, FixedRow, Live, Program};

/// Rows that end with the same `close`: one power of σ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// First row.
    pub(super) first: usize,
    /// Row that closes it.
    pub(super) close: usize,
    /// Its power of σ.
    pub(super) power: Fr,
}

impl Position {
    /// Refuses a row of another position.
    pub(super) fn holds(&self, row: usize) -> Result<(), AuditError> {
        check((self.first..=self.close).contains(&row), || {
            format!(
                "row {row} is outside its equations, rows {} to {}",
                self.first, self.close
            )
        })
    }
}

/// Rows with a flag, to be claimed in order.
struct Queue {
    what: &'static str,
    rows: std::vec::IntoIter<usize>,
}

impl Queue {
    fn new(program: &Program, what: &'static str, flag: impl Fn(&FixedRow) -> bool) -> Self {
        let rows = program.rows[..program.last_row()].iter().enumerate();
        let rows: Vec<usize> = rows
            .filter(|(_, row)| flag(&row.fixed))
            .map(|(index, _)| index)
            .collect();
        Self {
            what,
            rows: rows.into_iter(),
        }
    }

    fn next(&mut self) -> Result<usize, AuditError> {
        let missing = || AuditError(format!("too few {} rows", self.what));
        self.rows.next().ok_or_else(missing)
    }

    fn done(&mut self) -> Result<(), AuditError> {
        match self.rows.next() {
            None => Ok(()),
            Some(row) => Err(AuditError(format!(
                "row {row}: a {} row that the model does not ask for",
                self.what
            ))),
        }
    }
}

/// State of the walk.
pub(super) struct Walk<'a> {
    pub(super) batch: &'a Batch<'a>,
    /// The graph of all items.
    pub(super) model: &'a IntegerModel,
    pub(super) program: &'a Program,
    pub(super) bounds: &'a [NodeBounds],
    pub(super) wiring: &'a Wiring,
    pub(super) point: &'a Point,
    pub(super) tags: Tags,
    /// What the equations so far sum up to.
    pub(super) prescribed: Fr,
    /// Homes of ranks: row, feature number and tag of its value.
    pub(super) features: Vec<(usize, u32, u32)>,
    /// The cell that holds 1, for models of private weights.
    pub(super) one: Option<Cell>,
    /// Homes of the private parameters' digits.
    pub(super) parameters: Vec<Cell>,
    roles: Vec<Role>,
    owners: Vec<bool>,
    positions: std::vec::IntoIter<Position>,
    free: Queue,
    hash: Queue,
    split: Queue,
    max: Queue,
    tuples: Queue,
    firsts: Vec<usize>,
}

/// What a walk found.
pub(super) struct Walked {
    /// Role of every row.
    pub(super) roles: Vec<Role>,
    /// `z` cells that hold a value of their own.
    pub(super) owners: Vec<bool>,
    /// Sum of the equations at the point.
    pub(super) prescribed: Fr,
    /// Homes of ranks: row, feature number and tag of its value.
    pub(super) features: Vec<(usize, u32, u32)>,
    /// The cell that holds 1.
    pub(super) one: Option<Cell>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        batch: &'a Batch<'a>,
        program: &'a Program,
        bounds: &'a [NodeBounds],
        wiring: &'a Wiring,
        point: &'a Point,
    ) -> Self {
        let model = batch.graph();
        Self {
            batch,
            model,
            program,
            bounds,
            wiring,
            point,
            tags: Tags::new(model),
            prescribed: Fr::ZERO,
            features: Vec::new(),
            one: None,
            parameters: Vec::new(),
            roles: vec![Role::Plain; program.rows.len()],
            owners: vec![false; program.rows.len() * CELLS],
            positions: positions(program, point.sigma).into_iter(),
            free: Queue::new(program, "free", |row| row.live == Live::Free),
            hash: Queue::new(program, "hash", |row| row.live == Live::Hash),
            split: Queue::new(program, "claim", |row| row.split),
            max: Queue::new(program, "maximum", |row| row.max),
            tuples: Queue::new(program, "look-up", |row| row.tag != 0),
            firsts: model.first_wires(),
        }
    }

    /// Claims everything that the model asks for.
    pub(super) fn model(&mut self) -> Result<(), AuditError> {
        let zero = self.position()?;
        check(zero.close == ZERO.row as usize, || {
            "the zero cell's equation is not the first".into()
        })?;
        self.own(ZERO)?;
        if self.model.privacy.weights {
            self.one_cell()?;
        }
        self.words()?;
        let model = self.model;
        for (number, node) in model.nodes.iter().enumerate() {
            let named =
                |error: AuditError| AuditError(format!("node `{}`: {}", node.name, error.0));
            self.node(number, &node.op).map_err(named)?;
        }
        Ok(())
    }

    fn node(&mut self, number: usize, op: &Op) -> Result<(), AuditError> {
        match op {
            Op::Dense { .. } if self.model.is_private(number) => self.private_dense(number),
            Op::Dense { .. } => self.dense(number),
            Op::Conv(conv) => self.conv(number, conv),
            Op::Sparse { units } => self.sparse(number, units),
            Op::Digits { digits, units } => self.digits(number, *digits, units),
            Op::Table(_) => self.functions(number),
            Op::Max { groups } => self.maxima(number, groups),
            Op::Trees(trees) => self.trees(number, trees),
        }
    }

    /// Ends the walk: nothing is left that no part of the model asked for.
    pub(super) fn finish(mut self) -> Result<Walked, AuditError> {
        if let Some(position) = self.positions.next() {
            return Err(AuditError(format!(
                "row {}: an equation that the model does not ask for",
                position.close
            )));
        }
        for queue in [
            &mut self.free,
            &mut self.hash,
            &mut self.split,
            &mut self.max,
            &mut self.tuples,
        ] {
            queue.done()?;
        }
        Ok(Walked {
            roles: self.roles,
            owners: self.owners,
            prescribed: self.prescribed,
            features: self.features,
            one: self.one,
        })
    }

    /// The next position of the linear check.
    pub(super) fn position(&mut self) -> Result<Position, AuditError> {
        let missing = || AuditError("too few equations".into());
        self.positions.next().ok_or_else(missing)
    }

    pub(super) fn next_free(&mut self) -> Result<usize, AuditError> {
        let row = self.free.next()?;
        self.set(row, Role::Free)?;
        Ok(row)
    }

    pub(super) fn next_hash(&mut self) -> Result<usize, AuditError> {
        let row = self.hash.next()?;
        self.set(row, Role::Hash)?;
        Ok(row)
    }

    /// The next row of claims, with the row behind it if some unit saturates.
    pub(super) fn next_claims(&mut self, saturates: bool) -> Result<usize, AuditError> {
        let row = self.split.next()?;
        self.set(row, Role::Claims { saturates })?;
        if saturates {
            let excess = self.split.next()?;
            check(excess == row + 1, || {
                format!("row {row}: no excess row behind")
            })?;
            self.set(excess, Role::Excess)?;
        }
        Ok(row)
    }

    pub(super) fn next_max(&mut self) -> Result<usize, AuditError> {
        let row = self.max.next()?;
        self.set(row, Role::Maximum)?;
        Ok(row)
    }

    pub(super) fn next_tuple(&mut self, role: Role) -> Result<usize, AuditError> {
        let row = self.tuples.next()?;
        self.set(row, role)?;
        Ok(row)
    }

    fn set(&mut self, row: usize, role: Role) -> Result<(), AuditError> {
        let fresh = self.roles[row] == Role::Plain;
        self.roles[row] = role;
        check(fresh, || format!("row {row}: two roles"))
    }

    /// Makes a range-checked cell the one place of a value.
    pub(super) fn own(&mut self, here: Cell) -> Result<(), AuditError> {
        self.owned(here, Live::Looked)
    }

    /// Makes a free cell the one place of a value.
    pub(super) fn own_free(&mut self, here: Cell) -> Result<(), AuditError> {
        self.owned(here, Live::Free)
    }

    /// Makes a cell of a sponge's state the one place of a value.
    pub(super) fn own_hash(&mut self, here: Cell) -> Result<(), AuditError> {
        self.owned(here, Live::Hash)
    }

    fn owned(&mut self, here: Cell, live: Live) -> Result<(), AuditError> {
        let fresh = exists(self.program, here)
            && self.program.rows[here.row as usize].fixed.live == live
            && !self.wiring.is_copy(here)
            && !std::mem::replace(&mut self.owners[index(here)], true);
        check(fresh, || {
            format!("row {} cell {}: no place for a value", here.row, here.lane)
        })
    }

    /// Makes all `z` cells of a row places of values.
    pub(super) fn own_row(&mut self, row: usize) -> Result<(), AuditError> {
        (0..CELLS).try_for_each(|lane| self.own(cell(row, lane)))
    }

    /// Home of a wire.
    pub(super) fn home(&self, wire: usize) -> Cell {
        self.program.homes[wire]
    }

    /// Refuses another home of a wire.
    pub(super) fn home_is(&self, wire: usize, here: Cell) -> Result<(), AuditError> {
        check(self.home(wire) == here, || {
            format!(
                "wire {wire} does not live in row {} cell {}",
                here.row, here.lane
            )
        })
    }

    /// Refuses a cell that does not show what lives in `home`.
    pub(super) fn shows(&self, here: Cell, home: Cell) -> Result<(), AuditError> {
        check(self.wiring.root(here) == home, || {
            format!(
                "row {} cell {}: not a copy of row {} cell {}",
                here.row, here.lane, home.row, home.lane
            )
        })
    }

    /// First output wire of a node.
    pub(super) fn first_wire(&self, node: usize) -> usize {
        self.firsts[node]
    }

    /// Home of a node's input.
    pub(super) fn input_home(&self, node: usize, at: usize) -> Cell {
        self.home(self.model.nodes[node].inputs[at] as usize)
    }

    /// Value of a node's input at the point.
    pub(super) fn input(&self, node: usize, at: usize) -> Fr {
        self.point.z(self.input_home(node, at))
    }
}

/// The positions in the order of their rows: the last has σ^0.
fn positions(program: &Program, sigma: Fr) -> Vec<Position> {
    let rows = program.rows[..program.last_row()].iter().enumerate();
    let closes = rows.filter(|(row, content)| *row > 0 && content.fixed.close);
    let mut first = 1;
    let mut all: Vec<Position> = closes
        .map(|(close, _)| Position {
            first: std::mem::replace(&mut first, close + 1),
            close,
            power: Fr::ONE,
        })
        .collect();
    let mut power = Fr::ONE;
    for position in all.iter_mut().rev() {
        position.power = power;
        power *= sigma;
    }
    all
}
