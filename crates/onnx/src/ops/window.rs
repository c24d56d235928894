//! Windows that slide over one or two axes: kernels, strides, dilations, padding.

use crate::call::Call;

/// Largest kernel, stride, dilation or pad.
const MAX: i64 = 1 << 16;

/// A window over the last one or two axes; one axis is given a row axis of size 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    /// Before and behind, per axis.
    pub(super) before: [usize; 2],
    pub(super) after: [usize; 2],
    /// How many positions the window takes, per axis.
    pub(super) size: [usize; 2],
}

/// An image of one sample: channels, rows, columns; and how many axes it had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Image {
    pub(super) channels: usize,
    pub(super) size: [usize; 2],
    pub(super) axes: usize,
}

impl Image {
    /// The image that a tensor of shape (1, channels, columns) or (1, channels, rows, columns) is.
    pub(super) fn of(dims: &[usize]) -> Result<Self, String> {
        let (channels, size, axes) = match *dims {
            [1, channels, columns] => (channels, [1, columns], 1),
            [1, channels, rows, columns] => (channels, [rows, columns], 2),
            _ => {
                return Err(format!(
                    "takes a batch of one with channels and one or two further axes, not shape \
                     {dims:?}"
                ));
            }
        };
        if channels == 0 || size.contains(&0) {
            return Err(format!("takes an empty image of shape {dims:?}"));
        }
        Ok(Self {
            channels,
            size,
            axes,
        })
    }

    /// The shape of a result with `channels` and image size `size`.
    pub(super) fn shape(&self, channels: usize, size: [usize; 2]) -> Vec<usize> {
        if self.axes == 1 {
            vec![1, channels, size[1]]
        } else {
            vec![1, channels, size[0], size[1]]
        }
    }
}

/// Per axis one number of an attribute; `fill` where it is absent.
pub(super) fn pair(
    call: &Call<'_>,
    name: &str,
    axes: usize,
    fill: i64,
    least: i64,
) -> Result<[usize; 2], String> {
    let Some(values) = call.ints(name)? else {
        return Ok([fill as usize; 2]);
    };
    let number = |value: &i64| {
        usize::try_from(*value)
            .ok()
            .filter(|_| (least..=MAX).contains(value))
            .ok_or_else(|| {
                format!("attribute `{name}` holds {value}; {least} to {MAX} are supported")
            })
    };
    match (values, axes) {
        ([columns], 1) => Ok([fill as usize, number(columns)?]),
        ([rows, columns], 2) => Ok([number(rows)?, number(columns)?]),
        _ => Err(format!(
            "attribute `{name}` has {} entries for {axes} axes",
            values.len()
        )),
    }
}

/// Explicit pads, (before, behind) per axis.
pub(super) fn pads(call: &Call<'_>, axes: usize) -> Result<([usize; 2], [usize; 2]), String> {
    let values = call.ints("pads")?.unwrap_or_default();
    let number = |value: i64| {
        usize::try_from(value)
            .ok()
            .filter(|_| value <= MAX)
            .ok_or_else(|| format!("attribute `pads` holds {value}; 0 to {MAX} are supported"))
    };
    match (values, axes) {
        ([], _) => Ok(([0; 2], [0; 2])),
        ([left, right], 1) => Ok(([0, number(*left)?], [0, number(*right)?])),
        ([top, left, bottom, right], 2) => Ok((
            [number(*top)?, number(*left)?],
            [number(*bottom)?, number(*right)?],
        )),
        _ => Err(format!(
            "attribute `pads` has {} entries for {axes} axes",
            values.len()
        )),
    }
}

impl Window {
    /// The window that the attributes describe, over an image.
    pub(super) fn of(call: &Call<'_>, image: &Image, kernel: [usize; 2]) -> Result<Self, String> {
        let axes = image.axes;
        let mut kernel = kernel;
        if call.has("kernel_shape") {
            let given = pair(call, "kernel_shape", axes, 1, 1)?;
            if kernel != [0; 2] && given != kernel {
                return Err(format!(
                    "attribute `kernel_shape` {given:?} does not fit its weights"
                ));
            }
            kernel = given;
        }
        if kernel.contains(&0) {
            return Err("attribute `kernel_shape` is missing".into());
        }
        let stride = pair(call, "strides", axes, 1, 1)?;
        let dilation = pair(call, "dilations", axes, 1, 1)?;
        let ceil = call.has("ceil_mode") && call.flag("ceil_mode", false)?;
        let (mut before, mut after) = ([0; 2], [0; 2]);
        let auto = call.text("auto_pad", "NOTSET")?;
        match auto.as_str() {
            "NOTSET" => (before, after) = pads(call, axes)?,
            "VALID" => {}
            "SAME_UPPER" | "SAME_LOWER" => {
                for axis in 2 - axes..2 {
                    let span = dilation[axis] * (kernel[axis] - 1) + 1;
                    let places = image.size[axis].div_ceil(stride[axis]);
                    let wanted = (places - 1) * stride[axis] + span;
                    let total = wanted.saturating_sub(image.size[axis]);
                    let small = total / 2;
                    (before[axis], after[axis]) = if auto == "SAME_UPPER" {
                        (small, total - small)
                    } else {
                        (total - small, small)
                    };
                }
            }
            other => {
                return Err(format!(
                    "attribute `auto_pad` is `{other}`; supported are NOTSET, SAME_UPPER, \
                     SAME_LOWER and VALID"
                ));
            }
        }
        if auto != "NOTSET"
            && call
                .ints("pads")?
                .is_some_and(|p| p.iter().any(|v| *v != 0))
        {
            return Err("has both `auto_pad` and `pads`".into());
        }
        let mut size = [0; 2];
        for axis in 0..2 {
            let span = dilation[axis] * (kernel[axis] - 1) + 1;
            let padded = image.size[axis] + before[axis] + after[axis];
            let Some(room) = padded.checked_sub(span) else {
                return Err(format!(
                    "a window of {span} does not fit an axis of {padded} with its padding"
                ));
            };
            let mut places = room / stride[axis] + 1;
            // Rounding up adds a last window, unless it would start behind the image.
            let starts_inside = places * stride[axis] < image.size[axis] + before[axis];
            if ceil && !room.is_multiple_of(stride[axis]) && starts_inside {
                places += 1;
            }
            size[axis] = places;
        }
        Ok(Self {
            kernel,
            stride,
            dilation,
            before,
            after,
            size,
        })
    }

    /// Positions in an image plane that the window at `row`, `column` covers, and how many taps
    /// lie inside the image or its declared padding.
    pub(super) fn taps(&self, image: &Image, at: [usize; 2]) -> (Vec<usize>, usize) {
        let mut inside = Vec::new();
        let mut padded = 0;
        for ky in 0..self.kernel[0] {
            for kx in 0..self.kernel[1] {
                let place = |axis: usize, tap: usize| {
                    at[axis] * self.stride[axis] + tap * self.dilation[axis]
                };
                let (y, x) = (place(0, ky), place(1, kx));
                let within = |axis: usize, p: usize| {
                    p < image.size[axis] + self.before[axis] + self.after[axis]
                };
                if within(0, y) && within(1, x) {
                    padded += 1;
                }
                let real = |axis: usize, p: usize| {
                    p.checked_sub(self.before[axis])
                        .filter(|p| *p < image.size[axis])
                };
                if let (Some(y), Some(x)) = (real(0, y), real(1, x)) {
                    inside.push(y * image.size[1] + x);
                }
            }
        }
        (inside, padded)
    }

    /// All positions of the window.
    pub(super) fn places(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [rows, columns] = self.size;
        (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
    }
}
