//! Writing files that `torch.load` reads.

use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Dtype;
use crate::opcodes as op;

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Item>),
    /// A tuple.
    Tuple(Vec<Item>),
    /// A dict.
    Dict(Vec<(Item, Item)>),
    /// An `OrderedDict`, which state dicts are.
    OrderedDict(Vec<(Item, Item)>),
    /// A tensor; its numbers are asked for by `index` when its turn comes.
    Tensor {
        /// Kind of its elements.
        dtype: Dtype,
        /// Its shape; empty for a single number.
        shape: Vec<usize>,
        /// What [`write()`] asks for.
        index: usize,
    },
}

impl Item {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// Where the numbers of tensors begin, in bytes from the start of the file: a multiple of this, as `torch.save` has it.
const ALIGNMENT: u16 = 64;

/// Writes `item` into a file of `torch.save`. All entries are in the folder `name`. `bytes` gives the numbers of the tensor with
/// that index, row-major and little-endian; tensors of one index share them.
///
/// # Errors
/// What the system says, or `bytes`; a tensor whose numbers are not as many as its shape says is
/// [`io::ErrorKind::InvalidInput`].
pub fn write<W: Write + Seek>(
    to: W,
    name: &str,
    item: &Item,
    mut bytes: impl FnMut(usize) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let mut pickle = Pickle { program: vec![op::PROTO, 2], storages: Vec::new() };
    pickle.item(item);
    pickle.program.push(op::STOP);

    let mut zip = ZipWriter::new(to);
    let mut entry = |file: &str, content: &[u8]| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(content.len() as u64 >= u64::from(u32::MAX))
            .with_alignment(ALIGNMENT);
        zip.start_file(format!("{name}/{file}"), options)?;
        zip.write_all(content)
    };
    entry("data.pkl", &pickle.program)?;
    entry("byteorder", b"little")?;
    for (key, (index, size)) in pickle.storages.iter().enumerate() {
        let content = bytes(*index)?;
        if content.len() != *size {
            let reason = format!("tensor {index} has {} bytes, its shape says {size}", content.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        entry(&format!("data/{key}"), &content)?;
    }
    entry("version", b"3\n")?;
    zip.finish()?.flush()
}

struct Pickle {
    program: Vec<u8>,
    /// Index and bytes of each tensor's memory; the key of an entry is its place here.
    storages: Vec<(usize, usize)>,
}

impl Pickle {
    fn item(&mut self, item: &Item) {
        match item {
            Item::None => self.program.push(op::NONE),
            Item::Bool(value) => self.program.push(if *value { op::TRUE } else { op::FALSE }),
            Item::Int(value) => self.int(*value),
            Item::Float(value) => {
                self.program.push(op::BINFLOAT);
                self.program.extend(value.to_be_bytes());
            }
            Item::Text(text) => self.text(text),
            Item::List(items) => {
                self.program.extend([op::EMPTY_LIST, op::MARK]);
                items.iter().for_each(|item| self.item(item));
                self.program.push(op::APPENDS);
            }
            Item::Tuple(items) => {
                self.program.push(op::MARK);
                items.iter().for_each(|item| self.item(item));
                self.program.push(op::TUPLE);
            }
            Item::Dict(entries) => {
                self.program.push(op::EMPTY_DICT);
                self.entries(entries);
            }
            Item::OrderedDict(entries) => {
                self.ordered_dict();
                self.entries(entries);
            }
            Item::Tensor { dtype, shape, index } => self.tensor(*dtype, shape, *index),
        }
    }

    fn int(&mut self, value: i64) {
        match i32::try_from(value) {
            Ok(value) => {
                self.program.push(op::BININT);
                self.program.extend(value.to_le_bytes());
            }
            Err(_) => {
                self.program.extend([op::LONG1, 8]);
                self.program.extend(value.to_le_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.program.push(op::BINUNICODE);
        self.program.extend((text.len() as u32).to_le_bytes());
        self.program.extend(text.as_bytes());
    }

    fn name(&mut self, module: &str, name: &str) {
        self.program.push(op::GLOBAL);
        self.program.extend(format!("{module}\n{name}\n").into_bytes());
    }

    fn ordered_dict(&mut self) {
        self.name("collections", "OrderedDict");
        self.program.extend([op::EMPTY_TUPLE, op::REDUCE]);
    }

    fn entries(&mut self, entries: &[(Item, Item)]) {
        self.program.push(op::MARK);
        for (key, value) in entries {
            self.item(key);
            self.item(value);
        }
        self.program.push(op::SETITEMS);
    }

    fn numbers(&mut self, numbers: &[usize]) {
        self.program.push(op::MARK);
        numbers.iter().for_each(|n| self.int(*n as i64));
        self.program.push(op::TUPLE);
    }

    /// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    fn tensor(&mut self, dtype: Dtype, shape: &[usize], index: usize) {
        let count: usize = shape.iter().product();
        let key = self.storages.iter().position(|(known, _)| *known == index).unwrap_or(self.storages.len());
        if key == self.storages.len() {
            self.storages.push((index, count * dtype.size()));
        }
        self.name("torch._utils", "_rebuild_tensor_v2");
        self.program.extend([op::MARK, op::MARK]);
        self.text("storage");
        self.name("torch", dtype.storage());
        self.text(&key.to_string());
        self.text("cpu");
        self.int(count as i64);
        self.program.extend([op::TUPLE, op::BINPERSID]);
        self.int(0);
        self.numbers(shape);
        let strides: Vec<usize> = (1..=shape.len()).map(|i| shape[i..].iter().product()).collect();
        self.numbers(&strides);
        self.program.push(op::FALSE);
        self.ordered_dict();
        self.program.extend([op::TUPLE, op::REDUCE]);
    }
}
