//! What private weights and inputs ask of the quantizer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Numbers, data};
use haloracle_model::graph::{FloatConv, FloatGraph, FloatOp, Function, Task};
use haloracle_model::integer::STATUS_OUT_OF_DOMAIN;
use haloracle_model::{
    Activation, Conv, FeatureSpec, FloatModel, IntegerModel, Op, Options, QuantizeError, Report,
    SchemaSpec, Size, quantize, quantize_smallest,
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
        items: 1,
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

/// Features of two digits at 8 bits and of one at 12.
fn tabular(options: &Options) -> (FloatModel, Vec<Vec<f64>>, Options) {
    let mut numbers = Numbers(21);
    let model = numbers.network(&[6, 16, 1], &[Activation::Relu, Activation::Identity]);
    let feature = |index| FeatureSpec {
        name: format!("x{index}"),
        decimals: Some(2),
        lo: Some(-15.0),
        hi: Some(15.0),
    };
    let schema = SchemaSpec {
        inputs: (0..6).map(feature).collect(),
        outputs: Vec::new(),
    };
    let options = Options {
        schema: Some(schema),
        min_agreement: 0.97,
        ..options.clone()
    };
    (model, numbers.rows(200, 6), options)
}

#[test]
fn the_smallest_circuit_that_reaches_the_targets_wins() {
    let (model, rows, options) = tabular(&Options::default());
    let (first, _) = quantize(&model, &data(rows.clone()), &options).unwrap();
    assert_eq!((first.digit_bits, first.input.digits), (8, 2));
    // As if an input digit were all that counts, or the table.
    let by_digits = |model: &IntegerModel| {
        Some(Size {
            k: 20 + model.input.digits,
            rows: 0,
        })
    };
    let (small, report) =
        quantize_smallest(&model, &data(rows.clone()), &options, &by_digits).unwrap();
    assert_eq!((small.digit_bits, small.input.digits), (12, 1));
    assert_eq!(report.digit_bits, 12);
    let ks: Vec<_> = report
        .attempts
        .iter()
        .map(|a| (a.digit_bits, a.k))
        .collect();
    assert_eq!(ks, [(8, Some(22)), (12, Some(21))]);
    let by_table = |model: &IntegerModel| {
        Some(Size {
            k: model.digit_bits + 1,
            rows: 0,
        })
    };
    let (same, _) = quantize_smallest(&model, &data(rows), &options, &by_table).unwrap();
    assert_eq!(same, first);
}

#[test]
fn private_weights_take_fewer_digits_where_that_halves_the_circuit() {
    let (model, rows, options) = tabular(&options());
    let options = Options {
        digit_bits: Some(8),
        max_error: 0.02,
        ..options
    };
    let digits = |model: &IntegerModel| {
        let model = model.clone().with_private_weights().unwrap();
        model.parameter_layout().1
    };
    let (heavy, _) = quantize(&model, &data(rows.clone()), &options).unwrap();
    let size = |rows: usize| Size {
        k: rows.next_power_of_two().trailing_zeros(),
        rows,
    };
    // The heavy model just misses a power of two.
    let most = digits(&heavy);
    let scaled = |model: &IntegerModel| Some(size(digits(model) + 4096 - most + 1));
    let (light, report) =
        quantize_smallest(&model, &data(rows.clone()), &options, &scaled).unwrap();
    assert!(digits(&light) < most, "{} of {most}", digits(&light));
    assert!(report.error_percent.mean <= 0.8 * 2.0);
    // Without a doubling to save, accuracy comes first.
    let flat = |_: &IntegerModel| Some(size(4096));
    let (same, _) = quantize_smallest(&model, &data(rows), &options, &flat).unwrap();
    assert_eq!(same, heavy);
}
