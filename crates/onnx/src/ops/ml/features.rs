//! Preprocessing: Scaler, Normalizer, Imputer, Binarizer, FeatureVectorizer, OneHotEncoder.

use haloracle_model::graph::{BranchMode, Function, Step};

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::ops::join::join;
use crate::shape::groups;
use crate::value::{Elem, Kind, Value};

/// The elements of a tensor that is one row of features.
pub(super) fn one_row(value: &Value) -> Result<Vec<Elem>, String> {
    match value.dims() {
        [_] | [1, _] => value.elems(),
        other => Err(format!("takes one row of features, not shape {other:?}")),
    }
}

/// One parameter per feature, from a list of one or of all.
fn per_feature<T: Copy>(name: &str, values: &[T], count: usize) -> Result<Vec<T>, String> {
    match values {
        [one] => Ok(vec![*one; count]),
        all if all.len() == count => Ok(all.to_vec()),
        all => Err(format!(
            "`{name}` has {} values for {count} features",
            all.len()
        )),
    }
}

/// `(x − offset) · scale`, in float32.
pub(in crate::ops) fn scaler(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["offset", "scale"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let row = one_row(value)?;
    let offset = per_feature("offset", call.floats("offset")?, row.len())?;
    let scale = per_feature("scale", call.floats("scale")?, row.len())?;
    let mut elems = Vec::with_capacity(row.len());
    for ((elem, offset), scale) in row.iter().zip(offset).zip(scale) {
        let moved = call
            .builder
            .step(*elem, Pending::Float(Step::Sub(offset)))?;
        elems.push(call.builder.step(moved, Pending::Float(Step::Mul(scale)))?);
    }
    Ok(vec![Value::float(value.dims().to_vec(), elems)])
}

pub(in crate::ops) fn normalizer(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["norm"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let row = one_row(value)?;
    let norm = call.text("norm", "MAX")?;
    let elems = match norm.as_str() {
        "L1" => normalized(call.builder, &row, Norm::L1)?,
        "L2" => normalized(call.builder, &row, Norm::L2)?,
        "MAX" => {
            // Divides by the largest, unless that is 0.
            let top = call.builder.max(std::slice::from_ref(&row))?;
            let zero = call.builder.map(Function::Zero, &top)?;
            let sum = Combo::sum(&[(top[0], 1.0), (zero[0], 1.0)]);
            let divisor = call.builder.combine(vec![sum])?;
            divided(call.builder, &row, divisor[0])?
        }
        other => {
            return Err(format!(
                "attribute `norm` is `{other}`; supported are MAX, L1 and L2"
            ));
        }
    };
    Ok(vec![Value::float(value.dims().to_vec(), elems)])
}

/// LpNormalization of ONNX, along one axis.
pub(in crate::ops) fn lp_normalization(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis", "p"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let axis = crate::shape::axis(call.int("axis", -1)?, value.dims().len())?;
    let norm = match call.int("p", 2)? {
        1 => Norm::L1,
        2 => Norm::L2,
        other => return Err(format!("attribute `p` is {other}; supported are 1 and 2")),
    };
    let elems = value.elems()?;
    let mut out = elems.clone();
    for group in groups(value.dims(), &[axis]).1 {
        let own: Vec<Elem> = group.iter().map(|at| elems[*at]).collect();
        for (at, elem) in group.iter().zip(normalized(call.builder, &own, norm)?) {
            out[*at] = elem;
        }
    }
    Ok(vec![Value::wires(value.dims().to_vec(), out, value.kind())])
}

/// A norm.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Norm {
    L1,
    L2,
}

/// `x` divided by its norm; 0 where the norm is 0.
fn normalized(builder: &mut Builder, row: &[Elem], norm: Norm) -> Result<Vec<Elem>, String> {
    if norm == Norm::L1 && builder.is_distribution(row) {
        return Ok(row.to_vec());
    }
    let length = match norm {
        Norm::L1 => {
            let sizes = builder.map(Function::Abs, row)?;
            let terms: Vec<(Elem, f64)> = sizes.iter().map(|e| (*e, 1.0)).collect();
            let sum = builder.combine(vec![Combo::sum(&terms)])?[0];
            if builder.are_positive(&sizes) {
                return divided(builder, row, sum);
            }
            sum
        }
        Norm::L2 => {
            let squares = row.iter().map(|e| (*e, *e, 1.0)).collect();
            let sum = Combo {
                products: squares,
                ..Combo::default()
            };
            let sum = builder.combine(vec![sum])?;
            builder.map(Function::Sqrt, &sum)?[0]
        }
    };
    // Where the norm is 0 all elements are: divided by anything they stay 0.
    let length = builder.map(
        Function::Clip(f64::from(f32::MIN_POSITIVE), f64::INFINITY),
        &[length],
    )?;
    divided(builder, row, length[0])
}

fn divided(builder: &mut Builder, row: &[Elem], by: Elem) -> Result<Vec<Elem>, String> {
    let inverse = builder.map(Function::Reciprocal, &[by])?[0];
    builder.combine(row.iter().map(|e| Combo::product(*e, inverse)).collect())
}

/// Imputer: NaN never comes in, since inputs are fixed-point numbers; any other value is
/// replaced where it occurs.
pub(in crate::ops) fn imputer(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "imputed_value_floats",
        "imputed_value_int64s",
        "replaced_value_float",
        "replaced_value_int64",
    ])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let row = one_row(value)?;
    let floats = call.floats("imputed_value_floats")?;
    let ints = call.ints("imputed_value_int64s")?.unwrap_or_default();
    let (imputed, replaced) = match (floats.is_empty(), ints.is_empty()) {
        (false, true) => (
            floats.to_vec(),
            call.any_float("replaced_value_float")?.unwrap_or(0.0),
        ),
        (true, false) => (
            ints.iter().map(|v| *v as f32).collect(),
            call.int("replaced_value_int64", 0)? as f32,
        ),
        _ => return Err("needs `imputed_value_floats` or `imputed_value_int64s`".into()),
    };
    if replaced.is_infinite() {
        return Err(format!("replaces {replaced}, which no input can be"));
    }
    if replaced.is_nan() {
        return Ok(vec![value.clone()]);
    }
    let imputed = per_feature("imputed_value", &imputed, row.len())?;
    let mut elems = Vec::with_capacity(row.len());
    for (elem, to) in row.iter().zip(imputed) {
        let step = Pending::Replace { from: replaced, to };
        elems.push(call.builder.step(*elem, step)?);
    }
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

pub(in crate::ops) fn binarizer(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["threshold"])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let threshold = f64::from(call.float("threshold", 0.0)?);
    let asked: Vec<_> = value
        .elems()?
        .into_iter()
        .map(|elem| (elem, BranchMode::Gt, threshold))
        .collect();
    let elems = call.builder.indicators(&asked)?;
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

/// FeatureVectorizer: its inputs side by side, as float32.
pub(in crate::ops) fn feature_vectorizer(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["inputdimensions"])?;
    let sizes = call.ints("inputdimensions")?.unwrap_or_default();
    if !sizes.is_empty() && sizes.len() != call.inputs.len() {
        return Err("`inputdimensions` does not fit its inputs".into());
    }
    let mut parts = Vec::new();
    for index in 0..call.inputs.len() {
        let row = one_row(call.input(index)?)?;
        if sizes
            .get(index)
            .is_some_and(|size| *size != row.len() as i64)
        {
            return Err(format!(
                "input {index} has {} features, not {}",
                row.len(),
                sizes[index]
            ));
        }
        parts.push(Value::float(vec![1, row.len()], row));
    }
    let parts: Vec<&Value> = parts.iter().collect();
    Ok(vec![join(&parts, 1)?])
}

/// OneHotEncoder of numbers: 1 for the category that `x` is, else 0.
pub(in crate::ops) fn one_hot_encoder(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["cats_int64s", "cats_strings", "zeros"])?;
    call.at_most(1)?;
    if call.has("cats_strings") {
        return Err(
            "attribute `cats_strings` is not supported: inputs are numbers; supported is \
                    cats_int64s"
                .into(),
        );
    }
    let categories = call.ints("cats_int64s")?.unwrap_or_default();
    if categories.is_empty() {
        return Err("needs `cats_int64s`".into());
    }
    if !call.flag("zeros", true)? {
        return Err(
            "attribute `zeros` is 0: an unknown category would be an error, which a proof \
                    cannot be; supported is 1"
                .into(),
        );
    }
    let value = call.input(0)?;
    if let Kind::Text(_) | Kind::Bool = value.kind() {
        return Err(format!("encodes {} values", value.kind().name()));
    }
    let mut asked = Vec::new();
    for elem in value.elems()? {
        for category in categories {
            asked.push((elem, BranchMode::Eq, *category as f64));
        }
    }
    let elems = call.builder.indicators(&asked)?;
    let mut dims = value.dims().to_vec();
    dims.push(categories.len());
    Ok(vec![Value::float(dims, elems)])
}
