//! Layers of private weights: A folds witness cells, four units a row and one unit per exponent.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::integer::{BIAS_LIMBS, NodeParameters};
use haloracle_model::{Conv, Op};

use super::WideError;
use super::builder::{Builder, cell};
use super::conv::Plan;
use super::linear::node_error;
use crate::field::power_of_two;
use crate::wide::config::CELLS;
use crate::wide::program::{Hold, Packing, Row, Source, Value};

impl Builder<'_> {
    /// One unit per exponent: nothing is known of the weights but their digits' range.
    fn private_packing(&self, node: usize, units: usize) -> Packing {
        let error = node_error(self.model, node, true);
        Packing {
            bits: u32::try_from(error.bits()).unwrap_or(u32::MAX),
            per_exponent: 1,
            exponents: units,
        }
    }

    /// A dense layer: per input, a fold of its weights and a row that multiplies by it.
    pub(super) fn private_dense(&mut self, node: usize, parameters: NodeParameters) {
        let Op::Dense { bias, .. } = &self.model.nodes[node].op else {
            return;
        };
        let units = bias.len();
        let packing = self.private_packing(node, units);
        self.packings[node] = Some(packing);
        self.claims(node, packing, Some, &vec![true; units]);
        let inputs = self.model.nodes[node].inputs.clone();
        let biases: Vec<Option<usize>> = (0..units).map(|u| Some(parameters.bias(u))).collect();
        self.fold_private(&biases, BIAS_LIMBS, None);
        self.times(Value::One);
        for (input, wire) in inputs.iter().enumerate() {
            let weights: Vec<Option<usize>> = (0..units)
                .map(|unit| Some(parameters.weight(unit * inputs.len() + input)))
                .collect();
            self.fold_private(&weights, parameters.limbs, None);
            self.times(Value::Wire(*wire));
        }
    }

    /// A convolution: as with public weights, and a channel of ones for the biases.
    pub(super) fn private_conv(
        &mut self,
        node: usize,
        conv: &Conv,
        parameters: NodeParameters,
    ) -> Result<(), WideError> {
        let Some(plan) = Plan::new(conv) else {
            return Err(WideError::NoPlan {
                node: self.model.nodes[node].name.clone(),
            });
        };
        let filters = conv.filters as usize;
        let packing = self.private_packing(node, filters);
        self.packings[node] = Some(packing);
        let saturates = vec![true; conv.outputs()];
        self.positions(node, conv, packing, &plan, &saturates);
        // Ones at the outputs' positions of every image.
        self.push(Row::new(Source::IDLE));
        let spans = (conv.items as usize - 1) * plan.positions;
        let groups = plan
            .used
            .keys()
            .max()
            .map_or(0, |at| (spans + at) / CELLS + 1);
        for group in (0..groups).rev() {
            let values = std::array::from_fn(|lane| {
                let at = group * CELLS + lane;
                let inside = at / plan.positions < conv.items as usize;
                match inside && plan.used.contains_key(&(at % plan.positions)) {
                    true => Value::One,
                    false => Value::Nought,
                }
            });
            self.take(values);
        }
        let biases: Vec<Option<usize>> = (0..filters).map(|f| Some(parameters.bias(f))).collect();
        self.fold_private(&biases, BIAS_LIMBS, Some(Hold::Keep));
        let per_group = filters / conv.groups as usize;
        let channels = (conv.channels / conv.groups) as usize;
        let kernel = conv.kernel.map(|v| v as usize);
        for channel in 0..conv.channels as usize {
            let group = channel / channels;
            for phase in &plan.phases {
                self.data(node, conv, &plan, phase, channel);
                let mut at = 0;
                for (position, ky, kx) in &phase.taps {
                    let hold = self.shift(position - at);
                    let weights: Vec<Option<usize>> = (0..filters)
                        .map(|filter| {
                            (filter / per_group == group).then(|| {
                                let plane = filter * channels + channel % channels;
                                let index = (plane * kernel[0] + ky) * kernel[1] + kx;
                                parameters.weight(index)
                            })
                        })
                        .collect();
                    self.fold_private(&weights, parameters.limbs, Some(hold));
                    at = *position;
                }
            }
        }
        Ok(())
    }

    /// Adds the product of a value and the fold so far.
    fn times(&mut self, value: Value) {
        let values = [value, Value::Zero, Value::Zero, Value::Zero];
        let mut row = Row::new(Source::Values(values));
        row.fixed.a[0] = Fr::ONE;
        row.fixed.product = true;
        self.push(row);
    }

    /// Folds numbers given by their first parameter digit, highest exponent first. With `hold`,
    /// D is kept, and on the last row becomes what `hold` says and is multiplied by.
    fn fold_private(&mut self, numbers: &[Option<usize>], limbs: u32, hold: Option<Hold>) {
        let bits = self.model.digit_bits;
        let highest = numbers.iter().rposition(Option::is_some);
        let groups = highest.map_or(1, |at| at / CELLS + 1);
        let offset = power_of_two(bits * limbs - 1);
        for group in (0..groups).rev() {
            let here = numbers.iter().skip(group * CELLS).take(CELLS);
            let empty = here.clone().all(Option::is_none);
            // Without numbers one row still multiplies by ρ^4.
            let limbs = if empty { 1 } else { limbs };
            for limb in 0..limbs {
                let last = group == 0 && limb + 1 == limbs;
                let mut values = [Value::Nought; CELLS];
                let mut row = Row::new(Source::IDLE);
                for (lane, value) in values.iter_mut().enumerate() {
                    let number = numbers.get(group * CELLS + lane).copied().flatten();
                    if let Some(first) = number {
                        *value = Value::Parameter((first + limb as usize) as u32);
                        if limb == 0 {
                            row.fixed.lanes[lane] = -offset;
                        }
                    }
                }
                if !empty {
                    row.source = Source::Values(values);
                    row.fixed.vec = power_of_two(bits * limb);
                }
                row.fixed.a = match (limb, group + 1 == groups) {
                    (0, true) => [Fr::ZERO; 3],
                    (0, false) => [Fr::ZERO, Fr::ONE, Fr::ZERO],
                    _ => [Fr::ONE, Fr::ZERO, Fr::ZERO],
                };
                row.fixed.hold = match hold {
                    Some(hold) if last => hold,
                    Some(_) => Hold::Keep,
                    None => Hold::Fresh,
                };
                row.fixed.product = last && hold.is_some();
                let at = self.push(row);
                for (lane, value) in values.iter().enumerate() {
                    if *value == Value::Nought && !empty {
                        self.noughts.push(cell(at, lane));
                    }
                }
            }
        }
    }
}
