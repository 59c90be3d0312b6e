//! A small network trained on the data set itself, for images that ImageNet knows nothing about.
//!
//! Distances between its features are comparable only among numbers of the same weights. The network must not be the
//! one that is judged, nor be chosen after seeing results.

mod layers;
mod record;
mod train;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use lzn_resize::Protocol;
use lzn_torch::{ParamStore, files};
use ndarray::{Array1, Array2, Axis};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use self::layers::{FEATURES, Layers};
pub use self::record::{Labelled, Recipe, Record};
use crate::net::{check_inputs, matrix};
use crate::{FeatureError, FeatureNet, Features, Identity, Weights};

/// Key of the record among a file's metadata.
const RECORD: &str = "lenet";
/// Names of what standardises features, beside the parameters.
const STANDARD: [&str; 2] = ["features.mean", "features.deviation"];
/// Features that deviate less than this share of what the liveliest one does are dead: what a handful of training images decide would
/// count for more than all the rest once it is divided by so little.
const DEAD: f32 = 0.1;

/// LeNet (after LeCun et al. 1998): convolutions 5x5 of 32 and 64 channels, each with ReLU and a pool of maxima, a
/// dense layer of 128 with ReLU, and scores of the classes.
///
/// Features are the 128, each less its mean and divided by its deviation over the training images, so that no feature
/// counts for more because of its scale; those that are 0 for all training images are left out.
#[derive(Debug)]
pub struct LeNet {
    store: ParamStore,
    layers: Layers,
    standard: Standard,
    record: Record,
    identity: Identity,
    protocol: Protocol,
}

/// Mean and deviation of each of the features.
#[derive(Debug)]
struct Standard {
    mean: Array1<f32>,
    deviation: Array1<f32>,
}

impl Standard {
    fn alive(&self) -> Vec<usize> {
        let least = DEAD * self.deviation.iter().copied().fold(0.0, f32::max);
        self.deviation.iter().enumerate().filter(|(_, deviation)| **deviation > least).map(|(index, _)| index).collect()
    }

    fn dead(&self) -> usize {
        self.deviation.len() - self.alive().len()
    }

    fn apply(&self, features: &Array2<f32>) -> Array2<f32> {
        ((features - &self.mean) / &self.deviation).select(Axis(1), &self.alive())
    }
}

impl LeNet {
    /// A network with first values, and features as they are.
    fn new(record: Record, device: Device) -> Self {
        let store = ParamStore::new(device, record.recipe.seed);
        let layers = Layers::new(&store, record.shape, record.classes);
        let [channels, height, width] = record.shape;
        let protocol = Protocol::as_is([height, width], channels);
        let identity = Identity {
            network: format!("LeNet{FEATURES}"),
            weights_sha256: String::new(),
            weights: None,
            protocol: protocol.name.to_string(),
            dimension: 0,
            genuine_fid: false,
        };
        let count = FEATURES as usize;
        let standard = Standard { mean: Array1::zeros(count), deviation: Array1::ones(count) };
        Self { store, layers, standard, record, identity, protocol }
    }

    /// How the network came about.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Parameters and standard, by name.
    fn tensors(&self) -> Vec<(String, Tensor)> {
        let standard =
            [&self.standard.mean, &self.standard.deviation].map(|values| Tensor::from_slice(&values.to_vec()));
        let standard = STANDARD.into_iter().map(str::to_owned).zip(standard);
        self.store.named().into_iter().chain(standard).collect()
    }

    /// Works out the digest and the number of features, once they are final.
    fn identify(&mut self) -> Result<(), FeatureError> {
        let mut hasher = Sha256::new();
        for (name, tensor) in self.tensors() {
            hasher.update(name.as_bytes());
            hasher.update([0]);
            let values = matrix(&tensor.f_detach()?.f_reshape([1, -1])?)?;
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
        self.identity.weights_sha256 = format!("{:x}", hasher.finalize());
        self.identity.dimension = self.standard.alive().len();
        self.store.set_frozen(true);
        Ok(())
    }

    /// Writes the network with its record to a safetensors file.
    ///
    /// # Errors
    /// [`FeatureError::Torch`] when the file cannot be written; a former one is then unharmed.
    pub fn save(&self, path: &Path) -> Result<(), FeatureError> {
        let record = serde_json::to_string(&self.record).map_err(|e| FeatureError::Training(e.to_string()))?;
        Ok(files::save(path, &self.tensors(), &BTreeMap::from([(RECORD.to_owned(), record)]))?)
    }

    /// Reads what [`LeNet::save`] wrote.
    ///
    /// # Errors
    /// As [`Weights::read`]; [`FeatureError::Format`] for a file without a record, [`FeatureError::Weights`] for other
    /// tensors than the record says.
    pub fn load(path: &Path, device: Device) -> Result<Self, FeatureError> {
        let mut weights = Weights::read(path)?;
        let damaged = |reason: String| FeatureError::Format { path: path.to_owned(), reason };
        let record =
            weights.metadata.get(RECORD).ok_or_else(|| damaged("it holds no LeNet of this program".to_owned()))?;
        let record: Record = serde_json::from_str(record).map_err(|e| damaged(format!("its record: {e}")))?;
        let mut net = Self::new(record, device);
        let [mean, deviation] = STANDARD.map(|name| vector(&mut weights.tensors, name));
        net.standard = Standard { mean: mean.map_err(damaged)?, deviation: deviation.map_err(damaged)? };
        weights.fill(&net.store, &net.identity.network)?;
        net.identify()?;
        Ok(net)
    }
}

/// Takes one number for each feature out of the tensors.
fn vector(tensors: &mut HashMap<String, Tensor>, name: &str) -> Result<Array1<f32>, String> {
    let tensor = tensors.remove(name).ok_or_else(|| format!("`{name}` is missing"))?;
    if tensor.size() != [FEATURES] || tensor.kind() != Kind::Float {
        return Err(format!("`{name}` has shape {:?}, expected {FEATURES} floats", tensor.size()));
    }
    Vec::try_from(&tensor).map(Array1::from).map_err(|e| format!("`{name}`: {e}"))
}

impl FeatureNet for LeNet {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn device(&self) -> Device {
        self.store.device()
    }

    fn batch_size(&self) -> usize {
        256
    }

    fn forward(&self, inputs: &Tensor) -> Result<Features, FeatureError> {
        let inputs = check_inputs(self, inputs)?;
        let outputs = tch::no_grad(|| self.layers.forward(&inputs))?;
        Ok(Features {
            pooled: self.standard.apply(&matrix(&outputs.features)?),
            logits: Some(matrix(&outputs.scores)?),
            spatial: Some(matrix(&outputs.early)?),
        })
    }
}
