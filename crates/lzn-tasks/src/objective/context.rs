//! One batch with its draws, and what objectives share.

use std::cell::OnceCell;

use lzn_torch::zones::{self, Zones};
use tch::{Device, Kind, Tensor};

use super::Draws;
use crate::TaskError;
use crate::model::{IMAGE, LABEL, Lzn};
use crate::types::{Placed, Samples};

/// The samples of one data type in a batch.
#[derive(Debug)]
pub struct Field {
    name: String,
    samples: Samples,
    second_view: Option<Samples>,
    /// Of a batch of which only some have this type: their places in the batch, ascending.
    rows: Option<Vec<i64>>,
    placed: OnceCell<Placed>,
    second_placed: OnceCell<Placed>,
    latents: OnceCell<Tensor>,
}

impl Field {
    /// Samples of the type `name`, one for every place of the batch.
    pub fn new(name: impl Into<String>, samples: impl Into<Samples>) -> Self {
        Self {
            name: name.into(),
            samples: samples.into(),
            second_view: None,
            rows: None,
            placed: OnceCell::new(),
            second_placed: OnceCell::new(),
            latents: OnceCell::new(),
        }
    }

    /// Says that only these places of the batch have the type, in ascending order: sample i is that of place `rows[i]`.
    #[must_use]
    pub fn at(self, rows: Vec<i64>) -> Self {
        Self { rows: Some(rows), ..self }
    }

    /// Adds the same samples under other random transforms, for objectives that compare views.
    #[must_use]
    pub fn with_second_view(self, second_view: Option<Samples>) -> Self {
        Self { second_view, ..self }
    }

    /// The samples that are there.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The place in the batch of each sample.
    fn places(&self) -> Vec<i64> {
        self.rows.clone().unwrap_or_else(|| (0..self.samples.len() as i64).collect())
    }
}

/// Where samples that have several types are, in the field of each; none where all are, in the same order.
#[derive(Debug, PartialEq, Eq)]
pub struct Pairs(Option<Vec<Vec<i64>>>);

impl Pairs {
    /// Places in the field of the `i`-th type, `[n]` int64 on `device`; none where all samples are meant.
    pub fn places(&self, i: usize, device: Device) -> Option<Tensor> {
        Some(Tensor::from_slice(self.0.as_ref()?.get(i)?).to_device(device))
    }

    /// The samples of the `i`-th type that are paired.
    pub fn samples(&self, i: usize, samples: &Samples) -> Samples {
        match self.0.as_ref().and_then(|places| places.get(i)) {
            Some(places) => samples.select(places),
            None => samples.clone(),
        }
    }
}

/// One batch with its draws, and what objectives share.
#[derive(Debug)]
pub struct StepContext {
    fields: Vec<Field>,
    /// Every random number of the step.
    pub draws: Draws,
}

impl StepContext {
    /// A batch of data types, and the draws of its step.
    pub fn of(fields: Vec<Field>, draws: Draws) -> Self {
        Self { fields, draws }
    }

    /// Images `[B, C, H, W]` in [-1, 1], their labels `[B]` int64, if there are any, and the draws of their step.
    pub fn new(images: Tensor, labels: Tensor, draws: Draws) -> Self {
        let labels = (labels.numel() > 0).then(|| Field::new(LABEL, labels));
        Self::of([Field::new(IMAGE, images)].into_iter().chain(labels).collect(), draws)
    }

    /// Adds a second view of the images, `[B, C, H, W]` in [-1, 1].
    #[must_use]
    pub fn with_second_view(mut self, second_view: Option<Tensor>) -> Self {
        if let Some(images) = self.fields.iter_mut().find(|field| field.name == IMAGE) {
            images.second_view = second_view.map(Samples::Rows);
        }
        self
    }

    /// The samples of a type that are in the batch.
    ///
    /// # Errors
    /// [`TaskError::Absent`] if the batch has none.
    pub fn field(&self, name: &str) -> Result<&Field, TaskError> {
        let absent = || TaskError::Absent {
            name: name.to_owned(),
            there: self.fields.iter().map(|field| field.name.clone()).collect(),
        };
        self.fields.iter().find(|field| field.name == name && !field.samples.is_empty()).ok_or_else(absent)
    }

    /// Whether some sample of the batch has all of these types.
    pub fn has(&self, names: &[&str]) -> bool {
        self.pairs(names).is_ok_and(|pairs| pairs.0.is_none_or(|places| !places[0].is_empty()))
    }

    /// Where the samples that have all of these types are.
    ///
    /// # Errors
    /// [`TaskError::Absent`] if the batch has none of a type.
    pub fn pairs(&self, names: &[&str]) -> Result<Pairs, TaskError> {
        let fields = names.iter().map(|name| self.field(name)).collect::<Result<Vec<_>, _>>()?;
        let same = |field: &&Field| field.rows == fields[0].rows && field.samples.len() == fields[0].samples.len();
        if fields.iter().all(same) {
            return Ok(Pairs(None));
        }
        let places: Vec<Vec<i64>> = fields.iter().map(|field| field.places()).collect();
        let everywhere = |place: &i64| places.iter().all(|of_type| of_type.binary_search(place).is_ok());
        let of_field = |of_type: &Vec<i64>| {
            let paired = of_type.iter().enumerate().filter(|(_, place)| everywhere(place));
            paired.map(|(row, _)| row as i64).collect()
        };
        Ok(Pairs(Some(places.iter().map(of_field).collect())))
    }

    /// The samples of a type among their anchors, computed once.
    ///
    /// # Errors
    /// [`TaskError::Absent`], or those of [`Lzn::place`].
    pub fn placed(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.placed.get() {
            return Ok(placed);
        }
        let placed = model.place(name, &field.samples, model.training_pass())?;
        Ok(field.placed.get_or_init(|| placed))
    }

    /// Latents `[B, d]` of the samples of a type, computed once: the anchors of those in the batch cut the prior, and each sample's
    /// noise flows into its zone (paper, Equation 1). Samples that share a zone make it as much wider.
    ///
    /// # Errors
    /// As [`StepContext::placed`].
    pub fn latents(&self, model: &Lzn, name: &str) -> Result<&Tensor, TaskError> {
        let field = self.field(name)?;
        if let Some(latents) = field.latents.get() {
            return Ok(latents);
        }
        let placed = self.placed(model, name)?;
        let latents = model.latents_of(name, placed, placed.weights().as_ref(), &self.latent_noise(model, name)?)?;
        Ok(field.latents.get_or_init(|| latents))
    }

    /// The noise that becomes the latents of a type, standard normal `[B, d]`.
    ///
    /// # Errors
    /// [`TaskError::Absent`].
    pub fn latent_noise(&self, model: &Lzn, name: &str) -> Result<Tensor, TaskError> {
        let shape = [self.field(name)?.samples.len() as i64, model.space.dim as i64];
        Ok(self.draws.normal(&model.latent_noise(name), &shape))
    }

    /// The second view of the samples of a type.
    ///
    /// # Errors
    /// [`TaskError::MissingView`] if the batch has one view.
    pub fn second_view(&self, name: &str) -> Result<&Samples, TaskError> {
        self.field(name)?.second_view.as_ref().ok_or(TaskError::MissingView)
    }

    /// The second views of the samples of a type among their anchors, computed once.
    ///
    /// # Errors
    /// [`TaskError::MissingView`] in a batch with one view, or those of [`Lzn::place`].
    pub fn second_placed(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.second_placed.get() {
            return Ok(placed);
        }
        let placed = model.place(name, self.second_view(name)?, model.training_pass())?;
        Ok(field.second_placed.get_or_init(|| placed))
    }

    /// Anchors of the second views of the images `[B, d]`, computed once.
    ///
    /// # Errors
    /// As [`StepContext::second_placed`].
    pub fn second_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        Ok(&self.second_placed(model, IMAGE)?.anchors)
    }

    /// Anchors of the images `[B, d]`, computed once.
    ///
    /// # Errors
    /// As [`StepContext::placed`].
    pub fn image_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        Ok(&self.placed(model, IMAGE)?.anchors)
    }

    /// What is worth knowing about the zones that objectives have made, for each type: `zones/hit_rate`, the share of latents in their
    /// own zone, and `zones/spread`, the root of the mean square distance of an anchor from their mean. The exact zones do not depend
    /// on the spread, but a solver with a fixed grid does. Types but the first have their name in between.
    ///
    /// # Errors
    /// [`TaskError`] if libtorch refuses an operation.
    pub fn zones_observed(&self) -> Result<Vec<(String, f64)>, TaskError> {
        let mut observed = Vec::new();
        for (i, field) in self.fields.iter().enumerate() {
            let (Some(placed), Some(latents)) = (field.placed.get(), field.latents.get()) else { continue };
            let (anchors, weights) = (placed.anchors.detach(), placed.weights());
            let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
            let rate = zones::hit_rate(latents, &zones, &placed.owners().to_device(Device::Cpu))?;
            let apart = &anchors - anchors.mean_dim(0, true, Kind::Float);
            let square = apart.square().sum_dim_intlist(1, false, Kind::Double).mean(Kind::Double).double_value(&[]);
            let of = if i == 0 { String::new() } else { format!("{}/", field.name) };
            observed.extend([(format!("zones/{of}hit_rate"), rate), (format!("zones/{of}spread"), square.sqrt())]);
        }
        Ok(observed)
    }
}
