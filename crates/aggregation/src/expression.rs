//! The constraints of a machine, evaluated on cells.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk::Expression;

use crate::inner::Opened;
use crate::rows::{Builder, Cell, Place};

/// A value that is known to the circuit, or a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Constant(Fr),
    Cell(Cell),
}

/// What expressions may ask for.
pub(crate) struct Evaluator<'a> {
    pub(crate) builder: &'a mut Builder,
    pub(crate) evaluations: &'a HashMap<(Opened, i32), Cell>,
    pub(crate) challenges: &'a [Cell],
    /// Evaluation of the instance column.
    pub(crate) instance: Cell,
    products: HashMap<(Place, Place), Cell>,
    /// A query that the proof has no evaluation for: never, for the shapes there are.
    missing: bool,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        builder: &'a mut Builder,
        evaluations: &'a HashMap<(Opened, i32), Cell>,
        challenges: &'a [Cell],
        instance: Cell,
    ) -> Self {
        Self {
            builder,
            evaluations,
            challenges,
            instance,
            products: HashMap::new(),
            missing: false,
        }
    }

    /// The value of a constraint; none if it asks for what the proof does not hold.
    pub(crate) fn cell(&mut self, expression: &Expression<Fr>) -> Option<Cell> {
        let value = self.value(expression);
        let cell = self.cell_of(value);
        (!self.missing).then_some(cell)
    }

    fn cell_of(&mut self, value: Value) -> Cell {
        match value {
            Value::Constant(constant) => self.builder.constant(constant),
            Value::Cell(cell) => cell,
        }
    }

    fn query(&mut self, polynomial: Opened, rotation: i32) -> Value {
        match self.evaluations.get(&(polynomial, rotation)) {
            Some(cell) => Value::Cell(*cell),
            None => {
                self.missing = true;
                Value::Constant(Fr::ZERO)
            }
        }
    }

    fn scaled(&mut self, value: Value, factor: Fr) -> Value {
        match value {
            Value::Constant(constant) => Value::Constant(constant * factor),
            Value::Cell(_) if factor == Fr::ZERO => Value::Constant(Fr::ZERO),
            Value::Cell(cell) if factor == Fr::ONE => Value::Cell(cell),
            Value::Cell(cell) => Value::Cell(self.builder.affine(cell, factor, Fr::ZERO)),
        }
    }

    fn product(&mut self, left: Value, right: Value) -> Value {
        match (left, right) {
            (Value::Constant(constant), other) | (other, Value::Constant(constant)) => {
                self.scaled(other, constant)
            }
            (Value::Cell(a), Value::Cell(b)) => {
                let key = (a.place.min(b.place), a.place.max(b.place));
                let known = self.products.get(&key).copied();
                Value::Cell(known.unwrap_or_else(|| {
                    let product = self.builder.mul(a, b);
                    self.products.insert(key, product);
                    product
                }))
            }
        }
    }

    /// `left + factor right`.
    fn sum(&mut self, left: Value, right: Value, factor: Fr) -> Value {
        match (left, right) {
            (Value::Constant(a), Value::Constant(b)) => Value::Constant(a + factor * b),
            (Value::Constant(a), Value::Cell(b)) if a == Fr::ZERO && factor == Fr::ONE => {
                Value::Cell(b)
            }
            (Value::Constant(a), Value::Cell(b)) => Value::Cell(self.builder.affine(b, factor, a)),
            (Value::Cell(a), Value::Constant(b)) if b == Fr::ZERO => Value::Cell(a),
            (Value::Cell(a), Value::Constant(b)) => {
                Value::Cell(self.builder.affine(a, Fr::ONE, factor * b))
            }
            (Value::Cell(a), Value::Cell(b)) => Value::Cell(self.builder.add_scaled(a, b, factor)),
        }
    }

    fn value(&mut self, expression: &Expression<Fr>) -> Value {
        match expression {
            Expression::Constant(constant) => Value::Constant(*constant),
            Expression::Selector(_) => {
                self.missing = true;
                Value::Constant(Fr::ZERO)
            }
            Expression::Fixed(q) => self.query(Opened::Fixed(q.column_index()), q.rotation().0),
            Expression::Advice(q) => self.query(Opened::Advice(q.column_index()), q.rotation().0),
            Expression::Instance(q) => {
                self.missing |= q.column_index() != 0 || q.rotation().0 != 0;
                Value::Cell(self.instance)
            }
            Expression::Challenge(challenge) => match self.challenges.get(challenge.index()) {
                Some(cell) => Value::Cell(*cell),
                None => {
                    self.missing = true;
                    Value::Constant(Fr::ZERO)
                }
            },
            Expression::Negated(inner) => {
                let inner = self.value(inner);
                self.scaled(inner, -Fr::ONE)
            }
            Expression::Sum(left, right) => {
                let left = self.value(left);
                let (right, factor) = match &**right {
                    Expression::Negated(inner) => (self.value(inner), -Fr::ONE),
                    Expression::Scaled(inner, factor) => (self.value(inner), *factor),
                    other => (self.value(other), Fr::ONE),
                };
                self.sum(left, right, factor)
            }
            Expression::Product(left, right) => {
                let left = self.value(left);
                let right = self.value(right);
                self.product(left, right)
            }
            Expression::Scaled(inner, factor) => {
                let inner = self.value(inner);
                self.scaled(inner, *factor)
            }
        }
    }
}
