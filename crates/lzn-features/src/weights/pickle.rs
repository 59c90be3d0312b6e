//! A reader of pickles that builds values and runs nothing.
//!
//! Python's `pickle` is a small stack machine whose programs may call any function. This one knows the instructions
//! that `torch.save` and TorchScript write, keeps calls as data, and stops at any other. Values lie in one list and
//! refer to each other by position, so nothing recurses however a file is nested.

/// The position of a value.
pub(super) type Index = usize;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `None`.
    Nothing,
    /// Integers and truth values.
    Integer(i64),
    /// Floating-point numbers, which weights do not need.
    Float,
    /// Text.
    Text(String),
    /// Tuples and lists.
    List(Vec<Index>),
    /// Dictionaries: keys and values in turn.
    Map(Vec<Index>),
    /// A class or function: module and name with a dot between.
    Global(String),
    /// A call, or an instance of a class: what is called, arguments, and the state or items that it was given
    /// afterwards.
    Call { callee: Index, arguments: Index, state: Option<Index> },
    /// What is stored outside of the pickle, and how it is described.
    External(Index),
}

/// The values of one pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    /// The value that it is.
    pub(super) root: Index,
    /// Bytes that were read.
    pub(super) length: usize,
}

impl Pickle {
    /// The value at a position.
    pub(super) fn get(&self, index: Index) -> &Node {
        &self.nodes[index]
    }

    /// All values.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// A text.
    pub(super) fn text(&self, index: Index) -> Option<&str> {
        match self.get(index) {
            Node::Text(text) | Node::Global(text) => Some(text),
            _ => None,
        }
    }

    /// An integer.
    pub(super) fn integer(&self, index: Index) -> Option<i64> {
        match self.get(index) {
            Node::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The members of a tuple or list.
    pub(super) fn list(&self, index: Index) -> Option<&[Index]> {
        match self.get(index) {
            Node::List(members) => Some(members),
            _ => None,
        }
    }

    /// Reads the pickle at the beginning of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut machine =
            Machine { bytes, at: 0, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: Vec::new() };
        loop {
            let code = machine.byte()?;
            if code == b'.' {
                let root = machine.pop()?;
                return Ok(Self { nodes: machine.nodes, root, length: machine.at });
            }
            machine.step(code)?;
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Index>,
    marks: Vec<usize>,
    memo: Vec<Option<Index>>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, code: u8) -> Result<(), String> {
        match code {
            0x80 => drop(self.take(1)?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::Nothing),
            0x88 => self.push(Node::Integer(1)),
            0x89 => self.push(Node::Integer(0)),
            b'K' | b'M' | b'J' | 0x8a => self.integer(code)?,
            b'G' => {
                self.take(8)?;
                self.push(Node::Float);
            }
            b'X' | b'T' | b'U' => self.text(code)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(format!("{module}.{name}")));
            }
            b')' | b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Map(Vec::new())),
            b't' => {
                let members = self.since_mark()?;
                self.push(Node::List(members));
            }
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or_else(short)?;
                let members = self.stack.split_off(start);
                self.push(Node::List(members));
            }
            b'q' | b'r' => self.remember(code)?,
            b'h' | b'j' => self.recall(code)?,
            b'a' | b's' | b'e' | b'u' => self.extend(code)?,
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.push(Node::Call { callee, arguments, state: None });
            }
            b'b' => self.build()?,
            b'Q' => {
                let description = self.pop()?;
                self.push(Node::External(description));
            }
            other => {
                return Err(format!("its pickle has the instruction {other:#04x}, which no file of tensors needs"));
            }
        }
        Ok(())
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<Index, String> {
        self.stack.pop().ok_or_else(short)
    }

    fn since_mark(&mut self) -> Result<Vec<Index>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or_else(short)?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..count)).ok_or_else(short)?;
        self.at += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number of so many bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or_else(short)?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn integer(&mut self, code: u8) -> Result<(), String> {
        let (bytes, signed) = match code {
            b'K' => (1, false),
            b'M' => (2, false),
            b'J' => (4, true),
            _ => (usize::from(self.byte()?), true),
        };
        // Longer ones are magic numbers, which nothing here looks at.
        let number = self.number(bytes)? as i64;
        let unused = if signed && (1..8).contains(&bytes) { 64 - 8 * bytes } else { 0 };
        self.push(Node::Integer(number << unused >> unused));
        Ok(())
    }

    fn text(&mut self, code: u8) -> Result<(), String> {
        let length = self.number(if code == b'U' { 1 } else { 4 })? as usize;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Node::Text(text));
        Ok(())
    }

    fn remember(&mut self, code: u8) -> Result<(), String> {
        let place = self.number(if code == b'q' { 1 } else { 4 })? as usize;
        // Places are counted from 0, so a place beyond all bytes is damage, and must not become that much memory.
        if place > self.bytes.len() {
            return Err(format!("its pickle remembers a value at place {place}, beyond its length"));
        }
        if self.memo.len() <= place {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = self.stack.last().copied();
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<(), String> {
        let place = self.number(if code == b'h' { 1 } else { 4 })? as usize;
        let value = self.memo.get(place).copied().flatten();
        self.stack.push(value.ok_or_else(|| format!("its pickle recalls place {place}, where there is nothing"))?);
        Ok(())
    }

    /// One member or all since the mark, into the list or dictionary below.
    fn extend(&mut self, code: u8) -> Result<(), String> {
        let members = match code {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        let below = *self.stack.last().ok_or_else(short)?;
        let new = self.nodes.len();
        let target = match &mut self.nodes[below] {
            Node::List(_) | Node::Map(_) => below,
            // An ordered dictionary or the like: its items are its state.
            Node::Call { state, .. } => *state.get_or_insert(new),
            _ => new,
        };
        if target == new {
            self.nodes.push(Node::Map(Vec::new()));
        }
        match &mut self.nodes[target] {
            Node::List(list) | Node::Map(list) => list.extend(members),
            _ => return Err("its pickle adds members to something that has none".to_owned()),
        }
        Ok(())
    }

    fn build(&mut self) -> Result<(), String> {
        let given = self.pop()?;
        let below = *self.stack.last().ok_or_else(short)?;
        match &mut self.nodes[below] {
            // The items of a dictionary matter, attributes of its class (`_metadata`) do not.
            Node::Call { state: state @ None, .. } => *state = Some(given),
            Node::Call { .. } | Node::Map(_) => {}
            _ => return Err("its pickle gives a state to something that has none".to_owned()),
        }
        Ok(())
    }
}

fn short() -> String {
    "its pickle ends too early".to_owned()
}
