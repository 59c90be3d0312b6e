//! From the description of a tensor in a pickle to the tensor.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::pickle::{Index, Node, Pickle};

/// A block of numbers that tensors are views of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Its name in the file.
    pub(super) key: String,
    /// The kind of its numbers.
    pub(super) kind: Kind,
    /// How many there are.
    pub(super) count: usize,
}

impl Block {
    /// Reads `('storage', class, key, place, count, ...)`.
    pub(super) fn describe(pickle: &Pickle, index: Index) -> Option<Self> {
        let parts = pickle.list(index)?;
        let [tag, class, key, _, count, ..] = parts else { return None };
        if pickle.text(*tag)? != "storage" {
            return None;
        }
        let kind = match pickle.text(*class)?.rsplit('.').next()? {
            "FloatStorage" => Kind::Float,
            "DoubleStorage" => Kind::Double,
            "HalfStorage" => Kind::Half,
            "BFloat16Storage" => Kind::BFloat16,
            "LongStorage" => Kind::Int64,
            "IntStorage" => Kind::Int,
            "ShortStorage" => Kind::Int16,
            "CharStorage" => Kind::Int8,
            "ByteStorage" => Kind::Uint8,
            "BoolStorage" => Kind::Bool,
            _ => return None,
        };
        Some(Self { key: pickle.text(*key)?.to_owned(), kind, count: usize::try_from(pickle.integer(*count)?).ok()? })
    }

    /// Bytes in the file.
    pub(super) fn bytes(&self) -> Result<usize, String> {
        let size = self.kind.elt_size_in_bytes();
        self.count.checked_mul(size).ok_or_else(|| format!("block `{}` is larger than any memory", self.key))
    }
}

/// The blocks of a file by name, as tensors of one axis.
pub(super) type Blocks = BTreeMap<String, Tensor>;

/// The numbers of a block.
pub(super) fn numbers(block: &Block, bytes: &[u8]) -> Result<Tensor, String> {
    if bytes.len() != block.bytes()? {
        return Err(format!("block `{}` has {} bytes for {} numbers", block.key, bytes.len(), block.count));
    }
    Tensor::f_from_data_size(bytes, &[block.count as i64], block.kind).map_err(|e| e.to_string())
}

/// The tensor that a call describes; `None` for a call of anything else.
pub(super) fn tensor(pickle: &Pickle, call: Index, blocks: &Blocks) -> Option<Result<Tensor, String>> {
    let Node::Call { callee, arguments, .. } = pickle.get(call) else { return None };
    let arguments = pickle.list(*arguments)?;
    match pickle.text(*callee)? {
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => Some(view(pickle, arguments, blocks)),
        // The data of a parameter comes first.
        "torch._utils._rebuild_parameter" => tensor(pickle, *arguments.first()?, blocks),
        _ => None,
    }
}

fn view(pickle: &Pickle, arguments: &[Index], blocks: &Blocks) -> Result<Tensor, String> {
    let unreadable = || "it describes a tensor in an unknown way".to_owned();
    let [storage, offset, size, stride, ..] = arguments else { return Err(unreadable()) };
    let Node::External(description) = pickle.get(*storage) else { return Err(unreadable()) };
    let block = Block::describe(pickle, *description).ok_or_else(unreadable)?;
    let numbers = blocks.get(&block.key).ok_or_else(|| format!("block `{}` is missing", block.key))?;
    let integers = |index: Index| {
        let members = pickle.list(index).ok_or_else(unreadable)?;
        members.iter().map(|member| pickle.integer(*member).ok_or_else(unreadable)).collect::<Result<Vec<_>, _>>()
    };
    let (size, stride) = (integers(*size)?, integers(*stride)?);
    let offset = pickle.integer(*offset).ok_or_else(unreadable)?;
    // libtorch checks that the view lies inside of the block.
    numbers
        .f_as_strided(&size, &stride, offset)
        .and_then(|view| view.f_contiguous())
        .map_err(|_| format!("a tensor of shape {size:?} lies outside of its block `{}`", block.key))
}
