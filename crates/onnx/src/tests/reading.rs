//! What files become.

use haloracle_model::graph::Task;
use prost::Message;

use super::{int, model, node, value};
use crate::proto::GraphProto;
use crate::{Imported, read_graph, read_model};

/// [`model`] after `change`, read.
fn read(change: impl FnOnce(&mut GraphProto)) -> Imported {
    let mut model = model();
    change(model.graph.as_mut().unwrap());
    read_model(&model.encode_to_vec(), "m").unwrap()
}

#[test]
fn the_base_model_is_accepted() {
    let graph = read_graph(&model().encode_to_vec(), "m").unwrap();
    assert_eq!(graph.run(&[1.0, -1.0]).unwrap().outputs, [0.0, 0.0]);
    assert_eq!(graph.run(&[1.0, 1.0]).unwrap().outputs, [4.5, 5.5]);
    assert_eq!(graph.task, Task::Scores);
}

#[test]
fn nodes_in_any_order_are_accepted() {
    let mut shuffled = model();
    shuffled.graph.as_mut().unwrap().node.reverse();
    assert_eq!(
        read_graph(&shuffled.encode_to_vec(), "m").unwrap(),
        read_graph(&model().encode_to_vec(), "m").unwrap()
    );
}

#[test]
fn several_inputs_become_features_in_their_order() {
    let imported = read(|g| {
        g.input = vec![value("p", &[-1, 1]), value("q", &[-1, 1])];
        g.node.insert(0, node("Concat", &["q", "p"], "x"));
        g.node[0].attribute.push(int("axis", 1));
    });
    let names: Vec<&str> = imported.inputs.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["p", "q"]);
    // q is the first column of the matrix's input.
    let outputs = imported.graph.run(&[10.0, 1.0]).unwrap().outputs;
    assert_eq!(outputs, [1.0 + 30.0 + 0.5, 2.0 + 40.0 - 0.5]);
}

#[test]
fn several_outputs_are_joined_and_labels_left_out() {
    let both = read(|g| g.output.push(value("h", &[-1, 2])));
    assert_eq!(both.outputs, ["y", "h"]);
    assert_eq!(
        both.graph.run(&[1.0, -1.0]).unwrap().outputs,
        [0.0, 0.0, -1.5, -2.5]
    );
    assert_eq!(both.graph.task, Task::Regression);
    assert!(both.notes[0].contains("`y`, `h`"));
    let label = read(|g| {
        g.output.insert(0, value("c", &[1]));
        let kind = g.output[0].r#type.as_mut().unwrap();
        kind.tensor_type.as_mut().unwrap().elem_type = 7;
        g.node.push(node("ArgMax", &["y"], "c"));
    });
    assert_eq!(label.outputs, ["y"]);
    assert!(label.notes[0].contains("`c`"), "{:?}", label.notes);
    assert_eq!(label.graph.task, Task::Scores);
}

#[test]
fn a_label_alone_is_a_class() {
    let label = read(|g| {
        g.output = vec![value("c", &[1])];
        let kind = g.output[0].r#type.as_mut().unwrap();
        kind.tensor_type.as_mut().unwrap().elem_type = 7;
        g.node.push(node("ArgMax", &["y"], "c"));
        g.node[2].attribute.push(int("axis", 1));
    });
    assert_eq!(label.graph.task, Task::Class);
    assert_eq!(label.graph.run(&[1.0, 1.0]).unwrap().outputs, [1.0]);
    assert_eq!(label.graph.run(&[-1.0, -1.0]).unwrap().outputs, [0.0]);
}
