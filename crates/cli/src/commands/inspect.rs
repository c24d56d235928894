//! `haloracle inspect`: what a bundle, proof, verifying key or SRS file holds.

use std::fmt;
use std::path::{Path, PathBuf};

use eyre::{WrapErr, bail};
use haloracle_prover::{Bundle, Srs, VerifyingKey, layout::Layout};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::text::{hexed, read};
use crate::ui::Ui;

use super::verify::read_proof;

/// First bytes of an SRS file.
const SRS_MAGIC: &[u8] = b"HALOSRS";

/// `haloracle inspect`
#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// Bundle folder, proof, verifying key or SRS file
    path: PathBuf,
}

/// One object, shown as JSON or as indented lines.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Facts(Value);

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, &self.0, 0)
    }
}

fn show(f: &mut fmt::Formatter<'_>, value: &Value, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            if value.is_object() || value.is_array() {
                writeln!(f, "{indent}{name}:")?;
                show(f, value, depth + 1)
            } else {
                writeln!(f, "{indent}{name}: {}", plain(value))
            }
        }),
        Value::Array(items) => items.iter().try_for_each(|item| match item {
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("{name} {}", plain(value)));
                writeln!(f, "{indent}- {}", fields.collect::<Vec<_>>().join(", "))
            }
            other => writeln!(f, "{indent}- {}", plain(other)),
        }),
        other => writeln!(f, "{indent}{}", plain(other)),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn bundle(path: &Path) -> eyre::Result<Value> {
    let bundle = Bundle::open(path)?;
    let report: Value =
        serde_json::from_slice(&bundle.file("report.json")?).wrap_err("report.json is not JSON")?;
    let mut batches = Vec::new();
    for items in bundle.batches() {
        let layout = bundle.batch_layout(*items)?;
        batches.push(json!({
            "items": items,
            "k": layout.k,
            "rows": layout.rows,
            "instances": layout.instances,
        }));
    }
    let keys = if bundle.has_keys() {
        let onchain = bundle.onchain()?;
        for (batch, key) in batches.iter_mut().zip(onchain.batches) {
            batch["vk_hash"] = json!(key.vk_hash);
        }
        json!({
            "vk_hash": onchain.vk_hash,
            "route": onchain.route,
            "srs_hash": onchain.srs_hash,
            "srs_unsafe": onchain.srs_unsafe,
            "instances": onchain.instances,
        })
    } else {
        json!("none yet: run `haloracle setup`")
    };
    let model = bundle.model();
    let field = |name: &str| report.get(name).cloned().unwrap_or_default();
    Ok(json!({
        "kind": "bundle",
        "name": model.name,
        "compiler": bundle.compiler(),
        "onnx_hash": bundle.onnx_hash(),
        "layout": Layout::new(model, bundle.program()),
        "inputs": model.input.features,
        "outputs": model.output,
        "accuracy": {
            "rows": field("rows"),
            "class_rule": field("class_rule"),
            "agreement": field("agreement"),
            "error": field("error"),
        },
        "batches": batches,
        "keys": keys,
    }))
}

fn proof(path: &Path) -> eyre::Result<Value> {
    let (instances, size, problem) = match read_proof(path)? {
        Ok(proof) => {
            let instances = proof.instances.iter().map(hexed).collect::<Vec<_>>();
            (instances, proof.evm.len(), None)
        }
        Err(problem) => (Vec::new(), 0, Some(problem)),
    };
    Ok(json!({
        "kind": "proof",
        "instances": instances,
        "evm_bytes": size,
        "malformed": problem,
        "note": "what it proves depends on the key: run `haloracle verify`",
    }))
}

fn srs(path: &Path) -> eyre::Result<Value> {
    let srs = Srs::read(path)?;
    Ok(json!({
        "kind": "srs",
        "k": srs.k(),
        "srs_hash": hexed(srs.hash()),
        "unsafe": srs.is_unsafe(),
        "note": "whether its points belong together: run `haloracle srs verify`",
    }))
}

fn facts(path: &Path) -> eyre::Result<Value> {
    if path.is_dir() {
        return bundle(path);
    }
    let bytes = read(path)?;
    if bytes.starts_with(SRS_MAGIC) {
        return srs(path);
    }
    if bytes.first() == Some(&b'{') {
        return proof(path);
    }
    match VerifyingKey::from_data(&bytes) {
        Ok(key) => Ok(json!({
            "kind": "verifying key",
            "k": key.k(),
            "instances": key.instances(),
            "vk_hash": hexed(key.hash()),
        })),
        Err(error) => bail!(
            "`{}` is neither a bundle, a proof, an SRS nor a verifying key ({error})",
            path.display()
        ),
    }
}

impl InspectArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        ui.data(&Facts(facts(&self.path)?))?;
        Ok(Exit::Yes)
    }
}
