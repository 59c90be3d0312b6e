//! The evaluation of one model: the groups that a configuration asks for, one after the other.

use std::path::PathBuf;
use std::sync::Arc;

use lzn_data::Dataset;
use lzn_eval::{ConfusionMatrix, Reliability};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::accuracy::{self, SweepPoint};
use super::checks::{Nearest, agreement, memorisation, nearest};
use super::distribution::{Comparison, compare};
use super::features::{self, FeatureCache, drawn_features, real_features};
use super::generate::{GenerateOptions, Generated, NamedSampler, generate};
use super::network::feature_net;
use super::parts::Parts;
use super::reconstruct::{ReconstructOptions, Reconstructions, reconstruct};
use super::{ClassWeights, ClassifyOptions, Encoded, Group, Progress, representation, retrieval};
use crate::TaskError;
use crate::config::{Decision, MetricGroup, MetricsConfig};
use crate::data::{RunData, check_classes, open_test, open_train};
use crate::model::{TEXT, Weights};
use crate::types::DataType;

/// What is measured, on how much, and where finished pieces go.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Groups, counts, samplers and feature network.
    pub metrics: MetricsConfig,
    /// The first so many test images; more than there are means all.
    pub images: usize,
    /// Scale alpha of the latents' noise in classification.
    pub noise_scale: f64,
    /// Images that share one zoning in classification. The larger, the better (paper, Figure 25).
    pub zoned: usize,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Images that go through the decoder together.
    pub batch_size: usize,
    /// Finished pieces.
    pub parts: Parts,
    /// Folder in which feature networks and features of given images are kept, for all runs together.
    pub cache: PathBuf,
}

/// What was found, for tables and figures.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Numbers, by section.
    pub groups: Vec<Group>,
    /// Which class is taken for which.
    pub confusion: Option<ConfusionMatrix>,
    /// Accuracy over everything that it depends on.
    pub sweep: Vec<SweepPoint>,
    /// Whether the model is right as often as it says.
    pub calibration: Option<Reliability>,
    /// Images that went there and back, with the first sampler.
    pub reconstructions: Option<Reconstructions>,
    /// Drawn images, with the first sampler.
    pub generated: Option<Generated>,
    /// Training images that are nearest to the first drawn ones.
    pub nearest: Option<Nearest>,
    /// Test images with their anchors.
    pub encoded: Option<Encoded>,
    /// Messages that name images which could not be decoded and were replaced.
    pub bad_images: Vec<String>,
}

/// Measures a model.
///
/// # Errors
/// [`TaskError`] if data or weights of feature networks cannot be read, a group needs a part that the model lacks, or a piece cannot be
/// kept.
pub fn evaluate(
    weights: &Weights,
    options: &EvaluateOptions,
    progress: &dyn Progress,
) -> Result<Evaluation, TaskError> {
    let test = open_test(&weights.config.data)?;
    if let Some(test) = &test {
        check_classes(&weights.class_names, test.as_ref())?;
    }
    let run = Run { weights, options, progress, test, digest: digest(weights)? };
    let mut found = Evaluation::default();
    let asked = |group| options.metrics.groups.contains(&group);
    if asked(MetricGroup::Accuracy) || asked(MetricGroup::AccuracySweep) {
        run.accuracy(&mut found)?;
    }
    if asked(MetricGroup::Reconstruction) {
        run.reconstruction(&mut found)?;
    }
    if asked(MetricGroup::Generation) {
        run.generation(&mut found)?;
    }
    if asked(MetricGroup::Representation) {
        run.representation(&mut found)?;
    }
    if asked(MetricGroup::Retrieval) {
        run.retrieval(&mut found)?;
    }
    found.bad_images.extend(run.test.iter().flat_map(|test| test.bad_images()));
    Ok(found)
}

struct Run<'a> {
    weights: &'a Weights,
    options: &'a EvaluateOptions,
    progress: &'a dyn Progress,
    /// The images to be judged by. Those to learn from are opened where they are needed: whoever asks for the accuracy alone may not
    /// have them.
    test: Option<Arc<dyn Dataset>>,
    digest: String,
}

impl Run<'_> {
    fn accuracy(&self, found: &mut Evaluation) -> Result<(), TaskError> {
        let model = &self.weights.model;
        let Some(test) = self.test.as_ref().filter(|_| model.labels().is_some()) else { return Ok(()) };
        let encoded = self.encoded(&mut found.encoded, test.as_ref())?;
        let config = &self.weights.config;
        let options = ClassifyOptions {
            images: self.options.images,
            batch_size: self.options.zoned,
            noise_scale: self.options.noise_scale,
            class_weights: ClassWeights::Training,
            seed: self.options.seed,
        };
        let flows = format!("{}; labels: {}", config.model.image_flow.words(), config.model.label_flow.words());
        let (matrix, mut measures) = accuracy::accuracy(model, encoded, options, &flows)?;
        found.confusion = Some(matrix);
        let swept = self.options.metrics.groups.contains(&MetricGroup::AccuracySweep);
        let key = self.key(json!([encoded.digest, self.options.images, self.options.seed]));
        let kept = (&self.options.parts, &key);
        if swept {
            let calibration = accuracy::calibration(model, encoded, options, kept, self.progress)?;
            measures.push(accuracy::calibration_measure(&calibration, model.decision()));
            found.calibration = Some(calibration);
        }
        if swept && model.decision() == Decision::Zones {
            found.sweep = accuracy::sweep(model, encoded, options, kept, self.progress)?;
            measures.extend(accuracy::best_of_sweep(model, &found.sweep, encoded.labels.len().min(options.images)));
        }
        found.groups.push(Group::new("Classification", measures));
        Ok(())
    }

    fn reconstruction(&self, found: &mut Evaluation) -> Result<(), TaskError> {
        let model = &self.weights.model;
        let Some(test) = self.test.as_ref().filter(|_| model.decoder().is_some()) else { return Ok(()) };
        let mut measures = Vec::new();
        for sampler in self.options.metrics.named_samplers()? {
            let options = ReconstructOptions {
                images: self.options.metrics.reconstructions,
                draws: self.options.metrics.draws,
                noise_scale: 1.0,
                sampler: sampler.0,
                batch_size: self.options.batch_size,
                seed: self.options.seed,
            };
            let kept = (&self.options.parts, self.digest.as_str());
            let made = reconstruct(model, test.as_ref(), &options, kept, self.progress)?;
            measures.extend(made.measures(sampler, &options)?);
            found.reconstructions.get_or_insert(made);
        }
        found.groups.push(Group::new("Reconstruction", measures));
        Ok(())
    }

    fn generation(&self, found: &mut Evaluation) -> Result<(), TaskError> {
        if self.weights.model.decoder().is_none() {
            return Ok(());
        }
        let (options, progress) = (self.options, self.progress);
        let data = RunData::open(&self.weights.config.data)?;
        let train = data.train.as_ref();
        let (cache, train_digest) = (&options.cache, features::digest(train)?);
        let device = self.weights.model.device();
        let net = feature_net(&options.metrics, &data, &train_digest, cache, device, progress)?;
        let net = net.as_ref();
        let kept = FeatureCache::new(cache, net.identity(), &train_digest);
        let real = kept.reference(real_features(net, train, "training images", &kept, progress)?)?;
        let of_test = |test: &Arc<dyn Dataset>| {
            let digest = features::digest(test.as_ref())?;
            let kept = FeatureCache::new(cache, net.identity(), &digest);
            real_features(net, test.as_ref(), "test images", &kept, progress)
        };
        let test = self.test.as_ref().map(of_test).transpose()?;
        let group = |title: String, found: Comparison| Group {
            title,
            measures: found.measures,
            network: Some(net.identity().clone()),
            warnings: found.warnings,
        };
        for sampler in options.metrics.named_samplers()? {
            let generated = self.draw(sampler, train)?;
            let drawn = drawn_features(net, &generated.images, progress)?;
            let sampling = format!("{}, seed {}", sampler.name(), options.seed);
            progress.begin("comparing features", 1);
            let mut compared = compare(net.identity(), &real, &drawn, &sampling, options.seed)?;
            if let Some(logits) = drawn.logits.as_ref().filter(|_| options.metrics.trains_lenet()) {
                compared.measures.extend(agreement(&generated, logits, &sampling)?);
            }
            if let Some(test) = &test {
                let pooled = [&drawn.pooled, &real.features.pooled, &test.pooled];
                compared.measures.push(memorisation(pooled, &sampling)?);
            }
            found.groups.push(group(format!("Generation with {}", sampler.name()), compared));
            if found.generated.is_none() {
                found.bad_images = train.bad_images();
                found.nearest = Some(nearest(&generated, train)?);
                found.generated = Some(generated);
            }
        }
        if let Some(test) = &test {
            let what = "test images in the place of drawn ones";
            let floor = compare(net.identity(), &real, test, what, options.seed)?;
            found.groups.push(group("For comparison: real test images".to_owned(), floor));
        }
        Ok(())
    }

    fn representation(&self, found: &mut Evaluation) -> Result<(), TaskError> {
        let model = &self.weights.model;
        let Some(test) = self.test.as_ref().filter(|test| model.encoder().is_some() && test.classes() > 0) else {
            return Ok(());
        };
        let test = self.encoded(&mut found.encoded, test.as_ref())?;
        let (config, seed) = (&self.options.metrics.probe, self.options.seed);
        let batch = self.options.zoned;
        let key = self.key(json!([test.digest, self.options.images, seed, batch, config]));
        let measures = self.options.parts.value("representation", &key, || {
            let train = open_train(&self.weights.config.data)?;
            let fitted = Encoded::of(model, train.as_ref(), config.images, self.progress)?;
            let settings = (config, batch, seed);
            representation::probes(model, (&fitted, test), train.classes(), settings, self.progress)
        })?;
        found.groups.push(Group::new("Representation", measures));
        Ok(())
    }

    fn retrieval(&self, found: &mut Evaluation) -> Result<(), TaskError> {
        let model = &self.weights.model;
        let texts = model.data_type(TEXT).is_ok_and(DataType::encodes);
        let fits = |test: &&Arc<dyn Dataset>| model.encoder().is_some() && texts && test.has_texts();
        let Some(test) = self.test.as_ref().filter(fits) else { return Ok(()) };
        let seed = self.options.seed;
        let key = self.key(json!([self.options.images, seed]));
        let measures = self.options.parts.value("retrieval", &key, || {
            retrieval::measures(model, test.as_ref(), (self.options.images, seed), self.progress)
        })?;
        found.groups.push(Group::new("Retrieval", measures));
        Ok(())
    }

    /// The test images with their anchors, encoded once for all groups.
    fn encoded<'e>(&self, kept: &'e mut Option<Encoded>, test: &dyn Dataset) -> Result<&'e Encoded, TaskError> {
        match kept {
            Some(encoded) => Ok(encoded),
            None => Ok(kept.insert(Encoded::of(&self.weights.model, test, self.options.images, self.progress)?)),
        }
    }

    fn draw(&self, sampler: NamedSampler, train: &dyn Dataset) -> Result<Generated, TaskError> {
        let options = GenerateOptions {
            count: self.options.metrics.generated,
            sampler,
            batch_size: self.options.batch_size,
            seed: self.options.seed,
        };
        generate(&self.weights.model, train, &options, &self.digest, &self.options.parts, self.progress)
    }

    /// A key of these settings and of the model.
    fn key(&self, settings: Value) -> Value {
        json!([self.digest, settings])
    }
}

/// Digest of all parameters, the flows that use them and the data: of whose pieces those in the folder are.
fn digest(weights: &Weights) -> Result<String, TaskError> {
    let mut hasher = Sha256::new();
    hasher.update(toml::to_string(&weights.config.model).unwrap_or_default());
    hasher.update(toml::to_string(&weights.config.data).unwrap_or_default());
    for (part, params) in weights.model.parts() {
        for (name, tensor) in params.named() {
            hasher.update(format!("{part}.{name}"));
            let values: Vec<f32> = tensor.to_device(tch::Device::Cpu).contiguous().view([-1]).try_into()?;
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
        }
    }
    Ok(format!("{:x}", hasher.finalize()))
}
