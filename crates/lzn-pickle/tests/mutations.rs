//! Valid files with random damage: whatever they become, they are read or refused, and nothing panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs;
use std::path::PathBuf;

use lzn_pickle::{Dtype, Item, PtFile, Value, write};
use proptest::prelude::*;

/// A small file with every kind of value.
fn valid() -> Vec<u8> {
    let tensor = |index| Item::Tensor { dtype: Dtype::F32, shape: vec![2, 2], index };
    let item = Item::Dict(vec![
        (Item::text("list"), Item::List(vec![Item::Int(300), Item::Float(0.5), Item::Bool(false), Item::None])),
        (Item::text("state"), Item::OrderedDict(vec![(Item::text("a"), tensor(0)), (Item::text("b"), tensor(1))])),
        (Item::Int(1 << 40), Item::Tuple(vec![Item::text("x"), Item::Int(-1)])),
    ]);
    let mut file = std::io::Cursor::new(Vec::new());
    write(&mut file, "x", &item, |index| Ok(vec![index as u8; 16])).unwrap();
    file.into_inner()
}

/// Reads all that the file gives.
fn walk(file: &PtFile, value: Value<'_>) {
    if let Some(tensor) = value.tensor()
        && let Ok(bytes) = file.bytes(tensor)
    {
        assert_eq!(bytes.len(), tensor.len() * tensor.dtype().size());
    }
    for (key, value) in value.entries().into_iter().flatten() {
        walk(file, key);
        walk(file, value);
    }
    value.items().into_iter().flatten().for_each(|value| walk(file, value));
}

fn open(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("mutant.pt");
    fs::write(&path, bytes).unwrap();
    match PtFile::open(&path) {
        Ok(file) => walk(&file, file.root()),
        Err(error) => assert!(error.to_string().contains("mutant.pt")),
    }
}

/// The pickle alone, in a file that is otherwise whole.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in [("x/data.pkl", pickle), ("x/data/0", &[0; 16]), ("x/data/1", &[1; 16])] {
        zip.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut zip, content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn pickle_of(file: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    let mut pickle = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name("x/data.pkl").unwrap(), &mut pickle).unwrap();
    pickle
}

/// Bytes that are overwritten, by places as parts of the length.
fn damage(bytes: &mut [u8], changes: &[(f64, u8)]) {
    for (place, value) in changes {
        let at = (place * bytes.len() as f64) as usize;
        bytes[at] = *value;
    }
}

fn changes() -> impl Strategy<Value = Vec<(f64, u8)>> {
    prop::collection::vec((0.0..1.0, any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_bytes_in_a_file_makes_the_reader_panic(changes in changes(), cut in 0.0..1.5f64) {
        let mut bytes = valid();
        damage(&mut bytes, &changes);
        bytes.truncate((cut * bytes.len() as f64) as usize);
        open(&bytes);
    }

    #[test]
    fn no_change_of_instructions_in_its_pickle_does(changes in changes()) {
        let mut pickle = pickle_of(&valid());
        damage(&mut pickle, &changes);
        open(&with_pickle(&pickle));
    }

    #[test]
    fn no_sequence_of_instructions_does(program in prop::collection::vec(
        prop::sample::select(b"\x80\x02.(NKqh)]}tabsuRQ\x85\x86\x87\x88\x89\x94\x93\x8cXGJM\x8a\x00\x01\x03".to_vec()), 0..60,
    )) {
        open(&with_pickle(&program));
    }
}
