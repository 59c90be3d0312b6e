//! The ResNet image encoder of representation learning.

mod block;
mod config;
mod layers;
mod selective;

pub use config::{BlockKind, ResNetConfig, StemKind};

use lzn_torch::Scope;
use lzn_torch::nn::{ImageShape, NetworkError};
use tch::{Kind, Tensor};

use crate::{EncoderError, ImageAnchors, Represented};
use block::{Block, Place};
use layers::{NormedConv, NormedLinear};

/// ResNet with group normalisation (He et al. 2016; Wu and He 2018) and a dense head, as in the paper's representation learning
/// (appendix D). Images of any size above a few pixels will do; the default is meant for 224, the small stem for about 32.
///
/// # Example
/// ```
/// use lzn_encoders::{ImageAnchors, ResNet, ResNetConfig};
/// use lzn_torch::{ParamStore, nn::ImageShape};
/// use tch::{Device, Kind, Tensor};
///
/// let config = ResNetConfig { layers: vec![1, 1], ..ResNetConfig::default() };
/// let store = ParamStore::new(Device::Cpu, 0);
/// let encoder = ResNet::new(&store.root(), &config, ImageShape { size: 32, channels: 3 }, 64)?;
/// let images = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
/// assert_eq!(encoder.features(&images)?.size(), [2, 512]);
/// assert_eq!(encoder.forward(&images, false)?.size(), [2, 64]);
/// # Ok::<(), lzn_encoders::EncoderError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ResNet {
    image: ImageShape,
    stem: NormedConv,
    pools: bool,
    blocks: Vec<Block>,
    head: Vec<NormedLinear>,
    recompute: bool,
}

impl ResNet {
    /// Builds the encoder and registers `stem.*`, `stages.STAGE.BLOCK.*` and `head.LAYER.*`.
    ///
    /// # Errors
    /// [`EncoderError::Network`] naming the key of a configuration that describes no network. The latent dimension must be a
    /// multiple of the groups in which the last layer is normalised; where it is equal to them every group is one number, and the anchor
    /// is the same for all images.
    pub fn new(
        scope: &Scope,
        config: &ResNetConfig,
        image: ImageShape,
        latent_dim: usize,
    ) -> Result<Self, EncoderError> {
        config.check(latent_dim)?;
        let (mut width, groups) = (config.stem_channels(), config.groups as i64);
        let (pools, kernel_and_stride) = match config.stem {
            StemKind::Large => (true, (7, 2)),
            StemKind::Medium => (false, (3, 2)),
            StemKind::Small => (false, (3, 1)),
        };
        let stem = NormedConv::new(&(scope / "stem"), (image.channels as i64, width), kernel_and_stride, groups);
        let mut blocks = Vec::new();
        for (stage, &count) in config.layers.iter().enumerate() {
            let channels = config.stem_channels() << stage;
            for block in 0..count {
                let first = block == 0;
                let stride = if stage > 0 && first { 2 } else { 1 };
                let place = Place { inputs: width, channels, stride, first };
                blocks.push(Block::new(&(scope / "stages" / stage / block), config, place));
                width = config.block.expansion() * channels;
            }
        }
        let layers = config.head_num_layers;
        let outputs = |layer| if layer + 1 == layers { latent_dim as i64 } else { width };
        let layer = |i| NormedLinear::new(&(scope / "head" / i), (width, outputs(i)), groups);
        let head = (0..layers).map(layer).collect();
        Ok(Self { image, stem, pools, blocks, head, recompute: config.recompute })
    }

    /// The features before the head, `[B, F]` with `F` 2048 in ResNet-50: the mean of the last feature map over its pixels. Linear
    /// probes do best on these (paper, appendix D.4).
    ///
    /// # Shapes
    /// `images`: `[B, C, H, W]` float32 in `[-1, 1]`.
    ///
    /// # Errors
    /// [`EncoderError::Network`] when the shape does not fit.
    pub fn features(&self, images: &Tensor) -> Result<Tensor, EncoderError> {
        let ImageShape { size, channels } = self.image;
        NetworkError::require_shape("images", images, &[-1, channels as i64, size as i64, size as i64])?;
        // As published, the network sees pixels in [0, 1].
        let mut h = self.stem.forward(&((images + 1.0) / 2.0)).relu();
        if self.pools {
            h = h.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        }
        let h = self.blocks.iter().try_fold(h, |h, block| block.forward(&h, self.recompute))?;
        Ok(h.mean_dim([2, 3].as_slice(), false, Kind::Float))
    }

    /// The anchors of [`ResNet::features`]: dense layers, each normalised, with ReLU between; `[B, F]` to `[B, d]`.
    pub fn head(&self, features: &Tensor) -> Tensor {
        let mut layers = self.head.iter();
        let first = layers.next().map_or_else(|| features.shallow_clone(), |layer| layer.forward(features));
        layers.fold(first, |h, layer| layer.forward(&h.relu()))
    }
}

impl ImageAnchors for ResNet {
    fn forward(&self, images: &Tensor, _train: bool) -> Result<Tensor, EncoderError> {
        Ok(self.head(&self.features(images)?))
    }

    /// The features are those of [`ResNet::features`].
    fn represent(&self, images: &Tensor) -> Result<Represented, EncoderError> {
        let features = self.features(images)?;
        Ok(Represented { anchors: self.head(&features), features })
    }

    fn share(&self) -> Box<dyn ImageAnchors> {
        Box::new(self.clone())
    }
}
