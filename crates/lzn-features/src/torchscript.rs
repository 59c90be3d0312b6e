//! Any network that somebody saved as TorchScript: DINOv2, CLIP, whatever returns a row of features for each image.

use std::path::Path;

use lzn_resize::Protocol;
use tch::{CModule, Device, IValue, Tensor};

use crate::digest::digest_of;
use crate::net::{check_inputs, matrix};
use crate::{FeatureError, FeatureNet, Features, Identity};

/// A TorchScript module as a feature network.
///
/// The module takes `[B, C, h, w]` and returns `[B, D]`, or `[B, D, 1, 1]`, or a tuple or list that begins so. Its code
/// is run: use files of people whom you trust.
#[derive(Debug)]
pub struct TorchScript {
    module: CModule,
    identity: Identity,
    protocol: Protocol,
    device: Device,
    path: std::path::PathBuf,
}

impl TorchScript {
    /// Pixels on the longest side of an input: more than any network takes, and little enough for memory.
    pub const LARGEST_SIDE: usize = 4096;

    /// Loads a module; numbers will be called `FD-NAME`. The module sees one black image, to learn the number of its
    /// features.
    ///
    /// # Errors
    /// [`FeatureError::Io`] and [`FeatureError::Libtorch`] when the file is no module of TorchScript,
    /// [`FeatureError::Script`] when it does not return features, [`FeatureError::Side`] for inputs of more than 4,096 pixels.
    pub fn load(path: &Path, name: &str, protocol: Protocol, device: Device) -> Result<Self, FeatureError> {
        if let Some(got) = protocol.size.into_iter().find(|side| *side > Self::LARGEST_SIDE) {
            return Err(FeatureError::Side { protocol: protocol.name.to_string(), most: Self::LARGEST_SIDE, got });
        }
        let weights_sha256 = digest_of(path)?;
        let mut module = CModule::load_on_device(path, device)?;
        module.f_set_eval()?;
        let identity = Identity {
            network: name.to_owned(),
            weights_sha256,
            weights: None,
            protocol: protocol.name.to_string(),
            dimension: 0,
            genuine_fid: false,
        };
        let mut net = Self { module, identity, protocol, device, path: path.to_owned() };
        let [height, width] = net.protocol.size;
        let black = ndarray::Array4::zeros((1, net.protocol.channels, height, width));
        net.identity.dimension = net.features(black.view())?.pooled.ncols();
        Ok(net)
    }

    fn wrong(&self, problem: String) -> FeatureError {
        FeatureError::Script { path: self.path.clone(), problem }
    }

    fn first(&self, value: IValue) -> Result<Tensor, FeatureError> {
        match value {
            IValue::Tensor(tensor) => Ok(tensor),
            IValue::TensorList(list) => {
                list.into_iter().next().ok_or_else(|| self.wrong("it returns an empty list".to_owned()))
            }
            IValue::Tuple(list) | IValue::GenericList(list) => match list.into_iter().next() {
                Some(IValue::Tensor(tensor)) => Ok(tensor),
                other => Err(self.wrong(format!("it returns a list that begins with {other:?}"))),
            },
            other => Err(self.wrong(format!("it returns {other:?}"))),
        }
    }
}

impl FeatureNet for TorchScript {
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
        let count = inputs.size()[0];
        let value = tch::no_grad(|| self.module.forward_is(&[IValue::Tensor(inputs)]))?;
        let tensor = self.first(value)?;
        let size = tensor.size();
        if size.len() < 2 || size[0] != count || size[2..].iter().any(|side| *side != 1) {
            return Err(self.wrong(format!("for {count} images it returns {size:?}")));
        }
        Ok(Features { pooled: matrix(&tensor.f_flatten(1, -1)?)?, logits: None, spatial: None })
    }
}
