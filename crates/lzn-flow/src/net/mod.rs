//! The NCSN++ velocity network (Song et al. 2021), conditioned on a latent and a label.

mod embedding;
mod output_scale;
mod up_path;

use lzn_torch::Scope;
use lzn_torch::nn::{DownPath, ImageShape, Layout, Linear, NetworkError};
use tch::Tensor;

use self::embedding::TimeEmbedding;
use self::output_scale::OutputScale;
use self::up_path::UpPath;
use crate::config::VelocityNetConfig;
use crate::{FlowError, Progressive};

/// The network's clock: it is told `999 t`, the 1000 discrete steps of the score models that its architecture comes from.
const CLOCK: f64 = 999.0;

/// What a velocity network is given besides the noisy image and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VelocityNetInput {
    /// The images.
    pub image: ImageShape,
    /// Numbers in a latent; 0 for none, the plain Rectified Flow baseline.
    pub latent_dim: usize,
    /// Classes of a one-hot label; 0 for none.
    pub classes: usize,
}

/// NCSN++ as an estimate of the velocity of Rectified Flow.
///
/// The embedding of the time, the latent and the one-hot label together pass two dense layers, whose result shifts the features of
/// every residual block.
///
/// # Example
/// ```
/// use lzn_flow::{VelocityNet, VelocityNetConfig, VelocityNetInput};
/// use lzn_torch::{ParamStore, nn::ImageShape};
/// use tch::{Device, Kind, Tensor};
///
/// let config = VelocityNetConfig { nf: 8, ch_mult: vec![1, 2], attn_resolutions: vec![4], ..Default::default() };
/// let input = VelocityNetInput { image: ImageShape { size: 8, channels: 1 }, latent_dim: 5, classes: 0 };
/// let net = VelocityNet::new(&ParamStore::new(Device::Cpu, 0).root(), &config, input)?;
/// let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
/// let velocity = net.forward(&zeros(&[2, 1, 8, 8]), &zeros(&[2]), Some(&zeros(&[2, 5])), None, false)?;
/// assert_eq!(velocity.size(), [2, 1, 8, 8]);
/// # Ok::<(), lzn_flow::FlowError>(())
/// ```
#[derive(Debug)]
pub struct VelocityNet {
    input: VelocityNetInput,
    layout: Layout,
    time: TimeEmbedding,
    dense0: Linear,
    dense1: Linear,
    down: DownPath,
    up: UpPath,
    output_scale: OutputScale,
}

impl VelocityNet {
    /// Builds the network and registers its parameters.
    ///
    /// # Errors
    /// [`FlowError::Network`] naming the key of a configuration that describes no network.
    pub fn new(scope: &Scope, config: &VelocityNetConfig, input: VelocityNetInput) -> Result<Self, FlowError> {
        let device = scope.device();
        let layout = Layout::new(&config.backbone(), input.image, device)?;
        up_path::check(&layout)?;
        let output_scale = OutputScale::new(config, device)?;
        let time = TimeEmbedding::new(&(scope / "time"), config)?;
        let width = 4 * layout.first_channels;
        let given = time.width() + (input.latent_dim + input.classes) as i64;
        let embedding = scope / "embedding";
        let dense0 = Linear::new(&(&embedding / "dense0"), given, width);
        let dense1 = Linear::new(&(&embedding / "dense1"), width, width);
        let down = DownPath::new(scope, &layout, Some(width));
        let up = UpPath::new(scope, &layout, width, config.progressive == Progressive::OutputSkip);
        Ok(Self { input, layout, time, dense0, dense1, down, up, output_scale })
    }

    /// What the network was built for.
    pub fn input(&self) -> VelocityNetInput {
        self.input
    }

    /// The velocity of every sample.
    ///
    /// # Shapes
    /// `x`: `[B, C, H, W]` float32; `t`: `[B]` float32, image time in `(0, 1]` (the Fourier embedding takes its logarithm);
    /// `latent`: `[B, latent_dim]`; `label`: `[B, classes]`, one-hot; result: as `x`. `train` switches dropout on, whose masks
    /// come from libtorch's generator.
    ///
    /// # Errors
    /// [`FlowError::Network`] when a shape does not fit or a condition is missing or left over.
    pub fn forward(
        &self,
        x: &Tensor,
        t: &Tensor,
        latent: Option<&Tensor>,
        label: Option<&Tensor>,
        train: bool,
    ) -> Result<Tensor, FlowError> {
        self.check(x, t, latent, label)?;
        let clock = t * CLOCK;
        // Every block begins with the activation of the embedding, so it is taken once here.
        let embedding = self.embed(&clock, latent, label).silu();
        let features = self.down.forward(&self.layout.stem.unshuffle(x), Some(&embedding), &self.layout, train)?;
        let velocity = self.layout.stem.shuffle(&self.up.forward(features, &embedding, &self.layout, train)?);
        Ok(self.output_scale.apply(velocity, &clock))
    }

    fn embed(&self, clock: &Tensor, latent: Option<&Tensor>, label: Option<&Tensor>) -> Tensor {
        let time = self.time.forward(clock);
        let given: Vec<&Tensor> = latent.into_iter().chain(label).chain([&time]).collect();
        self.dense1.forward(&self.dense0.forward(&Tensor::cat(&given, 1)).silu())
    }

    fn check(
        &self,
        x: &Tensor,
        t: &Tensor,
        latent: Option<&Tensor>,
        label: Option<&Tensor>,
    ) -> Result<(), NetworkError> {
        let ImageShape { size, channels } = self.input.image;
        let batch = x.size().first().copied().unwrap_or(0);
        NetworkError::require_shape("x", x, &[batch, channels as i64, size as i64, size as i64])?;
        NetworkError::require_shape("t", t, &[batch])?;
        for (argument, given, width) in
            [("latent", latent, self.input.latent_dim), ("label", label, self.input.classes)]
        {
            match given {
                Some(given) if width > 0 => NetworkError::require_shape(argument, given, &[batch, width as i64])?,
                None if width == 0 => {}
                _ => return Err(NetworkError::Presence { argument, needed: width > 0 }),
            }
        }
        Ok(())
    }
}
