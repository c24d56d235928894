//! Resize and Upsample by fixed factors: nearest neighbours are choices of elements, linear
//! interpolation is a sum.

use crate::builder::Combo;
use crate::call::{Call, Outcome};
use crate::shape::{axis, pick, strides, wire_elements};
use crate::value::Value;

/// How an axis changes: (old size, new size, factor).
#[derive(Clone, Copy, Debug)]
struct Axis {
    from: usize,
    to: usize,
    scale: f64,
}

/// Where output positions lie in the input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coordinates {
    HalfPixel,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
}

impl Coordinates {
    fn of(name: &str) -> Result<Self, String> {
        Ok(match name {
            "half_pixel" => Self::HalfPixel,
            "pytorch_half_pixel" => Self::PytorchHalfPixel,
            "align_corners" => Self::AlignCorners,
            "asymmetric" => Self::Asymmetric,
            other => {
                return Err(format!(
                    "attribute `coordinate_transformation_mode` is `{other}`; supported are \
                     half_pixel, pytorch_half_pixel, align_corners and asymmetric"
                ));
            }
        })
    }

    /// The input position of output `at`, in float32 as runtimes compute it.
    fn source(self, at: usize, axis: Axis) -> f64 {
        let x = at as f32;
        let scale = axis.scale as f32;
        let source = match self {
            Self::Asymmetric => x / scale,
            Self::PytorchHalfPixel if axis.to <= 1 => 0.0,
            Self::HalfPixel | Self::PytorchHalfPixel => (x + 0.5) / scale - 0.5,
            Self::AlignCorners if axis.to <= 1 => 0.0,
            Self::AlignCorners => x * (axis.from as f32 - 1.0) / (axis.to as f32 - 1.0),
        };
        f64::from(source)
    }
}

/// What the attributes say.
struct Plan {
    axes: Vec<Axis>,
    coordinates: Coordinates,
    linear: bool,
    nearest: String,
}

fn plan(call: &Call<'_>, dims: &[usize]) -> Result<Plan, String> {
    let old = call.opset < 11;
    let known: &[&str] = if old {
        &["mode"]
    } else {
        &[
            "antialias",
            "axes",
            "coordinate_transformation_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "keep_aspect_ratio_policy",
            "mode",
            "nearest_mode",
        ]
    };
    call.attributes(known)?;
    call.at_most(if old { 2 } else { 4 })?;
    for flag in ["antialias", "exclude_outside"] {
        if call.flag(flag, false)? {
            return Err(format!("attribute `{flag}` is 1; supported is 0"));
        }
    }
    if call.text("keep_aspect_ratio_policy", "stretch")? != "stretch" {
        return Err(
            "attribute `keep_aspect_ratio_policy` is not supported; supported is stretch".into(),
        );
    }
    let mode = call.text("mode", "nearest")?;
    let linear = match mode.as_str() {
        "nearest" => false,
        "linear" => true,
        other => {
            return Err(format!(
                "attribute `mode` is `{other}`; supported are nearest and linear"
            ));
        }
    };
    // Before opset 11 positions are those of the corner, rounded down.
    let coordinates = if old {
        Coordinates::Asymmetric
    } else {
        Coordinates::of(&call.text("coordinate_transformation_mode", "half_pixel")?)?
    };
    let nearest = if old {
        "floor".into()
    } else {
        call.text("nearest_mode", "round_prefer_floor")?
    };
    let at = match call.ints("axes")? {
        Some(raw) => raw
            .iter()
            .map(|a| axis(*a, dims.len()))
            .collect::<Result<_, _>>()?,
        None => (0..dims.len()).collect::<Vec<_>>(),
    };
    let scales = call.optional_constant(if old { 1 } else { 2 }, "scales")?;
    let sizes = if old {
        None
    } else {
        call.optional_constant(3, "sizes")?
    };
    let mut axes: Vec<Axis> = dims
        .iter()
        .map(|size| Axis {
            from: *size,
            to: *size,
            scale: 1.0,
        })
        .collect();
    match (
        scales.filter(|t| t.len() > 0),
        sizes.filter(|t| t.len() > 0),
    ) {
        (Some(scales), None) if scales.len() == at.len() => {
            for (axis, scale) in at.iter().zip(scales.reals()?) {
                if scale <= 0.0 {
                    return Err(format!("has a scale of {scale}"));
                }
                let to = (dims[*axis] as f64 * scale).floor() as usize;
                axes[*axis] = Axis {
                    from: dims[*axis],
                    to,
                    scale,
                };
            }
        }
        (None, Some(sizes)) if sizes.len() == at.len() => {
            for (axis, size) in at.iter().zip(sizes.integers()?) {
                let to = usize::try_from(*size).map_err(|_| format!("has a size of {size}"))?;
                let scale = to as f64 / dims[*axis].max(1) as f64;
                axes[*axis] = Axis {
                    from: dims[*axis],
                    to,
                    scale,
                };
            }
        }
        _ => return Err("needs either scales or sizes, one per axis".into()),
    }
    Ok(Plan {
        axes,
        coordinates,
        linear,
        nearest,
    })
}

pub(super) fn resize(call: &mut Call<'_>) -> Outcome {
    let value = call.input(0)?;
    let plan = plan(call, value.dims())?;
    let to: Vec<usize> = plan.axes.iter().map(|axis| axis.to).collect();
    let count = wire_elements(&to)?;
    if count == 0 || value.len() == 0 {
        return Err(format!(
            "resizes {:?} to {to:?}, which is empty",
            value.dims()
        ));
    }
    if plan.linear {
        linear(call, value, &plan, to)
    } else {
        Ok(vec![nearest(value, &plan)?])
    }
}

fn nearest(value: &Value, plan: &Plan) -> Result<Value, String> {
    let mut value = value.clone();
    for (along, axis) in plan.axes.iter().enumerate() {
        if axis.from == axis.to && axis.scale == 1.0 {
            continue;
        }
        let mut at = Vec::with_capacity(axis.to);
        for position in 0..axis.to {
            let source = plan.coordinates.source(position, *axis);
            let whole = match plan.nearest.as_str() {
                "floor" => source.floor(),
                "ceil" => source.ceil(),
                "round_prefer_floor" => (source - 0.5).ceil(),
                "round_prefer_ceil" => (source + 0.5).floor(),
                other => {
                    return Err(format!(
                        "attribute `nearest_mode` is `{other}`; supported are floor, ceil, \
                         round_prefer_floor and round_prefer_ceil"
                    ));
                }
            };
            at.push(whole.clamp(0.0, axis.from as f64 - 1.0) as usize);
        }
        let (dims, indices) = pick(value.dims(), along, &at);
        value = value.select(dims, &indices);
    }
    Ok(value)
}

fn linear(call: &mut Call<'_>, value: &Value, plan: &Plan, to: Vec<usize>) -> Outcome {
    // Per axis and position: input positions with their shares.
    let shares: Vec<Vec<Vec<(usize, f64)>>> = plan
        .axes
        .iter()
        .map(|axis| {
            let share = |at: usize| {
                if axis.from == axis.to && axis.scale == 1.0 {
                    return vec![(at, 1.0)];
                }
                let last = axis.from as f64 - 1.0;
                let source = plan.coordinates.source(at, *axis).clamp(0.0, last);
                let low = source.floor();
                let part = source - low;
                let high = (low + 1.0).min(last);
                if part == 0.0 {
                    vec![(low as usize, 1.0)]
                } else {
                    vec![(low as usize, 1.0 - part), (high as usize, part)]
                }
            };
            (0..axis.to).map(share).collect()
        })
        .collect();
    let elems = value.elems()?;
    let steps = strides(value.dims());
    let count: usize = to.iter().product();
    let mut combos = Vec::with_capacity(count);
    for output in 0..count {
        let mut rest = output;
        let mut places = vec![(0usize, 1.0f64)];
        for (axis, size) in to.iter().enumerate().rev() {
            let own = &shares[axis][rest % size];
            rest /= size;
            let mut next = Vec::with_capacity(places.len() * own.len());
            for (at, c) in &places {
                next.extend(
                    own.iter()
                        .map(|(index, share)| (at + index * steps[axis], c * share)),
                );
            }
            places = next;
        }
        let terms = places.into_iter().map(|(at, c)| (elems[at], c)).collect();
        combos.push(Combo {
            terms,
            ..Combo::default()
        });
    }
    let out = call.builder.combine(combos)?;
    Ok(vec![Value::wires(to, out, value.kind())])
}
