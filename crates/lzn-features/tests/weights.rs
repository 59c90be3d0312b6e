//! Files of weights in every format, whole and damaged.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use lzn_features::{FeatureError, Weights};
use tch::Tensor;

/// Writes the pickles of torch for a dictionary with one block of numbers for each tensor, as `torch.save` of a state
/// dict does.
struct Pickler(Vec<u8>);

impl Pickler {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn int(&mut self, number: i32) {
        self.0.push(b'J');
        self.0.extend(number.to_le_bytes());
    }

    fn ints(&mut self, numbers: &[i32]) {
        self.0.push(b'(');
        numbers.iter().for_each(|number| self.int(*number));
        self.0.push(b't');
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn state_dict(blocks: &[(&str, i32)], tensors: &[Described]) -> Vec<u8> {
        let mut out = Self::new();
        out.global("collections", "OrderedDict");
        out.0.extend(b")Rq\x01(");
        for tensor in tensors {
            let (key, count) = blocks[tensor.block];
            out.text(tensor.name);
            out.global("torch._utils", "_rebuild_tensor_v2");
            out.0.extend(b"((");
            out.text("storage");
            out.global("torch", "FloatStorage");
            out.text(key);
            out.text("cpu");
            out.int(count);
            out.0.extend(b"NtQ");
            out.int(tensor.offset);
            out.ints(tensor.size);
            out.ints(tensor.stride);
            out.0.push(0x89);
            out.global("collections", "OrderedDict");
            out.0.extend(b")RtR");
        }
        // The items, and then an attribute of the dictionary, which is no tensor.
        out.0.extend(b"u}");
        out.text("_metadata");
        out.0.extend(b"Nsb.");
        out.0
    }
}

/// A view of a block: offset, size and stride.
struct Described {
    name: &'static str,
    block: usize,
    offset: i32,
    size: &'static [i32],
    stride: &'static [i32],
}

const BLOCKS: [(&str, i32); 2] = [("94", 6), ("7", 4)];

const VIEWS: [Described; 3] = [
    Described { name: "conv.weight", block: 0, offset: 0, size: &[2, 3], stride: &[3, 1] },
    Described { name: "turned", block: 0, offset: 1, size: &[2, 2], stride: &[1, 3] },
    Described { name: "bn.bias", block: 1, offset: 2, size: &[2], stride: &[1] },
];

/// The numbers of a block.
fn block(index: usize) -> Vec<f32> {
    (0..BLOCKS[index].1).map(|i| i as f32 + 10.0 * index as f32).collect()
}

fn bytes(index: usize) -> Vec<u8> {
    block(index).iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A file as versions before 1.6 wrote it.
fn legacy(views: &[Described]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    file.extend(Pickler::state_dict(&BLOCKS, views));
    let mut keys = Pickler::new();
    keys.0.extend(b"](");
    BLOCKS.iter().for_each(|(key, _)| keys.text(key));
    keys.0.extend(b"e.");
    file.extend(keys.0);
    for index in 0..2 {
        file.extend(i64::from(BLOCKS[index].1).to_le_bytes());
        file.extend(bytes(index));
    }
    file
}

/// A file as later versions write it.
fn archive(views: &[Described]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default();
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(format!("model/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("data.pkl".into(), &Pickler::state_dict(&BLOCKS, views));
    (0..2).for_each(|index| add(format!("data/{}", BLOCKS[index].0), &bytes(index)));
    zip.finish().unwrap().into_inner()
}

fn read(folder: &Path, bytes: &[u8]) -> Result<Weights, FeatureError> {
    let path = folder.join("weights.pth");
    fs::write(&path, bytes).unwrap();
    Weights::read(&path)
}

fn values(weights: &Weights) -> BTreeMap<String, (Vec<i64>, Vec<f32>)> {
    let values = |t: &Tensor| (t.size(), Vec::try_from(t.contiguous().view(-1)).unwrap());
    weights.tensors.iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect()
}

fn expected() -> BTreeMap<String, (Vec<i64>, Vec<f32>)> {
    let (first, second) = (block(0), block(1));
    [
        ("conv.weight", vec![2, 3], first.clone()),
        ("turned", vec![2, 2], vec![first[1], first[4], first[2], first[5]]),
        ("bn.bias", vec![2], second[2..].to_vec()),
    ]
    .map(|(name, size, values)| (name.to_owned(), (size, values)))
    .into()
}

#[test]
fn both_formats_of_torch_save_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for file in [legacy(&VIEWS), archive(&VIEWS)] {
        assert_eq!(values(&read(folder.path(), &file).unwrap()), expected());
    }
}

#[test]
fn archives_that_libtorch_itself_writes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("weights.pt");
    let tensors = [("a", Tensor::from_slice(&[1f32, 2.0, 3.0])), ("b", Tensor::from_slice(&[4f64, 5.0]).view([2, 1]))];
    Tensor::save_multi(&tensors, &path).unwrap();
    let weights = Weights::read(&path).unwrap();
    assert_eq!(weights.tensors.len(), 2);
    for (name, tensor) in tensors {
        assert_eq!((weights.tensors[name].kind(), &weights.tensors[name]), (tensor.kind(), &tensor), "{name}");
    }
}

#[test]
fn a_safetensors_file_is_read_and_counters_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let tensors = [("a", Tensor::from_slice(&[1f32])), ("bn.num_batches_tracked", Tensor::from(3i64))];
    lzn_torch::files::save(&path, &tensors.map(|(n, t)| (n.to_owned(), t)), &BTreeMap::new()).unwrap();
    let weights = Weights::read(&path).unwrap();
    assert_eq!(weights.tensors.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, mut other) = (legacy(&VIEWS), legacy(&VIEWS));
    *other.last_mut().unwrap() ^= 1;
    let digest = |bytes: &[u8]| read(folder.path(), bytes).unwrap().sha256;
    assert_eq!(digest(&one), digest(&one));
    assert_ne!(digest(&one), digest(&other));
}

#[test]
fn no_truncated_file_is_read_and_no_damaged_byte_stops_the_program() {
    let folder = tempfile::tempdir().unwrap();
    for file in [legacy(&VIEWS), archive(&VIEWS)] {
        for length in 0..file.len() {
            let error = read(folder.path(), &file[..length]).err();
            assert!(error.is_some_and(|e| e.to_string().contains("weights.pth")), "{length} of {} bytes", file.len());
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0xff;
            let _ = read(folder.path(), &damaged);
        }
    }
}

#[test]
fn a_tensor_outside_of_its_block_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let outside = Described { name: "long", block: 1, offset: 2, size: &[3], stride: &[1] };
    let message = read(folder.path(), &legacy(&[outside])).unwrap_err().to_string();
    assert!(message.contains("`long`") && message.contains("outside"), "{message}");
}

#[test]
fn a_pickle_that_wants_more_than_tensors_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    // An instruction of which torch has no need, and a call that would run a program elsewhere: it stays data, without
    // tensors.
    for (pickle, words) in
        [(&b"\x80\x02i."[..], "0x69"), (&b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.\x80\x02]."[..], "no tensors")]
    {
        let message = read(folder.path(), &[start, pickle].concat()).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}
