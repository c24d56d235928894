//! Convolutions.

use haloracle_model::graph::{FloatConv, FloatOp};
use haloracle_model::{Conv, WireId};

use super::Builder;
use super::linear::finite;
use crate::value::Elem;

impl Builder {
    /// A convolution; `elems` in order channel, row, column. Zeros around the image become
    /// padding; pending steps become part of weights and bias where every channel has its own
    /// and padding does not forbid it.
    pub(crate) fn conv(
        &mut self,
        elems: &[Elem],
        mut shape: Conv,
        mut weights: Vec<f64>,
        mut bias: Vec<f64>,
    ) -> Result<Vec<Elem>, String> {
        self.settle_replacements(elems)?;
        let elems = absorb_zeros(elems, &mut shape);
        let plane = (shape.height * shape.width) as usize;
        let channels: Option<Vec<(f64, f64)>> = elems
            .chunks(plane.max(1))
            .map(|channel| {
                let mut parts = channel.iter().map(|elem| self.resolved(*elem));
                let (_, scale, shift) = parts.next()?;
                let same = |(wire, a, b): (Option<WireId>, f64, f64)| {
                    wire.is_some() && a == scale && b == shift
                };
                let all = channel.iter().all(|elem| same(self.resolved(*elem)));
                (all && (shift == 0.0 || shape.pads == [0; 4])).then_some((scale, shift))
            })
            .collect();
        let inputs = match channels {
            Some(steps) => {
                fold_channels(&shape, &steps, &mut weights, &mut bias);
                elems
                    .iter()
                    .filter_map(|elem| self.resolved(*elem).0)
                    .collect()
            }
            None => self.wires(&elems)?,
        };
        finite(weights.iter().chain(&bias))?;
        let conv = FloatConv {
            shape,
            weights,
            bias,
        };
        self.push(inputs, FloatOp::Conv(conv))
    }
}

/// Multiplies each channel's scale into the weights, and its shift into the bias.
fn fold_channels(shape: &Conv, steps: &[(f64, f64)], weights: &mut [f64], bias: &mut [f64]) {
    let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
    let per_group = (shape.channels / shape.groups) as usize;
    let filters_per_group = (shape.filters / shape.groups) as usize;
    for (filter, (block, bias)) in weights.chunks_mut(per_group * taps).zip(bias).enumerate() {
        let group = filter / filters_per_group;
        for (channel, kernel) in block.chunks_mut(taps).enumerate() {
            let (scale, shift) = steps[group * per_group + channel];
            if shift != 0.0 {
                *bias += shift * kernel.iter().sum::<f64>();
            }
            if scale != 1.0 {
                kernel.iter_mut().for_each(|w| *w *= scale);
            }
        }
    }
}

/// Takes rows and columns of constant zeros off the image's edges and adds them to the padding.
fn absorb_zeros(elems: &[Elem], shape: &mut Conv) -> Vec<Elem> {
    let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|v| v as usize);
    if !elems.contains(&Elem::Const(0.0)) {
        return elems.to_vec();
    }
    let zero =
        |c: usize, y: usize, x: usize| elems[(c * height + y) * width + x] == Elem::Const(0.0);
    let row = |y: usize| (0..channels).all(|c| (0..width).all(|x| zero(c, y, x)));
    let column = |x: usize| (0..channels).all(|c| (0..height).all(|y| zero(c, y, x)));
    let top = (0..height).take_while(|y| row(*y)).count();
    if top == height {
        return elems.to_vec();
    }
    let bottom = (0..height).rev().take_while(|y| row(*y)).count();
    let left = (0..width).take_while(|x| column(*x)).count();
    let right = (0..width).rev().take_while(|x| column(*x)).count();
    for (pad, more) in shape.pads.iter_mut().zip([top, left, bottom, right]) {
        *pad += more as u32;
    }
    shape.height -= (top + bottom) as u32;
    shape.width -= (left + right) as u32;
    let mut inner = Vec::new();
    for c in 0..channels {
        for y in top..height - bottom {
            let start = (c * height + y) * width;
            inner.extend_from_slice(&elems[start + left..start + width - right]);
        }
    }
    inner
}
