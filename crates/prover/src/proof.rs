//! Proofs and their encodings.
//!
//! The contract takes points as two 32-byte words each ("EVM form"). Files hold the compact
//! form: the same stream with each point as its 32-byte x coordinate, the sign of y in the top
//! bit. Expanding is canonical: a compact proof has one EVM form.

use halo2_proofs::halo2curves::{
    bn256::G1Affine,
    group::{GroupEncoding, prime::PrimeCurveAffine},
};
use haloracle_circuit::Shape;
use haloracle_circuit::machine::config::DEGREE;
use haloracle_model::words::Word;
use serde::{Deserialize, Serialize};

use crate::transcript::{point_from_words, point_words};

/// A proof with its public instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Tag halves, input words, output words; big-endian, each below r.
    pub instances: Vec<Word>,
    /// The proof as the contract takes it.
    pub evm: Vec<u8>,
}

/// Which hash makes a proof's challenges. The statement and the proof's form are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TranscriptKind {
    /// keccak-256: for the contract.
    #[default]
    Keccak,
    /// Poseidon: for aggregation.
    Poseidon,
}

/// Bytes that cannot be a proof of this machine, whatever the key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("malformed proof: {0}")]
pub struct ProofFormatError(String);

/// Where points stand in the stream: points, then scalars, then two points.
struct Layout {
    points: usize,
    scalars: usize,
}

impl Layout {
    /// Counts what `create_proof` writes for this constraint system.
    fn new(shape: Shape) -> Self {
        let meta = shape.constraint_system();
        let permuted = meta.permutation().get_columns().len();
        let products = permuted.div_ceil(DEGREE - 2);
        // Advice, permutation products, random polynomial, quotient pieces.
        let points = meta.num_advice_columns() + products + 1 + (DEGREE - 1);
        // Queries, random polynomial, permutation columns, and each product at x, ωx and, but
        // for the last, at the last row.
        let scalars =
            meta.advice_queries().len() + meta.fixed_queries().len() + 1 + permuted + 3 * products
                - usize::from(products > 0);
        Self { points, scalars }
    }

    fn evm_bytes(&self) -> usize {
        64 * (self.points + 2) + 32 * self.scalars
    }

    fn compact_bytes(&self) -> usize {
        32 * (self.points + 2 + self.scalars)
    }
}

/// Bytes of every proof of a shape in EVM form.
pub fn evm_proof_bytes(shape: Shape) -> usize {
    Layout::new(shape).evm_bytes()
}

/// The layout whose proofs have this many bytes: lengths differ between the shapes.
fn layout_of(length: usize, bytes: fn(&Layout) -> usize) -> Result<Layout, ProofFormatError> {
    let mut layouts = Shape::ALL.map(Layout::new).into_iter();
    layouts
        .find(|layout| bytes(layout) == length)
        .ok_or_else(|| {
            let lengths = Shape::ALL.map(|shape| bytes(&Layout::new(shape)).to_string());
            let expected = lengths.join(" or ");
            ProofFormatError(format!("{length} bytes instead of {expected}"))
        })
}

impl Proof {
    /// The proof in compact form.
    ///
    /// # Errors
    /// If the EVM form does not have the right length or holds an invalid point.
    pub fn compact(&self) -> Result<Vec<u8>, ProofFormatError> {
        let layout = layout_of(self.evm.len(), Layout::evm_bytes)?;
        let (points, rest) = self.evm.split_at(64 * layout.points);
        let (scalars, last) = rest.split_at(32 * layout.scalars);
        let pack = |words: &[u8]| -> Result<Vec<u8>, ProofFormatError> {
            let points = words.chunks(64).enumerate().map(|(index, words)| {
                let point = point_from_words(words);
                let point = point.ok_or_else(|| invalid_point(index))?;
                Ok(point.to_bytes().as_ref().to_vec())
            });
            Ok(points
                .collect::<Result<Vec<_>, ProofFormatError>>()?
                .concat())
        };
        Ok([pack(points)?, scalars.to_vec(), pack(last)?].concat())
    }

    /// Expands a compact proof.
    ///
    /// # Errors
    /// Wrong length or an x coordinate without a point.
    pub fn from_compact(instances: Vec<Word>, bytes: &[u8]) -> Result<Self, ProofFormatError> {
        let layout = layout_of(bytes.len(), Layout::compact_bytes)?;
        let (points, rest) = bytes.split_at(32 * layout.points);
        let (scalars, last) = rest.split_at(32 * layout.scalars);
        let expand = |bytes: &[u8]| -> Result<Vec<u8>, ProofFormatError> {
            let points = bytes.chunks(32).enumerate().map(|(index, bytes)| {
                let mut repr = <G1Affine as GroupEncoding>::Repr::default();
                repr.as_mut().copy_from_slice(bytes);
                let point: Option<G1Affine> = G1Affine::from_bytes(&repr).into();
                let point = point.filter(|point| {
                    // One encoding per point: what decodes must encode to the same bytes.
                    !bool::from(point.is_identity()) && point.to_bytes().as_ref() == bytes
                });
                Ok(point_words(&point.ok_or_else(|| invalid_point(index))?))
            });
            Ok(points
                .collect::<Result<Vec<_>, ProofFormatError>>()?
                .concat())
        };
        let evm = [expand(points)?, scalars.to_vec(), expand(last)?].concat();
        Ok(Self { instances, evm })
    }
}

fn invalid_point(index: usize) -> ProofFormatError {
    ProofFormatError(format!("point {index} is not a point of the curve"))
}

/// The JSON form: hexadecimal strings.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofJson {
    format: String,
    instances: Vec<String>,
    proof: String,
}

const FORMAT: &str = "haloracle-proof-v1";

impl Serialize for Proof {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let compact = self.compact().map_err(serde::ser::Error::custom)?;
        let hexed = |word: &Word| format!("0x{}", hex::encode(word));
        ProofJson {
            format: FORMAT.into(),
            instances: self.instances.iter().map(hexed).collect(),
            proof: format!("0x{}", hex::encode(compact)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Proof {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let json = ProofJson::deserialize(deserializer)?;
        if json.format != FORMAT {
            let format = json.format;
            return Err(D::Error::custom(format!(
                "format `{format}`, expected `{FORMAT}`"
            )));
        }
        let bytes = |text: &str| -> Result<Vec<u8>, D::Error> {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            hex::decode(digits).map_err(D::Error::custom)
        };
        let instances = json.instances.iter().map(|text| {
            let word: Result<Word, _> = bytes(text)?.try_into();
            word.map_err(|_| D::Error::custom("an instance must have 32 bytes"))
        });
        let instances = instances.collect::<Result<Vec<Word>, _>>()?;
        Proof::from_compact(instances, &bytes(&json.proof)?).map_err(D::Error::custom)
    }
}
