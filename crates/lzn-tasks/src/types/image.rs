//! Images: an anchor per image, and a Rectified Flow that draws them.

use std::path::{Path, PathBuf};

use lzn_data::ImageConfig;
use lzn_encoders::ImageAnchors;
use lzn_flow::{FlowError, RectifiedFlow, VelocityField, VelocityNet, to_uint8};
use lzn_random::Purpose;
use lzn_torch::ParamStore;
use lzn_torch::autograd::recompute;
use lzn_torch::nn::ImageShape;
use tch::{Device, Kind, Tensor};

use super::label::checked;
use super::{Decoder, Encoder, Format, Given, Part, PartName, Pass, Placed, Reads, Samples, Typed, none};
use crate::TaskError;
use crate::data::{read_files, to_tensor};
use crate::objective::Draws;
use crate::pictures;
use crate::run::{RunError, signals};
use crate::task::TaskOptions;

/// Images to anchors. Samples are `[B, C, H, W]` in [-1, 1].
///
/// In training with a [`Pass::piece`] the network sees so many images at a time without a graph, and again, with one, in the
/// backward pass, once the gradients of all anchors are known (Gao et al. 2021, "Scaling deep contrastive learning batch size
/// under memory limited setup").
#[derive(Debug)]
pub struct ImageEncoder(pub Part<Box<dyn ImageAnchors>>);

impl Encoder for ImageEncoder {
    fn place(&self, samples: &Samples, pass: Pass) -> Result<Placed, TaskError> {
        let (images, Part { net, params }) = (samples.rows()?, &self.0);
        let Some(size) = pass.piece.filter(|size| *size < images.size()[0]) else {
            return Ok(Placed::each(net.forward(&images.to_device(params.device()), pass.train)?));
        };
        let parameters = params.root().trainable();
        let anchors = images.split(size, 0).into_iter().map(|images| {
            signals::check()?;
            if !pass.train {
                return Ok(net.forward(&images.to_device(params.device()), false)?);
            }
            let net = net.share();
            let piece = move |images: &[Tensor]| {
                // In the backward pass as well.
                signals::check()?;
                Ok::<_, TaskError>(net.forward(&images[0], true)?.to_kind(Kind::Float))
            };
            recompute("image encoder", &[&images], &parameters, piece)
        });
        let anchors = anchors.collect::<Result<Vec<_>, TaskError>>()?;
        Ok(Placed::each(Tensor::cat(&anchors, 0)))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::ENCODER, self.0.params.clone())]
    }
}

/// Latents to images, by integrating the velocity that a network gives.
#[derive(Debug)]
pub struct ImageDecoder {
    /// The velocity network.
    pub part: Part<VelocityNet>,
    /// Size and channels of the images.
    pub image: ImageShape,
    /// Whether the network is given latents; a plain Rectified Flow is not.
    pub latents: bool,
    /// The type of which the network is given a sample as well, one-hot, and the number of its values.
    pub condition: Option<(String, usize)>,
}

impl ImageDecoder {
    /// The velocity of images for given latents `[B, d]` and labels `[B]`. What the network does not take is left out.
    pub fn field<'a>(
        &'a self,
        latents: Option<&Tensor>,
        labels: Option<&Tensor>,
        train: bool,
    ) -> impl VelocityField + use<'a> {
        let net = &self.part.net;
        let latents = latents.filter(|_| self.latents).map(Tensor::shallow_clone);
        let classes = self.condition.as_ref().map(|(_, classes)| *classes as i64);
        let one_hot = labels.zip(classes).map(|(labels, classes)| labels.one_hot(classes).to_kind(Kind::Float));
        move |x: &Tensor, t: &Tensor| {
            signals::check().map_err(|error| FlowError::Field(error.into()))?;
            // Paths and losses are float32, whatever the network computes in.
            Ok(net.forward(x, t, latents.as_ref(), one_hot.as_ref(), train)?.to_kind(Kind::Float))
        }
    }

    fn given_field<'a>(&'a self, given: &Given, train: bool) -> Result<impl VelocityField + use<'a>, TaskError> {
        let points = if self.latents { Some(given.points()?) } else { None };
        let labels = match &self.condition {
            Some((_, classes)) => {
                let labels = given.condition.as_ref().ok_or(TaskError::LabelsNeeded)?.rows()?;
                // Those of a training batch come from the data set; on a graphics card, looking at them would cost a wait.
                let labels = if train { labels.shallow_clone() } else { checked(labels, *classes)? };
                Some(labels.to_device(self.part.params.device()))
            }
            None => None,
        };
        Ok(self.field(points, labels.as_ref(), train))
    }

    fn shape(&self) -> [i64; 3] {
        let (channels, size) = (self.image.channels as i64, self.image.size as i64);
        [channels, size, size]
    }
}

impl Decoder for ImageDecoder {
    fn reads(&self) -> Reads {
        if self.latents { Reads::Latent } else { Reads::Nothing }
    }

    fn condition(&self) -> Option<&str> {
        self.condition.as_ref().map(|(name, _)| name.as_str())
    }

    fn decode(&self, given: &Given, options: &TaskOptions) -> Result<Samples, TaskError> {
        let device = self.part.params.device();
        if given.numbers.is_empty() {
            return Ok(Samples::Rows(none(&self.shape(), Kind::Uint8, device)));
        }
        let noise = given.normals(options.seed, Purpose::SAMPLE_NOISE, &self.shape(), device);
        let images = options.sampler.sample(&self.given_field(given, false)?, &noise)?.images;
        Ok(Samples::Rows(to_uint8(&images)))
    }

    /// Nothing is drawn in between: the images' own start noise is kept, so only the latent's part of the loss shows.
    fn reconstruct(&self, samples: &Samples, given: &Given, options: &TaskOptions) -> Result<Samples, TaskError> {
        let device = self.part.params.device();
        if given.numbers.is_empty() {
            return Ok(Samples::Rows(none(&self.shape(), Kind::Uint8, device)));
        }
        let field = self.given_field(given, false)?;
        let noise = options.sampler.invert(&field, &samples.rows()?.to_device(device))?.images;
        Ok(Samples::Rows(to_uint8(&options.sampler.sample(&field, &noise)?.images)))
    }

    /// The noise end of the path, and the time on it.
    fn draw(&self, samples: &Samples, draws: &Draws) -> Result<Vec<Tensor>, TaskError> {
        let images = samples.rows()?.size();
        let time = draws.uniform("flow-time", images[0], RectifiedFlow::default().t_min, 1.0);
        Ok(vec![draws.normal("flow-noise", &images), time])
    }

    /// Mean squared error of the velocity against `image - noise` on the straight path between them (paper, Section 2; Liu et al.
    /// 2023). The gradient reaches the encoder through the latents.
    fn loss(&self, samples: &Samples, given: &Given, drawn: &[Tensor]) -> Option<Result<Tensor, TaskError>> {
        Some(samples.rows().and_then(|images| {
            let field = self.given_field(given, true)?;
            let [noise, time] = drawn else {
                return Err(TaskError::Samples { wanted: "noise and time of every image", got: "other draws" });
            };
            Ok(RectifiedFlow::default().loss(&field, images, noise, time)?)
        }))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::DECODER, self.part.params.clone())]
    }
}

/// Images as files: PNG and JPEG in; PNG, npy arrays and folders out.
#[derive(Debug)]
pub struct ImageFormat {
    /// Size, colour and resizing of what is read.
    pub config: ImageConfig,
    /// Where they are to be computed with.
    pub device: Device,
}

/// Images of a picture in one row.
const COLUMNS: usize = 10;

impl Format for ImageFormat {
    fn hint(&self) -> String {
        "FILE or FOLDER of PNG and JPEG".to_owned()
    }

    fn parse(&self, value: &str) -> Result<Typed, TaskError> {
        let path = Path::new(value);
        let files = if path.is_dir() { files_of(path)? } else { vec![path.to_owned()] };
        let all = read_files(&files, &self.config)?;
        let names = files.iter().map(|file| file.display().to_string()).collect();
        Ok(Typed { samples: Samples::Rows(to_tensor(&all, self.device)), names })
    }

    fn lines(&self, _: &Samples) -> Option<Result<Vec<String>, TaskError>> {
        None
    }

    fn default_place(&self) -> Option<&str> {
        Some("samples.png")
    }

    fn save(&self, samples: &Samples, names: &[String], place: &Path) -> Result<(), TaskError> {
        let array = pictures::array(samples.rows()?)?;
        let extension = place.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("png") => {
                let (columns, rows) = rows(names, array.dim().0);
                pictures::write(place, &pictures::grid(array.view(), columns, &rows)?)
            }
            Some("npy") => Ok(ndarray_npy::write_npy(place, &array)
                .map_err(|error| RunError::io(place)(std::io::Error::other(error)))?),
            None => pictures::files(place, array.view(), array.dim().0.max(1), &["image".to_owned()], 0),
            Some(_) => Err(TaskError::Place {
                path: place.to_owned(),
                rule: "write images to a .png, as an array to a .npy, or one by one to a folder (a name without a dot)",
            }),
        }
    }
}

/// Images in a row of a picture, and what to call the rows: one for each source of several images, where all have as many.
fn rows(names: &[String], count: usize) -> (usize, Vec<String>) {
    let runs: Vec<&[String]> = names.chunk_by(|one, other| one == other).collect();
    let columns = runs.first().map_or(0, |run| run.len());
    let even = names.len() == count && runs.iter().all(|run| run.len() == columns);
    if even && (2..=2 * COLUMNS).contains(&columns) {
        return (columns, runs.iter().map(|run| run[0].clone()).collect());
    }
    (count.clamp(1, COLUMNS), Vec::new())
}

/// PNG and JPEG files directly in a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut files: Vec<PathBuf> =
        entries.map_err(RunError::io(folder))?.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
    });
    files.sort();
    match files.is_empty() {
        true => Err(TaskError::Place { path: folder.to_owned(), rule: "the folder holds no PNG or JPEG files" }),
        false => Ok(files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_several_images_has_a_row_of_its_own() {
        let names = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(rows(&names(&["cat", "cat", "dog", "dog"]), 4), (2, names(&["cat", "dog"])));
        for uneven in [names(&["cat", "cat", "dog"]), names(&["cat", "bag", "dog"]), Vec::new()] {
            assert_eq!(rows(&uneven, 3), (3, Vec::new()));
        }
        assert_eq!(rows(&names(&["cat"; 50]), 50), (COLUMNS, Vec::new()));
    }
}
