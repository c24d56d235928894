//! Shapes over raw integers as the integer model's trees over ranks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::leaves::Leaves;
use super::shape::{NodeId, Shape, ShapeNode};
use super::{Source, TreesError};
use crate::integer::{Tree, TreeFeature, TreeNode, Trees, WireId};

/// The integer node: its operator and the wires that it reads.
pub(super) fn rank(
    shapes: &[Shape],
    leaves: &Leaves,
    sources: &[Source],
    digit_bits: u32,
) -> Result<(Vec<WireId>, Trees), TreesError> {
    let most = (1usize << digit_bits) - 1;
    let width = leaves.spans.iter().map(Vec::len).max().unwrap_or(0) * leaves.limbs as usize;
    let mut ranks = Ranks::default();
    for (source, cuts) in cut_sets(shapes) {
        ranks.add(source, cuts, &sources[source], digit_bits, most)?;
    }
    if ranks.features.len() > most {
        return Err(TreesError::TooMany {
            what: format!("it compares {} features", ranks.features.len()),
            digit_bits,
            most,
        });
    }
    let trees = shapes.iter().enumerate();
    let trees = trees
        .map(|(index, shape)| ranks.tree(shape, leaves, index, width, most as u32))
        .collect();
    Ok((
        ranks.inputs,
        Trees {
            features: ranks.features,
            trees,
            limbs: width.max(1) as u32,
        },
    ))
}

/// Per source, the sets of cuts that its branches ask for.
fn cut_sets(shapes: &[Shape]) -> BTreeMap<usize, BTreeSet<Vec<u64>>> {
    let mut all: BTreeMap<usize, BTreeSet<Vec<u64>>> = BTreeMap::new();
    for shape in shapes {
        for id in shape.order() {
            if let ShapeNode::Branch { feature, edges } = shape.node(id) {
                all.entry(*feature).or_default().insert(cuts(edges));
            }
        }
    }
    all
}

/// Where a branch's edges end, but for the last, which ends with the box.
fn cuts(edges: &[(u64, NodeId)]) -> Vec<u64> {
    let inner = edges.len().saturating_sub(1);
    edges.iter().take(inner).map(|(hi, _)| *hi).collect()
}

/// Features of the integer trees, and which of them has a branch's cuts.
#[derive(Default)]
struct Ranks {
    inputs: Vec<WireId>,
    features: Vec<TreeFeature>,
    known: HashMap<(usize, Vec<u64>), u32>,
}

impl Ranks {
    /// Adds a source as one feature, or as several where it has more cuts than a rank counts.
    fn add(
        &mut self,
        index: usize,
        sets: BTreeSet<Vec<u64>>,
        source: &Source,
        digit_bits: u32,
        most: usize,
    ) -> Result<(), TreesError> {
        let bits = u64::BITS - source.most.leading_zeros();
        let needed = (bits.div_ceil(digit_bits) as usize).max(1);
        let wires = source
            .digits
            .get(..needed)
            .ok_or_else(|| TreesError::Source {
                name: source.name.clone(),
                what: format!("has {} digits, its box needs {needed}", source.digits.len()),
            })?;
        let first = self.inputs.len() as u32;
        self.inputs.extend_from_slice(wires);
        let digits: Vec<u32> = (first..first + needed as u32).collect();
        let mut groups: Vec<(BTreeSet<u64>, Vec<Vec<u64>>)> = Vec::new();
        for set in sets {
            if set.len() > most {
                return Err(TreesError::TooMany {
                    what: format!("a branch on `{}` has {} ends", source.name, set.len()),
                    digit_bits,
                    most,
                });
            }
            let room = groups.last_mut().filter(|(cuts, _)| {
                let new = set.iter().filter(|cut| !cuts.contains(cut));
                cuts.len() + new.count() <= most
            });
            match room {
                Some((cuts, members)) => {
                    cuts.extend(&set);
                    members.push(set);
                }
                None => groups.push((set.iter().copied().collect(), vec![set])),
            }
        }
        for (cuts, members) in groups {
            let feature = self.features.len() as u32;
            self.features.push(TreeFeature {
                digits: digits.clone(),
                thresholds: cuts.into_iter().collect(),
            });
            let members = members.into_iter();
            self.known
                .extend(members.map(|set| ((index, set), feature)));
        }
        Ok(())
    }

    fn tree(&self, shape: &Shape, leaves: &Leaves, index: usize, width: usize, max: u32) -> Tree {
        let order = shape.order();
        let numbers: HashMap<NodeId, u32> = order
            .iter()
            .enumerate()
            .map(|(number, id)| (*id, number as u32))
            .collect();
        let number = |id: &NodeId| numbers.get(id).copied().unwrap_or_default();
        let nodes = order.iter().map(|id| match shape.node(*id) {
            ShapeNode::Leaf { weights } => TreeNode::Leaf {
                values: leaves.limbs(index, weights, width.max(1)),
            },
            ShapeNode::Branch { feature, edges } => {
                let key = (*feature, cuts(edges));
                let feature = self.known.get(&key).copied().unwrap_or_default();
                let thresholds = self.features.get(feature as usize);
                let thresholds = thresholds.map_or(&[][..], |f| &f.thresholds);
                // At most the threshold with this index: at most so many lie below.
                let rank = |cut: &u64| thresholds.partition_point(|t| t < cut) as u32;
                let last = edges.last().map(|(_, next)| (max, number(next)));
                let inner = key.1.iter().zip(edges);
                let inner = inner.map(|(cut, (_, next))| (rank(cut), number(next)));
                TreeNode::Branch {
                    feature,
                    edges: inner.chain(last).collect(),
                }
            }
        });
        Tree {
            nodes: nodes.collect(),
        }
    }
}
