//! Trees from lists of nodes: checked, renumbered, and with replaced inputs worked in.

use std::collections::HashMap;

use haloracle_model::graph::{BranchMode, FloatTree, FloatTreeNode};

use crate::builder::Builder;
use crate::value::Elem;

/// A node as a file lists it; children by their position in the list of one tree.
#[derive(Clone, Debug)]
pub(super) enum RawNode {
    /// Goes to `yes` where `feature ∘ threshold` holds.
    Branch {
        feature: usize,
        mode: BranchMode,
        threshold: f32,
        yes: usize,
        no: usize,
        missing_is_yes: bool,
    },
    /// (target, weight).
    Leaf(Vec<(u32, f32)>),
}

/// The features that branches ask for, as inputs of one node.
pub(super) struct Features {
    elems: Vec<Elem>,
    features: Vec<Feature>,
}

/// One feature of the trees.
struct Feature {
    /// Its value, but for a replacement; position in the node's inputs.
    plain: u32,
    replaced: Option<Replaced>,
}

/// Where the value before a replacement is `from`, the feature is `to`.
struct Replaced {
    raw: u32,
    from: f32,
    to: f32,
    /// What `from` would have become without the replacement.
    otherwise: f32,
}

impl Features {
    /// Features of all elements of a row.
    pub(super) fn new(builder: &mut Builder, row: &[Elem]) -> Self {
        let mut this = Self {
            elems: Vec::new(),
            features: Vec::new(),
        };
        let mut known = HashMap::new();
        for elem in row {
            let feature = match builder.replacement(*elem) {
                Some(found) => {
                    let plain = this.position(&mut known, found.plain);
                    let raw = this.position(&mut known, found.raw);
                    Feature {
                        plain,
                        replaced: Some(Replaced {
                            raw,
                            from: found.from,
                            to: found.to,
                            otherwise: found.otherwise,
                        }),
                    }
                }
                None => Feature {
                    plain: this.position(&mut known, *elem),
                    replaced: None,
                },
            };
            this.features.push(feature);
        }
        this
    }

    fn position(&mut self, known: &mut HashMap<String, u32>, elem: Elem) -> u32 {
        *known.entry(format!("{elem:?}")).or_insert_with(|| {
            self.elems.push(elem);
            (self.elems.len() - 1) as u32
        })
    }

    /// The elements that the node reads.
    pub(super) fn elems(&self) -> &[Elem] {
        &self.elems
    }

    fn feature(&self, index: usize) -> Result<&Feature, String> {
        self.features.get(index).ok_or_else(|| {
            format!(
                "a branch asks for feature {index} of {}",
                self.features.len()
            )
        })
    }

    /// The replacement of a feature, and where it goes, if it turns another way at a branch than
    /// the value that it replaces.
    fn turned(
        &self,
        feature: usize,
        mode: &BranchMode,
        threshold: f32,
    ) -> Result<Option<(&Replaced, bool)>, String> {
        if threshold.is_nan() {
            return Err("a threshold is not a number".into());
        }
        let Some(replaced) = &self.feature(feature)?.replaced else {
            return Ok(None);
        };
        let holds = mode.holds(replaced.to, threshold);
        Ok((holds != mode.holds(replaced.otherwise, threshold)).then_some((replaced, holds)))
    }
}

/// A tree with its root first and children behind their parents. Several branches may lead to
/// the same node, as exporters write splits by category.
pub(super) fn tree(raw: &[RawNode], root: usize, features: &Features) -> Result<FloatTree, String> {
    let root = settled(raw, root)?;
    let order = order(raw, root)?;
    // Where each node of the file will be; a branch may need two places.
    let mut places: HashMap<usize, u32> = HashMap::new();
    let mut next = 0;
    for at in &order {
        places.insert(*at, next);
        next += match &raw[*at] {
            RawNode::Branch {
                feature,
                mode,
                threshold,
                ..
            } => 1 + u32::from(features.turned(*feature, mode, *threshold)?.is_some()),
            RawNode::Leaf(_) => 1,
        };
    }
    let mut nodes: Vec<FloatTreeNode> = Vec::with_capacity(next as usize);
    for at in &order {
        match &raw[*at] {
            RawNode::Leaf(weights) => nodes.push(FloatTreeNode::Leaf {
                weights: weights.clone(),
            }),
            RawNode::Branch {
                feature,
                mode,
                threshold,
                yes,
                no,
                missing_is_yes,
            } => {
                let place = |child: usize| -> Result<u32, String> {
                    let place = places.get(&settled(raw, child)?);
                    place
                        .copied()
                        .ok_or_else(|| "a branch leads nowhere".into())
                };
                let (yes, no) = (place(*yes)?, place(*no)?);
                if let Some((replaced, holds)) = features.turned(*feature, mode, *threshold)? {
                    nodes.push(FloatTreeNode::Branch {
                        feature: replaced.raw,
                        mode: BranchMode::Eq,
                        threshold: replaced.from,
                        yes: if holds { yes } else { no },
                        no: nodes.len() as u32 + 1,
                        missing_is_yes: false,
                    });
                }
                nodes.push(FloatTreeNode::Branch {
                    feature: features.feature(*feature)?.plain,
                    mode: mode.clone(),
                    threshold: *threshold,
                    yes,
                    no,
                    missing_is_yes: *missing_is_yes,
                });
            }
        }
    }
    Ok(FloatTree { nodes })
}

/// The node that a node stands for: inputs are finite, so the outcome of a comparison with
/// infinity is known.
fn settled(raw: &[RawNode], at: usize) -> Result<usize, String> {
    let mut at = at;
    for _ in 0..=raw.len() {
        match raw
            .get(at)
            .ok_or("a branch leads to a node that is not there")?
        {
            RawNode::Branch {
                mode,
                threshold,
                yes,
                no,
                ..
            } if threshold.is_infinite() && !matches!(mode, BranchMode::Member(_)) => {
                at = if mode.holds(0.0, *threshold) {
                    *yes
                } else {
                    *no
                };
            }
            _ => return Ok(at),
        }
    }
    Err("branches form a cycle".into())
}

/// The nodes that the root leads to, parents before children.
fn order(raw: &[RawNode], root: usize) -> Result<Vec<usize>, String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; raw.len()];
    let mut done = Vec::new();
    let mut stack = vec![(root, false)];
    while let Some((at, leaving)) = stack.pop() {
        if leaving {
            marks[at] = Mark::Done;
            done.push(at);
            continue;
        }
        match marks[at] {
            Mark::Done => continue,
            Mark::Open => return Err("branches form a cycle".into()),
            Mark::New => marks[at] = Mark::Open,
        }
        stack.push((at, true));
        if let RawNode::Branch { yes, no, .. } = &raw[at] {
            for child in [*yes, *no] {
                let child = settled(raw, child)?;
                match marks[child] {
                    Mark::Done => {}
                    Mark::Open => return Err("branches form a cycle".into()),
                    Mark::New => stack.push((child, false)),
                }
            }
        }
    }
    done.reverse();
    Ok(done)
}
