//! What a model file may say about privacy.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Numbers, data};
use haloracle_model::Activation::{Relu, Sigmoid};
use haloracle_model::{
    ChainModel, Dense, Feature, FunctionTable, InputSchema, IntegerModel, Node, Op, Options,
    OutputField, Unit, quantize,
};

/// One feature of two digits from 0 to `hi`, one unit.
fn model(hi: i32) -> IntegerModel {
    ChainModel {
        name: "small".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![Feature {
                name: "rate".into(),
                decimals: 0,
                lo: 0,
                hi,
            }],
        },
        layers: vec![Dense {
            name: "dense".into(),
            weights: vec![vec![1, 16]],
            bias: vec![8],
            table: None,
        }],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 0,
            multiplier: 1,
            decimals: 0,
        }],
    }
    .build()
}

#[track_caller]
fn refused(model: &IntegerModel, part: &str) {
    let text = model.validate().unwrap_err().to_string();
    assert!(text.contains(part), "`{part}` is missing in: {text}");
}

#[test]
fn the_status_of_private_inputs_is_on_a_wire_of_the_model() {
    let hidden = model(200).with_private_inputs();
    hidden.validate().unwrap();
    assert_eq!(hidden.run(&[200]).unwrap().status, 0);
    assert_eq!(hidden.run(&[201]).unwrap().status, 1);

    let wires = *hidden.first_wires().last().unwrap() as u32;
    for beyond in [wires, wires + 1, u32::MAX] {
        let mut changed = hidden.clone();
        changed.privacy.status = Some(beyond);
        refused(&changed, &format!("status on wire {beyond}"));
    }
    let mut changed = hidden.clone();
    changed.privacy.status = None;
    refused(&changed, "may be outside its box");
    changed = hidden;
    changed.privacy.inputs = false;
    refused(&changed, "without private inputs");

    // Where every value that fits the slot is in the box, there is nothing to refuse.
    let full = model(255).with_private_inputs();
    assert_eq!(full.privacy.status, None);
    full.validate().unwrap();
}

#[test]
fn coefficients_that_stay_public_are_named() {
    let mut private = model(200).with_private_weights().unwrap();
    assert!(private.public_coefficients().is_empty());
    let unit = |coefficient| Unit {
        bias: 8,
        terms: vec![(0, coefficient)],
        products: Vec::new(),
    };
    let scales = Node {
        name: "scale".into(),
        inputs: vec![2],
        op: Op::Sparse {
            units: (1..=9).map(unit).collect(),
        },
    };
    private.nodes.push(scales);
    assert_eq!(private.public_coefficients(), [("scale", 9)]);
    private.privacy.weights = false;
    assert!(private.public_coefficients().is_empty());
}

#[test]
fn private_weights_fit_their_digits_in_a_model_file_too() {
    let private = model(200).with_private_weights().unwrap();
    private.validate().unwrap();
    let mut changed = private.clone();
    changed.dense_mut(0).unwrap().1[0] = 1 << 11;
    refused(&changed, "a bias exceeds 3 digits");
    changed = private;
    let halve = FunctionTable {
        name: "halve".into(),
        values: (0..16).map(|digit| digit / 2).collect(),
    };
    changed.nodes[0].op = Op::Table(halve);
    refused(&changed, "no layer has weights");
}

/// Layers of private weights, and the most coefficients other than digit steps that a public node
/// gives one unit.
fn layers(model: &IntegerModel) -> (usize, usize) {
    let mut found = (0, 0);
    for node in &model.nodes {
        match &node.op {
            Op::Dense { .. } | Op::Conv(_) => found.0 += 1,
            Op::Sparse { units } | Op::Digits { units, .. } => {
                let learned = units.iter().map(|unit| {
                    let terms = unit.terms.iter();
                    let others = terms.filter(|(_, c)| !c.unsigned_abs().is_power_of_two());
                    others.count()
                });
                found.1 = found.1.max(learned.max().unwrap_or(0));
            }
            _ => {}
        }
    }
    found
}

/// A decision on an exact sum would make the last layer's weights coefficients of a public node.
#[test]
fn decisions_leave_no_private_layer_in_a_public_node() {
    let mut numbers = Numbers(4);
    let model = numbers.network(&[4, 8, 1], &[Relu, Sigmoid]);
    let rows = data(numbers.rows(300, 4));
    for head in ["threshold:0.5", "band:0.4,0.6", "score"] {
        let mut options = Options {
            head: head.parse().unwrap(),
            min_agreement: 0.9,
            max_error: 0.05,
            ..Options::default()
        };
        let (open, _) = quantize(&model, &rows, &options).unwrap();
        options.private_weights = true;
        let (closed, _) = quantize(&model, &rows, &options).unwrap();
        assert_eq!(layers(&closed), (2, 0), "{head}");
        let private = closed.with_private_weights().unwrap();
        private.validate().unwrap();
        private.check_complete().unwrap();
        if head != "score" {
            let (dense, learned) = layers(&open);
            assert!(dense == 1 && learned > 1, "{head}: {dense}, {learned}");
        }
    }
}
