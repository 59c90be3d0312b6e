//! The two pretrained networks: structure, and what their loaders refuse. Outputs are compared in the golden family
//! `metrics`.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lzn_features::{Distance, EfficientNetLite0, FeatureError, FeatureNet, Inception, metric_name};
use lzn_resize::Protocol;
use lzn_torch::files;
use tch::{Device, Kind, Tensor};

/// Names of the units of each block, written out from the published state dict: `name inputs>outputs height x width`.
const INCEPTION: &str = "
Conv2d_1a_3x3 3>32 3x3
Conv2d_2a_3x3 32>32 3x3
Conv2d_2b_3x3 32>64 3x3
Conv2d_3b_1x1 64>80 1x1
Conv2d_4a_3x3 80>192 3x3
Mixed_6a.branch3x3 288>384 3x3
Mixed_6a.branch3x3dbl_1 288>64 1x1
Mixed_6a.branch3x3dbl_2 64>96 3x3
Mixed_6a.branch3x3dbl_3 96>96 3x3
Mixed_7a.branch3x3_1 768>192 1x1
Mixed_7a.branch3x3_2 192>320 3x3
Mixed_7a.branch7x7x3_1 768>192 1x1
Mixed_7a.branch7x7x3_2 192>192 1x7
Mixed_7a.branch7x7x3_3 192>192 7x1
Mixed_7a.branch7x7x3_4 192>192 3x3
";

/// A block that repeats: its name, its inputs, and what differs.
type Block = (&'static str, i64, i64);

/// The same of blocks that repeat, with `$i` for inputs and `$p` for what differs: pooled features, or channels inside.
const REPEATED: [(&[Block], &str); 3] = [
    (
        &[("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)],
        "branch1x1 $i>64 1x1
branch5x5_1 $i>48 1x1
branch5x5_2 48>64 5x5
branch3x3dbl_1 $i>64 1x1
branch3x3dbl_2 64>96 3x3
branch3x3dbl_3 96>96 3x3
branch_pool $i>$p 1x1",
    ),
    (
        &[("Mixed_6b", 768, 128), ("Mixed_6c", 768, 160), ("Mixed_6d", 768, 160), ("Mixed_6e", 768, 192)],
        "branch1x1 $i>192 1x1
branch7x7_1 $i>$p 1x1
branch7x7_2 $p>$p 1x7
branch7x7_3 $p>192 7x1
branch7x7dbl_1 $i>$p 1x1
branch7x7dbl_2 $p>$p 7x1
branch7x7dbl_3 $p>$p 1x7
branch7x7dbl_4 $p>$p 7x1
branch7x7dbl_5 $p>192 1x7
branch_pool $i>192 1x1",
    ),
    (
        &[("Mixed_7b", 1280, 0), ("Mixed_7c", 2048, 0)],
        "branch1x1 $i>320 1x1
branch3x3_1 $i>384 1x1
branch3x3_2a 384>384 1x3
branch3x3_2b 384>384 3x1
branch3x3dbl_1 $i>448 1x1
branch3x3dbl_2 448>384 3x3
branch3x3dbl_3a 384>384 1x3
branch3x3dbl_3b 384>384 3x1
branch_pool $i>192 1x1",
    ),
];

type Shapes = BTreeMap<String, Vec<i64>>;

fn unit(shapes: &mut Shapes, line: &str) {
    let numbers: Vec<i64> = line.split([' ', '>', 'x']).rev().take(4).map(|n| n.parse().unwrap()).collect();
    let [width, height, outputs, inputs] = numbers[..] else { panic!("{line}") };
    let name = line.split(' ').next().unwrap();
    shapes.insert(format!("{name}.conv.weight"), vec![outputs, inputs, height, width]);
    for leaf in ["weight", "bias", "running_mean", "running_var"] {
        shapes.insert(format!("{name}.bn.{leaf}"), vec![outputs]);
    }
}

#[test]
fn inception_has_every_parameter_of_the_published_state_dict_and_no_other() {
    let mut expected = Shapes::new();
    INCEPTION.trim().lines().for_each(|line| unit(&mut expected, line));
    for (blocks, lines) in REPEATED {
        for (block, inputs, varying) in blocks {
            let lines = lines.replace("$i", &inputs.to_string()).replace("$p", &varying.to_string());
            lines.lines().for_each(|line| unit(&mut expected, &format!("{block}.{line}")));
        }
    }
    expected.insert("fc.weight".into(), vec![1008, 2048]);
    expected.insert("fc.bias".into(), vec![1008]);
    assert_eq!(Inception::layout().into_iter().collect::<Shapes>(), expected);
    let values: i64 = expected.values().map(|shape| shape.iter().product::<i64>()).sum();
    assert_eq!((expected.len(), values), (472, 23_885_392));
}

#[test]
fn efficientnet_has_every_parameter_of_the_published_state_dict_and_no_other() {
    // Block by block: inputs, inside, outputs, side of the kernel.
    let stages =
        [(1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112), (4, 5, 6, 192), (1, 3, 6, 320)];
    let mut expected = Shapes::new();
    let mut add = |conv: String, norm: String, shape: [i64; 4]| {
        expected.insert(format!("{conv}.weight"), shape.to_vec());
        for leaf in ["weight", "bias", "running_mean", "running_var"] {
            expected.insert(format!("{norm}.{leaf}"), vec![shape[0]]);
        }
    };
    add("_conv_stem".into(), "_bn0".into(), [32, 3, 3, 3]);
    let (mut block, mut inputs) = (0, 32);
    for (count, kernel, expansion, outputs) in stages {
        for _ in 0..count {
            let (at, inside) = (format!("_blocks.{block}"), inputs * expansion);
            if expansion > 1 {
                add(format!("{at}._expand_conv"), format!("{at}._bn0"), [inside, inputs, 1, 1]);
            }
            add(format!("{at}._depthwise_conv"), format!("{at}._bn1"), [inside, 1, kernel, kernel]);
            add(format!("{at}._project_conv"), format!("{at}._bn2"), [outputs, inside, 1, 1]);
            (block, inputs) = (block + 1, outputs);
        }
    }
    add("_conv_head".into(), "_bn1".into(), [1280, 320, 1, 1]);
    expected.insert("_fc.weight".into(), vec![1000, 1280]);
    expected.insert("_fc.bias".into(), vec![1000]);
    assert_eq!(EfficientNetLite0::layout().into_iter().collect::<Shapes>(), expected);
}

fn zeros(layout: Vec<(String, Vec<i64>)>) -> Vec<(String, Tensor)> {
    layout.into_iter().map(|(name, shape)| (name, Tensor::zeros(shape, (Kind::Float, Device::Cpu)))).collect()
}

fn write(folder: &Path, tensors: &[(String, Tensor)]) -> std::path::PathBuf {
    let path = folder.join("weights.safetensors");
    files::save(&path, tensors, &BTreeMap::new()).unwrap();
    path
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_names_of_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = zeros(EfficientNetLite0::layout());
    tensors.retain(|(name, _)| name != "_fc.bias");
    tensors.push(("extra".into(), Tensor::from_slice(&[1f32])));
    tensors[0].1 = Tensor::zeros([1, 3, 3, 3], (Kind::Float, Device::Cpu));
    let path = write(folder.path(), &tensors);
    let error = EfficientNetLite0::load(&path, Device::Cpu).unwrap_err();
    let FeatureError::Weights { problems, .. } = &error else { panic!("{error}") };
    let named: BTreeSet<&str> = problems.iter().filter_map(|problem| problem.split('`').nth(1)).collect();
    assert_eq!(named, BTreeSet::from(["_fc.bias", "extra", tensors[0].0.as_str()]));
    assert!(error.to_string().contains("weights.safetensors"));
    // Of a wholly other network only some names are said.
    let message = Inception::load(&path, Protocol::ADM, Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("InceptionV3") && message.contains("more") && message.len() < 2000, "{message}");
}

#[test]
fn unknown_weights_of_inception_are_not_called_fid() {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = zeros(Inception::layout());
    // Counters, as state dicts have them, do no harm.
    tensors.push(("Conv2d_1a_3x3.bn.num_batches_tracked".into(), Tensor::from(7i64)));
    let net = Inception::load(&write(folder.path(), &tensors), Protocol::CLEAN_FID, Device::Cpu).unwrap();
    assert!(!net.identity().genuine_fid && net.identity().weights.is_none());
    assert_eq!(metric_name(Distance::Frechet, net.identity(), 50_000), "FD-InceptionV3");
    assert_eq!((net.identity().protocol.as_str(), net.identity().dimension), ("clean-fid", 2048));
}

#[test]
fn unknown_weights_of_efficientnet_give_their_digest_to_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let net = EfficientNetLite0::load(&write(folder.path(), &zeros(EfficientNetLite0::layout())), Device::Cpu).unwrap();
    assert_eq!(net.identity().weights, None);
    let name = format!("FD-EffNetLite0-{}", &net.identity().weights_sha256[..8]);
    assert_eq!(metric_name(Distance::Frechet, net.identity(), 50_000), name);
}

#[test]
fn inputs_of_another_size_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let net = EfficientNetLite0::load(&write(folder.path(), &zeros(EfficientNetLite0::layout())), Device::Cpu).unwrap();
    let error = net.forward(&Tensor::zeros([1, 3, 299, 299], (Kind::Float, Device::Cpu))).unwrap_err();
    assert!(matches!(error, FeatureError::Inputs { expected: [3, 224, 224], .. }), "{error}");
}
