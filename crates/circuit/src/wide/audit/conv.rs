//! Convolutions as products of polynomials.
//!
//! A tap reads row `y = i s + k d − p` of the image for output row `i`. With `k d − p = s q + a`,
//! `0 ≤ a < s`, and `y = s v + a`, that is `v = i + q`: so in the phase `a` of the image the tap
//! is a shift by `q`, and with data at `σ^(v pitch + …)` and taps at `σ^((q_max − q) pitch + …)`
//! output `i` collects at `σ^((i + q_max) pitch + …)`. Columns likewise, inside a pitch. All pairs
//! of data and taps are enumerated here: those that meet at an output's position must be terms of
//! that output, and all of them. Each image of several has a span of positions of its own, long
//! enough for its whole product, so nothing of one image meets another's outputs.

use std::collections::HashMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Conv;

use super::linear::powers;
use super::walk::Walk;
use super::wiring::cell;
use super::{AuditError, check};
use crate::field::{power_of_two, signed};
use crate::wide::config::CELLS;
use crate::wide::program::{Hold, Packing, Row};

/// One axis of the image: 0 for rows, 1 for columns.
#[derive(Clone, Copy)]
struct Axis {
    stride: i64,
    dilation: i64,
    pad: i64,
    taps: i64,
    size: i64,
}

impl Axis {
    fn new(conv: &Conv, axis: usize) -> Self {
        Self {
            stride: conv.stride[axis].into(),
            dilation: conv.dilation[axis].into(),
            pad: conv.pads[axis].into(),
            taps: conv.kernel[axis].into(),
            size: [conv.height, conv.width][axis].into(),
        }
    }

    /// What a tap of an output reads, if it is inside the image.
    fn source(&self, output: i64, tap: i64) -> Option<i64> {
        let at = output * self.stride + tap * self.dilation - self.pad;
        (0..self.size).contains(&at).then_some(at)
    }

    /// Phase and shift of a tap.
    fn shift(&self, tap: i64) -> (i64, i64) {
        let from = tap * self.dilation - self.pad;
        (from.rem_euclid(self.stride), from.div_euclid(self.stride))
    }

    fn largest_shift(&self) -> i64 {
        (0..self.taps)
            .map(|tap| self.shift(tap).1)
            .fold(0, i64::max)
    }

    /// Data of a phase, as (place in the image, place in the phase).
    fn data(&self, phase: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let data = (phase..self.size).step_by(self.stride as usize);
        data.zip(0..)
    }
}

/// The place in the plane that a tap of an output reads, both counted row by row.
pub(super) fn source(conv: &Conv, output: usize, tap: usize) -> Option<usize> {
    let columns = conv.output_size()[1] as usize;
    let [rows_axis, columns_axis] = [0, 1].map(|axis| Axis::new(conv, axis));
    let kernel = conv.kernel[1] as usize;
    let y = rows_axis.source((output / columns) as i64, (tap / kernel) as i64)?;
    let x = columns_axis.source((output % columns) as i64, (tap % kernel) as i64)?;
    Some(y as usize * conv.width as usize + x as usize)
}

/// Monomials of a convolution: its positions' powers of σ, its filters' of ρ and 2^c.
pub(super) struct Places<'a> {
    pub(super) positions: &'a [Fr],
    pub(super) filters: &'a [Fr],
}

/// Positions of a convolution's product.
pub(super) struct Layout {
    axes: [Axis; 2],
    pitch: i64,
    /// Output of the plane at each position.
    outputs: Vec<Option<usize>>,
    /// Whether some datum meets some tap there.
    reached: Vec<bool>,
}

impl Layout {
    /// The layout at the narrowest pitch that keeps outputs apart.
    pub(super) fn new(conv: &Conv) -> Option<Self> {
        let columns = Axis::new(conv, 1);
        let width = (columns.size + columns.stride - 1) / columns.stride;
        let right = i64::from(conv.pads[3]);
        let span = (columns.taps - 1) * columns.dilation + 1;
        [width + columns.pad.max(right), width + span + columns.pad]
            .into_iter()
            .find_map(|pitch| Self::with_pitch(conv, pitch))
    }

    /// Whether each position is an output's; the same for every image.
    pub(super) fn used(&self) -> impl Iterator<Item = bool> + Clone + '_ {
        self.outputs.iter().map(Option::is_some)
    }

    fn with_pitch(conv: &Conv, pitch: i64) -> Option<Self> {
        let axes = [0, 1].map(|axis| Axis::new(conv, axis));
        let most = axes.map(|axis| axis.largest_shift());
        let [rows, columns] = conv.output_size().map(|v| v as usize);
        let mut outputs: HashMap<usize, usize> = HashMap::new();
        for output in 0..rows * columns {
            let (row, column) = ((output / columns) as i64, (output % columns) as i64);
            let at = (row + most[0]) * pitch + column + most[1];
            if outputs.insert(at as usize, output).is_some() {
                return None;
            }
        }
        let mut layout = Self {
            axes,
            pitch,
            outputs: Vec::new(),
            reached: Vec::new(),
        };
        let mut terms = 0usize;
        let mut strange = false;
        let mut reached = vec![false; outputs.keys().max().map_or(0, |at| at + 1)];
        layout.pairs(conv, |tap, datum, at| {
            if at >= reached.len() {
                reached.resize(at + 1, false);
            }
            reached[at] = true;
            if let Some(output) = outputs.get(&at) {
                strange |= source(conv, *output, tap) != Some(datum);
                terms += 1;
            }
        });
        // Pairs are distinct, so as many terms as taps inside the image are all of them.
        let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
        let all = (0..rows * columns).map(|output| {
            let inside = (0..taps).filter(|tap| source(conv, output, *tap).is_some());
            inside.count()
        });
        if strange || terms != all.sum::<usize>() {
            return None;
        }
        layout.outputs = vec![None; reached.len()];
        for (at, output) in outputs {
            layout.outputs[at] = Some(output);
        }
        layout.reached = reached;
        Some(layout)
    }

    /// Calls `pair` with every (tap, datum of the plane, position) that the product forms.
    fn pairs(&self, conv: &Conv, mut pair: impl FnMut(usize, usize, usize)) {
        let [rows, columns] = self.axes;
        let most = [rows.largest_shift(), columns.largest_shift()];
        for ky in 0..rows.taps {
            let (row_phase, row_shift) = rows.shift(ky);
            for kx in 0..columns.taps {
                let (column_phase, column_shift) = columns.shift(kx);
                let tap = (ky * columns.taps + kx) as usize;
                let place = (most[0] - row_shift) * self.pitch + most[1] - column_shift;
                for (y, v) in rows.data(row_phase) {
                    for (x, h) in columns.data(column_phase) {
                        let datum = y as usize * conv.width as usize + x as usize;
                        pair(tap, datum, (place + v * self.pitch + h) as usize);
                    }
                }
            }
        }
    }
}

impl Walk<'_> {
    /// A convolution, by polynomials or as a matrix.
    pub(super) fn conv(&mut self, node: usize, conv: &Conv) -> Result<(), AuditError> {
        if self.model.is_private(node) {
            return self.private_conv(node);
        }
        let saturates = self.saturating(node)?;
        let pack = self.packed(node, &saturates)?;
        let filters = conv.filters as usize;
        let plane = conv.item_outputs() / filters;
        if self.is_matrix(node, pack, saturates.len(), plane) {
            return self.dense(node);
        }
        let missing = || AuditError("a convolution that no product of polynomials is".into());
        let layout = Layout::new(conv).ok_or_else(missing)?;
        check(
            pack.exponents.saturating_mul(pack.per_exponent) >= filters,
            || format!("packing {pack:?} has no room for {filters} filters"),
        )?;
        let places = self.places(node, conv, &layout, pack, &saturates)?;
        let exponents = powers(self.point.rho, pack.exponents);
        let digits = powers(power_of_two(pack.bits), pack.per_exponent);
        let scales: Vec<Fr> = (0..filters)
            .map(|f| exponents[f / pack.per_exponent] * digits[f % pack.per_exponent])
            .collect();
        let places = Places {
            positions: &places,
            filters: &scales,
        };
        self.products(node, conv, &layout, &places, &|at| signed(conv.weights[at]));
        Ok(())
    }

    /// The positions of a convolution, highest first and the last image's before all others':
    /// claims where an output is, else a free cell per exponent that the product reaches. Returns
    /// each position's power of σ.
    pub(super) fn places(
        &mut self,
        node: usize,
        conv: &Conv,
        layout: &Layout,
        pack: Packing,
        saturates: &[bool],
    ) -> Result<Vec<Fr>, AuditError> {
        let filters = conv.filters as usize;
        let outputs = conv.item_outputs();
        let plane = outputs / filters;
        let groups = pack.exponents.div_ceil(CELLS);
        let exponents = powers(self.point.rho, groups * CELLS);
        let span = layout.outputs.len();
        let mut places = vec![Fr::ZERO; conv.items as usize * span];
        for (place, power) in places.iter_mut().enumerate().rev() {
            let (item, at) = (place / span, place % span);
            let position = self.position()?;
            *power = position.power;
            if let Some(output) = layout.outputs[at] {
                let first = item * outputs + output;
                let unit = |f: usize| (f < filters).then_some(first + f * plane);
                self.claims(node, position, pack, &unit, saturates)?;
            } else if layout.reached[at] {
                for group in (0..groups).rev() {
                    let row = self.next_free()?;
                    position.holds(row)?;
                    for lane in 0..CELLS.min(pack.exponents - group * CELLS) {
                        let border = cell(row, lane);
                        self.own_free(border)?;
                        let scale = position.power * exponents[group * CELLS + lane];
                        self.prescribed -= scale * self.point.z(border);
                    }
                }
            }
        }
        Ok(places)
    }

    /// Whether the rows have the form of a matrix: no data is taken in, and neighbours of one
    /// plane share a position. A wrong guess ends in other equations than the program's.
    fn is_matrix(&self, node: usize, pack: Packing, units: usize, plane: usize) -> bool {
        let rows = |start: usize, end: usize| self.program.rows.get(start..end).unwrap_or(&[]);
        let closes = |rows: &[Row]| rows.iter().filter(|row| row.fixed.close).count();
        let start = self.program.node_rows.get(node).copied().unwrap_or(0);
        let end = self.program.node_rows.get(node + 1).copied();
        let all = rows(start, end.unwrap_or(self.program.used_rows));
        let takes = all.iter().any(|row| row.fixed.hold == Hold::Take);
        let per_position = pack.exponents.saturating_mul(pack.per_exponent);
        let together = plane == 1 || units == 1 || {
            let wire = self.first_wire(node);
            let [one, other] = [wire, wire + 1].map(|wire| self.home(wire).row as usize);
            closes(rows(one.min(other), one.max(other))) == 0
        };
        !takes && together && closes(all) == units.div_ceil(per_position)
    }

    /// Adds every output's terms, and what meets where no output is, channel by channel: each
    /// tap's weights of all filters, times the data it meets.
    pub(super) fn products(
        &mut self,
        node: usize,
        conv: &Conv,
        layout: &Layout,
        places: &Places<'_>,
        weight: &dyn Fn(usize) -> Fr,
    ) {
        let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
        let per_group = (conv.channels / conv.groups) as usize;
        let filters = (conv.filters / conv.groups) as usize;
        let plane = (conv.height * conv.width) as usize;
        let mut terms = Vec::new();
        for (at, output) in layout.outputs.iter().enumerate() {
            let Some(output) = output else { continue };
            let inside = (0..taps).filter_map(|tap| Some((tap, source(conv, *output, tap)?, at)));
            terms.extend(inside);
        }
        layout.pairs(conv, |tap, datum, at| {
            if layout.outputs[at].is_none() {
                terms.push((tap, datum, at));
            }
        });
        let span = layout.outputs.len();
        for channel in 0..conv.channels as usize {
            let mut met = vec![Fr::ZERO; taps];
            for item in 0..conv.items as usize {
                let first = item * conv.item_inputs() + channel * plane;
                let x: Vec<Fr> = (0..plane)
                    .map(|datum| self.input(node, first + datum))
                    .collect();
                for (tap, datum, at) in &terms {
                    met[*tap] += places.positions[item * span + at] * x[*datum];
                }
            }
            let group = channel / per_group;
            for (tap, met) in met.iter().enumerate() {
                let filters = group * filters..(group + 1) * filters;
                let index = |f: usize| (f * per_group + channel % per_group) * taps + tap;
                let packed = filters.map(|f| weight(index(f)) * places.filters[f]);
                let packed: Fr = packed.sum();
                self.prescribed += packed * met;
            }
        }
    }
}
