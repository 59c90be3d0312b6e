//! A checkpoint of the published representation model, whose names are those that the reference lists.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lzn_encoders::{ImageAnchors, ResNet, ResNetConfig};
use lzn_pickle::{Dtype, Item, PtFile};
use lzn_tasks::config::RunConfig;
use lzn_tasks::published::{ImportOptions, export, import};
use lzn_tasks::{PartName, Weights};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::{Device, Kind, Tensor};

const CONFIG: &str = r#"
    data = { source = "image-folder", path = "absent", image_size = 32, channels = 3, augment = { flip = true } }
    objective = [{ kind = "align", from = "image", to = "view", form = "log" }]
    [model]
    latent_dim = 64
    image_flow = { solver = "euler", steps = 20 }
    encoder.resnet = { layers = [1, 1, 1, 1] }
"#;
const STEPS: i64 = 7;

/// Names and shapes of the parameters in the reference's own order; but the last layer is as wide as our latent space.
fn listed() -> Vec<(String, Vec<i64>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/golden/data/resnet/r50_blocks1111.json");
    let case: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut listed: Vec<(String, Vec<i64>)> = serde_json::from_value(case["parameter_order"].clone()).unwrap();
    let count = listed.len();
    listed[count - 3..].iter_mut().for_each(|(_, shape)| shape[0] = 64);
    listed
}

/// What the formula gives for parameter `index` in the list `which`.
fn values(which: f64, index: usize, shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>();
    let wave = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * (0.37 + 0.011 * index as f64) + which).sin();
    wave.view(shape)
}

const RAW: f64 = 0.0;
const AVERAGE: f64 = 1.0;
const MEAN: f64 = 2.0;
const SQUARE: f64 = 3.0;

/// The file, as the published code lays it out.
fn checkpoint(folder: &Path) -> PathBuf {
    let listed = listed();
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut tensor = |tensor: Tensor| {
        let shape = tensor.size().iter().map(|n| *n as usize).collect();
        tensors.push(tensor);
        Item::Tensor { dtype: Dtype::F32, shape, index: tensors.len() - 1 }
    };
    let dict = |entries: Vec<(&str, Item)>| {
        Item::Dict(entries.into_iter().map(|(name, item)| (Item::text(name), item)).collect())
    };
    let all = || listed.iter().enumerate();
    let encoder = all()
        .map(|(i, (name, shape))| (Item::text(format!("model.module.{name}")), tensor(values(RAW, i, shape))))
        .collect();
    let averages = all().map(|(i, (_, shape))| tensor(values(AVERAGE, i, shape))).collect();
    let state = all().map(|(i, (_, shape))| {
        let moments = vec![
            ("step", tensor(Tensor::from(STEPS as f32))),
            ("exp_avg", tensor(values(MEAN, i, shape))),
            ("exp_avg_sq", tensor(values(SQUARE, i, shape).abs())),
        ];
        (Item::Int(i as i64), dict(moments))
    });
    let state = state.collect();
    let numbers = (0..listed.len() as i64).map(Item::Int).collect();
    let group = dict(vec![("lr", Item::Float(1.0)), ("params", Item::List(numbers))]);
    let whole = dict(vec![
        ("encoder", Item::OrderedDict(encoder)),
        (
            "encoder_ema",
            dict(vec![
                ("decay", Item::Float(0.9999)),
                ("num_updates", Item::Int(STEPS)),
                ("shadow_params", Item::List(averages)),
            ]),
        ),
        ("optimizer", dict(vec![("state", Item::Dict(state)), ("param_groups", Item::List(vec![group]))])),
        ("lr_scheduler", dict(vec![("last_epoch", Item::Int(STEPS))])),
        ("epoch", Item::Int(0)),
        ("iteration", Item::Int(STEPS)),
        ("grad_scalar", Item::Dict(Vec::new())),
    ]);
    let path = folder.join("representation.pt");
    let bytes = |index: usize| {
        let numbers = Vec::<f32>::try_from(tensors[index].contiguous().view(-1)).unwrap();
        Ok(numbers.into_iter().flat_map(f32::to_le_bytes).collect())
    };
    lzn_pickle::write(File::create(&path).unwrap(), "representation", &whole, bytes).unwrap();
    path
}

/// Anchors by a network that is filled by position, without any names of a file.
fn anchors(which: f64, images: &Tensor) -> Tensor {
    let store = ParamStore::new(Device::Cpu, 0);
    let config = ResNetConfig { layers: vec![1; 4], ..ResNetConfig::default() };
    let net = ResNet::new(&store.root(), &config, ImageShape { size: 32, channels: 3 }, 64).unwrap();
    let filled: HashMap<String, Tensor> =
        store.named().into_iter().enumerate().map(|(i, (name, old))| (name, values(which, i, &old.size()))).collect();
    store.load(&filled).unwrap();
    net.forward(images, false).unwrap()
}

#[test]
fn a_published_representation_model_comes_in_and_goes_out() {
    let place = tempfile::tempdir().unwrap();
    let config = RunConfig::parse(CONFIG, Path::new("test.toml"), &[]).unwrap();
    let file = checkpoint(place.path());
    let run = place.path().join("run");
    let options = ImportOptions { device: Device::Cpu, bank: 0 };
    let imported = import(&file, &config, &run, &options).unwrap();
    let numbers: i64 = listed().iter().map(|(_, shape)| shape.iter().product::<i64>()).sum();
    assert_eq!((imported.step, imported.parts), (STEPS as u64, vec![(PartName::ENCODER, numbers as usize)]));

    let images = (Tensor::arange(2 * 3 * 32 * 32, (Kind::Float, Device::Cpu)) * 0.9).cos().view([2, 3, 32, 32]);
    for (raw, which) in [(true, RAW), (false, AVERAGE)] {
        let got = Weights::open(&run, raw, Device::Cpu).unwrap().model.image_anchors(&images, false).unwrap();
        let expected = anchors(which, &images);
        assert!(expected.std(true).double_value(&[]) > 0.1, "the anchors say nothing");
        assert!(got.equal(&expected), "raw {raw}");
    }

    // Moments are by number in the file: they come back where they were.
    let again = place.path().join("again.pt");
    assert_eq!(export(&run, &again).unwrap(), STEPS as u64);
    let read = |path: &Path| {
        let file = PtFile::open(path).unwrap();
        let state = file.root().get("optimizer").unwrap().get("state").unwrap();
        let moments = state.entries().unwrap().flat_map(|(number, moments)| {
            ["exp_avg", "exp_avg_sq"].map(|key| {
                let tensor = moments.get(key).unwrap().tensor().unwrap();
                (number.int().unwrap(), key, file.bytes(tensor).unwrap())
            })
        });
        moments.collect::<Vec<_>>()
    };
    assert!(read(&file) == read(&again));
}
