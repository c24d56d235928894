//! TreeEnsemble, which replaces both tree operators from ONNX-ML 5 on.

use haloracle_model::graph::{Aggregate, BranchMode};

use super::forest::RawNode;
use super::post::{Post, regression};
use super::trees::{Ensemble, row};
use crate::call::{Call, Outcome};
use crate::value::Value;

/// Positions in a list, from an attribute.
fn positions(call: &Call<'_>, name: &str) -> Result<Vec<usize>, String> {
    let raw = call.ints(name)?.unwrap_or_default();
    raw.iter()
        .map(|v| usize::try_from(*v).map_err(|_| format!("attribute `{name}` holds {v}")))
        .collect()
}

/// The lists of values of membership branches, in order, which NaN ends.
fn members(values: &[f32]) -> Vec<Vec<f32>> {
    let mut lists = vec![Vec::new()];
    for value in values {
        if value.is_nan() {
            lists.push(Vec::new());
        } else if let Some(list) = lists.last_mut() {
            list.push(*value);
        }
    }
    lists
}

fn finite(values: Vec<f32>, what: &str) -> Result<Vec<f32>, String> {
    match values.iter().find(|v| !v.is_finite()) {
        Some(value) => Err(format!("{what} is {value}; every parameter must be finite")),
        None => Ok(values),
    }
}

pub(in crate::ops) fn tree_ensemble(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "aggregate_function",
        "leaf_targetids",
        "leaf_weights",
        "membership_values",
        "n_targets",
        "nodes_falseleafs",
        "nodes_falsenodeids",
        "nodes_featureids",
        "nodes_hitrates",
        "nodes_missing_value_tracks_true",
        "nodes_modes",
        "nodes_splits",
        "nodes_trueleafs",
        "nodes_truenodeids",
        "post_transform",
        "tree_roots",
    ])?;
    let row = row(call)?;
    let aggregate = match call.int("aggregate_function", 1)? {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => {
            return Err(format!(
                "attribute `aggregate_function` is {other}; 0 to 3 are known"
            ));
        }
    };
    let post = match call.int("post_transform", 0)? {
        0 => Post::None,
        1 => Post::Softmax,
        2 => Post::Logistic,
        3 => Post::SoftmaxZero,
        4 => Post::Probit,
        other => {
            return Err(format!(
                "attribute `post_transform` is {other}; 0 to 4 are known"
            ));
        }
    };
    let targets = usize::try_from(call.int("n_targets", 1)?)
        .ok()
        .filter(|n| (1..=1 << 16).contains(n))
        .ok_or("attribute `n_targets` must be between 1 and 65536")?;
    let features = positions(call, "nodes_featureids")?;
    let yes = positions(call, "nodes_truenodeids")?;
    let no = positions(call, "nodes_falsenodeids")?;
    let yes_leaf = positions(call, "nodes_trueleafs")?;
    let no_leaf = positions(call, "nodes_falseleafs")?;
    let missing = positions(call, "nodes_missing_value_tracks_true")?;
    let roots = positions(call, "tree_roots")?;
    let splits = call.float_tensor("nodes_splits")?;
    let modes = call
        .tensor("nodes_modes")?
        .ok_or("attribute `nodes_modes` is missing")?;
    let modes = modes.integers()?.to_vec();
    let leaf_targets = positions(call, "leaf_targetids")?;
    let leaf_weights = finite(call.float_tensor("leaf_weights")?, "a leaf's weight")?;
    let count = features.len();
    let lengths = [
        yes.len(),
        no.len(),
        yes_leaf.len(),
        no_leaf.len(),
        splits.len(),
        modes.len(),
    ];
    if count == 0 || lengths != [count; 6] {
        return Err(format!(
            "the lists `nodes_…` are empty or differ in length: {count} and {lengths:?}"
        ));
    }
    if !missing.is_empty() && missing.len() != count {
        return Err("`nodes_missing_value_tracks_true` has another length".into());
    }
    if leaf_targets.len() != leaf_weights.len() || leaf_targets.is_empty() {
        return Err("the lists `leaf_…` are empty or differ in length".into());
    }
    if roots.is_empty() || roots.iter().any(|root| *root >= count) {
        return Err("`tree_roots` is empty or names nodes that are not there".into());
    }
    let mut lists = members(&call.float_tensor("membership_values")?).into_iter();
    let mut nodes = Vec::with_capacity(count + leaf_targets.len());
    for at in 0..count {
        // Leaves are listed behind the branches.
        let child = |leaf: usize, index: usize| match (leaf, index) {
            (0, index) if index < count => Ok(index),
            (1, index) if index < leaf_targets.len() => Ok(count + index),
            _ => Err(format!(
                "branch {at} leads to node {index}, which is not there"
            )),
        };
        let mode = match modes[at] {
            0 => BranchMode::Leq,
            1 => BranchMode::Lt,
            2 => BranchMode::Gte,
            3 => BranchMode::Gt,
            4 => BranchMode::Eq,
            5 => BranchMode::Neq,
            6 => BranchMode::Member(finite(
                lists
                    .next()
                    .ok_or("`membership_values` has too few lists")?,
                "a member",
            )?),
            other => return Err(format!("branch mode {other} is not supported; 0 to 6 are")),
        };
        nodes.push(RawNode::Branch {
            feature: features[at],
            mode,
            threshold: splits[at],
            yes: child(yes_leaf[at], yes[at])?,
            no: child(no_leaf[at], no[at])?,
            missing_is_yes: missing.get(at).is_some_and(|m| *m == 1),
        });
    }
    for (target, weight) in leaf_targets.iter().zip(&leaf_weights) {
        if *target >= targets {
            return Err(format!("a leaf gives target {target} of {targets}"));
        }
        nodes.push(RawNode::Leaf(vec![(*target as u32, *weight)]));
    }
    let ensemble = Ensemble { nodes, roots };
    let scores = ensemble.run(call, &row, vec![0.0; targets], aggregate)?;
    let scores = regression(call, &scores, post)?;
    Ok(vec![Value::float(vec![1, targets], scores)])
}
