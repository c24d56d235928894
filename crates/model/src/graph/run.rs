//! The float executor.

use super::{Aggregate, FloatGraph, FloatNode, FloatOp, FloatTree, FloatTreeNode, FloatTrees};
use crate::float::FloatError;

/// Every wire of one float run.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatRun {
    /// Inputs, then the nodes' outputs.
    pub wires: Vec<f64>,
    /// The model's outputs.
    pub outputs: Vec<f64>,
}

impl FloatGraph {
    /// Runs the graph, keeping every value.
    ///
    /// # Errors
    /// A number of values other than [`Self::features`].
    pub fn run(&self, input: &[f64]) -> Result<FloatRun, FloatError> {
        if input.len() != self.features {
            return Err(FloatError::Width {
                node: self.name.clone(),
                expected: self.features,
                got: input.len(),
            });
        }
        let mut wires = input.to_vec();
        for node in &self.nodes {
            let x: Vec<f64> = node.inputs.iter().map(|w| wires[*w as usize]).collect();
            node.evaluate(&x, &mut wires);
        }
        let outputs = self.outputs.iter().map(|w| wires[*w as usize]).collect();
        Ok(FloatRun { wires, outputs })
    }
}

impl FloatNode {
    /// Appends the outputs for the inputs `x`.
    fn evaluate(&self, x: &[f64], wires: &mut Vec<f64>) {
        match &self.op {
            FloatOp::Dense { weights, bias } => {
                let units = weights.iter().zip(bias);
                wires.extend(units.map(|(row, b)| b + crate::float::dot(row, x)));
            }
            FloatOp::Conv(conv) => {
                let outputs = conv.shape.outputs();
                let plane = outputs / conv.bias.len().max(1);
                let first = wires.len();
                wires.extend((0..outputs).map(|output| conv.bias[output / plane]));
                let sums = &mut wires[first..];
                conv.shape.spans(|span| {
                    let weight = conv.weights[span.weight];
                    let outputs = sums[span.output..span.output + span.count].iter_mut();
                    let inputs = x[span.input..].iter().step_by(span.stride);
                    outputs.zip(inputs).for_each(|(sum, x)| *sum += weight * x);
                });
            }
            FloatOp::Sparse { units } => wires.extend(units.iter().map(|unit| {
                let terms = unit.terms.iter().map(|(at, c)| c * x[*at as usize]);
                let products = unit.products.iter();
                let products = products.map(|(a, b, c)| c * x[*a as usize] * x[*b as usize]);
                unit.bias + terms.sum::<f64>() + products.sum::<f64>()
            })),
            FloatOp::Scale { steps } => wires.extend(x.iter().zip(steps).map(|(x, steps)| {
                f64::from(steps.iter().fold(*x as f32, |x, step| step.apply(x)))
            })),
            FloatOp::Map(function) => wires.extend(x.iter().map(|x| function.apply(*x))),
            FloatOp::Max { groups } => wires.extend(groups.iter().map(|group| {
                let values = group.iter().map(|at| x[*at as usize]);
                values.fold(f64::NEG_INFINITY, f64::max)
            })),
            FloatOp::ArgMax { groups } => wires.extend(groups.iter().map(|group| {
                let first_largest = (1..group.len()).fold(0, |best, at| {
                    let better = x[group[at] as usize] > x[group[best] as usize];
                    if better { at } else { best }
                });
                first_largest as f64
            })),
            FloatOp::Trees(trees) => wires.extend(trees.run(x)),
        }
    }
}

impl FloatTrees {
    /// One number per target, summed in float32 as runtimes do.
    pub fn run(&self, x: &[f64]) -> Vec<f64> {
        let mut sums: Vec<Option<f32>> = vec![None; self.targets];
        for tree in &self.trees {
            for (target, weight) in tree.leaf(x) {
                let sum = &mut sums[*target as usize];
                *sum = Some(match (*sum, self.aggregate) {
                    (None, _) => *weight,
                    (Some(old), Aggregate::Sum | Aggregate::Average) => old + weight,
                    (Some(old), Aggregate::Min) => old.min(*weight),
                    (Some(old), Aggregate::Max) => old.max(*weight),
                });
            }
        }
        let count = self.trees.len() as f32;
        let finish = |(sum, base): (Option<f32>, &f32)| {
            let sum = sum.unwrap_or(0.0);
            let sum = match self.aggregate {
                Aggregate::Average => sum / count,
                _ => sum,
            };
            f64::from(sum + base)
        };
        sums.into_iter().zip(&self.base).map(finish).collect()
    }
}

impl FloatTrees {
    /// Interval that holds one target's value, whatever the input.
    pub fn reach(&self, target: u32) -> (f64, f64) {
        let base = self
            .base
            .get(target as usize)
            .copied()
            .map_or(0.0, f64::from);
        let trees = self.trees.iter().map(|tree| {
            let leaves = tree.nodes.iter().filter_map(|node| match node {
                FloatTreeNode::Leaf { weights } => Some(weights),
                FloatTreeNode::Branch { .. } => None,
            });
            let own = leaves.map(|weights| {
                let own = weights.iter().filter(|(of, _)| *of == target);
                own.map(|(_, weight)| f64::from(*weight)).sum::<f64>()
            });
            own.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| {
                (lo.min(v), hi.max(v))
            })
        });
        let (lo, hi) = trees.fold((0.0, 0.0), |(lo, hi): (f64, f64), (a, b)| (lo + a, hi + b));
        let count = match self.aggregate {
            Aggregate::Average => self.trees.len().max(1) as f64,
            Aggregate::Sum | Aggregate::Min | Aggregate::Max => 1.0,
        };
        (lo / count + base, hi / count + base)
    }
}

impl FloatTree {
    /// The leaf that `x` ends in, each value taken as float32.
    pub fn leaf(&self, x: &[f64]) -> &[(u32, f32)] {
        let mut at = 0usize;
        loop {
            match &self.nodes[at] {
                FloatTreeNode::Leaf { weights } => return weights,
                FloatTreeNode::Branch {
                    feature,
                    mode,
                    threshold,
                    yes,
                    no,
                    missing_is_yes,
                } => {
                    let x = x[*feature as usize] as f32;
                    let holds = mode.holds(x, *threshold) || (x.is_nan() && *missing_is_yes);
                    at = if holds { *yes } else { *no } as usize;
                }
            }
        }
    }
}
