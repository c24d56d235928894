//! The Fiat-Shamir transcript: keccak-256 over EVM words.
//!
//! Points are absorbed as two and scalars as one 32-byte big-endian word. A challenge is
//! `keccak256(buffer) mod r`, and the hash is the next buffer; a buffer of one word gets a byte
//! 0x01 appended first, so that two challenges in a row differ. The contract's transcript and
//! the `EvmTranscript` of snark-verifier are the same.
//!
//! The first scalar absorbed is the verifying key's digest. halo2 would absorb the hash of a
//! debug string there; the first `common_scalar` call is replaced by our canonical digest.

use std::io;

use halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1Affine},
    ff::PrimeField,
    group::prime::PrimeCurveAffine,
};
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use haloracle_circuit::field;
use sha3::{Digest, Keccak256};

use crate::field_reduce::reduce;

/// A challenge: the reduced hash.
#[derive(Clone, Copy, Debug)]
pub struct Challenge(Fr);

impl EncodedChallenge<G1Affine> for Challenge {
    type Input = [u8; 32];

    fn new(hash: &[u8; 32]) -> Self {
        Self(reduce(hash))
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// A base-field element as a big-endian word.
pub(crate) fn coordinate_word(value: &Fq) -> [u8; 32] {
    let mut bytes: [u8; 32] = value.to_repr();
    bytes.reverse();
    bytes
}

/// A base-field element from a big-endian word, if below the modulus.
pub(crate) fn coordinate_from_word(word: &[u8]) -> Option<Fq> {
    let mut bytes: [u8; 32] = word.try_into().ok()?;
    bytes.reverse();
    Fq::from_repr(bytes).into()
}

/// The two words of a point; infinity is (0, 0).
pub fn point_words(point: &G1Affine) -> [u8; 64] {
    let mut words = [0; 64];
    if !bool::from(point.is_identity()) {
        words[..32].copy_from_slice(&coordinate_word(&point.x));
        words[32..].copy_from_slice(&coordinate_word(&point.y));
    }
    words
}

/// The point of two words: canonical coordinates, on the curve, not infinity.
pub fn point_from_words(words: &[u8]) -> Option<G1Affine> {
    let x = coordinate_from_word(words.get(..32)?)?;
    let y = coordinate_from_word(words.get(32..64)?)?;
    let point: Option<G1Affine> = G1Affine::from_xy(x, y).into();
    point.filter(|point| !bool::from(point.is_identity()))
}

/// Absorbs and squeezes; the same for both sides.
#[derive(Clone, Debug)]
struct Sponge {
    buffer: Vec<u8>,
    /// Replaces the first scalar, then gone.
    digest: Option<Fr>,
}

impl Sponge {
    fn squeeze(&mut self) -> Challenge {
        if self.buffer.len() == 32 {
            self.buffer.push(1);
        }
        let hash: [u8; 32] = Keccak256::digest(&self.buffer).into();
        self.buffer = hash.to_vec();
        Challenge::new(&hash)
    }

    fn point(&mut self, point: &G1Affine) -> io::Result<()> {
        if point.is_identity().into() {
            return Err(invalid("the point at infinity cannot enter the transcript"));
        }
        self.buffer.extend_from_slice(&point_words(point));
        Ok(())
    }

    fn scalar(&mut self, scalar: &Fr) {
        let scalar = self.digest.take().unwrap_or(*scalar);
        self.buffer.extend_from_slice(&field::to_word(&scalar));
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

macro_rules! common {
    ($name:ident $(<$life:lifetime>)?) => {
        impl $(<$life>)? Transcript<G1Affine, Challenge> for $name $(<$life>)? {
            fn squeeze_challenge(&mut self) -> Challenge {
                self.sponge.squeeze()
            }

            fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
                self.sponge.point(&point)
            }

            fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
                self.sponge.scalar(&scalar);
                Ok(())
            }
        }
    };
}

/// The prover's side: collects the proof.
#[derive(Clone, Debug)]
pub struct EvmWriter {
    sponge: Sponge,
    proof: Vec<u8>,
}

impl EvmWriter {
    /// Starts a transcript for the key with `digest`.
    pub fn new(digest: Fr) -> Self {
        Self {
            sponge: Sponge {
                buffer: Vec::new(),
                digest: Some(digest),
            },
            proof: Vec::new(),
        }
    }

    /// The proof, in the encoding the contract takes.
    pub fn finish(self) -> Vec<u8> {
        self.proof
    }
}

common!(EvmWriter);

impl TranscriptWrite<G1Affine, Challenge> for EvmWriter {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        self.sponge.point(&point)?;
        self.proof.extend_from_slice(&point_words(&point));
        Ok(())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        self.sponge.scalar(&scalar);
        self.proof.extend_from_slice(&field::to_word(&scalar));
        Ok(())
    }
}

/// The verifier's side: reads a proof, strictly.
#[derive(Clone, Debug)]
pub struct EvmReader<'p> {
    sponge: Sponge,
    rest: &'p [u8],
}

impl<'p> EvmReader<'p> {
    /// Starts reading `proof` for the key with `digest`.
    pub fn new(digest: Fr, proof: &'p [u8]) -> Self {
        Self {
            sponge: Sponge {
                buffer: Vec::new(),
                digest: Some(digest),
            },
            rest: proof,
        }
    }

    /// Whether every byte was read.
    pub fn is_finished(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, bytes: usize) -> io::Result<&'p [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.rest = rest;
        Ok(taken)
    }
}

common!(EvmReader<'p>);

impl TranscriptRead<G1Affine, Challenge> for EvmReader<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let point = point_from_words(self.take(64)?)
            .ok_or_else(|| invalid("not a canonical point of the curve"))?;
        self.sponge.point(&point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let bytes = self.take(32)?;
        let scalar = bytes.try_into().ok().and_then(field::from_word);
        let scalar = scalar.ok_or_else(|| invalid("not a canonical scalar"))?;
        self.sponge.scalar(&scalar);
        Ok(scalar)
    }
}
