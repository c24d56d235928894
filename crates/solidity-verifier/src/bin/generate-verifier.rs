//! Writes the committed verifier contract anew: run from anywhere in the repository.

use std::path::Path;

use haloracle_prover::Srs;
use haloracle_solidity_verifier::{CONTRACT_PATH, SrsVerifierPart, UNSAFE_SEED_TEXT, Verifier};
use sha3::{Digest, Keccak256};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The verifier's part of a setup does not depend on its size.
    let srs = Srs::unsafe_setup(1, Keccak256::digest(UNSAFE_SEED_TEXT).into())?;
    let verifier = Verifier::machine()?;
    let source = verifier.generate(&SrsVerifierPart::new(&srs))?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(CONTRACT_PATH);
    std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
    println!(
        "{CONTRACT_PATH}: proof {} bytes, verifying key {} bytes, {} curve multiplications",
        verifier.proof_len(),
        verifier.vk_len(),
        verifier.multiplications()
    );
    Ok(())
}
