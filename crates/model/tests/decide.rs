//! Exact decisions against the same decisions on integers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forest;

use forest::Draw;
use haloracle_model::integer::{Feature, InputSchema, IntegerModel, OutputField, WireId};
use haloracle_model::quantize::trees::{DecideError, Decider, Exact, LinearForm};
use proptest::prelude::*;

fn empty(features: usize, hi: i32, digit_bits: u32, digits: u32) -> IntegerModel {
    let feature = |index| Feature {
        name: format!("x{index}"),
        decimals: 0,
        lo: 0,
        hi,
    };
    IntegerModel {
        name: "decisions".into(),
        digit_bits,
        input: InputSchema {
            digits,
            features: (0..features).map(feature).collect(),
        },
        nodes: Vec::new(),
        output: Vec::new(),
        privacy: Default::default(),
    }
}

fn answer(model: &mut IntegerModel, wire: WireId) {
    model.output.push(OutputField {
        name: "y".into(),
        wire,
        digits: 1,
        zero_point: 0,
        multiplier: 1,
        decimals: 0,
    });
    model.validate().unwrap();
    model.check_complete().unwrap();
}

/// Forms over all wires of a model; small coefficients, so that ties are frequent.
fn forms(draw: &mut Draw, model: &IntegerModel, count: usize, largest: i64) -> Vec<Exact> {
    let wires = model.input_wires() as WireId;
    let form = |draw: &mut Draw| Exact {
        terms: (0..wires)
            .map(|wire| (wire, draw.between(-largest, largest)))
            .collect(),
        constant: draw.between(-2 * largest, 2 * largest),
        unit: 0.25,
        offset: draw.between(-8, 8) as f64 * 0.25,
        error: 0.0,
    };
    (0..count).map(|_| form(draw)).collect()
}

fn inputs(draw: &mut Draw, model: &IntegerModel, count: usize) -> Vec<Vec<i64>> {
    let features = &model.input.features;
    let any = |draw: &mut Draw| -> Vec<i64> {
        let few = draw.below(3) == 0;
        let each = features.iter().map(|f| {
            let hi = if few {
                i64::from(f.hi).min(2)
            } else {
                f.hi.into()
            };
            draw.between(f.lo.into(), hi)
        });
        each.collect()
    };
    (0..count).map(|_| any(draw)).collect()
}

fn first_largest(values: &[f64]) -> usize {
    (1..values.len()).fold(
        0,
        |best, at| if values[at] > values[best] { at } else { best },
    )
}

/// A model whose wires are few small digits, and the number of its features.
fn any_model(draw: &mut Draw) -> IntegerModel {
    let bits = draw.of(&[4u32, 5, 8, 12]);
    let digits = draw.between(1, 2) as u32;
    let hi = draw.of(&[1, 3, (1 << bits) - 1, (1 << (bits * digits)) - 1]);
    let features = draw.between(1, 6) as usize;
    empty(features, hi, bits, digits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arg_max_is_the_first_largest(seed: u64) {
        let mut draw = Draw(seed);
        let mut model = any_model(&mut draw);
        let count = draw.between(1, 15) as usize;
        let largest = draw.of(&[1, 3, 1000]);
        let forms = forms(&mut draw, &model, count, largest);
        let wire = Decider::new(&mut model).unwrap().arg_max("class", &forms).unwrap();
        answer(&mut model, wire);
        for raw in inputs(&mut draw, &model, 60) {
            let trace = model.run(&raw).unwrap();
            // Exact: quarters far below 2^53.
            let values: Vec<f64> = forms.iter().map(|f| f.real(f.integer(&trace.wires))).collect();
            prop_assert_eq!(trace.outputs[0] as usize, first_largest(&values), "{:?}", values);
        }
    }

    #[test]
    fn arg_max_of_digits_reads_them_as_they_are(seed: u64) {
        let mut draw = Draw(seed);
        let bits = draw.of(&[4u32, 8]);
        let features = draw.between(2, 15) as usize;
        let mut model = empty(features, (1 << bits) - 1, bits, 1);
        let forms: Vec<Exact> = (0..features as WireId).map(|w| Exact::digit(w, -1.5, 0.125)).collect();
        let wire = Decider::new(&mut model).unwrap().arg_max("class", &forms).unwrap();
        answer(&mut model, wire);
        for raw in inputs(&mut draw, &model, 100) {
            let values: Vec<f64> = raw.iter().map(|v| *v as f64).collect();
            prop_assert_eq!(model.run(&raw).unwrap().outputs[0] as usize, first_largest(&values));
        }
    }

    #[test]
    fn forms_of_different_units_are_compared_up_to_their_error(seed: u64) {
        let mut draw = Draw(seed);
        let mut model = any_model(&mut draw);
        let count = draw.between(2, 8) as usize;
        let mut forms = forms(&mut draw, &model, count, 1000);
        for form in &mut forms {
            *form = form.scaled(draw.real() + 1.001, draw.real());
        }
        let wire = Decider::new(&mut model).unwrap().arg_max("class", &forms).unwrap();
        answer(&mut model, wire);
        for raw in inputs(&mut draw, &model, 60) {
            let trace = model.run(&raw).unwrap();
            let values: Vec<f64> = forms.iter().map(|f| f.real(f.integer(&trace.wires))).collect();
            let best = values[first_largest(&values)];
            let chosen = values[trace.outputs[0] as usize];
            prop_assert!(best - chosen <= 1e-4 * (1.0 + best.abs()), "{chosen} of {values:?}");
        }
    }

    #[test]
    fn counts_are_those_of_the_number(seed: u64) {
        let mut draw = Draw(seed);
        let mut model = any_model(&mut draw);
        let largest = draw.of(&[1, 3, 1000]);
        let form = &forms(&mut draw, &model, 1, largest)[0];
        let most = draw.between(1, 8) as u32;
        // Edges on numbers that are reached, and far outside.
        let reach = largest * 40;
        let mut edges: Vec<f64> = (0..most).map(|_| draw.between(-reach, reach) as f64 * 0.25).collect();
        edges.sort_by(f64::total_cmp);
        let count = |x: f64| edges.iter().filter(|edge| x > **edge).count() as u32;
        let wire = Decider::new(&mut model).unwrap().count("band", form, most, count).unwrap();
        answer(&mut model, wire);
        for raw in inputs(&mut draw, &model, 60) {
            let trace = model.run(&raw).unwrap();
            let expected = count(form.real(form.integer(&trace.wires)));
            prop_assert_eq!(trace.outputs[0], u64::from(expected));
        }
    }

    #[test]
    fn condensed_forms_are_the_same_numbers(seed: u64) {
        let mut draw = Draw(seed);
        let mut model = empty(12, 255, 8, 1);
        let forms = forms(&mut draw, &model, 3, 1000);
        let condensed = Decider::new(&mut model).unwrap().condense("sums", &forms).unwrap();
        prop_assert!(condensed.iter().all(|form| form.terms.len() <= 3), "{condensed:?}");
        answer(&mut model, 0);
        for raw in inputs(&mut draw, &model, 60) {
            let wires = model.run(&raw).unwrap().wires;
            for (a, b) in forms.iter().zip(&condensed) {
                prop_assert_eq!(a.real(a.integer(&wires)), b.real(b.integer(&wires)));
            }
        }
    }

    #[test]
    fn rounded_forms_stay_within_their_error(seed: u64) {
        let mut draw = Draw(seed);
        let mut model = empty(9, 255, 8, 1);
        let linear = LinearForm {
            constant: draw.real() * 100.0,
            terms: (0..9).map(|wire| (wire, draw.real())).collect(),
        };
        let exact = Decider::new(&mut model).unwrap().rounded("score", &linear).unwrap();
        prop_assert!(exact.error < 1e-3, "{}", exact.error);
        for raw in inputs(&mut draw, &model, 30) {
            let wires: Vec<u32> = raw.iter().map(|v| *v as u32).collect();
            let terms = linear.terms.iter().map(|(w, c)| c * f64::from(wires[*w as usize]));
            let real = linear.constant + terms.sum::<f64>();
            prop_assert!((exact.real(exact.integer(&wires)) - real).abs() <= exact.error + 1e-11);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut model = empty(2, 255, 8, 1);
    let mut decider = Decider::new(&mut model).unwrap();
    let wide = Exact {
        terms: vec![(0, 1 << 45)],
        unit: 1.0,
        ..Exact::default()
    };
    let error = decider.arg_max("class", &[wide.clone(), wide]).unwrap_err();
    assert!(
        matches!(
            error,
            DecideError::TooWide {
                bits: 53,
                most: 48,
                ..
            }
        ),
        "{error}"
    );
    let outside = Exact::digit(7, 0.0, 1.0);
    let error = decider
        .arg_max("class", &[outside.clone(), outside])
        .unwrap_err();
    assert!(
        matches!(
            error,
            DecideError::Wire {
                wire: 7,
                wires: 2,
                ..
            }
        ),
        "{error}"
    );
    let nothing = Exact::digit(0, 0.0, 0.0);
    let error = decider
        .arg_max("class", &[nothing.clone(), nothing])
        .unwrap_err();
    assert!(
        matches!(error, DecideError::NotFinite { what: "a unit", .. }),
        "{error}"
    );
    let huge = Exact {
        constant: i64::MIN,
        ..Exact::digit(0, 0.0, 1.0)
    };
    let error = decider
        .arg_max("class", &[huge.scaled(-1.0, 0.0), huge])
        .unwrap_err();
    assert!(matches!(error, DecideError::TooWide { .. }), "{error}");
    let many = vec![Exact::digit(0, 0.0, 1.0); 256];
    let error = decider.arg_max("class", &many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`class` chooses between 256 values; digits of 8 bits allow 1 to 255, wider digits allow \
         more"
    );
    assert!(decider.arg_max("class", &[]).is_err());
    assert!(
        model.nodes.is_empty(),
        "a refused decision leaves nothing behind"
    );
}

#[test]
fn a_raw_feature_is_exact() {
    let mut model = empty(1, 70_000, 8, 3);
    model.input.features[0].lo = -20_000;
    model.input.features[0].decimals = 3;
    let form = Exact::feature(&model.input, 8, 0).unwrap();
    assert_eq!(Exact::feature(&model.input, 8, 1), None);
    let mut decider = Decider::new(&mut model).unwrap();
    let wire = decider
        .count("above", &form, 1, |x| u32::from(x > 12.345))
        .unwrap();
    answer(&mut model, wire);
    for (raw, above) in [
        (-20_000, 0),
        (12_344, 0),
        (12_345, 0),
        (12_346, 1),
        (70_000, 1),
    ] {
        assert_eq!(model.run(&[raw]).unwrap().outputs[0], above, "{raw}");
    }
}
