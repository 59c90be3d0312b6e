//! From nested dictionaries and modules to tensors with names.

use std::collections::HashMap;

use tch::Tensor;

use super::pickle::{Index, Node, Pickle};
use super::storage::{self, Blocks};

/// Modules in modules; deeper is no network.
const DEEPEST: usize = 32;

/// All tensors of a pickle; members of dictionaries and of modules are named with dots between.
pub(super) fn tensors(pickle: &Pickle, blocks: &Blocks) -> Result<HashMap<String, Tensor>, String> {
    let mut found = HashMap::new();
    // What is still to be looked at: a value, its name and how deep it lies.
    let mut open = vec![(pickle.root, String::new(), 0)];
    while let Some((index, name, depth)) = open.pop() {
        if let Some(tensor) = storage::tensor(pickle, index, blocks) {
            found.insert(name.clone(), tensor.map_err(|reason| format!("tensor `{name}`: {reason}"))?);
            continue;
        }
        let Some(items) = items(pickle, index) else { continue };
        if depth == DEEPEST {
            return Err(format!("`{name}` lies too deep for a network"));
        }
        for [key, value] in items.as_chunks::<2>().0 {
            let Some(key) = pickle.text(*key) else { continue };
            open.push((*value, if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }, depth + 1));
        }
    }
    if found.is_empty() { Err("there are no tensors in it".to_owned()) } else { Ok(found) }
}

/// Keys and values of a dictionary, or of the state of an instance.
fn items(pickle: &Pickle, index: Index) -> Option<&[Index]> {
    match pickle.get(index) {
        Node::Map(items) => Some(items),
        Node::Call { state: Some(state), .. } => match pickle.get(*state) {
            Node::Map(items) => Some(items),
            _ => None,
        },
        _ => None,
    }
}
