//! Functions of one number.

use haloracle_model::graph::Function;

use super::arithmetic::{Binary, constant_step};
use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{broadcast, expand};
use crate::tensor::Tensor;
use crate::value::{Elem, Kind, Value};

/// `function` of every element, once attributes are checked.
pub(super) fn apply(call: &mut Call<'_>, function: Function) -> Outcome {
    call.at_most(1)?;
    Ok(vec![mapped(call.builder, call.input(0)?, function)?])
}

/// `function` of every element.
pub(super) fn mapped(
    builder: &mut Builder,
    value: &Value,
    function: Function,
) -> Result<Value, String> {
    if let Kind::Text(_) = value.kind() {
        return Err("computes with strings".into());
    }
    if let Value::Constant(tensor) = value {
        let values: Vec<f64> = tensor.reals()?.iter().map(|v| function.apply(*v)).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err("a function of a constant is not a finite number".into());
        }
        let result = Tensor::from_reals(tensor.dims.clone(), &values, tensor.kind());
        return Ok(Value::Constant(result));
    }
    let elems = builder.map(function, &value.elems()?)?;
    Ok(Value::wires(value.dims().to_vec(), elems, value.kind()))
}

macro_rules! plain {
    ($($name:ident => $function:expr;)*) => {
        $(pub(super) fn $name(call: &mut Call<'_>) -> Outcome {
            call.attributes(&[])?;
            apply(call, $function)
        })*
    };
}

plain! {
    relu => Function::Relu;
    sigmoid => Function::Sigmoid;
    tanh => Function::Tanh;
    exp => Function::Exp;
    log => Function::Log;
    sqrt => Function::Sqrt;
    reciprocal => Function::Reciprocal;
    abs => Function::Abs;
    erf => Function::Erf;
    softplus => Function::Softplus;
    softsign => Function::Softsign;
    hard_swish => Function::HardSwish;
    floor => Function::Floor;
    ceil => Function::Ceil;
    round => Function::Round;
    sign => Function::Sign;
}

pub(super) fn leaky_relu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha"])?;
    let alpha = call.float("alpha", 0.01)?;
    apply(call, Function::LeakyRelu(alpha.into()))
}

pub(super) fn thresholded_relu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha"])?;
    call.at_most(1)?;
    let alpha = f64::from(call.float("alpha", 1.0)?);
    // x where x > alpha, else 0: alpha · [x > alpha] + max(x − alpha, 0).
    let value = call.input(0)?;
    let above = call
        .builder
        .step_all(&value.elems()?, &[constant_step(Binary::Sub, alpha)])?;
    let step = call.builder.map(Function::Positive, &above)?;
    let rest = call.builder.map(Function::Relu, &above)?;
    let sum = |(step, rest): (&Elem, &Elem)| Combo::sum(&[(*step, alpha), (*rest, 1.0)]);
    let combos = step.iter().zip(&rest).map(sum).collect();
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

pub(super) fn hard_sigmoid(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha", "beta"])?;
    let (alpha, beta) = (call.float("alpha", 0.2)?, call.float("beta", 0.5)?);
    apply(call, Function::HardSigmoid(alpha.into(), beta.into()))
}

pub(super) fn elu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha"])?;
    let alpha = call.float("alpha", 1.0)?;
    apply(call, Function::Elu(alpha.into()))
}

pub(super) fn celu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha"])?;
    call.at_most(1)?;
    // max(x, 0) + min(alpha (e^(x / alpha) − 1), 0) = alpha · elu(x / alpha), with elu's alpha 1.
    let alpha = f64::from(call.float("alpha", 1.0)?);
    if alpha <= 0.0 {
        return Err(format!("attribute `alpha` is {alpha}; it must be above 0"));
    }
    let value = call.input(0)?;
    let inner = call
        .builder
        .step_all(&value.elems()?, &[constant_step(Binary::Div, alpha)])?;
    let elu = call.builder.map(Function::Elu(1.0), &inner)?;
    let elems = call
        .builder
        .step_all(&elu, &[constant_step(Binary::Mul, alpha)])?;
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

pub(super) fn selu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["alpha", "gamma"])?;
    let alpha = call.float("alpha", 1.673_263_2)?;
    let gamma = call.float("gamma", 1.050_701)?;
    apply(call, Function::Selu(alpha.into(), gamma.into()))
}

pub(super) fn gelu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["approximate"])?;
    match call.text("approximate", "none")?.as_str() {
        "none" => apply(call, Function::Gelu),
        "tanh" => apply(call, Function::GeluTanh),
        other => Err(format!(
            "attribute `approximate` is `{other}`; supported are none and tanh"
        )),
    }
}

/// `x · tanh(ln(1 + e^x))`.
pub(super) fn mish(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let elems = value.elems()?;
    let inner = call.builder.map(Function::Softplus, &elems)?;
    let gate = call.builder.map(Function::Tanh, &inner)?;
    let pairs = elems.iter().zip(&gate);
    let combos = pairs.map(|(x, gate)| Combo::product(*x, *gate)).collect();
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

/// PRelu: `max(x, 0) − slope · max(−x, 0)`, with the slope broadcast to the input.
pub(super) fn prelu(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let value = call.input(0)?;
    let slope = call.constant(1, "slope")?;
    let dims = value.dims().to_vec();
    if broadcast(&dims, &slope.dims).as_ref() != Ok(&dims) {
        return Err(format!(
            "a slope of shape {:?} does not fit {dims:?}",
            slope.dims
        ));
    }
    let slopes = slope.reals()?;
    let slopes: Vec<f64> = expand(&slope.dims, &dims)
        .iter()
        .map(|at| slopes[*at])
        .collect();
    let elems = value.elems()?;
    if let Some(first) = slopes.first()
        && slopes.iter().all(|s| s == first)
    {
        let elems = call.builder.map(Function::LeakyRelu(*first), &elems)?;
        return Ok(vec![Value::wires(dims, elems, value.kind())]);
    }
    let above = call.builder.map(Function::Relu, &elems)?;
    // slope · min(x, 0) = slope · (x − max(x, 0)).
    let sum = |((x, above), slope): ((&Elem, &Elem), &f64)| {
        Combo::sum(&[(*x, *slope), (*above, 1.0 - slope)])
    };
    let combos = elems.iter().zip(&above).zip(&slopes).map(sum).collect();
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(dims, elems, value.kind())])
}

/// Clip: bounds were attributes before opset 11 and are inputs since.
pub(super) fn clip(call: &mut Call<'_>) -> Outcome {
    let (lo, hi) = if call.opset < 11 {
        call.attributes(&["min", "max"])?;
        call.at_most(1)?;
        (
            call.any_float("min")?.map(f64::from),
            call.any_float("max")?.map(f64::from),
        )
    } else {
        call.attributes(&[])?;
        call.at_most(3)?;
        let bound = |index, role| -> Result<Option<f64>, String> {
            match call.optional_constant(index, role)? {
                Some(tensor) => Ok(Some(tensor.scalar()?)),
                None => Ok(None),
            }
        };
        (bound(1, "lower bound")?, bound(2, "upper bound")?)
    };
    // Exporters write the largest float32 for "no bound".
    let widest = f64::from(f32::MAX);
    let lo = lo.filter(|v| *v > -widest);
    let hi = hi.filter(|v| *v < widest);
    if lo.is_some_and(f64::is_nan) || hi.is_some_and(f64::is_nan) {
        return Err("a bound is not a number".into());
    }
    let value = call.input(0)?;
    let function = match (lo, hi) {
        (None, None) => return Ok(vec![value.clone()]),
        (Some(0.0), None) => Function::Relu,
        (lo, hi) => Function::Clip(lo.unwrap_or(f64::NEG_INFINITY), hi.unwrap_or(f64::INFINITY)),
    };
    Ok(vec![mapped(call.builder, value, function)?])
}

/// Pow with a constant exponent.
pub(super) fn pow(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(2)?;
    let base = call.input(0)?;
    let exponent = call.constant(1, "exponent")?;
    let powers = exponent.reals()?;
    if let Value::Constant(base) = base {
        let dims = broadcast(&base.dims, &exponent.dims)?;
        let values = base.reals()?;
        let pairs = expand(&base.dims, &dims)
            .into_iter()
            .zip(expand(&exponent.dims, &dims));
        let values: Vec<f64> = pairs.map(|(i, j)| values[i].powf(powers[j])).collect();
        if values.iter().any(|v| !v.is_finite()) {
            return Err("a power of a constant is not a finite number".into());
        }
        return Ok(vec![Value::Constant(Tensor::from_reals(
            dims,
            &values,
            base.kind(),
        ))]);
    }
    let dims = broadcast(base.dims(), &exponent.dims)?;
    let elems = base.elems()?;
    let mut out: Vec<Elem> = expand(base.dims(), &dims)
        .iter()
        .map(|at| elems[*at])
        .collect();
    let exponents: Vec<f64> = expand(&exponent.dims, &dims)
        .iter()
        .map(|at| powers[*at])
        .collect();
    let mut distinct = powers;
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    for power in distinct {
        let own: Vec<usize> = (0..out.len())
            .filter(|at| exponents[*at] == power)
            .collect();
        let bases: Vec<Elem> = own.iter().map(|at| out[*at]).collect();
        for (at, elem) in own.into_iter().zip(raised(call.builder, &bases, power)?) {
            out[at] = elem;
        }
    }
    Ok(vec![Value::wires(dims, out, base.kind())])
}

/// `x^power`.
pub(super) fn raised(
    builder: &mut Builder,
    elems: &[Elem],
    power: f64,
) -> Result<Vec<Elem>, String> {
    let roots = |builder: &mut Builder| builder.map(Function::Sqrt, elems);
    match power {
        1.0 => Ok(elems.to_vec()),
        0.0 => Ok(vec![Elem::Const(1.0); elems.len()]),
        -1.0 => builder.map(Function::Reciprocal, elems),
        0.5 => roots(builder),
        -0.5 => {
            let roots = roots(builder)?;
            builder.map(Function::Reciprocal, &roots)
        }
        p if p.fract() == 0.0 && p.abs() <= 64.0 => builder.map(Function::Power(p as i32), elems),
        p => {
            // x^p = e^(p ln x), for x above 0, as the power of a negative number is not a number.
            let logs = builder.map(Function::Log, elems)?;
            let scaled = builder.step_all(&logs, &[constant_step(Binary::Mul, p)])?;
            builder.map(Function::Exp, &scaled)
        }
    }
}

/// Shrink: `x + bias` below `−lambd`, `x − bias` above `lambd`, 0 between.
pub(super) fn shrink(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["bias", "lambd"])?;
    call.at_most(1)?;
    let (bias, lambd) = (call.float("bias", 0.0)?, call.float("lambd", 0.5)?);
    let (bias, lambd) = (f64::from(bias), f64::from(lambd));
    if lambd < 0.0 {
        return Err(format!(
            "attribute `lambd` is {lambd}; it must not be negative"
        ));
    }
    let value = call.input(0)?;
    let elems = value.elems()?;
    // relu(x − λ) + (λ − b)[x > λ], and its mirror image.
    let side = |builder: &mut Builder, elems: &[Elem]| -> Result<(Vec<Elem>, Vec<Elem>), String> {
        let above = builder.step_all(elems, &[constant_step(Binary::Sub, lambd)])?;
        Ok((
            builder.map(Function::Relu, &above)?,
            builder.map(Function::Positive, &above)?,
        ))
    };
    let negated = call.builder.step_all(&elems, &[Pending::NEGATE])?;
    let (up, is_up) = side(call.builder, &elems)?;
    let (down, is_down) = side(call.builder, &negated)?;
    let mut combos = Vec::with_capacity(elems.len());
    for at in 0..elems.len() {
        combos.push(Combo::sum(&[
            (up[at], 1.0),
            (is_up[at], lambd - bias),
            (down[at], -1.0),
            (is_down[at], bias - lambd),
        ]));
    }
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}
