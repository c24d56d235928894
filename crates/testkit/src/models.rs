//! Random well-formed models and inputs.

use haloracle_model::{Dense, Feature, InputSchema, IntegerModel, OutputField};
use rand::Rng;

/// A random model of `features` inputs and layers of the given `widths`, with digits of 8 bits.
///
/// Biases centre the accumulators, so that outputs vary with the input instead of saturating.
pub fn random_model<R: Rng>(rng: &mut R, features: usize, widths: &[usize]) -> IntegerModel {
    let digit_bits = 8;
    let digits = 2;
    let mut width = features * digits as usize;
    let mut layers = Vec::new();
    for (index, &units) in widths.iter().enumerate() {
        let weights: Vec<Vec<i64>> = (0..units)
            .map(|_| (0..width).map(|_| rng.gen_range(-120..=120)).collect())
            .collect();
        let bias = weights
            .iter()
            .map(|row| (1 << 15) - row.iter().sum::<i64>() * 128 + rng.gen_range(-4096..4096))
            .collect();
        layers.push(Dense {
            name: format!("dense{index}"),
            weights,
            bias,
            table: None,
        });
        width = units;
    }
    let features = (0..features)
        .map(|index| {
            let lo = rng.gen_range(-20_000..20_000);
            Feature {
                name: format!("x{index}"),
                decimals: 3,
                lo,
                hi: lo + rng.gen_range(1..=65_535),
            }
        })
        .collect();
    let output = (0..width)
        .map(|index| OutputField {
            name: format!("y{index}"),
            wire: 0,
            digits: 1,
            zero_point: 128,
            multiplier: 25,
            decimals: 3,
        })
        .collect();
    haloracle_model::ChainModel {
        name: "random".into(),
        digit_bits,
        input: InputSchema { digits, features },
        layers,
        output,
    }
    .build()
}

/// A random input inside the model's box.
pub fn random_input<R: Rng>(rng: &mut R, model: &IntegerModel) -> Vec<i64> {
    let features = model.input.features.iter();
    features
        .map(|f| i64::from(rng.gen_range(f.lo..=f.hi)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn random_models_are_well_formed_and_answer() {
        let mut rng = StdRng::seed_from_u64(1);
        let model = random_model(&mut rng, 5, &[6, 2]);
        assert_eq!(model.validate(), Ok(()));
        let outputs: std::collections::HashSet<Vec<u64>> = (0..20)
            .map(|_| random_input(&mut rng, &model))
            .map(|raw| model.run(&raw).expect("inside the box").outputs().to_vec())
            .collect();
        assert!(outputs.len() > 10, "outputs must depend on the input");
    }
}
