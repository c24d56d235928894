//! MaxPool, AveragePool, LpPool's relatives over the whole image, and Resize by whole factors.

use haloracle_model::Conv;

use super::arithmetic::largest;
use super::window::{Image, Window};
use crate::builder::Combo;
use crate::call::{Call, Outcome};
use crate::shape::{elements, wire_elements};
use crate::value::{Elem, Value};

pub(super) fn max_pool(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "auto_pad",
        "ceil_mode",
        "dilations",
        "kernel_shape",
        "pads",
        "storage_order",
        "strides",
    ])?;
    call.at_most(1)?;
    if call.node.output.get(1).is_some_and(|name| !name.is_empty()) {
        return Err("gives the positions of the maxima; only their values are supported".into());
    }
    let value = call.input(0)?;
    let image = Image::of(value.dims())?;
    let window = Window::of(call, &image, [0; 2])?;
    let [rows, columns] = window.size;
    wire_elements(&[image.channels, rows, columns])?;
    elements(&[
        image.channels,
        rows,
        columns,
        window.kernel[0],
        window.kernel[1],
    ])?;
    let elems = value.elems()?;
    let plane = image.size[0] * image.size[1];
    let places: Vec<Vec<usize>> = window
        .places()
        .map(|at| window.taps(&image, at).0)
        .collect();
    let groups: Vec<Vec<Elem>> = elems
        .chunks(plane)
        .flat_map(|channel| {
            places
                .iter()
                .map(|taps| taps.iter().map(|at| channel[*at]).collect())
        })
        .collect();
    if groups.iter().any(Vec::is_empty) {
        return Err("has a window that lies outside the image".into());
    }
    let out = largest(call.builder, &groups, false)?;
    Ok(vec![Value::wires(
        image.shape(image.channels, window.size),
        out,
        value.kind(),
    )])
}

pub(super) fn average_pool(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "auto_pad",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "kernel_shape",
        "pads",
        "strides",
    ])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let image = Image::of(value.dims())?;
    let window = Window::of(call, &image, [0; 2])?;
    let counts_pads = call.flag("count_include_pad", false)?;
    let [rows, columns] = window.size;
    wire_elements(&[image.channels, rows, columns])?;
    elements(&[
        image.channels,
        rows,
        columns,
        window.kernel[0],
        window.kernel[1],
    ])?;
    let plane = image.size[0] * image.size[1];
    let places: Vec<(Vec<usize>, f64)> = window
        .places()
        .map(|at| {
            let (taps, padded) = window.taps(&image, at);
            let count = if counts_pads { padded } else { taps.len() };
            (taps, count as f64)
        })
        .collect();
    if places
        .iter()
        .any(|(taps, count)| taps.is_empty() && *count == 0.0)
    {
        return Err("has a window that lies outside the image".into());
    }
    let elems = value.elems()?;
    let combos = elems
        .chunks(plane)
        .flat_map(|channel| {
            places.iter().map(|(taps, count)| Combo {
                terms: taps.iter().map(|at| (channel[*at], 1.0 / count)).collect(),
                ..Combo::default()
            })
        })
        .collect();
    let out = call.builder.combine(combos)?;
    Ok(vec![Value::wires(
        image.shape(image.channels, window.size),
        out,
        value.kind(),
    )])
}

/// The channels of (1, channels, …) and the size of one channel.
fn planes(value: &Value) -> Result<(usize, usize), String> {
    match value.dims() {
        [1, channels, rest @ ..] if !rest.is_empty() && value.len() > 0 => {
            Ok((*channels, rest.iter().product()))
        }
        other => Err(format!(
            "takes a batch of one with channels, not shape {other:?}"
        )),
    }
}

/// The shape of one number per channel.
fn pooled(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    dims.iter_mut().skip(2).for_each(|d| *d = 1);
    dims
}

pub(super) fn global_average_pool(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let (_, plane) = planes(value)?;
    let combos = value
        .elems()?
        .chunks(plane)
        .map(|channel| Combo {
            terms: channel.iter().map(|e| (*e, 1.0 / plane as f64)).collect(),
            ..Combo::default()
        })
        .collect();
    let out = call.builder.combine(combos)?;
    Ok(vec![Value::wires(pooled(value.dims()), out, value.kind())])
}

pub(super) fn global_max_pool(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[])?;
    call.at_most(1)?;
    let value = call.input(0)?;
    let (_, plane) = planes(value)?;
    let groups: Vec<Vec<Elem>> = value.elems()?.chunks(plane).map(<[Elem]>::to_vec).collect();
    let out = largest(call.builder, &groups, false)?;
    Ok(vec![Value::wires(pooled(value.dims()), out, value.kind())])
}

/// A convolution shape with kernels of one tap: a matrix applied at every position.
pub(super) fn pointwise(channels: usize, positions: usize, filters: usize) -> Conv {
    Conv {
        channels: channels as u32,
        height: 1,
        width: positions as u32,
        filters: filters as u32,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [0; 4],
        groups: 1,
        items: 1,
        weights: Vec::new(),
        bias: Vec::new(),
    }
}
