//! What `torch.save` wrote before version 1.6, and what the published weights of FID are: five pickles and the numbers.

use std::collections::{BTreeMap, HashMap};

use tch::Tensor;

use super::pickle::{Node, Pickle};
use super::storage::{Block, Blocks, numbers};
use super::walk;

/// How such a file begins: the pickle of a magic number.
pub(super) const START: &[u8] = b"\x80\x02\x8a\x0a";

/// The tensors of a file: magic number, version, machine, the object itself, names of blocks, then each block after its
/// length.
pub(super) fn read(bytes: &[u8]) -> Result<HashMap<String, Tensor>, String> {
    let mut at = 0;
    let mut next = || {
        let pickle = Pickle::read(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    for _ in 0..3 {
        next()?;
    }
    let object = next()?;
    let order = next()?;
    let described = blocks(&object)?;
    let mut blocks = Blocks::new();
    for key in order.list(order.root).ok_or("it has no list of blocks")? {
        let key = order.text(*key).ok_or("a block has no name")?;
        let block = described.get(key).ok_or_else(|| format!("block `{key}` is not described"))?;
        let length = bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|length| u64::from_le_bytes(*length));
        if length != Some(block.count as u64) {
            return Err(format!("block `{key}` should have {} numbers, has {length:?}", block.count));
        }
        let end = at.saturating_add(8).saturating_add(block.bytes()?);
        let data = bytes.get(at + 8..end).ok_or_else(|| format!("it ends within block `{key}`"))?;
        blocks.insert(key.to_owned(), numbers(block, data)?);
        at = end;
    }
    walk::tensors(&object, &blocks)
}

/// All blocks that a pickle refers to.
fn blocks(pickle: &Pickle) -> Result<BTreeMap<String, Block>, String> {
    let descriptions = pickle.nodes().filter_map(|node| match node {
        Node::External(description) => Some(*description),
        _ => None,
    });
    descriptions
        .map(|description| {
            let block = Block::describe(pickle, description).ok_or("it refers to a block in an unknown way")?;
            Ok((block.key.clone(), block))
        })
        .collect()
}
