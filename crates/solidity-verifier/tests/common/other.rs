//! A constraint system that has what the machine lacks: a challenge after the second phase,
//! rotations −1 and +2, fixed and instance columns under the permutation, and several permutation
//! products.

use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::halo2curves::ff::PrimeField;
use halo2_proofs::plonk::{
    Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, Instance,
    ProvingKey, SecondPhase, VerifyingKey, create_proof, keygen_pk2,
};
use halo2_proofs::poly::Rotation;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::ProverSHPLONK;
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use haloracle_prover::Srs;
use haloracle_prover::transcript::EvmWriter;
use haloracle_solidity_verifier::{SrsVerifierPart, Verifier};
use num_bigint::BigUint;
use rand::rngs::OsRng;
use sha3::{Digest, Keccak256};

use super::Word;

/// Rows with a gate.
const ROWS: usize = 9;

#[derive(Clone, Copy, Debug)]
pub struct OtherConfig {
    on: Column<Fixed>,
    shift: Column<Fixed>,
    a: Column<Advice>,
    b: Column<Advice>,
    product: Column<Advice>,
    second: Column<Advice>,
    double: Column<Advice>,
    instance: Column<Instance>,
    rho: Challenge,
}

/// A sequence v_i: a_i = v_i, b_i = v_{i+1}; the instances are v_0, v_1 and `shift`'s value.
#[derive(Clone, Debug)]
pub struct OtherCircuit {
    pub values: Vec<u64>,
}

/// Value of the `shift` column.
pub const SHIFT: u64 = 41;

impl OtherCircuit {
    pub fn new() -> Self {
        Self {
            values: (0..ROWS as u64 + 4).map(|i| 3 * i * i + 2).collect(),
        }
    }

    pub fn instances(&self) -> Vec<Fr> {
        [self.values[0], self.values[1], SHIFT]
            .map(Fr::from)
            .to_vec()
    }
}

impl Circuit<Fr> for OtherCircuit {
    type Config = OtherConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> OtherConfig {
        let [on, shift] = std::array::from_fn(|_| meta.fixed_column());
        let [a, b, product] = std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let rho = meta.challenge_usable_after(FirstPhase);
        let second = meta.advice_column_in(SecondPhase);
        let sigma = meta.challenge_usable_after(SecondPhase);
        let double = meta.advice_column_in(SecondPhase);
        let instance = meta.instance_column();
        meta.enable_equality(a);
        meta.enable_equality(shift);
        meta.enable_equality(b);
        meta.enable_equality(instance);
        meta.enable_equality(double);
        // Two constraints, held apart by a challenge that is drawn after both columns.
        meta.create_gate("second and double", |row| {
            let on = row.query_fixed(on, Rotation::cur());
            let double = row.query_advice(double, Rotation::cur());
            let ahead = row.query_advice(second, Rotation::next());
            let shift = row.query_fixed(shift, Rotation::prev());
            let [product, second] = [product, second].map(|c| row.query_advice(c, Rotation::cur()));
            let [rho, sigma] = [rho, sigma].map(|c| row.query_challenge(c));
            vec![on * (double - ahead * Fr::from(2) + sigma * (second - rho * product - shift))]
        });
        meta.create_gate("sequence", |row| {
            let on = row.query_fixed(on, Rotation::cur());
            let now = row.query_advice(a, Rotation::cur());
            let before = row.query_advice(b, Rotation::prev());
            let ahead = row.query_advice(a, Rotation(2));
            let next = row.query_advice(b, Rotation::next());
            vec![on.clone() * (before - now), on * (ahead - next)]
        });
        meta.create_gate("product", |row| {
            let on = row.query_fixed(on, Rotation::cur());
            let [a, b, product] = [a, b, product].map(|c| row.query_advice(c, Rotation::cur()));
            vec![on * (product - a.clone() * b * a)]
        });
        OtherConfig {
            on,
            shift,
            a,
            b,
            product,
            second,
            double,
            instance,
            rho,
        }
    }

    fn synthesize(
        &self,
        config: OtherConfig,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let value = |i: usize| Value::known(Fr::from(self.values[i]));
        let exposed = layouter.assign_region(
            || "all",
            |mut region| {
                let [mut firsts, mut seconds] = [Vec::new(), Vec::new()];
                let shift = region.assign_fixed(config.shift, 0, Fr::from(SHIFT));
                for row in 1..ROWS + 2 {
                    region.assign_fixed(config.shift, row, Fr::from(SHIFT));
                }
                for row in 0..ROWS + 3 {
                    firsts.push(region.assign_advice(config.a, row, value(row)).cell());
                    seconds.push(region.assign_advice(config.b, row, value(row + 1)).cell());
                    let (a, b) = (value(row), value(row + 1));
                    region.assign_advice(config.product, row, a * b * a);
                }
                for row in 1..=ROWS {
                    region.assign_fixed(config.on, row, Fr::one());
                    region.constrain_equal(firsts[row + 1], seconds[row]);
                }
                region.next_phase();
                let rho = region.get_challenge(config.rho);
                let second = |row: usize| {
                    rho * value(row) * value(row + 1) * value(row) + Value::known(Fr::from(SHIFT))
                };
                for row in 1..ROWS + 3 {
                    region.assign_advice(config.second, row, second(row));
                }
                let mut doubles = Vec::new();
                for row in 1..=ROWS {
                    let double = second(row + 1) + second(row + 1);
                    doubles.push(region.assign_advice(config.double, row, double).cell());
                }
                // A copy within the second phase.
                let again = second(ROWS + 1) + second(ROWS + 1);
                let again = region.assign_advice(config.double, ROWS + 2, again).cell();
                region.constrain_equal(doubles[ROWS - 1], again);
                Ok([firsts[0], seconds[0], shift])
            },
        )?;
        for (row, cell) in exposed.into_iter().enumerate() {
            layouter.constrain_instance(cell, config.instance, row);
        }
        Ok(())
    }
}

/// A proof in EVM form, under a transcript that starts with `digest`.
pub fn prove(params: &ParamsKZG<Bn256>, key: &ProvingKey<G1Affine>, digest: Fr) -> Vec<u8> {
    let mut transcript = EvmWriter::new(digest);
    prove_into(params, key, &mut transcript);
    transcript.finish()
}

/// Writes a proof into any transcript.
pub fn prove_into<E: EncodedChallenge<G1Affine>>(
    params: &ParamsKZG<Bn256>,
    key: &ProvingKey<G1Affine>,
    transcript: &mut impl TranscriptWrite<G1Affine, E>,
) {
    let circuit = OtherCircuit::new();
    let instances = circuit.instances();
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        params,
        key,
        &[circuit],
        &[&[&instances]],
        OsRng,
        transcript,
    )
    .expect("proving");
}

/// Keys, digest and contract of the circuit.
pub struct OtherBench {
    pub srs: Srs,
    pub pk: ProvingKey<G1Affine>,
    pub data: Vec<u8>,
    pub digest: Fr,
    pub verifier: Verifier,
    pub source: String,
}

impl OtherBench {
    pub fn new() -> Self {
        const K: u32 = 6;
        let srs = super::srs(K);
        let part = SrsVerifierPart::new(&srs);
        let mut cs = ConstraintSystem::default();
        OtherCircuit::configure(&mut cs);
        let verifier = Verifier::of(cs, SHAPE).expect("supported");
        let source = verifier.generate(&part).expect("generates");
        let pk = keygen_pk2(srs.params(), &OtherCircuit::new(), false).expect("key generation");
        let data = key_data(pk.get_vk(), K, OtherCircuit::new().instances().len());
        let digest = Keccak256::digest([SHAPE.as_slice(), &part.hash(), &data].concat());
        let digest = BigUint::from_bytes_be(&digest) % super::r();
        let digest = Fr::from_str_vartime(&digest.to_string()).expect("below r");
        Self {
            srs,
            pk,
            data,
            digest,
            verifier,
            source,
        }
    }
}

/// Any name will do: it enters the digest.
const SHAPE: [u8; 32] = [0x5a; 32];

/// A field element as a big-endian word.
pub fn be<F: PrimeField<Repr: AsRef<[u8]>>>(value: &F) -> Word {
    let mut word: Word = value.to_repr().as_ref().try_into().expect("32 bytes");
    word.reverse();
    word
}

fn key_data(key: &VerifyingKey<G1Affine>, k: u32, instances: usize) -> Vec<u8> {
    let numbers = [k as usize, instances].map(|n| super::word(&BigUint::from(n)));
    let points = key
        .fixed_commitments()
        .iter()
        .chain(key.permutation().commitments());
    let words = points.flat_map(|point| [be(&point.x), be(&point.y)]);
    numbers.into_iter().chain(words).flatten().collect()
}
