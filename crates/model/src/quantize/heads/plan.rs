//! From a head to nodes: what must be quantized, and the decision taken from it.

use super::pull::{Affine, Graph, Pulled};
use super::{Head, HeadError};
use crate::graph::{FloatGraph, Task};
use crate::integer::{FunctionTable, IntegerModel, Op, OutputField, WireId};
use crate::quantize::trees::{Decider, Exact, LinearForm};

/// What the quantizer made of a float wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// One digit, `offset + scale · digit`.
    Digit {
        /// Where the digit is.
        wire: WireId,
        /// What 0 stands for.
        offset: f64,
        /// One step, not 0.
        scale: f64,
    },
    /// An exact sum, as [`push`](crate::quantize::trees::push) returns it.
    Exact(Exact),
    /// A combination that need not be requantized to be decided on.
    Linear(LinearForm),
}

/// What a head asks of the quantizer, and the decision that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    scores: Vec<WireId>,
    decision: Option<Decision>,
}

#[derive(Clone, Debug, PartialEq)]
enum Decision {
    /// How many edges a score is above.
    Above {
        name: &'static str,
        score: Pulled,
        edges: Vec<f64>,
    },
    /// Whether the second of two functions of one value is above the first.
    Greater { first: Pulled, second: Pulled },
    /// Which is the first largest.
    ArgMax(Vec<Affine>),
}

/// Plans how `head` is answered for `graph`.
///
/// # Errors
/// A class of a model without classes, a band or threshold of a model with several scores.
pub fn plan(graph: &FloatGraph, head: &Head) -> Result<Plan, HeadError> {
    let wires = Graph::new(graph);
    let outside = |wire: &&WireId| **wire as usize >= wires.wires();
    if let Some(wire) = graph.outputs.iter().find(outside) {
        return Err(HeadError::Output {
            wire: *wire,
            wires: wires.wires(),
        });
    }
    let above = |name, wire, edges| Decision::Above {
        name,
        score: wires.pull(wire),
        edges,
    };
    let decided = |decision| Plan {
        scores: Vec::new(),
        decision: Some(decision),
    };
    match head {
        Head::Score => {
            let class = class(graph, &wires).ok().flatten();
            let exact = |decision: &Decision| {
                let mut roots = decision.roots().into_iter();
                roots.all(|root| wires.is_trees(root))
            };
            Ok(Plan {
                scores: graph.outputs.clone(),
                decision: class.filter(exact),
            })
        }
        Head::Class => match class(graph, &wires)? {
            Some(decision) => Ok(decided(decision)),
            // The output is a class number already.
            None => Ok(Plan {
                scores: graph.outputs.clone(),
                decision: None,
            }),
        },
        Head::Band(edges) => Ok(decided(above("band", score(graph, head)?, edges.clone()))),
        Head::Threshold(edge) => Ok(decided(above("above", score(graph, head)?, vec![*edge]))),
    }
}

/// How the class follows from the outputs; `None` if the output is the class.
fn class(graph: &FloatGraph, wires: &Graph<'_>) -> Result<Option<Decision>, HeadError> {
    let outputs = graph.outputs.as_slice();
    let none = || HeadError::NoClass {
        task: graph.task,
        outputs: outputs.len(),
    };
    let choose = |choices: &[WireId]| {
        if let [first, second] = choices {
            let (first, second) = (wires.pull(*first), wires.pull(*second));
            let opposed = first.rises != second.rises || !wires.is_trees(first.root);
            if first.root == second.root && opposed {
                return Decision::Greater { first, second };
            }
        }
        let stripped = wires.strip(choices);
        Decision::ArgMax(
            stripped
                .into_iter()
                .map(|wire| wires.affine(wire))
                .collect(),
        )
    };
    match (graph.task, outputs) {
        (Task::Threshold(thousandths), [score]) => Ok(Some(Decision::Above {
            name: "class",
            score: wires.pull(*score),
            edges: vec![f64::from(thousandths) / 1000.0],
        })),
        (Task::Scores, [_, _, ..]) => Ok(Some(choose(outputs))),
        (Task::Class, [class]) => Ok(wires.choices(*class).map(|choices| choose(&choices))),
        _ => Err(none()),
    }
}

/// The one score that bands and thresholds are taken of: the only output, or that of class 1.
fn score(graph: &FloatGraph, head: &Head) -> Result<WireId, HeadError> {
    match (graph.outputs.as_slice(), graph.task) {
        ([score], Task::Threshold(_) | Task::Regression | Task::Scores) => Ok(*score),
        ([_, score], Task::Scores) => Ok(*score),
        (outputs, task) => Err(HeadError::NoScore {
            head: head.to_string(),
            task,
            outputs: outputs.len(),
        }),
    }
}

impl Decision {
    fn roots(&self) -> Vec<WireId> {
        match self {
            Self::Above { score, .. } => vec![score.root],
            Self::Greater { first, .. } => vec![first.root],
            Self::ArgMax(choices) => choices.iter().filter_map(|c| c.root).collect(),
        }
    }
}

impl Plan {
    /// Float wires that become score fields.
    pub fn scores(&self) -> &[WireId] {
        &self.scores
    }

    /// Float wires that [`Self::emit`] asks for; ascending. An input feature may be among them:
    /// its reading is [`Exact::feature`].
    pub fn wires(&self) -> Vec<WireId> {
        let mut roots = self.decision.as_ref().map_or(Vec::new(), Decision::roots);
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// Appends the decision and returns its field, if there is one.
    ///
    /// # Errors
    /// No reading of a wire that [`Self::wires`] asks for, or sums that are too large.
    pub fn emit(
        &self,
        model: &mut IntegerModel,
        mut reading: impl FnMut(WireId) -> Option<Reading>,
    ) -> Result<Vec<OutputField>, HeadError> {
        let Some(decision) = &self.decision else {
            return Ok(Vec::new());
        };
        let mut read = |wire| match reading(wire) {
            Some(Reading::Digit { scale: 0.0, .. }) | None => Err(HeadError::Reading { wire }),
            Some(reading) => Ok(reading),
        };
        let (name, wire) = match decision {
            Decision::Above { name, score, edges } => {
                let count = |x: f64| edges.iter().filter(|edge| x > **edge).count() as u32;
                let at = |x: f64| count(score.apply(x));
                let root = read(score.root)?;
                let wire = counted(model, name, root, score.rises, edges.len() as u32, at)?;
                (*name, wire)
            }
            Decision::Greater { first, second } => {
                let at = |x: f64| u32::from(second.apply(x) > first.apply(x));
                let root = read(first.root)?;
                ("class", counted(model, "class", root, second.rises, 1, at)?)
            }
            Decision::ArgMax(choices) => {
                let mut decider = Decider::new(model)?;
                let mut forms = Vec::with_capacity(choices.len());
                for choice in choices {
                    let form = match choice.root {
                        Some(root) => exact(&mut decider, read(root)?)?,
                        None => Exact {
                            unit: 1.0,
                            ..Exact::default()
                        },
                    };
                    forms.push(form.scaled(choice.scale, choice.offset));
                }
                ("class", decider.arg_max("class", &forms)?)
            }
        };
        Ok(vec![OutputField {
            name: name.into(),
            wire,
            digits: 1,
            zero_point: 0,
            multiplier: 1,
            decimals: 0,
        }])
    }
}

fn exact(decider: &mut Decider<'_>, reading: Reading) -> Result<Exact, HeadError> {
    Ok(match reading {
        Reading::Exact(form) => form,
        Reading::Linear(form) => decider.rounded("class", &form)?,
        Reading::Digit {
            wire,
            offset,
            scale,
        } => Exact::digit(wire, 0.0, 1.0).scaled(scale, offset),
    })
}

/// A wire with `count(x)`, a monotone function from 0 to `most` of the number `x` that is read.
fn counted(
    model: &mut IntegerModel,
    name: &str,
    reading: Reading,
    rises: bool,
    most: u32,
    count: impl Fn(f64) -> u32,
) -> Result<WireId, HeadError> {
    if let Reading::Digit {
        wire,
        offset,
        scale,
    } = reading
    {
        let values = (0..=model.max_digit()).map(|z| count(offset + scale * f64::from(z)));
        let table = FunctionTable {
            name: name.into(),
            values: values.collect(),
        };
        let wires = model.push(name, vec![wire], Op::Table(table));
        return wires.first().copied().ok_or(HeadError::Reading { wire });
    }
    let mut decider = Decider::new(model)?;
    let form = exact(&mut decider, reading)?;
    if rises {
        return Ok(decider.count(name, &form, most, count)?);
    }
    Ok(decider.count(name, &form.scaled(-1.0, 0.0), most, |x| count(-x))?)
}
