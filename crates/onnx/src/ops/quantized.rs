//! Quantized operators, as the real-valued graph that they are: rounding and saturation included.

use haloracle_model::graph::Function;

use super::arithmetic::{Binary, binary, largest};
use super::conv::{Weights, convolution};
use super::linear::product;
use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{axis as position, broadcast, expand};
use crate::tensor::{Data, FLOAT, INT32, Tensor, UINT8, range, type_name};
use crate::value::{Elem, Kind, Value};

/// A scale or zero point with one number, or one per position of an axis, in a shape that
/// broadcasts to tensors of `rank` axes.
fn along(tensor: &Tensor, rank: usize, axis: i64) -> Result<Tensor, String> {
    match tensor.dims[..] {
        [] | [1] => Ok(Tensor {
            dims: Vec::new(),
            data: tensor.data.clone(),
        }),
        [count] => {
            let mut dims = vec![1; rank];
            dims[position(axis, rank)?] = count;
            Ok(Tensor {
                dims,
                data: tensor.data.clone(),
            })
        }
        _ => Err(format!(
            "has a scale or zero point of shape {:?}; supported are one number, or one per \
             position of an axis",
            tensor.dims
        )),
    }
}

/// Rejects blocks, and 8-bit floats.
fn check_blocks(call: &Call<'_>) -> Result<(), String> {
    match call.int("block_size", 0)? {
        0 => Ok(()),
        size => Err(format!("attribute `block_size` is {size}; supported is 0")),
    }
}

/// The smallest and largest value of the type that is quantized to.
fn limits(kind: i64) -> Result<(i64, i64), String> {
    range(kind).ok_or_else(|| format!("quantizes to {}; supported are integers", type_name(kind)))
}

/// `saturate(round(x) + zero)` of every element.
fn saturate(
    builder: &mut Builder,
    elems: &[Elem],
    zero: &[Elem],
    (lo, hi): (i64, i64),
) -> Result<Vec<Elem>, String> {
    let whole = builder.map(Function::Round, elems)?;
    let sums = whole
        .iter()
        .zip(zero)
        .map(|(x, z)| Combo::sum(&[(*x, 1.0), (*z, 1.0)]));
    let sums = builder.combine(sums.collect())?;
    builder.map(Function::Clip(lo as f64, hi as f64), &sums)
}

/// The elements of a constant that broadcasts to `dims`.
fn spread(value: &Value, dims: &[usize]) -> Result<Vec<Elem>, String> {
    if broadcast(dims, value.dims())? != dims {
        return Err(format!(
            "a parameter of shape {:?} does not fit {dims:?}",
            value.dims()
        ));
    }
    let elems = value.elems()?;
    Ok(expand(value.dims(), dims)
        .iter()
        .map(|at| elems[*at])
        .collect())
}

pub(super) fn quantize_linear(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "axis",
        "block_size",
        "output_dtype",
        "precision",
        "saturate",
    ])?;
    call.at_most(3)?;
    check_blocks(call)?;
    let value = call.input(0)?;
    let (rank, axis) = (value.dims().len(), call.int("axis", 1)?);
    let scale = along(call.constant(1, "scale")?, rank, axis)?;
    let declared = call.int("output_dtype", 0)?;
    let zero = match call.optional_constant(2, "zero point")? {
        Some(zero) => along(zero, rank, axis)?,
        None => {
            let kind = if declared == 0 { UINT8 } else { declared };
            Tensor::from_reals(Vec::new(), &[0.0], kind)
        }
    };
    if declared != 0 && declared != zero.kind() {
        return Err("attribute `output_dtype` differs from the zero point's type".into());
    }
    let (lo, hi) = limits(zero.kind())?;
    if let Value::Constant(tensor) = value {
        let (x, s, z) = (tensor.floats()?, scale.floats()?, zero.reals()?);
        let (at_s, at_z) = (
            expand(&scale.dims, &tensor.dims),
            expand(&zero.dims, &tensor.dims),
        );
        let values = (0..x.len()).map(|at| {
            let whole = (x[at] / s[at_s[at]]).round_ties_even();
            (f64::from(whole) + z[at_z[at]]).clamp(lo as f64, hi as f64) as i64
        });
        let data = Data::Int(values.collect(), zero.kind());
        let dims = tensor.dims.clone();
        return Ok(vec![Value::Constant(Tensor { dims, data })]);
    }
    let scaled = binary(call.builder, Binary::Div, value, &Value::Constant(scale))?;
    let zero = spread(&Value::Constant(zero), value.dims())?;
    let elems = saturate(call.builder, &scaled.elems()?, &zero, (lo, hi))?;
    Ok(vec![Value::wires(value.dims().to_vec(), elems, Kind::Int)])
}

pub(super) fn dequantize_linear(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis", "block_size"])?;
    call.at_most(3)?;
    check_blocks(call)?;
    let value = call.input(0)?;
    let (rank, axis) = (value.dims().len(), call.int("axis", 1)?);
    let scale = along(call.constant(1, "scale")?, rank, axis)?;
    let zero = call.optional_constant(2, "zero point")?;
    let zero = zero.map(|zero| along(zero, rank, axis)).transpose()?;
    let moved = match (value, zero) {
        (value, None) => value.clone(),
        (Value::Constant(tensor), Some(zero)) => {
            // Differences of 8-bit numbers need more than 8 bits.
            let (tensor, zero) = (tensor.cast(INT32)?, zero.cast(INT32)?);
            Value::Constant(super::arithmetic::constants(Binary::Sub, &tensor, &zero)?)
        }
        (value, Some(zero)) => binary(call.builder, Binary::Sub, value, &Value::Constant(zero))?,
    };
    let real = match moved {
        Value::Constant(tensor) => Value::Constant(tensor.cast(FLOAT)?),
        Value::Wires(mut wires) => {
            wires.kind = Kind::Float;
            Value::Wires(wires)
        }
    };
    Ok(vec![binary(
        call.builder,
        Binary::Mul,
        &real,
        &Value::Constant(scale),
    )?])
}

/// `x − zero point`, as integers.
fn centred(builder: &mut Builder, value: &Value, zero: Option<Value>) -> Result<Value, String> {
    let whole = |value: &Value| match value {
        Value::Constant(tensor) => Ok(Value::Constant(tensor.cast(INT32)?)),
        wires => Ok::<_, String>(wires.clone()),
    };
    match zero {
        None => whole(value),
        Some(zero) => binary(builder, Binary::Sub, &whole(value)?, &whole(&zero)?),
    }
}

/// An input that may be absent, as a value that broadcasts along `axis`.
fn parameter(
    call: &Call<'_>,
    index: usize,
    rank: usize,
    axis: i64,
) -> Result<Option<Value>, String> {
    match call.optional(index) {
        None => Ok(None),
        Some(Value::Constant(tensor)) => Ok(Some(Value::Constant(along(tensor, rank, axis)?))),
        Some(value) if value.len() == 1 => Ok(Some(value.reshaped(Vec::new()))),
        Some(_) => Err(format!(
            "input {index} is no single number, and not constant"
        )),
    }
}

pub(super) fn mat_mul_integer(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(4)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    let zero_a = parameter(call, 2, a.dims().len(), -2)?;
    let zero_b = parameter(call, 3, b.dims().len(), -1)?;
    let a = centred(call.builder, a, zero_a)?;
    let b = centred(call.builder, b, zero_b)?;
    Ok(vec![product(call.builder, &a, &b)?])
}

/// The factor that takes exact sums to quantized results: `a · b / y`, per position of the last
/// scale.
fn factor(a: &Tensor, b: &Tensor, y: &Tensor) -> Result<Tensor, String> {
    let product = super::arithmetic::constants(Binary::Mul, a, b)?;
    super::arithmetic::constants(Binary::Div, &product, y)
}

pub(super) fn q_linear_mat_mul(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(8)?;
    let (a, b) = (call.input(0)?, call.input(3)?);
    let (rank_a, rank_b) = (a.dims().len(), b.dims().len());
    let scale_a = along(call.constant(1, "scale of a")?, rank_a, -2)?;
    let scale_b = along(call.constant(4, "scale of b")?, rank_b, -1)?;
    let scale_y = call.constant(6, "scale of the result")?;
    let zero_y = call.constant(7, "zero point of the result")?;
    if scale_y.len() != 1 || zero_y.len() != 1 {
        return Err("has several scales for its result; one is supported".into());
    }
    let zero_a = parameter(call, 2, rank_a, -2)?;
    let zero_b = parameter(call, 5, rank_b, -1)?;
    let a = centred(call.builder, a, zero_a)?;
    let b = centred(call.builder, b, zero_b)?;
    let sums = product(call.builder, &a, &b)?;
    let factor = factor(&scale_a, &scale_b, &along(scale_y, 1, 0)?)?;
    requantize(call.builder, &sums, factor, zero_y)
}

/// `saturate(round(sums · factor) + zero)`.
fn requantize(builder: &mut Builder, sums: &Value, factor: Tensor, zero: &Tensor) -> Outcome {
    let limits = limits(zero.kind())?;
    let elems = sums.elems()?;
    let factors = spread(&Value::Constant(factor), sums.dims())?;
    let mut scaled = Vec::with_capacity(elems.len());
    for (elem, factor) in elems.iter().zip(factors) {
        if let Elem::Const(c) = factor {
            let step = super::arithmetic::constant_step(Binary::Mul, c);
            scaled.push(builder.step(*elem, step)?);
        }
    }
    let zeros = vec![Elem::Const(zero.scalar()?); scaled.len()];
    let out = saturate(builder, &scaled, &zeros, limits)?;
    Ok(vec![Value::wires(sums.dims().to_vec(), out, Kind::Int)])
}

pub(super) fn conv_integer(call: &mut Call<'_>) -> Outcome {
    call.at_most(4)?;
    let x = call.input(0)?;
    let zero_x = parameter(call, 2, 0, 0)?;
    let x = centred(call.builder, x, zero_x)?;
    let w = call.constant(1, "weights")?;
    let zero_w = parameter(call, 3, w.dims.len(), 0)?;
    let weights = constant_weights(call.builder, w, zero_w)?;
    Ok(vec![convolution(call, &x, weights)?])
}

fn constant_weights(
    builder: &mut Builder,
    w: &Tensor,
    zero: Option<Value>,
) -> Result<Weights, String> {
    let centred = centred(builder, &Value::Constant(w.clone()), zero)?;
    let Value::Constant(tensor) = centred else {
        return Err("has a zero point of its weights that is not constant".into());
    };
    let filters = tensor.dims.first().copied().unwrap_or(0);
    Ok(Weights {
        dims: tensor.dims.clone(),
        values: tensor.reals()?,
        bias: vec![0.0; filters],
    })
}

pub(super) fn q_linear_conv(call: &mut Call<'_>) -> Outcome {
    call.at_most(9)?;
    let x = call.input(0)?;
    let w = call.constant(3, "weights")?;
    let scale_x = along(call.constant(1, "scale of x")?, 0, 0)?;
    let scale_y = along(call.constant(6, "scale of the result")?, 0, 0)?;
    let zero_y = call.constant(7, "zero point of the result")?;
    let zero_x = parameter(call, 2, 0, 0)?;
    let zero_w = parameter(call, 5, w.dims.len(), 0)?;
    let x = centred(call.builder, x, zero_x)?;
    let mut weights = constant_weights(call.builder, w, zero_w)?;
    if let Some(bias) = call.optional_constant(8, "bias")? {
        if bias.dims != [weights.bias.len()] {
            return Err(format!("a bias of shape {:?} does not fit", bias.dims));
        }
        weights.bias = bias.reals()?;
    }
    let sums = convolution(call, &x, weights)?;
    // One scale per filter belongs to the axis of channels.
    let scale_w = along(
        call.constant(4, "scale of the weights")?,
        sums.dims().len(),
        1,
    )?;
    let factor = factor(&scale_x, &scale_w, &scale_y)?;
    requantize(call.builder, &sums, factor, zero_y)
}

/// DynamicQuantizeLinear: scale and zero point from the smallest and largest element.
pub(super) fn dynamic_quantize_linear(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let elems = value.elems()?;
    if elems.is_empty() || value.kind() != Kind::Float {
        return Err("takes float32 values".into());
    }
    let mut with_zero = elems.clone();
    with_zero.push(Elem::Const(0.0));
    let builder = &mut *call.builder;
    let top = largest(builder, &[with_zero.clone()], false)?[0];
    let bottom = largest(builder, &[with_zero], true)?[0];
    let scale = Combo::sum(&[(top, 1.0 / 255.0), (bottom, -1.0 / 255.0)]);
    let scale = builder.combine(vec![scale])?[0];
    let inverse = builder.map(Function::Reciprocal, &[scale])?[0];
    let negated = builder.step(bottom, Pending::NEGATE)?;
    let zero = builder.combine(vec![Combo::product(negated, inverse)])?;
    let zero = builder.map(Function::Round, &zero)?;
    let zero = builder.map(Function::Clip(0.0, 255.0), &zero)?[0];
    let scaled = elems.iter().map(|x| Combo::product(*x, inverse)).collect();
    let scaled = builder.combine(scaled)?;
    let zeros = vec![zero; scaled.len()];
    let out = saturate(builder, &scaled, &zeros, (0, 255))?;
    Ok(vec![
        Value::wires(value.dims().to_vec(), out, Kind::Int),
        Value::float(Vec::new(), vec![scale]),
        Value::wires(Vec::new(), vec![zero], Kind::Int),
    ])
}
