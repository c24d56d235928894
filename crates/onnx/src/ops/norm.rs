//! BatchNormalization, LayerNormalization, InstanceNormalization, GroupNormalization.

use haloracle_model::graph::{Function, Step};

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::{axis, broadcast, expand, groups};
use crate::tensor::{Data, Tensor};
use crate::value::{Elem, Kind, Value};

pub(super) fn batch_normalization(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["epsilon", "momentum", "training_mode"])?;
    call.at_most(5)?;
    if call.flag("training_mode", false)? {
        return Err("is in training mode; export the model in inference mode".into());
    }
    let value = call.input(0)?;
    let channels = match value.dims() {
        [_, channels, ..] => *channels,
        other => return Err(format!("takes a tensor with channels, not shape {other:?}")),
    };
    let epsilon = f64::from(call.float("epsilon", 1e-5)?);
    let part = |index, role: &str| {
        let tensor = call.constant(index, role)?;
        if tensor.dims == [channels] {
            tensor.reals()
        } else {
            Err(format!(
                "its {role} has shape {:?}, not [{channels}]",
                tensor.dims
            ))
        }
    };
    let (scale, bias) = (part(1, "scale")?, part(2, "bias")?);
    let (mean, variance) = (part(3, "mean")?, part(4, "variance")?);
    // As runtimes do: one factor and one addend per channel.
    let mut steps = Vec::with_capacity(channels);
    for channel in 0..channels {
        let spread = (variance[channel] + epsilon).sqrt();
        if spread.is_nan() || spread == 0.0 {
            return Err(format!(
                "channel {channel} has variance {}",
                variance[channel]
            ));
        }
        let factor = scale[channel] / spread;
        steps.push(Pending::Affine(
            factor,
            bias[channel] - mean[channel] * factor,
        ));
    }
    let outer = value.dims()[0];
    let inner: usize = value.dims()[2..].iter().product();
    let mut elems = value.elems()?;
    for (at, elem) in elems.iter_mut().enumerate().take(outer * channels * inner) {
        *elem = call.builder.step(*elem, steps[at / inner % channels])?;
    }
    Ok(vec![Value::wires(
        value.dims().to_vec(),
        elems,
        value.kind(),
    )])
}

/// `(x − mean) / √(variance + ε)` in each group; one node per step for all groups together.
fn standardized(
    builder: &mut Builder,
    groups: &[Vec<Elem>],
    epsilon: f32,
) -> Result<Vec<Elem>, String> {
    let mean = |group: &Vec<Elem>| {
        let count = group.len() as f64;
        let terms: Vec<(Elem, f64)> = group.iter().map(|e| (*e, 1.0 / count)).collect();
        Combo::sum(&terms)
    };
    let means = builder.combine(groups.iter().map(mean).collect())?;
    let away = groups
        .iter()
        .zip(&means)
        .flat_map(|(group, mean)| {
            group
                .iter()
                .map(|e| Combo::sum(&[(*e, 1.0), (*mean, -1.0)]))
        })
        .collect();
    let away = builder.combine(away)?;
    let size = groups.first().map_or(1, Vec::len).max(1);
    let square = |group: &[Elem]| Combo {
        products: group
            .iter()
            .map(|e| (*e, *e, 1.0 / group.len() as f64))
            .collect(),
        ..Combo::default()
    };
    let variances = builder.combine(away.chunks(size).map(square).collect())?;
    let shifted = builder.step_all(&variances, &[Pending::Float(Step::Add(epsilon))])?;
    let spreads = builder.map(Function::Sqrt, &shifted)?;
    let inverses = builder.map(Function::Reciprocal, &spreads)?;
    let products = away
        .chunks(size)
        .zip(&inverses)
        .flat_map(|(group, inverse)| group.iter().map(|e| Combo::product(*e, *inverse)))
        .collect();
    builder.combine(products)
}

/// Standardizes each group, then multiplies and adds a constant per element.
fn normalize(
    call: &mut Call<'_>,
    value: &Value,
    members: &[Vec<usize>],
    epsilon: f32,
    scale: &[f64],
    bias: &[f64],
) -> Outcome {
    if !matches!(value.kind(), Kind::Float | Kind::Double) {
        return Err(format!("normalizes {} values", value.kind().name()));
    }
    if epsilon <= 0.0 {
        return Err(format!(
            "attribute `epsilon` is {epsilon}; it must be above 0"
        ));
    }
    let mut out = value.elems()?;
    let groups: Vec<Vec<Elem>> = members
        .iter()
        .map(|group| group.iter().map(|at| out[*at]).collect())
        .collect();
    let results = standardized(call.builder, &groups, epsilon)?;
    for (at, elem) in members.iter().flatten().zip(results) {
        let step = Pending::Affine(scale[*at], bias[*at]);
        out[*at] = call.builder.step(elem, step)?;
    }
    Ok(vec![Value::wires(value.dims().to_vec(), out, value.kind())])
}

/// A parameter that broadcasts to `dims`, one number per element.
fn spread_out(
    parameter: Option<&Tensor>,
    dims: &[usize],
    default: f64,
) -> Result<Vec<f64>, String> {
    let Some(tensor) = parameter else {
        return Ok(vec![default; dims.iter().product()]);
    };
    if broadcast(dims, &tensor.dims)? != dims {
        return Err(format!(
            "a parameter of shape {:?} does not fit {dims:?}",
            tensor.dims
        ));
    }
    let values = tensor.reals()?;
    Ok(expand(&tensor.dims, dims)
        .iter()
        .map(|at| values[*at])
        .collect())
}

pub(super) fn layer_normalization(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["axis", "epsilon", "stash_type"])?;
    call.at_most(3)?;
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    let first = axis(call.int("axis", -1)?, dims.len())?;
    let epsilon = call.float("epsilon", 1e-5)?;
    let scale = spread_out(Some(call.constant(1, "scale")?), &dims, 1.0)?;
    let bias = spread_out(call.optional_constant(2, "bias")?, &dims, 0.0)?;
    let over: Vec<usize> = (first..dims.len()).collect();
    let members = groups(&dims, &over).1;
    normalize(call, value, &members, epsilon, &scale, &bias)
}

/// A parameter with one number per channel of (1, channels, …), as one per element.
fn per_channel(tensor: &Tensor, dims: &[usize]) -> Result<Vec<f64>, String> {
    let values = tensor.reals()?;
    let inner: usize = dims[2..].iter().product();
    if tensor.dims != [dims[1]] {
        return Err(format!(
            "a parameter of shape {:?} does not fit {} channels",
            tensor.dims, dims[1]
        ));
    }
    let count: usize = dims.iter().product();
    Ok((0..count).map(|at| values[at / inner % dims[1]]).collect())
}

pub(super) fn instance_normalization(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["epsilon"])?;
    call.at_most(3)?;
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    if dims.len() < 3 || dims.contains(&0) {
        return Err(format!(
            "takes a tensor with channels and further axes, not shape {dims:?}"
        ));
    }
    let epsilon = call.float("epsilon", 1e-5)?;
    let scale = per_channel(call.constant(1, "scale")?, &dims)?;
    let bias = per_channel(call.constant(2, "bias")?, &dims)?;
    let over: Vec<usize> = (2..dims.len()).collect();
    let members = groups(&dims, &over).1;
    normalize(call, value, &members, epsilon, &scale, &bias)
}

pub(super) fn group_normalization(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["epsilon", "num_groups", "stash_type"])?;
    call.at_most(3)?;
    let value = call.input(0)?;
    let dims = value.dims().to_vec();
    if dims.len() < 2 || dims.contains(&0) {
        return Err(format!("takes a tensor with channels, not shape {dims:?}"));
    }
    let count = usize::try_from(call.int("num_groups", 0)?)
        .ok()
        .filter(|n| *n > 0 && dims[1].is_multiple_of(*n))
        .ok_or_else(|| {
            format!(
                "attribute `num_groups` does not divide {} channels",
                dims[1]
            )
        })?;
    let epsilon = call.float("epsilon", 1e-5)?;
    let parameter = |index, role: &str| {
        let tensor = call.constant(index, role)?;
        if call.opset >= 21 {
            return per_channel(tensor, &dims);
        }
        // Before opset 21 there was one number per group.
        let each = dims[1] / count;
        if tensor.dims != [count] {
            return Err(format!(
                "its {role} has shape {:?}, not [{count}]",
                tensor.dims
            ));
        }
        let values = tensor.reals()?;
        let channels: Vec<f64> = (0..dims[1]).map(|c| values[c / each]).collect();
        let data = Data::Double(channels);
        let dims_of = vec![dims[1]];
        per_channel(
            &Tensor {
                dims: dims_of,
                data,
            },
            &dims,
        )
    };
    let (scale, bias) = (parameter(1, "scale")?, parameter(2, "bias")?);
    let size = value.len() / (dims[0] * count);
    let members: Vec<Vec<usize>> = (0..dims[0] * count)
        .map(|group| (group * size..(group + 1) * size).collect())
        .collect();
    normalize(call, value, &members, epsilon, &scale, &bias)
}
