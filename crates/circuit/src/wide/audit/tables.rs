//! The look-up table that the model asks for, entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::integer::TREE_LIMBS;
use haloracle_model::{IntegerModel, Op, TreeFeature, TreeNode, Trees};

use super::{AuditError, check};
use crate::field::power_of_two;
use crate::wide::config::{TAG_SHIFT, TUPLE_BITS};
use crate::wide::program::Program;

/// Tags of one node of trees.
#[derive(Clone, Debug)]
pub(super) struct TreeTags {
    /// Of (rank, feature).
    pub(super) value: u32,
    /// Of (rank, low digits) and (rank, high digits), per feature.
    pub(super) features: Vec<[u32; 2]>,
    /// Of edges from the root, of other edges, and of leaves by chunks of limbs, per tree.
    pub(super) trees: Vec<(u32, u32, Vec<u32>)>,
}

/// Tags from 1 upwards, in the order of the model; equal functions share one.
pub(super) struct Tags {
    pub(super) functions: BTreeMap<usize, u32>,
    pub(super) trees: BTreeMap<usize, TreeTags>,
}

impl Tags {
    pub(super) fn new(model: &IntegerModel) -> Self {
        let mut tags = Self {
            functions: BTreeMap::new(),
            trees: BTreeMap::new(),
        };
        let mut known: BTreeMap<&[u32], u32> = BTreeMap::new();
        let mut first: Vec<usize> = Vec::new();
        let mut numbers = 1..;
        let mut next = || numbers.next().unwrap_or(0);
        for (number, node) in model.nodes.iter().enumerate() {
            match &node.op {
                Op::Table(table) => {
                    let tag = *known.entry(&table.values).or_insert_with(&mut next);
                    tags.functions.insert(number, tag);
                }
                Op::Trees(trees) => {
                    let chunks = (trees.limbs as usize).div_ceil(TREE_LIMBS);
                    let value = next();
                    // Equal trees share all but the tag of their ranks.
                    let equal = |other: &&usize| model.nodes[**other].op == node.op;
                    let shared = first
                        .iter()
                        .find(equal)
                        .and_then(|other| tags.trees.get(other));
                    if let Some(shared) = shared.cloned() {
                        tags.trees.insert(number, TreeTags { value, ..shared });
                        continue;
                    }
                    first.push(number);
                    let features = trees.features.iter().map(|_| [next(), next()]).collect();
                    let trees = trees.trees.iter();
                    let trees = trees
                        .map(|_| (next(), next(), (0..chunks).map(|_| next()).collect()))
                        .collect();
                    let all = TreeTags {
                        value,
                        features,
                        trees,
                    };
                    tags.trees.insert(number, all);
                }
                _ => {}
            }
        }
        tags
    }
}

/// A tuple in one field element.
fn packed(parts: &[u32], tag: u32) -> Fr {
    let parts = parts.iter().zip((0..).step_by(TUPLE_BITS as usize));
    let sum: Fr = parts
        .map(|(part, bit)| Fr::from(u64::from(*part)) * power_of_two(bit))
        .sum();
    sum + Fr::from(u64::from(tag)) * power_of_two(TAG_SHIFT)
}

/// All tuples, in the order of the model, without repetition.
fn tuples(model: &IntegerModel, tags: &Tags) -> Vec<(Vec<u32>, u32)> {
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |parts: Vec<u32>, tag: u32| {
        if seen.insert((parts.clone(), tag)) {
            all.push((parts, tag));
        }
    };
    for (number, node) in model.nodes.iter().enumerate() {
        if let (Op::Table(table), Some(tag)) = (&node.op, tags.functions.get(&number)) {
            for (argument, value) in (0..).zip(&table.values) {
                add(vec![argument, *value], *tag);
            }
        }
        if let (Op::Trees(trees), Some(tags)) = (&node.op, tags.trees.get(&number)) {
            for (feature, tags) in trees.features.iter().zip(&tags.features) {
                for (rank, low, high) in ranks(feature, model.digit_bits) {
                    for (bound, tag) in [low, high].into_iter().zip(*tags) {
                        add(bounds(rank, bound, model.digit_bits), tag);
                    }
                }
            }
            paths(trees, tags, model.max_digit(), &mut add);
        }
    }
    all
}

/// Ranks that some value has, each with its smallest and largest value.
fn ranks(feature: &TreeFeature, bits: u32) -> Vec<(u32, u64, u64)> {
    let top = (1u64 << (bits * feature.digits.len() as u32)) - 1;
    let lows = [0]
        .into_iter()
        .chain(feature.thresholds.iter().map(|t| t + 1));
    let highs = feature.thresholds.iter().copied().chain([top]);
    let ranks = (0..).zip(lows.zip(highs));
    ranks
        .map(|(rank, (low, high))| (rank, low, high))
        .filter(|(_, low, high)| low <= high)
        .collect()
}

/// A rank with the digits of a bound.
fn bounds(rank: u32, bound: u64, bits: u32) -> Vec<u32> {
    let digit = |at: u32| (bound >> (at * bits) & ((1 << bits) - 1)) as u32;
    vec![rank, digit(0), digit(1), digit(2)]
}

/// Edges and leaves that a path can reach.
fn paths(trees: &Trees, tags: &TreeTags, max: u32, add: &mut impl FnMut(Vec<u32>, u32)) {
    for (tree, (root, inner, leaves)) in trees.trees.iter().zip(&tags.trees) {
        let depth = tree.depth();
        // Fewest steps from the root.
        let mut least = BTreeMap::from([(0, 0)]);
        for (id, node) in (0u32..).zip(&tree.nodes) {
            let Some(level) = least.get(&id).copied() else {
                continue;
            };
            match node {
                TreeNode::Branch { feature, edges } => {
                    let tag = if id == 0 { *root } else { *inner };
                    let lows = [0]
                        .into_iter()
                        .chain(edges.iter().map(|(high, _)| high + 1));
                    for (low, (high, next)) in lows.zip(edges) {
                        add(vec![id, *feature, low, *high, *next], tag);
                        let known = least.entry(*next).or_insert(level + 1);
                        *known = (*known).min(level + 1);
                    }
                }
                TreeNode::Leaf { values } => {
                    for (limbs, tag) in values.chunks(TREE_LIMBS).zip(leaves) {
                        let mut parts = vec![id];
                        parts.extend(limbs);
                        add(parts, *tag);
                    }
                    // A path that ends early waits in its leaf.
                    if level < depth {
                        add(vec![id, 0, 0, max, id], *inner);
                    }
                }
            }
        }
    }
}

/// Compares the whole table; `homes` are the rows of ranks with feature and tag.
pub(super) fn entries(
    model: &IntegerModel,
    program: &Program,
    homes: &[(usize, u32, u32)],
) -> Result<(), AuditError> {
    let tags = Tags::new(model);
    let tuples = tuples(model, &tags);
    for (parts, tag) in &tuples {
        let fits = *tag > 0 && parts.iter().all(|part| *part <= model.max_digit());
        check(fits, || {
            format!("tuple {parts:?} of tag {tag} is ambiguous")
        })?;
    }
    let range = (0..=model.max_digit()).map(|value| (value, Fr::ZERO));
    let packs = tuples.iter().map(|(parts, tag)| (0, packed(parts, *tag)));
    let mut wanted = range.chain(packs);
    let homes: BTreeMap<usize, Fr> = homes
        .iter()
        .map(|(row, feature, tag)| (*row, packed(&[0, *feature], *tag)))
        .collect();
    for (index, row) in program.rows[..program.last_row()].iter().enumerate() {
        let entry = match homes.get(&index) {
            Some(entry) => (0, *entry),
            None => wanted.next().unwrap_or((0, Fr::ZERO)),
        };
        let held = (row.fixed.table_range, row.fixed.table_tuple);
        check(held == entry, || format!("row {index}: table entry"))?;
    }
    check(wanted.next().is_none(), || {
        "table entries reach the last usable row".into()
    })?;
    let count = 1 + model.max_digit() as usize + tuples.len();
    check(program.table_entries == count, || {
        "the program's number of table entries is not the model's".into()
    })
}
