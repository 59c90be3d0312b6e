//! One batch with its draws, and what objectives share.

use std::cell::OnceCell;

use lzn_latent::ZoneFlow;
use lzn_torch::TorchError;
use lzn_torch::dist::World;
use lzn_torch::zones::{self, Assignment, Zones};
use tch::{Device, Tensor};

use super::{Draws, centred, root_mean_square};
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
    /// Among the anchors of this worker alone.
    here: OnceCell<Placed>,
    placed: OnceCell<Placed>,
    second_here: OnceCell<Placed>,
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
            here: OnceCell::new(),
            placed: OnceCell::new(),
            second_here: OnceCell::new(),
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

    /// Worker `rank`'s equal share of the samples, of `of`.
    ///
    /// # Errors
    /// [`TaskError::Shares`] if they cannot be divided, or only some places of the batch have the type.
    pub(crate) fn share(self, rank: usize, of: usize) -> Result<Self, TaskError> {
        let whole = self.samples.len();
        if !whole.is_multiple_of(of) {
            let problem = format!("a batch has {whole} samples of `{}` for {of} workers", self.name);
            return Err(TaskError::Shares { problem, remedy: "choose a batch size that is a multiple" });
        }
        let part = |samples: &Samples| samples.narrow(rank * (whole / of), whole / of);
        let second_view = self.second_view.as_ref().map(part);
        self.even()?;
        Ok(Self { second_view, ..Self::new(self.name.clone(), part(&self.samples)) })
    }

    /// Refuses samples that only some places of a batch have: workers would have different numbers of them.
    ///
    /// # Errors
    /// [`TaskError::Shares`].
    pub(crate) fn even(&self) -> Result<(), TaskError> {
        if self.rows.is_none() {
            return Ok(());
        }
        let problem = format!("only some samples of a batch have `{}`", self.name);
        Err(TaskError::Shares { problem, remedy: "use data that have all types throughout" })
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

    /// Those of the `i`-th type that are paired, among their anchors.
    pub fn placed(&self, i: usize, placed: &Placed) -> Placed {
        match self.places(i, placed.anchors.device()) {
            Some(places) => placed.of_samples(&places),
            None => placed.share(),
        }
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
///
/// One of several workers ([`StepContext::among`]) has its own samples; the anchors among which they are placed are those of all
/// workers. A loss is the mean over the worker's own samples: the mean of the workers' losses is then that of one process with all
/// samples, and so are the gradients, which the workers average. Exchange takes place where anchors are placed, in the same order in all
/// workers: no worker may leave out what another does.
#[derive(Debug)]
pub struct StepContext {
    fields: Vec<Field>,
    /// Every random number of the step.
    pub draws: Draws,
    world: World,
}

impl StepContext {
    /// A batch of data types, and the draws of its step.
    pub fn of(fields: Vec<Field>, draws: Draws) -> Self {
        Self { fields, draws, world: World::alone() }
    }

    /// Says that the batch is one worker's equal share of that of all.
    #[must_use]
    pub fn among(self, world: &World) -> Self {
        Self { draws: self.draws.of_worker(world.rank()), world: world.clone(), ..self }
    }

    /// The workers that have the other shares of the batch.
    pub fn world(&self) -> &World {
        &self.world
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

    /// The samples of a type among their anchors, of several workers among those of all; computed once.
    ///
    /// # Errors
    /// [`TaskError::Absent`], those of [`Lzn::place`], or [`TaskError::NotTold`].
    pub fn placed(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.placed.get() {
            return Ok(placed);
        }
        let placed = self.placed_here(model, name)?.share().among(&self.world, name)?;
        Ok(field.placed.get_or_init(|| placed))
    }

    /// The samples of a type among the anchors of this worker alone, computed once: for objectives that compare each sample with
    /// nothing but itself.
    ///
    /// # Errors
    /// [`TaskError::Absent`], or those of [`Lzn::place`].
    pub fn placed_here(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.here.get() {
            return Ok(placed);
        }
        let placed = model.place(name, &field.samples, model.training_pass())?;
        Ok(field.here.get_or_init(|| placed))
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
        let latents = self.latents_at(model, name, 1.0)?;
        Ok(field.latents.get_or_init(|| latents))
    }

    /// As [`StepContext::latents`], from the same noise times `scale`, and not kept: below 1 latents keep to the middle of their zones.
    ///
    /// # Errors
    /// As [`StepContext::placed`].
    pub fn latents_at(&self, model: &Lzn, name: &str, scale: f64) -> Result<Tensor, TaskError> {
        let placed = self.placed(model, name)?;
        let noise = self.latent_noise(model, name)? * scale;
        let latents = model.latents_of(name, placed, placed.weights().as_ref(), &noise);
        self.tolerated(latents, || noise.full_like(f64::NAN))
    }

    /// These values as means over all workers, who have the same names.
    ///
    /// # Errors
    /// [`TaskError::Torch`] when the exchange fails.
    pub fn shared(&self, mut values: Vec<(String, f64)>) -> Result<Vec<(String, f64)>, TaskError> {
        let here: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        let means = self.world.means(&here).map_err(TorchError::from)?;
        values.iter_mut().zip(means).for_each(|((_, value), mean)| *value = mean);
        Ok(values)
    }

    /// Where latents `[B, d]` end that flow back over zones, and how probably at their owners `[B]` ([`zones::to_anchors`]).
    ///
    /// # Errors
    /// [`TaskError::Torch`] for shapes that do not fit, and in a process of its own for numbers that are not finite.
    pub fn assigned(
        &self,
        flow: &ZoneFlow,
        latents: &Tensor,
        (zones, owners): (&Zones<'_>, &Tensor),
    ) -> Result<Assignment, TaskError> {
        let assigned = zones::to_anchors(flow, latents, zones, owners);
        self.tolerated(assigned.map_err(TaskError::from), || Assignment {
            end_points: latents.full_like(f64::NAN),
            own_log_probs: Tensor::full([1, latents.size()[0]], f64::NAN, (latents.kind(), latents.device())),
        })
    }

    /// What comes of zones. Those of numbers that are not finite do not exist. One of several workers must go on all the same, since the
    /// others may be waiting for its part: with `none`, numbers that are none, so that the loss of the step is none.
    ///
    /// # Errors
    /// That of `found`, in a process of its own or if it is another one.
    pub fn tolerated<T>(&self, found: Result<T, TaskError>, none: impl FnOnce() -> T) -> Result<T, TaskError> {
        match found {
            Err(error) if error.is_without_zones() && !self.world.is_alone() => Ok(none()),
            other => other,
        }
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

    /// The second views of the samples of a type among their anchors, of several workers among those of all; computed once.
    ///
    /// # Errors
    /// [`TaskError::MissingView`] in a batch with one view, or those of [`Lzn::place`].
    pub fn second_placed(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.second_placed.get() {
            return Ok(placed);
        }
        let placed = self.second_placed_here(model, name)?.share().among(&self.world, name)?;
        Ok(field.second_placed.get_or_init(|| placed))
    }

    fn second_placed_here(&self, model: &Lzn, name: &str) -> Result<&Placed, TaskError> {
        let field = self.field(name)?;
        if let Some(placed) = field.second_here.get() {
            return Ok(placed);
        }
        let placed = model.place(name, self.second_view(name)?, model.training_pass())?;
        Ok(field.second_here.get_or_init(|| placed))
    }

    /// Anchors of the second views of the images that are here `[B, d]`, computed once.
    ///
    /// # Errors
    /// As [`StepContext::second_placed`].
    pub fn second_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        Ok(&self.second_placed_here(model, IMAGE)?.anchors)
    }

    /// Anchors of the images that are here `[B, d]`, computed once.
    ///
    /// # Errors
    /// As [`StepContext::placed_here`].
    pub fn image_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        Ok(&self.placed_here(model, IMAGE)?.anchors)
    }

    /// What is worth knowing about the zones that objectives have made, for each type: `zones/hit_rate`, the share of latents in their
    /// own zone, and `zones/spread`, the root of the mean square distance of an anchor from their mean. The exact zones do not depend
    /// on the spread, but a solver with a fixed grid does. Types but the first have their name in between. Of several workers the means.
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
            let of = if i == 0 { String::new() } else { format!("{}/", field.name) };
            observed.extend([
                (format!("zones/{of}hit_rate"), rate),
                (format!("zones/{of}spread"), root_mean_square(&centred(&anchors))),
            ]);
        }
        self.shared(observed)
    }
}
