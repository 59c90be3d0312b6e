//! Files of `torch.save`, of both layouts.

use std::io::{Cursor, Read};
use std::path::Path;

use lzn_pickle::{Dtype, Item, PtFile, Value, write};

use super::answer;
use crate::{Envelope, Seed, Target};

pub(super) const TARGET: Target = Target {
    name: "pt",
    seeds,
    words: &[
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"x/data.pkl",
        b"x/data/0",
        b"\x80\x02",
        b"(",
        b")",
        b"}",
        b"]",
        b"t",
        b"a",
        b"e",
        b"u",
        b"s",
        b"b",
        b"R",
        b"Q",
        b"q\0",
        b"h\0",
        b"h\x01",
        b"\x85",
        b"\x86",
        b"\x87",
        b"K\x01",
        b"M\xff\xff",
        b"J\xff\xff\xff\x7f",
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nFloatStorage\n",
        b"cos\nsystem\n",
        b".",
        b"X\x07\0\0\0storage",
        b"\x94",
        b"\x93",
    ],
    read,
};

/// A file with every kind of value.
fn whole() -> Vec<u8> {
    let tensor = |index| Item::Tensor { dtype: Dtype::F32, shape: vec![2, 2], index };
    let item = Item::Dict(vec![
        (Item::text("list"), Item::List(vec![Item::Int(300), Item::Float(0.5), Item::Bool(false), Item::None])),
        (Item::text("state"), Item::OrderedDict(vec![(Item::text("a"), tensor(0)), (Item::text("b"), tensor(1))])),
        (Item::Int(1 << 40), Item::Tuple(vec![Item::text("x"), Item::Int(-1)])),
    ]);
    let mut file = Cursor::new(Vec::new());
    // Into memory, of values of ours.
    let _ = write(&mut file, "x", &item, |index| Ok(vec![index as u8; 16]));
    file.into_inner()
}

fn pickle(file: &[u8]) -> Vec<u8> {
    let mut pickle = Vec::new();
    if let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(file))
        && let Ok(mut entry) = zip.by_name("x/data.pkl")
    {
        let _ = entry.read_to_end(&mut pickle);
    }
    pickle
}

/// The layout before PyTorch 1.6: magic number, version, machine, value, names of memories, memories.
fn legacy(pickle: &[u8]) -> Vec<u8> {
    let head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let mut file = [head.as_slice(), pickle, b"\x80\x02](X\x01\0\0\x000X\x01\0\0\x001e."].concat();
    for memory in [0u8, 1] {
        file.extend(4u64.to_le_bytes());
        file.extend([memory; 16]);
    }
    file
}

fn seeds() -> Vec<Seed> {
    let file = whole();
    let pickle = pickle(&file);
    let others = vec![("x/data/0", vec![0; 16]), ("x/data/1", vec![1; 16])];
    let inside = Seed::inside(Envelope::Zip { name: "x/data.pkl", others }, pickle.clone());
    vec![Seed::plain(legacy(&pickle)), Seed::plain(file), inside.clone(), inside]
}

fn read(path: &Path) -> String {
    answer(PtFile::open(path), |file| {
        let mut kinds = Vec::new();
        let outcome = walk(&file, file.root(), &mut kinds, &mut 10_000);
        format!("{} {outcome:?}", kinds.join(" "))
    })
}

/// Asks for everything that the file gives. Shared values are visited more than once, so visits are counted.
fn walk(file: &PtFile, value: Value<'_>, kinds: &mut Vec<&'static str>, visits: &mut usize) -> Result<(), String> {
    *visits = visits.checked_sub(1).ok_or("many values")?;
    if !kinds.contains(&value.kind()) {
        kinds.push(value.kind());
    }
    if let Some(tensor) = value.tensor() {
        let bytes = file.bytes(tensor).map_err(|error| error.to_string())?;
        assert_eq!(bytes.len(), tensor.len() * tensor.dtype().size());
    }
    for (key, value) in value.entries().into_iter().flatten() {
        walk(file, key, kinds, visits)?;
        walk(file, value, kinds, visits)?;
    }
    value.items().into_iter().flatten().try_for_each(|value| walk(file, value, kinds, visits))
}
