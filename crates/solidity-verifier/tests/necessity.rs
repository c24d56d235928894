//! Each check of the contract is needed: without it, an attack that the shipped contract rejects
//! goes through.
#![allow(clippy::expect_used)]

mod common;

use common::evm::Chain;
use common::other::{self, OtherBench, OtherCircuit, be};
use common::{Bench, KEY, VERIFIER, Word, answer, input, plus, r, solc, wide_models};
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::PrimeField;
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptWrite};
use haloracle_prover::Shape;
use haloracle_solidity_verifier::{SrsVerifierPart, Verifier, calldata, vk_code};
use num_bigint::BigUint;
use sha3::{Digest, Keccak256};

/// `source` without `check`, which must occur exactly once.
fn without(source: &str, check: &str, instead: &str) -> Vec<u8> {
    assert_eq!(
        source.matches(check).count(),
        1,
        "the contract has another form: {check}"
    );
    solc::verifier(&source.replace(check, instead))
}

#[test]
fn every_calldata_and_key_check_is_needed() {
    every_check_is_needed(&Bench::small());
}

#[test]
fn every_calldata_and_key_check_of_the_wide_shape_is_needed() {
    let [model, ..] = wide_models();
    every_check_is_needed(&Bench::in_shape(&model, Shape::Wide, &input(&model, 5)));
}

fn every_check_is_needed(bench: &Bench) {
    let part = SrsVerifierPart::new(&bench.srs);
    let source = Verifier::machine(bench.shape())
        .and_then(|v| v.generate(&part))
        .expect("generates");
    let valid = calldata(&KEY, &bench.proof.instances, &bench.proof.evm);
    let code = vk_code(&bench.key().to_data());
    let count = bench.proof.instances.len();
    let proof_at = 4 + 32 * (4 + count);
    let changed = |at: usize, value: u8| {
        let mut data = valid.clone();
        data[at] = value;
        data
    };
    let run_key = [&[1], &code[1..]].concat();
    let cases: [(&str, &str, Vec<u8>, &[u8]); 8] = [
        (
            "eq(calldatasize(), add(size, add(PROOF_LENGTH, 0xa4)))",
            "1",
            [&valid[..], &[0]].concat(),
            &code,
        ),
        (
            "eq(calldataload(0x24), 0x60)",
            "1",
            changed(4 + 63, 0x80),
            &code,
        ),
        (
            "eq(calldataload(0x44), add(size, 0x80))",
            "1",
            changed(4 + 95, 1),
            &code,
        ),
        (
            "eq(calldataload(0x64), count)",
            "1",
            changed(4 + 127, 0),
            &code,
        ),
        (
            "eq(calldataload(add(size, 0x84)), PROOF_LENGTH)",
            "1",
            changed(proof_at + 31, 1),
            &code,
        ),
        ("if shr(160, vk) { fail() }", "", changed(4, 1), &code),
        (
            "if byte(31, mload(SRS)) { fail() }",
            "",
            valid.clone(),
            &run_key,
        ),
        // Nothing attacked: the harness itself must not reject.
        ("if iszero(good) { fail() }", "", valid.clone(), &code),
    ];
    for (index, (check, instead, data, key)) in cases.iter().enumerate() {
        let mut chain = bench.chain.clone();
        chain.put(KEY, key);
        let attacked = index + 1 < cases.len();
        assert_eq!(answer(&chain, data).0, !attacked, "shipped: {check}");
        chain.put(VERIFIER, &without(&source, check, instead));
        assert!(answer(&chain, data).0, "not needed: {check}");
    }
}

/// A prover's transcript that absorbs and writes one scalar plus r.
struct Shifted {
    buffer: Vec<u8>,
    proof: Vec<u8>,
    digest: Option<Fr>,
    /// Scalars until the shifted one; instances count, the digest does not.
    countdown: usize,
}

struct Challenge(Fr);

impl EncodedChallenge<G1Affine> for Challenge {
    type Input = [u8; 32];

    fn new(hash: &[u8; 32]) -> Self {
        let reduced = BigUint::from_bytes_be(hash) % r();
        Self(Fr::from_str_vartime(&reduced.to_string()).expect("below r"))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

impl Shifted {
    fn absorb(&mut self, scalar: Fr) -> Word {
        let word = match self.digest.take() {
            Some(digest) => be(&digest),
            None => {
                let shift = self.countdown == 0;
                self.countdown = self.countdown.wrapping_sub(1);
                let word = be(&scalar);
                if shift {
                    plus(&word, &r()).expect("below 2r")
                } else {
                    word
                }
            }
        };
        self.buffer.extend(word);
        word
    }
}

impl Transcript<G1Affine, Challenge> for Shifted {
    fn squeeze_challenge(&mut self) -> Challenge {
        if self.buffer.len() == 32 {
            self.buffer.push(1);
        }
        let hash: Word = Keccak256::digest(&self.buffer).into();
        self.buffer = hash.to_vec();
        Challenge::new(&hash)
    }

    fn common_point(&mut self, point: G1Affine) -> std::io::Result<()> {
        self.buffer.extend([be(&point.x), be(&point.y)].concat());
        Ok(())
    }

    fn common_scalar(&mut self, scalar: Fr) -> std::io::Result<()> {
        self.absorb(scalar);
        Ok(())
    }
}

impl TranscriptWrite<G1Affine, Challenge> for Shifted {
    fn write_point(&mut self, point: G1Affine) -> std::io::Result<()> {
        self.proof.extend([be(&point.x), be(&point.y)].concat());
        self.common_point(point)
    }

    fn write_scalar(&mut self, scalar: Fr) -> std::io::Result<()> {
        let word = self.absorb(scalar);
        self.proof.extend(word);
        Ok(())
    }
}

/// A scalar plus r names the same field element, so a prover can commit to it in the transcript
/// and have a second encoding of its proof or, for instances, of the statement.
#[test]
fn range_checks_of_scalars_are_needed() {
    let bench = OtherBench::new();
    let instances: Vec<Word> = OtherCircuit::new().instances().iter().map(be).collect();
    let mut chain = Chain::default();
    chain.put(KEY, &vk_code(&bench.data));
    // Of advice, 3 products, the random polynomial, 3 quotient pieces, and the multi-opening.
    let points = 5 + 3 + 1 + 3 + 2;
    let evaluations = bench.verifier.proof_len() / 32 - 2 * points;
    let shipped = solc::verifier(&bench.source);
    let no_instance_check = without(
        &bench.source,
        "bad := or(bad, iszero(lt(value, r)))",
        "bad := 0",
    );
    let no_scalar_check = without(&bench.source, "if iszero(good) { fail() }", "");
    let prove = |countdown: usize| {
        let mut transcript = Shifted {
            buffer: Vec::new(),
            proof: Vec::new(),
            digest: Some(bench.digest),
            countdown,
        };
        other::prove_into(bench.srs.params(), &bench.pk, &mut transcript);
        transcript.proof
    };
    let mut check = |code: &[u8], instances: &[Word], proof: &[u8]| {
        chain.put(VERIFIER, code);
        answer(&chain, &calldata(&KEY, instances, proof)).0
    };
    assert!(
        check(&shipped, &instances, &prove(usize::MAX)),
        "nothing shifted"
    );

    for index in 0..instances.len() {
        let proof = prove(index);
        let mut shifted = instances.clone();
        shifted[index] = plus(&instances[index], &r()).expect("below 2r");
        assert!(
            !check(&shipped, &shifted, &proof),
            "instance {index} + r accepted"
        );
        assert!(
            check(&no_instance_check, &shifted, &proof),
            "the attack works"
        );
    }
    // An evaluation that the contract also subtracts gives another value then, so not every one
    // lends itself to the attack.
    let mut successes = 0;
    for index in 0..evaluations {
        let proof = prove(instances.len() + index);
        assert!(
            !check(&shipped, &instances, &proof),
            "evaluation {index} + r accepted"
        );
        successes += usize::from(check(&no_scalar_check, &instances, &proof));
    }
    assert!(successes > 0, "the attack works");
}
