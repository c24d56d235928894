//! Heads: their names, and decisions on tree ensembles and digits behind functions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forest;

use forest::{Case, Draw, Kind, assert_well_formed};
use haloracle_model::graph::{Aggregate, FloatGraph, FloatOp, FloatUnit, Function, Task};
use haloracle_model::integer::{IntegerModel, OutputField, WireId};
use haloracle_model::quantize::heads::{Head, HeadError, ParseHeadError, Reading, plan};
use haloracle_model::quantize::trees::push;
use proptest::prelude::*;

#[test]
fn heads_are_read_as_they_are_written() {
    for (text, head) in [
        ("score", Head::Score),
        ("class", Head::Class),
        ("threshold:0.5", Head::Threshold(0.5)),
        ("threshold:-12", Head::Threshold(-12.0)),
        ("band:0.2,0.5,0.8", Head::Band(vec![0.2, 0.5, 0.8])),
        ("band:3", Head::Band(vec![3.0])),
    ] {
        assert_eq!(text.parse::<Head>().unwrap(), head);
        assert_eq!(head.to_string(), text);
    }
    assert_eq!("band: 1, 2".parse(), Ok(Head::Band(vec![1.0, 2.0])));
}

#[test]
fn what_is_no_head_is_refused_with_a_reason() {
    let refused = |text: &str| text.parse::<Head>().unwrap_err();
    assert_eq!(
        refused("scores").to_string(),
        "`scores` is no output; give `score`, `class`, `band:EDGE,EDGE,…` or `threshold:VALUE`, \
         for example `band:0.2,0.5,0.8`"
    );
    for text in ["", "Score", "class:1", "band", "threshold", "score:"] {
        assert_eq!(refused(text), ParseHeadError::Unknown(text.into()));
    }
    for (text, part) in [
        ("threshold:", ""),
        ("threshold:high", "high"),
        ("threshold:nan", "nan"),
        ("band:0.1,inf", "inf"),
        ("band:0.1,,0.3", ""),
    ] {
        let (head, part) = (text.into(), part.into());
        assert_eq!(refused(text), ParseHeadError::Number { head, part });
    }
    assert_eq!(
        refused("band:0.5,0.5"),
        ParseHeadError::NotAscending("band:0.5,0.5".into())
    );
    assert!(refused("band:0.5,0.2").to_string().contains("must ascend"));
    let many: Vec<String> = (0..16).map(|i| i.to_string()).collect();
    assert!(matches!(
        refused(&format!("band:{}", many.join(","))),
        ParseHeadError::TooMany { edges: 16, .. }
    ));
}

/// A graph of one ensemble over its inputs.
fn ensemble(case: &Case) -> (FloatGraph, Vec<WireId>) {
    let mut graph = FloatGraph {
        name: "ensemble".into(),
        features: case.sources.len(),
        nodes: Vec::new(),
        outputs: Vec::new(),
        task: Task::Scores,
    };
    let inputs = (0..case.sources.len() as WireId).collect();
    let sums = graph.push("trees", inputs, FloatOp::Trees(case.trees.clone()));
    (graph, sums)
}

fn affine(terms: &[(u32, f64)], bias: f64) -> FloatUnit {
    FloatUnit {
        bias,
        terms: terms.to_vec(),
        products: Vec::new(),
    }
}

/// The two scores of a binary classifier: `[1 − p, p]`, `[−s, s]`, or their sigmoids.
fn two_scores(draw: &mut Draw, graph: &mut FloatGraph, sum: WireId) -> Vec<WireId> {
    let bias = draw.of(&[0.0, 1.0]);
    let units = vec![affine(&[(0, -1.0)], bias), affine(&[(0, 1.0)], 0.0)];
    let both = graph.push("both", vec![sum], FloatOp::Sparse { units });
    match draw.below(2) {
        0 => both,
        _ => graph.push("sigmoid", both, FloatOp::Map(Function::Sigmoid)),
    }
}

/// Softmax, with or without the maximum taken off.
fn softmax(draw: &mut Draw, graph: &mut FloatGraph, sums: &[WireId]) -> Vec<WireId> {
    let count = sums.len() as u32;
    let mut x = sums.to_vec();
    if draw.below(2) == 0 {
        let groups = vec![(0..count).collect()];
        x.extend(graph.push("max", x.clone(), FloatOp::Max { groups }));
        let units = (0..count)
            .map(|i| affine(&[(i, 1.0), (count, -1.0)], 0.0))
            .collect();
        x = graph.push("sub", x, FloatOp::Sparse { units });
    }
    let mut exp = graph.push("exp", x, FloatOp::Map(Function::Exp));
    let all: Vec<(u32, f64)> = (0..count).map(|i| (i, 1.0)).collect();
    let units = vec![affine(&all, 0.0)];
    let total = graph.push("total", exp.clone(), FloatOp::Sparse { units });
    exp.extend(graph.push("inverse", total, FloatOp::Map(Function::Reciprocal)));
    let product = |i| FloatUnit {
        products: vec![(i, count, 1.0)],
        ..FloatUnit::default()
    };
    let units = (0..count).map(product).collect();
    graph.push("softmax", exp, FloatOp::Sparse { units })
}

/// The model with the decision of `head`, on exact sums alone.
fn decided(case: &Case, graph: &FloatGraph, head: &Head) -> (IntegerModel, Vec<OutputField>) {
    let plan = plan(graph, head).unwrap();
    let mut model = case.model();
    let sums = push(&mut model, "trees", &case.trees, &case.sources).unwrap();
    let first = graph.features as WireId;
    let fields = plan
        .emit(&mut model, |wire| {
            let sum = sums.get(wire.checked_sub(first)? as usize)?;
            Some(Reading::Exact(sum.clone()))
        })
        .unwrap();
    assert_well_formed(&mut model);
    model.output.clone_from(&fields);
    model.validate().unwrap();
    (model, fields)
}

fn first_largest(values: &[f64]) -> u64 {
    let best = (1..values.len()).fold(
        0,
        |best, at| if values[at] > values[best] { at } else { best },
    );
    best as u64
}

/// Eighths, a base that is one too, and no average: every sum is exact in float64, and ties occur.
fn eighths(draw: &mut Draw, targets: usize) -> Case {
    let bits = draw.of(&[4u32, 8, 12]);
    let kind = Kind {
        trees: 5,
        depth: 3,
        targets,
        simple_weights: true,
        digit_bits: bits,
    };
    let mut case = Case::random(draw, kind);
    case.trees.aggregate = Aggregate::Sum;
    for base in &mut case.trees.base {
        *base = draw.between(-8, 8) as f32 / 8.0;
    }
    case
}

/// Margins decide, not the rounded numbers behind a function.
fn expected_class(graph: &FloatGraph, sums: &[f64]) -> u64 {
    match sums {
        [sum] => {
            // 1 − p against p, or −s against s.
            let FloatOp::Sparse { units } = &graph.nodes[1].op else {
                return u64::MAX;
            };
            u64::from(*sum > units[0].bias - sum)
        }
        sums => first_largest(sums),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn classes_of_trees_are_exact(seed: u64) {
        let mut draw = Draw(seed);
        let targets = draw.of(&[1, 2, 3, 4, 6, 10]);
        let case = eighths(&mut draw, targets);
        let (mut graph, sums) = ensemble(&case);
        graph.outputs = match targets {
            1 => two_scores(&mut draw, &mut graph, sums[0]),
            _ if draw.below(2) == 0 => softmax(&mut draw, &mut graph, &sums),
            _ => sums,
        };
        if draw.below(3) == 0 {
            let groups = vec![(0..graph.outputs.len() as u32).collect()];
            let scores = graph.outputs.clone();
            graph.outputs = graph.push("argmax", scores, FloatOp::ArgMax { groups });
            graph.task = Task::Class;
        }
        for head in [Head::Class, Head::Score] {
            let (model, fields) = decided(&case, &graph, &head);
            prop_assert_eq!(fields.len(), 1);
            prop_assert_eq!(&fields[0].name, "class");
            for raw in case.inputs(&mut draw, &model) {
                let expected = expected_class(&graph, &case.expected(&raw));
                prop_assert_eq!(model.run(&raw).unwrap().outputs[0], expected);
            }
        }
    }

    #[test]
    fn bands_and_thresholds_are_those_of_the_score(seed: u64) {
        let mut draw = Draw(seed);
        let case = eighths(&mut draw, 1);
        let (mut graph, sums) = ensemble(&case);
        let task = draw.of(&[Task::Regression, Task::Threshold(500)]);
        graph.task = task;
        let falls = draw.below(2) == 0;
        let units = vec![affine(&[(0, if falls { -0.5 } else { 0.25 })], 0.125)];
        let scaled = graph.push("scaled", sums, FloatOp::Sparse { units });
        graph.outputs = match draw.below(3) {
            0 => scaled,
            1 => graph.push("sigmoid", scaled, FloatOp::Map(Function::Sigmoid)),
            _ => graph.push("clip", scaled, FloatOp::Map(Function::Clip(-1.0, 1.0))),
        };
        let mut edges: Vec<f64> = (0..draw.between(1, 6))
            .map(|_| draw.of(&[draw.0 as f64 / u64::MAX as f64, -1.0, 0.0, 0.25, 0.5, 0.875]))
            .collect();
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        for head in [Head::Band(edges.clone()), Head::Threshold(edges[0]), Head::Class] {
            if head == Head::Class && task == Task::Regression {
                continue;
            }
            let (model, _) = decided(&case, &graph, &head);
            for raw in case.inputs(&mut draw, &model) {
                let score = graph.run(&case.seen(&raw)).unwrap().outputs[0];
                let expected = match &head {
                    Head::Band(edges) => edges.iter().filter(|edge| score > **edge).count() as u64,
                    Head::Threshold(edge) => u64::from(score > *edge),
                    _ => u64::from(score > 0.5),
                };
                prop_assert_eq!(model.run(&raw).unwrap().outputs[0], expected, "{} {:?}", score, &head);
            }
        }
    }

    /// A float32 runtime rounds after every addition; where its sum is further from the threshold
    /// than that can move it, its class is ours.
    #[test]
    fn float32_runtimes_agree_outside_their_own_rounding(seed: u64) {
        let mut draw = Draw(seed);
        let kind = Kind { trees: 30, depth: 3, targets: 1, simple_weights: false, digit_bits: 8 };
        let mut case = Case::random(&mut draw, kind);
        case.trees.aggregate = Aggregate::Sum;
        let (mut graph, sums) = ensemble(&case);
        graph.outputs = sums;
        graph.task = Task::Threshold(0);
        let (model, _) = decided(&case, &graph, &Head::Class);
        let count = case.trees.trees.len() as f64;
        // Partial sums stay below count + 4; each of count + 1 additions rounds.
        let bound = (count + 1.0) * (count + 4.0) * 2f64.powi(-24);
        for raw in case.inputs(&mut draw, &model) {
            let float32 = graph.run(&case.seen(&raw)).unwrap().outputs[0];
            let exact = case.expected(&raw)[0];
            prop_assert!((float32 - exact).abs() <= bound);
            if exact.abs() > bound {
                let class = model.run(&raw).unwrap().outputs[0];
                prop_assert_eq!(class, u64::from(float32 > 0.0), "{} {}", float32, exact);
            }
        }
    }
}

/// Logits of a net, one digit each, behind what the file puts after them.
fn logits(count: usize) -> FloatGraph {
    let mut graph = FloatGraph {
        name: "net".into(),
        features: 2,
        nodes: Vec::new(),
        outputs: Vec::new(),
        task: Task::Scores,
    };
    let weights = (0..count).map(|i| vec![i as f64 + 1.0, 1.0]).collect();
    let bias = vec![0.0; count];
    graph.outputs = graph.push("dense", vec![0, 1], FloatOp::Dense { weights, bias });
    graph
}

/// A model whose input digits stand for the wires that are read.
fn digits(count: usize) -> IntegerModel {
    let feature = |index| haloracle_model::Feature {
        name: format!("z{index}"),
        decimals: 0,
        lo: 0,
        hi: 255,
    };
    IntegerModel {
        name: "digits".into(),
        digit_bits: 8,
        input: haloracle_model::InputSchema {
            digits: 1,
            features: (0..count).map(feature).collect(),
        },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    }
}

fn on_digits(graph: &FloatGraph, head: &Head, count: usize, scale: f64) -> IntegerModel {
    let plan = plan(graph, head).unwrap();
    let first = graph.features as WireId;
    assert_eq!(
        plan.wires(),
        (first..first + count as WireId).collect::<Vec<_>>()
    );
    assert!(plan.scores().is_empty());
    let mut model = digits(count);
    let reading = |wire| {
        Some(Reading::Digit {
            wire: wire - first,
            offset: -12.75,
            scale,
        })
    };
    model.output = plan.emit(&mut model, reading).unwrap();
    model.validate().unwrap();
    model.check_complete().unwrap();
    model
}

#[test]
fn a_decision_on_one_digit_is_a_table_on_it() {
    let mut graph = logits(1);
    graph.outputs = graph.push(
        "sigmoid",
        graph.outputs.clone(),
        FloatOp::Map(Function::Sigmoid),
    );
    graph.task = Task::Threshold(500);
    for scale in [0.1, -0.1] {
        for head in [
            Head::Class,
            Head::Threshold(0.5),
            Head::Band(vec![0.1, 0.5, 0.9]),
        ] {
            let model = on_digits(&graph, &head, 1, scale);
            assert_eq!(model.nodes.len(), 1, "one table");
            for z in 0..=255i64 {
                let score = 1.0 / (1.0 + (12.75 - scale * z as f64).exp());
                let expected = match &head {
                    Head::Band(edges) => edges.iter().filter(|e| score > **e).count() as u64,
                    _ => u64::from(score > 0.5),
                };
                assert_eq!(model.run(&[z]).unwrap().outputs[0], expected, "{z}");
            }
        }
    }
}

#[test]
fn the_class_of_a_softmax_is_that_of_the_logits() {
    let mut draw = Draw(1);
    let mut graph = logits(10);
    let sums = graph.outputs.clone();
    graph.outputs = softmax(&mut draw, &mut graph, &sums);
    let model = on_digits(&graph, &Head::Class, 10, 0.1);
    for _ in 0..200 {
        let raw: Vec<i64> = (0..10).map(|_| draw.between(0, 3)).collect();
        let values: Vec<f64> = raw.iter().map(|v| *v as f64).collect();
        assert_eq!(model.run(&raw).unwrap().outputs[0], first_largest(&values));
    }
}

#[test]
fn both_scores_of_one_logit_are_one_table() {
    let mut draw = Draw(2);
    let mut graph = logits(1);
    let logit = graph.outputs[0];
    graph.outputs = two_scores(&mut draw, &mut graph, logit);
    let model = on_digits(&graph, &Head::Class, 1, 0.1);
    assert_eq!(model.nodes.len(), 1);
    let classes = [0, 127, 128, 255].map(|z| model.run(&[z]).unwrap().outputs[0]);
    assert!(
        classes == [0, 0, 1, 1] || classes == [0, 0, 0, 1],
        "{classes:?}"
    );
}

#[test]
fn heads_that_a_model_cannot_answer_are_refused() {
    let mut graph = logits(3);
    let refused = |graph: &FloatGraph, head| plan(graph, &head).unwrap_err();
    assert_eq!(
        refused(&graph, Head::Threshold(0.5)).to_string(),
        "output `threshold:0.5`: the model has 3 outputs of kind Scores, and edges are compared \
         with one score; use `score` or `class`"
    );
    graph.task = Task::Regression;
    assert!(matches!(
        refused(&graph, Head::Class),
        HeadError::NoClass { outputs: 3, .. }
    ));
    // A regression still has scores, and no class beside them.
    let plan_ = plan(&graph, &Head::Score).unwrap();
    assert_eq!(plan_.scores(), graph.outputs);
    assert!(plan_.wires().is_empty());
    graph.outputs = vec![99];
    assert_eq!(
        refused(&graph, Head::Score),
        HeadError::Output { wire: 99, wires: 5 }
    );
    let graph = logits(2);
    let plan = plan(&graph, &Head::Class).unwrap();
    assert_eq!(
        plan.emit(&mut digits(2), |_| None).unwrap_err().to_string(),
        "the decision reads wire 2, which was not quantized"
    );
}
