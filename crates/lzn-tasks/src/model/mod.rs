//! The trained whole: data types around one latent space.

mod banks;
mod images;
mod weights;

use lzn_torch::zones::{self, Zones};
use lzn_torch::{ParamStore, Precision};
use tch::{Device, Kind, Tensor};

use crate::TaskError;
use crate::run::signals;
use crate::train::Clock;
use crate::train::stage::{Stage, within};
use crate::types::{DataType, LatentSpace, PartName, Pass, Placed, Samples};

pub use banks::Banks;
pub use images::{IMAGE, LABEL, TEXT};
pub use weights::Weights;
pub(crate) use weights::{checkpoints, misfit};

/// A Latent Zoning Network: data types, each with an encoder, decoders or both, around one Gaussian latent space.
#[derive(Debug)]
pub struct Lzn {
    /// The latent space.
    pub space: LatentSpace,
    /// Samples that pass an encoder or decoder at a time in training; none for all. Zones are those of the whole batch all the same.
    pub micro_batch: Option<usize>,
    /// In what networks compute in training.
    pub precision: Precision,
    /// Factor by which the loss is multiplied before the backward pass, a power of two; 1 but for float16.
    pub loss_scale: f64,
    /// Time in which encoders made anchors.
    pub encoder_time: Clock,
    types: Vec<DataType>,
    device: Device,
}

impl Lzn {
    /// A model without data types.
    pub fn empty(space: LatentSpace, device: Device) -> Self {
        Self {
            space,
            micro_batch: None,
            precision: Precision::Float32,
            loss_scale: 1.0,
            encoder_time: Clock::default(),
            types: Vec::new(),
            device,
        }
    }

    /// Adds a data type. The order of types is that of the parts in files and optimizers.
    ///
    /// # Errors
    /// [`TaskError::Registered`] if a type of this name, or a part of such a name, is there already.
    pub fn register(&mut self, data_type: DataType) -> Result<(), TaskError> {
        let taken = |what: String| TaskError::Registered { name: data_type.name().to_owned(), what };
        if self.types.iter().any(|known| known.name() == data_type.name()) {
            return Err(taken("a data type of this name".to_owned()));
        }
        let mut known: Vec<PartName> = self.parts().into_iter().map(|(part, _)| part).collect();
        for (part, _) in data_type.parts() {
            if let Some(other) = known.iter().find(|other| other.clashes(&part)) {
                return Err(taken(format!("its part `{part}` beside a part `{other}`")));
            }
            known.push(part);
        }
        self.types.push(data_type);
        Ok(())
    }

    /// The data types, in the order in which they were registered.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The data type of this name.
    ///
    /// # Errors
    /// [`TaskError::NoType`] with the names that there are.
    pub fn data_type(&self, name: &str) -> Result<&DataType, TaskError> {
        self.types.iter().find(|known| known.name() == name).ok_or_else(|| self.no_type(name))
    }

    /// The data type of this name, to change.
    ///
    /// # Errors
    /// As [`Lzn::data_type`].
    pub fn data_type_mut(&mut self, name: &str) -> Result<&mut DataType, TaskError> {
        let error = self.no_type(name);
        self.types.iter_mut().find(|known| known.name() == name).ok_or(error)
    }

    fn no_type(&self, name: &str) -> TaskError {
        TaskError::NoType {
            name: name.to_owned(),
            known: self.types.iter().map(|known| known.name().to_owned()).collect(),
        }
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The parameters of all parts, type by type.
    pub fn parts(&self) -> Vec<(PartName, ParamStore)> {
        self.types.iter().flat_map(DataType::parts).collect()
    }

    /// Anchors of samples, with whose is whose.
    ///
    /// # Errors
    /// [`TaskError::NoType`] or [`TaskError::NoEncoder`]; [`TaskError`] if these are no samples of the type; as [`signals::check`].
    pub fn place(&self, name: &str, samples: &Samples, pass: Pass) -> Result<Placed, TaskError> {
        signals::check()?;
        let encoder = self.data_type(name)?.encoder()?;
        let place = || {
            if pass.train { self.in_precision(|| encoder.place(samples, pass)) } else { encoder.place(samples, pass) }
        };
        let placed = within(Stage::Device, "encoder", || self.encoder_time.count(place))?;
        // Zones are cut in float32, whatever the network computes in.
        let anchors = match placed.anchors.kind() {
            Kind::Half | Kind::BFloat16 => placed.anchors.to_kind(Kind::Float),
            _ => placed.anchors.shallow_clone(),
        };
        let anchors = self.space.place(anchors);
        Ok(placed.with_anchors(anchors))
    }

    /// Runs a network as it is in training: what comes out may have the precision of [`Lzn::precision`].
    pub(crate) fn in_precision<T>(&self, work: impl FnOnce() -> T) -> T {
        self.precision.within(self.device, work)
    }

    /// How an encoder is run in training.
    pub(crate) fn training_pass(&self) -> Pass {
        Pass { train: true, piece: self.micro_batch.map(|size| size.max(1) as i64) }
    }

    /// The size of micro-batches, where a batch of so many samples has more than one.
    pub(crate) fn micro_batch_of(&self, samples: i64) -> Option<i64> {
        self.training_pass().piece.filter(|size| *size < samples)
    }

    /// Latents `[B, d]` of samples, each flown into its zone (paper, Equation 1).
    ///
    /// # Errors
    /// [`TaskError`] if the shapes disagree.
    pub fn latents_of(
        &self,
        name: &str,
        placed: &Placed,
        weights: Option<&Tensor>,
        noise: &Tensor,
    ) -> Result<Tensor, TaskError> {
        let zones = Zones { anchors: &placed.anchors, weights };
        Ok(zones::to_latents(self.data_type(name)?.flow(), &zones, &placed.owners(), noise)?)
    }

    /// The name of the draws that become latents of a type in training. The first type draws under the plain name, as images did
    /// before there were others, so that their runs give the numbers that they gave.
    pub(crate) fn latent_noise(&self, name: &str) -> String {
        match self.types.first() {
            Some(first) if first.name() == name => LATENT_NOISE.to_owned(),
            _ => format!("{LATENT_NOISE}/{name}"),
        }
    }
}

/// The name behind [`lzn_random::Purpose::LATENT_NOISE`].
pub(crate) const LATENT_NOISE: &str = "latent-noise";
