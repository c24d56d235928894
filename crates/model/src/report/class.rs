//! The class or decision that a model's outputs mean.

use crate::graph::{FloatGraph, Task};
use crate::quantize::Draft;
use crate::quantize::heads::Head;

/// Compares answers of the integer model with outputs of the float model.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    /// Number of scores that are answered; a decision follows them, if there is one.
    scores: usize,
    /// How the decision is read off the float outputs.
    rule: Rule,
    /// Whether the answer holds the decision itself.
    decided: bool,
}

/// How a class or another decision is read off float outputs.
#[derive(Clone, Debug)]
enum Rule {
    /// How many of these edges the last output is above.
    Above(Vec<f64>),
    /// The first largest output.
    Argmax,
    /// The first output is the class.
    Number,
    /// There is none.
    None,
}

impl Judge {
    pub(crate) fn new(draft: &Draft<'_>) -> Self {
        Self {
            scores: draft.head.scores().len(),
            decided: !draft.head.wires().is_empty(),
            rule: match &draft.answers {
                Head::Score | Head::Class => class_rule(draft.graph),
                Head::Band(edges) => Rule::Above(edges.clone()),
                Head::Threshold(edge) => Rule::Above(vec![*edge]),
            },
        }
    }

    /// Pairs of integer and float scores.
    pub(crate) fn scores<'a>(
        &self,
        answer: &'a [f64],
        float: &'a [f64],
    ) -> impl Iterator<Item = (f64, f64)> + 'a {
        let pairs = answer.iter().copied().zip(float.iter().copied());
        pairs.take(self.scores)
    }

    /// Whether both models decide the same; always, where there is nothing to decide.
    pub(crate) fn agree(&self, answer: &[f64], float: &[f64]) -> bool {
        let ours = match (self.decided, answer.get(self.scores)) {
            (true, Some(decision)) => decision.round() as i64,
            _ => self.rule.decide(answer),
        };
        ours == self.rule.decide(float)
    }

    pub(crate) fn describe(&self) -> String {
        match &self.rule {
            Rule::Above(edges) => match edges.as_slice() {
                [edge] => format!("class 1 if the output is above {edge}"),
                _ => format!("number of edges {edges:?} that the output is above"),
            },
            Rule::Argmax => "the first largest output".into(),
            Rule::Number => "the first output, rounded".into(),
            Rule::None => "no classes: the outputs are numbers".into(),
        }
    }
}

fn class_rule(graph: &FloatGraph) -> Rule {
    match graph.task {
        Task::Scores => Rule::Argmax,
        Task::Threshold(thousandths) => Rule::Above(vec![f64::from(thousandths) / 1000.0]),
        Task::Regression => Rule::None,
        Task::Class => Rule::Number,
    }
}

impl Rule {
    fn decide(&self, outputs: &[f64]) -> i64 {
        match self {
            Self::Above(edges) => {
                let above = |v: &f64| edges.iter().filter(|edge| *v > **edge).count();
                outputs.last().map_or(0, above) as i64
            }
            // The first of equals, as elsewhere.
            Self::Argmax => (1..outputs.len()).fold(0, |best, index| {
                if outputs[index] > outputs[best] {
                    index
                } else {
                    best
                }
            }) as i64,
            Self::Number => outputs.first().map_or(0, |v| v.round() as i64),
            Self::None => 0,
        }
    }
}
