//! `haloracle bench`: fresh processes, timed from outside, beside the peer's figures.
//!
//! Every figure of proving is that of a whole `haloracle prove`: reading and checking the bundle,
//! making keys, running the model, proving, verifying the own proof, writing it.

mod cases;
mod report;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use eyre::{WrapErr, ensure, eyre};
use serde_json::Value;

use crate::checkout::{Checkout, dev_srs};
use crate::exit::Exit;
use crate::ui::Ui;
use cases::{CASES, Case, MAX_ERROR, Privacy};
use report::{BenchReport, Comparison, ModelReport, Skipped, rounded};

/// `haloracle bench`
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    checkout: Checkout,
    /// Fresh processes per figure; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only models whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Exit 1 if a target is missed or a model is not there
    #[arg(long)]
    check: bool,
}

/// Runs this very program; its wall seconds and its report.
fn timed(arguments: &[&str]) -> eyre::Result<(f64, Value)> {
    let program = std::env::current_exe().wrap_err("where is this program?")?;
    let mut command = Command::new(program);
    command.args(arguments).arg("--json").stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().wrap_err("could not start a process")?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(
        output.status.success(),
        "`haloracle {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    let report = serde_json::from_slice(&output.stdout).wrap_err("the report is not JSON")?;
    Ok((seconds, report))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        upper
    } else {
        (sorted[middle - 1] + upper) / 2.0
    }
}

fn number(report: &Value, field: &str) -> eyre::Result<u64> {
    report[field]
        .as_u64()
        .ok_or_else(|| eyre!("the report has no `{field}`"))
}

fn real(report: &Value, field: &str) -> eyre::Result<f64> {
    report[field]
        .as_f64()
        .ok_or_else(|| eyre!("the report has no `{field}`"))
}

/// Golden rows, agreement with onnxruntime, mean error as part of its outputs' range.
fn accuracy(bundle: &str, golden: &str) -> eyre::Result<(usize, f64, f64)> {
    let (_, report) = timed(&["infer", bundle, "--input", golden, "--skip-outside"])?;
    let rows = report["rows"].as_array().map_or(&[][..], Vec::as_slice);
    let reference = rows.iter().filter_map(|row| row["reference"].as_array());
    let values = reference.flatten().filter_map(Value::as_f64);
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
        (least.min(v), most.max(v))
    });
    ensure!(most > least, "`{golden}` has no outputs to compare with");
    let accuracy = &report["accuracy"];
    let error = real(accuracy, "mean")? / (most - least);
    Ok((rows.len(), real(accuracy, "agreement")?, error))
}

/// Whether as many rows agree as must; a part of a row that may disagree is a whole one.
fn agrees(agreement: f64, least: f64, rows: usize) -> bool {
    let rows = rows as f64;
    let most = (rows * (1.0 - least) - 1e-9).ceil();
    rows * (1.0 - agreement) <= most + 1e-6
}

/// Salt of the benchmark's commitments; a real one is random.
const SALT: &str = "0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

fn measure(case: &Case, args: &BenchArgs, dir: &Path) -> eyre::Result<ModelReport> {
    let path = |name: &str| dir.join(name).display().to_string();
    let (bundle, proof, srs) = (path("bundle"), path("proof.json"), path("srs"));
    let file = |end: &str| {
        let inside = format!("{}{end}", case.path);
        args.checkout.path(&inside).display().to_string()
    };
    let (onnx, golden, calibration) = (file(".onnx"), file(".npz"), file("_calibration.npz"));
    let mut compile = vec![
        "compile",
        &onnx,
        "--calibration",
        &calibration,
        "-o",
        &bundle,
    ];
    let items = case.items.to_string();
    // Rows of a batch must all lie inside the box; calibration rows do.
    let rows = if case.items > 1 {
        &calibration
    } else {
        &golden
    };
    let mut prove = vec![
        "prove", &bundle, "--input", rows, "--row", "1", "-o", &proof,
    ];
    if case.items > 1 {
        compile.extend(["--batch", &items]);
        prove.extend(["--batch", &items]);
    }
    if case.privacy == Privacy::WeightsAndInputs {
        compile.extend(["--private-model", "--private-input"]);
        prove.extend(["--salt", SALT]);
    }
    let (compile_seconds, compiled) = timed(&compile)?;
    // Of a batch, its own circuit.
    let circuit = match case.items {
        1 => &compiled,
        _ => &compiled["batches"][0],
    };
    let k = number(circuit, "k")?;
    dev_srs(u32::try_from(k)?)?.write(Path::new(&srs))?;
    let (setup_seconds, _) = timed(&["setup", &bundle, "--srs", &srs])?;
    let (golden_rows, agreement, mean_error) = accuracy(&bundle, &golden)?;

    let (mut times, mut peaks, mut proved) = (Vec::new(), Vec::new(), Value::Null);
    for _ in 0..args.runs {
        let (seconds, report) = timed(&prove)?;
        times.push(rounded(seconds, 4));
        peaks.extend(report["peak_kib"].as_f64().map(|kib| kib / 1024.0));
        proved = report;
    }
    let verifications: eyre::Result<Vec<f64>> = (0..args.runs)
        .map(|_| timed(&["verify", &bundle, &proof]).map(|(s, _)| s))
        .collect();
    let prove_seconds = rounded(median(&times), 4);
    let prove_peak_mib = (!peaks.is_empty()).then(|| rounded(median(&peaks), 1));
    let target = case.target;
    let peers = case.peers.iter();
    Ok(ModelReport {
        model: case.name,
        shape: compiled["shape"].as_str().unwrap_or("?").into(),
        k,
        rows: number(circuit, "rows")?,
        items: case.items,
        compile_seconds: rounded(compile_seconds, 3),
        setup_seconds: rounded(setup_seconds, 3),
        verify_seconds: rounded(median(&verifications?), 4),
        prove_seconds,
        prove_seconds_all: times,
        prove_peak_mib,
        proof_bytes: number(&proved, "compact_bytes")?,
        proof_bytes_evm: number(&proved, "evm_bytes")?,
        golden_rows,
        agreement,
        mean_error: rounded(mean_error, 6),
        target,
        target_met: prove_seconds <= target.prove_seconds
            && prove_peak_mib.is_none_or(|mib| mib <= target.peak_mib)
            && target
                .agreement
                .is_none_or(|least| agrees(agreement, least, golden_rows))
            && mean_error <= MAX_ERROR,
        peers: peers
            .map(|&peer| Comparison::new(peer, prove_seconds, prove_peak_mib))
            .collect(),
    })
}

impl BenchArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let working = ui.working("measuring");
        let (mut models, mut skipped) = (Vec::new(), Vec::new());
        let wanted = |case: &&Case| {
            let only = self.only.as_deref();
            only.is_none_or(|only| case.name.contains(only))
        };
        for case in CASES.iter().filter(wanted) {
            let onnx = self.checkout.path(&format!("{}.onnx", case.path));
            if let (Some(script), false) = (case.script, onnx.exists()) {
                let model = case.name;
                skipped.push(Skipped { model, script });
                continue;
            }
            working.now(format!("measuring {}", case.name));
            let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
            let measured = measure(case, &self, scratch.path());
            models.push(measured.wrap_err_with(|| format!("could not measure {}", case.name))?);
        }
        drop(working);
        ensure!(
            !models.is_empty() || !skipped.is_empty(),
            "no model has `{}` in its name",
            self.only.as_deref().unwrap_or_default()
        );
        let met = skipped.is_empty() && models.iter().all(|model| model.target_met);
        ui.data(&BenchReport {
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            runs: self.runs,
            models,
            skipped,
        })?;
        Ok(Exit::from_verdict(met || !self.check))
    }
}
