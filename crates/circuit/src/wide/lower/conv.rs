//! Convolution as a product of polynomials in σ (positions) and ρ (filters).
//!
//! With stride s the image splits into s × s phases, each its own polynomial; a datum of row v
//! and column h stands at σ^(v Wd + h), a tap of offset q at σ^((q_max − q) …), so output
//! (i, j) collects at position (i + q_max) Wd + j + q_max. What the product puts at other
//! positions is taken by border cells, which are free: each enters one coefficient only, that of
//! no output. Every image of a batch has a span of positions of its own under the one fold of the
//! taps.

use std::collections::HashMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Conv;

use super::builder::{Builder, cell};
use super::linear::{choose, node_error, pack};
use crate::wide::config::CELLS;
use crate::wide::lower::WideError;
use crate::wide::program::{Border, Hold, Packing, Row, Source, Value};

/// One phase of the image and the taps that read it.
#[derive(Clone, Debug)]
pub(in crate::wide) struct Phase {
    /// First row and column in the image.
    pub(in crate::wide) origin: [usize; 2],
    /// Rows and columns.
    pub(in crate::wide) size: [usize; 2],
    /// Taps as (position in the product, kernel row, kernel column), ascending.
    pub(in crate::wide) taps: Vec<(usize, usize, usize)>,
}

/// Where data, taps and outputs of a convolution stand.
#[derive(Clone, Debug)]
pub(in crate::wide) struct Plan {
    /// Row pitch `Wd`.
    pub(in crate::wide) pitch: usize,
    /// Positions of the product.
    pub(in crate::wide) positions: usize,
    /// Phases that some tap reads.
    pub(in crate::wide) phases: Vec<Phase>,
    /// Output (row · columns + column) at each position that has one.
    pub(in crate::wide) used: HashMap<usize, usize>,
    /// Whether the product reaches each position.
    pub(in crate::wide) reached: Vec<bool>,
}

impl Plan {
    /// Lays out `conv`, or `None` where a position of an output would collect a product that is
    /// no term of it at any pitch tried.
    pub(in crate::wide) fn new(conv: &Conv) -> Option<Self> {
        let span = (conv.kernel[1] - 1) * conv.dilation[1] + 1;
        let narrow = conv.width.div_ceil(conv.stride[1]) + conv.pads[1].max(conv.pads[3]);
        let wide = conv.width.div_ceil(conv.stride[1]) + span + conv.pads[1];
        [narrow, wide]
            .into_iter()
            .find_map(|pitch| Self::with_pitch(conv, pitch as usize))
    }

    fn with_pitch(conv: &Conv, pitch: usize) -> Option<Self> {
        let offset = |axis: usize, tap: u32, phase: u32| {
            let from = i64::from(tap * conv.dilation[axis]) - i64::from(conv.pads[axis]);
            let from = from - i64::from(phase);
            let stride = i64::from(conv.stride[axis]);
            (from.rem_euclid(stride) == 0).then(|| from.div_euclid(stride))
        };
        let largest = |axis: usize| {
            let taps = 0..conv.kernel[axis];
            let phases = 0..conv.stride[axis];
            taps.flat_map(|tap| {
                phases
                    .clone()
                    .filter_map(move |phase| offset(axis, tap, phase))
            })
            .fold(0, i64::max)
        };
        let most = [largest(0), largest(1)];
        let image = [conv.height, conv.width];
        let mut phases = Vec::new();
        for row in 0..conv.stride[0].min(conv.height) {
            for column in 0..conv.stride[1].min(conv.width) {
                let origin = [row, column];
                let size = [0, 1].map(|axis: usize| {
                    (image[axis] - origin[axis]).div_ceil(conv.stride[axis]) as usize
                });
                let mut taps = Vec::new();
                for ky in 0..conv.kernel[0] {
                    for kx in 0..conv.kernel[1] {
                        let (Some(qy), Some(qx)) = (offset(0, ky, row), offset(1, kx, column))
                        else {
                            continue;
                        };
                        let at = (most[0] - qy) as usize * pitch + (most[1] - qx) as usize;
                        taps.push((at, ky as usize, kx as usize));
                    }
                }
                taps.sort_unstable();
                if !taps.is_empty() {
                    phases.push(Phase {
                        origin: origin.map(|v| v as usize),
                        size,
                        taps,
                    });
                }
            }
        }
        let [rows, columns] = conv.output_size().map(|v| v as usize);
        let mut used = HashMap::new();
        for row in 0..rows {
            for column in 0..columns {
                let at = (row + most[0] as usize) * pitch + column + most[1] as usize;
                if used.insert(at, row * columns + column).is_some() {
                    return None;
                }
            }
        }
        let mut plan = Self {
            pitch,
            positions: used.keys().max().map_or(0, |at| at + 1),
            phases,
            used,
            reached: Vec::new(),
        };
        plan.reach(conv).then_some(plan)
    }

    /// Marks what the product reaches, and checks that each output's position collects exactly
    /// the output's taps.
    fn reach(&mut self, conv: &Conv) -> bool {
        let mut terms: HashMap<usize, usize> = HashMap::new();
        let mut reached = vec![false; self.positions];
        let [_, columns] = conv.output_size().map(|v| v as usize);
        for phase in &self.phases {
            if phase.size[1] > self.pitch {
                return false;
            }
            for (at, row, column) in phase.data(self.pitch) {
                for (tap, ky, kx) in &phase.taps {
                    let position = at + tap;
                    if position >= reached.len() {
                        reached.resize(position + 1, false);
                    }
                    reached[position] = true;
                    let Some(output) = self.used.get(&position) else {
                        continue;
                    };
                    // The tap of this output that would read this datum.
                    let wanted = [(output / columns, *ky, 0), (output % columns, *kx, 1)].map(
                        |(output, tap, axis)| {
                            (output * conv.stride[axis] as usize
                                + tap * conv.dilation[axis] as usize)
                                as i64
                                - i64::from(conv.pads[axis])
                        },
                    );
                    let there = [
                        (phase.origin[0] + row * conv.stride[0] as usize) as i64,
                        (phase.origin[1] + column * conv.stride[1] as usize) as i64,
                    ];
                    if wanted != there {
                        return false;
                    }
                    *terms.entry(*output).or_default() += 1;
                }
            }
        }
        self.positions = reached.len();
        self.reached = reached;
        // Every tap inside the image was met: one channel's share of each output's taps.
        let channels = (conv.channels / conv.groups) as usize;
        let all = |output: &usize| conv.taps(*output).count() / channels;
        let outputs: Vec<usize> = self.used.values().copied().collect();
        outputs
            .iter()
            .all(|output| terms.get(output).copied().unwrap_or(0) == all(output))
    }
}

impl Phase {
    /// (position, row, column) of every datum; rows and columns count in the phase.
    pub(in crate::wide) fn data(
        &self,
        pitch: usize,
    ) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        let [rows, columns] = self.size;
        (0..rows).flat_map(move |row| {
            (0..columns).map(move |column| (row * pitch + column, row, column))
        })
    }
}

impl Builder<'_> {
    /// Rows that [`Self::conv`] would take, about.
    pub(super) fn conv_rows(&self, conv: &Conv, plan: &Plan) -> usize {
        let filters = conv.filters as usize;
        let items = conv.items as usize;
        let borders = plan.positions - plan.used.len();
        // Data of all images but the last reach over their whole spans.
        let spans = (items - 1) * plan.positions;
        let data: usize = plan
            .phases
            .iter()
            .map(|p| (spans + p.size[0] * plan.pitch) / CELLS + 2)
            .sum();
        let taps: usize = plan.phases.iter().map(|p| p.taps.len() + plan.pitch).sum();
        items * (plan.used.len() * filters.div_ceil(CELLS) + borders * filters.div_ceil(16))
            + conv.channels as usize * (data + taps)
    }

    /// A convolution by polynomials.
    pub(super) fn conv(
        &mut self,
        node: usize,
        conv: &Conv,
        plan: &Plan,
        saturates: &[bool],
    ) -> Result<(), WideError> {
        let error = node_error(self.model, node, saturates.contains(&true));
        let filters = conv.filters as usize;
        let blocks = conv.channels as usize * (conv.kernel[0] * conv.kernel[1]) as usize;
        let name = self.model.nodes[node].name.clone();
        let claims = conv.items as usize * plan.used.len();
        let packing = choose(&name, &error, filters, blocks, claims)?;
        self.packings[node] = Some(packing);
        self.positions(node, conv, packing, plan, saturates);
        for channel in 0..conv.channels as usize {
            for phase in &plan.phases {
                // No weight reads it: no data either.
                if !reads(conv, phase, channel) {
                    continue;
                }
                self.data(node, conv, plan, phase, channel);
                self.taps(conv, packing, phase, channel);
            }
        }
        Ok(())
    }

    /// Claims or border cells of every position of every image, highest first.
    pub(super) fn positions(
        &mut self,
        node: usize,
        conv: &Conv,
        packing: Packing,
        plan: &Plan,
        saturates: &[bool],
    ) {
        let filters = conv.filters as usize;
        let outputs = conv.item_outputs();
        let plane = outputs / filters;
        for item in (0..conv.items as usize).rev() {
            for position in (0..plan.positions).rev() {
                match plan.used.get(&position) {
                    Some(output) => {
                        let first = item * outputs + output;
                        let unit = |f: usize| (f < filters).then_some(first + f * plane);
                        self.claims(node, packing, unit, saturates);
                    }
                    None => {
                        let reached = plan.reached[position];
                        self.border(node, packing, item * plan.positions + position, reached);
                    }
                }
            }
        }
    }

    /// Border cells of one position, or an empty position.
    fn border(&mut self, node: usize, packing: Packing, position: usize, reached: bool) {
        if !reached {
            let mut row = Row::new(Source::IDLE);
            row.fixed.close = true;
            self.push(row);
            return;
        }
        for group in (0..packing.exponents.div_ceil(CELLS)).rev() {
            let mut values = [Value::Nought; CELLS];
            for (lane, value) in values.iter_mut().enumerate() {
                let exponent = group * CELLS + lane;
                if exponent < packing.exponents {
                    *value = Value::Border(self.borders.len() as u32);
                    self.borders.push(Border {
                        node: node as u32,
                        position: position as u32,
                        exponent: exponent as u32,
                    });
                }
            }
            let mut row = Self::free(Source::Values(values));
            row.fixed.vec = -Fr::ONE;
            if group + 1 != packing.exponents.div_ceil(CELLS) {
                row.fixed.a[1] = Fr::ONE;
            }
            row.fixed.close = group == 0;
            let at = self.push(row);
            for (lane, value) in values.iter().enumerate() {
                if *value == Value::Nought {
                    self.noughts.push(cell(at, lane));
                }
            }
        }
    }

    /// Takes one phase of one channel of every image into D, highest position first.
    pub(super) fn data(
        &mut self,
        node: usize,
        conv: &Conv,
        plan: &Plan,
        phase: &Phase,
        channel: usize,
    ) {
        let inputs = self.model.nodes[node].inputs.clone();
        let mut wires = HashMap::new();
        for item in 0..conv.items as usize {
            let (first, span) = (item * conv.item_inputs(), item * plan.positions);
            for (at, row, column) in phase.data(plan.pitch) {
                let y = phase.origin[0] + row * conv.stride[0] as usize;
                let x = phase.origin[1] + column * conv.stride[1] as usize;
                let input = (channel * conv.height as usize + y) * conv.width as usize + x;
                wires.insert(span + at, inputs[first + input]);
            }
        }
        // D must be 0 before.
        self.push(Row::new(Source::IDLE));
        let groups = wires.keys().max().map_or(0, |at| at / CELLS + 1);
        for group in (0..groups).rev() {
            let values: [Value; CELLS] = std::array::from_fn(|lane| {
                let wire = wires.get(&(group * CELLS + lane));
                wire.map_or(Value::Nought, |wire| Value::Wire(*wire))
            });
            self.take(values);
        }
    }

    pub(super) fn take(&mut self, values: [Value; CELLS]) {
        let mut row = Row::new(Source::Values(values));
        row.fixed.hold = Hold::Take;
        let at = self.push(row);
        for (lane, value) in values.iter().enumerate() {
            if *value == Value::Nought {
                self.noughts.push(cell(at, lane));
            }
        }
    }

    /// Multiplies D by each tap's power of σ in turn and by its packed weights.
    fn taps(&mut self, conv: &Conv, packing: Packing, phase: &Phase, channel: usize) {
        let filters = conv.filters as usize;
        let mut at = 0;
        for (position, ky, kx) in &phase.taps {
            let mut column = vec![0i64; filters];
            for (filter, weight) in weights(conv, channel, *ky, *kx) {
                column[filter] = weight;
            }
            if column.iter().all(|w| *w == 0) {
                continue;
            }
            let mut weights = pack(&column, packing);
            while weights.last() == Some(&Fr::ZERO) {
                weights.pop();
            }
            let hold = self.shift(position - at);
            self.fold_product(&weights, hold, Source::IDLE);
            at = *position;
        }
    }

    /// Multiplies D by σ^`distance`, all but one step of it: the product row does that, as the
    /// result says.
    pub(super) fn shift(&mut self, distance: usize) -> Hold {
        let steps = distance.saturating_sub(1);
        for _ in 0..steps / CELLS {
            self.take([Value::Nought; CELLS]);
        }
        for _ in 0..steps % CELLS {
            let mut row = Row::new(Source::IDLE);
            row.fixed.hold = Hold::Shift;
            self.push(row);
        }
        if distance > 0 {
            Hold::Shift
        } else {
            Hold::Keep
        }
    }
}

/// The weights of a channel's tap, by filter.
fn weights(
    conv: &Conv,
    channel: usize,
    ky: usize,
    kx: usize,
) -> impl Iterator<Item = (usize, i64)> + '_ {
    let channels = (conv.channels / conv.groups) as usize;
    let per_group = (conv.filters / conv.groups) as usize;
    let kernel = conv.kernel.map(|v| v as usize);
    let group = channel / channels;
    (group * per_group..(group + 1) * per_group).map(move |filter| {
        let plane = filter * channels + channel % channels;
        let index = (plane * kernel[0] + ky) * kernel[1] + kx;
        (filter, conv.weights[index])
    })
}

/// Whether some weight reads a phase of a channel.
fn reads(conv: &Conv, phase: &Phase, channel: usize) -> bool {
    let mut taps = phase.taps.iter();
    taps.any(|(_, ky, kx)| weights(conv, channel, *ky, *kx).any(|(_, w)| w != 0))
}
