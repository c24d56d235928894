//! Convolutions: real weights and scales become integers.

use super::{Emitter, Form, Rows};
use crate::integer::{Conv, ModelError, Op, WireId};
use crate::quantize::net::NetConv;

/// What a convolution reads: its shape, without weights, and a form per position.
struct Image {
    shape: Conv,
    forms: Vec<Form>,
    /// Digits per value.
    planes: usize,
}

impl Emitter<'_> {
    pub(super) fn conv(
        &mut self,
        index: usize,
        conv: &NetConv,
        rows: &Rows<'_>,
    ) -> Result<(), ModelError> {
        let node = &self.writer.net.nodes[index];
        let Image {
            shape,
            forms,
            planes,
        } = self.image(conv)?;
        let area = (shape.height * shape.width).max(1) as usize;
        let needs_zero = forms.iter().any(|form| form.terms.len() < planes);
        let zero = match needs_zero {
            true => self.constant(0)?,
            false => 0,
        };
        let mut inputs = Vec::with_capacity(forms.len() * planes);
        // Per channel, what one digit of each plane counts for.
        let mut steps: Vec<f64> = Vec::new();
        for channel in forms.chunks(area) {
            for plane in 0..planes {
                let term = |form: &Form| form.terms.get(plane).copied();
                inputs.extend(
                    channel
                        .iter()
                        .map(|f| term(f).map_or(zero, |(wire, _)| wire)),
                );
                let step = channel.iter().find_map(|f| term(f).map(|(_, step)| step));
                steps.push(step.unwrap_or(0.0));
            }
        }
        let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
        let own = (shape.channels / shape.groups) as usize;
        let per_group = (shape.filters / shape.groups) as usize;
        let plane = conv.plane().max(1);
        let mut weights = Vec::with_capacity(conv.weights.len() * planes);
        for filter in 0..shape.filters as usize {
            let scale = self.unit_scale(node.outputs[filter * plane]);
            for channel in 0..own {
                let source = filter / per_group * own + channel;
                for digit in 0..planes {
                    let step = steps[source * planes + digit];
                    let real = &conv.weights[(filter * own + channel) * taps..][..taps];
                    let whole = real
                        .iter()
                        .map(|w| (self.base() * w * step / scale.step).round() as i64);
                    weights.extend(whole);
                }
            }
        }
        // Constants of the inputs, as far as taps reach them.
        let mut constants = conv.bias.clone();
        shape.spans(|span| {
            let weight = conv.weights[span.weight];
            for step in 0..span.count {
                let form = &forms[span.input + step * span.stride];
                constants[span.output + step] += weight * form.constant;
            }
        });
        let bias = constants.iter().zip(&node.outputs);
        let bias = bias
            .map(|(value, var)| self.bias(*value, self.unit_scale(*var)))
            .collect();
        let op = Op::Conv(Conv {
            channels: shape.channels * planes as u32,
            weights,
            bias,
            ..shape
        });
        self.requantized(index, inputs, op, &node.outputs, rows)
    }

    /// What `conv` reads. A private filter has one bias, so every position of a channel must
    /// have the constant of its other positions: where digits do not stand for 0 by being 0,
    /// padding becomes part of the image.
    fn image(&mut self, conv: &NetConv) -> Result<Image, ModelError> {
        let mut shape = conv.shape.clone();
        let form = |r: &Option<crate::quantize::net::Ref>| {
            r.as_ref().map(|r| self.forms[r.var as usize].clone())
        };
        let mut forms: Vec<Option<Form>> = conv.inputs.iter().map(form).collect();
        let planes = forms.iter().flatten().map(|f| f.terms.len()).max();
        let planes = planes.unwrap_or(1).max(1);
        let area = conv.area().max(1);
        let mut noughts = Vec::new();
        if self.writer.private {
            let channels = forms.chunks(area);
            let firsts: Vec<Option<Form>> = channels
                .map(|channel| channel.iter().flatten().next().cloned())
                .collect();
            for first in firsts {
                noughts.push(self.nought(first, planes)?);
            }
        }
        let moved = noughts.iter().any(|nought| nought.constant != 0.0);
        if moved && shape.pads != [0; 4] {
            forms = padded(&shape, &forms);
            shape.height += shape.pads[0] + shape.pads[2];
            shape.width += shape.pads[1] + shape.pads[3];
            shape.pads = [0; 4];
        }
        let area = (shape.height * shape.width).max(1) as usize;
        let forms = forms.into_iter().enumerate().map(|(at, form)| {
            let nought = || noughts.get(at / area).cloned().unwrap_or_default();
            form.unwrap_or_else(nought)
        });
        Ok(Image {
            forms: forms.collect(),
            shape,
            planes,
        })
    }

    /// What stands for 0 in a channel that reads like `form`: constant wires; nothing where that
    /// is what digits of 0 say, or where no digits say it.
    fn nought(&mut self, form: Option<Form>, planes: usize) -> Result<Form, ModelError> {
        let Some(form) = form.filter(|form| form.constant != 0.0) else {
            return Ok(Form::default());
        };
        let step = form.terms.first().map_or(1.0, |(_, step)| *step);
        let digits = -form.constant / step;
        let whole = digits.round();
        let bits = self.writer.digit_bits;
        let room = 2f64.powi((bits * planes as u32) as i32);
        if (digits - whole).abs() > 1e-6 || whole < 0.0 || whole >= room {
            return Ok(Form::default());
        }
        let max = u64::from(self.model.max_digit());
        let mut terms: Vec<(WireId, f64)> = Vec::with_capacity(form.terms.len());
        for (plane, (_, step)) in form.terms.iter().enumerate() {
            let digit = (whole as u64 >> (bits as usize * plane)) & max;
            terms.push((self.constant(digit as u32)?, *step));
        }
        Ok(Form { terms, ..form })
    }
}

/// The positions of an image and of what surrounds it, which is `None`.
fn padded(shape: &Conv, forms: &[Option<Form>]) -> Vec<Option<Form>> {
    let [top, left, bottom, right] = shape.pads.map(|v| v as usize);
    let (height, width) = (shape.height as usize, shape.width as usize);
    let mut all = Vec::new();
    for channel in forms.chunks((height * width).max(1)) {
        let blank = |count: usize| std::iter::repeat_n(None, count);
        let wide = left + width + right;
        all.extend(blank(top * wide));
        for row in channel.chunks(width.max(1)) {
            all.extend(blank(left));
            all.extend(row.iter().cloned());
            all.extend(blank(right));
        }
        all.extend(blank(bottom * wide));
    }
    all
}
