//! Golden models with extreme numbers in place of their own: an error or a graph, never a panic.

use std::path::{Path, PathBuf};

use prost::Message;

use crate::proto::{ModelProto, TensorProto};
use crate::read_graph;

const INTEGERS: [i64; 9] = [
    i64::MIN,
    i64::MAX,
    -1,
    0,
    1,
    3,
    1 << 20,
    1 << 40,
    -(1 << 33),
];
const FLOATS: [f32; 6] = [
    0.0,
    -1.0,
    f32::NAN,
    f32::INFINITY,
    f32::MAX,
    f32::MIN_POSITIVE,
];

fn models() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/operators");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "onnx") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Reads a model after `change`; whatever comes out, nothing may panic.
fn read(model: &ModelProto, change: impl FnOnce(&mut ModelProto)) {
    let mut changed = model.clone();
    change(&mut changed);
    let _ = read_graph(&changed.encode_to_vec(), "extreme");
}

/// The `nth` initializer after `change`.
fn tensor(model: &ModelProto, nth: usize, change: impl FnOnce(&mut TensorProto)) {
    read(model, |m| {
        change(&mut m.graph.as_mut().unwrap().initializer[nth])
    });
}

#[test]
fn extreme_numbers_never_panic() {
    let models = models();
    assert!(models.len() > 600, "only {} models", models.len());
    for (file, path) in models.iter().enumerate() {
        let model = ModelProto::decode(&std::fs::read(path).unwrap()[..]).unwrap();
        let graph = model.graph.clone().unwrap();
        // Each file gets its share of the numbers, all files together get all.
        let integers = [
            INTEGERS[file % INTEGERS.len()],
            INTEGERS[(file + 4) % INTEGERS.len()],
        ];
        let float = FLOATS[file % FLOATS.len()];
        for (n, node) in graph.node.iter().enumerate() {
            for a in 0..node.attribute.len() {
                let attribute = |m: &mut ModelProto, i: i64| {
                    let own = &mut m.graph.as_mut().unwrap().node[n].attribute[a];
                    own.i = i;
                    own.f = float;
                    let places = own.ints.len().max(own.floats.len()).max(1);
                    let place = file % places;
                    if let Some(slot) = own.ints.get_mut(place) {
                        *slot = i;
                    }
                    if let Some(slot) = own.floats.get_mut(place) {
                        *slot = float;
                    }
                };
                for i in integers {
                    read(&model, |m| attribute(m, i));
                }
                read(&model, |m| {
                    let own = &mut m.graph.as_mut().unwrap().node[n].attribute[a];
                    own.ints.pop();
                    own.floats.pop();
                    own.strings.pop();
                    own.s.clear();
                });
                read(&model, |m| {
                    m.graph.as_mut().unwrap().node[n].attribute.remove(a);
                });
            }
            for i in 0..node.input.len() {
                read(&model, |m| {
                    m.graph.as_mut().unwrap().node[n].input[i].clear()
                });
                // Another tensor in its place.
                let other = graph.initializer.get(file % graph.initializer.len().max(1));
                let other = other.map_or("x", |t| t.name.as_str());
                read(&model, |m| {
                    m.graph.as_mut().unwrap().node[n].input[i] = other.into()
                });
            }
            read(&model, |m| {
                m.graph.as_mut().unwrap().node[n].input.push("x".into())
            });
        }
        for (t, own) in graph.initializer.iter().enumerate() {
            // Numbers as bytes of int64: the shapes and indices of the golden models.
            if own.data_type == 7 {
                let raw = own.raw_data.clone().unwrap_or_default();
                for i in integers {
                    let at = file % (raw.len() / 8).max(1);
                    tensor(&model, t, |own| {
                        let raw = own.raw_data.get_or_insert_with(Vec::new);
                        if let Some(slot) = raw.get_mut(at * 8..at * 8 + 8) {
                            slot.copy_from_slice(&i.to_le_bytes());
                        }
                    });
                }
            }
            tensor(&model, t, |own| {
                // The same elements in one axis more, in one axis, in none.
                own.dims.push(1);
            });
            tensor(&model, t, |own| own.dims = vec![own.dims.iter().product()]);
            tensor(&model, t, |own| own.dims.clear());
            tensor(&model, t, |own| own.dims.reverse());
            tensor(&model, t, |own| {
                own.dims = vec![0];
                own.raw_data = Some(Vec::new());
            });
            tensor(&model, t, |own| own.data_type = [1, 6, 7, 9, 11][file % 5]);
        }
        for (i, input) in graph.input.iter().enumerate() {
            let shape = input
                .r#type
                .as_ref()
                .and_then(|t| t.tensor_type.as_ref()?.shape.as_ref());
            for d in 0..shape.map_or(0, |shape| shape.dim.len()) {
                for size in [1, 2, 7, 1 << 17] {
                    read(&model, |m| {
                        let kind = m.graph.as_mut().unwrap().input[i].r#type.as_mut().unwrap();
                        let shape = kind.tensor_type.as_mut().unwrap().shape.as_mut().unwrap();
                        shape.dim[d].dim_value = Some(size);
                    });
                }
            }
        }
        for version in [8, 9, 10, 11, 12, 13, 17, 18, 21] {
            read(&model, |m| {
                for set in &mut m.opset_import {
                    set.version = if set.domain.is_empty() {
                        version
                    } else {
                        (version - 7).min(5)
                    };
                }
            });
        }
    }
}
