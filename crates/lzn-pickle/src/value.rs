//! Looking at what a file holds.

use std::fmt;

use crate::node::{Id, Node};
use crate::tensor::TensorInfo;

/// A value in a file. What is asked for under the wrong kind is `None`.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    nodes: &'a [Node],
    id: Id,
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl<'a> Value<'a> {
    pub(crate) fn new(nodes: &'a [Node], id: Id) -> Self {
        Self { nodes, id }
    }

    fn node(self) -> &'a Node {
        &self.nodes[self.id as usize]
    }

    fn at(self, id: Id) -> Self {
        Self { id, ..self }
    }

    /// What it is, in words, for errors: "a dict".
    #[must_use]
    pub fn kind(self) -> &'static str {
        self.node().kind()
    }

    /// The value of a text key of a dict. Of a key that was set twice, the later value.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        let mut entries = self.entries()?;
        entries.rfind(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Keys and values of a dict, in its order.
    #[must_use]
    pub fn entries(self) -> Option<impl DoubleEndedIterator<Item = (Self, Self)>> {
        match self.node() {
            Node::Dict(entries) => Some(entries.iter().map(move |(key, value)| (self.at(*key), self.at(*value)))),
            _ => None,
        }
    }

    /// Items of a list or tuple.
    #[must_use]
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Self>> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) => Some(items.iter().map(move |id| self.at(*id))),
            _ => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn int(self) -> Option<i64> {
        if let Node::Int(value) = self.node() { Some(*value) } else { None }
    }

    /// A number, whole or not.
    #[must_use]
    pub fn float(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// A truth value.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        if let Node::Bool(value) = self.node() { Some(*value) } else { None }
    }

    /// A text.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        if let Node::Text(value) = self.node() { Some(value) } else { None }
    }

    /// A tensor.
    #[must_use]
    pub fn tensor(self) -> Option<&'a TensorInfo> {
        if let Node::Tensor(value) = self.node() { Some(value) } else { None }
    }

    /// Whether it is `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }
}
