//! The NCSN++ image encoder.

use lzn_torch::Scope;
use lzn_torch::nn::{DownPath, Features, ImageShape, Layout, NetworkError};
use tch::{Kind, Tensor};

use crate::config::ImageEncoderConfig;
use crate::heads::Heads;
use crate::{EncoderError, ImageAnchors, Represented};

/// Down path and middle of NCSN++ without the time. Each feature map (first convolution, every block, every down-sampling, the
/// middle) has a head of its own; the anchor is the sum of what the heads say (paper, appendix C.2).
///
/// # Example
/// ```
/// use lzn_encoders::{ImageAnchors, ImageEncoder, ImageEncoderConfig};
/// use lzn_torch::{ParamStore, nn::ImageShape};
/// use tch::{Device, Kind, Tensor};
///
/// let config = ImageEncoderConfig { nf: 8, ch_mult: vec![1, 2], attn_resolutions: vec![4], ..Default::default() };
/// let store = ParamStore::new(Device::Cpu, 0);
/// let encoder = ImageEncoder::new(&store.root(), &config, ImageShape { size: 8, channels: 1 }, 5)?;
/// let anchors = encoder.forward(&Tensor::zeros([2, 1, 8, 8], (Kind::Float, Device::Cpu)), false)?;
/// assert_eq!(anchors.size(), [2, 5]);
/// # Ok::<(), lzn_encoders::EncoderError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ImageEncoder {
    image: ImageShape,
    layout: Layout,
    heads: Heads,
    down: DownPath,
}

impl ImageEncoder {
    /// Builds the encoder and registers its parameters.
    ///
    /// # Errors
    /// [`EncoderError::Network`] naming the key of a configuration that describes no network.
    pub fn new(
        scope: &Scope,
        config: &ImageEncoderConfig,
        image: ImageShape,
        latent_dim: usize,
    ) -> Result<Self, EncoderError> {
        let layout = Layout::new(&config.backbone(), image, scope.device())?;
        let heads = Heads::new(scope, config, &layout, latent_dim)?;
        let down = DownPath::new(scope, &layout, None);
        Ok(Self { image, layout, heads, down })
    }
}

impl ImageEncoder {
    /// All feature maps, that of the middle last.
    fn maps(&self, image: &Tensor, train: bool) -> Result<Vec<Tensor>, EncoderError> {
        let ImageShape { size, channels } = self.image;
        NetworkError::require_shape("image", image, &[-1, channels as i64, size as i64, size as i64])?;
        let x = self.layout.stem.unshuffle(image);
        let Features { mut skips, middle } = self.down.forward(&x, None, &self.layout, train)?;
        skips.push(middle);
        Ok(skips)
    }
}

impl ImageAnchors for ImageEncoder {
    /// The anchor of every image. `train` switches dropout on, whose masks come from libtorch's generator.
    fn forward(&self, image: &Tensor, train: bool) -> Result<Tensor, EncoderError> {
        Ok(self.heads.forward(&self.maps(image, train)?))
    }

    /// The features are the means of the middle's feature map over its pixels, `[B, F]` with `F` the channels of the last level. Anchors
    /// are made of all maps, so they are not a function of these.
    fn represent(&self, image: &Tensor) -> Result<Represented, EncoderError> {
        let maps = self.maps(image, false)?;
        let middle = maps.last().map(|map| map.mean_dim([2, 3].as_slice(), false, Kind::Float));
        Ok(Represented { features: middle.unwrap_or_default(), anchors: self.heads.forward(&maps) })
    }

    fn share(&self) -> Box<dyn ImageAnchors> {
        Box::new(self.clone())
    }
}
