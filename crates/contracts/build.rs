//! Joins the committed Solidity types and interfaces into one file for `sol!`.
//!
//! `sol!` resolves no imports, so a file that imports `Types.sol` cannot be bound alone. Joining
//! the sources keeps the interfaces the only definition: there is no second copy to drift.

use std::{env, error::Error, fs, path::PathBuf};

/// In dependency order: types first.
const SOURCES: [&str; 11] = [
    "types/Types.sol",
    "interfaces/IHalo2Verifier.sol",
    "interfaces/IVerifierRouter.sol",
    "interfaces/IModelRegistry.sol",
    "interfaces/IEscrow.sol",
    "interfaces/IInferenceHub.sol",
    "interfaces/IInferenceConsumer.sol",
    "interfaces/ISettlementHub.sol",
    "interfaces/ISettlementModule.sol",
    "interfaces/IBatchSettler.sol",
    "interfaces/IAggregateSettler.sol",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../contracts");
    let mut joined = String::new();
    for source in SOURCES {
        let path = root.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("could not read `{}`: {error}", path.display()))?;
        for line in text.lines() {
            let statement = line.trim_start();
            if !statement.starts_with("import ") && !statement.starts_with("pragma ") {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let solidity = out.join("interfaces.sol");
    fs::write(&solidity, joined)?;
    let invocation = format!("alloy::sol!(#[sol(rpc, all_derives)] {solidity:?});\n");
    fs::write(out.join("bindings.rs"), invocation)?;
    Ok(())
}
