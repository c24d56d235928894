//! `haloracle bench`: fresh processes, timed from outside, beside the peer's figures.
//!
//! Every figure of proving is that of a whole `haloracle prove`: reading and checking the bundle,
//! loading keys, running the model, proving, verifying the own proof, writing it.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use eyre::{WrapErr, ensure, eyre};
use serde::Serialize;
use serde_json::Value;

use crate::checkout::{Checkout, DEV_K, KnownModel, dev_srs};
use crate::exit::Exit;
use crate::ui::Ui;

/// The peer's megabytes are decimal.
const MB_PER_MIB: f64 = 1.048_576;

/// `haloracle bench`
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    checkout: Checkout,
    /// Fresh processes per figure; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Exit 1 if a target is missed
    #[arg(long)]
    check: bool,
}

/// EZKL 23.0.5 on 2 virtual cores, each step a fresh process, default settings.
#[derive(Clone, Copy, Debug, Serialize)]
struct Peer {
    name: &'static str,
    setup_seconds: f64,
    prove_seconds: f64,
    prove_peak_mb: f64,
    verify_seconds: f64,
    proof_bytes: u32,
}

/// What the project promises on 2 cores.
#[derive(Clone, Copy, Debug, Serialize)]
struct Target {
    prove_seconds: f64,
    peak_mib: f64,
    proof_bytes: u64,
}

struct Case {
    model: KnownModel,
    peers: &'static [Peer],
    target: Target,
}

const MLP_SMALL: Case = Case {
    model: KnownModel::MLP_SMALL,
    peers: &[
        Peer {
            name: "EZKL, defaults",
            setup_seconds: 2.1,
            prove_seconds: 2.74,
            prove_peak_mb: 335.0,
            verify_seconds: 0.02,
            proof_bytes: 3072,
        },
        Peer {
            name: "EZKL, tuned by hand",
            setup_seconds: 0.53,
            prove_seconds: 0.57,
            prove_peak_mb: 70.0,
            verify_seconds: 0.01,
            proof_bytes: 3072,
        },
    ],
    target: Target {
        prove_seconds: 0.25,
        peak_mib: 40.0,
        proof_bytes: 1_800,
    },
};

const LOGREG: Case = Case {
    model: KnownModel::LOGREG,
    peers: &[Peer {
        name: "EZKL, defaults",
        setup_seconds: 23.9,
        prove_seconds: 27.1,
        prove_peak_mb: 2943.0,
        verify_seconds: 0.17,
        proof_bytes: 3648,
    }],
    target: Target {
        prove_seconds: 0.3,
        peak_mib: 40.0,
        proof_bytes: 1_800,
    },
};

#[derive(Serialize)]
struct BenchReport {
    version: &'static str,
    cores: usize,
    runs: u32,
    models: Vec<ModelReport>,
}

#[derive(Serialize)]
struct ModelReport {
    model: &'static str,
    k: u64,
    /// Wall seconds of `compile`, `setup` and `verify` as processes.
    compile_seconds: f64,
    setup_seconds: f64,
    verify_seconds: f64,
    /// Median wall seconds of `prove` as a process.
    prove_seconds: f64,
    prove_seconds_all: Vec<f64>,
    /// Median peak of resident memory of `prove`; null where the system does not tell.
    prove_peak_mib: Option<f64>,
    proof_bytes: u64,
    proof_bytes_evm: u64,
    target: Target,
    target_met: bool,
    peers: Vec<Comparison>,
}

#[derive(Serialize)]
struct Comparison {
    #[serde(flatten)]
    peer: Peer,
    times_faster: f64,
    times_less_memory: Option<f64>,
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cores, runs) = (self.cores, self.runs);
        writeln!(f, "fresh processes on {cores} cores, median of {runs}\n")?;
        writeln!(
            f,
            "{:<30} {:>8} {:>10} {:>8} {:>9} {:>8}",
            "", "prove s", "memory MB", "setup s", "verify s", "proof B"
        )?;
        for model in &self.models {
            let peak = model
                .prove_peak_mib
                .map_or("?".into(), |mib| format!("{:.1}", mib * MB_PER_MIB));
            writeln!(
                f,
                "{:<30} {:>8.3} {peak:>10} {:>8.2} {:>9.3} {:>8}",
                format!("{} (k = {})", model.model, model.k),
                model.prove_seconds,
                model.setup_seconds,
                model.verify_seconds,
                model.proof_bytes,
            )?;
            for Comparison {
                peer,
                times_faster,
                times_less_memory,
            } in &model.peers
            {
                let memory =
                    times_less_memory.map_or(String::new(), |t| format!(", {t:.0}x memory"));
                writeln!(
                    f,
                    "{:<30} {:>8.2} {:>10.0} {:>8.2} {:>9.2} {:>8}   {times_faster:.1}x time{memory}",
                    format!("  {}", peer.name),
                    peer.prove_seconds,
                    peer.prove_peak_mb,
                    peer.setup_seconds,
                    peer.verify_seconds,
                    peer.proof_bytes,
                )?;
            }
            let Target {
                prove_seconds,
                peak_mib,
                proof_bytes,
            } = model.target;
            let met = if model.target_met { "met" } else { "MISSED" };
            writeln!(
                f,
                "  target {met}: {prove_seconds} s, {peak_mib} MiB, {proof_bytes} bytes at most\n"
            )?;
        }
        Ok(())
    }
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

/// Rounds to `digits` decimals, as far as the figure means anything.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

fn measure(case: &Case, args: &BenchArgs, srs: &str, dir: &Path) -> eyre::Result<ModelReport> {
    let path = |name: &str| dir.join(name).display().to_string();
    let (bundle, proof) = (path(case.model.name), path("proof.json"));
    let compile_arguments = case.model.compile_arguments(&args.checkout, &bundle);
    let compile_arguments: Vec<&str> = compile_arguments.iter().map(String::as_str).collect();
    let (compile_seconds, compiled) = timed(&compile_arguments)?;
    let (setup_seconds, _) = timed(&["setup", &bundle, "--srs", srs])?;
    let input = case.model.examples(&args.checkout).display().to_string();
    let prove = [
        "prove", &bundle, "--input", &input, "--row", "1", "-o", &proof,
    ];
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
    let proof_bytes = number(&proved, "compact_bytes")?;
    let Target {
        prove_seconds: most_seconds,
        peak_mib,
        proof_bytes: most_bytes,
    } = case.target;
    let peers = case.peers.iter().map(|&peer| Comparison {
        peer,
        times_faster: rounded(peer.prove_seconds / prove_seconds, 1),
        times_less_memory: prove_peak_mib
            .map(|mib| rounded(peer.prove_peak_mb / (mib * MB_PER_MIB), 1)),
    });
    Ok(ModelReport {
        model: case.model.name,
        k: number(&compiled, "k")?,
        compile_seconds: rounded(compile_seconds, 3),
        setup_seconds: rounded(setup_seconds, 3),
        verify_seconds: rounded(median(&verifications?), 4),
        prove_seconds,
        prove_seconds_all: times,
        prove_peak_mib,
        proof_bytes,
        proof_bytes_evm: number(&proved, "evm_bytes")?,
        target: case.target,
        target_met: prove_seconds <= most_seconds
            && proof_bytes <= most_bytes
            && prove_peak_mib.is_none_or(|mib| mib <= peak_mib),
        peers: peers.collect(),
    })
}

impl BenchArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
        let working = ui.working("making the development setup");
        let srs = scratch.path().join("dev.srs");
        dev_srs(DEV_K)?.write(&srs)?;
        let mut models = Vec::new();
        for case in [MLP_SMALL, LOGREG] {
            working.now(format!("measuring {}", case.model.name));
            models.push(measure(
                &case,
                &self,
                &srs.display().to_string(),
                scratch.path(),
            )?);
        }
        drop(working);
        let met = models.iter().all(|model| model.target_met);
        ui.data(&BenchReport {
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            runs: self.runs,
            models,
        })?;
        Ok(Exit::from_verdict(met || !self.check))
    }
}
