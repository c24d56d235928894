//! Conv and ConvTranspose, over one or two axes.

use haloracle_model::Conv;

use super::window::{Image, Window, pads, pair};
use crate::builder::Combo;
use crate::call::{Call, Outcome};
use crate::shape::wire_elements;
use crate::value::{Elem, Value};

/// Most terms of a transposed convolution that is written out.
const MAX_TERMS: usize = 1 << 22;

/// The bias of every filter.
fn bias(call: &Call<'_>, filters: usize) -> Result<Vec<f64>, String> {
    match call.optional_constant(2, "bias")? {
        None => Ok(vec![0.0; filters]),
        Some(tensor) if tensor.dims == [filters] => tensor.reals(),
        Some(tensor) => Err(format!(
            "a bias of shape {:?} does not fit {filters} filters",
            tensor.dims
        )),
    }
}

/// Kernel rows and columns of a weight tensor; one axis is a row axis of 1.
fn kernel(dims: &[usize], axes: usize) -> Result<[usize; 2], String> {
    match (dims, axes) {
        (&[_, _, columns], 1) => Ok([1, columns]),
        (&[_, _, rows, columns], 2) => Ok([rows, columns]),
        (dims, _) => Err(format!("weights of shape {dims:?} do not fit {axes} axes")),
    }
}

fn groups(call: &Call<'_>, channels: usize) -> Result<usize, String> {
    usize::try_from(call.int("group", 1)?)
        .ok()
        .filter(|g| *g > 0 && channels.is_multiple_of(*g))
        .ok_or_else(|| format!("attribute `group` does not divide {channels} channels"))
}

/// Constant weights of a convolution.
pub(super) struct Weights {
    /// Filters, channels of a group, and kernel axes.
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f64>,
    /// One per filter.
    pub(super) bias: Vec<f64>,
}

pub(super) fn conv(call: &mut Call<'_>) -> Outcome {
    call.at_most(3)?;
    let weights = call.constant(1, "weights")?;
    let filters = weights.dims.first().copied().unwrap_or(0);
    let weights = Weights {
        dims: weights.dims.clone(),
        values: weights.reals()?,
        bias: bias(call, filters)?,
    };
    let value = call.input(0)?;
    Ok(vec![convolution(call, value, weights)?])
}

/// The convolution that the call's attributes describe.
pub(super) fn convolution(
    call: &mut Call<'_>,
    value: &Value,
    weights: Weights,
) -> Result<Value, String> {
    call.attributes(&[
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "pads",
        "strides",
    ])?;
    let image = Image::of(value.dims())?;
    let groups = groups(call, image.channels)?;
    let filters = weights.bias.len();
    if weights.dims.get(1) != Some(&(image.channels / groups))
        || !filters.is_multiple_of(groups)
        || filters == 0
    {
        return Err(format!(
            "weights of shape {:?} do not fit {} channels in {groups} groups",
            weights.dims, image.channels
        ));
    }
    let window = Window::of(call, &image, kernel(&weights.dims, image.axes)?)?;
    let Weights { values, bias, .. } = weights;
    let elems = convolve(
        call,
        value,
        &image,
        &window,
        [filters, groups],
        values,
        bias,
    )?;
    Ok(Value::wires(
        image.shape(filters, window.size),
        elems,
        value.kind(),
    ))
}

/// A convolution of an image; `weights` in order filter, channel of its group, row, column.
pub(super) fn convolve(
    call: &mut Call<'_>,
    value: &Value,
    image: &Image,
    window: &Window,
    [filters, groups]: [usize; 2],
    weights: Vec<f64>,
    bias: Vec<f64>,
) -> Result<Vec<Elem>, String> {
    wire_elements(&[filters, window.size[0], window.size[1]])?;
    let small = |v: [usize; 2]| v.map(|v| v as u32);
    let [top, left] = small(window.before);
    let [bottom, right] = small(window.after);
    let shape = Conv {
        channels: image.channels as u32,
        height: image.size[0] as u32,
        width: image.size[1] as u32,
        filters: filters as u32,
        kernel: small(window.kernel),
        stride: small(window.stride),
        dilation: small(window.dilation),
        pads: [top, left, bottom, right],
        groups: groups as u32,
        items: 1,
        weights: Vec::new(),
        bias: Vec::new(),
    };
    if shape.output_size().map(|v| v as usize) != window.size {
        return Err("its windows do not fit the image".into());
    }
    call.builder.conv(&value.elems()?, shape, weights, bias)
}

pub(super) fn conv_transpose(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "output_padding",
        "output_shape",
        "pads",
        "strides",
    ])?;
    call.at_most(3)?;
    let value = call.input(0)?;
    let weights = call.constant(1, "weights")?;
    let image = Image::of(value.dims())?;
    let axes = image.axes;
    let groups = groups(call, image.channels)?;
    if weights.dims.first() != Some(&image.channels) {
        return Err(format!(
            "weights of shape {:?} do not fit {} channels",
            weights.dims, image.channels
        ));
    }
    let kernel = kernel(&weights.dims, axes)?;
    if call.has("kernel_shape") && pair(call, "kernel_shape", axes, 1, 1)? != kernel {
        return Err("attribute `kernel_shape` does not fit its weights".into());
    }
    let per_group = weights.dims[1];
    let filters = per_group * groups;
    if filters == 0 || kernel.contains(&0) {
        return Err(format!("weights of shape {:?} are empty", weights.dims));
    }
    let stride = pair(call, "strides", axes, 1, 1)?;
    let dilation = pair(call, "dilations", axes, 1, 1)?;
    let extra = pair(call, "output_padding", axes, 0, 0)?;
    let (mut before, mut after) = pads(call, axes)?;
    let full = |axis: usize| {
        (image.size[axis] - 1) * stride[axis]
            + extra[axis]
            + dilation[axis] * (kernel[axis] - 1)
            + 1
    };
    // Where the size of the result is given, the pads follow from it.
    let auto = call.text("auto_pad", "NOTSET")?;
    let wanted = match (call.has("output_shape"), auto.as_str()) {
        (true, _) => {
            // Some exporters write batch and channels too.
            let raw = call.ints("output_shape")?.unwrap_or_default();
            let raw = raw
                .get(raw.len().saturating_sub(axes)..)
                .unwrap_or_default();
            let size = |v: &i64| usize::try_from(*v).map_err(|_| "`output_shape` is negative");
            let sizes = raw.iter().map(size).collect::<Result<Vec<_>, _>>()?;
            match sizes[..] {
                [columns] if axes == 1 => Some([1, columns]),
                [rows, columns] if axes == 2 => Some([rows, columns]),
                _ => return Err("attribute `output_shape` does not fit".into()),
            }
        }
        (false, "NOTSET" | "VALID") => None,
        (false, "SAME_UPPER" | "SAME_LOWER") => {
            Some([0, 1].map(|axis| image.size[axis] * stride[axis]))
        }
        (false, other) => {
            return Err(format!(
                "attribute `auto_pad` is `{other}`, which is not known"
            ));
        }
    };
    if let Some(wanted) = wanted {
        for axis in 2 - axes..2 {
            let total = full(axis)
                .checked_sub(wanted[axis])
                .ok_or("its output would be larger than it can be")?;
            let small = total / 2;
            (before[axis], after[axis]) = if auto == "SAME_UPPER" {
                (small, total - small)
            } else {
                (total - small, small)
            };
        }
    }
    let mut size = [1; 2];
    for axis in 0..2 {
        size[axis] = full(axis)
            .checked_sub(before[axis] + after[axis])
            .filter(|n| *n > 0)
            .ok_or("its pads leave nothing of the output")?;
    }
    let bias = bias(call, filters)?;
    let weights = weights.reals()?;
    let [rows, columns] = kernel;
    if stride == [1, 1]
        && extra == [0, 0]
        && fits(kernel, dilation, before)
        && fits(kernel, dilation, after)
    {
        // The same as a convolution with turned kernels and the other padding.
        let channels = image.channels / groups;
        let mut turned = Vec::with_capacity(weights.len());
        for filter in 0..filters {
            let (group, own) = (filter / per_group, filter % per_group);
            for channel in 0..channels {
                let start = ((group * channels + channel) * per_group + own) * rows * columns;
                turned.extend(weights[start..start + rows * columns].iter().rev());
            }
        }
        let other = |pads: [usize; 2]| [0, 1].map(|a| dilation[a] * (kernel[a] - 1) - pads[a]);
        let window = Window {
            kernel,
            stride,
            dilation,
            before: other(before),
            after: other(after),
            size,
        };
        let elems = convolve(
            call,
            value,
            &image,
            &window,
            [filters, groups],
            turned,
            bias,
        )?;
        return Ok(vec![Value::wires(
            image.shape(filters, size),
            elems,
            value.kind(),
        )]);
    }
    wire_elements(&[filters, size[0], size[1]])?;
    let taps = image.size[0] * image.size[1] * rows * columns;
    if taps
        .saturating_mul(image.channels)
        .saturating_mul(per_group)
        > MAX_TERMS
    {
        return Err(format!(
            "needs more than {MAX_TERMS} terms; supported with stride 1, or smaller"
        ));
    }
    let elems = value.elems()?;
    let plane = size[0] * size[1];
    let mut combos: Vec<Combo> = (0..filters * plane)
        .map(|at| Combo {
            bias: bias[at / plane],
            ..Combo::default()
        })
        .collect();
    let place = |axis: usize, index: usize, tap: usize| {
        (index * stride[axis] + tap * dilation[axis])
            .checked_sub(before[axis])
            .filter(|at| *at < size[axis])
    };
    let channels_per_group = image.channels / groups;
    for (position, elem) in elems.iter().enumerate() {
        let (y, x) = (
            position / image.size[1] % image.size[0],
            position % image.size[1],
        );
        let channel = position / (image.size[0] * image.size[1]);
        let group = channel / channels_per_group;
        for own in 0..per_group {
            for tap in 0..rows * columns {
                let at = (place(0, y, tap / columns), place(1, x, tap % columns));
                let (Some(row), Some(column)) = at else {
                    continue;
                };
                let weight = weights[(channel * per_group + own) * rows * columns + tap];
                let output = (group * per_group + own) * plane + row * size[1] + column;
                combos[output].terms.push((*elem, weight));
            }
        }
    }
    let elems = call.builder.combine(combos)?;
    Ok(vec![Value::wires(
        image.shape(filters, size),
        elems,
        value.kind(),
    )])
}

/// Whether padding is at most what the turned kernel reaches.
fn fits(kernel: [usize; 2], dilation: [usize; 2], pads: [usize; 2]) -> bool {
    (0..2).all(|axis| pads[axis] <= dilation[axis] * (kernel[axis] - 1))
}
