//! The network of FID, the Inception Score, sFID and KID.

mod block;
mod layout;
mod names;

use std::path::Path;

use lzn_resize::Protocol;
use lzn_torch::{Init, ParamStore, Scope};
use ndarray::Array2;
use tch::{Device, TchError, Tensor};

use self::block::{Block, Unit, halve};
use crate::net::{check_inputs, matrix};
use crate::{FeatureError, FeatureNet, Features, Identity, Weights};

/// Numbers in the last pooled features.
const FEATURES: i64 = 2048;
/// Classes of the graph, 8 of them without a meaning.
const CLASSES: i64 = 1008;
/// Channels of the first branch of `Mixed_6d` that sFID compares.
const SPATIAL_CHANNELS: i64 = 7;

/// Digests of files with the weights of 2015-12-05, and what they are known as.
pub const KNOWN: [(&str, &str); 2] = [
    (GENUINE, "pt_inception-2015-12-05-6726825d.pth (pytorch-fid, torch-fidelity)"),
    (
        "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
        "inception-2015-12-05.pt (StyleGAN, clean-fid)",
    ),
];

/// The file whose numbers may be called FID.
const GENUINE: &str = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

/// Inception-v3 as TensorFlow's graph of 2015-12-05 has it.
///
/// It differs from torchvision's: pools of means count only pixels inside, the last block pools maxima, normalisations
/// have an epsilon of 0.001, and there are 1,008 classes.
#[derive(Debug)]
pub struct Inception {
    layers: Layers,
    identity: Identity,
    protocol: Protocol,
    device: Device,
}

#[derive(Debug)]
struct Layers {
    stem: [Vec<Unit>; 2],
    /// Up to and with `Mixed_6d`, and those after it.
    blocks: [Vec<Block>; 2],
    scores: Tensor,
    bias: Tensor,
}

/// Everything that metrics have been made of in this network; all matrices have a row for each image.
#[derive(Debug, Clone, PartialEq)]
pub struct Taps {
    /// After the first pool, the mean over all places: 64 columns.
    pub first_pool: Array2<f32>,
    /// After the second pool, the mean over all places: 192 columns.
    pub second_pool: Array2<f32>,
    /// After `Mixed_6e`, the mean over all places: 768 columns.
    pub mixed_6e: Array2<f32>,
    /// What [`FeatureNet::forward`] gives: 2,048 columns, 1,008 scores without bias, 2,023 columns for sFID.
    pub features: Features,
    /// Scores with the bias: 1,008 columns.
    pub biased_logits: Array2<f32>,
}

impl Inception {
    /// Reads weights: a `.pth` of pytorch-fid or torch-fidelity, StyleGAN's TorchScript file, or a safetensors file
    /// with the names of either. Of StyleGAN's file only the tensors are read, by names taken from published ports of
    /// it; its own code is not run.
    ///
    /// A file whose digest is not in [`KNOWN`] is no error: what it measures is then not called FID.
    ///
    /// # Errors
    /// As [`Weights::read`], and [`FeatureError::Weights`] naming what is missing, left over or misshapen.
    pub fn load(path: &Path, protocol: Protocol, device: Device) -> Result<Self, FeatureError> {
        Self::with_weights(Weights::read(path)?, protocol, device)
    }

    /// As [`Inception::load`], with weights that were read already.
    ///
    /// # Errors
    /// As [`Inception::load`].
    pub fn with_weights(mut weights: Weights, protocol: Protocol, device: Device) -> Result<Self, FeatureError> {
        weights.tensors = names::translate(weights.tensors);
        let store = ParamStore::new(device, 0);
        let layers = Layers::new(&store.root());
        let identity = Identity {
            network: "InceptionV3".to_owned(),
            weights: weights.known(&KNOWN),
            genuine_fid: weights.sha256 == GENUINE,
            weights_sha256: weights.sha256.clone(),
            protocol: protocol.name.to_string(),
            dimension: FEATURES as usize,
        };
        weights.fill(&store, &identity.network)?;
        Ok(Self { layers, identity, protocol, device })
    }

    /// Names and shapes of all parameters: 472, as the weights for torch have them without their counters.
    pub fn layout() -> Vec<(String, Vec<i64>)> {
        let store = ParamStore::new(Device::Cpu, 0);
        Layers::new(&store.root());
        store.named().into_iter().map(|(name, tensor)| (name, tensor.size())).collect()
    }

    /// All intermediate features, of inputs as for [`FeatureNet::forward`].
    ///
    /// # Errors
    /// As [`FeatureNet::forward`].
    pub fn taps(&self, inputs: &Tensor) -> Result<Taps, FeatureError> {
        let inputs = check_inputs(self, inputs)?;
        tch::no_grad(|| self.layers.taps(inputs))
    }
}

impl Layers {
    fn new(root: &Scope) -> Self {
        let mut channels = 3;
        let stem = layout::STEM.map(|units| {
            let build = |unit: &layout::Unit| {
                let built = Unit::new(root, unit, channels);
                channels = unit.outputs;
                built
            };
            units.iter().map(build).collect()
        });
        let mut blocks = [Vec::new(), Vec::new()];
        for (position, block) in layout::blocks().iter().enumerate() {
            let (block, outputs) = Block::new(root, block, channels);
            blocks[usize::from(position >= layout::TO_MIXED_6D)].push(block);
            channels = outputs;
        }
        let fc = root / "fc";
        Self {
            stem,
            blocks,
            scores: fc.constant("weight", &[CLASSES, channels], Init::Constant(0.0)),
            bias: fc.constant("bias", &[CLASSES], Init::Constant(0.0)),
        }
    }

    fn taps(&self, x: Tensor) -> Result<Taps, FeatureError> {
        let part = |units: &[Unit], x: Tensor| halve(&units.iter().try_fold(x, |x, unit| unit.forward(&x))?);
        let pool_1 = part(&self.stem[0], x)?;
        let pool_2 = part(&self.stem[1], pool_1.shallow_clone())?;
        let mixed_6d = self.blocks[0].iter().try_fold(pool_2.shallow_clone(), |x, block| block.forward(&x))?;
        let mut later = self.blocks[1].iter();
        let mixed_6e = later.next().map_or_else(|| Ok(mixed_6d.shallow_clone()), |block| block.forward(&mixed_6d))?;
        let last = later.try_fold(mixed_6e.shallow_clone(), |x, block| block.forward(&x))?;
        let pooled = everywhere(&last)?;
        let logits = pooled.f_linear(&self.scores, None::<&Tensor>)?;
        // The first branch comes first in the result of a block.
        let spatial = mixed_6d.f_narrow(1, 0, SPATIAL_CHANNELS)?.f_permute([0, 2, 3, 1])?.f_flatten(1, -1)?;
        Ok(Taps {
            first_pool: matrix(&everywhere(&pool_1)?)?,
            second_pool: matrix(&everywhere(&pool_2)?)?,
            mixed_6e: matrix(&everywhere(&mixed_6e)?)?,
            biased_logits: matrix(&logits.f_add(&self.bias)?)?,
            features: Features {
                pooled: matrix(&pooled)?,
                logits: Some(matrix(&logits)?),
                spatial: Some(matrix(&spatial)?),
            },
        })
    }
}

/// The mean over all places of `[B, C, H, W]`.
fn everywhere(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_mean_dim(&[2_i64, 3][..], false, None)
}

impl FeatureNet for Inception {
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
        Ok(self.taps(inputs)?.features)
    }
}
