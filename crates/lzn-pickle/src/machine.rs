//! The stack machine of pickle programs, with nothing to call.
//!
//! Names of Python are looked up in a short list; "calling" one of them makes a value of ours. Every instruction makes
//! at most one value or moves values that are there, and each is counted, so memory is linear in the length of the program.

use std::collections::HashMap;

use crate::Limits;
use crate::dtype::Dtype;
use crate::node::{Id, Known, Node, Storage};
use crate::numpy;
use crate::opcodes as op;
use crate::tensor::{DIMENSIONS, TensorInfo};

/// What a program made.
pub(crate) struct Made {
    /// All values.
    pub(crate) nodes: Vec<Node>,
    /// The place of its result.
    pub(crate) root: Id,
    /// Bytes of the program; what follows is something else.
    pub(crate) length: usize,
}

/// What may be in a program beside plain values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialect {
    /// Tensors, as `torch.save` writes them.
    Torch,
    /// Bytes, and arrays of bytes of NumPy.
    Numpy,
}

/// Runs the program at the beginning of `program`.
pub(crate) fn run(program: &[u8], limits: &Limits) -> Result<Made, String> {
    run_as(Dialect::Torch, program, limits)
}

/// As [`run`], in a dialect.
pub(crate) fn run_as(dialect: Dialect, program: &[u8], limits: &Limits) -> Result<Made, String> {
    let mut machine = Machine {
        dialect,
        program,
        at: 0,
        limits,
        counted: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let start = machine.at;
        let code = machine.byte().map_err(|reason| format!("its pickle ends early: {reason}"))?;
        match machine.step(code) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Made { nodes: machine.nodes, root, length: machine.at }),
            Err(reason) => return Err(format!("byte {start} of its pickle: {reason}")),
        }
    }
}

pub(crate) struct Machine<'a> {
    dialect: Dialect,
    program: &'a [u8],
    at: usize,
    limits: &'a Limits,
    counted: usize,
    pub(crate) nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    /// Takes one instruction; the result when it was the last.
    fn step(&mut self, code: u8) -> Result<Option<Id>, String> {
        match code {
            op::PROTO => self.protocol()?,
            op::FRAME => drop(self.take::<8>()?),
            op::STOP => return self.stop().map(Some),
            op::MARK => {
                self.count(1)?;
                self.marks.push(self.stack.len());
            }
            op::NONE => self.push(Node::None)?,
            op::TRUE => self.push(Node::Bool(true))?,
            op::FALSE => self.push(Node::Bool(false))?,
            op::BININT | op::BININT1 | op::BININT2 | op::LONG1 => self.int(code)?,
            op::BINFLOAT => {
                let value = f64::from_be_bytes(self.take()?);
                self.push(Node::Float(value))?;
            }
            op::SHORT_BINUNICODE | op::BINUNICODE => self.text(code)?,
            op::SHORT_BINSTRING | op::BINSTRING | op::SHORT_BINBYTES | op::BINBYTES
                if self.dialect == Dialect::Numpy =>
            {
                self.bytes(code)?;
            }
            op::EMPTY_LIST => self.push(Node::List(Vec::new()))?,
            op::EMPTY_TUPLE => self.push(Node::Tuple(Vec::new()))?,
            op::EMPTY_DICT => self.push(Node::Dict(Vec::new()))?,
            op::TUPLE | op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => self.tuple(code)?,
            op::APPEND | op::APPENDS => self.append(code == op::APPENDS)?,
            op::SETITEM | op::SETITEMS => self.set(code == op::SETITEMS)?,
            op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.put(code)?,
            op::BINGET | op::LONG_BINGET => self.get(code)?,
            op::GLOBAL | op::STACK_GLOBAL => self.global(code == op::STACK_GLOBAL)?,
            op::BINPERSID => self.storage()?,
            op::REDUCE => self.reduce()?,
            op::NEWOBJ => self.object()?,
            op::BUILD => self.build()?,
            other => return Err(format!("instruction {other:#04x}, which no checkpoint needs")),
        }
        Ok(None)
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.byte()? {
            2..=5 => Ok(()),
            other => Err(format!("it is of protocol {other}; torch.save writes 2")),
        }
    }

    fn stop(&mut self) -> Result<Id, String> {
        let root = self.pop()?;
        if self.stack.is_empty() && self.marks.is_empty() { Ok(root) } else { Err("values are left over".to_owned()) }
    }

    fn int(&mut self, code: u8) -> Result<(), String> {
        let value = match code {
            op::BININT => i64::from(i32::from_le_bytes(self.take()?)),
            op::BININT1 => i64::from(self.byte()?),
            op::BININT2 => i64::from(u16::from_le_bytes(self.take()?)),
            _ => {
                let length = usize::from(self.byte()?);
                let digits = self.slice(length)?;
                let negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut word = [if negative { 0xff } else { 0 }; 8];
                let low = word.get_mut(..length).ok_or("a number of more than 64 bits")?;
                low.copy_from_slice(digits);
                i64::from_le_bytes(word)
            }
        };
        self.push(Node::Int(value))
    }

    fn text(&mut self, code: u8) -> Result<(), String> {
        let length = match code {
            op::SHORT_BINUNICODE => usize::from(self.byte()?),
            _ => u32::from_le_bytes(self.take()?) as usize,
        };
        let text = std::str::from_utf8(self.slice(length)?).map_err(|_| "a text that is not UTF-8")?;
        self.push(Node::Text(text.to_owned()))
    }

    fn tuple(&mut self, code: u8) -> Result<(), String> {
        let items = match code {
            op::TUPLE => self.since_mark()?,
            op::TUPLE1 => self.last(1)?,
            op::TUPLE2 => self.last(2)?,
            _ => self.last(3)?,
        };
        self.count(items.len())?;
        self.push(Node::Tuple(items))
    }

    fn append(&mut self, many: bool) -> Result<(), String> {
        let items = if many { self.since_mark()? } else { self.last(1)? };
        self.count(items.len())?;
        match self.top()? {
            Node::List(list) => list.extend(items),
            other => return Err(format!("it adds items to {}", other.kind())),
        }
        Ok(())
    }

    fn set(&mut self, many: bool) -> Result<(), String> {
        let items = if many { self.since_mark()? } else { self.last(2)? };
        self.count(items.len())?;
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top()? {
            Node::Dict(dict) if rest.is_empty() => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Node::Dict(_) => return Err("a key without a value".to_owned()),
            other => return Err(format!("it sets keys of {}", other.kind())),
        }
        Ok(())
    }

    fn put(&mut self, code: u8) -> Result<(), String> {
        self.count(1)?;
        let place = match code {
            op::BINPUT => u32::from(self.byte()?),
            op::LONG_BINPUT => u32::from_le_bytes(self.take()?),
            _ => self.memo.len() as u32,
        };
        let top = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn get(&mut self, code: u8) -> Result<(), String> {
        self.count(1)?;
        let place = if code == op::BINGET { u32::from(self.byte()?) } else { u32::from_le_bytes(self.take()?) };
        let id = *self.memo.get(&place).ok_or("it asks for a value that it never made")?;
        self.stack.push(id);
        Ok(())
    }

    fn global(&mut self, from_stack: bool) -> Result<(), String> {
        let (module, name) = if from_stack {
            let names = self.last(2)?;
            let text = |id: Id| match &self.nodes[id as usize] {
                Node::Text(text) => Ok(text.clone()),
                other => Err(format!("{} in the place of a name", other.kind())),
            };
            (text(names[0])?, text(names[1])?)
        } else {
            (self.line()?, self.line()?)
        };
        if self.dialect == Dialect::Numpy {
            let known = numpy::known(&module, &name).ok_or_else(|| stranger(&module, &name))?;
            return self.push(Node::Known(known));
        }
        let known = match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => Known::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Known::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Known::RebuildParameter,
            ("torch.jit._pickle", _) => Known::Wrapper,
            (class, _) if class == "__torch__" || class.starts_with("__torch__.") => Known::Class,
            ("torch", storage) => Known::Storage(Dtype::of_storage(storage).ok_or_else(|| stranger(&module, &name))?),
            _ => return Err(stranger(&module, &name)),
        };
        self.push(Node::Known(known))
    }

    /// `("storage", type, key, device, elements)`; before PyTorch 1.6 one more, which is `None` for memory that is no part of other.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let wrong = || "it names the memory of a tensor in a way that torch.save does not".to_owned();
        let Node::Tuple(fields) = &self.nodes[id as usize] else { return Err(wrong()) };
        let mut fields: Vec<&Node> = fields.iter().map(|id| &self.nodes[*id as usize]).collect();
        fields.pop_if(|last| matches!(last, Node::None));
        let [Node::Text(word), Node::Known(Known::Storage(dtype)), Node::Text(key), Node::Text(_), Node::Int(len)] =
            fields[..]
        else {
            return Err(wrong());
        };
        // The key is copied with every tensor, so it must be short.
        if word != "storage" || key.len() > KEY {
            return Err(wrong());
        }
        let len = usize::try_from(*len).map_err(|_| format!("the memory of a tensor has {len} elements"))?;
        let storage = Storage { key: key.clone(), dtype: *dtype, len };
        self.push(Node::Storage(storage))
    }

    fn reduce(&mut self) -> Result<(), String> {
        let both = self.last(2)?;
        let Node::Tuple(arguments) = &self.nodes[both[1] as usize] else {
            return Err("a call without a tuple of arguments".to_owned());
        };
        if self.dialect == Dialect::Numpy {
            let arguments = arguments.clone();
            return self.call_numpy(both[0], &arguments);
        }
        let callee = &self.nodes[both[0] as usize];
        if let (Node::Known(Known::RebuildParameter | Known::Wrapper), Some(first)) = (callee, arguments.first()) {
            self.stack.push(*first);
            return Ok(());
        }
        let made = match callee {
            Node::Known(Known::OrderedDict) if arguments.is_empty() => Node::Dict(Vec::new()),
            Node::Known(Known::OrderedDict) => return Err("an OrderedDict with arguments".to_owned()),
            Node::Known(Known::RebuildTensor) => Node::Tensor(self.tensor(arguments)?),
            other => return Err(format!("it calls {}", other.kind())),
        };
        self.push(made)
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks[, metadata])`; the last ones are of no use here.
    fn tensor(&self, arguments: &[Id]) -> Result<TensorInfo, String> {
        let node = |id: Id| &self.nodes[id as usize];
        let numbers = |id: Id| match node(id) {
            Node::Tuple(items) if items.len() > DIMENSIONS => Err(format!("a tensor of {} dimensions", items.len())),
            Node::Tuple(items) => items
                .iter()
                .map(|id| match node(*id) {
                    Node::Int(n) => Ok(*n),
                    other => Err(format!("{} in the shape of a tensor", other.kind())),
                })
                .collect::<Result<Vec<i64>, String>>(),
            other => Err(format!("{} as the shape of a tensor", other.kind())),
        };
        let &[storage, offset, shape, strides, _, _, ..] = arguments else {
            return Err(format!("a tensor of {} arguments", arguments.len()));
        };
        let (Node::Storage(storage), Node::Int(offset)) = (node(storage), node(offset)) else {
            return Err("a tensor without memory".to_owned());
        };
        TensorInfo::new(storage.clone(), *offset, &numbers(shape)?, &numbers(strides)?)
    }

    /// An object of TorchScript, still without attributes.
    fn object(&mut self) -> Result<(), String> {
        let both = self.last(2)?;
        match &self.nodes[both[0] as usize] {
            Node::Known(Known::Class) => self.push(Node::Module(Vec::new())),
            other => Err(format!("it makes an object of {}", other.kind())),
        }
    }

    /// Sets attributes of an object. State dicts have one, the versions of their modules, which nothing here needs.
    fn build(&mut self) -> Result<(), String> {
        let attributes = self.pop()?;
        if self.dialect == Dialect::Numpy {
            return self.set_state(attributes);
        }
        let entries = match &self.nodes[attributes as usize] {
            Node::Dict(entries) => entries.clone(),
            _ => Vec::new(),
        };
        self.count(entries.len())?;
        match self.top()? {
            Node::Dict(_) => Ok(()),
            Node::Module(held) => {
                held.extend(entries);
                Ok(())
            }
            other => Err(format!("it sets attributes of {}", other.kind())),
        }
    }
}

/// Longest name of a tensor's memory, in bytes; torch.save counts them in decimal digits.
const KEY: usize = 64;

const EMPTY: &str = "it takes a value from an empty stack";

fn stranger(module: &str, name: &str) -> String {
    let name: String = format!("{module}.{name}").chars().take(100).collect();
    format!("it wants `{name}` of Python, and only tensors, dicts, lists, numbers and texts are read")
}

/// Bytes, values, the stack.
impl<'a> Machine<'a> {
    pub(crate) fn slice(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = &self.program[self.at..];
        let slice = rest.get(..length).ok_or_else(|| format!("{length} bytes wanted, {} left", rest.len()))?;
        self.at += length;
        Ok(slice)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.slice(N)?);
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take::<1>()?[0])
    }

    /// A name that ends with the line.
    fn line(&mut self) -> Result<String, String> {
        let end = self.program[self.at..].iter().position(|byte| *byte == b'\n').ok_or("a name without an end")?;
        let line = String::from_utf8_lossy(self.slice(end)?).into_owned();
        self.at += 1;
        Ok(line)
    }

    pub(crate) fn count(&mut self, values: usize) -> Result<(), String> {
        self.counted += values;
        let limit = self.limits.values;
        if self.counted <= limit { Ok(()) } else { Err(format!("it makes more than {limit} values")) }
    }

    pub(crate) fn push(&mut self, node: Node) -> Result<(), String> {
        self.count(1)?;
        // Not more than the limit, which memory bounds long before 2^32.
        self.stack.push(self.nodes.len() as Id);
        self.nodes.push(node);
        Ok(())
    }

    /// What is below an open mark is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(crate) fn pop(&mut self) -> Result<Id, String> {
        Ok(self.last(1)?[0])
    }

    fn last(&mut self, count: usize) -> Result<Vec<Id>, String> {
        match self.stack.len().checked_sub(count).filter(|start| *start >= self.floor()) {
            Some(start) => Ok(self.stack.split_off(start)),
            None => Err(EMPTY.to_owned()),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let start = self.marks.pop().ok_or("it looks for a mark that it never set")?;
        Ok(self.stack.split_off(start))
    }

    pub(crate) fn top(&mut self) -> Result<&mut Node, String> {
        let id = *self.stack.last().filter(|_| self.stack.len() > self.floor()).ok_or(EMPTY)?;
        Ok(&mut self.nodes[id as usize])
    }
}
