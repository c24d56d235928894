//! Times and peak memory of proving random dense networks, ours against halo2's prover.
//!
//! `cargo run --release -p haloracle-prover --example prove -- stock|ours narrow|wide SIZE RUNS`,
//! SIZE from 9 to 15 (about the k of the narrow shape): one prover and one size a process, so
//! that the peak memory printed is its own. CPU time counts both cores.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Instant;

use halo2_proofs::arithmetic::g_to_lagrange;
use halo2_proofs::halo2curves::bn256::{Bn256, Fr};
use halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_proofs::plonk::{self, Circuit, keygen_pk2, keygen_vk_custom, verify_proof};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_circuit::wide::{Salts, WideCircuit};
use haloracle_circuit::{Filled, Lowered, MachineCircuit, Shape, compile};
use haloracle_model::{Feature, InputSchema, IntegerModel, Op, OutputField};
use haloracle_prover::Srs;
use haloracle_prover::create::{ProvingKey, create_proof};
use haloracle_prover::transcript::{EvmReader, EvmWriter};
use rand::rngs::OsRng;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A dense network with random weights whose accumulators stay near the middle.
fn model(digit_bits: u32, inputs: usize, widths: &[usize]) -> IntegerModel {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let middle = 1i64 << (digit_bits - 1);
    let mut model = IntegerModel {
        name: "random".into(),
        digit_bits,
        input: InputSchema {
            digits: 1,
            features: (0..inputs)
                .map(|index| Feature {
                    name: format!("x{index}"),
                    decimals: 0,
                    lo: 0,
                    hi: (1 << digit_bits) - 1,
                })
                .collect(),
        },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    };
    let mut values: Vec<u32> = (0..inputs as u32).collect();
    for &units in widths {
        let weights: Vec<Vec<i64>> = (0..units)
            .map(|_| values.iter().map(|_| rng.gen_range(-120..=120)).collect())
            .collect();
        let bias = weights
            .iter()
            .map(|row| (middle << digit_bits) - row.iter().sum::<i64>() * middle)
            .collect();
        values = model.push(format!("dense{units}"), values, Op::Dense { weights, bias });
    }
    let field = |wire: u32| OutputField {
        name: format!("y{wire}"),
        wire,
        digits: 1,
        zero_point: 0,
        multiplier: 1,
        decimals: 0,
    };
    model.output = values.into_iter().map(field).collect();
    model
}

/// One line of `/proc/self/status`, in MiB.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// CPU time of all threads so far, in seconds; the kernel counts hundredths.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn timed<T>(what: &str, runs: usize, mut run: impl FnMut() -> T) -> T {
    let mut best = f64::INFINITY;
    let mut last = None;
    let before = cpu();
    for _ in 0..runs {
        let start = Instant::now();
        last = Some(run());
        best = best.min(start.elapsed().as_secs_f64());
    }
    let used = (cpu() - before) / runs as f64;
    let (best, used) = (best * 1e3, used * 1e3);
    println!("{what:>12}: {best:8.1} ms wall (best of {runs}), {used:8.1} ms CPU (mean)");
    last.expect("at least one run")
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let stock = argument(1) == "stock";
    let shape = argument(2).parse().unwrap_or(Shape::Narrow);
    let size = argument(3).parse().unwrap_or(13);
    let runs = argument(4).parse().unwrap_or(5);
    let (digit_bits, inputs, widths): (u32, usize, &[usize]) = match size {
        9 => (8, 30, &[32, 16, 1]),
        10 => (8, 64, &[64, 32, 10]),
        11 => (8, 128, &[128, 64, 10]),
        12 => (8, 256, &[256, 64, 10]),
        13 => (8, 512, &[256, 128, 10]),
        14 => (12, 784, &[256, 128, 10]),
        _ => (12, 1024, &[1024, 128, 10]),
    };
    let model = model(digit_bits, inputs, widths);
    let program = compile(&model, Some(shape)).expect("the model fits");
    let (k, rows) = (program.k(), 1 << program.k());
    println!("{inputs}-{widths:?}, {shape}: k = {k}, {rows} rows");
    let modulus = 1i64 << digit_bits;
    let raw: Vec<i64> = (0..inputs as i64).map(|i| (i * 37) % modulus).collect();
    let witness = program
        .witness(&model, &raw, Salts::NONE, &[7; 32])
        .expect("a witness");
    let values = witness.instance_values();
    match (program, witness) {
        (Lowered::Narrow(program), Filled::Narrow(witness)) => bench(
            &MachineCircuit::without_witness(Arc::clone(&program)),
            &MachineCircuit::new(program, Arc::new(witness)),
            (stock, k, runs),
            &values,
        ),
        (Lowered::Wide(program), Filled::Wide(witness)) => bench(
            &WideCircuit::without_witness(Arc::clone(&program)),
            &WideCircuit::new(program, Arc::new(witness)),
            (stock, k, runs),
            &values,
        ),
        _ => unreachable!("a program fills rows of its own shape"),
    }
}

fn bench<C: Circuit<Fr> + Clone>(
    empty: &C,
    circuit: &C,
    (stock, k, runs): (bool, u32, usize),
    values: &[Fr],
) {
    let srs = Srs::unsafe_setup(k, [3; 32]).expect("k is in range");
    let params = srs.params();
    let digest = Fr::from(1);
    let (vk, proof) = if stock {
        let before = memory("VmRSS");
        let key = timed("key", 1, || keygen_pk2(params, empty, false).unwrap());
        println!("{:>12}: {:8.1} MiB", "key", memory("VmRSS") - before);
        let proof = timed("prove", runs, || {
            let mut transcript = EvmWriter::new(digest);
            type Scheme = KZGCommitmentScheme<Bn256>;
            plonk::create_proof::<Scheme, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
                params,
                &key,
                std::slice::from_ref(circuit),
                &[&[values]],
                OsRng,
                &mut transcript,
            )
            .unwrap();
            transcript.finish()
        });
        println!("{:>12}: {:8.1} MiB", "peak", memory("VmHWM"));
        (key.get_vk().clone(), proof)
    } else {
        let monomial = params.get_g().to_vec();
        let curve = monomial.iter().map(PrimeCurveAffine::to_curve).collect();
        let lagrange = g_to_lagrange(curve, k);
        let before = memory("VmRSS");
        let key = timed("key", runs, || {
            ProvingKey::generate(empty, monomial.clone(), lagrange.clone()).unwrap()
        });
        println!("{:>12}: {:8.1} MiB", "key", memory("VmRSS") - before);
        timed("commitments", runs, || key.commitments());
        let proof = timed("prove", runs, || {
            let mut transcript = EvmWriter::new(digest);
            create_proof(&key, circuit, &[values], digest, OsRng, &mut transcript).unwrap();
            transcript.finish()
        });
        println!("{:>12}: {:8.1} MiB", "peak", memory("VmHWM"));
        (keygen_vk_custom(params, empty, false).unwrap(), proof)
    };
    timed("verify", runs, || {
        let mut transcript = EvmReader::new(digest, &proof);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params,
            &vk,
            SingleStrategy::new(params),
            &[&[values]],
            &mut transcript,
        )
        .expect("the proof is valid");
    });
    println!("{:>12}: {:8} B", "proof", proof.len());
}
