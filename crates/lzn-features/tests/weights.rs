//! Files of weights in every format.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lzn_features::{FeatureError, Weights};
use lzn_pickle::{Dtype, Item};
use tch::Tensor;

/// Writes what `torch.save` makes of nested dictionaries with two tensors.
fn write_archive(path: &Path) {
    let tensor = |index| Item::Tensor { dtype: Dtype::F32, shape: vec![2], index };
    let inner = Item::OrderedDict(vec![(Item::text("weight"), tensor(0)), (Item::text("bias"), tensor(1))]);
    let item = Item::Dict(vec![(Item::text("conv"), inner), (Item::text("epoch"), Item::Int(3))]);
    let numbers = |index| Ok([index as f32, 0.5].map(f32::to_le_bytes).concat());
    lzn_pickle::write(fs::File::create(path).unwrap(), "net", &item, numbers).unwrap();
}

fn names(weights: &Weights) -> Vec<&str> {
    let mut names: Vec<_> = weights.tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn tensors_in_dictionaries_of_torch_save_are_named_by_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    write_archive(&path);
    let weights = Weights::read(&path).unwrap();
    assert_eq!(names(&weights), ["conv.bias", "conv.weight"]);
    assert_eq!(weights.tensors["conv.bias"], Tensor::from_slice(&[1f32, 0.5]));
}

#[test]
fn modules_that_libtorch_itself_writes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.pt");
    let tensors = [("a", Tensor::from_slice(&[1f32, 2.0])), ("b", Tensor::from_slice(&[4f64, 5.0]).view([2, 1]))];
    Tensor::save_multi(&tensors, &path).unwrap();
    let weights = Weights::read(&path).unwrap();
    assert_eq!(names(&weights), ["a", "b"]);
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
    assert_eq!(names(&Weights::read(&path).unwrap()), ["a"]);
}

#[test]
fn the_digest_is_that_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.pth", "other.pth"].map(|name| folder.path().join(name));
    write_archive(&one);
    write_archive(&other);
    let digest = |path: &Path| Weights::read(path).unwrap().sha256;
    assert_eq!(digest(&one), digest(&other));
    let tensors = [("a".to_owned(), Tensor::from_slice(&[1f32]))];
    lzn_torch::files::save(&other, &tensors, &BTreeMap::new()).unwrap();
    assert_ne!(digest(&one), digest(&other));
    assert_eq!(digest(&one).len(), 64);
}

#[test]
fn damaged_and_empty_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    write_archive(&path);
    let whole = fs::read(&path).unwrap();
    for bytes in [&whole[..whole.len() - 1], b"PK\x03\x04", b"\x80\x02}.", b"", b"no weights at all"] {
        fs::write(&path, bytes).unwrap();
        let message = Weights::read(&path).unwrap_err().to_string();
        assert!(message.contains("net.pth"), "{message}");
    }
    let nothing = Item::Dict(vec![(Item::text("epoch"), Item::Int(3))]);
    lzn_pickle::write(fs::File::create(&path).unwrap(), "net", &nothing, |_| Ok(Vec::new())).unwrap();
    assert!(matches!(Weights::read(&path), Err(FeatureError::Format { .. })));
    assert!(matches!(Weights::read(&folder.path().join("absent")), Err(FeatureError::Io { .. })));
}

#[test]
fn dictionaries_that_share_each_other_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pth");
    // Twenty dictionaries, each with the one before under two names: a million ways down to the first.
    let name = |name: u8| [b'X', 1, 0, 0, 0, name];
    let mut nested = b"}".to_vec();
    for place in 0..20 {
        nested = [b"}(".as_slice(), &name(b'a'), &nested, &[b'q', place], &name(b'b'), &[b'h', place], b"u"].concat();
    }
    let start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";
    fs::write(&path, [start.as_slice(), &nested, b".\x80\x02]."].concat()).unwrap();
    let message = Weights::read(&path).unwrap_err().to_string();
    assert!(message.contains("net.pth") && message.contains("more than"), "{message}");
}
