//! Shape operators against a plain tensor, on random shapes and settings.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use prost::Message;

use super::{int, integers, ints, model, node, value};
use crate::proto::{AttributeProto, TensorProto};
use crate::read_graph;

/// A tensor as a function from indices to numbers.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    dims: Vec<usize>,
    values: Vec<f64>,
}

impl Plain {
    /// Elements numbered in row-major order.
    fn counted(dims: &[usize]) -> Self {
        let count: usize = dims.iter().product();
        Self {
            dims: dims.to_vec(),
            values: (0..count).map(|v| v as f64).collect(),
        }
    }

    fn at(&self, index: &[usize]) -> f64 {
        let mut place = 0;
        for (i, d) in index.iter().zip(&self.dims) {
            place = place * d + i;
        }
        self.values[place]
    }

    /// The tensor of shape `dims` whose element at an index is `f` of it.
    fn from_fn(dims: Vec<usize>, f: impl Fn(&[usize]) -> f64) -> Self {
        let count: usize = dims.iter().product();
        let values = (0..count).map(|place| {
            let mut rest = place;
            let mut index = vec![0; dims.len()];
            for axis in (0..dims.len()).rev() {
                index[axis] = rest % dims[axis];
                rest /= dims[axis];
            }
            f(&index)
        });
        let values = values.collect();
        Self { dims, values }
    }
}

/// Shapes of up to four axes with a batch of one in front.
fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..5, 1..4).prop_map(|rest| [vec![1], rest].concat())
}

/// What the graph of one operator on counted elements gives; `y` has as many axes as asked.
fn run(
    dims: &[usize],
    op: &str,
    constants: Vec<TensorProto>,
    attributes: Vec<AttributeProto>,
) -> Vec<f64> {
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    let dims: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
    graph.input = vec![value("x", &dims)];
    let names: Vec<&str> = std::iter::once("x")
        .chain(constants.iter().map(|c| c.name.as_str()))
        .collect();
    let mut only = node(op, &names, "y");
    only.attribute = attributes;
    graph.node = vec![only];
    graph.initializer = constants;
    let graph = read_graph(&model.encode_to_vec(), "m").unwrap();
    let input = Plain::counted(&dims.iter().map(|d| *d as usize).collect::<Vec<_>>());
    graph.run(&input.values).unwrap().outputs
}

/// A slice of an axis as numpy defines it: the elements `start, start + step, …` before `end`.
fn sliced(size: usize, start: i64, end: i64, step: i64) -> Vec<usize> {
    let size = size as i64;
    let from_end = |at: i64| if at < 0 { at + size } else { at };
    let (start, end) = (from_end(start), from_end(end));
    let picked = |at: &i64| {
        if step > 0 {
            *at >= start.max(0) && *at < end && (at - start.max(0)) % step == 0
        } else {
            let first = start.min(size - 1);
            *at <= first && *at > end.max(-1) && (first - at) % -step == 0
        }
    };
    let mut all: Vec<i64> = (0..size).filter(picked).collect();
    if step < 0 {
        all.reverse();
    }
    all.into_iter().map(|at| at as usize).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn transpose(dims in shapes(), keys in prop::collection::vec(any::<u32>(), 4)) {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        order.sort_by_key(|axis| keys[*axis]);
        let perm: Vec<i64> = order.iter().map(|axis| *axis as i64).collect();
        let x = Plain::counted(&dims);
        let to = order.iter().map(|axis| dims[*axis]).collect();
        let wanted = Plain::from_fn(to, |index| {
            let mut old = vec![0; index.len()];
            for (new, axis) in order.iter().enumerate() {
                old[*axis] = index[new];
            }
            x.at(&old)
        });
        prop_assert_eq!(run(&dims, "Transpose", vec![], vec![ints("perm", &perm)]), wanted.values);
    }

    #[test]
    fn slice(
        dims in shapes(),
        axis in any::<prop::sample::Index>(),
        start in -6i64..6,
        end in -6i64..6,
        step in prop::sample::select(vec![-3i64, -2, -1, 1, 2, 3]),
    ) {
        let axis = axis.index(dims.len());
        // An end before the first element is written as a very negative number.
        let end = if step < 0 && end == -1 { i64::MIN } else { end };
        let numpy_end = if end == i64::MIN { -100 } else { end };
        let at = sliced(dims[axis], start, numpy_end, step);
        prop_assume!(!at.is_empty());
        let x = Plain::counted(&dims);
        let mut to = dims.clone();
        to[axis] = at.len();
        let wanted = Plain::from_fn(to, |index| {
            let mut old = index.to_vec();
            old[axis] = at[index[axis]];
            x.at(&old)
        });
        let constants = vec![
            integers("s", &[start]),
            integers("e", &[end]),
            integers("a", &[axis as i64 - dims.len() as i64]),
            integers("t", &[step]),
        ];
        prop_assert_eq!(run(&dims, "Slice", constants, vec![]), wanted.values);
    }

    #[test]
    fn gather(
        dims in shapes(),
        axis in any::<prop::sample::Index>(),
        at in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        from_end in any::<bool>(),
    ) {
        let axis = axis.index(dims.len());
        let at: Vec<usize> = at.iter().map(|i| i.index(dims[axis])).collect();
        let shift = if from_end { dims[axis] as i64 } else { 0 };
        let raw: Vec<i64> = at.iter().map(|i| *i as i64 - shift).collect();
        let x = Plain::counted(&dims);
        let mut to = dims.clone();
        to[axis] = at.len();
        let wanted = Plain::from_fn(to, |index| {
            let mut old = index.to_vec();
            old[axis] = at[index[axis]];
            x.at(&old)
        });
        let outputs = run(&dims, "Gather", vec![integers("i", &raw)], vec![int("axis", axis as i64)]);
        prop_assert_eq!(outputs, wanted.values);
    }

    #[test]
    fn pad(
        dims in shapes(),
        pads in prop::collection::vec(0i64..4, 8),
        mode in prop::sample::select(vec!["constant", "edge", "reflect", "wrap"]),
    ) {
        let rank = dims.len();
        let mut pads: Vec<i64> = pads[..2 * rank].to_vec();
        if mode == "reflect" {
            for (nth, pad) in pads.iter_mut().enumerate() {
                *pad = (*pad).min(dims[nth % rank] as i64 - 1);
            }
        }
        let x = Plain::counted(&dims);
        let to = (0..rank).map(|a| dims[a] + (pads[a] + pads[rank + a]) as usize).collect();
        let wanted = Plain::from_fn(to, |index| {
            let mut old = Vec::new();
            for axis in 0..rank {
                let (size, at) = (dims[axis] as i64, index[axis] as i64 - pads[axis]);
                old.push(match mode {
                    _ if (0..size).contains(&at) => at,
                    "constant" => return -7.0,
                    "edge" => at.clamp(0, size - 1),
                    "wrap" => at.rem_euclid(size),
                    _ if at < 0 => -at,
                    _ => 2 * (size - 1) - at,
                } as usize);
            }
            x.at(&old)
        });
        let fill = TensorProto {
            name: "v".into(),
            data_type: 1,
            float_data: vec![-7.0],
            ..TensorProto::default()
        };
        let mode = AttributeProto {
            name: "mode".into(),
            s: mode.into(),
            r#type: 3,
            ..AttributeProto::default()
        };
        let outputs = run(&dims, "Pad", vec![integers("p", &pads), fill], vec![mode]);
        prop_assert_eq!(outputs, wanted.values);
    }

    #[test]
    fn tile_and_expand(dims in shapes(), repeats in prop::collection::vec(1usize..4, 4)) {
        let repeats = &repeats[..dims.len()];
        let x = Plain::counted(&dims);
        let to = dims.iter().zip(repeats).map(|(d, r)| d * r).collect();
        let wanted = Plain::from_fn(to, |index| {
            let old: Vec<usize> = index.iter().zip(&dims).map(|(i, d)| i % d).collect();
            x.at(&old)
        });
        let raw: Vec<i64> = repeats.iter().map(|r| *r as i64).collect();
        prop_assert_eq!(run(&dims, "Tile", vec![integers("r", &raw)], vec![]), wanted.values);
        // Only axes of one element can be expanded; the others may say 1 or their size.
        let raw: Vec<i64> = dims.iter().zip(repeats).map(|(d, r)| if *d == 1 { *r as i64 } else { 1 }).collect();
        let to = dims.iter().zip(&raw).map(|(d, r)| d * *r as usize).collect();
        let wanted = Plain::from_fn(to, |index| {
            let old: Vec<usize> = index.iter().zip(&dims).map(|(i, d)| i % d).collect();
            x.at(&old)
        });
        prop_assert_eq!(run(&dims, "Expand", vec![integers("s", &raw)], vec![]), wanted.values);
    }

    #[test]
    fn concat_with_itself_and_reductions(
        dims in shapes(),
        axis in any::<prop::sample::Index>(),
        keep in any::<bool>(),
    ) {
        let axis = axis.index(dims.len());
        let x = Plain::counted(&dims);
        let mut to = dims.clone();
        to[axis] *= 2;
        let wanted = Plain::from_fn(to, |index| {
            let mut old = index.to_vec();
            old[axis] %= dims[axis];
            x.at(&old)
        });
        let mut model = model();
        let graph = model.graph.as_mut().unwrap();
        graph.input = vec![value("x", &dims.iter().map(|d| *d as i64).collect::<Vec<_>>())];
        graph.node = vec![node("Concat", &["x", "x"], "y")];
        graph.node[0].attribute = vec![int("axis", axis as i64)];
        graph.initializer.clear();
        let joined = read_graph(&model.encode_to_vec(), "m").unwrap();
        prop_assert_eq!(joined.run(&x.values).unwrap().outputs, wanted.values);

        let mut to = dims.clone();
        to[axis] = 1;
        let line = |index: &[usize]| {
            let mut old = index.to_vec();
            let mut all = Vec::new();
            for i in 0..dims[axis] {
                old[axis] = i;
                all.push(x.at(&old));
            }
            all
        };
        let settings = vec![ints("axes", &[axis as i64]), int("keepdims", i64::from(keep))];
        let sums = Plain::from_fn(to.clone(), |index| line(index).iter().sum());
        let axes = vec![integers("a", &[axis as i64])];
        prop_assert_eq!(run(&dims, "ReduceSum", axes, settings[1..].to_vec()), sums.values);
        let top = Plain::from_fn(to.clone(), |index| line(index).into_iter().fold(f64::MIN, f64::max));
        prop_assert_eq!(run(&dims, "ReduceMax", vec![], settings.clone()), top.values);
        let count = dims[axis] as f64;
        let means = Plain::from_fn(to, |index| line(index).iter().sum::<f64>() / count);
        for (ours, mean) in run(&dims, "ReduceMean", vec![], settings).iter().zip(means.values) {
            prop_assert!((ours - mean).abs() < 1e-12 * (1.0 + mean.abs()));
        }
    }

    #[test]
    fn reshapes_keep_the_order(dims in shapes(), at in any::<prop::sample::Index>()) {
        let x = Plain::counted(&dims);
        let axis = at.index(dims.len() + 1);
        let outputs = run(&dims, "Flatten", vec![], vec![int("axis", axis as i64)]);
        prop_assert_eq!(&outputs, &x.values);
        let outputs = run(&dims, "Unsqueeze", vec![integers("a", &[axis as i64])], vec![]);
        prop_assert_eq!(&outputs, &x.values);
        let outputs = run(&dims, "Reshape", vec![integers("s", &[-1])], vec![]);
        prop_assert_eq!(&outputs, &x.values);
        prop_assert_eq!(&run(&dims, "Squeeze", vec![integers("a", &[0])], vec![]), &x.values);
    }
}
