//! Single trees, thresholds and pipelines, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forest;

use forest::{assert_well_formed, tree_nodes};
use haloracle_model::graph::{Aggregate, BranchMode, FloatTree, FloatTreeNode, FloatTrees, Step};
use haloracle_model::integer::{Feature, InputSchema, IntegerModel, Op};
use haloracle_model::quantize::trees::{Pre, Source, TreesError, float32, push};

/// A box of one feature with two decimals.
fn hundredths(lo: i32, hi: i32) -> InputSchema {
    InputSchema {
        digits: 3,
        features: vec![Feature {
            name: "age".into(),
            decimals: 2,
            lo,
            hi,
        }],
    }
}

fn empty(input: &InputSchema) -> IntegerModel {
    IntegerModel {
        name: "one".into(),
        digit_bits: 8,
        input: input.clone(),
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    }
}

fn leaf(weight: f32) -> FloatTreeNode {
    FloatTreeNode::Leaf {
        weights: vec![(0, weight)],
    }
}

fn branch(mode: BranchMode, threshold: f32, yes: u32, no: u32) -> FloatTreeNode {
    FloatTreeNode::Branch {
        feature: 0,
        mode,
        threshold,
        yes,
        no,
        missing_is_yes: false,
    }
}

fn forest_of(trees: Vec<Vec<FloatTreeNode>>) -> FloatTrees {
    FloatTrees {
        trees: trees.into_iter().map(|nodes| FloatTree { nodes }).collect(),
        targets: 1,
        base: vec![0.0],
        aggregate: Aggregate::Sum,
    }
}

fn stump(mode: BranchMode, threshold: f32) -> FloatTrees {
    forest_of(vec![vec![
        branch(mode, threshold, 1, 2),
        leaf(1.0),
        leaf(0.0),
    ]])
}

/// Raw integers of the box that lead a stump to `yes`.
fn yes(input: &InputSchema, steps: Vec<Pre>, trees: &FloatTrees) -> Vec<i64> {
    let mut model = empty(input);
    let source = Source::feature(input, 0, steps).unwrap();
    let sums = push(&mut model, "trees", trees, &[source]).unwrap();
    let feature = &input.features[0];
    let all = i64::from(feature.lo)..=feature.hi.into();
    let is_yes = |raw: &i64| sums[0].integer(&model.run(&[*raw]).unwrap().wires) > 0;
    all.filter(is_yes).collect()
}

#[test]
fn every_mode_takes_its_integers() {
    let input = hundredths(-3, 5);
    for (mode, expected) in [
        (BranchMode::Leq, vec![-3, -2, -1, 0, 1, 2]),
        (BranchMode::Lt, vec![-3, -2, -1, 0, 1]),
        (BranchMode::Gt, vec![3, 4, 5]),
        (BranchMode::Gte, vec![2, 3, 4, 5]),
        (BranchMode::Eq, vec![2]),
        (BranchMode::Neq, vec![-3, -2, -1, 0, 1, 3, 4, 5]),
        (
            BranchMode::Member(vec![0.05, -0.03, -0.02, 7.0, f32::NAN]),
            vec![-3, -2, 5],
        ),
    ] {
        assert_eq!(
            yes(&input, vec![], &stump(mode.clone(), 0.02)),
            expected,
            "{mode:?}"
        );
    }
    // Between two raw values nothing is equal.
    assert_eq!(
        yes(&input, vec![], &stump(BranchMode::Eq, 0.025)),
        [0i64; 0]
    );
}

#[test]
fn pipelines_may_fall_be_constant_or_jump() {
    let input = hundredths(-3, 5);
    let leq = |threshold| stump(BranchMode::Leq, threshold);
    let falling = vec![Step::Mul(-2.0).into(), Step::Add(1.0).into()];
    assert_eq!(yes(&input, falling, &leq(0.98)), [1, 2, 3, 4, 5]);
    assert_eq!(yes(&input, vec![Step::Mul(0.0).into()], &leq(0.0)).len(), 9);
    assert_eq!(
        yes(&input, vec![Step::Mul(0.0).into()], &leq(-0.1)).len(),
        0
    );
    // So far from 0 that 0.03 is lost in rounding.
    let coarse = vec![Step::Add(1e6).into(), Step::Sub(1e6).into()];
    assert_eq!(yes(&input, coarse, &leq(0.0)), [-3, -2, -1, 0, 1, 2, 3]);
    let imputed = |by| vec![Pre::Replace { from: 0.01, by }];
    assert_eq!(yes(&input, imputed(9.0), &leq(0.02)), [-3, -2, -1, 0, 2]);
    assert_eq!(yes(&input, imputed(-9.0), &leq(-0.02)), [-3, -2, 1]);
    // Two in a row: what the first makes is what the second takes.
    let twice = [
        imputed(0.04),
        vec![Pre::Replace {
            from: 0.04,
            by: -1.0,
        }],
    ]
    .concat();
    assert_eq!(yes(&input, twice, &leq(-0.5)), [1, 4]);
}

#[test]
fn pipelines_that_overflow_are_refused() {
    let input = hundredths(-300, 500);
    let refused = |steps: Vec<Pre>| {
        let source = Source::feature(&input, 0, steps).unwrap();
        let trees = stump(BranchMode::Leq, 0.0);
        push(&mut empty(&input), "trees", &trees, &[source])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(vec![Step::Div(0.0).into()]),
        "input `age` of the trees is divided by 0"
    );
    assert_eq!(
        refused(vec![Step::Add(f32::INFINITY).into()]),
        "input `age` of the trees is combined with inf, which is not finite"
    );
    assert_eq!(
        refused(vec![Step::Mul(1e38).into(), Step::Mul(1e38).into()]),
        "input `age` of the trees becomes -inf after 2 steps, at 0 above the lower end of its \
         box; narrow the box"
    );
}

#[test]
fn what_no_input_reaches_is_dropped() {
    // The box is [0, 1]: the right half is unreachable, and `age <= 5` always holds.
    let input = hundredths(0, 100);
    let tree = vec![
        branch(BranchMode::Leq, 5.0, 1, 2),
        branch(BranchMode::Leq, 0.5, 3, 4),
        branch(BranchMode::Leq, 7.0, 5, 6),
        branch(BranchMode::Leq, 0.7, 7, 8),
        branch(BranchMode::Leq, 0.5, 9, 10),
        leaf(1.0),
        leaf(2.0),
        leaf(3.0),
        leaf(4.0),
        leaf(5.0),
        leaf(6.0),
    ];
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    push(&mut model, "trees", &forest_of(vec![tree]), &[source]).unwrap();
    assert_eq!(tree_nodes(&model).len(), 3, "one branch, leaves 3 and 6");
    let Op::Trees(trees) = &model.nodes[0].op else {
        panic!("no trees");
    };
    assert_eq!(trees.features[0].thresholds, [50]);
    assert_eq!(
        trees.features[0].digits,
        [0],
        "the box needs one of three digits"
    );
    assert_eq!(model.nodes[0].inputs, [0]);
}

#[test]
fn branches_on_one_feature_become_one() {
    let input = hundredths(0, 100);
    let tree = vec![
        branch(BranchMode::Leq, 0.5, 1, 2),
        branch(BranchMode::Leq, 0.2, 3, 4),
        branch(BranchMode::Gt, 0.7, 4, 6),
        leaf(3.0),
        leaf(4.0),
        leaf(5.0),
        leaf(6.0),
    ];
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    push(&mut model, "trees", &forest_of(vec![tree]), &[source]).unwrap();
    let Op::Trees(trees) = &model.nodes[0].op else {
        panic!("no trees");
    };
    assert_eq!(trees.trees[0].depth(), 1);
    assert_eq!(
        trees.trees[0].nodes.len(),
        4,
        "a branch of four ways to three leaves"
    );
}

#[test]
fn single_leaves_are_constants() {
    let input = hundredths(0, 100);
    let trees = FloatTrees {
        base: vec![0.25],
        ..forest_of(vec![
            vec![leaf(1.5)],
            vec![branch(BranchMode::Leq, 1.0, 1, 2), leaf(-8.0), leaf(3.0)],
            vec![branch(BranchMode::Leq, 0.5, 1, 2), leaf(2.0), leaf(2.0)],
        ])
    };
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    let sums = push(&mut model, "trees", &trees, &[source]).unwrap();
    assert!(model.nodes.is_empty());
    assert_eq!(sums[0].terms, []);
    assert_eq!(sums[0].real(sums[0].constant), 1.5 - 8.0 + 2.0 + 0.25);
}

#[test]
fn more_thresholds_than_ranks_become_several_features() {
    let input = hundredths(-30_000, 30_000);
    let stumps = (0..700).map(|i| {
        let threshold = (i * 80 - 28_000) as f32 / 100.0;
        vec![
            branch(BranchMode::Leq, threshold, 1, 2),
            leaf(1.0),
            leaf(0.0),
        ]
    });
    let trees = forest_of(stumps.collect());
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    let sums = push(&mut model, "trees", &trees, &[source]).unwrap();
    assert_well_formed(&mut model);
    let Op::Trees(op) = &model.nodes[0].op else {
        panic!("no trees");
    };
    let counts: Vec<usize> = op.features.iter().map(|f| f.thresholds.len()).collect();
    assert_eq!(counts, [255, 255, 190]);
    for raw in (-30_000..=30_000).step_by(37) {
        let trace = model.run(&[raw]).unwrap();
        let expected = trees.run(&[f64::from(float32(raw, 2))])[0];
        assert_eq!(
            sums[0].real(sums[0].integer(&trace.wires)),
            expected,
            "{raw}"
        );
    }
}

#[test]
fn a_tree_per_class_holds_one_class_per_leaf() {
    let input = hundredths(0, 100);
    let mut trees = forest_of(Vec::new());
    trees.targets = 10;
    trees.base = vec![0.0; 10];
    for target in 0..10u32 {
        let leaf = |weight| FloatTreeNode::Leaf {
            weights: vec![(target, weight)],
        };
        let threshold = target as f32 / 10.0 + 0.005;
        let nodes = vec![
            branch(BranchMode::Leq, threshold, 1, 2),
            leaf(0.3),
            leaf(-0.1),
        ];
        trees.trees.push(FloatTree { nodes });
    }
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    let sums = push(&mut model, "trees", &trees, &[source]).unwrap();
    let Op::Trees(op) = &model.nodes[0].op else {
        panic!("no trees");
    };
    assert_eq!(op.limbs, 3, "not ten times as many");
    assert_eq!(sums.len(), 10);
    assert!(sums.iter().all(|sum| sum.terms.len() == 3));
}

#[test]
fn few_trees_are_exact_whatever_their_weights() {
    let input = hundredths(0, 100);
    let weights = [0.1f32, 1.0 / 3.0, 0.999_999_94];
    let tree = vec![
        branch(BranchMode::Leq, 0.5, 1, 2),
        branch(BranchMode::Leq, 0.2, 3, 4),
        leaf(weights[2]),
        leaf(weights[0]),
        leaf(weights[1]),
    ];
    let mut model = empty(&input);
    let source = Source::feature(&input, 0, vec![]).unwrap();
    let sums = push(&mut model, "trees", &forest_of(vec![tree]), &[source]).unwrap();
    assert_eq!(sums[0].error, 0.0);
    for (raw, weight) in [(10, weights[0]), (30, weights[1]), (70, weights[2])] {
        let wires = model.run(&[raw]).unwrap().wires;
        assert_eq!(sums[0].real(sums[0].integer(&wires)), f64::from(weight));
    }
}

#[test]
fn malformed_ensembles_are_refused() {
    let input = hundredths(0, 100);
    let refused = |trees: &FloatTrees| {
        let source = Source::feature(&input, 0, vec![]).unwrap();
        let error = push(&mut empty(&input), "trees", trees, &[source]).unwrap_err();
        error.to_string()
    };
    let tree = |nodes: Vec<FloatTreeNode>| refused(&forest_of(vec![nodes]));
    let to = |yes, no| branch(BranchMode::Leq, 0.5, yes, no);
    for (text, expected) in [
        (tree(vec![]), "tree 0 node 0: the tree has no nodes"),
        (
            tree(vec![to(0, 1), leaf(1.0)]),
            "tree 0 node 0: leads to node 0 of 2; children need higher numbers",
        ),
        (
            tree(vec![to(1, 2), leaf(1.0)]),
            "tree 0 node 0: leads to node 2 of 2; children need higher numbers",
        ),
        (
            // Each node's ways are twice those of the node before.
            tree(
                (1..=14)
                    .map(|next| to(next, next))
                    .chain([leaf(0.0)])
                    .collect(),
            ),
            "tree 0 node 12: leads to node 13 by more than 4096 ways",
        ),
        (
            tree(vec![
                branch(BranchMode::Leq, f32::NAN, 1, 2),
                leaf(0.0),
                leaf(1.0),
            ]),
            "tree 0 node 0: its threshold is NaN",
        ),
        (
            tree(vec![to(1, 2), leaf(f32::INFINITY), leaf(0.0)]),
            "tree 0 node 1: a weight of inf; it must be finite",
        ),
        (
            refused(&forest_of(vec![])),
            "tree ensemble: 0 trees for 1 targets",
        ),
        (
            refused(&FloatTrees {
                aggregate: Aggregate::Max,
                ..forest_of(vec![vec![leaf(1.0)], vec![leaf(2.0)]])
            }),
            "tree ensemble: the smallest or largest of 2 trees' leaves is not supported; use the \
             sum or the average",
        ),
        (
            refused(&FloatTrees {
                base: vec![],
                ..forest_of(vec![vec![leaf(1.0)]])
            }),
            "tree ensemble: 0 base values for 1 targets",
        ),
    ] {
        assert_eq!(text, expected);
    }
    let chain = (0..600).flat_map(|i| [to(2 * i + 1, 2 * i + 2), leaf(i as f32)]);
    let mut chain: Vec<FloatTreeNode> = chain.collect();
    chain.push(leaf(0.0));
    assert_eq!(tree(chain), "tree 0 node 1024: lies deeper than 512 levels");
    let error = FloatTreeNode::Branch {
        feature: 3,
        mode: BranchMode::Leq,
        threshold: 0.0,
        yes: 1,
        no: 2,
        missing_is_yes: false,
    };
    assert_eq!(
        tree(vec![error, leaf(0.0), leaf(1.0)]),
        "tree 0 node 0: compares input 3 of 1"
    );
}

#[test]
fn a_tree_over_computed_values_reads_their_digit() {
    let input = hundredths(0, 255);
    let mut model = empty(&input);
    let source = Source::wire("pca0", 0, 8, -1.0, 0.5, vec![Step::Mul(-1.0).into()]);
    let trees = stump(BranchMode::Lt, -3.0);
    let sums = push(&mut model, "trees", &trees, &[source]).unwrap();
    for raw in 0..=255 {
        let wires = model.run(&[raw]).unwrap().wires;
        let expected = i64::from(-(-1.0 + 0.5 * raw as f64) < -3.0);
        assert_eq!(sums[0].integer(&wires), expected, "{raw}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let error = TreesError::TooMany {
        what: "a tree has 9 nodes and cannot be split further".into(),
        digit_bits: 4,
        most: 8,
    };
    assert_eq!(
        error.to_string(),
        "tree ensemble: a tree has 9 nodes and cannot be split further, but digits of 4 bits \
         number 8; compile with wider digits, up to 12 bits, or train a smaller ensemble"
    );
}
