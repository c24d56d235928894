//! Small models that use every kind of row of the wide shape, and runs of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use halo2_proofs::dev::{MockProver, VerifyFailure};
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::wide::lower::lower_unaudited;
use haloracle_circuit::wide::program::Cell;
use haloracle_circuit::wide::{Program, Salts, WideCircuit, Witness, lower};
use haloracle_model::{
    Conv, Feature, FunctionTable, InputSchema, IntegerModel, Op, OutputField, Tree, TreeFeature,
    TreeNode, Trees, Unit,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{input, tag};

/// A model, its program and a run.
#[derive(Clone)]
pub struct Case {
    pub model: IntegerModel,
    pub program: Arc<Program>,
    pub witness: Witness,
}

impl Case {
    /// Runs `model` on the input that `seed` stands for; 0 and 1 are the box's corners.
    pub fn new(model: IntegerModel, seed: u64) -> Self {
        let raw = input(&model, seed);
        Self::on(model, &raw)
    }

    pub fn on(model: IntegerModel, raw: &[i64]) -> Self {
        let program = lower(&model)
            .map_err(|error| format!("{}: {error}", model.name))
            .unwrap();
        Self::with(model, program, raw)
    }

    /// With a program that the audit may refuse.
    pub fn unaudited(model: IntegerModel, raw: &[i64]) -> Self {
        let program = lower_unaudited(&model).expect("model lowers");
        Self::with(model, program, raw)
    }

    pub fn with(model: IntegerModel, program: Program, raw: &[i64]) -> Self {
        let witness =
            Witness::new(&model, &program, raw, salts(), &tag()).expect("input has a witness");
        Self {
            model,
            program: Arc::new(program),
            witness,
        }
    }

    pub fn verify(&self, witness: &Witness) -> Result<(), Vec<VerifyFailure>> {
        self.verify_with(witness, witness.instance_values())
    }

    pub fn verify_with(
        &self,
        witness: &Witness,
        instances: Vec<Fr>,
    ) -> Result<(), Vec<VerifyFailure>> {
        let circuit = WideCircuit::new(Arc::clone(&self.program), Arc::new(witness.clone()));
        MockProver::run(self.program.k, &circuit, vec![instances])
            .expect("circuit synthesizes")
            .verify()
    }

    /// Home of an output of a node.
    pub fn home(&self, node: usize, at: usize) -> Cell {
        self.program.homes[self.model.first_wires()[node] + at]
    }
}

/// Salts of private models.
pub fn salts() -> Salts {
    Salts {
        input: 0x1234_5678_9abc_def0u64.into(),
        model: 0xfeed_beef_0123u64.into(),
    }
}

/// All cells that hold one value, by their home.
pub fn classes(program: &Program) -> BTreeMap<Cell, Vec<Cell>> {
    let mut classes: BTreeMap<Cell, Vec<Cell>> = BTreeMap::new();
    for (to, from) in &program.copies {
        classes
            .entry(*from)
            .or_insert_with(|| vec![*from])
            .push(*to);
    }
    classes
}

/// A model without nodes: `features` of `digits` digits that use all of them.
pub fn empty(name: &str, digit_bits: u32, features: usize, digits: u32) -> IntegerModel {
    let feature = |index| Feature {
        name: format!("f{index}"),
        decimals: 0,
        lo: -5,
        hi: (1 << (digits * digit_bits)) - 6,
    };
    IntegerModel {
        name: name.into(),
        digit_bits,
        input: InputSchema {
            digits,
            features: (0..features).map(feature).collect(),
        },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    }
}

/// Adds an output.
pub fn output(model: &mut IntegerModel, wire: u32, digits: u32) {
    let name = format!("y{}", model.output.len());
    model.output.push(OutputField {
        name,
        wire,
        digits,
        zero_point: 0,
        multiplier: 1,
        decimals: 0,
    });
}

/// `units × inputs` weights and biases; some units saturate on both sides, some never.
pub fn dense(rng: &mut StdRng, bits: u32, inputs: usize, units: usize) -> Op {
    let max = (1i64 << bits) - 1;
    let limit = (1i64 << (3 * bits - 2)) / (max * inputs as i64);
    let weights = (0..units)
        .map(|unit| {
            let wide = if unit % 3 == 2 {
                1
            } else {
                limit.clamp(1, 4 * max)
            };
            (0..inputs).map(|_| rng.gen_range(-wide..=wide)).collect()
        })
        .collect();
    let bias = (0..units).map(|_| rng.gen_range(1..max)).collect();
    Op::Dense { weights, bias }
}

/// Stride, padding and two groups; wide enough that the polynomial form is chosen.
pub fn conv(rng: &mut StdRng, bits: u32) -> Conv {
    let max = (1i64 << bits) - 1;
    let mut conv = Conv {
        channels: 2,
        height: 9,
        width: 7,
        filters: 26,
        kernel: [3, 2],
        stride: [2, 2],
        dilation: [1, 2],
        pads: [1, 0, 1, 1],
        groups: 2,
        items: 1,
        weights: Vec::new(),
        bias: Vec::new(),
    };
    conv.weights = (0..conv.weight_count())
        .map(|at| {
            if at % 7 == 3 {
                0
            } else {
                rng.gen_range(-max..=max)
            }
        })
        .collect();
    conv.bias = (0..conv.outputs()).map(|_| rng.gen_range(1..max)).collect();
    conv
}

/// Four alike (a vector sum), two alike, single ones, one of products, one of nothing.
pub fn units(rng: &mut StdRng, bits: u32, inputs: u32) -> Vec<Unit> {
    let max = (1i64 << bits) - 1;
    let mut at = {
        let mut rng = StdRng::seed_from_u64(rng.r#gen());
        move || rng.gen_range(0..inputs)
    };
    let mut all = Vec::new();
    for coefficients in [&[3, -2, 5][..], &[7, 0, 1]] {
        for _ in 0..(4 - 2 * (coefficients[1] == 0) as usize) {
            let terms = coefficients.iter().map(|c| (at(), *c)).collect();
            all.push(Unit::linear(rng.gen_range(1..max), terms));
        }
    }
    all.push(Unit::linear(
        9,
        vec![
            (at(), 4 * max),
            (at(), -2),
            (at(), 1),
            (at(), 3),
            (at(), -6),
        ],
    ));
    all.push(Unit {
        bias: 11,
        terms: vec![(at(), -3)],
        products: vec![(at(), at(), 2), (at(), at(), -1), (at(), at(), 1)],
    });
    all.push(Unit::linear(5 << bits, Vec::new()));
    all
}

/// Sums of non-negative terms.
pub fn exact(rng: &mut StdRng, bits: u32, inputs: u32) -> Op {
    let max = (1i64 << bits) - 1;
    let mut unit = |bias: i64, terms: usize| {
        let terms: Vec<(u32, i64)> = (0..terms)
            .map(|_| (rng.gen_range(0..inputs), rng.gen_range(-max..=max)))
            .collect();
        let low: i64 = terms.iter().map(|(_, c)| c.min(&0) * max).sum();
        Unit::linear(bias - low, terms)
    };
    let mut units = vec![unit(3, 6), unit(0, 1), unit(0, 0), unit(200, 0)];
    units[1].products = vec![(0, 1, 2)];
    Op::Digits { digits: 5, units }
}

/// The identity's square, `z ↦ z² mod 2^t`, or a shifted one.
pub fn table(bits: u32, shift: u32) -> Op {
    let name = "square".into();
    let values = (0..1u32 << bits)
        .map(|z| (z * z + shift) % (1 << bits))
        .collect();
    Op::Table(FunctionTable { name, values })
}

/// Groups of one to nine members.
pub fn maxima(rng: &mut StdRng, inputs: u32) -> Op {
    let mut group = |count: usize| (0..count).map(|_| rng.gen_range(0..inputs)).collect();
    Op::Max {
        groups: vec![group(1), group(3), group(4), group(5), group(9)],
    }
}

fn branch(feature: u32, edges: &[(u32, u32)]) -> TreeNode {
    TreeNode::Branch {
        feature,
        edges: edges.to_vec(),
    }
}

fn leaf(seed: u32, limbs: u32, max: u32) -> TreeNode {
    TreeNode::Leaf {
        values: (0..limbs)
            .map(|limb| (seed * 5 + limb * 3 + 1) % (max + 1))
            .collect(),
    }
}

/// Features of one, two and three digits; a tree of depth 3 with an early leaf and a node that
/// two edges lead to, one of depth 1 and one that is a leaf. Expects at least four inputs.
pub fn trees(bits: u32, limbs: u32) -> Trees {
    let max = (1 << bits) - 1;
    let top = |digits: u32| (1u64 << (digits * bits)) - 1;
    let features = vec![
        TreeFeature {
            digits: vec![0],
            thresholds: vec![2, 5, 9],
        },
        TreeFeature {
            digits: vec![1, 2],
            thresholds: vec![0, 40, 41, top(2)],
        },
        TreeFeature {
            digits: vec![3, 0, 2],
            thresholds: vec![700, top(3) - 1],
        },
    ];
    let leaf = |seed| leaf(seed, limbs, max);
    let trees = vec![
        Tree {
            nodes: vec![
                branch(1, &[(0, 1), (2, 2), (max, 3)]),
                leaf(1),
                branch(0, &[(1, 4), (max, 3)]),
                branch(2, &[(0, 4), (max, 5)]),
                leaf(2),
                branch(0, &[(2, 6), (max, 7)]),
                leaf(3),
                leaf(4),
            ],
        },
        Tree {
            nodes: vec![branch(2, &[(0, 1), (max, 2)]), leaf(5), leaf(6)],
        },
        Tree {
            nodes: vec![leaf(7)],
        },
    ];
    Trees {
        features,
        trees,
        limbs,
    }
}

/// One model per operator, named after it, and one with all of them.
pub fn models() -> Vec<IntegerModel> {
    let bits = 4;
    let rng = &mut StdRng::seed_from_u64(3);
    let mut all = Vec::new();
    let mut add = |name: &str, op: Op, inputs: usize| {
        let mut model = empty(name, bits, 4, 2);
        let wires = model.input_wires();
        let from = (0..inputs).map(|at| (at % wires) as u32).collect();
        let out = model.push(name, from, op);
        output(&mut model, out[0], 1);
        output(&mut model, out[out.len() - 1], 1);
        all.push(model);
    };
    add("dense", dense(rng, bits, 8, 37), 8);
    add("dots", dense(rng, bits, 24, 6), 24);
    let conv = conv(rng, bits);
    let inputs = conv.inputs();
    add("conv", Op::Conv(conv), inputs);
    let units = units(rng, bits, 8);
    add("sparse", Op::Sparse { units }, 8);
    add("digits", exact(rng, bits, 8), 8);
    add("table", table(bits, 3), 5);
    add("max", maxima(rng, 8), 8);
    add("trees", Op::Trees(trees(bits, 5)), 6);
    all.extend([private(), hidden(), rich()]);
    all
}

/// A dense and a convolution node of private weights, a public one between.
pub fn private() -> IntegerModel {
    let bits = 4;
    let rng = &mut StdRng::seed_from_u64(8);
    let mut model = empty("private", bits, 3, 2);
    let inputs: Vec<u32> = (0..model.input_wires() as u32).collect();
    let hidden = model.push("dense", inputs, dense(rng, bits, 6, 5));
    let units = vec![
        Unit::linear(3, vec![(0, 9), (1, -2)]),
        Unit::linear(0, vec![(2, 1)]),
    ];
    let few = model.push("sparse", hidden.clone(), Op::Sparse { units });
    let shape = Conv {
        channels: 2,
        height: 1,
        width: 4,
        filters: 6,
        kernel: [1, 2],
        stride: [1, 2],
        dilation: [1, 1],
        pads: [0, 1, 0, 1],
        groups: 2,
        items: 1,
        weights: (0..12).map(|at| at * 5 % 13 - 6).collect(),
        bias: (0..18).map(|at| i64::from(at / 3) * 40 - 60).collect(),
    };
    let pixels = hidden
        .iter()
        .chain(&few)
        .chain(&hidden[..1])
        .copied()
        .collect();
    let image = model.push("conv", pixels, Op::Conv(shape));
    output(&mut model, image[0], 1);
    output(&mut model, image[17], 1);
    model
        .with_private_weights()
        .expect("weights can be private")
}

/// Private inputs, one of them with a box narrower than its slot.
pub fn hidden() -> IntegerModel {
    let bits = 4;
    let rng = &mut StdRng::seed_from_u64(9);
    let mut model = empty("hidden", bits, 3, 2);
    model.input.features[1].hi = 90;
    let inputs: Vec<u32> = (0..model.input_wires() as u32).collect();
    let out = model.push("dense", inputs, dense(rng, bits, 6, 2));
    output(&mut model, out[0], 1);
    output(&mut model, out[1], 1);
    model.with_private_inputs()
}

/// Every operator in one graph, with outputs of several digits.
pub fn rich() -> IntegerModel {
    let bits = 4;
    let rng = &mut StdRng::seed_from_u64(5);
    let mut model = empty("rich", bits, 5, 2);
    let inputs: Vec<u32> = (0..model.input_wires() as u32).collect();
    let hidden = model.push("dense", inputs.clone(), dense(rng, bits, inputs.len(), 60));
    let shape = conv(rng, bits);
    let pixels = (0..shape.inputs())
        .map(|at| hidden[at % hidden.len()])
        .collect();
    let image = model.push("conv", pixels, Op::Conv(shape));
    let pooled = model.push("max", image.clone(), maxima(rng, image.len() as u32));
    let some: Vec<u32> = image.iter().step_by(7).take(8).copied().collect();
    let units = units(rng, bits, 8);
    let sums = model.push("sparse", some, Op::Sparse { units });
    let squares = model.push("square", sums.clone(), table(bits, 3));
    let again = model.push("again", pooled.clone(), table(bits, 3));
    model.push("other", pooled, table(bits, 1));
    let digits = model.push("digits", squares, exact(rng, bits, 9));
    let ranked: Vec<u32> = digits
        .iter()
        .chain(&inputs)
        .chain(&again)
        .copied()
        .collect();
    let leaves = model.push("trees", ranked, Op::Trees(trees(bits, 4)));
    let few = model.push("dots", leaves, dense(rng, bits, 12, 3));
    output(&mut model, digits[0], 3);
    output(&mut model, few[0], 1);
    output(&mut model, few[2], 1);
    output(&mut model, inputs[1], 1);
    model
}
