//! What the stack machine makes: values in one list, which name each other by their places in it.
//!
//! So a value that holds itself, or a million nested ones, costs no recursion when it is made, looked at or dropped.

use std::collections::HashMap;
use std::rc::Rc;

use crate::Limits;
use crate::dtype::Dtype;
use crate::tensor::TensorInfo;

/// Place of a value.
pub(crate) type Id = u32;

/// One value.
#[derive(Debug)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Of plain pickles: bytes, or a text of Python 2.
    Bytes(Rc<[u8]>),
    /// Of plain pickles: an array of NumPy; none until its state is set.
    Array(Option<ByteArray>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An object of TorchScript, by its attributes.
    Module(Vec<(Id, Id)>),
    Tensor(TensorInfo),
    Storage(Storage),
    Known(Known),
}

/// The memory of tensors, by the name of its entry.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub(crate) key: String,
    pub(crate) dtype: Dtype,
    /// Elements.
    pub(crate) len: usize,
}

/// An array of bytes.
#[derive(Debug, Clone)]
pub(crate) struct ByteArray {
    pub(crate) shape: Vec<usize>,
    /// Row-major, as many as the shape says.
    pub(crate) bytes: Rc<[u8]>,
}

/// A name of Python that is understood, and never called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Known {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// A class of TorchScript: its objects are their attributes.
    Class,
    /// What TorchScript wraps lists in; its first argument is what it makes.
    Wrapper,
    Storage(Dtype),
    /// NumPy's function that makes an empty array.
    Reconstruct,
    /// NumPy's class of arrays.
    Ndarray,
    /// NumPy's class of kinds of numbers.
    DtypeClass,
    /// The kind of number that is read: one byte.
    ByteDtype,
    /// Python's function that makes bytes of a text of Latin letters.
    Encode,
}

impl Node {
    /// What it is, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "an array",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Module(_) => "a module",
            Self::Tensor(_) => "a tensor",
            Self::Storage(_) => "the memory of a tensor",
            Self::Known(_) => "a class",
        }
    }

    fn children(&self) -> Vec<Id> {
        match self {
            Self::List(items) | Self::Tuple(items) => items.clone(),
            Self::Dict(entries) | Self::Module(entries) => {
                entries.iter().flat_map(|(key, value)| [*key, *value]).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Refuses values that hold themselves, and nesting beyond the limit.
pub(crate) fn check_depth(nodes: &[Node], root: Id, limits: &Limits) -> Result<(), String> {
    // Containers under each finished value; values on the way are in `path`.
    let mut heights: HashMap<Id, usize> = HashMap::new();
    let mut path: Vec<(Id, Vec<Id>, usize)> = vec![(root, nodes[root as usize].children(), 0)];
    let mut open = std::collections::HashSet::from([root]);
    while let Some((id, left, height)) = path.last_mut() {
        let Some(child) = left.pop() else {
            let (id, height) = (*id, *height);
            open.remove(&id);
            heights.insert(id, height);
            path.pop();
            if let Some((_, _, above)) = path.last_mut() {
                *above = (*above).max(height + 1);
            }
            continue;
        };
        if open.contains(&child) {
            return Err("a list or dict in its pickle contains itself".to_owned());
        }
        let below = match heights.get(&child) {
            Some(below) => *below,
            None => {
                open.insert(child);
                path.push((child, nodes[child as usize].children(), 0));
                0
            }
        };
        if path.len() + below > limits.depth {
            return Err(format!("its pickle nests values deeper than {}", limits.depth));
        }
        if heights.contains_key(&child)
            && let Some((_, _, above)) = path.last_mut()
        {
            *above = (*above).max(below + 1);
        }
    }
    Ok(())
}
