//! Another leaf than the path's: the tree of depth 1, whose leaves nothing reads.

use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::{Aux, Source, Value};
use haloracle_model::integer::TREE_LIMBS;
use haloracle_model::{Op, TreeNode, Trees};

use super::common::wide::Case;
use super::common::wide_checker::{Cells, R, Z};
use super::{Forgery, case};

/// Number of the tree.
const TREE: u32 = 1;

fn digit(value: u32) -> Fr {
    Fr::from(u64::from(value))
}

fn trees(case: &Case) -> &Trees {
    match &case.model.nodes[0].op {
        Op::Trees(trees) => trees,
        _ => panic!("no trees"),
    }
}

/// Rank of every feature in this run.
fn ranks(case: &Case) -> Vec<u32> {
    let mut ranks = vec![0; trees(case).features.len()];
    for (row, content) in case.program.rows.iter().enumerate() {
        if let Source::Values([Value::Aux(number), ..]) = content.source
            && content.fixed.home
            && let Aux::Rank { feature, .. } = case.program.aux[number as usize]
        {
            ranks[feature as usize] = case.witness.z[row][0];
        }
    }
    ranks
}

/// An edge from the root and the rank that is compared with it.
struct Step {
    low: u32,
    high: u32,
    next: u32,
    feature: u32,
    rank: u32,
    /// What the feature's row carries on.
    carried: u32,
    /// The leaf that is shown.
    leaf: u32,
}

/// Shows a step, with differences that are clamped where they would be negative.
fn show(case: &Case, step: &Step) -> Cells {
    let mut cells = Cells::new(case);
    let rows = case.program.rows.iter();
    let wanted = |source: &Source| matches!(source, Source::Edge { tree: TREE, .. });
    let edge = rows.clone().position(|row| wanted(&row.source)).unwrap();
    cells.change(edge, |cells| {
        cells[Z + 2] = digit(step.low);
        cells[Z + 3] = digit(step.high);
        cells[R] = digit(step.next);
        cells[R + 2] = digit(step.rank.saturating_sub(step.low));
        cells[R + 3] = digit(step.high.saturating_sub(step.rank));
    });
    cells.change(edge + 1, |cells| {
        cells[Z] = digit(step.rank);
        cells[Z + 1] = digit(step.feature);
        cells[R + 1] = digit(step.carried);
    });
    let TreeNode::Leaf { values } = &trees(case).trees[TREE as usize].nodes[step.leaf as usize]
    else {
        panic!("no leaf");
    };
    for (row, content) in rows.enumerate() {
        if let Source::Leaf {
            tree: TREE, chunk, ..
        } = content.source
        {
            cells.change(row, |cells| {
                cells[Z] = digit(step.leaf);
                for lane in 1..CELLS {
                    let limb = chunk as usize * TREE_LIMBS + lane - 1;
                    cells[Z + lane] = digit(values.get(limb).copied().unwrap_or(0));
                }
            });
        }
    }
    cells.repair();
    cells
}

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all = Vec::new();
    for seed in 0..12 {
        let case = case("trees", seed);
        let ranks = ranks(&case);
        let TreeNode::Branch { feature, edges } = &trees(&case).trees[TREE as usize].nodes[0]
        else {
            panic!("no branch");
        };
        let rank = ranks[*feature as usize];
        let [(middle, left), (top, right)] = edges[..] else {
            panic!("not two edges");
        };
        let edge = |right_one: bool| Step {
            low: if right_one { middle + 1 } else { 0 },
            high: if right_one { top } else { middle },
            next: if right_one { right } else { left },
            feature: *feature,
            rank,
            carried: if right_one { right } else { left },
            leaf: if right_one { right } else { left },
        };
        let goes_right = rank > middle;
        let (honest, other) = (edge(goes_right), edge(!goes_right));
        assert!(show(&case, &honest).violations().is_empty());
        // The other edge, whose ranks the feature's is not among.
        let gate = if goes_right { "tree/2" } else { "tree/1" };
        all.push(Forgery::new(gate, show(&case, &other)));
        // The right edge, and another leaf behind it.
        let step = Step {
            carried: other.next,
            leaf: other.next,
            ..edge(goes_right)
        };
        all.push(Forgery::new("tree/3", show(&case, &step)));
        let step = Step {
            leaf: other.next,
            ..edge(goes_right)
        };
        all.push(Forgery::new("tree/4", show(&case, &step)));
        // Another feature's rank, which leads to the other leaf.
        for (feature, rank) in ranks.iter().enumerate() {
            if (other.low..=other.high).contains(rank) {
                let (feature, rank) = (feature as u32, *rank);
                let step = Step {
                    feature,
                    rank,
                    ..edge(!goes_right)
                };
                all.push(Forgery::new("tree/0", show(&case, &step)));
            }
        }
    }
    all
}
