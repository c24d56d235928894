//! Decision trees over exact integer thresholds.
//!
//! A feature's value `v` (its digits, recomposed) is replaced by its rank, the number of
//! thresholds below it; a branch asks for intervals of ranks. So a float comparison `x ≤ θ`
//! becomes `v ≤ Θ` with the largest integer Θ that the float pipeline still sends to the left:
//! exact, whatever the float arithmetic before it was.

use serde::{Deserialize, Serialize};

/// Limbs that one leaf row of the machine holds.
pub const TREE_LIMBS: usize = 3;

/// An ensemble; its outputs are each tree's leaf limbs, tree by tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trees {
    /// The features that branches ask for.
    pub features: Vec<TreeFeature>,
    /// The trees.
    pub trees: Vec<Tree>,
    /// Digits per leaf.
    pub limbs: u32,
}

/// A value that branches compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeFeature {
    /// Positions of its digits in the node's inputs, lowest first.
    pub digits: Vec<u32>,
    /// Ascending: the rank of `v` is the number of thresholds that are smaller.
    pub thresholds: Vec<u64>,
}

/// One tree; the root is node 0, and edges lead to higher numbers only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Branches and leaves.
    pub nodes: Vec<TreeNode>,
}

/// A node of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeNode {
    /// Goes on by the rank of a feature.
    Branch {
        /// Index into [`Trees::features`].
        feature: u32,
        /// `(hi, next)`: ascending; ranks above the previous `hi` and up to this one lead to
        /// `next`. The last `hi` is `M`.
        edges: Vec<(u32, u32)>,
    },
    /// Ends here.
    Leaf {
        /// One per limb, each a digit.
        values: Vec<u32>,
    },
}

impl Trees {
    /// Number of output wires.
    pub fn outputs(&self) -> usize {
        self.trees.len() * self.limbs as usize
    }

    /// Rank of feature `index`, for the node's inputs `x`.
    pub fn rank(&self, index: usize, x: &[u32], digit_bits: u32) -> u32 {
        let feature = &self.features[index];
        let digits = feature.digits.iter().rev();
        let value = digits.fold(0u64, |sum, digit| {
            sum << digit_bits | u64::from(x[*digit as usize])
        });
        feature.thresholds.partition_point(|t| *t < value) as u32
    }
}

impl Tree {
    /// Numbers of the nodes from the root to the leaf, for the features' `ranks`.
    pub fn path(&self, ranks: &[u32]) -> Vec<u32> {
        let mut path = vec![0u32];
        let mut at = 0usize;
        while let TreeNode::Branch { feature, edges } = &self.nodes[at] {
            let rank = ranks[*feature as usize];
            let edge = edges.partition_point(|(hi, _)| *hi < rank);
            at = edges[edge.min(edges.len() - 1)].1 as usize;
            path.push(at as u32);
        }
        path
    }

    /// The leaf's limbs at node `at`; empty for a branch.
    pub fn leaf(&self, at: u32) -> &[u32] {
        match &self.nodes[at as usize] {
            TreeNode::Leaf { values } => values,
            TreeNode::Branch { .. } => &[],
        }
    }

    /// Branches on the longest path.
    pub fn depth(&self) -> usize {
        let mut depth = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if let TreeNode::Branch { edges, .. } = node {
                let below = edges.iter().map(|(_, next)| depth[*next as usize]).max();
                depth[index] = 1 + below.unwrap_or(0);
            }
        }
        depth.first().copied().unwrap_or(0)
    }
}
