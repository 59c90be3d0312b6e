//! What can be typed after `lzn run`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::{DrawArgs, ModelArgs};
use crate::values::{at_least_one, at_least_two, not_negative, positive};

/// Arguments of `lzn run`.
#[derive(Debug, Args)]
#[command(after_help = "\
A SOURCE is `prior`, `latent:FILE.npy`, or TYPE:VALUE: a data type of the model and what is typed of it, such as image:photo.png,
image:FOLDER, label:bag, label:all or text:\"red apple\". TYPE:@FILE takes one value from each line of a file. `lzn run --from TYPE:` says
what can be typed of a type, and an unknown type which types the model has.
Several sources ask for all of them at once: for a latent that lies in the zones of all, or as nearly as can be found.

Examples:
  lzn run --from label:bag --to image --count 8 --out bags.png
  lzn run --from image:photo.png --to label
  lzn run --from image:photo.png --to text:retrieval --top 5
  lzn run --from text:\"red apple\" --to image --out apple.png
  lzn run --from image:pictures/ --to latent --out latents.npy
  lzn run --from image:photo.png --from label:bag --to image --out more-of-a-bag.png
  lzn run --from label:bag --until label:sneaker --points 10 --to image --out way.png")]
pub(crate) struct RunArgs {
    /// What to start from; several times for a mixture.
    #[arg(long, required = true, value_name = "SOURCE")]
    pub from: Vec<SourceArg>,
    /// What to make: a data type of the model, TYPE:DECODER for one of its decoders, or `latent`.
    #[arg(long, value_name = "TARGET")]
    pub to: String,
    /// How much each source of a mixture counts, one number for each --from, separated by commas; by default all the same.
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    pub weights: Vec<f64>,
    /// Go from the source to this one, along a great circle of the latent space.
    #[arg(long, value_name = "SOURCE")]
    pub until: Option<SourceArg>,
    /// With --until: points on the way, both ends included.
    #[arg(long, default_value_t = 8, value_parser = at_least_two)]
    pub points: usize,
    /// Draws from the prior, or results for each sample of the source.
    #[arg(long, default_value_t = 1, value_parser = at_least_one)]
    pub count: usize,
    /// Number of the first result: with the same seed, result 5 is the same whether it is made alone or among others.
    #[arg(long, default_value_t = 0)]
    pub first: u64,
    /// File or folder to write: of images .png, .npy or a folder, of others a text, of latents .npy. Without it words are printed,
    /// images go to samples.png and latents to latents.npy.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Scale of the noise with which latents are drawn from zones of images and texts: 0 is the centre, 1 is all of the zone.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    pub noise_scale: f64,
    /// How freely words are chosen: 0 takes the most probable, 1 draws with the probabilities of the decoder.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    pub temperature: f64,
    /// Print the so many likeliest of what is looked up, labels or `text:retrieval`, each with its probability.
    #[arg(long, value_name = "K", value_parser = at_least_one)]
    pub top: Option<usize>,
    /// Texts that `text:retrieval` looks up in the place of those that the model was trained with: a file with one in each line.
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// Noise and integration.
    #[command(flatten)]
    pub draw: DrawArgs,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// A source as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceArg {
    /// Draws from the prior.
    Prior,
    /// Latents in a file.
    Latent(PathBuf),
    /// Samples of a type.
    Data {
        /// The type.
        name: String,
        /// What was typed of it.
        value: String,
    },
}

impl FromStr for SourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "prior" => Ok(Self::Prior),
            Some(("latent", file)) if !file.is_empty() => Ok(Self::Latent(file.into())),
            Some((name, value)) if !name.is_empty() && name != "latent" => {
                Ok(Self::Data { name: name.to_owned(), value: value.to_owned() })
            }
            _ => {
                Err("write `prior`, `latent:FILE.npy` or TYPE:VALUE, for instance label:3 or image:photo.png"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_a_word_or_a_type_with_a_value() {
        let parse = |text: &str| text.parse::<SourceArg>();
        let data = |name: &str, value: &str| Ok(SourceArg::Data { name: name.to_owned(), value: value.to_owned() });
        assert_eq!(parse("prior"), Ok(SourceArg::Prior));
        assert_eq!(parse("latent:a.npy"), Ok(SourceArg::Latent("a.npy".into())));
        assert_eq!(parse("text:red: apple"), data("text", "red: apple"));
        assert_eq!(parse("label:"), data("label", ""));
        for wrong in ["image", ":x", "", "latent:"] {
            assert!(parse(wrong).is_err_and(|message| message.contains("TYPE:VALUE")), "{wrong}");
        }
    }
}
