//! Generates the Solidity verifier from the constraint system.
//!
//! One contract verifies every model, because the machine's constraint system never depends on
//! the model: a model's verifying key is data in a small contract of its own. Which polynomials
//! are committed, at which rotations they are opened, in which order the transcript takes them
//! and what the gates say is all read off the [`ConstraintSystem`]; after a change to the machine
//! run
//!
//! ```text
//! cargo run --release -p haloracle-solidity-verifier --bin generate-verifier
//! ```
//!
//! The template `templates/Halo2Verifier.sol` holds the fixed part of the algorithm.

mod calldata;
mod constraints;
mod contract;
mod graph;
mod memory;
mod names;
mod opening;
mod protocol;
mod srs;
mod yul;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::ConstraintSystem;
use haloracle_prover::{Shape, shape_hash};

pub use calldata::{calldata, vk_code};
pub use haloracle_prover::VerifyingKey;
pub use srs::SrsVerifierPart;

use protocol::Protocol;

/// How the committed contract is remade.
pub const COMMAND: &str =
    "cargo run --release -p haloracle-solidity-verifier --bin generate-verifier";

/// How the committed verifier of aggregates is remade.
pub const AGGREGATE_COMMAND: &str =
    "cargo run --release -p haloracle-aggregation --example generate-aggregate-verifier";

/// Name of the committed contract of a shape.
pub fn contract_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Narrow => "Halo2Verifier",
        Shape::Wide => "Halo2VerifierWide",
    }
}

/// Where the committed contract of a shape lies in the repository.
pub fn contract_path(shape: Shape) -> String {
    format!("contracts/generated/{}.sol", contract_name(shape))
}

/// Public seed of the development setup that the committed contract belongs to is the keccak-256
/// of this text. Anybody can forge proofs under it.
pub const UNSAFE_SEED_TEXT: &str = "haloracle unsafe development srs v1";

/// Why no verifier can be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The constraint system uses something that the generator does not implement.
    #[error("the constraint system uses {feature}, which the generated verifier does not support")]
    Unsupported {
        /// What it uses.
        feature: &'static str,
    },
    /// The proof system would silently compute a quotient of too small a degree.
    #[error(
        "the gates have degree {needed}, but the proof system caps it at {used}: unset or raise \
         the environment variable MAX_DEGREE"
    )]
    DegreeCapped {
        /// Degree of the gates.
        needed: usize,
        /// Degree that the proof system would use.
        used: usize,
    },
    /// The template could not be rendered.
    #[error("could not render the contract's template")]
    Render(#[source] askama::Error),
}

/// Generator of the verifier of one constraint system.
#[derive(Clone, Debug)]
pub struct Verifier {
    name: &'static str,
    cs: ConstraintSystem<Fr>,
    shape_hash: [u8; 32],
    protocol: Protocol,
    accumulator: bool,
}

impl Verifier {
    /// The verifier of a shape of the machine.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn machine(shape: Shape) -> Result<Self, GenerateError> {
        let verifier = Self::of(shape.constraint_system(), shape_hash(shape))?;
        Ok(Self {
            name: contract_name(shape),
            ..verifier
        })
    }

    /// The verifier of `cs`, which `shape_hash` names in the key digest.
    ///
    /// # Errors
    /// [`GenerateError::Unsupported`] and [`GenerateError::DegreeCapped`].
    pub fn of(cs: ConstraintSystem<Fr>, shape_hash: [u8; 32]) -> Result<Self, GenerateError> {
        let protocol = Protocol::new(&cs)?;
        Ok(Self {
            name: "Halo2Verifier",
            cs,
            shape_hash,
            protocol,
            accumulator: false,
        })
    }

    /// The verifier of an aggregation circuit: its first eight instances are an accumulator (L, R),
    /// each coordinate as its lower 170 bits and the rest, and the contract accepts only if also
    /// `e(L, G2) = e(R, tau G2)`. Both pairings are one, combined by a hash of the whole proof.
    #[must_use]
    pub fn with_accumulator(self, name: &'static str) -> Self {
        Self {
            name,
            accumulator: true,
            ..self
        }
    }

    /// Solidity source of the contract that verifies under the setup `srs`; the same bytes every
    /// time.
    ///
    /// # Errors
    /// [`GenerateError::Render`].
    pub fn generate(&self, srs: &SrsVerifierPart) -> Result<String, GenerateError> {
        contract::render(
            self.name,
            &self.cs,
            &self.protocol,
            &self.shape_hash,
            srs,
            self.accumulator,
        )
    }

    /// Bytes of every proof.
    pub fn proof_len(&self) -> usize {
        self.protocol.proof_len()
    }

    /// Bytes of every verifying key's data.
    pub fn vk_len(&self) -> usize {
        contract::key_len(&self.protocol)
    }

    /// Curve multiplications of one verification: what its gas mostly consists of. A key whose
    /// model leaves fixed columns unused takes fewer, see [`Self::multiplications_for`].
    pub fn multiplications(&self) -> usize {
        /// L and R.
        const ACCUMULATOR: usize = 2;
        opening::multiplications(&self.protocol) + ACCUMULATOR * usize::from(self.accumulator)
    }

    /// Curve multiplications of one verification under the key with data `vk_data`.
    pub fn multiplications_for(&self, vk_data: &[u8]) -> usize {
        let is_zero = |column: &usize| {
            let at = contract::key_point(*column);
            vk_data
                .get(at..at + contract::POINT_BYTES)
                .is_some_and(|point| point.iter().all(|byte| *byte == 0))
        };
        let skipped = opening::skippable(&self.protocol);
        self.multiplications() - skipped.iter().filter(|column| is_zero(column)).count()
    }
}
