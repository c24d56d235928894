//! What a verifier needs of a structured reference string.

use sha3::{Digest, Keccak256};

use haloracle_prover::Srs;

/// G1 generator, G2 generator and τ G2; nothing of it depends on the size of the setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrsVerifierPart {
    words: [[u8; 32]; 10],
    pub(crate) is_unsafe: bool,
}

impl SrsVerifierPart {
    /// The part of `srs`.
    pub fn new(srs: &Srs) -> Self {
        let bytes = srs.verifier_words();
        let mut words = [[0; 32]; 10];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(32)) {
            word.copy_from_slice(chunk);
        }
        Self {
            words,
            is_unsafe: srs.is_unsafe(),
        }
    }

    /// G1 generator (x, y), G2 generator and τ G2 (each x_im, x_re, y_im, y_re), big-endian.
    pub fn words(&self) -> &[[u8; 32]; 10] {
        &self.words
    }

    /// keccak-256 of the words: names the setup.
    pub fn hash(&self) -> [u8; 32] {
        Keccak256::digest(self.words.concat()).into()
    }
}
