//! Real proofs of random models in both shapes: made by our prover, checked by halo2's own
//! verifier under halo2's own key of the circuit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../circuit/tests/common/mod.rs"]
mod common;

use std::sync::Arc;

use common::graphs::{PIECES, Piece, graph};
use common::wide::salts;
use common::{input, tag};
use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::plonk::{VerifyingKey, keygen_vk, verify_proof};
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_circuit::wide::WideCircuit;
use haloracle_circuit::{Lowered, MachineCircuit, Shape, compile, field};
use haloracle_model::{IntegerModel, Op};
use haloracle_prover::transcript::EvmReader;
use haloracle_prover::{Keys, Proof, Srs};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Most rows of a sampled model, as a power of two.
const MAX_K: u32 = 11;

fn stock_key(program: &Lowered, srs: &Srs) -> VerifyingKey<G1Affine> {
    match program {
        Lowered::Narrow(rows) => {
            let circuit = MachineCircuit::without_witness(Arc::clone(rows));
            keygen_vk(srs.params(), &circuit).unwrap()
        }
        Lowered::Wide(rows) => {
            let circuit = WideCircuit::without_witness(Arc::clone(rows));
            keygen_vk(srs.params(), &circuit).unwrap()
        }
    }
}

fn stock_accepts(keys: &Keys, key: &VerifyingKey<G1Affine>, proof: &Proof) -> bool {
    let values = proof.instances.iter().map(field::from_word);
    let values: Vec<Fr> = values.collect::<Option<_>>().unwrap();
    let digest = keys.verifying_key().digest(&keys.srs().hash());
    let mut transcript = EvmReader::new(digest, &proof.evm);
    let params = keys.srs().params();
    let result = verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        key,
        SingleStrategy::new(params),
        &[&[&values]],
        &mut transcript,
    );
    result.is_ok() && transcript.is_finished()
}

/// Proves two inputs; `None` if the model has no program of at most 2^[`MAX_K`] rows.
fn check(model: IntegerModel, shape: Shape, srs: &Srs) -> Option<u32> {
    let name = format!("{} {shape} {:?}", model.name, model.privacy);
    model.check_complete().ok()?;
    let program = compile(&model, Some(shape)).unwrap();
    if program.k() > MAX_K {
        return None;
    }
    let keys = Keys::generate_for(Arc::new(model), program, srs).unwrap();
    let stock = stock_key(keys.program(), keys.srs());
    for seed in [3, 8] {
        let raw = input(keys.model(), seed);
        let witness = keys.program().witness(keys.model(), &raw, salts(), &tag());
        let mut proof = keys.prove_witness(witness.unwrap()).unwrap();
        assert!(stock_accepts(&keys, &stock, &proof), "{name} seed {seed}");
        let answer = keys.model().run(&raw).unwrap();
        let model = keys.model();
        let output = model.pack_output(answer.status, answer.outputs());
        let first = proof.instances.len() - output.len();
        assert_eq!(proof.instances[first..], output, "{name} seed {seed}");
        proof.instances[first][31] ^= 1;
        assert!(!stock_accepts(&keys, &stock, &proof), "{name} seed {seed}");
    }
    Some(keys.program().k())
}

#[test]
fn random_chains_are_proved_in_the_narrow_shape() {
    let mut rng = StdRng::seed_from_u64(77);
    let srs = Srs::unsafe_setup(MAX_K, [1; 32]).unwrap();
    let sizes: Vec<u32> = (0..10)
        .filter_map(|seed| {
            let depth = rng.gen_range(1..4);
            let shape = common::Shape {
                seed,
                digit_bits: rng.gen_range(4..9),
                digits: rng.gen_range(1..=3),
                features: rng.gen_range(1..20),
                layers: (0..depth).map(|_| rng.gen_range(1..20)).collect(),
                tables: (0..depth).map(|_| rng.gen_range(0..3) == 0).collect(),
            };
            check(shape.model(), Shape::Narrow, &srs)
        })
        .collect();
    println!("narrow: k = {sizes:?}");
    assert!(sizes.len() >= 8);
}

#[test]
fn random_graphs_are_proved_in_the_wide_shape() {
    let mut rng = StdRng::seed_from_u64(78);
    let srs = Srs::unsafe_setup(MAX_K, [1; 32]).unwrap();
    let mut sizes = Vec::new();
    // Every operator alone, then some of them in a row.
    for (seed, piece) in PIECES.into_iter().enumerate() {
        sizes.extend(check(
            graph(300 + seed as u64, 4, &[piece]),
            Shape::Wide,
            &srs,
        ));
    }
    for seed in 0..12 {
        let count = rng.gen_range(2..5);
        let pieces: Vec<Piece> = (0..count)
            .map(|_| PIECES[rng.gen_range(0..PIECES.len())])
            .collect();
        let model = graph(400 + seed, rng.gen_range(4..=6), &pieces);
        sizes.extend(check(model, Shape::Wide, &srs));
    }
    println!("wide: k = {sizes:?}");
    assert!(sizes.len() >= 12);
}

#[test]
fn random_private_graphs_are_proved() {
    const BETWEEN: [Piece; 4] = [Piece::Dense, Piece::Sparse, Piece::Table, Piece::Max];
    let mut rng = StdRng::seed_from_u64(79);
    let srs = Srs::unsafe_setup(MAX_K, [1; 32]).unwrap();
    let mut sizes = [const { Vec::new() }; 3];
    for seed in 0..12 {
        let last = [Piece::Dense, Piece::Conv][rng.gen_range(0..2)];
        let pieces = [BETWEEN[rng.gen_range(0..BETWEEN.len())], last];
        let mut model = graph(500 + seed, 4, &pieces);
        for node in &mut model.nodes {
            // A convolution's private biases are one per filter.
            if let Op::Conv(conv) = &mut node.op {
                let plane = conv.outputs() / conv.filters as usize;
                for biases in conv.bias.chunks_mut(plane) {
                    let first = biases[0];
                    biases.fill(first);
                }
            }
        }
        let kind = seed as usize % sizes.len();
        if kind != 1 {
            model = model.with_private_inputs();
        }
        if kind != 0 {
            let Ok(private) = model.with_private_weights() else {
                continue;
            };
            model = private;
        }
        sizes[kind].extend(check(model, Shape::Wide, &srs));
    }
    println!("private inputs, weights, both: k = {sizes:?}");
    assert!(sizes.iter().all(|sizes| sizes.len() >= 2));
}
