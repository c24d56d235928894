//! Files: proofs made for aggregation, and aggregates.

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::Shape;
use haloracle_circuit::field::{from_word, to_word};
use haloracle_prover::field_reduce::reduce;
use haloracle_prover::{Proof, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};

use crate::aggregate::Statement;
use crate::keys::AggregateProof;
use crate::verifier::InnerProof;

/// A file that does not hold what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileFormatError(String);

const INNER: &str = "haloracle-inner-proof-v1";
const AGGREGATE: &str = "haloracle-aggregate-v1";

/// A proof under the Poseidon transcript, with its key: all that an aggregator needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InnerProofFile {
    format: String,
    /// Hash of the SRS's verifier part.
    srs: String,
    /// Verifying-key data.
    key: String,
    instances: Vec<String>,
    proof: String,
}

/// An aggregate with what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateFile {
    format: String,
    /// Shape of the aggregated proofs.
    pub shape: Shape,
    /// Slots of the circuit.
    pub slots: usize,
    /// Hash of the SRS's verifier part.
    srs: String,
    /// keccak-256 of the aggregation key's data.
    key_hash: String,
    /// Chain of the contract that γ was drawn for.
    pub chain_id: u64,
    /// That contract.
    settler: String,
    instances: Vec<String>,
    proof: String,
}

fn hexed(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn unhex(text: &str, what: &str) -> Result<Vec<u8>, FileFormatError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|error| FileFormatError(format!("{what}: {error}")))
}

fn word(text: &str, what: &str) -> Result<[u8; 32], FileFormatError> {
    let bytes = unhex(text, what)?;
    let length = bytes.len();
    bytes
        .try_into()
        .map_err(|_| FileFormatError(format!("{what}: {length} bytes instead of 32")))
}

fn check_format(got: &str, expected: &str) -> Result<(), FileFormatError> {
    match got == expected {
        true => Ok(()),
        false => Err(FileFormatError(format!(
            "format `{got}`, expected `{expected}`"
        ))),
    }
}

fn check_srs(got: &str, srs_hash: &[u8; 32]) -> Result<(), FileFormatError> {
    match word(got, "srs")? == *srs_hash {
        true => Ok(()),
        false => Err(FileFormatError(format!(
            "made with the SRS {got}, this one is {}",
            hexed(srs_hash)
        ))),
    }
}

impl InnerProofFile {
    /// Of a proof under the SRS with this hash.
    pub fn new(proof: &InnerProof, srs_hash: &[u8; 32]) -> Self {
        Self {
            format: INNER.into(),
            srs: hexed(srs_hash),
            key: hexed(proof.key.to_data()),
            instances: proof.proof.instances.iter().map(hexed).collect(),
            proof: hexed(&proof.proof.evm),
        }
    }

    /// The proof.
    ///
    /// # Errors
    /// Another format, another SRS, a key that is none.
    pub fn read(&self, srs_hash: &[u8; 32]) -> Result<InnerProof, FileFormatError> {
        check_format(&self.format, INNER)?;
        check_srs(&self.srs, srs_hash)?;
        let key = VerifyingKey::from_data(&unhex(&self.key, "key")?);
        let instances = self.instances.iter().map(|text| word(text, "instance"));
        Ok(InnerProof {
            key: key.map_err(|error| FileFormatError(format!("key: {error}")))?,
            proof: Proof {
                instances: instances.collect::<Result<_, _>>()?,
                evm: unhex(&self.proof, "proof")?,
            },
        })
    }
}

/// Where an aggregate is to be settled: γ is drawn for one contract on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `block.chainid`.
    pub chain_id: u64,
    /// The contract.
    pub settler: [u8; 20],
}

impl Destination {
    /// `γ = keccak256(abi.encode(AGGREGATE_V1, chainid, settler, h, keccak256(claims))) mod r`,
    /// where the claims are, slot by slot, key digest, number of instances, instances: 32 bytes
    /// each. The contract draws the same from what is claimed to it.
    pub fn gamma(&self, statement: &Statement, counts: &[usize]) -> Fr {
        let mut claims = Keccak256::new();
        let slots = statement.words.chunks(crate::aggregate::SLOT_WORDS);
        for (slot, count) in slots.zip(counts) {
            for (index, value) in slot.iter().take(1 + count).enumerate() {
                claims.update(to_word(value));
                if index == 0 {
                    claims.update(to_word(&Fr::from(*count as u64)));
                }
            }
        }
        let mut address = [0; 32];
        address[12..].copy_from_slice(&self.settler);
        let mut hash = Keccak256::new();
        hash.update(Keccak256::digest(b"haloracle.aggregate.v1"));
        hash.update(to_word(&Fr::from(self.chain_id)));
        hash.update(address);
        hash.update(to_word(&statement.hash));
        hash.update(claims.finalize());
        reduce(&hash.finalize().into())
    }
}

/// Name of the file that keeps the verifying key of a circuit: another constraint system or another
/// SRS has another name, so a key that does not fit is not found.
pub fn key_file_name(shape: Shape, slots: usize, srs_hash: &[u8; 32]) -> String {
    let circuit = crate::keys::shape_hash();
    let [circuit, srs] = [&circuit, srs_hash].map(|hash| hex::encode(&hash[..4]));
    format!("{}-{slots}-{circuit}-{srs}.vk", shape.name())
}

/// Number of instances of each slot: the last proof fills the slots that are left.
pub fn counts(proofs: &[InnerProof], slots: usize) -> Vec<usize> {
    let at = |slot: usize| proofs.get(slot.min(proofs.len().saturating_sub(1)));
    let counts = (0..slots).filter_map(|slot| at(slot).map(|p| p.key.instances()));
    counts.collect()
}

impl AggregateFile {
    /// Of an aggregate under a key with this data.
    pub fn new(
        (shape, slots): (Shape, usize),
        srs_hash: &[u8; 32],
        key: &[u8],
        destination: Destination,
        proof: &AggregateProof,
    ) -> Self {
        let words = proof.instances.iter().map(to_word);
        Self {
            format: AGGREGATE.into(),
            shape,
            slots,
            srs: hexed(srs_hash),
            key_hash: hexed(Keccak256::digest(key)),
            chain_id: destination.chain_id,
            settler: hexed(destination.settler),
            instances: words.map(hexed).collect(),
            proof: hexed(&proof.evm),
        }
    }

    /// The aggregate, made under the key with this data.
    ///
    /// # Errors
    /// Another format, SRS or key.
    pub fn read(&self, srs_hash: &[u8; 32], key: &[u8]) -> Result<AggregateProof, FileFormatError> {
        check_format(&self.format, AGGREGATE)?;
        check_srs(&self.srs, srs_hash)?;
        if word(&self.key_hash, "key_hash")?[..] != Keccak256::digest(key)[..] {
            return Err(FileFormatError(format!(
                "made under the aggregation key {}, this one is {}",
                self.key_hash,
                hexed(Keccak256::digest(key))
            )));
        }
        let instances = self.instances.iter().map(|text| {
            let value = from_word(&word(text, "instance")?);
            value.ok_or_else(|| FileFormatError(format!("instance {text} is not below r")))
        });
        Ok(AggregateProof {
            instances: instances.collect::<Result<_, _>>()?,
            evm: unhex(&self.proof, "proof")?,
        })
    }

    /// Where it is to be settled.
    ///
    /// # Errors
    /// An address that is none.
    pub fn destination(&self) -> Result<Destination, FileFormatError> {
        let settler = unhex(&self.settler, "settler")?.try_into();
        Ok(Destination {
            chain_id: self.chain_id,
            settler: settler.map_err(|_| FileFormatError("settler: not 20 bytes".into()))?,
        })
    }
}
