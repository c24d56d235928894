//! Proof files. The first byte chooses: the JSON text itself, or edits of a valid proof's compact
//! bytes, instances or EVM form; and the shape of the proof that edits start from and that is
//! verified.

use haloracle_prover::{Proof, verify};

use crate::base::{SRS, base};
use crate::edit::edit;

pub(crate) fn run(input: &[u8]) -> bool {
    let Some((&kind, rest)) = input.split_first() else {
        return false;
    };
    let base = base(kind / 4);
    let valid = &base.proof;
    let proof = match kind % 4 {
        0 => serde_json::from_slice::<Proof>(rest).ok(),
        1 => {
            let compact = valid.compact().expect("the proof is well-formed");
            Proof::from_compact(valid.instances.clone(), &edit(&compact, rest)).ok()
        }
        2 => {
            let words = edit(&valid.instances.concat(), rest);
            let (instances, _) = words.as_chunks::<32>();
            Some(Proof {
                instances: instances.to_vec(),
                evm: valid.evm.clone(),
            })
        }
        _ => Some(Proof {
            instances: valid.instances.clone(),
            evm: edit(&valid.evm, rest),
        }),
    };
    let Some(proof) = proof else {
        return false;
    };
    // One encoding per proof.
    if let Ok(text) = serde_json::to_vec(&proof) {
        let again: Proof = serde_json::from_slice(&text).expect("what is written is read");
        assert!(again == proof, "another proof comes back");
    } else {
        assert!(kind % 4 == 3, "a proof that was read cannot be written");
    }
    let verdict = base.keys.verify(&proof);
    let by_data = verify(&SRS, base.keys.verifying_key(), &proof);
    assert_eq!(verdict, by_data, "two verifiers disagree");
    if verdict.is_ok() {
        let same = proof.instances == valid.instances;
        assert!(same, "FORGERY: a proof of another statement is accepted");
        // A whole proof may be one that another process made: blinding is random, so there are
        // many of one statement. Edits of this process's own proof must not verify.
        let unchanged = kind % 4 == 0 || proof == *valid;
        assert!(unchanged, "FORGERY: a changed proof is accepted");
    }
    verdict.is_ok()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for shape in [0, 4] {
        let text = serde_json::to_vec(&base(shape / 4).proof).expect("the proof is well-formed");
        seeds.push([&[shape], text.as_slice()].concat());
        let edits: [&[u8]; 8] = [
            &[1],
            &[1, 0, 31, 0, 1, 0x80],
            &[2],
            &[2, 0, 0, 0, 1, 1],
            &[2, 2, 64, 0],
            &[3],
            &[3, 128, 4, 0, 1, 1],
            &[3, 1, 0, 0, 1, 1],
        ];
        seeds.extend(edits.map(|edits| [&[edits[0] + shape], &edits[1..]].concat()));
    }
    seeds
}
