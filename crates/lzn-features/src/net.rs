//! What all feature networks are: from images to features.

use lzn_resize::Protocol;
use ndarray::{Array2, Array4, ArrayView4, Axis, concatenate};
use tch::{Device, Kind, Tensor};

use crate::{FeatureError, Identity};

/// Features of `B` images, float32.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// `[B, D]`: what distances between distributions compare.
    pub pooled: Array2<f32>,
    /// `[B, classes]`: scores before the softmax, for the Inception Score. Those of Inception have no bias, as in the
    /// programs whose scores are published.
    pub logits: Option<Array2<f32>>,
    /// `[B, D']`: an earlier layer. Of Inception the 2,023 values of sFID, of LeNet the 64 pooled channels before the
    /// dense layers.
    pub spatial: Option<Array2<f32>>,
}

impl Features {
    /// How many images.
    pub fn len(&self) -> usize {
        self.pooled.nrows()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The features of all images of several batches, in their order; all must be of one network.
    pub fn stack(batches: &[Self]) -> Self {
        let some = |field: fn(&Self) -> Option<&Array2<f32>>| batches.iter().map(field).collect::<Option<Vec<_>>>();
        Self {
            pooled: stack(&batches.iter().map(|batch| &batch.pooled).collect::<Vec<_>>()),
            logits: some(|batch| batch.logits.as_ref()).map(|parts| stack(&parts)),
            spatial: some(|batch| batch.spatial.as_ref()).map(|parts| stack(&parts)),
        }
    }
}

/// Rows below rows. Matrices of one network have equal widths.
fn stack(parts: &[&Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    concatenate(Axis(0), &views).unwrap_or_default()
}

/// A network whose features metrics compare.
///
/// Features depend on the image, the weights and the protocol, never on the batch that an image is in, up to the
/// rounding of sums in another order.
pub trait FeatureNet: Send {
    /// What made the features: to be printed beside every number.
    fn identity(&self) -> &Identity;

    /// How images become inputs.
    fn protocol(&self) -> &Protocol;

    /// Where the network computes.
    fn device(&self) -> Device;

    /// How many images are computed at once.
    fn batch_size(&self) -> usize {
        32
    }

    /// Features of inputs `[B, C, h, w]`, float32, as [`FeatureNet::protocol`] makes them. No gradients.
    ///
    /// # Errors
    /// [`FeatureError::Inputs`] for inputs of another shape, and what libtorch refuses.
    fn forward(&self, inputs: &Tensor) -> Result<Features, FeatureError>;

    /// Features of images `[B, C, H, W]`, in pieces of [`FeatureNet::batch_size`].
    ///
    /// # Errors
    /// As [`Protocol::apply`] and [`FeatureNet::forward`]; `B` must be at least 1.
    fn features(&self, images: ArrayView4<'_, u8>) -> Result<Features, FeatureError> {
        if images.is_empty() {
            return Err(FeatureError::Inputs {
                network: self.identity().network.clone(),
                expected: input_shape(self.protocol()),
                got: images.shape().iter().map(|n| *n as i64).collect(),
            });
        }
        let batches = images.axis_chunks_iter(Axis(0), self.batch_size().max(1));
        let features = |batch| self.forward(&to_tensor(&self.protocol().apply(batch)?, self.device())?);
        Ok(Features::stack(&batches.map(features).collect::<Result<Vec<_>, _>>()?))
    }
}

/// Channels, height and width of the inputs of a protocol.
fn input_shape(protocol: &Protocol) -> [i64; 3] {
    [protocol.channels, protocol.size[0], protocol.size[1]].map(|n| n as i64)
}

/// Refuses inputs that the protocol does not make; float32 on the device of the network otherwise.
pub(crate) fn check_inputs(net: &(impl FeatureNet + ?Sized), inputs: &Tensor) -> Result<Tensor, FeatureError> {
    let (got, expected) = (inputs.size(), input_shape(net.protocol()));
    if got.len() != 4 || got[1..] != expected || got[0] < 1 {
        return Err(FeatureError::Inputs { network: net.identity().network.clone(), expected, got });
    }
    Ok(inputs.f_to_device(net.device())?.f_to_kind(Kind::Float)?)
}

/// Inputs on the device of a network.
pub(crate) fn to_tensor(inputs: &Array4<f32>, device: Device) -> Result<Tensor, FeatureError> {
    let shape: Vec<i64> = inputs.shape().iter().map(|n| *n as i64).collect();
    // In the order of rows, unless somebody turned the axes.
    let inputs = inputs.as_standard_layout();
    Ok(Tensor::f_from_slice(inputs.as_slice().unwrap_or_default())?.f_view(&shape[..])?.f_to_device(device)?)
}

/// A matrix in host memory.
pub(crate) fn matrix(tensor: &Tensor) -> Result<Array2<f32>, FeatureError> {
    let (rows, columns) = tensor.size2()?;
    let host = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut matrix = Array2::zeros((rows as usize, columns as usize));
    if let Some(values) = matrix.as_slice_mut() {
        let count = values.len();
        host.f_copy_data(values, count)?;
    }
    Ok(matrix)
}
