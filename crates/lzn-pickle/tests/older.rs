//! Files from before PyTorch 1.6, and modules of TorchScript.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use lzn_pickle::{PtError, PtFile, Value};

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

    fn tensor(&mut self, blocks: &[(&str, i32)], tensor: &Described) {
        let (key, count) = blocks[tensor.block];
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.0.extend(b"((");
        self.text("storage");
        self.global("torch", "FloatStorage");
        self.text(key);
        self.text("cpu");
        self.int(count);
        // Memory that is no part of other.
        self.0.extend(b"NtQ");
        self.int(tensor.offset);
        self.ints(tensor.size);
        self.ints(tensor.stride);
        self.0.push(0x89);
        self.global("collections", "OrderedDict");
        self.0.extend(b")RtR");
    }

    fn state_dict(blocks: &[(&str, i32)], tensors: &[Described]) -> Vec<u8> {
        let mut out = Self::new();
        out.global("collections", "OrderedDict");
        out.0.extend(b")Rq\x01(");
        for tensor in tensors {
            out.text(tensor.name);
            out.tensor(blocks, tensor);
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
    for (index, (_, count)) in BLOCKS.iter().enumerate() {
        file.extend(i64::from(*count).to_le_bytes());
        file.extend(bytes(index));
    }
    file
}

/// Attributes of a module, as TorchScript pickles them: a weight, a list of numbers, and a module in it.
fn module() -> Vec<u8> {
    let mut out = Pickler::new();
    let open = |out: &mut Pickler, class: &str| {
        out.global(&format!("__torch__.{class}"), class);
        out.0.extend(b")\x81}(");
    };
    open(&mut out, "Net");
    out.text("weight");
    out.tensor(&BLOCKS, &VIEWS[0]);
    out.text("padding");
    out.global("torch.jit._pickle", "build_intlist");
    out.0.extend(b"](K\x00K\x03e\x85R");
    out.text("layer");
    open(&mut out, "Layer");
    out.text("beta");
    out.tensor(&BLOCKS, &VIEWS[2]);
    // Attributes of the inner module, then of the outer one.
    out.0.extend(b"ubub.");
    out.0
}

fn archive(folder: &Path, pickle: &[u8]) -> PathBuf {
    let path = folder.join("module.pt");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let blocks = [0, 1].map(|index| (format!("data/{}", BLOCKS[index].0), bytes(index)));
    for (name, content) in [("data.pkl".to_owned(), pickle.to_vec())].into_iter().chain(blocks) {
        zip.start_file(format!("net/{name}"), stored).unwrap();
        std::io::Write::write_all(&mut zip, &content).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn read(folder: &Path, bytes: &[u8]) -> Result<PtFile, PtError> {
    let path = folder.join("weights.pth");
    fs::write(&path, bytes).unwrap();
    PtFile::open(&path)
}

/// Shape and numbers of the tensor under a key.
fn tensor(file: &PtFile, of: Value<'_>, key: &str) -> (Vec<usize>, Vec<f32>) {
    let info = of.get(key).unwrap().tensor().unwrap();
    let bytes = file.bytes(info).unwrap();
    (info.shape().to_vec(), bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

#[test]
fn the_old_layout_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = read(folder.path(), &legacy(&VIEWS)).unwrap();
    let (first, second) = (block(0), block(1));
    assert_eq!(tensor(&file, file.root(), "conv.weight"), (vec![2, 3], first.clone()));
    assert_eq!(tensor(&file, file.root(), "turned"), (vec![2, 2], vec![first[1], first[4], first[2], first[5]]));
    assert_eq!(tensor(&file, file.root(), "bn.bias"), (vec![2], second[2..].to_vec()));
}

#[test]
fn attributes_of_modules_are_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = PtFile::open(&archive(folder.path(), &module())).unwrap();
    assert_eq!(tensor(&file, file.root(), "weight"), (vec![2, 3], block(0)));
    let padding: Vec<_> = file.root().get("padding").unwrap().items().unwrap().map(Value::int).collect();
    assert_eq!(padding, [Some(0), Some(3)]);
    let layer = file.root().get("layer").unwrap();
    assert_eq!(layer.kind(), "a module");
    assert_eq!(tensor(&file, layer, "beta"), (vec![2], block(1)[2..].to_vec()));
}

#[test]
fn no_truncated_file_is_read_and_no_damaged_byte_stops_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let whole = legacy(&VIEWS);
    for length in 0..whole.len() {
        let error = read(folder.path(), &whole[..length]).err();
        assert!(error.is_some_and(|e| e.to_string().contains("weights.pth")), "{length} of {} bytes", whole.len());
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = read(folder.path(), &damaged);
    }
}

#[test]
fn memories_that_are_not_as_they_are_described_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |bytes: &[u8]| read(folder.path(), bytes).unwrap_err().to_string();
    let outside = Described { name: "long", block: 1, offset: 2, size: &[3], stride: &[1] };
    assert!(refusal(&legacy(&[outside])).contains("beyond its memory"));
    // A memory that no tensor has, and one that claims another length.
    assert!(refusal(&legacy(&VIEWS[..2])).contains("no tensor has the memory `7`"));
    let mut whole = legacy(&VIEWS);
    let length = whole.len() - bytes(1).len() - 8;
    whole[length] += 1;
    assert!(refusal(&whole).contains("has 5 elements, 4 are claimed"));
}

#[test]
fn only_classes_of_torchscript_make_objects() {
    let folder = tempfile::tempdir().unwrap();
    for (pickle, words) in [
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.".as_slice(), "an object of"),
        (b"\x80\x02cposix\nsystem\n)\x81.", "`posix.system`"),
        (b"\x80\x02c__torch__.x\nX\n)R.", "it calls"),
    ] {
        let message = PtFile::open(&archive(folder.path(), pickle)).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}
