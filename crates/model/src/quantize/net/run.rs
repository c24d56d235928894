//! Runs the network in floats, for calibration.

use super::{Net, NetConv, NetOp};

/// Values of one run, by variable.
#[derive(Clone, Debug, Default)]
pub(in crate::quantize) struct NetRun {
    /// Linear units before their clamp; other values as they are.
    pub(in crate::quantize) linear: Vec<f64>,
}

impl Net {
    /// Runs the network on `input`, one value per feature.
    pub(in crate::quantize) fn run(&self, input: &[f64]) -> NetRun {
        let mut linear = vec![0.0; self.vars as usize];
        let mut values = vec![0.0; self.vars as usize];
        for ((linear, value), x) in linear.iter_mut().zip(&mut values).zip(input) {
            (*linear, *value) = (*x, *x);
        }
        for node in &self.nodes {
            let raw: Vec<f64> = match &node.op {
                NetOp::Dense(dense) => {
                    let inputs = dense.inputs.iter();
                    let x: Vec<f64> = inputs.map(|r| values[r.var as usize]).collect();
                    let units = dense.weights.iter().zip(&dense.bias);
                    units.map(|(row, bias)| bias + dot(row, &x)).collect()
                }
                NetOp::Conv(conv) => conv.run(&values),
                NetOp::Sparse(units) | NetOp::Sum(units) | NetOp::Exact(units) => units
                    .iter()
                    .map(|unit| {
                        let x = |var: u32| values[var as usize];
                        let terms = unit.terms.iter().map(|(r, c)| c * x(r.var));
                        let products = unit.products.iter();
                        let products = products.map(|(a, b, c)| c * x(a.var) * x(b.var));
                        unit.bias + terms.sum::<f64>() + products.sum::<f64>()
                    })
                    .collect(),
                NetOp::Map { expr, inputs } => {
                    let x = inputs.iter().map(|var| values[*var as usize]);
                    x.map(|x| self.exprs.value(*expr, x)).collect()
                }
                NetOp::Max(groups) => groups
                    .iter()
                    .map(|group| {
                        let members = group.iter().map(|r| values[r.var as usize]);
                        members.fold(f64::NEG_INFINITY, f64::max)
                    })
                    .collect(),
                NetOp::Trees(trees) => {
                    let sources = trees.sources.iter();
                    let x: Vec<f64> = sources
                        .map(|source| {
                            let x = values[source.of.var as usize] as f32;
                            f64::from(source.steps.iter().fold(x, |x, step| step.apply(x)))
                        })
                        .collect();
                    trees.trees.run(&x)
                }
            };
            for (index, (var, raw)) in node.outputs.iter().zip(raw).enumerate() {
                let (lo, hi) = node.op.clamp(index);
                linear[*var as usize] = raw;
                values[*var as usize] = raw.max(lo).min(hi);
            }
        }
        NetRun { linear }
    }

    /// Multiplications of one run, about.
    pub(in crate::quantize) fn work(&self) -> u64 {
        let nodes = self.nodes.iter().map(|node| match &node.op {
            NetOp::Dense(dense) => dense.weights.len() * dense.inputs.len(),
            NetOp::Conv(conv) => conv.plane() * conv.weights.len(),
            NetOp::Sparse(units) | NetOp::Sum(units) | NetOp::Exact(units) => units
                .iter()
                .map(|unit| 1 + unit.terms.len() + 2 * unit.products.len())
                .sum(),
            NetOp::Map { inputs, .. } => 4 * inputs.len(),
            NetOp::Max(groups) => groups.iter().map(Vec::len).sum(),
            NetOp::Trees(trees) => 16 * trees.trees.trees.len(),
        });
        nodes.map(|work| work as u64).sum::<u64>() + u64::from(self.vars)
    }
}

impl NetConv {
    fn run(&self, values: &[f64]) -> Vec<f64> {
        let inputs = self.inputs.iter();
        let x: Vec<f64> = inputs
            .map(|r| r.map_or(0.0, |r| values[r.var as usize]))
            .collect();
        let mut sums = self.bias.clone();
        self.shape.spans(|span| {
            let weight = self.weights[span.weight];
            let outputs = sums[span.output..span.output + span.count].iter_mut();
            let inputs = x[span.input..].iter().step_by(span.stride);
            outputs.zip(inputs).for_each(|(y, x)| *y += weight * x);
        });
        sums
    }
}

/// A scalar product in four independent sums, which is what lets it run fast.
pub(in crate::quantize) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = a4.remainder().iter().zip(b4.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in a4.zip(b4) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    rest + sums.iter().sum::<f64>()
}
