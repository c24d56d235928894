//! Compiles Solidity with the project's compiler.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The settings that ship, read from foundry.toml.
fn shipped_settings() -> Value {
    let text = std::fs::read_to_string(root().join("foundry.toml")).expect("foundry.toml");
    let parsed: toml::Value = toml::from_str(&text).expect("foundry.toml parses");
    let profile = &parsed["profile"]["default"];
    json!({
        "optimizer": {
            "enabled": profile["optimizer"].as_bool().expect("optimizer"),
            "runs": profile["optimizer_runs"].as_integer().expect("optimizer_runs"),
        },
        "viaIR": profile["via_ir"].as_bool().expect("via_ir"),
        "evmVersion": profile["evm_version"].as_str().expect("evm_version"),
        "metadata": {
            "bytecodeHash": profile["bytecode_hash"].as_str().expect("bytecode_hash"),
            "appendCBOR": profile["cbor_metadata"].as_bool().expect("cbor_metadata"),
        },
    })
}

/// Runtime code of the generated verifier `source` at the shipped settings.
pub fn verifier(source: &str) -> Vec<u8> {
    let interface = root().join("contracts/interfaces/IHalo2Verifier.sol");
    let interface = std::fs::read_to_string(interface).expect("interface");
    let sources = json!({
        "contracts/generated/Halo2Verifier.sol": { "content": source },
        "contracts/interfaces/IHalo2Verifier.sol": { "content": interface },
    });
    compile(
        sources,
        "contracts/generated/Halo2Verifier.sol",
        shipped_settings(),
    )
}

/// Runtime code of snark-verifier's contract, which does not survive the optimizer.
pub fn oracle(source: &str) -> Vec<u8> {
    let source = source.replace("pragma solidity 0.8.19;", "pragma solidity ^0.8.19;");
    let settings = json!({ "optimizer": { "enabled": false }, "evmVersion": "cancun" });
    compile(
        json!({ "Oracle.sol": { "content": source } }),
        "Oracle.sol",
        settings,
    )
}

fn compile(sources: Value, file: &str, mut settings: Value) -> Vec<u8> {
    settings["outputSelection"] = json!({ "*": { "*": ["evm.deployedBytecode.object"] } });
    let input = json!({ "language": "Solidity", "sources": sources, "settings": settings });
    let mut child = Command::new("node")
        .arg(root().join("tools/solc"))
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tools/solc starts");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin
        .write_all(input.to_string().as_bytes())
        .expect("compiler reads");
    drop(stdin);
    let output = child.wait_with_output().expect("compiler ends").stdout;
    let output: Value = serde_json::from_slice(&output).expect("compiler prints JSON");
    // The shapes' contracts have names of their own.
    let contracts = output["contracts"][file].as_object();
    let only = contracts.and_then(|contracts| contracts.values().next());
    let code = only.and_then(|contract| contract["evm"]["deployedBytecode"]["object"].as_str());
    let code = code.unwrap_or_else(|| panic!("does not compile: {}", output["errors"]));
    hex::decode(code).expect("hex")
}
