//! Random tree ensembles over random boxes, and the float model's answer at raw integers.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "not every test file uses every helper, and a test fails by panicking"
)]

use haloracle_model::graph::{Aggregate, BranchMode, FloatTree, FloatTreeNode, FloatTrees, Step};
use haloracle_model::integer::{Feature, InputSchema, IntegerModel, Op, OutputField, TreeNode};
use haloracle_model::quantize::trees::{Exact, Pre, Source, Value, push};

/// Deterministic draws.
pub struct Draw(pub u64);

impl Draw {
    /// SplitMix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn between(&mut self, lo: i64, hi: i64) -> i64 {
        lo + self.below((hi - lo + 1) as u64) as i64
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// In [−1, 1).
    pub fn real(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// An ensemble over the features of a box.
pub struct Case {
    pub trees: FloatTrees,
    pub sources: Vec<Source>,
    pub input: InputSchema,
    pub digit_bits: u32,
}

/// What a random case may hold.
#[derive(Clone, Copy)]
pub struct Kind {
    pub trees: u64,
    pub depth: u32,
    pub targets: usize,
    /// Weights are eighths; else any float32.
    pub simple_weights: bool,
    pub digit_bits: u32,
}

impl Case {
    pub fn random(draw: &mut Draw, kind: Kind) -> Self {
        let count = 1 + draw.below(4) as usize;
        let mut features: Vec<Feature> = Vec::new();
        for index in 0..count {
            let width = draw.of(&[0i64, 1, 5, 40, 1000, 70_000, (1 << 24) + 3, u32::MAX.into()]);
            let lo = draw.between(i64::from(i32::MIN), i64::from(i32::MAX) - width);
            let lo = if draw.below(2) == 0 {
                lo.clamp(-width, 0)
            } else {
                lo
            };
            features.push(Feature {
                name: format!("x{index}"),
                decimals: draw.below(10) as u8,
                lo: lo as i32,
                hi: (lo + width) as i32,
            });
        }
        let input = InputSchema {
            digits: 32u32.div_ceil(kind.digit_bits),
            features,
        };
        let sources = (0..count).map(|index| {
            let steps = (0..draw.below(4)).map(|_| step(draw)).collect();
            Source::feature(&input, index, steps).unwrap()
        });
        let sources: Vec<Source> = sources.collect();
        let trees = (0..1 + draw.below(kind.trees))
            .map(|_| tree(draw, &sources, kind))
            .collect();
        let base = (0..kind.targets)
            .map(|_| (draw.real() * 4.0) as f32)
            .collect();
        Self {
            trees: FloatTrees {
                trees,
                targets: kind.targets,
                base,
                aggregate: draw.of(&[Aggregate::Sum, Aggregate::Sum, Aggregate::Average]),
            },
            sources,
            input,
            digit_bits: kind.digit_bits,
        }
    }

    pub fn model(&self) -> IntegerModel {
        IntegerModel {
            name: "trees".into(),
            digit_bits: self.digit_bits,
            input: self.input.clone(),
            nodes: Vec::new(),
            output: Vec::new(),
            privacy: Default::default(),
        }
    }

    /// The model with the ensemble, and its sums.
    pub fn quantized(&self) -> (IntegerModel, Vec<Exact>) {
        let mut model = self.model();
        let sums = push(&mut model, "trees", &self.trees, &self.sources).unwrap();
        (model, sums)
    }

    /// What the float trees see of raw integers.
    pub fn seen(&self, raw: &[i64]) -> Vec<f64> {
        let see = |(source, raw): (&Source, &i64)| f64::from(seen(source, *raw));
        self.sources.iter().zip(raw).map(see).collect()
    }

    /// The exact sums of the leaves that the float trees end in, without base.
    pub fn leaf_sums(&self, raw: &[i64]) -> Vec<f64> {
        let x = self.seen(raw);
        let mut sums = vec![0.0; self.trees.targets];
        for tree in &self.trees.trees {
            for (target, weight) in tree.leaf(&x) {
                sums[*target as usize] += f64::from(*weight);
            }
        }
        sums
    }

    /// What the sums must be.
    pub fn expected(&self, raw: &[i64]) -> Vec<f64> {
        let count = match self.trees.aggregate {
            Aggregate::Average => self.trees.trees.len() as f64,
            _ => 1.0,
        };
        let sums = self.leaf_sums(raw).into_iter().zip(&self.trees.base);
        sums.map(|(sum, base)| sum / count + f64::from(*base))
            .collect()
    }

    /// Inputs that matter: both sides of every threshold of the quantized trees and of the
    /// floats around it, the corners of the box, and anything.
    pub fn inputs(&self, draw: &mut Draw, model: &IntegerModel) -> Vec<Vec<i64>> {
        let features = &self.input.features;
        let any = |draw: &mut Draw| -> Vec<i64> {
            let features = features.iter();
            let each = features.map(|f| match draw.below(6) {
                0 => f.lo.into(),
                1 => f.hi.into(),
                _ => draw.between(f.lo.into(), f.hi.into()),
            });
            each.collect()
        };
        let mut inputs: Vec<Vec<i64>> = (0..40).map(|_| any(draw)).collect();
        for node in &model.nodes {
            let Op::Trees(trees) = &node.op else { continue };
            for feature in &trees.features {
                let wire = node.inputs[feature.digits[0] as usize];
                let index = (wire / self.input.digits) as usize;
                let box_ = &features[index];
                for threshold in &feature.thresholds {
                    for v in threshold.saturating_sub(2)..=threshold + 2 {
                        let mut input = any(draw);
                        input[index] = (i64::from(box_.lo) + v as i64).min(box_.hi.into());
                        inputs.push(input);
                    }
                }
            }
        }
        inputs
    }
}

/// The pipeline, written down a second time.
pub fn seen(source: &Source, raw: i64) -> f32 {
    let Value::Decimal { decimals, .. } = source.value else {
        panic!("not a raw feature");
    };
    // No double rounding with so few decimals.
    let mut x = (raw as f64 / 10f64.powi(i32::from(decimals))) as f32;
    for step in &source.steps {
        x = match *step {
            Pre::Step(Step::Add(c)) => x + c,
            Pre::Step(Step::Sub(c)) => x - c,
            Pre::Step(Step::Mul(c)) => x * c,
            Pre::Step(Step::Div(c)) => x / c,
            Pre::Replace { from, by } if x == from => by,
            Pre::Replace { .. } => x,
        };
    }
    x
}

fn step(draw: &mut Draw) -> Pre {
    let scale = 10f64.powi(draw.between(-3, 3) as i32);
    let c = (draw.real() * scale) as f32;
    let c = if c == 0.0 { 1.0 } else { c };
    match draw.below(9) {
        0 | 1 => Step::Add(c * 100.0).into(),
        2 | 3 => Step::Sub(c * 100.0).into(),
        4 | 5 => Step::Mul(c).into(),
        6 => Step::Div(c).into(),
        // Often hit: small integers are frequent.
        _ => Pre::Replace {
            from: draw.between(-2, 2) as f32,
            by: c,
        },
    }
}

fn tree(draw: &mut Draw, sources: &[Source], kind: Kind) -> FloatTree {
    let mut nodes = Vec::new();
    grow(draw, sources, kind, kind.depth, &mut nodes);
    FloatTree { nodes }
}

fn grow(
    draw: &mut Draw,
    sources: &[Source],
    kind: Kind,
    depth: u32,
    nodes: &mut Vec<FloatTreeNode>,
) -> u32 {
    let at = nodes.len();
    if depth == 0 || draw.below(8) == 0 {
        let weights = (0..kind.targets as u32)
            .filter(|_| kind.targets == 1 || draw.below(3) > 0)
            .collect::<Vec<_>>();
        let weights = weights.into_iter().map(|target| {
            let weight = match kind.simple_weights {
                true => draw.between(-40, 40) as f32 / 8.0,
                false => draw.real() as f32,
            };
            (target, weight)
        });
        let weights = weights.collect();
        nodes.push(FloatTreeNode::Leaf { weights });
        return at as u32;
    }
    nodes.push(FloatTreeNode::Leaf { weights: vec![] });
    let feature = draw.below(sources.len() as u64) as usize;
    let source = &sources[feature];
    let Value::Decimal { lo, .. } = source.value else {
        panic!("not a raw feature");
    };
    let value = |draw: &mut Draw| {
        let x = seen(source, i64::from(lo) + draw.below(source.most + 1) as i64);
        match draw.below(5) {
            0 => x.next_up(),
            1 => x.next_down(),
            2 => x * 1.001,
            _ => x,
        }
    };
    let threshold = value(draw);
    let mode = match draw.below(12) {
        0..4 => BranchMode::Leq,
        4..6 => BranchMode::Lt,
        6 => BranchMode::Gt,
        7 => BranchMode::Gte,
        8 => BranchMode::Eq,
        9 => BranchMode::Neq,
        _ => BranchMode::Member((0..draw.below(5)).map(|_| value(draw)).collect()),
    };
    let yes = grow(draw, sources, kind, depth - 1, nodes);
    let no = grow(draw, sources, kind, depth - 1, nodes);
    nodes[at] = FloatTreeNode::Branch {
        feature: feature as u32,
        mode,
        threshold,
        yes,
        no,
        missing_is_yes: draw.below(2) == 0,
    };
    at as u32
}

/// Nodes of an integer model's trees.
pub fn tree_nodes(model: &IntegerModel) -> Vec<&TreeNode> {
    let trees = model.nodes.iter().filter_map(|node| match &node.op {
        Op::Trees(trees) => Some(trees),
        _ => None,
    });
    trees
        .flat_map(|t| t.trees.iter().flat_map(|tree| &tree.nodes))
        .collect()
}

/// Gives the model an output, so that it can be validated, and checks it.
pub fn assert_well_formed(model: &mut IntegerModel) {
    model.output = vec![OutputField {
        name: "y".into(),
        wire: 0,
        digits: 1,
        zero_point: 0,
        multiplier: 1,
        decimals: 0,
    }];
    if !model.nodes.is_empty() {
        model.validate().unwrap();
        model.check_complete().unwrap();
    }
}
