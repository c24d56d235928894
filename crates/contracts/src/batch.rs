//! What a proof about many requests of one model is about: tag, public inputs, results' root.
//!
//! `batchTag = keccak256(abi.encode(BATCH_V1, chainid, settler, vkHash, n, keccak256(leaf tags)))`
//! with the tags of the single requests as leaves, and the public inputs are `[tagHi, tagLo, model
//! commitment of private weights, item 1, …, item N]`, an item being its input words (or the one
//! commitment) and its output words. Items beyond the `n` leaves repeat the last leaf. A posted
//! batch is a Merkle tree over its results: leaves are hashed behind a byte 0, nodes behind a byte
//! 1, and a level of odd size is completed by zero.

use alloy::{
    primitives::{Address, B256, U256, b256, keccak256},
    sol_types::SolValue,
};

use crate::statement::{self, WORD_BYTES};

/// `keccak256("haloracle.batch.v1")`: domain of the batch tag, and `kind()` of the settler.
pub const BATCH_V1: B256 =
    b256!("de1494928c24aed35b860d7ea24804337c2267c198ff69feb62b74c2f0726eea");
/// `keccak256("haloracle.root.v1")`: domain of a posted batch's id.
pub const ROOT_V1: B256 = b256!("97476dbb51f6426862bdd40b3ec91b2f57dd4b5eb051801b554c371803bf392e");

/// Fewest items of a batch circuit.
pub const MIN_ITEMS: usize = 2;
/// Most items of a batch circuit.
pub const MAX_ITEMS: usize = 256;

/// Leaves and items do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A batch has one leaf at least, and the circuit an item for each.
    #[error("{leaves} leaves do not fit a circuit of {items} items")]
    LeafCount {
        /// Given leaves.
        leaves: usize,
        /// Items of the circuit.
        items: usize,
    },
    /// No position of the batch.
    #[error("a batch of {leaves} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// Asked for.
        index: usize,
        /// Leaves of the batch.
        leaves: usize,
    },
}

/// The tag that binds a proof to chain, settler, key and every leaf's request and payee.
///
/// `leaves` are the requests' ids and the payees, in their order; `vk_hash` is the hash of the
/// batch key's data.
pub fn batch_tag(
    chain_id: u64,
    settler: Address,
    vk_hash: B256,
    leaves: &[(U256, Address)],
) -> B256 {
    let tags: Vec<u8> = leaves
        .iter()
        .flat_map(|(id, payee)| statement::tag(*id, *payee).0)
        .collect();
    let preimage = (
        BATCH_V1,
        U256::from(chain_id),
        settler,
        vk_hash,
        U256::from(leaves.len()),
        keccak256(tags),
    );
    keccak256(preimage.abi_encode())
}

/// The public inputs of a batch proof under a key for `items` items. Each of `leaves` is an
/// instance part of a single statement: input words or their commitment, then output words.
///
/// # Errors
/// No leaves, or more than items.
pub fn instances(
    tag: B256,
    model_commitment: B256,
    items: usize,
    leaves: &[Vec<[u8; WORD_BYTES]>],
) -> Result<Vec<[u8; WORD_BYTES]>, BatchError> {
    let misfit = BatchError::LeafCount {
        leaves: leaves.len(),
        items,
    };
    if leaves.len() > items {
        return Err(misfit);
    }
    let last = leaves.last().ok_or(misfit)?;
    let padding = std::iter::repeat_n(last, items - leaves.len());
    let words = leaves.iter().chain(padding).flatten().copied();
    let before = statement::instances(tag, model_commitment, &[], &[]);
    Ok(before.into_iter().chain(words).collect())
}

/// The id of a posted batch.
pub fn batch_id(model_id: U256, batch_tag: B256) -> U256 {
    keccak256((ROOT_V1, model_id, batch_tag).abi_encode()).into()
}

/// One result of a batch, as its leaf says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchResult {
    /// The request.
    pub request_id: U256,
    /// Who proved it.
    pub payee: Address,
    /// Status of the answer.
    pub status: U256,
    /// The request's input digest.
    pub input_digest: B256,
    /// keccak-256 of the output words.
    pub output_digest: B256,
}

/// The tree over a posted batch's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultTree {
    /// From the leaves up; the last level is the root alone.
    levels: Vec<Vec<B256>>,
}

impl ResultTree {
    /// The tree of batch `batch_id`, proved on chain `chain_id` to `settler`.
    ///
    /// # Errors
    /// No results, or more than any batch has.
    pub fn new(
        chain_id: u64,
        settler: Address,
        batch_id: U256,
        results: &[BatchResult],
    ) -> Result<Self, BatchError> {
        if results.is_empty() || results.len() > MAX_ITEMS {
            return Err(BatchError::LeafCount {
                leaves: results.len(),
                items: MAX_ITEMS,
            });
        }
        let leaf = |(index, result)| leaf(chain_id, settler, batch_id, index, result);
        let mut level: Vec<B256> = results.iter().enumerate().map(leaf).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.chunks(2).map(|pair| {
                let right = pair.get(1).copied().unwrap_or_default();
                node(pair[0], right)
            });
            let above = above.collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Ok(Self { levels })
    }

    /// What the settler stores.
    pub fn root(&self) -> B256 {
        self.levels
            .last()
            .and_then(|level| level.first())
            .copied()
            .unwrap_or_default()
    }

    /// The siblings on the way from the leaf at `index` to the root.
    ///
    /// # Errors
    /// No such leaf.
    pub fn path(&self, index: usize) -> Result<Vec<B256>, BatchError> {
        let leaves = self.levels.first().map_or(0, Vec::len);
        if index >= leaves {
            return Err(BatchError::NoSuchLeaf { index, leaves });
        }
        let below_root = self.levels.iter().rev().skip(1).rev();
        let siblings = below_root.enumerate().map(|(depth, level)| {
            let sibling = (index >> depth) ^ 1;
            level.get(sibling).copied().unwrap_or_default()
        });
        Ok(siblings.collect())
    }
}

/// The hash of one result.
pub fn leaf(
    chain_id: u64,
    settler: Address,
    batch_id: U256,
    index: usize,
    result: &BatchResult,
) -> B256 {
    let encoded = (
        U256::from(chain_id),
        settler,
        batch_id,
        U256::from(index),
        result.request_id,
        result.payee,
        result.status,
        result.input_digest,
        result.output_digest,
    )
        .abi_encode();
    keccak256([&[0u8], encoded.as_slice()].concat())
}

fn node(left: B256, right: B256) -> B256 {
    keccak256([&[1u8], left.as_slice(), right.as_slice()].concat())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test ends where its data do")]
mod tests {
    use super::*;

    #[test]
    fn domains_are_hashes_of_their_names() {
        assert_eq!(BATCH_V1, keccak256("haloracle.batch.v1"));
        assert_eq!(ROOT_V1, keccak256("haloracle.root.v1"));
    }

    #[test]
    fn everything_is_part_of_the_tag() {
        let leaves = [
            (U256::from(1), Address::repeat_byte(1)),
            (U256::from(2), Address::repeat_byte(2)),
        ];
        let settler = Address::repeat_byte(3);
        let key = B256::repeat_byte(4);
        let tag = batch_tag(31_337, settler, key, &leaves);
        let swapped = [leaves[1], leaves[0]];
        let others = [
            batch_tag(1, settler, key, &leaves),
            batch_tag(31_337, Address::ZERO, key, &leaves),
            batch_tag(31_337, settler, B256::ZERO, &leaves),
            batch_tag(31_337, settler, key, &swapped),
            batch_tag(31_337, settler, key, &leaves[..1]),
            batch_tag(31_337, settler, key, &[leaves[0], leaves[0]]),
            batch_tag(31_337, settler, key, &[leaves[0], leaves[1], leaves[1]]),
        ];
        assert!(!others.contains(&tag));
        // Of one leaf: still not the tag of that request alone.
        let alone = batch_tag(31_337, settler, key, &leaves[..1]);
        assert_ne!(alone, statement::tag(leaves[0].0, leaves[0].1));
    }

    #[test]
    fn padding_repeats_the_last_leaf() {
        let word = |byte| [byte; WORD_BYTES];
        let leaves = [vec![word(1), word(2)], vec![word(3), word(4)]];
        let tag = B256::repeat_byte(9);
        let words = instances(tag, B256::repeat_byte(7), 4, &leaves).expect("two of four");
        assert_eq!(words.len(), 2 + 1 + 4 * 2);
        assert_eq!(words[2..7], [7, 1, 2, 3, 4].map(word));
        assert_eq!(words[7..], [3, 4, 3, 4].map(word));
        assert_eq!(
            instances(tag, B256::ZERO, 1, &leaves),
            Err(BatchError::LeafCount {
                leaves: 2,
                items: 1
            })
        );
        assert!(instances(tag, B256::ZERO, 4, &[]).is_err());
    }

    fn result(byte: u8) -> BatchResult {
        BatchResult {
            request_id: U256::from(byte),
            payee: Address::repeat_byte(byte),
            status: U256::ZERO,
            input_digest: B256::repeat_byte(byte),
            output_digest: B256::repeat_byte(!byte),
        }
    }

    /// Folds a path as the contract does.
    fn fold(leaf: B256, index: usize, path: &[B256]) -> B256 {
        let step = |below, (depth, sibling): (usize, &B256)| match (index >> depth) & 1 {
            0 => node(below, *sibling),
            _ => node(*sibling, below),
        };
        path.iter().enumerate().fold(leaf, step)
    }

    #[test]
    fn every_path_of_every_size_leads_to_the_root() {
        let (settler, id) = (Address::repeat_byte(5), U256::from(6));
        for count in 1..=20u8 {
            let results: Vec<_> = (0..count).map(result).collect();
            let tree = ResultTree::new(1, settler, id, &results).expect("a tree");
            for (index, result) in results.iter().enumerate() {
                let path = tree.path(index).expect("a path");
                assert_eq!(1 << path.len(), usize::from(count).next_power_of_two());
                let leaf = leaf(1, settler, id, index, result);
                assert_eq!(fold(leaf, index, &path), tree.root());
            }
            assert!(tree.path(results.len()).is_err());
        }
        assert!(ResultTree::new(1, settler, id, &[]).is_err());
        assert!(ResultTree::new(1, settler, id, &[result(0); 257]).is_err());
    }
}
