//! `haloracle infer`: integer and float outputs side by side.

use std::fmt;
use std::path::PathBuf;

use eyre::{WrapErr, ensure};
use haloracle_model::graph::FloatGraph;
use haloracle_model::{Dataset, IntegerModel};
use haloracle_prover::{Bundle, files::keccak};
use serde::Serialize;

use crate::exit::Exit;
use crate::inputs::InputArgs;
use crate::text::{hexed, read};
use crate::ui::Ui;

use super::answer::Answer;
use super::compile::FLOAT_MODEL;

/// `haloracle infer`
#[derive(Debug, clap::Args)]
pub(crate) struct InferArgs {
    /// Bundle written by `compile`
    bundle: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    /// The ONNX file that the bundle was compiled from; the bundle's own copy if absent
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
}

#[derive(Serialize)]
struct InferReport {
    model: String,
    rows: Vec<RowReport>,
    /// Integer against the reference: the file's own `y`, else the float model.
    accuracy: Option<Accuracy>,
}

#[derive(Serialize)]
struct RowReport {
    row: usize,
    outputs: Vec<Answer>,
    /// Outputs of the float model.
    float: Option<Vec<f64>>,
    /// Outputs that came with the input.
    reference: Option<Vec<f64>>,
}

#[derive(Serialize)]
struct Accuracy {
    against: &'static str,
    /// Part of the rows with the same class: largest output, or above the threshold.
    agreement: f64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl RowReport {
    fn expected(&self) -> Option<&[f64]> {
        self.reference.as_deref().or(self.float.as_deref())
    }
}

impl fmt::Display for InferReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            for (index, answer) in row.outputs.iter().enumerate() {
                write!(f, "row {:<4} {answer}", row.row)?;
                for (name, values) in [("float", &row.float), ("reference", &row.reference)] {
                    if let Some(value) = values.as_ref().and_then(|values| values.get(index)) {
                        write!(
                            f,
                            "  {name} {value:.6}  difference {:+.6}",
                            answer.value - value
                        )?;
                    }
                }
                writeln!(f)?;
            }
        }
        let Some(accuracy) = &self.accuracy else {
            return writeln!(f, "no float outputs: give the model with --onnx");
        };
        let Accuracy {
            against,
            agreement,
            mean,
            p50,
            p90,
            p99,
            max,
        } = accuracy;
        writeln!(
            f,
            "agreement {:.2} % against the {against}",
            agreement * 100.0
        )?;
        write!(
            f,
            "error mean {mean:.6}, median {p50:.6}, p90 {p90:.6}, p99 {p99:.6}, max {max:.6}"
        )
    }
}

/// The float model: the given ONNX file, else the bundle's, if it is there; never another one.
fn float_model(bundle: &Bundle, path: Option<&PathBuf>) -> eyre::Result<Option<FloatGraph>> {
    let held = bundle.dir().join(FLOAT_MODEL);
    let Some(path) = path.or(held.exists().then_some(&held)) else {
        return Ok(None);
    };
    let onnx = read(path)?;
    let hash = hexed(keccak(&onnx));
    ensure!(
        hash == bundle.onnx_hash(),
        "`{}` is not the model of bundle `{}`: its hash is {hash}, the bundle's {}",
        path.display(),
        bundle.dir().display(),
        bundle.onnx_hash()
    );
    Ok(Some(haloracle_onnx::read_graph(
        &onnx,
        &bundle.model().name,
    )?))
}

fn class(model: &IntegerModel, outputs: &[f64]) -> usize {
    if let [only] = outputs {
        // A final table makes probabilities, its absence means logits.
        let is_table = model
            .nodes
            .last()
            .is_some_and(|node| matches!(node.op, haloracle_model::Op::Table(_)));
        return usize::from(*only > if is_table { 0.5 } else { 0.0 });
    }
    // The first of the largest.
    let best = |best: usize, next: usize| {
        if outputs[next] > outputs[best] {
            next
        } else {
            best
        }
    };
    (0..outputs.len()).fold(0, best)
}

fn accuracy(model: &IntegerModel, rows: &[RowReport]) -> Option<Accuracy> {
    let against = if rows.first()?.reference.is_some() {
        "outputs in the file"
    } else {
        "float model"
    };
    let mut agreeing = 0usize;
    let mut errors = Vec::new();
    for row in rows {
        let expected = row.expected()?;
        let got: Vec<f64> = row.outputs.iter().map(|answer| answer.value).collect();
        agreeing += usize::from(class(model, &got) == class(model, expected));
        errors.extend(
            got.iter()
                .zip(expected)
                .map(|(got, expected)| (got - expected).abs()),
        );
    }
    errors.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let index = (errors.len() as f64 * part).ceil() as usize;
        errors.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    Some(Accuracy {
        against,
        agreement: agreeing as f64 / rows.len() as f64,
        mean: errors.iter().sum::<f64>() / errors.len().max(1) as f64,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    })
}

impl InferArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let bundle = Bundle::open(&self.bundle)?;
        let model = bundle.model();
        let float = float_model(&bundle, self.onnx.as_ref())?;
        let inputs = self.input.rows(model)?;
        let outputs = model.output.len();
        let reference = Dataset::read(&self.input.input)?.y;
        let reference = reference.filter(|rows| rows.iter().all(|row| row.len() == outputs));
        let mut rows = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let run = model.run(&input.raw)?;
            let float = float
                .as_ref()
                .map(|float| float.run(&input.real))
                .transpose();
            let float = float.wrap_err_with(|| format!("float model, row {}", index + 1))?;
            rows.push(RowReport {
                row: index + 1,
                outputs: Answer::all(model, run.outputs()),
                float: float.map(|run| run.outputs),
                reference: reference.as_ref().map(|rows| rows[index].clone()),
            });
        }
        let accuracy = accuracy(model, &rows);
        ui.data(&InferReport {
            model: model.name.clone(),
            rows,
            accuracy,
        })?;
        Ok(Exit::Yes)
    }
}
