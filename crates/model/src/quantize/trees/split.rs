//! Trees with more nodes than a digit numbers, as several trees of the same sum.
//!
//! A tree `T` and one of its nodes `s` give two trees: `T` with a leaf of zeros in the place of
//! `s`, and the paths to `s` with leaves of zeros everywhere else. Every input reaches `s` or does
//! not, so the two leaves add up to the leaf of `T`.

use std::collections::HashMap;

use super::TreesError;
use super::shape::{NodeId, Shape, ShapeNode};

/// Places that are tried before a tree counts as one that cannot be split.
const MAX_TRIES: usize = 64;

/// Where the nodes of one shape went in another.
type Copied = HashMap<NodeId, NodeId>;

/// Shapes of at most `most` nodes whose leaves add up to those of `shape`.
///
/// # Errors
/// No cut makes both parts smaller.
pub(super) fn split(
    shape: Shape,
    most: usize,
    most_cuts: usize,
    digit_bits: u32,
) -> Result<Vec<Shape>, TreesError> {
    let mut done = Vec::new();
    let mut open = vec![shape];
    while let Some(shape) = open.pop() {
        let count = shape.order().len();
        if count <= most {
            done.push(shape);
            continue;
        }
        let smaller = |parts: &[Shape; 2]| parts.iter().all(|part| part.order().len() < count);
        let places = places(&shape).into_iter().take(MAX_TRIES);
        let mut parts = places.filter_map(|node| cut(&shape, node, most_cuts));
        open.extend(parts.find(smaller).ok_or_else(|| TreesError::TooMany {
            what: format!("a tree has {count} nodes and cannot be split further"),
            digit_bits,
            most,
        })?);
    }
    done.reverse();
    Ok(done)
}

/// The shape without, and with nothing but, one of its nodes.
fn cut(shape: &Shape, node: NodeId, most_cuts: usize) -> Option<[Shape; 2]> {
    let mut upwards = shape.order();
    upwards.reverse();
    let (mut rest, mut only) = (Shape::default(), Shape::default());
    // `whole` leads to copies in `only` of what lies below the node.
    let (mut in_rest, mut around, mut whole) = (Copied::new(), Copied::new(), Copied::new());
    for id in upwards {
        let zero = ShapeNode::Leaf { weights: vec![] };
        let kept = copy(shape, id, &mut only, &whole, most_cuts);
        whole.insert(id, kept);
        let is_branch = matches!(shape.node(id), ShapeNode::Branch { .. });
        let (a, b) = if id == node {
            (rest.intern(zero), kept)
        } else if is_branch {
            (
                copy(shape, id, &mut rest, &in_rest, most_cuts),
                copy(shape, id, &mut only, &around, most_cuts),
            )
        } else {
            let leaf = copy(shape, id, &mut rest, &in_rest, most_cuts);
            (leaf, only.intern(zero))
        };
        in_rest.insert(id, a);
        around.insert(id, b);
    }
    rest.root = *in_rest.get(&shape.root)?;
    only.root = *around.get(&shape.root)?;
    Some([rest, only])
}

/// The branches below the root, those first whose size, as if no nodes were shared, is closest
/// to half of the whole.
fn places(shape: &Shape) -> Vec<NodeId> {
    let mut sizes: HashMap<NodeId, u64> = HashMap::new();
    let size = |sizes: &HashMap<NodeId, u64>, id: &NodeId| sizes.get(id).copied().unwrap_or(0);
    let mut branches = Vec::new();
    for id in shape.order().iter().rev() {
        let mut sum = 1u64;
        if let ShapeNode::Branch { edges, .. } = shape.node(*id) {
            let below = edges.iter().map(|(_, next)| size(&sizes, next));
            sum = below.fold(sum, u64::saturating_add);
            branches.push(*id);
        }
        sizes.insert(*id, sum);
    }
    let half = size(&sizes, &shape.root) / 2;
    branches.retain(|id| *id != shape.root);
    branches.sort_by_key(|id| size(&sizes, id).abs_diff(half));
    branches
}

/// Copies one node into `to`, where its children are already.
fn copy(from: &Shape, id: NodeId, to: &mut Shape, copied: &Copied, most_cuts: usize) -> NodeId {
    match from.node(id) {
        leaf @ ShapeNode::Leaf { .. } => to.intern(leaf.clone()),
        ShapeNode::Branch { feature, edges } => {
            let edges = edges.iter();
            let there = |next| copied.get(next).copied().unwrap_or_default();
            let edges = edges.map(|(hi, next)| (*hi, there(next))).collect();
            to.branch(*feature, edges, most_cuts)
        }
    }
}
