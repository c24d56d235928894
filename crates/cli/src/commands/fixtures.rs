//! `haloracle fixtures`: remakes what Foundry tests verify; see `test/fixtures/README.md`.
//!
//! Everything but the proofs comes out the same on every machine. Proofs are randomised, so a
//! committed proof is kept while it is still valid for the same statement: a rerun changes no
//! file. `--check` writes nothing and fails where a rerun would.

use std::fmt;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolValue;
use eyre::{WrapErr, ensure};
use haloracle_contracts::{Request, statement};
use haloracle_prover::{Proof, Srs, VerifyingKey, shape_hash, verify};
use haloracle_solidity_verifier::{CONTRACT_PATH, SrsVerifierPart, Verifier};
use serde::Serialize;
use serde_json::{Value, json};

use crate::chain::spec::Registration;
use crate::checkout::{Checkout, Compiled, DEV_K, KnownModel, dev_srs};
use crate::exit::Exit;
use crate::text::{hexed, unhex, write};
use crate::ui::Ui;

/// Chain that the fixtures' requests are made on.
const CHAIN_ID: u64 = 31337;
/// Where a test puts the hub, and who plays the others.
const HUB: Address = Address::repeat_byte(0x11);
const OWNER: Address = Address::repeat_byte(0x22);
const CONSUMER: Address = Address::repeat_byte(0x33);
const PAYEE: Address = Address::repeat_byte(0x44);
/// Last second of the fixtures' requests: within 30 days of 1 700 000 000, where tests begin.
const DEADLINE: u64 = 1_700_003_600;
/// Fee of the fixtures' requests: 0.01 ether.
const FEE: u64 = 10_000_000_000_000_000;

/// `haloracle fixtures`
#[derive(Debug, clap::Args)]
pub(crate) struct FixturesArgs {
    #[command(flatten)]
    checkout: Checkout,
    /// Write nothing; exit 1 if anything is not up to date
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct FixturesReport {
    /// Files that were, or with --check would be, written.
    changed: Vec<PathBuf>,
    unchanged: Vec<PathBuf>,
    checked_only: bool,
}

impl fmt::Display for FixturesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = if self.checked_only {
            "OUT OF DATE"
        } else {
            "wrote"
        };
        self.changed
            .iter()
            .try_for_each(|file| writeln!(f, "{changed} {}", file.display()))?;
        self.unchanged
            .iter()
            .try_for_each(|file| writeln!(f, "up to date {}", file.display()))
    }
}

/// Everything of a fixture but the proof.
fn statement_of(name: &str, compiled: &Compiled) -> eyre::Result<(Value, B256)> {
    let model = compiled.bundle.model();
    let key = compiled.keys.verifying_key();
    let srs = compiled.keys.srs();
    let registered = Registration::new(&compiled.bundle, key, srs)?;
    let input = model.pack_input(&compiled.example.raw)?;
    let run = model.run(&compiled.example.raw)?;
    let output = model.pack_output(haloracle_model::integer::STATUS_OK, run.outputs());
    let model_id = statement::model_id(OWNER, &registered.spec);
    let request = Request {
        modelId: model_id,
        consumer: CONSUMER,
        refundTo: CONSUMER,
        deadline: DEADLINE,
        fee: FEE.try_into().wrap_err("fee")?,
        // Modes.SINGLE, InputModes.PUBLIC_WORDS.
        modes: 1,
        inputMode: 0,
        inputDigest: statement::input_digest(&input),
        ..Request::default()
    };
    let id = statement::request_id(CHAIN_ID, HUB, &request);
    let tag = statement::tag(id, PAYEE);
    let instances = statement::instances(tag, &input, &output);
    let spec = &registered.spec;
    let schema = &registered.schema;
    let features = schema.features.iter().zip(&model.input.features).map(
        |(f, named)| json!({"name": named.name, "lo": f.lo, "hi": f.hi, "decimals": f.decimals}),
    );
    let outputs = schema.outputs.iter().zip(&model.output).map(|(o, named)| {
        json!({
            "name": named.name, "zeroPoint": o.zeroPoint, "multiplier": o.multiplier,
            "decimals": o.decimals,
        })
    });
    let value = json!({
        "model": name,
        "note": "Made by `make fixtures` under the public development setup. The proof is bound \
                 to `request` at `hub` on chain `chainId`, and to `payee`.",
        "k": key.k(),
        "shapeHash": hexed(shape_hash()),
        "srsHash": hexed(srs.hash()),
        "vkData": hexed(&registered.vk_data),
        "instances": instances.iter().map(hexed).collect::<Vec<_>>(),
        "schema": {
            "digitBits": schema.digitBits,
            "inputDigits": schema.inputDigits,
            "features": features.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
        },
        "spec": {
            "route": spec.route,
            "vkHash": spec.vkHash,
            "schemaHash": spec.schemaHash,
            "modelCommitment": spec.modelCommitment,
            "graphHash": spec.graphHash,
            "onnxHash": spec.onnxHash,
            "srsHash": spec.srsHash,
            "reportHash": spec.reportHash,
            "compilerVersion": spec.compilerVersion,
        },
        "specEncoded": hexed(spec.abi_encode()),
        "schemaEncoded": hexed(schema.abi_encode()),
        "requestEncoded": hexed(request.abi_encode()),
        "chainId": CHAIN_ID,
        "hub": HUB,
        "modelOwner": OWNER,
        "modelId": B256::from(model_id),
        "consumer": CONSUMER,
        "payee": PAYEE,
        "requestId": B256::from(id),
        "tag": tag,
        "deadline": DEADLINE,
        "fee": U256::from(FEE).to_string(),
        "rawInput": compiled.example.raw,
        "rawOutput": run.outputs(),
        "input": hexed(input.as_flattened()),
        "output": hexed(output.as_flattened()),
    });
    Ok((value, tag))
}

/// The proof of a committed fixture, if the fixture says the same as `fresh` and its proof is
/// valid.
fn committed_proof(path: &Path, fresh: &Value, srs: &Srs, key: &VerifyingKey) -> Option<Value> {
    let mut old: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let proof = old.as_object_mut()?.remove("proof")?;
    if old != *fresh {
        return None;
    }
    let instances = old["instances"].as_array()?.iter();
    let instances = instances.map(|word| unhex(word.as_str()?).ok()?.try_into().ok());
    let proof_bytes = unhex(proof.as_str()?).ok()?;
    let candidate = Proof {
        instances: instances.collect::<Option<_>>()?,
        evm: proof_bytes,
    };
    verify(srs, key, &candidate).is_ok().then_some(proof)
}

fn fixture(model: KnownModel, checkout: &Checkout, srs: &Srs) -> eyre::Result<(PathBuf, Vec<u8>)> {
    let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
    let compiled = model.compile(checkout, srs, &scratch.path().join("bundle"))?;
    let (mut value, tag) = statement_of(model.name, &compiled)?;
    let path = checkout.path(&format!("test/fixtures/{}.json", model.name));
    // Proved anew every time: a fixture must not outlive the prover that made it.
    let proof = compiled.keys.prove(&compiled.example.raw, &tag.0)?;
    let claimed = value["instances"].as_array().into_iter().flatten();
    let proved = proof.instances.iter().map(hexed);
    ensure!(
        claimed.filter_map(Value::as_str).eq(proved),
        "model {}: the circuit's public inputs differ from the contracts'",
        model.name
    );
    let (srs, key) = (compiled.keys.srs(), compiled.keys.verifying_key());
    let kept = committed_proof(&path, &value, srs, key);
    value["proof"] = kept.unwrap_or_else(|| Value::String(hexed(&proof.evm)));
    let mut text = serde_json::to_vec_pretty(&value).wrap_err("could not encode")?;
    text.push(b'\n');
    Ok((path, text))
}

impl FixturesArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let working = ui.working("making the development setup");
        let srs = dev_srs(DEV_K)?;
        let verifier = Verifier::machine()?.generate(&SrsVerifierPart::new(&srs))?;
        let mut files = vec![(self.checkout.path(CONTRACT_PATH), verifier.into_bytes())];
        for model in KnownModel::ALL {
            working.now(format!("compiling and proving {}", model.name));
            files.push(fixture(model, &self.checkout, &srs)?);
        }
        drop(working);
        let mut report = FixturesReport {
            changed: Vec::new(),
            unchanged: Vec::new(),
            checked_only: self.check,
        };
        for (path, content) in files {
            if std::fs::read(&path).is_ok_and(|old| old == content) {
                report.unchanged.push(path);
                continue;
            }
            if !self.check {
                write(&path, &content)?;
            }
            report.changed.push(path);
        }
        ui.data(&report)?;
        Ok(Exit::from_verdict(!self.check || report.changed.is_empty()))
    }
}
