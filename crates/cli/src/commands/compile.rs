//! `haloracle compile`: an ONNX model becomes a bundle.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eyre::{WrapErr, bail};
use haloracle_model::quantize::heads::Head;
use haloracle_model::report::{CircuitReport, ErrorStats, Estimate, Report};
use haloracle_model::{
    Dataset, IntegerModel, ModelError, Op, Options, SchemaSpec, Size, quantize_smallest,
};
use haloracle_prover::bundle::MAX_BATCH;
use haloracle_prover::{
    Bundle, BundleParts, Lowered, Shape, compile, compile_batch, layout::Layout,
};
use serde::Serialize;

use crate::exit::Exit;
use crate::text::{must_not_exist, read, seconds, write};
use crate::ui::Ui;

/// The ONNX file's place in a bundle; the manifest holds its hash.
pub(crate) const FLOAT_MODEL: &str = "model.onnx";

/// `haloracle compile`
#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    /// ONNX model, float32, opset 9 to 21
    model: PathBuf,
    /// Rows like those the model will see: .json, .npz or .csv
    #[arg(long, value_name = "DATA")]
    calibration: PathBuf,
    /// Names, decimals and domain boxes of the features; calibrated where absent
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Bits of a digit, 4 to 12; the fewest that reach the accuracy targets if absent
    #[arg(long, value_name = "N")]
    bits: Option<u32>,
    /// Part of each calibrated range that the domain box adds on both sides
    #[arg(long, value_name = "PART")]
    margin: Option<f64>,
    /// Largest mean error allowed, as part of the float outputs' range
    #[arg(long, value_name = "PART")]
    max_error: Option<f64>,
    /// Least part of the rows whose class must agree with the float model
    #[arg(long, value_name = "PART")]
    min_agreement: Option<f64>,
    /// Name of the model; the file's name if absent
    #[arg(long)]
    name: Option<String>,
    /// What the model answers: score, class, band:EDGE,EDGE,… or threshold:VALUE
    #[arg(long = "answer", value_name = "HEAD", default_value = "score")]
    head: Head,
    /// Machine shape, narrow or wide; the one that suits the model if absent
    #[arg(long, value_name = "SHAPE")]
    shape: Option<Shape>,
    /// Keep weights and biases secret: the chain sees a salted commitment
    #[arg(long)]
    private_model: bool,
    /// Keep the inputs secret: the chain sees a salted commitment per request
    #[arg(long)]
    private_input: bool,
    /// Also lay out proofs that answer N inputs at once, 2 to 256; may be given several times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=i64::from(MAX_BATCH)))]
    batch: Vec<u32>,
    /// Where the bundle goes
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
}

/// Rows of one node.
#[derive(Serialize)]
struct NodeRows {
    name: String,
    rows: usize,
}

/// Circuit of a batch.
#[derive(Serialize)]
struct BatchRows {
    items: usize,
    k: u32,
    rows: usize,
    instances: usize,
}

/// Most nodes whose rows are printed; all of them stand in the report.
const PRINTED_NODES: usize = 12;

#[derive(Serialize)]
struct CompileReport {
    bundle: PathBuf,
    name: String,
    shape: Shape,
    k: u32,
    rows: usize,
    usable_rows: usize,
    digit_bits: u32,
    input_digits: u32,
    features: usize,
    instances: usize,
    estimate: Estimate,
    nodes: Vec<NodeRows>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<BatchRows>,
    calibration_rows: usize,
    calibration_rows_outside_domain: usize,
    /// Nodes of a private model whose coefficients stay public.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    public_nodes: Vec<String>,
    class_rule: String,
    agreement: f64,
    error: ErrorStats,
    error_percent: ErrorStats,
    seconds: f64,
}

impl fmt::Display for CompileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bundle     {}", self.bundle.display())?;
        writeln!(f, "model      {}, {} features", self.name, self.features)?;
        let (rows, usable) = (self.rows, self.usable_rows);
        writeln!(
            f,
            "circuit    {}, k = {}, {rows} of {usable} rows used",
            self.shape, self.k
        )?;
        let mut nodes: Vec<&NodeRows> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(node.rows));
        for node in nodes.iter().take(PRINTED_NODES) {
            writeln!(f, "           {:>7} rows  {}", node.rows, node.name)?;
        }
        if let Some(rest) = nodes.get(PRINTED_NODES..).filter(|rest| !rest.is_empty()) {
            let rows: usize = rest.iter().map(|node| node.rows).sum();
            writeln!(f, "           {rows:>7} rows  {} other nodes", rest.len())?;
        }
        let rest = self.nodes.iter().map(|node| node.rows).sum::<usize>();
        let rest = self.rows.saturating_sub(rest);
        writeln!(f, "           {rest:>7} rows  inputs, outputs, commitments")?;
        writeln!(f, "estimate   {}", self.estimate)?;
        for batch in &self.batches {
            let BatchRows {
                items,
                k,
                rows,
                instances,
            } = batch;
            writeln!(
                f,
                "batch      {items} inputs: k = {k}, {rows} rows, {instances} instances"
            )?;
        }
        for node in &self.public_nodes {
            writeln!(f, "PUBLIC     the coefficients of node {node}")?;
        }
        let (bits, digits) = (self.digit_bits, self.input_digits);
        writeln!(
            f,
            "digits     {bits} bits, {digits} per input, {} instances",
            self.instances
        )?;
        let agreement = self.agreement * 100.0;
        let (rows, rule) = (self.calibration_rows, &self.class_rule);
        writeln!(f, "agreement  {agreement:.2} % of {rows} rows ({rule})")?;
        let ErrorStats {
            mean,
            p50,
            p90,
            p99,
            max,
        } = self.error_percent;
        writeln!(
            f,
            "error      mean {mean:.3} %, median {p50:.3} %, p90 {p90:.3} %, p99 {p99:.3} %, \
             max {max:.3} % of the output range"
        )?;
        if self.calibration_rows_outside_domain > 0 {
            let left_out = self.calibration_rows_outside_domain;
            writeln!(
                f,
                "left out   {left_out} calibration rows outside the domain box"
            )?;
        }
        writeln!(f, "time       {:.3} s", self.seconds)
    }
}

/// Adds what the circuit takes to the report.
fn with_circuit(report: Report, model: &IntegerModel, layout: &Layout) -> Report {
    let narrow = layout.shape == Shape::Narrow;
    let mut own = layout.nodes.iter().map(|node| node.rows as u64);
    // The narrow shape's layers are dense nodes with the functions behind them.
    let rows: Vec<Option<u64>> = model
        .nodes
        .iter()
        .map(
            |node| match narrow && !matches!(node.op, Op::Dense { .. }) {
                true => None,
                false => own.next(),
            },
        )
        .collect();
    let nodes: u64 = layout.nodes.iter().map(|node| node.rows as u64).sum();
    let circuit = CircuitReport {
        shape: layout.shape.to_string(),
        k: layout.k,
        rows: layout.rows as u64,
        usable_rows: layout.usable_rows as u64,
        other_rows: (layout.rows as u64).saturating_sub(nodes),
        table_entries: layout.table_entries as u64,
        instances: layout.instances as u64,
        estimate: Estimate::new(narrow, layout.k),
    };
    report.with_circuit(circuit, &rows)
}

/// Makes the bundle with its ONNX file in it, whole or not at all: `infer` runs the float model.
fn create(
    output: &Path,
    parts: BundleParts<'_>,
    program: Lowered,
    batches: &[Lowered],
) -> eyre::Result<()> {
    let parent = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = || format!("could not create `{}`", output.display());
    std::fs::create_dir_all(parent).wrap_err_with(failed)?;
    let building = tempfile::Builder::new()
        .prefix(".compile-")
        .tempdir_in(parent);
    let building = building.wrap_err_with(failed)?;
    let whole = building.path().join("bundle");
    Bundle::create_batched(&whole, parts, program, batches)?;
    write(&whole.join(FLOAT_MODEL), parts.onnx)?;
    std::fs::rename(&whole, output).wrap_err_with(failed)
}

impl CompileArgs {
    fn options(&self) -> eyre::Result<Options> {
        let schema = self.schema.as_ref().map(|path| {
            SchemaSpec::from_json(&read(path)?).wrap_err_with(|| format!("`{}`", path.display()))
        });
        let default = Options::default();
        Ok(Options {
            digit_bits: self.bits,
            max_error: self.max_error.unwrap_or(default.max_error),
            min_agreement: self.min_agreement.unwrap_or(default.min_agreement),
            margin: self.margin.unwrap_or(default.margin),
            schema: schema.transpose()?,
            head: self.head.clone(),
            private_weights: self.private_model,
            private_inputs: self.private_input,
        })
    }

    /// The model with the secrets that are asked for.
    fn kept_private(&self, mut model: IntegerModel) -> Result<IntegerModel, ModelError> {
        if self.private_input {
            model = model.with_private_inputs();
        }
        if self.private_model {
            model = model.with_private_weights()?;
        }
        Ok(model)
    }

    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let mut batches = self.batch.clone();
        batches.sort_unstable();
        if let Some(twice) = batches.windows(2).find(|two| two[0] == two[1]) {
            bail!("--batch {} is given twice", twice[0]);
        }
        if self.shape == Some(Shape::Narrow) && (self.private_model || self.private_input) {
            bail!("the narrow shape keeps nothing secret; leave --shape away");
        }
        must_not_exist(&self.output)?;
        let start = Instant::now();
        let working = ui.working("reading model and data");
        let options = self.options()?;
        let onnx = read(&self.model)?;
        let mut float = haloracle_onnx::load_graph(&self.model)?.graph;
        if let Some(name) = &self.name {
            float.name.clone_from(name);
        }
        let data = Dataset::read(&self.calibration)?;
        working.now("quantizing");
        let size = |model: &IntegerModel| {
            let model = self.kept_private(model.clone()).ok()?;
            let program = compile(&model, self.shape).ok()?;
            Some(Size {
                k: program.k(),
                rows: Layout::new(&model, &program).rows,
            })
        };
        let (model, report) = quantize_smallest(&float, &data, &options, &size)?;
        let model = self.kept_private(model)?;
        model.check_complete()?;
        working.now("laying out the circuit");
        let program = compile(&model, self.shape)?;
        let layout = Layout::new(&model, &program);
        let batches = batches.into_iter().map(|items| {
            working.now(format!("laying out batches of {items}"));
            compile_batch(&model, items as usize, program.shape())
                .wrap_err_with(|| format!("batches of {items} inputs"))
        });
        let batches = batches.collect::<eyre::Result<Vec<Lowered>>>()?;
        let report = with_circuit(report, &model, &layout);
        let report_json = serde_json::to_vec_pretty(&report).wrap_err("could not encode")?;
        create(
            &self.output,
            BundleParts {
                model: &model,
                shape: self.shape,
                onnx: &onnx,
                report_json: &report_json,
                report_html: report.to_html().as_bytes(),
            },
            program,
            &batches,
        )?;
        drop(working);
        let batch_rows = batches.iter().map(|program| {
            let layout = Layout::new(&model, program);
            BatchRows {
                items: layout.items,
                k: layout.k,
                rows: layout.rows,
                instances: layout.instances,
            }
        });
        let nodes = layout.nodes.iter().map(|node| NodeRows {
            name: node.name.clone(),
            rows: node.rows,
        });
        ui.data(&CompileReport {
            bundle: self.output,
            name: model.name.clone(),
            shape: layout.shape,
            k: layout.k,
            rows: layout.rows,
            usable_rows: layout.usable_rows,
            digit_bits: model.digit_bits,
            input_digits: model.input.digits,
            features: model.input.features.len(),
            instances: layout.instances,
            estimate: Estimate::new(layout.shape == Shape::Narrow, layout.k),
            nodes: nodes.collect(),
            batches: batch_rows.collect(),
            calibration_rows: report.rows,
            calibration_rows_outside_domain: report.rows_outside_domain,
            public_nodes: (model.public_coefficients().iter())
                .map(|(name, different)| format!("{name} ({different} different)"))
                .collect(),
            class_rule: report.class_rule.clone(),
            agreement: report.agreement,
            error: report.error,
            error_percent: report.error_percent,
            seconds: seconds(start.elapsed()),
        })?;
        Ok(Exit::Yes)
    }
}
