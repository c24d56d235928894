//! Random graph models with every operator of the wide shape.

use haloracle_model::{
    Conv, Feature, FunctionTable, InputSchema, IntegerModel, Op, OutputField, Tree, TreeFeature,
    TreeNode, Trees, Unit, WireId,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Which operators a random model is made of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Dense,
    Conv,
    Sparse,
    Products,
    Digits,
    Table,
    Max,
    Trees,
}

pub const PIECES: [Piece; 8] = [
    Piece::Dense,
    Piece::Conv,
    Piece::Sparse,
    Piece::Products,
    Piece::Digits,
    Piece::Table,
    Piece::Max,
    Piece::Trees,
];

/// A random model whose nodes are `pieces`, each reading random earlier wires.
pub fn graph(seed: u64, digit_bits: u32, pieces: &[Piece]) -> IntegerModel {
    let mut rng = StdRng::seed_from_u64(seed);
    let digits = rng.gen_range(1..=2u32);
    let count = rng.gen_range(3..=12usize);
    let features = (0..count)
        .map(|index| {
            let lo = rng.gen_range(-1000..1000);
            let most = (1i32 << (digits * digit_bits)) - 1;
            Feature {
                name: format!("f{index}"),
                decimals: 2,
                lo,
                hi: lo + rng.gen_range(0..=most),
            }
        })
        .collect();
    let mut model = IntegerModel {
        name: format!("graph {seed}"),
        digit_bits,
        input: InputSchema { digits, features },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    };
    let mut last: Vec<WireId> = (0..model.input_wires() as WireId).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let wires = model.first_wires().last().copied().unwrap_or(0) as u32;
        let mut any = |rng: &mut StdRng, count: usize| -> Vec<WireId> {
            (0..count)
                .map(|_| match rng.gen_bool(0.7) {
                    true => last[rng.gen_range(0..last.len())],
                    false => rng.gen_range(0..wires),
                })
                .collect()
        };
        let (inputs, op) = piece.random(&mut rng, digit_bits, &mut any);
        last = model.push(format!("{piece:?}{index}"), inputs, op);
    }
    let outputs = rng.gen_range(1..=last.len().min(3));
    let most_digits = if outputs < last.len() { 2 } else { 1 };
    model.output = (0..outputs)
        .map(|index| OutputField {
            name: format!("y{index}"),
            wire: last[index],
            digits: rng.gen_range(1..=most_digits),
            zero_point: 0,
            multiplier: 1,
            decimals: 0,
        })
        .collect();
    // Digits are consecutive wires.
    let all = model.first_wires().last().copied().unwrap_or(0) as u32;
    for field in &mut model.output {
        field.digits = field.digits.min(all - field.wire);
    }
    model
}

impl Piece {
    fn random(
        self,
        rng: &mut StdRng,
        bits: u32,
        any: &mut dyn FnMut(&mut StdRng, usize) -> Vec<WireId>,
    ) -> (Vec<WireId>, Op) {
        let max = (1i64 << bits) - 1;
        // Wide enough to saturate sometimes, and never more than a saturating row holds.
        let limit = |terms: usize, rng: &mut StdRng| {
            let most = (1i64 << (3 * bits - 2)) / (max * terms as i64);
            rng.gen_range(1..=most.clamp(1, 4 * max))
        };
        match self {
            Self::Dense => {
                let (inputs, units) = (rng.gen_range(1..20), rng.gen_range(1..40));
                let wide = limit(inputs, rng);
                let weights = (0..units)
                    .map(|_| (0..inputs).map(|_| rng.gen_range(-wide..=wide)).collect())
                    .collect();
                let bias = (0..units)
                    .map(|_| rng.gen_range(-max * max..=max * max))
                    .collect();
                (any(rng, inputs), Op::Dense { weights, bias })
            }
            Self::Conv => {
                let conv = random_conv(rng, bits);
                (any(rng, conv.inputs()), Op::Conv(conv))
            }
            Self::Sparse => {
                let inputs = rng.gen_range(2..10usize);
                let units: usize = rng.gen_range(1..12);
                let wide = limit(4, rng);
                let shared: Vec<i64> = (0..rng.gen_range(1..4))
                    .map(|_| rng.gen_range(-wide..=wide))
                    .collect();
                let units = (0..units)
                    .map(|_| {
                        let coefficients = match rng.gen_bool(0.7) {
                            true => shared.clone(),
                            false => (0..rng.gen_range(0..4))
                                .map(|_| rng.gen_range(-wide..=wide))
                                .collect(),
                        };
                        let terms = coefficients.into_iter();
                        let terms = terms
                            .map(|c| (rng.gen_range(0..inputs) as u32, c))
                            .collect();
                        Unit::linear(rng.gen_range(-max * max..=max * max), terms)
                    })
                    .collect();
                (any(rng, inputs), Op::Sparse { units })
            }
            Self::Products => {
                let inputs = rng.gen_range(2..8usize);
                let units = (0..rng.gen_range(1..6))
                    .map(|_| {
                        let mut at = || rng.gen_range(0..inputs) as u32;
                        let products = vec![(at(), at(), 1), (at(), at(), -1), (at(), at(), 2)];
                        let terms = vec![(at(), 7)];
                        Unit {
                            bias: rng.gen_range(-max..max),
                            terms,
                            products,
                        }
                    })
                    .collect();
                (any(rng, inputs), Op::Sparse { units })
            }
            Self::Digits => {
                let inputs = rng.gen_range(1..8usize);
                let units = (0..rng.gen_range(1..4))
                    .map(|_| {
                        let terms: Vec<(u32, i64)> = (0..rng.gen_range(1..6))
                            .map(|_| (rng.gen_range(0..inputs) as u32, rng.gen_range(-max..=max)))
                            .collect();
                        let low: i64 = terms.iter().map(|(_, c)| c.min(&0) * max).sum();
                        Unit::linear(-low, terms)
                    })
                    .collect();
                let digits = 3;
                (any(rng, inputs), Op::Digits { digits, units })
            }
            Self::Table => {
                let values = (0..=max).map(|_| rng.gen_range(0..=max as u32)).collect();
                let name = "random".into();
                let inputs = rng.gen_range(1..10);
                (any(rng, inputs), Op::Table(FunctionTable { name, values }))
            }
            Self::Max => {
                let inputs = rng.gen_range(1..12usize);
                let groups = (0..rng.gen_range(1..5))
                    .map(|_| {
                        let members = rng.gen_range(1..12);
                        (0..members)
                            .map(|_| rng.gen_range(0..inputs) as u32)
                            .collect()
                    })
                    .collect();
                (any(rng, inputs), Op::Max { groups })
            }
            Self::Trees => {
                let inputs = rng.gen_range(1..6usize);
                (any(rng, inputs), Op::Trees(random_trees(rng, bits, inputs)))
            }
        }
    }
}

/// A convolution with any stride, dilation, padding and groups.
pub fn random_conv(rng: &mut StdRng, bits: u32) -> Conv {
    let max = (1i64 << bits) - 1;
    loop {
        let groups = rng.gen_range(1..=2);
        let mut conv = Conv {
            channels: groups * rng.gen_range(1..=2),
            height: rng.gen_range(1..=7),
            width: rng.gen_range(1..=7),
            filters: groups * rng.gen_range(1..=5),
            kernel: [rng.gen_range(1..=3), rng.gen_range(1..=3)],
            stride: [rng.gen_range(1..=3), rng.gen_range(1..=2)],
            dilation: [rng.gen_range(1..=2), rng.gen_range(1..=2)],
            pads: std::array::from_fn(|_| rng.gen_range(0..=2)),
            groups,
            items: 1,
            weights: Vec::new(),
            bias: Vec::new(),
        };
        let [rows, columns] = conv.output_size();
        if rows == 0 || columns == 0 {
            continue;
        }
        conv.weights = (0..conv.weight_count())
            .map(|_| rng.gen_range(-max / 3..=max / 3))
            .collect();
        conv.bias = (0..conv.outputs())
            .map(|_| rng.gen_range(-max * max / 2..=max * max))
            .collect();
        return conv;
    }
}

fn random_trees(rng: &mut StdRng, bits: u32, inputs: usize) -> Trees {
    let max = (1u32 << bits) - 1;
    let features: Vec<TreeFeature> = (0..rng.gen_range(1..4))
        .map(|_| {
            let digits: Vec<u32> = (0..rng.gen_range(1..=3))
                .map(|_| rng.gen_range(0..inputs) as u32)
                .collect();
            let top = 1u64 << (bits * digits.len() as u32);
            let mut thresholds: Vec<u64> = (0..rng.gen_range(1..6))
                .map(|_| rng.gen_range(0..top))
                .collect();
            thresholds.sort_unstable();
            thresholds.dedup();
            TreeFeature { digits, thresholds }
        })
        .collect();
    let limbs = rng.gen_range(1..=5);
    let trees = (0..rng.gen_range(1..4))
        .map(|_| {
            let branches = rng.gen_range(0..6usize);
            random_tree(rng, &features, branches, limbs, max)
        })
        .collect();
    Trees {
        features,
        trees,
        limbs,
    }
}

/// A tree of `branches` branches, of any shape.
fn random_tree(
    rng: &mut StdRng,
    features: &[TreeFeature],
    branches: usize,
    limbs: u32,
    max: u32,
) -> Tree {
    let mut nodes = vec![None];
    let mut open = std::collections::VecDeque::from([0usize]);
    for _ in 0..branches {
        let Some(at) = open.pop_front() else { break };
        let feature = rng.gen_range(0..features.len());
        let ranks = features[feature].thresholds.len() as u32;
        let mut bounds: Vec<u32> = (0..rng.gen_range(1..3))
            .map(|_| rng.gen_range(0..=ranks))
            .filter(|hi| *hi < max)
            .collect();
        bounds.push(max);
        bounds.sort_unstable();
        bounds.dedup();
        let edges = bounds
            .into_iter()
            .map(|hi| {
                nodes.push(None);
                match rng.r#gen() {
                    true => open.push_back(nodes.len() - 1),
                    false => open.push_front(nodes.len() - 1),
                }
                (hi, nodes.len() as u32 - 1)
            })
            .collect();
        nodes[at] = Some(TreeNode::Branch {
            feature: feature as u32,
            edges,
        });
    }
    let nodes = nodes
        .into_iter()
        .map(|node| {
            node.unwrap_or_else(|| TreeNode::Leaf {
                values: (0..limbs).map(|_| rng.gen_range(0..=max)).collect(),
            })
        })
        .collect();
    Tree { nodes }
}
