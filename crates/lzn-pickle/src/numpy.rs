//! What plain pickles of NumPy may hold: arrays of bytes. Everything else is refused by name.
//!
//! `_reconstruct(ndarray, (0,), b"b")` makes an empty array, whose state `(version, shape, dtype, in columns, bytes)` is set afterwards.

use std::rc::Rc;

use crate::machine::Machine;
use crate::node::{ByteArray, Id, Known, Node};
use crate::opcodes as op;
use crate::tensor::DIMENSIONS;

/// What a name of Python means in such a pickle.
pub(crate) fn known(module: &str, name: &str) -> Option<Known> {
    match (module, name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Known::Reconstruct),
        ("numpy", "ndarray") => Some(Known::Ndarray),
        ("numpy", "dtype") => Some(Known::DtypeClass),
        ("_codecs", "encode") => Some(Known::Encode),
        _ => None,
    }
}

/// Letters that count as one value: bytes made of a text are a copy, and could be made of one text over and over.
const LETTERS: usize = 64;

impl Machine<'_> {
    pub(crate) fn bytes(&mut self, code: u8) -> Result<(), String> {
        let length = match code {
            op::SHORT_BINSTRING | op::SHORT_BINBYTES => usize::from(self.byte()?),
            _ => u32::from_le_bytes(self.take()?) as usize,
        };
        let bytes = Rc::from(self.slice(length)?);
        self.push(Node::Bytes(bytes))
    }

    fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn call_numpy(&mut self, callee: Id, arguments: &[Id]) -> Result<(), String> {
        let made = match (self.node(callee), arguments) {
            (Node::Known(Known::Reconstruct), [class, ..])
                if matches!(self.node(*class), Node::Known(Known::Ndarray)) =>
            {
                Node::Array(None)
            }
            (Node::Known(Known::DtypeClass), [name, ..]) => self.dtype(*name)?,
            (Node::Known(Known::Encode), [text, ..]) => {
                let Node::Text(text) = self.node(*text) else { return Err("bytes made of no text".to_owned()) };
                let bytes: Option<Rc<[u8]>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
                let bytes = bytes.ok_or("bytes made of letters that are not Latin")?;
                self.count(bytes.len() / LETTERS)?;
                Node::Bytes(bytes)
            }
            (other, _) => return Err(format!("it calls {}", other.kind())),
        };
        self.push(made)
    }

    fn dtype(&self, name: Id) -> Result<Node, String> {
        let name = match self.node(name) {
            Node::Text(name) => name.as_bytes(),
            Node::Bytes(name) => name,
            other => return Err(format!("{} in the place of a kind of number", other.kind())),
        };
        match name {
            b"u1" | b"uint8" | b"|u1" => Ok(Node::Known(Known::ByteDtype)),
            other => {
                let name: String = String::from_utf8_lossy(other).chars().take(20).collect();
                Err(format!("an array of `{name}`, and only arrays of bytes (`u1`) are read"))
            }
        }
    }

    /// Sets the state of an array; that of a kind of number says nothing about bytes.
    pub(crate) fn set_state(&mut self, state: Id) -> Result<(), String> {
        match self.top()? {
            Node::Known(Known::ByteDtype) => return Ok(()),
            Node::Array(None) => {}
            other => return Err(format!("it sets attributes of {}", other.kind())),
        }
        let array = self.array(state)?;
        if let Node::Array(place) = self.top()? {
            *place = Some(array);
        }
        Ok(())
    }

    fn array(&self, state: Id) -> Result<ByteArray, String> {
        let wrong = || "the state of an array is not as NumPy writes it".to_owned();
        let Node::Tuple(fields) = self.node(state) else { return Err(wrong()) };
        let fields: Vec<&Node> = fields.iter().map(|id| self.node(*id)).collect();
        let [Node::Int(_), Node::Tuple(shape), Node::Known(Known::ByteDtype), columns, Node::Bytes(bytes)] = fields[..]
        else {
            return Err(wrong());
        };
        if shape.len() > DIMENSIONS {
            return Err(format!("an array of {} dimensions", shape.len()));
        }
        let side = |id: &Id| if let Node::Int(n) = self.node(*id) { usize::try_from(*n).ok() } else { None };
        let shape: Vec<usize> = shape.iter().map(side).collect::<Option<_>>().ok_or_else(wrong)?;
        if !matches!(columns, Node::Bool(false) | Node::Int(0)) {
            return Err("an array in the order of its columns; save a copy in C order".to_owned());
        }
        let count = shape.iter().try_fold(1usize, |count, side| count.checked_mul(*side));
        if count != Some(bytes.len()) {
            return Err(format!("an array of shape {shape:?} with {} bytes", bytes.len()));
        }
        Ok(ByteArray { shape, bytes: bytes.clone() })
    }
}
