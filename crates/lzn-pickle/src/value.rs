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

    /// The value of a text key of a dict, be it of Python 2 or 3. Of a key that was set twice, the later value.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        let mut entries = self.entries()?;
        entries
            .rfind(|(name, _)| name.text() == Some(key) || name.bytes() == Some(key.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Keys and values of a dict, or names and values of the attributes of a TorchScript module, in its order.
    #[must_use]
    pub fn entries(self) -> Option<impl DoubleEndedIterator<Item = (Self, Self)>> {
        match self.node() {
            Node::Dict(entries) | Node::Module(entries) => {
                Some(entries.iter().map(move |(key, value)| (self.at(*key), self.at(*value))))
            }
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

    /// Bytes of a plain pickle; texts of Python 2 are such.
    #[must_use]
    pub fn bytes(self) -> Option<&'a [u8]> {
        if let Node::Bytes(value) = self.node() { Some(value) } else { None }
    }

    /// An array of bytes of a plain pickle: its shape, and its elements, row-major.
    #[must_use]
    pub fn byte_array(self) -> Option<(&'a [usize], &'a [u8])> {
        match self.node() {
            Node::Array(Some(array)) => Some((&array.shape, &array.bytes)),
            _ => None,
        }
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
