//! Times key generation, proving and verifying of models of random weights in the wide shape:
//! `cargo run --release -p haloracle-prover --example wide -- mlp|deep|lenet`.

use std::time::Instant;

use haloracle_circuit::{Shape, compile};
use haloracle_model::{Conv, Feature, InputSchema, IntegerModel, Op, OutputField};
use haloracle_prover::{Keys, Srs};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn model(features: usize) -> IntegerModel {
    let feature = |index| Feature {
        name: format!("x{index}"),
        decimals: 0,
        lo: 0,
        hi: 255,
    };
    IntegerModel {
        name: "random".into(),
        digit_bits: 8,
        input: InputSchema {
            digits: 1,
            features: (0..features).map(feature).collect(),
        },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    }
}

fn dense(rng: &mut StdRng, model: &mut IntegerModel, inputs: Vec<u32>, units: usize) -> Vec<u32> {
    let weights: Vec<Vec<i64>> = (0..units)
        .map(|_| inputs.iter().map(|_| rng.gen_range(-40..=40)).collect())
        .collect();
    model.push(
        format!("dense{units}"),
        inputs,
        Op::Dense {
            weights,
            bias: vec![1 << 15; units],
        },
    )
}

fn conv(
    rng: &mut StdRng,
    model: &mut IntegerModel,
    inputs: Vec<u32>,
    [channels, size, filters]: [u32; 3],
) -> Vec<u32> {
    let mut conv = Conv {
        channels,
        height: size,
        width: size,
        filters,
        kernel: [5, 5],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [0; 4],
        groups: 1,
        items: 1,
        weights: Vec::new(),
        bias: Vec::new(),
    };
    conv.weights = (0..conv.weight_count())
        .map(|_| rng.gen_range(-60..=60))
        .collect();
    conv.bias = vec![1 << 15; conv.outputs()];
    model.push("conv", inputs, Op::Conv(conv))
}

fn pool(model: &mut IntegerModel, inputs: Vec<u32>, channels: usize, size: usize) -> Vec<u32> {
    let at = |c: usize, y: usize, x: usize| ((c * size + y) * size + x) as u32;
    let half = size / 2;
    let groups = (0..channels * half * half)
        .map(|i| {
            let (c, y, x) = (i / half / half, i / half % half * 2, i % half * 2);
            vec![
                at(c, y, x),
                at(c, y, x + 1),
                at(c, y + 1, x),
                at(c, y + 1, x + 1),
            ]
        })
        .collect();
    model.push("pool", inputs, Op::Max { groups })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = StdRng::seed_from_u64(1);
    let which = std::env::args().nth(1).unwrap_or_default();
    let (features, widths): (usize, &[usize]) = match which.as_str() {
        "mlp" => (784, &[256, 128, 10]),
        "deep" => (1024, &[1024, 1024, 10]),
        _ => (784, &[120, 84, 10]),
    };
    let mut model = model(features);
    let mut wires: Vec<u32> = (0..features as u32).collect();
    if which == "lenet" {
        wires = conv(&mut rng, &mut model, wires, [1, 28, 6]);
        wires = pool(&mut model, wires, 6, 24);
        wires = conv(&mut rng, &mut model, wires, [6, 12, 16]);
        wires = pool(&mut model, wires, 16, 8);
    }
    for units in widths {
        wires = dense(&mut rng, &mut model, wires, *units);
    }
    let field = |wire: &u32| OutputField {
        name: format!("y{wire}"),
        wire: *wire,
        digits: 1,
        zero_point: 0,
        multiplier: 1,
        decimals: 0,
    };
    model.output = wires.iter().map(field).collect();
    let start = Instant::now();
    let program = compile(&model, Some(Shape::Wide))?;
    println!("lower   {:?}: k = {}", start.elapsed(), program.k());
    if let Some(program) = program.wide() {
        println!("rows    {} of {}", program.used_rows, program.size());
    }
    let srs = Srs::unsafe_setup(program.k(), [7; 32])?;
    let start = Instant::now();
    let keys = Keys::generate_for(std::sync::Arc::new(model.clone()), program, &srs)?;
    println!("keygen  {:?}", start.elapsed());
    let raw: Vec<i64> = (0..features).map(|_| rng.gen_range(0..=255)).collect();
    for _ in 0..3 {
        let start = Instant::now();
        let proof = keys.prove(&raw, &[9; 32])?;
        println!(
            "prove   {:?}, {} bytes",
            start.elapsed(),
            proof.compact()?.len()
        );
    }
    Ok(())
}
