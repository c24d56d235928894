//! Writes the committed verifier of aggregates anew, or into the folder given as the only argument:
//!
//! ```text
//! cargo run --release -p haloracle-aggregation --example generate-aggregate-verifier
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use haloracle_aggregation::config::constraint_system;
use haloracle_aggregation::keys::shape_hash;
use haloracle_prover::Srs;
use haloracle_solidity_verifier::{SrsVerifierPart, UNSAFE_SEED_TEXT, Verifier};
use sha3::{Digest, Keccak256};

const NAME: &str = "Halo2VerifierAggregate";

fn main() -> Result<(), Box<dyn Error>> {
    // The verifier's part of a setup does not depend on its size.
    let srs = Srs::unsafe_setup(1, Keccak256::digest(UNSAFE_SEED_TEXT).into())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| root.join("contracts/generated"));
    let verifier = Verifier::of(constraint_system(), shape_hash())?.with_accumulator(NAME);
    let path = folder.join(format!("{NAME}.sol"));
    std::fs::write(&path, verifier.generate(&SrsVerifierPart::new(&srs))?)?;
    println!(
        "{}: proof {} bytes, verifying key {} bytes, {} curve multiplications",
        path.display(),
        verifier.proof_len(),
        verifier.vk_len(),
        verifier.multiplications()
    );
    Ok(())
}
