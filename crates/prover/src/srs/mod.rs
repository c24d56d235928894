//! The structured reference string: powers of a secret τ in G1, and τ in G2.
//!
//! `file` describes this project's format, `import` those of other projects.

mod check;
mod error;
mod file;
mod import;
mod points;

use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

pub use self::error::{ImportProblem, Inconsistency, SrsError};
pub use self::import::{ImportOptions, Pin, PinError, Progress, Stage};
use self::points::g2_words;
use crate::files;
use crate::transcript::point_words;

/// Largest SRS that is made or read: 2^22 rows, half a gigabyte.
pub const MAX_K: u32 = 22;

/// Hash of the development SRS, whose seed is public: unsafe whatever a file's flag says.
const DEVELOPMENT_HASH: &str = "c9919d2b128a6d65982b81a2a2e98ef0a5dc7e70446cf3b894f15a29a8a66012";

/// A structured reference string.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    is_unsafe: bool,
}

impl Srs {
    /// Makes an SRS whose secret follows from `seed`.
    ///
    /// Whoever knows the seed can forge proofs: for development and tests only, and the file
    /// says so for ever.
    ///
    /// # Errors
    /// [`SrsError::BadK`].
    pub fn unsafe_setup(k: u32, seed: [u8; 32]) -> Result<Self, SrsError> {
        if !(1..=MAX_K).contains(&k) {
            return Err(SrsError::BadK { k });
        }
        Ok(Self {
            params: ParamsKZG::setup(k, ChaCha20Rng::from_seed(seed)),
            is_unsafe: true,
        })
    }

    /// Puts 2^k powers, their Lagrange points (computed if absent) and τ G2 together. Unsafe if
    /// the secret is the public one of development.
    fn assemble(
        k: u32,
        powers: Vec<G1Affine>,
        lagrange: Option<Vec<G1Affine>>,
        secret: G2Affine,
    ) -> Self {
        // Only a constructor that needs an instance is public.
        let any = ParamsKZG::<Bn256>::setup(1, ChaCha20Rng::from_seed([0; 32]));
        let params = any.from_parts(k, powers, lagrange, G2Affine::generator(), secret);
        let is_unsafe = hex::encode(hash(&secret)) == DEVELOPMENT_HASH;
        Self { params, is_unsafe }
    }

    /// log2 of the number of points.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Whether the secret is known to somebody. `false` says that no maker admitted it, not that
    /// nobody knows it: a ceremony's record does that.
    pub fn is_unsafe(&self) -> bool {
        self.is_unsafe
    }

    /// The public ceremony that this SRS is known to be from. Its points must still be checked.
    pub fn ceremony(&self) -> Option<&'static str> {
        import::ceremony(&self.hash())
    }

    /// halo2's parameters.
    pub fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Parameters of size 2^k that can verify but not commit.
    pub fn verifier_params(&self, k: u32) -> ParamsKZG<Bn256> {
        let first = self.params.get_g()[..1].to_vec();
        self.params.from_parts(
            k,
            first,
            Some(Vec::new()),
            self.params.g2(),
            self.params.s_g2(),
        )
    }

    /// G1's generator, G2's generator and τ G2 as EVM words: all a verifier needs.
    pub fn verifier_words(&self) -> Vec<u8> {
        verifier_words(&self.params.s_g2())
    }

    /// keccak-256 of [`Self::verifier_words`]: names this SRS whatever its size, because the
    /// generators and τ G2 determine every power.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.params.s_g2())
    }

    /// The first 2^k points.
    ///
    /// # Errors
    /// [`SrsError::TooSmall`].
    pub fn truncate(&self, k: u32) -> Result<Self, SrsError> {
        if k > self.k() {
            return Err(SrsError::TooSmall {
                needed: k,
                available: self.k(),
            });
        }
        if k == self.k() {
            return Ok(self.clone());
        }
        let points = self.params.get_g()[..1 << k].to_vec();
        Ok(Self {
            params: self
                .params
                .from_parts(k, points, None, self.params.g2(), self.params.s_g2()),
            is_unsafe: self.is_unsafe,
        })
    }
}

fn verifier_words(secret: &G2Affine) -> Vec<u8> {
    let mut words = point_words(&G1Affine::generator()).to_vec();
    for point in [&G2Affine::generator(), secret] {
        words.extend_from_slice(&g2_words(point));
    }
    words
}

fn hash(secret: &G2Affine) -> [u8; 32] {
    files::keccak(&verifier_words(secret))
}
