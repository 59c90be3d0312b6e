//! A file that PyTorch wrote, in the layout of the published checkpoints, and what we write ourselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

use std::fs::File;
use std::path::{Path, PathBuf};

use lzn_pickle::{Dtype, Item, PtFile, Value, write};

fn golden() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/golden/data/checkpoint");
    folder.join("joint_tiny-000000003-000000005.pt")
}

fn child<'a>(value: Value<'a>, path: &[&str]) -> Value<'a> {
    path.iter().fold(value, |value, key| value.get(key).unwrap_or_else(|| panic!("no `{key}`")))
}

#[test]
fn every_part_of_a_published_checkpoint_is_found_with_its_kind() {
    let file = PtFile::open(&golden()).unwrap();
    let root = file.root();
    let keys: Vec<&str> = root.entries().unwrap().map(|(key, _)| key.text().unwrap()).collect();
    assert_eq!(keys[..4], ["encoder", "decoder", "optimizer", "lr_scheduler"]);
    assert_eq!((child(root, &["epoch"]).int(), child(root, &["iteration"]).int()), (Some(3), Some(5)));
    let weight = child(root, &["encoder", "model.module.latent_transformations.0.0.weight"]).tensor().unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, [8, 128].as_slice()));
    assert_eq!(child(root, &["decoder", "model.module.sigmas"]).tensor().unwrap().dtype(), Dtype::F64);
    assert_eq!(child(root, &["decoder_ema", "shadow_params"]).items().unwrap().len(), 154);
    let groups = child(root, &["optimizer", "param_groups"]);
    let second = groups.items().unwrap().nth(1).unwrap();
    assert_eq!(child(second, &["betas"]).items().unwrap().map(|beta| beta.float().unwrap()).sum::<f64>(), 0.9 + 0.999);
    assert_eq!(child(second, &["amsgrad"]).bool(), Some(false));
    assert!(child(second, &["foreach"]).is_none());
    assert!(root.get("model").is_none() && root.int().is_none() && groups.get("lr").is_none());
}

/// The noise levels of the decoder are `sigma_max` to `sigma_min`, evenly spaced in the logarithm.
#[test]
fn the_numbers_of_tensors_are_those_that_were_saved() {
    let file = PtFile::open(&golden()).unwrap();
    let sigmas = child(file.root(), &["decoder", "model.module.sigmas"]).tensor().unwrap();
    let bytes = file.bytes(sigmas).unwrap();
    let sigmas: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    assert_eq!(sigmas.len(), 1000);
    for (i, sigma) in sigmas.iter().enumerate() {
        let expected = (50f64.ln() + (0.01f64.ln() - 50f64.ln()) * i as f64 / 999.0).exp();
        assert!((sigma / expected - 1.0).abs() < 1e-12, "{i}: {sigma} against {expected}");
    }
}

/// The file's entries, unpacked by the zip crate alone.
fn entry(path: &Path, name: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut bytes).unwrap();
    bytes
}

fn example() -> Item {
    let tensor = |dtype, shape: &[usize], index| Item::Tensor { dtype, shape: shape.to_vec(), index };
    Item::Dict(vec![
        (Item::text("state"), Item::OrderedDict(vec![(Item::text("ä.weight"), tensor(Dtype::F32, &[2, 3], 7))])),
        (Item::text("again"), tensor(Dtype::F32, &[2, 3], 7)),
        (Item::text("scalar"), tensor(Dtype::I64, &[], 1)),
        (Item::text("empty"), tensor(Dtype::F64, &[0, 4], 2)),
        (
            Item::Int(3),
            Item::List(vec![Item::Int(-1), Item::Int(1 << 40), Item::Float(0.1), Item::Bool(true), Item::None]),
        ),
        (Item::text("none"), Item::Tuple(vec![])),
    ])
}

fn numbers(index: usize) -> Vec<u8> {
    match index {
        7 => [1f32, 2.0, 3.0, 4.0, 5.0, 6.5].map(f32::to_le_bytes).concat(),
        1 => (-9i64).to_le_bytes().to_vec(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pt");
    write(File::create(&path).unwrap(), "x", &example(), |index| Ok(numbers(index))).unwrap();
    let file = PtFile::open(&path).unwrap();
    let root = file.root();
    for (path, index, shape) in [
        (vec!["state", "ä.weight"], 7, vec![2, 3]),
        (vec!["again"], 7, vec![2, 3]),
        (vec!["scalar"], 1, vec![]),
        (vec!["empty"], 2, vec![0, 4]),
    ] {
        let tensor = child(root, &path).tensor().unwrap();
        assert_eq!(tensor.shape(), shape);
        assert_eq!(file.bytes(tensor).unwrap(), numbers(index), "{path:?}");
    }
    let (_, list) = root.entries().unwrap().find(|(key, _)| key.int() == Some(3)).unwrap();
    let list: Vec<Value> = list.items().unwrap().collect();
    assert_eq!((list[0].int(), list[1].int(), list[2].float()), (Some(-1), Some(1 << 40), Some(0.1)));
    assert!(list[3].bool() == Some(true) && list[4].is_none());
    assert_eq!(child(root, &["none"]).items().unwrap().len(), 0);
    // One memory for the tensor that is there twice, where PyTorch looks for it.
    assert_eq!(entry(&path, "x/data/0"), numbers(7));
    assert_eq!(entry(&path, "x/data/1"), numbers(1));
    assert_eq!(entry(&path, "x/version"), b"3\n");
}

#[test]
fn numbers_that_are_not_as_many_as_the_shape_says_are_not_written() {
    let error = write(std::io::Cursor::new(Vec::new()), "x", &example(), |_| Ok(vec![0; 3])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
