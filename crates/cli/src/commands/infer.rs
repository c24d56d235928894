//! `haloracle infer`: integer and float outputs side by side.

use std::fmt;
use std::path::PathBuf;

use eyre::{WrapErr, ensure};
use haloracle_model::graph::{FloatGraph, Task};
use haloracle_model::integer::STATUS_OUT_OF_DOMAIN;
use haloracle_model::{Dataset, IntegerModel, Op};
use haloracle_prover::{Bundle, files::keccak};
use serde::Serialize;

use crate::exit::Exit;
use crate::inputs::{InputArgs, is_outside};
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
    /// Leave out rows outside the model's domain box, and say how many, instead of refusing them
    #[arg(long)]
    skip_outside: bool,
}

#[derive(Serialize)]
struct InferReport {
    model: String,
    rows: Vec<RowReport>,
    /// Rows outside the model's box that were left out.
    outside: usize,
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
    /// Class that came with the input.
    label: Option<i64>,
    /// How many of the outputs are scores; a decision follows them, if there is one.
    #[serde(skip)]
    scores: usize,
}

#[derive(Serialize)]
struct Accuracy {
    against: &'static str,
    /// Part of the rows with the same class, where there are classes: the file's `label`, the
    /// largest output, or above the threshold.
    agreement: Option<f64>,
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
                    let value = values.as_ref().and_then(|values| values.get(index));
                    if let Some(value) = value.filter(|_| index < row.scores) {
                        write!(
                            f,
                            "  {name} {value:.6}  difference {:+.6}",
                            answer.value - value
                        )?;
                    }
                }
                if let Some(label) = row.label.filter(|_| index >= row.scores) {
                    write!(f, "  label {label}")?;
                }
                writeln!(f)?;
            }
        }
        if self.outside > 0 {
            writeln!(f, "left out {} rows outside the domain box", self.outside)?;
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
        let agreement = agreement.map(|part| format!("{:.2} %", part * 100.0));
        let agreement = agreement.unwrap_or("of classes: there are none".into());
        writeln!(f, "agreement {agreement} against the {against}")?;
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

/// Fields that are decisions, not scores; they come last.
const DECISIONS: [&str; 3] = ["class", "band", "above"];

/// How classes are read off rows.
struct Classes<'m> {
    model: &'m IntegerModel,
    /// What the float model's outputs mean, if it is there.
    task: Option<Task>,
    /// Number of scores among the outputs.
    scores: usize,
}

impl<'m> Classes<'m> {
    fn new(model: &'m IntegerModel, float: Option<&FloatGraph>) -> Self {
        let is_score = |name: &str| !DECISIONS.contains(&name);
        let outputs = model.output.iter();
        Self {
            model,
            task: float.map(|float| float.task),
            scores: outputs.take_while(|field| is_score(&field.name)).count(),
        }
    }

    /// Class of float outputs, or of the scores alone.
    fn of(&self, values: &[f64]) -> Option<i64> {
        let above = |edge: f64| values.first().map(|only| i64::from(*only > edge));
        let task = match (self.task, values) {
            (Some(task), _) => task,
            // A final table makes probabilities, its absence means logits.
            (None, [_]) => match self.model.nodes.last().map(|node| &node.op) {
                Some(Op::Table(_)) => Task::Threshold(500),
                _ => Task::Threshold(0),
            },
            (None, _) => Task::Scores,
        };
        match task {
            Task::Regression => None,
            Task::Class => values.first().map(|class| class.round() as i64),
            Task::Threshold(thousandths) => above(f64::from(thousandths) / 1000.0),
            // The first of the largest.
            Task::Scores => (0..values.len())
                .reduce(|best, next| match values[next] > values[best] {
                    true => next,
                    false => best,
                })
                .map(|class| class as i64),
        }
    }

    /// Whether a row has the class that is expected; `None` where there are no classes.
    fn agree(&self, row: &RowReport) -> Option<bool> {
        let expected = row.label.or_else(|| self.of(row.expected()?));
        match self.model.output.get(self.scores) {
            Some(field) if field.name != "class" => None,
            Some(_) => Some(row.outputs.get(self.scores)?.value.round() as i64 == expected?),
            None => {
                let got: Vec<f64> = row.outputs.iter().map(|answer| answer.value).collect();
                // Labels need not follow from scores: the same rule for both.
                Some(self.of(&got)? == self.of(row.expected()?)?)
            }
        }
    }
}

fn accuracy(classes: &Classes<'_>, rows: &[RowReport]) -> Option<Accuracy> {
    let against = if rows.first()?.reference.is_some() {
        "outputs in the file"
    } else {
        "float model"
    };
    let mut agreeing = Some(0usize);
    let mut errors = Vec::new();
    for row in rows {
        let expected = row.expected()?;
        agreeing = agreeing
            .zip(classes.agree(row))
            .map(|(all, same)| all + usize::from(same));
        let scores = row.outputs.iter().take(classes.scores);
        let pairs = scores.zip(expected);
        errors.extend(pairs.map(|(got, expected)| (got.value - expected).abs()));
    }
    errors.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let index = (errors.len() as f64 * part).ceil() as usize;
        errors.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
    };
    Some(Accuracy {
        against,
        agreement: agreeing.map(|agreeing| agreeing as f64 / rows.len() as f64),
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
        let mut outside = 0;
        let mut inputs = Vec::new();
        for (index, row) in self.input.rows(model)?.into_iter().enumerate() {
            match row {
                Ok(row) => inputs.push((index, row)),
                Err(error) if self.skip_outside && is_outside(&error) => outside += 1,
                Err(error) => return Err(error),
            }
        }
        let classes = Classes::new(model, float.as_ref());
        let given = Dataset::read(&self.input.input)?;
        // As many as the float model has; of a class alone nothing tells without it.
        let wanted = match &float {
            Some(float) => Some(float.outputs.len()),
            None => Some(classes.scores).filter(|scores| *scores > 0),
        };
        let fits = |rows: &Vec<Vec<f64>>| rows.iter().all(|row| Some(row.len()) == wanted);
        let reference = given.y.filter(fits);
        let mut rows = Vec::with_capacity(inputs.len());
        for (index, input) in inputs {
            let run = model.run(&input.raw)?;
            if run.status == STATUS_OUT_OF_DOMAIN {
                // Of private inputs the model itself says so.
                ensure!(
                    self.skip_outside,
                    "row {} lies outside the model's domain box: its answer is a refusal",
                    index + 1
                );
                outside += 1;
                continue;
            }
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
                label: given.labels.as_ref().map(|labels| labels[index]),
                scores: classes.scores,
            });
        }
        let accuracy = accuracy(&classes, &rows);
        ui.data(&InferReport {
            model: model.name.clone(),
            rows,
            outside,
            accuracy,
        })?;
        Ok(Exit::Yes)
    }
}
