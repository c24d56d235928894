//! Synthesis without a witness: fixed cells and copies.

use halo2_proofs::circuit::Value;
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Column, ConstraintSystem, Error, Fixed, Instance,
    Selector,
};

use super::CreateError;

/// What a circuit fixes.
#[derive(Debug)]
pub(super) struct Fixture {
    /// Fixed columns.
    pub(super) columns: Vec<Vec<Fr>>,
    /// For each cell of each permuted column, the next cell of its cycle; cell `(column, row)`
    /// is `column × rows + row`.
    pub(super) cycles: Vec<Vec<u32>>,
}

/// Takes down fixed cells and joins the cycles of copied cells.
pub(super) struct FixedCollector {
    rows: usize,
    usable: usize,
    fixed: Vec<Vec<Fr>>,
    permuted: Vec<Column<Any>>,
    /// The next cell of each cell's cycle.
    next: Vec<u32>,
    /// A cell that stands for the whole cycle.
    head: Vec<u32>,
    /// Length of the cycle, at its head.
    length: Vec<u32>,
    error: Option<CreateError>,
}

impl FixedCollector {
    pub(super) fn new(cs: &ConstraintSystem<Fr>, rows: usize, usable: usize) -> Self {
        let permuted = cs.permutation().get_columns();
        let cells = permuted.len() * rows;
        Self {
            rows,
            usable,
            fixed: vec![vec![Fr::ZERO; rows]; cs.num_fixed_columns()],
            permuted,
            next: (0..cells as u32).collect(),
            head: (0..cells as u32).collect(),
            length: vec![1; cells],
            error: None,
        }
    }

    /// The finished columns and cycles.
    ///
    /// # Errors
    /// The first thing that did not fit.
    pub(super) fn finish(self) -> Result<Fixture, CreateError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Fixture {
                columns: self.fixed,
                cycles: self.next.chunks(self.rows).map(<[u32]>::to_vec).collect(),
            }),
        }
    }

    fn fail(&mut self, error: CreateError) {
        self.error.get_or_insert(error);
    }

    fn set(&mut self, column: Column<Fixed>, row: usize, value: Fr) {
        let usable = self.usable;
        if row >= usable {
            return self.fail(CreateError::Row { row, usable });
        }
        if let Some(cell) = self
            .fixed
            .get_mut(column.index())
            .and_then(|column| column.get_mut(row))
        {
            *cell = value;
        }
    }

    fn cell(&self, column: Column<Any>, row: usize) -> Result<usize, CreateError> {
        let usable = self.usable;
        if row >= usable {
            return Err(CreateError::Row { row, usable });
        }
        let position = self.permuted.iter().position(|other| *other == column);
        match position {
            Some(position) => Ok(position * self.rows + row),
            None => Err(CreateError::NotPermuted {
                index: column.index(),
            }),
        }
    }

    /// Joins two cycles by exchanging the successors of a cell of each; the shorter takes the
    /// head of the longer. The same steps as halo2's key generation, hence the same permutation.
    fn join(&mut self, left: usize, right: usize) {
        let (mut longer, mut shorter) = (self.head[left] as usize, self.head[right] as usize);
        if longer == shorter {
            return;
        }
        if self.length[longer] < self.length[shorter] {
            std::mem::swap(&mut longer, &mut shorter);
        }
        self.length[longer] += self.length[shorter];
        let mut cell = shorter;
        loop {
            self.head[cell] = longer as u32;
            cell = self.next[cell] as usize;
            if cell == shorter {
                break;
            }
        }
        self.next.swap(left, right);
    }
}

impl Assignment<Fr> for FixedCollector {
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(&mut self, _: A, _: &Selector, _: usize) -> Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.fail(CreateError::Unsupported("selectors"));
        Ok(())
    }

    fn query_instance(&self, _: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        match row < self.usable {
            true => Ok(Value::unknown()),
            false => Err(Error::BoundsFailure),
        }
    }

    fn assign_advice<'v>(
        &mut self,
        _: Column<Advice>,
        row: usize,
        _: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let usable = self.usable;
        if row >= usable {
            self.fail(CreateError::Row { row, usable });
        }
        Value::unknown()
    }

    fn assign_fixed(&mut self, column: Column<Fixed>, row: usize, to: Assigned<Fr>) {
        self.set(column, row, to.evaluate());
    }

    fn copy(
        &mut self,
        left_column: Column<Any>,
        left_row: usize,
        right_column: Column<Any>,
        right_row: usize,
    ) {
        let cells = self
            .cell(left_column, left_row)
            .and_then(|left| Ok((left, self.cell(right_column, right_row)?)));
        match cells {
            Ok((left, right)) => self.join(left, right),
            Err(error) => self.fail(error),
        }
    }

    fn fill_from_row(
        &mut self,
        column: Column<Fixed>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        let mut value = None;
        to.map(|to| value = Some(to.evaluate()));
        let value = value.ok_or(Error::Synthesis)?;
        for row in row..self.usable {
            self.set(column, row, value);
        }
        Ok(())
    }

    fn get_challenge(&self, _: Challenge) -> Value<Fr> {
        Value::unknown()
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}
}
