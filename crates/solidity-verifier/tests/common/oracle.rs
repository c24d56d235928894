//! snark-verifier's EVM verifier of the same verifying key, as an independent implementation.

use std::rc::Rc;

use halo2_proofs::halo2curves::bn256::{Bn256, Fq, Fr};
use halo2_proofs::poly::commitment::ParamsProver;
use haloracle_prover::Keys;
use snark_verifier::loader::evm::EvmLoader;
use snark_verifier::pcs::kzg::{Bdfg21, KzgAs};
use snark_verifier::system::halo2::transcript::evm::EvmTranscript;
use snark_verifier::system::halo2::{Config, compile};
use snark_verifier::verifier::SnarkVerifier;
use snark_verifier::verifier::plonk::PlonkVerifier;

type Oracle = PlonkVerifier<KzgAs<Bn256, Bdfg21>>;

/// Solidity source of the verifier, whose transcript starts with our key digest.
pub fn source(keys: &Keys) -> String {
    let key = keys.verifying_key();
    let params = keys.srs().params();
    let counts = vec![key.instances()];
    let config = Config::kzg().with_num_instance(counts.clone());
    let mut protocol = compile(params, &key.to_halo2(), config);
    protocol.transcript_initial_state = Some(key.digest(&keys.srs().hash()));

    let deciding_key = (params.get_g()[0], params.g2(), params.s_g2()).into();
    let loader = EvmLoader::new::<Fq, Fr>();
    let protocol = protocol.loaded(&loader);
    let mut transcript = EvmTranscript::<_, Rc<EvmLoader>, _, _>::new(&loader);
    let instances = transcript.load_instances(counts);
    let proof = Oracle::read_proof(&deciding_key, &protocol, &instances, &mut transcript)
        .expect("protocol is well-formed");
    Oracle::verify(&deciding_key, &protocol, &instances, &proof).expect("emits the code");
    loader.solidity_code()
}
