//! Gemm and MatMul: one row of activations times a constant matrix.

use super::{Call, Value};
use crate::tensor::{Tensor, broadcast, elements, expand};

/// A constant matrix, perhaps read transposed.
struct Matrix<'t> {
    values: &'t [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'t> Matrix<'t> {
    fn new(tensor: &'t Tensor, transposed: bool) -> Result<Self, String> {
        let [rows, columns] = tensor.dims[..] else {
            return Err(format!(
                "a matrix has shape {:?}; it must have two axes",
                tensor.dims
            ));
        };
        let (rows, columns) = if transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        Ok(Self {
            values: tensor.floats()?,
            rows,
            columns,
            transposed,
        })
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[if self.transposed {
            column * self.rows + row
        } else {
            row * self.columns + column
        }]
    }

    /// `weights[unit][input]` of `x · self`, times `factor`.
    fn weights(&self, factor: f64) -> Vec<Vec<f64>> {
        (0..self.columns)
            .map(|unit| {
                (0..self.rows)
                    .map(|input| factor * f64::from(self.at(input, unit)))
                    .collect()
            })
            .collect()
    }

    /// `self · other` in float32.
    fn product(&self, other: &Matrix<'_>) -> Result<Vec<f32>, String> {
        if self.columns != other.rows {
            return Err(format!(
                "cannot multiply {} × {} by {} × {}",
                self.rows, self.columns, other.rows, other.columns
            ));
        }
        elements(&[self.rows, other.columns])?;
        // A product of weights costs far less than proving it; beyond that it is a mistake.
        elements(&[self.rows, self.columns, other.columns])?;
        let cell = |row: usize, column: usize| {
            (0..self.columns)
                .map(|k| self.at(row, k) * other.at(k, column))
                .sum()
        };
        Ok((0..self.rows)
            .flat_map(|row| (0..other.columns).map(move |column| (row, column)))
            .map(|(row, column)| cell(row, column))
            .collect())
    }
}

pub(super) fn gemm(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&["alpha", "beta", "transA", "transB"])?;
    call.at_most(3)?;
    let transposed_a = call.int("transA", 0) != 0;
    let (alpha, beta) = (call.float("alpha", 1.0), call.float("beta", 1.0));
    let a = call.input(0)?;
    let b = Matrix::new(call.constant(1, "matrix")?, call.int("transB", 0) != 0)?;
    let rows = match a {
        Value::Constant(tensor) => Matrix::new(tensor, transposed_a)?.rows,
        Value::Activations { .. } => 1,
    };
    let dims = vec![rows, b.columns];
    let addend = match call.inputs.get(2).copied().flatten() {
        None => None,
        Some(_) => {
            let c = call.constant(2, "bias")?;
            if broadcast(&dims, &c.dims).as_ref() != Ok(&dims) {
                return Err(format!(
                    "a bias of shape {:?} does not fit {dims:?}",
                    c.dims
                ));
            }
            Some(expand(c.floats()?, &c.dims, &dims))
        }
    };
    match a {
        Value::Constant(tensor) => {
            let mut product = Matrix::new(tensor, transposed_a)?.product(&b)?;
            product.iter_mut().for_each(|v| *v *= alpha);
            for (v, c) in product.iter_mut().zip(addend.iter().flatten()) {
                *v += beta * c;
            }
            Ok(Value::Constant(Tensor::float(dims, product)))
        }
        Value::Activations { dims: shape, .. } => {
            let fits = match (&shape[..], transposed_a) {
                ([1, width], false) | ([width, 1], true) => *width == b.rows,
                _ => false,
            };
            if !fits {
                return Err(mismatch(shape, b.rows, b.columns));
            }
            let weights = b.weights(f64::from(alpha));
            let bias = match addend {
                Some(c) => c
                    .into_iter()
                    .map(|c| f64::from(beta) * f64::from(c))
                    .collect(),
                None => vec![0.0; b.columns],
            };
            call.step(dims, |chain, node| chain.linear(node, &weights, &bias))
        }
    }
}

pub(super) fn matmul(call: &mut Call<'_>) -> Result<Value, String> {
    call.attributes(&[])?;
    call.at_most(2)?;
    let matrix = call.constant(1, "right operand")?;
    // A vector on the right is one column, which the result then lacks.
    let column = match matrix.dims[..] {
        [rows] => Some(Tensor::float(vec![rows, 1], matrix.floats()?.to_vec())),
        _ => None,
    };
    let b = Matrix::new(column.as_ref().unwrap_or(matrix), false)?;
    match call.input(0)? {
        Value::Constant(tensor) => {
            let a = Matrix::new(tensor, false)?;
            let mut dims = vec![a.rows, b.columns];
            if column.is_some() {
                dims.pop();
            }
            Ok(Value::Constant(Tensor::float(dims, a.product(&b)?)))
        }
        Value::Activations { dims: shape, .. } => {
            let Some((last, leading)) = shape.split_last() else {
                return Err("multiplies a single number; use Mul".into());
            };
            if *last != b.rows || leading.iter().any(|d| *d != 1) {
                return Err(mismatch(shape, b.rows, b.columns));
            }
            let mut dims = leading.to_vec();
            if column.is_none() {
                dims.push(b.columns);
            }
            let (weights, bias) = (b.weights(1.0), vec![0.0; b.columns]);
            call.step(dims, |chain, node| chain.linear(node, &weights, &bias))
        }
    }
}

fn mismatch(shape: &[usize], rows: usize, columns: usize) -> String {
    format!(
        "activations of shape {shape:?} do not fit a {rows} × {columns} matrix; supported is \
         one row of {rows} values"
    )
}
