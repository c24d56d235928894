//! The Poseidon transcript of proofs that are to be aggregated, and the Poseidon digest of keys.
//!
//! What another circuit recomputes must be cheap there: field elements only, and as few as
//! possible. The statement and the proof's bytes are those of the keccak transcript; only the
//! challenges differ, so a proof made for one transcript is invalid under the other.
//!
//! * A coordinate is three limbs of [`LIMB_BITS`] bits; a point is three field elements that hold
//!   two limbs each ([`point_elements`]), from which the limbs follow uniquely.
//! * The scalars before the first point are the key's digest and the instances. They enter as two
//!   elements, the digest and [`instances_digest`], so that their number does not change what
//!   follows.
//! * A challenge is squeezed after the elements since the last one, a 1 and, if their number is
//!   odd, a 0.

use std::io;

use halo2_proofs::halo2curves::CurveAffine;
use halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptRead, TranscriptWrite};
use haloracle_circuit::field;
use haloracle_circuit::poseidon::{RATE, WIDTH, hash, permute};

use crate::field_reduce::reduce;
use crate::files::keccak;
use crate::key::VerifyingKey;
use crate::shape::shape_hash;
use crate::transcript::{point_from_words, point_words};

/// Bits of a limb of a coordinate.
pub const LIMB_BITS: usize = 85;
/// Limbs of a coordinate.
pub const LIMBS: usize = 3;
/// Distance of two limbs in one field element. Larger than a limb, because a circuit that range
/// checks limbs may allow a few bits more; packing must be unique for all that it allows.
pub const PACK_BITS: usize = 90;
/// Instances that an aggregated proof may have: they are hashed padded with zeros to this length.
pub const MAX_INSTANCES: usize = 64;

/// What a sponge is for: its capacity starts with this, so that no two uses share an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The transcript.
    Transcript = 0x7472,
    /// Instances, padded; plus 2^32 times their true number.
    Instances = 0x696e,
    /// A verifying key.
    Key = 0x6b79,
    /// Everything that an aggregate is about.
    Aggregate = 0x6167,
    /// Combination of the proofs of an aggregate.
    Combination = 0x636f,
}

/// First element of a sponge's state for `purpose`, over inputs of which `length` are real.
pub fn capacity(purpose: Purpose, length: usize) -> Fr {
    let shift = Fr::from(1 << 32);
    Fr::from(purpose as u64) + shift * Fr::from(length as u64)
}

/// The limbs of a coordinate, lowest first.
pub fn limbs(value: &Fq) -> [u128; LIMBS] {
    let bytes: [u8; 32] = value.to_repr();
    let bit = |at: usize| u128::from(bytes[at / 8] >> (at % 8) & 1);
    std::array::from_fn(|limb| {
        let bits = (0..LIMB_BITS).filter(|at| limb * LIMB_BITS + at < 256);
        bits.fold(0, |sum, at| sum | bit(limb * LIMB_BITS + at) << at)
    })
}

/// A point as field elements: limbs `x_0 x_1`, `x_2 y_0`, `y_1 y_2`, the second of each pair times
/// 2^[`PACK_BITS`]. Infinity is three zeros, which no point of the curve is.
pub fn point_elements(point: &G1Affine) -> [Fr; 3] {
    if point.is_identity().into() {
        return [Fr::ZERO; 3];
    }
    let [x, y] = [&point.x, &point.y].map(limbs);
    let step = Fr::from(2).pow_vartime([PACK_BITS as u64]);
    let pack = |low: u128, high: u128| Fr::from_u128(low) + step * Fr::from_u128(high);
    [pack(x[0], x[1]), pack(x[2], y[0]), pack(y[1], y[2])]
}

/// Digest of a proof's instances: their number in the capacity, padded with zeros to
/// [`MAX_INSTANCES`]. More than that many cannot be aggregated; they are hashed as they are.
pub fn instances_digest(instances: &[Fr]) -> Fr {
    let mut padded = instances.to_vec();
    padded.resize(MAX_INSTANCES.max(instances.len()), Fr::ZERO);
    hash(capacity(Purpose::Instances, instances.len()), &padded)
}

/// Names shape and SRS in a key's digest: keccak-256 of both, modulo r.
pub fn route_element(shape: haloracle_circuit::Shape, srs_hash: &[u8; 32]) -> Fr {
    reduce(&keccak(&[shape_hash(shape), *srs_hash].concat()))
}

/// Poseidon digest of a key: shape and SRS, k, number of instances, commitments.
pub fn key_digest(key: &VerifyingKey, srs_hash: &[u8; 32]) -> Fr {
    let mut elements = vec![
        route_element(key.shape(), srs_hash),
        Fr::from(u64::from(key.k())),
        Fr::from(key.instances() as u64),
    ];
    elements.extend(key.commitments().flat_map(point_elements));
    hash(capacity(Purpose::Key, elements.len()), &elements)
}

/// A challenge: a squeezed element.
#[derive(Clone, Copy, Debug)]
pub struct PoseidonChallenge(Fr);

impl EncodedChallenge<G1Affine> for PoseidonChallenge {
    type Input = Fr;

    fn new(element: &Fr) -> Self {
        Self(*element)
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// Absorbs and squeezes; the same for both sides.
#[derive(Clone, Debug)]
struct Sponge {
    state: [Fr; WIDTH],
    buffer: Vec<Fr>,
    digest: Fr,
    /// Scalars before the first point; none once they have been absorbed.
    opening: Option<Vec<Fr>>,
}

impl Sponge {
    fn new(digest: Fr) -> Self {
        Self {
            state: [capacity(Purpose::Transcript, 0), Fr::ZERO, Fr::ZERO],
            buffer: Vec::new(),
            digest,
            opening: Some(Vec::new()),
        }
    }

    /// Absorbs the digest, in place of the scalar that halo2 takes from its own key, and the
    /// instances.
    fn open(&mut self) {
        if let Some(scalars) = self.opening.take() {
            let instances = scalars.get(1..).unwrap_or_default();
            self.buffer
                .extend([self.digest, instances_digest(instances)]);
        }
    }

    fn squeeze(&mut self) -> PoseidonChallenge {
        self.open();
        self.buffer.push(Fr::ONE);
        if !self.buffer.len().is_multiple_of(RATE) {
            self.buffer.push(Fr::ZERO);
        }
        for chunk in std::mem::take(&mut self.buffer).chunks(RATE) {
            for (element, input) in self.state[1..].iter_mut().zip(chunk) {
                *element += input;
            }
            self.state = permute(self.state);
        }
        PoseidonChallenge(self.state[1])
    }

    fn point(&mut self, point: &G1Affine) -> io::Result<()> {
        if point.is_identity().into() {
            return Err(invalid("the point at infinity cannot enter the transcript"));
        }
        self.open();
        self.buffer.extend(point_elements(point));
        Ok(())
    }

    fn scalar(&mut self, scalar: &Fr) {
        match &mut self.opening {
            Some(scalars) => scalars.push(*scalar),
            None => self.buffer.push(*scalar),
        }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

macro_rules! common {
    ($name:ident $(<$life:lifetime>)?) => {
        impl $(<$life>)? Transcript<G1Affine, PoseidonChallenge> for $name $(<$life>)? {
            fn squeeze_challenge(&mut self) -> PoseidonChallenge {
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
pub struct PoseidonWriter {
    sponge: Sponge,
    proof: Vec<u8>,
}

impl PoseidonWriter {
    /// Starts a transcript for the key with Poseidon digest `digest`.
    pub fn new(digest: Fr) -> Self {
        Self {
            sponge: Sponge::new(digest),
            proof: Vec::new(),
        }
    }

    /// The proof, in the encoding that contracts take.
    pub fn finish(self) -> Vec<u8> {
        self.proof
    }
}

common!(PoseidonWriter);

impl TranscriptWrite<G1Affine, PoseidonChallenge> for PoseidonWriter {
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
pub struct PoseidonReader<'p> {
    sponge: Sponge,
    rest: &'p [u8],
}

impl<'p> PoseidonReader<'p> {
    /// Starts reading `proof` for the key with Poseidon digest `digest`.
    pub fn new(digest: Fr, proof: &'p [u8]) -> Self {
        Self {
            sponge: Sponge::new(digest),
            rest: proof,
        }
    }

    /// Whether every byte was read.
    pub fn is_finished(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, bytes: usize) -> io::Result<&'p [u8]> {
        let split = self.rest.split_at_checked(bytes);
        let (taken, rest) = split.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.rest = rest;
        Ok(taken)
    }
}

common!(PoseidonReader<'p>);

impl TranscriptRead<G1Affine, PoseidonChallenge> for PoseidonReader<'_> {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        let point = point_from_words(self.take(64)?)
            .ok_or_else(|| invalid("not a canonical point of the curve"))?;
        self.sponge.point(&point)?;
        Ok(point)
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        let scalar = self.take(32)?.try_into().ok().and_then(field::from_word);
        let scalar = scalar.ok_or_else(|| invalid("not a canonical scalar"))?;
        self.sponge.scalar(&scalar);
        Ok(scalar)
    }
}

/// The limbs of a point's coordinates, x first.
pub fn point_limbs(point: &G1Affine) -> [[u128; LIMBS]; 2] {
    let coordinates = Option::from(point.coordinates());
    coordinates.map_or(
        [[0; LIMBS]; 2],
        |c: halo2_proofs::halo2curves::Coordinates<_>| [limbs(c.x()), limbs(c.y())],
    )
}
