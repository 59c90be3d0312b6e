//! The model card: what the model is, what it learned from, what was measured, and how it is used.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use crate::TaskError;
use crate::config::RunConfig;
use crate::model::Weights;
use crate::pictures::last_value;
use crate::run::{Checkpoints, folder};

/// What a card says.
#[derive(Debug)]
pub(super) struct Facts {
    name: String,
    config: RunConfig,
    classes: Vec<String>,
    /// Parts and their trainable parameters.
    parts: Vec<(String, usize)>,
    steps: u64,
    raw: bool,
    accuracy: Option<f64>,
}

impl Facts {
    pub(super) fn of(run: &Path, weights: &Weights, raw: bool) -> Result<Self, TaskError> {
        let name = run.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let identity = format!("{:08x}", weights.config.identity());
        let steps = Checkpoints::new(folder::checkpoints(run), identity, NonZeroUsize::MIN).steps()?;
        let parts =
            weights.model.parts().into_iter().map(|(part, params)| (part.to_string(), params.trainable_values()));
        // What was measured is that of the averages. A run that was imported has no records.
        let measured = !raw && run.join("metrics.jsonl").exists();
        Ok(Self {
            name: name.unwrap_or_else(|| "model".to_owned()),
            config: weights.config.clone(),
            classes: weights.class_names.clone(),
            parts: parts.collect(),
            steps: steps.last().copied().unwrap_or(weights.config.train.iterations),
            raw,
            accuracy: measured.then(|| last_value(run, "test/accuracy")).transpose()?.flatten(),
        })
    }

    /// The card, in Markdown with the header that hubs read.
    pub(super) fn card(&self, samples: bool) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.header(&mut text).and_then(|()| self.body(&mut text, samples));
        text
    }

    fn header(&self, text: &mut String) -> std::fmt::Result {
        let model = &self.config.model;
        let (task, more) = match (&model.decoder, &model.labels) {
            (Some(_), Some(_)) => ("unconditional-image-generation", "\n- image-classification"),
            (Some(_), None) => ("unconditional-image-generation", ""),
            (None, Some(_)) => ("image-classification", ""),
            (None, None) => ("image-feature-extraction", ""),
        };
        writeln!(
            text,
            "---\nlibrary_name: lzn\npipeline_tag: {task}\ntags:\n- latent-zoning-network\n- rectified-flow{more}\n---\n"
        )
    }

    fn body(&self, text: &mut String, samples: bool) -> std::fmt::Result {
        let Self { config, .. } = self;
        let (model, data, train) = (&config.model, &config.data, &config.train);
        let (size, channels) = (data.image_size, data.channels);
        writeln!(text, "# {}\n", self.name)?;
        writeln!(text, "A [Latent Zoning Network](https://arxiv.org/abs/2509.15591): {}.\n", self.purpose())?;
        if samples {
            writeln!(text, "![Samples, one row per class](samples.png)\n")?;
        }
        writeln!(text, "| | |\n|---|---|\n| images | {size} x {size}, {channels} channels |")?;
        writeln!(text, "| latent dimension | {} |", model.latent_dim)?;
        for (part, count) in &self.parts {
            writeln!(text, "| {part} | {count} parameters |")?;
        }
        let weights = if self.raw { "raw" } else { "moving averages" };
        writeln!(text, "| training | {} steps of {} images |\n| weights | {weights} |", self.steps, train.batch_size)?;
        if let Some(accuracy) = self.accuracy {
            writeln!(text, "| test accuracy | {:.2} % |", 100.0 * accuracy)?;
        }
        if !self.classes.is_empty() {
            writeln!(text, "\n**Classes:** {}", self.classes.join(", "))?;
        }
        writeln!(text, "\n## Use\n\n```sh")?;
        if model.decoder.is_some() {
            writeln!(text, "lzn sample --model model.safetensors --count 8 --out samples.png")?;
        }
        if model.labels.is_some() {
            writeln!(text, "lzn classify --model model.safetensors IMAGE.png")?;
        }
        if model.encoder.is_some() {
            writeln!(text, "lzn embed --model model.safetensors IMAGE.png --out anchors.npy")?;
        }
        writeln!(text, "```\n\nThe configuration is in the metadata of `model.safetensors` and in `config.toml`.\n")?;
        let source = serde_json::to_value(data.source).ok().and_then(|source| Some(source.as_str()?.to_owned()));
        writeln!(
            text,
            "## Data and limits\n\nTrained on the data source `{}`; seed {}.",
            source.unwrap_or_default(),
            config.seed
        )?;
        writeln!(
            text,
            "It knows nothing but images like those, with their biases, and was measured no further than is said above."
        )
    }

    fn purpose(&self) -> String {
        let model = &self.config.model;
        let abilities = [
            (model.decoder.is_some(), "draws images"),
            (model.labels.is_some(), "classifies them"),
            (model.encoder.is_some(), "gives them representations"),
        ];
        let said: Vec<&str> = abilities.iter().filter(|(able, _)| *able).map(|(_, ability)| *ability).collect();
        format!("it {}", said.join(", "))
    }
}
