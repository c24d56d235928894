//! What private weights and inputs ask of the quantizer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Numbers, data};
use haloracle_model::graph::{FloatConv, FloatGraph, FloatOp, Function, Task};
use haloracle_model::integer::STATUS_OUT_OF_DOMAIN;
use haloracle_model::{
    Conv, FeatureSpec, IntegerModel, Op, Options, QuantizeError, Report, SchemaSpec, quantize,
};

/// A convolution over a 4 by 4 image with a border, random weights and biases.
fn conv(numbers: &mut Numbers, channels: u32, filters: u32) -> FloatOp {
    let shape = Conv {
        channels,
        height: 4,
        width: 4,
        filters,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1, 1, 1, 1],
        groups: 1,
        weights: Vec::new(),
        bias: Vec::new(),
    };
    let count = shape.weight_count();
    FloatOp::Conv(FloatConv {
        shape,
        weights: (0..count).map(|_| 0.5 * numbers.next()).collect(),
        bias: (0..filters).map(|_| 0.3 * numbers.next()).collect(),
    })
}

/// Two padded convolutions, between them a function whose values are negative as well.
fn network() -> FloatGraph {
    let mut numbers = Numbers(3);
    let mut graph = FloatGraph {
        name: "padded".into(),
        features: 16,
        nodes: Vec::new(),
        outputs: Vec::new(),
        task: Task::Regression,
    };
    let image = (0..16).collect();
    let first = conv(&mut numbers, 1, 3);
    let wires = graph.push("first", image, first);
    let wires = graph.push("leaky", wires, FloatOp::Map(Function::LeakyRelu(0.3)));
    let second = conv(&mut numbers, 3, 2);
    let wires = graph.push("second", wires, second);
    let weights = (0..2).map(|_| (0..32).map(|_| 0.3 * numbers.next()).collect());
    let dense = FloatOp::Dense {
        weights: weights.collect(),
        bias: vec![0.25, -0.5],
    };
    graph.outputs = graph.push("last", wires, dense);
    graph
}

fn options() -> Options {
    Options {
        private_weights: true,
        private_inputs: true,
        ..Options::default()
    }
}

fn quantized(options: &Options) -> Result<(IntegerModel, Report), QuantizeError> {
    let rows = Numbers(9).rows(150, 16);
    quantize(&network(), &data(rows), options)
}

fn convolutions(model: &IntegerModel) -> Vec<&Conv> {
    let nodes = model.nodes.iter();
    nodes
        .filter_map(|node| match &node.op {
            Op::Conv(conv) => Some(conv),
            _ => None,
        })
        .collect()
}

#[test]
fn a_private_filter_has_one_bias_beyond_the_edges_of_its_image_too() {
    let (model, report) = quantized(&options()).unwrap();
    let own = convolutions(&model);
    assert_eq!(own.len(), 2);
    for conv in own {
        for filter in conv.bias.chunks(16) {
            assert!(filter.iter().all(|b| *b == filter[0]), "{filter:?}");
        }
    }
    assert!(report.error_percent.mean <= 0.5, "{:?}", report.error);
    let model = model.with_private_weights().unwrap();
    model.validate().unwrap();
    model.check_complete().unwrap();
}

#[test]
fn public_weights_leave_the_border_in_the_biases() {
    let (model, _) = quantized(&Options::default()).unwrap();
    let own = convolutions(&model);
    assert!(own.iter().all(|conv| conv.pads == [1; 4]));
    let error = model.with_private_weights().unwrap_err().to_string();
    assert!(error.contains("node `first`: private biases"), "{error}");
}

#[test]
fn an_image_that_cannot_be_black_has_no_private_border() {
    let rows: Vec<Vec<f64>> = Numbers(9).rows(150, 16);
    let rows = rows
        .into_iter()
        .map(|row| row.iter().map(|v| v + 10.0).collect());
    let feature = |index| FeatureSpec {
        name: format!("pixel{index}"),
        decimals: Some(2),
        lo: Some(6.0),
        hi: Some(14.0),
    };
    let options = Options {
        schema: Some(SchemaSpec {
            inputs: (0..16).map(feature).collect(),
            outputs: Vec::new(),
        }),
        ..options()
    };
    let (model, _) = quantize(&network(), &data(rows.collect()), &options).unwrap();
    let error = model.with_private_weights().unwrap_err().to_string();
    assert!(error.contains("pad images whose zero"), "{error}");
}

#[test]
fn inputs_outside_the_box_have_an_answer_of_their_own() {
    let (model, _) = quantized(&options()).unwrap();
    let plain = model.clone();
    let model = model.with_private_inputs();
    model.validate().unwrap();
    model.check_complete().unwrap();
    let inside: Vec<i64> = model.input.features.iter().map(|f| f.hi.into()).collect();
    let answer = model.run(&inside).unwrap();
    assert_eq!(answer.status, 0);
    assert_eq!(answer.outputs(), plain.run(&inside).unwrap().outputs());
    let slot = 1i64 << model.input_slot_bits();
    for outside in [1, 3, 16] {
        let mut input = inside.clone();
        for (value, feature) in input.iter_mut().zip(&model.input.features).take(outside) {
            let most = i64::from(feature.lo) + slot - 1;
            assert!(most > *value, "the box leaves no room in the slot");
            *value = most;
        }
        let answer = model.run(&input).unwrap();
        assert_eq!(answer.status, STATUS_OUT_OF_DOMAIN);
        assert!(answer.outputs().iter().all(|raw| *raw == 0));
    }
}
