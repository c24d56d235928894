//! Gemm and MatMul.

use super::arithmetic::{Binary, binary, constants};
use crate::builder::{Builder, Combo};
use crate::call::{Call, Outcome};
use crate::shape::{broadcast, elements, expand, strides, transpose, walk, wire_elements};
use crate::tensor::Tensor;
use crate::value::{Elem, Value};

pub(super) fn gemm(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha", "beta", "transA", "transB"])?;
    call.at_most(3)?;
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let a = matrix(call.input(0)?, call.int("transA", 0)? != 0)?;
    let b = matrix(call.input(1)?, call.int("transB", 0)? != 0)?;
    let dims = vec![a.dims()[0], b.dims()[1]];
    let addend = call.optional(2);
    if let Some(c) = addend
        && broadcast(&dims, c.dims()).as_ref() != Ok(&dims)
    {
        return Err(format!(
            "a bias of shape {:?} does not fit {dims:?}",
            c.dims()
        ));
    }
    if let (Value::Constant(a), Value::Constant(b)) = (&a, &b) {
        let scalar = |v: f32| Tensor::float(Vec::new(), vec![v]);
        let mut product = constants(Binary::Mul, &constant_product(a, b)?, &scalar(alpha))?;
        match addend {
            None => {}
            Some(Value::Constant(c)) => {
                let c = constants(Binary::Mul, c, &scalar(beta))?;
                product = constants(Binary::Add, &product, &c)?;
            }
            Some(c) => {
                let beta = Value::Constant(scalar(beta));
                let c = binary(call.builder, Binary::Mul, c, &beta)?;
                return Ok(vec![binary(
                    call.builder,
                    Binary::Add,
                    &c,
                    &Value::Constant(product),
                )?]);
            }
        }
        return Ok(vec![Value::Constant(product)]);
    }
    // The bias of one row of activations is part of the layer.
    if let (Value::Wires(_), Value::Constant(weights), [1, units]) = (&a, &b, &dims[..]) {
        let bias = match addend {
            None => Some(vec![0.0; *units]),
            Some(Value::Constant(c)) => {
                let values = c.reals()?;
                let values = expand(&c.dims, &dims).into_iter().map(|at| values[at]);
                Some(values.map(|c| f64::from(beta) * c).collect())
            }
            Some(Value::Wires(_)) => None,
        };
        if let Some(bias) = bias {
            if a.dims()[1] != weights.dims[0] {
                return Err(mismatch(a.dims(), &weights.dims));
            }
            let weights = rows(weights, f64::from(alpha))?;
            let elems = call.builder.dense(&a.elems()?, weights, bias)?;
            return Ok(vec![Value::float(dims, elems)]);
        }
    }
    let scale = |builder: &mut Builder, value: &Value, by: f32| {
        let by = Value::Constant(Tensor::float(Vec::new(), vec![by]));
        binary(builder, Binary::Mul, value, &by)
    };
    let product = product(call.builder, &a, &b)?;
    let mut result = scale(call.builder, &product, alpha)?;
    if let Some(c) = addend {
        let c = scale(call.builder, c, beta)?;
        result = binary(call.builder, Binary::Add, &result, &c)?;
    }
    Ok(vec![result])
}

pub(super) fn matmul(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    Ok(vec![product(call.builder, a, b)?])
}

/// A matrix of two axes, transposed if asked.
fn matrix(value: &Value, transposed: bool) -> Result<Value, String> {
    let [_, _] = value.dims() else {
        return Err(format!(
            "a matrix has shape {:?}; it must have two axes",
            value.dims()
        ));
    };
    if !transposed {
        return Ok(value.clone());
    }
    let (dims, indices) = transpose(value.dims(), &[1, 0]);
    Ok(value.select(dims, &indices))
}

/// numpy's `matmul`.
pub(super) fn product(builder: &mut Builder, a: &Value, b: &Value) -> Result<Value, String> {
    let (rank_a, rank_b) = (a.dims().len(), b.dims().len());
    if rank_a == 0 || rank_b == 0 {
        return Err("multiplies a single number as a matrix; use Mul".into());
    }
    // A vector on the left is one row, on the right one column; the result lacks that axis.
    let a2 = if rank_a == 1 {
        a.reshaped(vec![1, a.len()])
    } else {
        a.clone()
    };
    let b2 = if rank_b == 1 {
        b.reshaped(vec![b.len(), 1])
    } else {
        b.clone()
    };
    let mut value = stacked(builder, a2, b2)?;
    let mut dims = value.dims().to_vec();
    if rank_b == 1 {
        dims.pop();
    }
    if rank_a == 1 {
        dims.remove(dims.len() - usize::from(rank_b != 1) - 1);
    }
    value = value.reshaped(dims);
    Ok(value)
}

fn mismatch(a: &[usize], b: &[usize]) -> String {
    format!("cannot multiply shapes {a:?} and {b:?}: their inner sizes differ")
}

/// Matrices with at least two axes, stacked along the others.
fn stacked(builder: &mut Builder, a: Value, b: Value) -> Result<Value, String> {
    let (rank_a, rank_b) = (a.dims().len(), b.dims().len());
    let (rows, inner) = (a.dims()[rank_a - 2], a.dims()[rank_a - 1]);
    let columns = b.dims()[rank_b - 1];
    if b.dims()[rank_b - 2] != inner {
        return Err(mismatch(a.dims(), b.dims()));
    }
    let stack_a = a.dims()[..rank_a - 2].to_vec();
    let stack_b = b.dims()[..rank_b - 2].to_vec();
    let stack = broadcast(&stack_a, &stack_b)?;
    let mut dims = stack.clone();
    dims.extend([rows, columns]);
    elements(&dims)?;
    if inner == 0 || dims.contains(&0) {
        return Err("multiplies by an empty matrix".into());
    }
    // One matrix on the right: all rows on the left are one matrix.
    if stack_b.iter().all(|d| *d == 1) && stack.iter().product::<usize>() > 1 {
        let left = a.reshaped(vec![a.len() / inner, inner]);
        let right = b.reshaped(vec![inner, columns]);
        return Ok(flat(builder, &left, &right)?.reshaped(dims));
    }
    let pick = |value: &Value, own: &[usize], height: usize, width: usize| {
        let size = height * width;
        let value = value.clone();
        expand(own, &stack).into_iter().map(move |at| {
            let indices: Vec<usize> = (at * size..(at + 1) * size).collect();
            value.select(vec![height, width], &indices)
        })
    };
    let lefts = pick(&a, &stack_a, rows, inner);
    let rights = pick(&b, &stack_b, inner, columns);
    let parts = lefts
        .zip(rights)
        .map(|(a, b)| flat(builder, &a, &b))
        .collect::<Result<Vec<_>, _>>()?;
    if let [part] = &parts[..] {
        return Ok(part.reshaped(dims));
    }
    if parts.iter().all(|part| matches!(part, Value::Constant(_))) {
        let mut values = Vec::new();
        for part in &parts {
            if let Value::Constant(tensor) = part {
                values.extend_from_slice(tensor.floats()?);
            }
        }
        return Ok(Value::Constant(Tensor::float(dims, values)));
    }
    let mut elems = Vec::new();
    for part in &parts {
        elems.extend(part.elems()?);
    }
    Ok(Value::wires(dims, elems, parts[0].kind()))
}

/// Two matrices of two axes each.
fn flat(builder: &mut Builder, a: &Value, b: &Value) -> Result<Value, String> {
    let (dims_a, dims_b) = (a.dims(), b.dims());
    let [rows, inner, columns] = [dims_a[0], dims_a[1], dims_b[1]];
    if dims_b[0] != inner {
        return Err(mismatch(dims_a, dims_b));
    }
    let dims = vec![rows, columns];
    let elems = match (a, b) {
        (Value::Constant(a), Value::Constant(b)) => {
            return Ok(Value::Constant(constant_product(a, b)?));
        }
        (Value::Wires(wires), Value::Constant(weights)) if rows == 1 => {
            builder.dense(&wires.elems, self::rows(weights, 1.0)?, vec![0.0; columns])?
        }
        (Value::Constant(weights), Value::Wires(wires)) if columns == 1 => {
            let weights = weights.reals()?;
            let weights = weights.chunks(inner).map(<[f64]>::to_vec).collect();
            builder.dense(&wires.elems, weights, vec![0.0; rows])?
        }
        (Value::Wires(wires), Value::Constant(weights)) => {
            // Several rows share the matrix: a convolution with kernels of one tap over the rows.
            let (_, order) = transpose(dims_a, &[1, 0]);
            let inputs: Vec<Elem> = order.iter().map(|at| wires.elems[*at]).collect();
            let weights = self::rows(weights, 1.0)?.concat();
            let made = pointwise(builder, &inputs, [inner, rows, columns], weights)?;
            let (_, order) = transpose(&[columns, rows], &[1, 0]);
            order.iter().map(|at| made[*at]).collect()
        }
        (Value::Constant(weights), Value::Wires(wires)) => pointwise(
            builder,
            &wires.elems,
            [inner, columns, rows],
            weights.reals()?,
        )?,
        (Value::Wires(a), Value::Wires(b)) => {
            wire_elements(&dims)?;
            elements(&[rows, inner, columns])?;
            let cell = |row: usize, column: usize| {
                let mut combo = Combo::default();
                for k in 0..inner {
                    let pair = (a.elems[row * inner + k], b.elems[k * columns + column], 1.0);
                    combo.products.push(pair);
                }
                combo
            };
            let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            let combos = cells.map(|(row, column)| cell(row, column)).collect();
            builder.combine(combos)?
        }
    };
    let kind = if let Value::Wires(_) = a { a } else { b }.kind();
    Ok(Value::wires(dims, elems, kind))
}

/// `weights · x` for each of many columns `x` of `inputs`.
fn pointwise(
    builder: &mut Builder,
    inputs: &[Elem],
    [channels, width, filters]: [usize; 3],
    weights: Vec<f64>,
) -> Result<Vec<Elem>, String> {
    let shape = super::pool::pointwise(channels, width, filters);
    builder.conv(inputs, shape, weights, vec![0.0; filters])
}

/// `weights[unit][input]` of `x · matrix`, times `factor`.
fn rows(matrix: &Tensor, factor: f64) -> Result<Vec<Vec<f64>>, String> {
    let values = matrix.reals()?;
    let (height, width) = (matrix.dims[0], matrix.dims[1]);
    let unit = |unit: usize| {
        (0..height)
            .map(|input| factor * values[input * width + unit])
            .collect()
    };
    Ok((0..width).map(unit).collect())
}

/// The product of two constant matrices, in float32.
fn constant_product(a: &Tensor, b: &Tensor) -> Result<Tensor, String> {
    let [rows, inner, columns] = [a.dims[0], a.dims[1], b.dims[1]];
    if b.dims[0] != inner {
        return Err(mismatch(&a.dims, &b.dims));
    }
    let dims = vec![rows, columns];
    elements(&dims)?;
    // A product of weights costs far less than proving it; beyond that it is a mistake.
    elements(&[rows, inner, columns])?;
    let (left, right) = (a.floats()?, b.floats()?);
    let step = strides(&b.dims)[0];
    let cell = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        let down = walk(&[inner], &[step], column);
        let pairs = left[row * inner..(row + 1) * inner].iter().zip(down);
        pairs.map(|(a, at)| a * right[at]).sum::<f32>()
    };
    let values: Vec<f32> = (0..rows * columns).map(cell).collect();
    if values.iter().all(|v| v.is_finite()) {
        Ok(Tensor::float(dims, values))
    } else {
        Err("a product of constant matrices overflows; every parameter must be finite".into())
    }
}
