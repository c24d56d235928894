//! The prover against halo2's own, on a circuit that uses everything it supports.
#![allow(clippy::unwrap_used)]

mod create_circuits;

use create_circuits::{Cell, Everything};
use halo2_proofs::arithmetic::g_to_lagrange;
use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_proofs::plonk::{self, Circuit, keygen_pk2, verify_proof};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_prover::create::{CreateError, ProvingKey, create_proof};
use haloracle_prover::transcript::{EvmReader, EvmWriter};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Both provers' keys of one circuit.
struct Both {
    params: ParamsKZG<Bn256>,
    stock: plonk::ProvingKey<G1Affine>,
    ours: ProvingKey,
}

fn params(k: u32) -> ParamsKZG<Bn256> {
    ParamsKZG::setup(k, ChaCha20Rng::seed_from_u64(u64::from(k)))
}

fn our_key<C: Circuit<Fr>>(
    params: &ParamsKZG<Bn256>,
    circuit: &C,
) -> Result<ProvingKey, CreateError> {
    let monomial = params.get_g().to_vec();
    let curve = monomial.iter().map(PrimeCurveAffine::to_curve).collect();
    let lagrange = g_to_lagrange(curve, monomial.len().ilog2());
    ProvingKey::generate(circuit, monomial, lagrange)
}

fn both<C: Circuit<Fr>>(k: u32, circuit: &C) -> Both {
    let params = params(k);
    let stock = keygen_pk2(&params, circuit, false).unwrap();
    let ours = our_key(&params, circuit).unwrap();
    Both {
        params,
        stock,
        ours,
    }
}

const DIGEST: u64 = 77;

impl Both {
    fn prove<C: Circuit<Fr>>(&self, circuit: &C, instance: &[Fr], seed: u64) -> Vec<u8> {
        let mut transcript = EvmWriter::new(Fr::from(DIGEST));
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let digest = Fr::from(DIGEST);
        create_proof(
            &self.ours,
            circuit,
            &[instance],
            digest,
            rng,
            &mut transcript,
        )
        .unwrap();
        transcript.finish()
    }

    fn prove_stock<C: Circuit<Fr>>(&self, circuit: C, instance: &[Fr], seed: u64) -> Vec<u8> {
        let mut transcript = EvmWriter::new(Fr::from(DIGEST));
        let rng = ChaCha20Rng::seed_from_u64(seed);
        plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.params,
            &self.stock,
            &[circuit],
            &[&[instance]],
            rng,
            &mut transcript,
        )
        .unwrap();
        transcript.finish()
    }

    fn verify(&self, proof: &[u8], instance: &[Fr]) -> bool {
        let mut transcript = EvmReader::new(Fr::from(DIGEST), proof);
        let result = verify_proof::<_, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            self.stock.get_vk(),
            SingleStrategy::new(&self.params),
            &[&[instance]],
            &mut transcript,
        );
        result.is_ok() && transcript.is_finished()
    }
}

fn circuit<const THIRD: bool>(rng: &mut ChaCha20Rng, rows: usize, bound: u64) -> Everything<THIRD> {
    Everything {
        a: Some((0..rows).map(|_| rng.gen_range(0..bound)).collect()),
        rows,
        tamper: None,
    }
}

#[test]
fn keys_are_those_of_the_stock_key_generation() {
    let circuit = circuit::<true>(&mut ChaCha20Rng::seed_from_u64(1), 40, 100);
    let both = both(7, &circuit);
    let commitments = both.ours.commitments();
    let vk = both.stock.get_vk();
    assert_eq!(&commitments.fixed, vk.fixed_commitments());
    assert_eq!(&commitments.permutation, vk.permutation().commitments());
}

/// With the same randomness every message before the random polynomial, which halo2 draws from
/// a generator of its own, is the same; what follows is fixed by it up to acceptance.
#[test]
fn proofs_begin_like_the_stock_provers_and_are_accepted_by_the_stock_verifier() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for (k, rows, bound) in [
        (5, 20, 1 << 40),
        (6, 50, 2),
        (8, 40, 256),
        (9, 500, 1 << 12),
    ] {
        let circuit = circuit::<false>(&mut rng, rows, bound);
        let instance = circuit.instance();
        MockProver::run(k, &circuit, vec![instance.clone()])
            .unwrap()
            .assert_satisfied();
        let both = both(k, &circuit);
        let proof = both.prove(&circuit, &instance, 3);
        let stock = both.prove_stock(circuit.clone(), &instance, 3);
        assert_eq!(proof.len(), stock.len());
        // Ten advice columns, then six permuted ones, a constant's and the instance's in sets
        // of three.
        let before = 64 * (10 + 8usize.div_ceil(3));
        assert_eq!(proof[..before], stock[..before], "k = {k}");
        assert_ne!(proof[before..before + 64], stock[before..before + 64]);
        assert!(both.verify(&proof, &instance), "k = {k}");
        assert!(both.verify(&stock, &instance), "k = {k}");

        let mut other = instance.clone();
        other[1] += Fr::from(1);
        assert!(!both.verify(&proof, &other));
        // The same randomness makes the same proof, another another.
        assert_eq!(proof, both.prove(&circuit, &instance, 3));
        assert_ne!(proof[..64], both.prove(&circuit, &instance, 4)[..64]);
    }
}

#[test]
fn every_word_of_a_proof_matters() {
    let circuit = circuit::<true>(&mut ChaCha20Rng::seed_from_u64(3), 30, 50);
    let instance = circuit.instance();
    let both = both(6, &circuit);
    let proof = both.prove(&circuit, &instance, 5);
    for at in (0..proof.len()).step_by(32) {
        let mut other = proof.clone();
        other[at + 31] ^= 1;
        assert!(!both.verify(&other, &instance), "byte {at}");
    }
}

#[test]
fn proofs_of_a_tampered_witness_are_refused() {
    let mut circuit = circuit::<true>(&mut ChaCha20Rng::seed_from_u64(4), 40, 90);
    let instance = circuit.instance();
    let both = both(6, &circuit);
    let copies = (0..4).map(Cell::Copy);
    let cells = [
        Cell::A,
        Cell::B,
        Cell::Sum,
        Cell::Inverse,
        Cell::Product,
        Cell::Previous,
    ];
    for cell in cells.into_iter().chain(copies).chain([Cell::Constant]) {
        circuit.tamper = Some((cell, 1));
        let proof = both.prove(&circuit, &instance, 6);
        assert!(!both.verify(&proof, &instance), "{cell:?}");
        circuit.tamper = Some((cell, 0));
        let proof = both.prove(&circuit, &instance, 6);
        assert!(both.verify(&proof, &instance), "{cell:?}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_that_names_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let circuit = circuit::<true>(&mut rng, 40, 90);
    let message = |result: Result<ProvingKey, CreateError>| result.unwrap_err().to_string();
    assert_eq!(
        message(our_key(&params(5), &circuit)),
        "the circuit assigns row 26, but only 26 rows are usable"
    );
    let few = params(2);
    assert!(message(our_key(&few, &circuit)).contains("at least 8"));
    let points = params(6).get_g().to_vec();
    let mixed = ProvingKey::generate(&circuit, points.clone(), points[..32].to_vec());
    assert!(message(mixed).contains("64 powers and 32 Lagrange points"));

    let key = our_key(&params(6), &circuit).unwrap();
    let prove = |circuit: &Everything<true>, instances: &[&[Fr]]| {
        let mut transcript = EvmWriter::new(Fr::from(DIGEST));
        let rng = ChaCha20Rng::seed_from_u64(6);
        let digest = Fr::from(DIGEST);
        create_proof(&key, circuit, instances, digest, rng, &mut transcript)
            .unwrap_err()
            .to_string()
    };
    let instance = circuit.instance();
    assert!(prove(&circuit, &[]).starts_with("0 columns"));
    let long = vec![Fr::from(1); 60];
    assert!(prove(&circuit, &[&long]).contains("of up to 60 instances"));
    assert_eq!(
        prove(&circuit.without_witnesses(), &[&instance]),
        "advice column 0 has no known value in row 0"
    );
    let longer = Everything {
        rows: 60,
        ..self::circuit(&mut rng, 60, 3)
    };
    assert!(prove(&longer, &[&instance]).contains("only 58 rows are usable"));
}
