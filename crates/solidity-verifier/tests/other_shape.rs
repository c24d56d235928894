//! The generator follows the constraint system: a shape with everything that the machine's lacks
//! is verified by nothing but regeneration.

mod common;

use common::evm::Chain;
use common::other::{self, OtherBench, OtherCircuit, be};
use common::{KEY, ORACLE, VERIFIER, Word, answer, oracle, solc};
use halo2_proofs::halo2curves::bn256::{Bn256, Fr};
use halo2_proofs::plonk::verify_proof;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_prover::transcript::EvmReader;
use haloracle_solidity_verifier::{calldata, vk_code};

fn native(bench: &OtherBench, instances: &[Fr], proof: &[u8]) -> bool {
    let params = bench.srs.params();
    let mut transcript = EvmReader::new(bench.digest, proof);
    let strategy = SingleStrategy::new(params);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        bench.pk.get_vk(),
        strategy,
        &[&[instances]],
        &mut transcript,
    )
    .is_ok()
        && transcript.is_finished()
}

#[test]
fn another_constraint_system_needs_nothing_but_regeneration() {
    let bench = OtherBench::new();
    let values = OtherCircuit::new().instances();
    let proof = other::prove(bench.srs.params(), &bench.pk, bench.digest);
    assert_eq!(bench.data.len(), bench.verifier.vk_len());
    assert_eq!(proof.len(), bench.verifier.proof_len());

    let mut chain = Chain::default();
    chain.put(VERIFIER, &solc::verifier(&bench.source));
    chain.put(KEY, &vk_code(&bench.data));
    let (params, key) = (bench.srs.params(), bench.pk.get_vk());
    let oracle = oracle::source_of(params, key, values.len(), bench.digest);
    chain.put(ORACLE, &solc::oracle(&oracle));
    let check = |values: &[Fr], proof: &[u8]| {
        let words: Vec<Word> = values.iter().map(be).collect();
        let oracle = common::accepts(&chain, &words, proof);
        let ours = answer(&chain, &calldata(&KEY, &words, proof)).0;
        [native(&bench, values, proof), oracle, ours]
    };
    assert_eq!(check(&values, &proof), [true; 3], "valid");
    for index in 0..proof.len() / 32 {
        let mut changed = proof.clone();
        changed[32 * index + 31] ^= 1;
        assert_eq!(check(&values, &changed), [false; 3], "word {index}");
    }
    for index in 0..values.len() {
        let mut changed = values.clone();
        changed[index] += Fr::one();
        assert_eq!(check(&changed, &proof), [false; 3], "instance {index}");
    }
}
