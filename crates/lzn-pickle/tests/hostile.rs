//! Files that want more than to be read: refused in little time and memory, with the file and the reason in the error.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lzn_pickle::{Dtype, Item, PtError, PtFile, write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A file with this pickle and these further entries.
fn file(folder: &Path, pickle: &[u8], entries: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("hostile.pt");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in std::iter::once(&("data.pkl", pickle)).chain(entries) {
        zip.start_file(format!("x/{name}"), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// Asserts that the file is refused at once, by name, and says why.
fn assert_refused(path: &Path, words: &str) {
    let start = Instant::now();
    let error = PtFile::open(path).expect_err("it was read");
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    let message = error.to_string();
    assert!(matches!(error, PtError::Refused { .. }), "{message}");
    assert!(message.contains("hostile.pt") && message.contains(words), "`{words}` in: {message}");
}

fn assert_pickle_refused(pickle: &[u8], words: &str) {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(&file(folder.path(), pickle, &[("data/0", &[0; 64])]), words);
}

/// The pickle of one tensor of float32 in `data/0`; the arguments are pickled numbers.
fn tensor(elements: &[u8], offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    [
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        elements.to_vec(),
        b"tQ".to_vec(),
        offset.to_vec(),
        [b"(", shape, b"t(", strides, b"t"].concat(),
        b"\x89ccollections\nOrderedDict\n)RtR.".to_vec(),
    ]
    .concat()
}

fn number(value: i64) -> Vec<u8> {
    [&[0x8a, 8], value.to_le_bytes().as_slice()].concat()
}

#[test]
fn the_tensor_that_the_others_are_variations_of_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = tensor(&number(16), &number(2), &number(14), &number(1));
    let file = PtFile::open(&file(folder.path(), &pickle, &[("data/0", &[0; 64])])).unwrap();
    assert_eq!(file.root().tensor().unwrap().shape(), [14]);
}

#[test]
fn no_function_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof");
    let command = format!("touch {}", proof.display());
    let text = [b"X".as_slice(), &(command.len() as u32).to_le_bytes(), command.as_bytes()].concat();
    for (module, name) in [
        ("posix", "system"),
        ("os", "system"),
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
    ] {
        let call = [b"\x80\x02c", module.as_bytes(), b"\n", name.as_bytes(), b"\n(", &text, b"tR."].concat();
        assert_refused(&file(folder.path(), &call, &[]), &format!("`{module}.{name}`"));
    }
    // The same by way of names on the stack, of an instance, and of a persistent name.
    assert_pickle_refused(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "`posix.system`");
    assert_pickle_refused(b"(iposix\nsystem\n.", "instruction 0x69");
    assert_pickle_refused(b"\x80\x02X\x02\x00\x00\x00idQ.", "memory of a tensor");
    assert_pickle_refused(b"\x80\x02K\x01)R.", "it calls a whole number");
    assert!(!proof.exists());
}

#[test]
fn negative_numbers_and_memory_out_of_reach_are_refused() {
    let n = |value| number(value);
    for (elements, offset, shape, strides, words) in [
        (-16, 0, 16, 1, "-16 elements"),
        (16, -1, 8, 1, "negative"),
        (16, 0, -8, 1, "negative"),
        (16, 0, 8, -1, "negative"),
        (16, 9, 8, 1, "beyond its memory"),
        (16, 0, 8, 3, "beyond its memory"),
        (16, 0, 17, 0, "beyond its memory"),
        (16, i64::MAX, 2, i64::MAX, "beyond its memory"),
    ] {
        assert_pickle_refused(&tensor(&n(elements), &n(offset), &n(shape), &n(strides)), words);
    }
}

#[test]
fn ten_gibibytes_that_are_not_there_are_refused() {
    let claim = 10 << 28;
    assert_pickle_refused(&tensor(&number(claim), &number(0), &number(claim), &number(1)), "which has 64 bytes");
    let many = (0..3).flat_map(|_| number(1 << 30)).collect::<Vec<u8>>();
    assert_pickle_refused(&tensor(&number(claim), &number(0), &many, &many), "beyond its memory");
    assert_pickle_refused(&tensor(&number(i64::MAX), &number(0), &number(4), &number(1)), "which has 64 bytes");
    // A text of 4 GiB, and a tuple of 1,000 dimensions.
    assert_pickle_refused(b"\x80\x02X\xff\xff\xff\xff.", "4294967295 bytes wanted");
    let flat = number(1).repeat(1000);
    assert_pickle_refused(&tensor(&number(16), &number(0), &flat, &flat), "1000 dimensions");
}

#[test]
fn a_memory_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pickle = tensor(&number(16), &number(0), &number(16), &number(1));
    assert_refused(&file(folder.path(), &pickle, &[("data/1", &[0; 64])]), "`data/0`");
}

#[test]
fn values_without_end_are_refused() {
    // A list that contains itself; nested tuples by the hundred thousand; lists of the same list, doubled again and again.
    assert_pickle_refused(b"\x80\x02]q\x00h\x00a.", "contains itself");
    let nested = [b"\x80\x02)".as_slice(), &vec![0x85; 400_000], b"."].concat();
    assert_pickle_refused(&nested, "deeper than");
    let doubled = [b"\x80\x02]q\x00".as_slice(), &b"]q\x01(h\x00h\x00eq\x00".repeat(60), b"."].concat();
    assert_pickle_refused(&doubled, "left over");
    let laughs: Vec<u8> = (0..60u8).flat_map(|i| [b'h', i, b'h', i, 0x86, b'q', i + 1, b'0']).collect();
    assert_pickle_refused(&[b"\x80\x02]q\x00".as_slice(), &laughs, b"."].concat(), "instruction 0x30");
    let laughs: Vec<u8> = (0..60u8).flat_map(|i| [b'h', i, 0x86, b'q', i + 1]).collect();
    assert_pickle_refused(&[b"\x80\x02]q\x00".as_slice(), &laughs, b"."].concat(), "deeper than");
    let flood = [b"\x80\x02(".as_slice(), &vec![b'N'; 3_000_000], b"t."].concat();
    assert_pickle_refused(&flood, "more than 1048576 values");
    let folder = tempfile::tempdir().unwrap();
    assert_refused(&file(folder.path(), &vec![b'N'; 17 << 20], &[]), "more than 16777216");
}

#[test]
fn programs_that_do_not_hold_together_are_refused() {
    for (pickle, words) in [
        (b"".as_slice(), "ends early"),
        (b"\x80\x02}", "ends early"),
        (b"\x80\x09}.", "protocol 9"),
        (b"\x80\x02.", "empty stack"),
        (b"\x80\x02}}.", "left over"),
        (b"\x80\x02(.", "empty stack"),
        (b"\x80\x02}h\x05.", "never made"),
        (b"\x80\x02}u.", "mark"),
        (b"\x80\x02}(Nu.", "key without a value"),
        (b"\x80\x02](NNu.", "sets keys of a list"),
        (b"\x80\x02}Na.", "adds items to a dict"),
        (b"\x80\x02NNb.", "attributes of None"),
        (b"\x80\x02cos\n", "name without an end"),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "UTF-8"),
        (b"\x80\x02\x8a\x09123456789.", "64 bits"),
    ] {
        assert_pickle_refused(pickle, words);
    }
}

#[test]
fn a_compressed_entry_is_refused_however_small_it_is() {
    // 1 MiB of zeros in 1 kB: a bomb needs no more than this, many times over.
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), b"\x80\x02N.", &[("data/0", &[0; 1000])]);
    let mut bytes = fs::read(&path).unwrap();
    // The method of compression, in the local header (at 8) and in the table of contents (at 10), and a size of 4 GiB less 1.
    for (signature, method, size) in [(b"PK\x03\x04", 8, 22), (b"PK\x01\x02", 10, 24)] {
        let at = bytes.windows(4).rposition(|window| window == signature).unwrap();
        bytes[at + method] = 8;
        bytes[at + size..][..4].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "compressed");
}

/// Changes the table of contents: `change` gets the record of the entry at `index`.
fn with_record(path: &Path, index: usize, change: impl Fn(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    let starts: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..][..4] == b"PK\x01\x02").collect();
    change(&mut bytes[starts[index]..]);
    fs::write(path, bytes).unwrap();
}

#[test]
fn overlapping_entries_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), b"\x80\x02N.", &[("data/0", &[0; 1000]), ("data/1", &[0; 1000])]);
    // The third entry is said to begin where the second does.
    let bytes = fs::read(&path).unwrap();
    let second = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap() - 46 - "x/data/0".len();
    let offset: [u8; 4] = bytes[second + 42..][..4].try_into().unwrap();
    with_record(&path, 2, |record| record[42..46].copy_from_slice(&offset));
    assert_refused(&path, "overlap");
}

#[test]
fn an_entry_beyond_the_end_and_a_truncated_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), b"\x80\x02N.", &[("data/0", &[0; 1000])]);
    let whole = fs::read(&path).unwrap();
    with_record(&path, 1, |record| {
        for at in [20, 24] {
            record[at..at + 4].copy_from_slice(&2_000_000_000u32.to_le_bytes());
        }
    });
    assert_refused(&path, "2000000000 bytes reaches beyond");
    for length in [5, 40, 500, whole.len() - 30, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert_refused(&path, "");
    }
}

#[test]
fn a_flipped_bit_in_the_numbers_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pt");
    let item = Item::Tensor { dtype: Dtype::F32, shape: vec![100], index: 0 };
    write(fs::File::create(&path).unwrap(), "x", &item, |_| Ok(vec![0xaa; 400])).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(400).position(|window| window == [0xaa; 400]).unwrap();
    bytes[at + 77] ^= 4;
    fs::write(&path, bytes).unwrap();
    let file = PtFile::open(&path).unwrap();
    let error = file.bytes(file.root().tensor().unwrap()).unwrap_err().to_string();
    assert!(error.contains("hostile.pt") && error.contains("checksum"), "{error}");
}

#[test]
fn other_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pt");
    for (bytes, words) in [
        (b"\x80\x02}.".as_slice(), "no zip archive"),
        (b"\x10\x00\x00\x00\x00\x00\x00\x00{}", "no zip archive"),
        (b"", "no zip archive"),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_refused(&path, words);
    }
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("readme.txt", SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
    zip.finish().unwrap();
    assert_refused(&path, "no entry `data.pkl`");
    let error = PtFile::open(&folder.path().join("absent.pt")).unwrap_err();
    assert!(matches!(&error, PtError::Io { .. }) && error.to_string().contains("absent.pt"), "{error}");
}

#[test]
fn an_entry_twice_or_too_many_of_them_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), b"\x80\x02N.", &[("y/data.pkl", b"\x80\x02N.")]);
    assert_refused(&path, "several entries");
    let many: Vec<String> = (0..20).map(|i| format!("data/{i}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let path = file(folder.path(), b"\x80\x02N.", &many);
    let limits = lzn_pickle::Limits { entries: 10, ..lzn_pickle::Limits::default() };
    let message = PtFile::open_within(&path, &limits).unwrap_err().to_string();
    assert!(message.contains("21 entries"), "{message}");
}
