//! TreeEnsembleClassifier and TreeEnsembleRegressor.

use std::collections::HashMap;

use haloracle_model::graph::{Aggregate, BranchMode, FloatTrees};

use super::binary::binary;
use super::forest::{Features, RawNode, tree};
use super::labels::class_labels;
use super::post::{Post, regression, transform};
use crate::call::{Call, Outcome};
use crate::value::{Elem, Kind, Value};

/// Attributes that both operators have; hit rates and NaN's way do not change an answer to a
/// finite input.
const SHARED: [&str; 14] = [
    "base_values",
    "base_values_as_tensor",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_hitrates_as_tensor",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "nodes_values_as_tensor",
    "post_transform",
];

/// The trees of an ensemble, with features that are not wired yet.
pub(super) struct Ensemble {
    pub(super) nodes: Vec<RawNode>,
    pub(super) roots: Vec<usize>,
}

/// The weights at leaves: (tree, node) to (target, weight).
pub(super) struct Weights {
    by_node: HashMap<(i64, i64), Vec<(u32, f32)>>,
    /// Targets that have weights, ascending.
    pub(super) targets: Vec<u32>,
    pub(super) all_positive: bool,
    /// Targets that only some leaves have.
    partial: bool,
}

/// The one row of features.
pub(super) fn row(call: &Call<'_>) -> Result<Vec<Elem>, String> {
    call.at_most(1)?;
    let value = call.input(0)?;
    match value.kind() {
        Kind::Float | Kind::Int => {}
        other => {
            return Err(format!(
                "compares {} values; supported are float32 and integers",
                other.name()
            ));
        }
    }
    super::features::one_row(value)
}

fn weights(call: &Call<'_>, prefix: &str, targets: usize) -> Result<Weights, String> {
    let ints = |name: &str| -> Result<&[i64], String> {
        Ok(call.ints(&format!("{prefix}_{name}"))?.unwrap_or_default())
    };
    let (trees, nodes, ids) = (ints("treeids")?, ints("nodeids")?, ints("ids")?);
    let values = call.any_floats(&format!("{prefix}_weights"))?;
    if [nodes.len(), ids.len(), values.len()] != [trees.len(); 3] {
        return Err(format!("the lists `{prefix}_…` differ in length"));
    }
    let mut all = Weights {
        by_node: HashMap::new(),
        targets: Vec::new(),
        all_positive: true,
        partial: false,
    };
    for (((tree, node), id), weight) in trees.iter().zip(nodes).zip(ids).zip(&values) {
        if !weight.is_finite() {
            return Err(format!(
                "a leaf's weight is {weight}; every parameter must be finite"
            ));
        }
        let target = u32::try_from(*id)
            .ok()
            .filter(|id| (*id as usize) < targets)
            .ok_or_else(|| format!("a leaf gives target {id} of {targets}"))?;
        let leaf = all.by_node.entry((*tree, *node)).or_default();
        if leaf.iter().any(|(other, _)| *other == target) {
            return Err(format!(
                "node {node} of tree {tree} gives target {id} twice"
            ));
        }
        leaf.push((target, *weight));
        all.targets.push(target);
        all.all_positive &= *weight >= 0.0;
    }
    all.targets.sort_unstable();
    all.targets.dedup();
    Ok(all)
}

fn ensemble(call: &Call<'_>, weights: &mut Weights) -> Result<Ensemble, String> {
    let ints = |name: &str| -> Result<&[i64], String> { Ok(call.ints(name)?.unwrap_or_default()) };
    let trees = ints("nodes_treeids")?;
    let ids = ints("nodes_nodeids")?;
    let features = ints("nodes_featureids")?;
    let yes = ints("nodes_truenodeids")?;
    let no = ints("nodes_falsenodeids")?;
    let missing = ints("nodes_missing_value_tracks_true")?;
    let modes = call.texts("nodes_modes")?;
    let values = call.any_floats("nodes_values")?;
    let lengths = [
        ids.len(),
        features.len(),
        yes.len(),
        no.len(),
        modes.len(),
        values.len(),
    ];
    if trees.is_empty() || lengths != [trees.len(); 6] {
        return Err(format!(
            "the lists `nodes_…` are empty or differ in length: {} and {lengths:?}",
            trees.len()
        ));
    }
    if !missing.is_empty() && missing.len() != trees.len() {
        return Err("`nodes_missing_value_tracks_true` has another length".into());
    }
    let mut places: HashMap<(i64, i64), usize> = HashMap::new();
    let mut roots: Vec<usize> = Vec::new();
    for at in 0..trees.len() {
        if places.insert((trees[at], ids[at]), at).is_some() {
            return Err(format!(
                "node {} of tree {} is listed twice",
                ids[at], trees[at]
            ));
        }
        if at == 0 || trees[at] != trees[at - 1] {
            if roots.iter().any(|root| trees[*root] == trees[at]) {
                return Err(format!(
                    "the nodes of tree {} are not listed together",
                    trees[at]
                ));
            }
            roots.push(at);
        }
    }
    let mut nodes = Vec::with_capacity(trees.len());
    for at in 0..trees.len() {
        let child = |id: i64| {
            let place = places.get(&(trees[at], id)).copied();
            place.ok_or_else(|| {
                format!(
                    "node {} of tree {} leads to node {id}, which is not there",
                    ids[at], trees[at]
                )
            })
        };
        let mode = match modes[at].as_str() {
            "LEAF" => {
                let weights = weights.by_node.remove(&(trees[at], ids[at]));
                nodes.push(RawNode::Leaf(weights.unwrap_or_default()));
                continue;
            }
            "BRANCH_LEQ" => BranchMode::Leq,
            "BRANCH_LT" => BranchMode::Lt,
            "BRANCH_GTE" => BranchMode::Gte,
            "BRANCH_GT" => BranchMode::Gt,
            "BRANCH_EQ" => BranchMode::Eq,
            "BRANCH_NEQ" => BranchMode::Neq,
            other => {
                return Err(format!(
                    "branch mode `{other}` is not supported; supported are BRANCH_LEQ, BRANCH_LT, \
                     BRANCH_GTE, BRANCH_GT, BRANCH_EQ, BRANCH_NEQ and LEAF"
                ));
            }
        };
        nodes.push(RawNode::Branch {
            feature: usize::try_from(features[at])
                .map_err(|_| format!("a branch asks for feature {}", features[at]))?,
            mode,
            threshold: values[at],
            yes: child(yes[at])?,
            no: child(no[at])?,
            missing_is_yes: missing.get(at).is_some_and(|m| *m == 1),
        });
    }
    if let Some((tree, node)) = weights.by_node.keys().next() {
        return Err(format!(
            "node {node} of tree {tree} has weights, but is no leaf"
        ));
    }
    weights.partial = partial(&nodes, &roots, &weights.targets);
    Ok(Ensemble { nodes, roots })
}

/// Whether some target has weights, but in no tree at all leaves: then it may get none.
fn partial(nodes: &[RawNode], roots: &[usize], targets: &[u32]) -> bool {
    let mut certain: Vec<u32> = Vec::new();
    for (nth, root) in roots.iter().enumerate() {
        let end = roots.get(nth + 1).copied().unwrap_or(nodes.len());
        let mut leaves = nodes[*root..end].iter().filter_map(|node| match node {
            RawNode::Leaf(weights) => Some(weights),
            RawNode::Branch { .. } => None,
        });
        let mut common: Vec<u32> = leaves.next().map_or_else(Vec::new, |leaf| {
            leaf.iter().map(|(target, _)| *target).collect()
        });
        for leaf in leaves {
            common.retain(|target| leaf.iter().any(|(other, _)| other == target));
        }
        certain.extend(common);
    }
    !targets.iter().all(|target| certain.contains(target))
}

impl Ensemble {
    /// One sum per target.
    pub(super) fn run(
        &self,
        call: &mut Call<'_>,
        row: &[Elem],
        base: Vec<f32>,
        aggregate: Aggregate,
    ) -> Result<Vec<Elem>, String> {
        let features = Features::new(call.builder, row);
        let trees = self
            .roots
            .iter()
            .map(|root| tree(&self.nodes, *root, &features))
            .collect::<Result<Vec<_>, _>>()?;
        let wires = call.builder.features(features.elems())?;
        let trees = FloatTrees {
            trees,
            targets: base.len(),
            base,
            aggregate,
        };
        call.builder.trees(wires, trees)
    }
}

/// The base values, one per target.
fn base(call: &Call<'_>) -> Result<Vec<f32>, String> {
    let base = call.any_floats("base_values")?;
    match base.iter().find(|v| !v.is_finite()) {
        Some(value) => Err(format!(
            "a base value is {value}; every parameter must be finite"
        )),
        None => Ok(base),
    }
}

pub(in crate::ops) fn regressor(call: &mut Call<'_>) -> Outcome {
    let mut known = SHARED.to_vec();
    known.extend([
        "aggregate_function",
        "n_targets",
        "target_ids",
        "target_nodeids",
        "target_treeids",
        "target_weights",
        "target_weights_as_tensor",
    ]);
    call.attributes(&known)?;
    let row = row(call)?;
    let targets = usize::try_from(call.int("n_targets", 1)?)
        .ok()
        .filter(|n| (1..=1 << 16).contains(n))
        .ok_or("attribute `n_targets` must be between 1 and 65536")?;
    let aggregate = match call.text("aggregate_function", "SUM")?.as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => {
            return Err(format!(
                "attribute `aggregate_function` is `{other}`; supported are SUM, AVERAGE, MIN and MAX"
            ));
        }
    };
    let post = Post::of(call)?;
    let mut weights = weights(call, "target", targets)?;
    let ensemble = ensemble(call, &mut weights)?;
    let mut base = base(call)?;
    if base.is_empty() {
        base = vec![0.0; targets];
    }
    if base.len() != targets {
        return Err(format!(
            "{} base values do not fit {targets} targets",
            base.len()
        ));
    }
    let scores = ensemble.run(call, &row, base, aggregate)?;
    let scores = regression(call, &scores, post)?;
    Ok(vec![Value::float(vec![1, targets], scores)])
}

pub(in crate::ops) fn classifier(call: &mut Call<'_>) -> Outcome {
    let mut known = SHARED.to_vec();
    known.extend([
        "class_ids",
        "class_nodeids",
        "class_treeids",
        "class_weights",
        "class_weights_as_tensor",
        "classlabels_int64s",
        "classlabels_strings",
    ]);
    call.attributes(&known)?;
    let row = row(call)?;
    let labels = class_labels(call, "classlabels_int64s", "classlabels_strings")?;
    let classes = labels.len();
    let post = Post::of(call)?;
    let mut weights = weights(call, "class", classes)?;
    let ensemble = ensemble(call, &mut weights)?;
    let base = base(call)?;
    if classes < 2 {
        return Err("has fewer than two classes".into());
    }
    if weights.partial && !weights.all_positive {
        return Err(
            "gives some classes no weight at some leaves, with weights below 0; give every \
                    leaf a weight for every class of its tree"
                .into(),
        );
    }
    if classes > 2 {
        if !base.is_empty() && base.len() != classes {
            return Err(format!(
                "{} base values do not fit {classes} classes",
                base.len()
            ));
        }
        let base = if base.is_empty() {
            vec![0.0; classes]
        } else {
            base
        };
        let raw = ensemble.run(call, &row, base, Aggregate::Sum)?;
        let first = call.builder.arg_max(std::slice::from_ref(&raw))?;
        let label = labels.value(call.builder, &first)?;
        let scores = transform(call.builder, &raw, post)?;
        return Ok(vec![label, Value::float(vec![1, classes], scores)]);
    }
    binary(call, &ensemble, &weights, &row, &base, post, &labels)
}
