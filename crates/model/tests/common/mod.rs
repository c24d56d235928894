//! Random networks and what holds of every quantized model.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "not every test file uses every helper, and a test fails by panicking"
)]

use haloracle_model::{
    Activation, Chain, Dataset, FloatModel, IntegerModel, Options, Report, quantize,
};

/// Deterministic numbers in [−1, 1), enough for weights and rows.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn rows(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        (0..rows)
            .map(|_| {
                (0..columns)
                    .map(|_| self.next() + self.next() + self.next())
                    .collect()
            })
            .collect()
    }

    pub fn network(&mut self, sizes: &[usize], activations: &[Activation]) -> FloatModel {
        let mut chain = Chain::new("random", sizes[0]);
        for (layer, (pair, activation)) in sizes.windows(2).zip(activations).enumerate() {
            let gain = 1.5 / (pair[0] as f64).sqrt();
            let mut weights = self.rows(pair[1], pair[0]);
            weights.iter_mut().flatten().for_each(|w| *w *= gain);
            let bias: Vec<f64> = (0..pair[1]).map(|_| 0.3 * self.next()).collect();
            let node = format!("dense{layer}");
            chain.linear(&node, &weights, &bias).unwrap();
            if *activation != Activation::Identity {
                chain.activate(&node, *activation).unwrap();
            }
        }
        chain.finish().unwrap()
    }
}

pub fn data(x: Vec<Vec<f64>>) -> Dataset {
    Dataset {
        x,
        ..Dataset::default()
    }
}

/// Every corner of a few hundred runs, and stays provable.
pub fn assert_box_is_provable(model: &IntegerModel) {
    model.validate().unwrap();
    model.check_complete().unwrap();
    let limit = model.accumulator_limit();
    let mut numbers = Numbers(5);
    for round in 0..300 {
        let corner: Vec<i64> = model
            .input
            .features
            .iter()
            .map(|feature| match round {
                0 => feature.lo.into(),
                1 => feature.hi.into(),
                _ if numbers.next() < 0.0 => feature.lo.into(),
                _ => feature.hi.into(),
            })
            .collect();
        let trace = model.run(&corner).unwrap();
        for u in trace.accumulators.iter().flatten() {
            assert!(u.abs() <= limit, "{u}");
        }
    }
}

pub fn quantized(
    model: &FloatModel,
    rows: Vec<Vec<f64>>,
    options: &Options,
) -> (IntegerModel, Report) {
    let (integer, report) = quantize(model, &data(rows), options).unwrap();
    assert_box_is_provable(&integer);
    assert!(report.error_percent.mean <= options.max_error * 100.0);
    assert!(report.agreement >= options.min_agreement);
    assert_eq!(
        report.attempts.last().unwrap().digit_bits,
        integer.digit_bits
    );
    (integer, report)
}
