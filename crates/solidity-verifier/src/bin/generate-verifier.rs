//! Writes the committed verifier contracts anew, or into the folder given as the only argument.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use haloracle_prover::{Shape, Srs};
use haloracle_solidity_verifier::{SrsVerifierPart, UNSAFE_SEED_TEXT, Verifier, contract_name};
use sha3::{Digest, Keccak256};

fn main() -> ExitCode {
    match run(std::env::args_os().nth(1).map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate-verifier: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(path: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    // The verifier's part of a setup does not depend on its size.
    let srs = Srs::unsafe_setup(1, Keccak256::digest(UNSAFE_SEED_TEXT).into())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = path.unwrap_or_else(|| root.join("contracts/generated"));
    for shape in Shape::ALL {
        let verifier = Verifier::machine(shape)?;
        let source = verifier.generate(&SrsVerifierPart::new(&srs))?;
        let path = folder.join(format!("{}.sol", contract_name(shape)));
        std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
        println!(
            "{}: proof {} bytes, verifying key {} bytes, {} curve multiplications",
            path.display(),
            verifier.proof_len(),
            verifier.vk_len(),
            verifier.multiplications()
        );
    }
    Ok(())
}
