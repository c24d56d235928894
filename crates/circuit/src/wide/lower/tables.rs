//! The look-up table: range values, functions, tree edges, leaves and rank intervals.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_model::integer::TREE_LIMBS;
use haloracle_model::{IntegerModel, Op, TreeNode, Trees};

use crate::field::power_of_two;
use crate::wide::config::{TAG_SHIFT, TUPLE_BITS};

/// A tuple of the table: components below 2^16, and a tag of at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tuple {
    /// `z_0..z_3`, `r_0`.
    pub parts: [u32; 5],
    /// What the tuple is.
    pub tag: u32,
}

impl Tuple {
    /// As one field element.
    pub(in crate::wide) fn packed(&self) -> Fr {
        let parts = self.parts.iter().enumerate();
        parts.fold(
            Fr::from(u64::from(self.tag)) * power_of_two(TAG_SHIFT),
            |sum, (at, part)| {
                sum + Fr::from(u64::from(*part)) * power_of_two(TUPLE_BITS * at as u32)
            },
        )
    }
}

/// Tags of one tree node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeTags {
    /// `(value, feature)`: the witness's ranks.
    pub value: u32,
    /// Per feature, tag of `(rank, low digits)` and of `(rank, high digits)`.
    pub features: Vec<[u32; 2]>,
    /// Per tree.
    pub trees: Vec<OneTreeTags>,
}

/// Tags of one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneTreeTags {
    /// Edges from the root.
    pub root: u32,
    /// All other edges.
    pub inner: u32,
    /// Leaves, one tag per [`TREE_LIMBS`] limbs.
    pub leaves: Vec<u32>,
}

/// The table of a model.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// Tuples in order; they follow the range entries `0..=M`.
    pub tuples: Vec<Tuple>,
    /// Per node, the tag of its function.
    pub functions: HashMap<usize, u32>,
    /// Per node, the tags of its trees.
    pub trees: HashMap<usize, TreeTags>,
    index: HashMap<Tuple, usize>,
}

/// Digits of a tree feature that its interval rows hold.
pub(crate) const RANK_DIGITS: usize = 3;

impl Tables {
    /// Lays out the table of `model`.
    pub(crate) fn new(model: &IntegerModel) -> Self {
        let mut tables = Self {
            tuples: Vec::new(),
            functions: HashMap::new(),
            trees: HashMap::new(),
            index: HashMap::new(),
        };
        let mut next_tag = 0;
        let mut tag = || {
            next_tag += 1;
            next_tag
        };
        let mut functions: HashMap<&[u32], u32> = HashMap::new();
        let mut ensembles: Vec<(&Trees, usize)> = Vec::new();
        for (index, node) in model.nodes.iter().enumerate() {
            match &node.op {
                Op::Table(table) => {
                    if let Some(known) = functions.get(&table.values[..]) {
                        tables.functions.insert(index, *known);
                        continue;
                    }
                    let tag = tag();
                    functions.insert(&table.values, tag);
                    tables.functions.insert(index, tag);
                    for (z, out) in table.values.iter().enumerate() {
                        tables.add([z as u32, *out, 0, 0, 0], tag);
                    }
                }
                Op::Trees(trees) => {
                    // Equal trees share edges, leaves and bounds; whose rank it is that an edge
                    // compares, each node's own tag says.
                    let mut known = ensembles.iter();
                    if let Some((_, first)) = known.find(|(known, _)| *known == trees) {
                        let shared = tables.trees[first].clone();
                        let value = tag();
                        tables.trees.insert(index, TreeTags { value, ..shared });
                        continue;
                    }
                    ensembles.push((trees, index));
                    let tags = TreeTags {
                        value: tag(),
                        features: trees.features.iter().map(|_| [tag(), tag()]).collect(),
                        trees: (trees.trees.iter())
                            .map(|_| OneTreeTags {
                                root: tag(),
                                inner: tag(),
                                leaves: (0..(trees.limbs as usize).div_ceil(TREE_LIMBS))
                                    .map(|_| tag())
                                    .collect(),
                            })
                            .collect(),
                    };
                    tables.add_trees(trees, &tags, model.digit_bits);
                    tables.trees.insert(index, tags);
                }
                _ => {}
            }
        }
        tables
    }

    fn add(&mut self, parts: [u32; 5], tag: u32) {
        let tuple = Tuple { parts, tag };
        if !self.index.contains_key(&tuple) {
            self.index.insert(tuple, self.tuples.len());
            self.tuples.push(tuple);
        }
    }

    fn add_trees(&mut self, trees: &Trees, tags: &TreeTags, bits: u32) {
        let max = (1u32 << bits) - 1;
        for (feature, tags) in trees.features.iter().zip(&tags.features) {
            for rank in 0..=feature.thresholds.len() {
                let [low, high] = interval(feature, rank, bits);
                if low > high {
                    // No value has this rank, and the digits of `low` may overflow to 0.
                    continue;
                }
                for (bound, tag) in [low, high].into_iter().zip(*tags) {
                    let digit = |d: u32| (bound >> (d * bits)) as u32 & max;
                    self.add([rank as u32, digit(0), digit(1), digit(2), 0], tag);
                }
            }
        }
        for (tree, tags) in trees.trees.iter().zip(&tags.trees) {
            let levels = tree.depth();
            let depths = reached_at(tree);
            for (at, node) in tree.nodes.iter().enumerate() {
                let id = at as u32;
                // A tree without branches looks its leaf up by any number: no other leaf may
                // have an entry.
                let Some(least) = depths[at] else { continue };
                match node {
                    TreeNode::Branch { feature, edges } => {
                        let tag = if at == 0 { tags.root } else { tags.inner };
                        let mut low = 0;
                        for (high, next) in edges {
                            self.add([id, *feature, low, *high, *next], tag);
                            low = high + 1;
                        }
                    }
                    TreeNode::Leaf { values } => {
                        for (chunk, tag) in values.chunks(TREE_LIMBS).zip(&tags.leaves) {
                            let limb = |at: usize| chunk.get(at).copied().unwrap_or(0);
                            self.add([id, limb(0), limb(1), limb(2), 0], *tag);
                        }
                        // A leaf above the last level waits there.
                        if least < levels {
                            self.add([id, 0, 0, max, id], tags.inner);
                        }
                    }
                }
            }
        }
    }

    /// Position of a tuple among the tuples.
    pub(crate) fn position(&self, tuple: &Tuple) -> Option<usize> {
        self.index.get(tuple).copied()
    }
}

/// Smallest and largest value of a rank.
pub(crate) fn interval(feature: &haloracle_model::TreeFeature, rank: usize, bits: u32) -> [u64; 2] {
    let low = match rank {
        0 => 0,
        _ => feature.thresholds[rank - 1] + 1,
    };
    let top = (1u64 << (bits * feature.digits.len() as u32)) - 1;
    [low, feature.thresholds.get(rank).copied().unwrap_or(top)]
}

/// Smallest level at which each node of a tree is reached; `None` for unreachable ones.
fn reached_at(tree: &haloracle_model::Tree) -> Vec<Option<usize>> {
    let mut levels: Vec<Option<usize>> = vec![None; tree.nodes.len()];
    levels[0] = Some(0);
    for (at, node) in tree.nodes.iter().enumerate() {
        let Some(level) = levels[at] else { continue };
        if let TreeNode::Branch { edges, .. } = node {
            for (_, next) in edges {
                let old = &mut levels[*next as usize];
                *old = Some(old.map_or(level + 1, |old| old.min(level + 1)));
            }
        }
    }
    levels
}
