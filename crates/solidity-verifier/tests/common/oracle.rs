//! snark-verifier's EVM verifier of the same verifying key, as an independent implementation.

use std::rc::Rc;

use halo2_proofs::halo2curves::bn256::{Bn256, Fq, Fr, G1Affine};
use halo2_proofs::plonk::VerifyingKey;
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use haloracle_prover::Keys;
use snark_verifier::loader::evm::EvmLoader;
use snark_verifier::pcs::kzg::{Bdfg21, KzgAs};
use snark_verifier::system::halo2::transcript::evm::EvmTranscript;
use snark_verifier::system::halo2::{Config, compile};
use snark_verifier::verifier::SnarkVerifier;
use snark_verifier::verifier::plonk::PlonkVerifier;

type Oracle = PlonkVerifier<KzgAs<Bn256, Bdfg21>>;

/// Solidity source of the verifier of a model's key.
pub fn source(keys: &Keys) -> String {
    let key = keys.verifying_key();
    let digest = key.digest(&keys.srs().hash());
    source_of(
        keys.srs().params(),
        &key.to_halo2(),
        key.instances(),
        digest,
    )
}

/// Solidity source of the verifier of `key`, whose transcript starts with `digest`.
pub fn source_of(
    params: &ParamsKZG<Bn256>,
    key: &VerifyingKey<G1Affine>,
    instances: usize,
    digest: Fr,
) -> String {
    let config = Config::kzg().with_num_instance(vec![instances]);
    let mut protocol = compile(params, key, config);
    protocol.transcript_initial_state = Some(digest);

    let deciding_key = (params.get_g()[0], params.g2(), params.s_g2()).into();
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let instances = transcript.load_instances(vec![instances]);
    let proof = Oracle::read_proof(&deciding_key, &protocol, &instances, &mut transcript)
        .expect("protocol is well-formed");
    Oracle::verify(&deciding_key, &protocol, &instances, &proof).expect("emits the code");
    loader.solidity_code()
}
