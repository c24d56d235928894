//! The same set of proofs, natively and in the EVM: random models of both shapes, several inputs
//! each, every proof under every key.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::evm::Chain;
use common::graphs::{PIECES, Piece, graph};
use common::{KEY, VERIFIER, answer, even_biases, input, prove, srs, verifier_code};
use haloracle_circuit::compile;
use haloracle_model::IntegerModel;
use haloracle_prover::{Keys, Proof, Shape, VerifyingKey, verify};
use haloracle_solidity_verifier::{calldata, vk_code};

/// Two chains of dense layers; every operator of the wide shape alone; each kind of privacy.
fn models() -> Vec<(Shape, IntegerModel)> {
    let mut all = vec![
        (Shape::Narrow, common::model(2)),
        (Shape::Narrow, common::model(7)),
        // What the narrow shape takes, the wide one takes as well.
        (Shape::Wide, common::model(2)),
    ];
    for (seed, piece) in PIECES.into_iter().enumerate() {
        all.push((Shape::Wide, graph(40 + seed as u64, 4, &[piece])));
    }
    let plain = |seed| {
        let mut model = graph(seed, 4, &[Piece::Dense, Piece::Max]);
        even_biases(&mut model);
        model
    };
    let private = |model: IntegerModel| model.with_private_weights().expect("can be private");
    all.push((Shape::Wide, plain(60).with_private_inputs()));
    all.push((Shape::Wide, private(plain(61))));
    all.push((Shape::Wide, private(plain(62).with_private_inputs())));
    all
}

/// A key and proofs under it.
struct Proved {
    name: String,
    key: VerifyingKey,
    proofs: Vec<Proof>,
}

#[test]
fn the_same_proof_set_passes_natively_and_in_the_evm() {
    let srs = srs(10);
    let mut set = Vec::new();
    for (shape, model) in models() {
        let name = format!("{} ({:?})", model.name, model.privacy);
        let program = compile(&model, Some(shape)).expect(&name);
        let keys = Keys::generate_for(Arc::new(model), program, &srs).expect(&name);
        let proofs = (0..2u8).map(|seed| prove(&keys, &input(keys.model(), seed.into()), seed));
        set.push(Proved {
            name,
            proofs: proofs.collect(),
            key: keys.verifying_key().clone(),
        });
    }
    let mut accepted = [0; 2];
    for (owner, proved) in set.iter().enumerate() {
        for (asked, other) in set.iter().enumerate() {
            let mut chain = Chain::default();
            chain.put(VERIFIER, verifier_code(other.key.shape()));
            chain.put(KEY, &vk_code(&other.key.to_data()));
            for proof in &proved.proofs {
                let native = verify(&srs, &other.key, proof).is_ok();
                let call = calldata(&KEY, &proof.instances, &proof.evm);
                let evm = answer(&chain, &call).0;
                let expected = owner == asked;
                let what = format!("{} under the key of {}", proved.name, other.name);
                assert_eq!([native, evm], [expected; 2], "{what}");
                accepted[other.key.shape() as usize] += usize::from(native && evm);
            }
        }
    }
    println!("{accepted:?} proofs accepted by both, in the narrow and the wide shape");
    assert_eq!(accepted, [4, 2 * (1 + PIECES.len() + 3)]);
}
