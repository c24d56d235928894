//! `haloracle ops`: the ONNX operators that are read.

use std::fmt;

use haloracle_onnx::{ML_OPSETS, OPSETS, Operator, operators, operators_page};
use serde::Serialize;

use crate::exit::Exit;
use crate::ui::Ui;

/// `haloracle ops`
#[derive(Debug, clap::Args)]
pub(crate) struct OpsArgs {
    /// Only operators whose name contains this, in any case
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the page of the documentation instead
    #[arg(long, conflicts_with_all = ["name", "json"])]
    markdown: bool,
}

#[derive(Serialize)]
struct OpsReport {
    opsets: [i64; 2],
    ml_opsets: [i64; 2],
    operators: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    domain: &'static str,
    family: &'static str,
    supported: &'static str,
}

/// The page as it is; never asked for as JSON.
#[derive(Serialize)]
#[serde(transparent)]
struct Page(String);

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Line {
    fn new(operator: &Operator) -> Self {
        Self {
            name: operator.name,
            domain: if operator.ml { "ai.onnx.ml" } else { "ai.onnx" },
            family: operator.family,
            supported: if operator.limits.is_empty() {
                "all"
            } else {
                operator.limits
            },
        }
    }
}

impl fmt::Display for OpsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.operators.iter().map(|o| o.name.len()).max();
        let width = width.unwrap_or(0);
        let mut family = "";
        for operator in &self.operators {
            if operator.family != family {
                if !family.is_empty() {
                    writeln!(f)?;
                }
                family = operator.family;
                writeln!(f, "{family}")?;
            }
            writeln!(f, "  {:width$}  {}", operator.name, operator.supported)?;
        }
        let ([first, last], [ml_first, ml_last]) = (self.opsets, self.ml_opsets);
        write!(
            f,
            "\n{} operators; opset {first} to {last}, ONNX-ML {ml_first} to {ml_last}",
            self.operators.len()
        )
    }
}

impl OpsArgs {
    /// Runs the command: exit 1 where no operator has such a name.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        if self.markdown {
            ui.data(&Page(operators_page().trim_end().to_owned()))?;
            return Ok(Exit::Yes);
        }
        let part = self.name.unwrap_or_default().to_lowercase();
        let operators: Vec<Line> = operators()
            .iter()
            .filter(|operator| operator.name.to_lowercase().contains(&part))
            .map(Line::new)
            .collect();
        let found = !operators.is_empty();
        ui.data(&OpsReport {
            opsets: [*OPSETS.start(), *OPSETS.end()],
            ml_opsets: [*ML_OPSETS.start(), *ML_OPSETS.end()],
            operators,
        })?;
        Ok(Exit::from_verdict(found))
    }
}
