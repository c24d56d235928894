//! Float trees as decision diagrams over raw integers.
//!
//! A comparison becomes the set of integers that satisfy it; what the path above has already
//! decided is cut away, and with it every branch that no input of the box reaches. Equal subtrees
//! are kept once, a branch whose ways all lead to the same node disappears, and a branch below a
//! branch on the same feature becomes part of it, with more than two ways: fewer levels, fewer
//! table entries, the same leaf for every input.

use std::collections::HashMap;

use super::TreesError;
use super::axis::Axis;
use super::region::Region;
use crate::graph::{BranchMode, FloatTree, FloatTreeNode, FloatTrees};

/// Levels that a tree may have; the machine spends rows on each.
pub(super) const MAX_DEPTH: usize = 512;
/// Ways from a tree's root that may lead to one node.
const MAX_WAYS: u64 = 1 << 12;

/// Number of a node in its shape.
pub(super) type NodeId = usize;

/// A node; float weights by their bits, so that equal nodes can be found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ShapeNode {
    Branch {
        /// Input position of the ensemble.
        feature: usize,
        /// `(hi, next)`: ascending; integers above the previous `hi` and up to this one lead to
        /// `next`. The last `hi` is the largest integer.
        edges: Vec<(u64, NodeId)>,
    },
    /// (target, weight), ascending by target, without zeros.
    Leaf { weights: Vec<(u32, u64)> },
}

/// One tree; a node's edges lead to nodes of lower numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    nodes: Vec<ShapeNode>,
    known: HashMap<ShapeNode, NodeId>,
    pub(super) root: NodeId,
}

impl Shape {
    pub(super) fn node(&self, id: NodeId) -> &ShapeNode {
        &self.nodes[id]
    }

    /// The node's number, the same for equal nodes.
    pub(super) fn intern(&mut self, node: ShapeNode) -> NodeId {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        self.nodes.push(node.clone());
        self.known.insert(node, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// A branch, simplified; at most `most_cuts` cuts come of merging branches.
    pub(super) fn branch(
        &mut self,
        feature: usize,
        edges: Vec<(u64, NodeId)>,
        most_cuts: usize,
    ) -> NodeId {
        let plain = joined(edges);
        let mut merged = Vec::with_capacity(plain.len());
        let mut from = 0;
        for (hi, next) in &plain {
            match &self.nodes[*next] {
                ShapeNode::Branch {
                    feature: other,
                    edges,
                } if *other == feature => {
                    let first = edges.partition_point(|(end, _)| *end < from);
                    for (end, below) in edges.iter().skip(first) {
                        merged.push(((*end).min(*hi), *below));
                        if end >= hi {
                            break;
                        }
                    }
                }
                _ => merged.push((*hi, *next)),
            }
            from = hi.saturating_add(1);
        }
        let merged = joined(merged);
        let edges = if merged.len() <= most_cuts + 1 {
            merged
        } else {
            plain
        };
        match edges.as_slice() {
            [(_, only)] => *only,
            _ => self.intern(ShapeNode::Branch { feature, edges }),
        }
    }

    /// Nodes below and including `root`, each before the nodes that its edges lead to.
    pub(super) fn order(&self) -> Vec<NodeId> {
        let mut reached = vec![false; self.nodes.len()];
        if let Some(root) = reached.get_mut(self.root) {
            *root = true;
        }
        let mut order = Vec::new();
        for id in (0..self.nodes.len()).rev().filter(|id| *id <= self.root) {
            if !reached[id] {
                continue;
            }
            order.push(id);
            if let ShapeNode::Branch { edges, .. } = &self.nodes[id] {
                edges.iter().for_each(|(_, next)| reached[*next] = true);
            }
        }
        order
    }

    /// The weights, if the tree is a single leaf.
    pub(super) fn constant(&self) -> Option<&[(u32, u64)]> {
        match self.nodes.get(self.root) {
            Some(ShapeNode::Leaf { weights }) => Some(weights),
            _ => None,
        }
    }
}

/// Neighbouring edges to the same node as one.
fn joined(edges: Vec<(u64, NodeId)>) -> Vec<(u64, NodeId)> {
    let mut all: Vec<(u64, NodeId)> = Vec::with_capacity(edges.len());
    for (hi, next) in edges {
        match all.last_mut() {
            Some(last) if last.1 == next => last.0 = hi,
            _ => all.push((hi, next)),
        }
    }
    all
}

/// Turns the trees of one ensemble into shapes.
pub(super) struct Shaper<'a> {
    axes: &'a [Axis<'a>],
    most_cuts: usize,
    /// Sets of integers by feature, kind of comparison and threshold.
    sets: HashMap<(u32, u8, u32), Region>,
}

impl<'a> Shaper<'a> {
    pub(super) fn new(axes: &'a [Axis<'a>], most_cuts: usize) -> Self {
        Self {
            axes,
            most_cuts,
            sets: HashMap::new(),
        }
    }

    /// The shape of tree `index`.
    ///
    /// # Errors
    /// Nodes that do not fit together.
    pub(super) fn shape(&mut self, trees: &FloatTrees, index: usize) -> Result<Shape, TreesError> {
        let tree = &trees.trees[index];
        check(tree, trees.targets, self.axes.len()).map_err(|(node, what)| {
            TreesError::Malformed {
                tree: index,
                node,
                what,
            }
        })?;
        let mut inside: Vec<Region> = self.axes.iter().map(Axis::all).collect();
        let mut shape = Shape::default();
        shape.root = self.visit(tree, 0, &mut inside, &mut shape);
        Ok(shape)
    }

    /// The subtree at node `at` for integers in `inside`; as deep as [`check`] allows.
    fn visit(
        &mut self,
        tree: &FloatTree,
        at: usize,
        inside: &mut [Region],
        shape: &mut Shape,
    ) -> NodeId {
        let (feature, mode, threshold, yes, no) = match &tree.nodes[at] {
            FloatTreeNode::Leaf { weights } => {
                return shape.intern(ShapeNode::Leaf {
                    weights: leaf(weights),
                });
            }
            FloatTreeNode::Branch {
                feature,
                mode,
                threshold,
                yes,
                no,
                // No raw input is NaN, and a pipeline that could make one is refused.
                missing_is_yes: _,
            } => (*feature, mode, *threshold, *yes as usize, *no as usize),
        };
        let axis = feature as usize;
        let set = self.set(feature, mode, threshold);
        let before = inside[axis].clone();
        let ways = [(before.intersect(&set), yes), (before.minus(&set), no)];
        let mut edges: Vec<(u64, NodeId)> = Vec::new();
        let mut found = Vec::new();
        for (region, child) in ways {
            if region.is_empty() {
                continue;
            }
            inside[axis] = region.clone();
            let id = self.visit(tree, child, inside, shape);
            found.extend(region.intervals().iter().map(|(lo, hi)| (*lo, *hi, id)));
        }
        found.sort_unstable();
        edges.extend(found.iter().map(|(_, hi, id)| (*hi, *id)));
        if let Some(last) = edges.last_mut() {
            last.0 = self.axes[axis].most();
        }
        inside[axis] = before;
        shape.branch(axis, edges, self.most_cuts)
    }

    fn set(&mut self, feature: u32, mode: &BranchMode, threshold: f32) -> Region {
        let axis = &self.axes[feature as usize];
        let kind = match mode {
            BranchMode::Leq => 0,
            BranchMode::Lt => 1,
            BranchMode::Gt => 2,
            BranchMode::Gte => 3,
            BranchMode::Eq => 4,
            BranchMode::Neq => 5,
            BranchMode::Member(_) => return axis.holds(mode, threshold),
        };
        let key = (feature, kind, threshold.to_bits());
        let set = self.sets.entry(key);
        set.or_insert_with(|| axis.holds(mode, threshold)).clone()
    }
}

/// Weights per target, added up, by their bits.
fn leaf(weights: &[(u32, f32)]) -> Vec<(u32, u64)> {
    let mut sums: Vec<(u32, f64)> = Vec::new();
    for (target, weight) in weights {
        match sums.binary_search_by_key(target, |(t, _)| *t) {
            Ok(at) => sums[at].1 += f64::from(*weight),
            Err(at) => sums.insert(at, (*target, f64::from(*weight))),
        }
    }
    let nonzero = sums.into_iter().filter(|(_, weight)| *weight != 0.0);
    nonzero.map(|(t, weight)| (t, weight.to_bits())).collect()
}

/// What [`Shaper::visit`] relies on; the error names the node.
fn check(tree: &FloatTree, targets: usize, features: usize) -> Result<(), (usize, String)> {
    let count = tree.nodes.len();
    if count == 0 {
        return Err((0, "the tree has no nodes".into()));
    }
    let mut depth = vec![0usize; count];
    // Ways from the root: categories share what follows them, and each way is gone.
    let mut ways = vec![0u64; count];
    ways[0] = 1;
    for (at, node) in tree.nodes.iter().enumerate() {
        let bad = |what: String| Err((at, what));
        match node {
            FloatTreeNode::Leaf { weights } => {
                if let Some((target, _)) = weights.iter().find(|w| w.0 as usize >= targets) {
                    return bad(format!("a weight for target {target} of {targets}"));
                }
                if let Some((_, weight)) = weights.iter().find(|w| !w.1.is_finite()) {
                    return bad(format!("a weight of {weight}; it must be finite"));
                }
            }
            FloatTreeNode::Branch {
                feature,
                mode,
                threshold,
                yes,
                no,
                ..
            } => {
                if *feature as usize >= features {
                    return bad(format!("compares input {feature} of {features}"));
                }
                if threshold.is_nan() && !matches!(mode, BranchMode::Member(_)) {
                    return bad("its threshold is NaN".into());
                }
                if depth[at] >= MAX_DEPTH {
                    return bad(format!("lies deeper than {MAX_DEPTH} levels"));
                }
                for child in [*yes as usize, *no as usize] {
                    if child <= at || child >= count {
                        return bad(format!(
                            "leads to node {child} of {count}; children need higher numbers"
                        ));
                    }
                    ways[child] = ways[child].saturating_add(ways[at]);
                    if ways[child] > MAX_WAYS {
                        return bad(format!(
                            "leads to node {child} by more than {MAX_WAYS} ways"
                        ));
                    }
                    depth[child] = depth[child].max(depth[at] + 1);
                }
            }
        }
    }
    Ok(())
}
