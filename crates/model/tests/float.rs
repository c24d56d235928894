//! Normalization of operators into layers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use haloracle_model::{Activation, Chain, FloatError};

#[test]
fn linear_operators_become_one_layer_that_computes_the_same() {
    let mut chain = Chain::new("m", 2);
    chain.elementwise("sub", &[1.0, 1.0], &[-3.0, 5.0]).unwrap();
    chain.elementwise("div", &[0.5, 0.25], &[0.0, 0.0]).unwrap();
    chain
        .linear(
            "dense",
            &[vec![1.0, 2.0], vec![-1.0, 0.5], vec![0.0, 4.0]],
            &[1.0, 2.0, 3.0],
        )
        .unwrap();
    chain
        .elementwise("mul", &[2.0, 2.0, -1.0], &[0.0, 1.0, 0.0])
        .unwrap();
    chain
        .linear("mix", &[vec![1.0, 1.0, 1.0]], &[10.0])
        .unwrap();
    chain.activate("relu", Activation::Relu).unwrap();
    let model = chain.finish().unwrap();
    assert_eq!(model.layers.len(), 1);
    assert_eq!(model.layers[0].name, "mix");
    for [a, b] in [[3.0, -5.0], [7.5, 100.0], [-2.0, 0.125]] {
        let (c, d) = ((a - 3.0) / 2.0, (b + 5.0) / 4.0);
        let h = [c + 2.0 * d + 1.0, -c + 0.5 * d + 2.0, 4.0 * d + 3.0];
        let y: f64 = 2.0 * h[0] + 2.0 * h[1] + 1.0 - h[2] + 10.0;
        let trace = model.run(&[a, b]).unwrap();
        assert!((trace.linear[0][0] - y).abs() < 1e-12);
        assert_eq!(trace.outputs(), [trace.linear[0][0].max(0.0)]);
    }
}

#[test]
fn activations_without_a_layer_get_an_identity() {
    let mut chain = Chain::new("m", 2);
    chain.activate("a", Activation::Sigmoid).unwrap();
    chain.activate("b", Activation::Sigmoid).unwrap();
    // Changes nothing behind a sigmoid, nor behind itself.
    chain.activate("c", Activation::Relu).unwrap();
    let model = chain.finish().unwrap();
    assert_eq!(model.layers.len(), 2);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert_eq!(
        model.run(&[0.3, -9.0]).unwrap().outputs(),
        [sigmoid(sigmoid(0.3)), sigmoid(sigmoid(-9.0))]
    );

    let empty = Chain::new("m", 3).finish().unwrap();
    assert_eq!(empty.layers.len(), 1);
    assert_eq!(
        empty.run(&[1.0, -2.0, 3.0]).unwrap().outputs(),
        [1.0, -2.0, 3.0]
    );
}

#[test]
fn a_relu_behind_a_linear_map_is_kept() {
    let mut chain = Chain::new("m", 1);
    chain.activate("a", Activation::Relu).unwrap();
    chain.elementwise("shift", &[1.0], &[-1.0]).unwrap();
    chain.activate("b", Activation::Relu).unwrap();
    let model = chain.finish().unwrap();
    assert_eq!(model.layers.len(), 2);
    assert_eq!(model.run(&[0.5]).unwrap().outputs(), [0.0]);
    assert_eq!(model.run(&[3.0]).unwrap().outputs(), [2.0]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut chain = Chain::new("m", 2);
    assert!(matches!(
        chain.linear("n", &[vec![1.0]], &[0.0]),
        Err(FloatError::Width {
            expected: 1,
            got: 2,
            ..
        })
    ));
    assert!(chain.linear("n", &[vec![1.0, 1.0]], &[]).is_err());
    assert!(chain.elementwise("n", &[1.0], &[0.0, 0.0]).is_err());
    assert!(matches!(
        chain.elementwise("n", &[f64::NAN, 1.0], &[0.0, 0.0]),
        Err(FloatError::NotFinite { .. })
    ));
    assert_eq!(chain.linear("n", &[], &[]), Err(FloatError::Empty));
    assert_eq!(Chain::new("m", 0).finish().unwrap_err(), FloatError::Empty);
    // Finite parts whose product is not.
    chain.elementwise("n", &[1e200, 1.0], &[0.0, 0.0]).unwrap();
    chain.elementwise("n", &[1e200, 1.0], &[0.0, 0.0]).unwrap();
    assert!(matches!(chain.finish(), Err(FloatError::NotFinite { .. })));
    let model = Chain::new("m", 2).finish().unwrap();
    assert!(model.run(&[1.0]).is_err());
}
