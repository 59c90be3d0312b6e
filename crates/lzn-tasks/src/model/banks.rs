//! Banks: anchors of training samples, the company of single ones, and texts to look up.

use std::collections::{BTreeMap, HashMap};

use lzn_data::Dataset;
use lzn_text::TextBank;
use tch::{Device, Tensor};

use super::{IMAGE, Lzn, TEXT};
use crate::TaskError;
use crate::types::text::TextLookup;
use crate::types::{DataType, Pass, Samples};

/// Anchors of images, `[N, d]`.
const IMAGES_KEY: &str = "bank.anchors";
/// Anchors of texts, `[N, d]`.
const TEXTS_KEY: &str = "bank.texts";
/// The texts themselves, as JSON.
const WORDS_KEY: &str = "lzn.texts";

/// Texts that are encoded together outside of training.
const TOGETHER: usize = 256;

/// Anchors of training samples: company to a single image or text, which alone would own the whole prior, and the texts that latents look
/// up.
#[derive(Debug, Default)]
pub struct Banks {
    /// Anchors of images, `[N, d]`.
    pub images: Option<Tensor>,
    /// Different texts with their anchors.
    pub texts: Option<TextBank>,
}

impl Banks {
    /// Training images in a bank.
    pub const IMAGES: usize = 1_000;

    /// Training samples at most of which the texts are in a bank.
    pub const TEXTS: usize = 10_000;

    /// The banks of evenly spaced training samples: of `images` of them the images, if the model has an image encoder, and of up to
    /// [`Banks::TEXTS`] the texts, if it has a text encoder.
    ///
    /// # Errors
    /// [`TaskError`] if a sample cannot be read or encoded.
    pub fn of(model: &Lzn, data: &dyn Dataset, images: usize) -> Result<Self, TaskError> {
        Ok(Self { images: images_of(model, data, images)?, texts: texts_of(model, data)? })
    }

    /// What is kept of them in a file: tensors and metadata.
    pub(super) fn keep(&self, tensors: &mut Vec<(String, Tensor)>, metadata: &mut BTreeMap<String, String>) {
        tensors.extend(self.images.iter().map(|images| (IMAGES_KEY.to_owned(), images.shallow_clone())));
        if let Some(texts) = &self.texts {
            tensors.push((TEXTS_KEY.to_owned(), texts.anchors().shallow_clone()));
            metadata.insert(WORDS_KEY.to_owned(), serde_json::to_string(texts.texts()).unwrap_or_default());
        }
    }

    /// Takes them out of what a file holds; says what does not fit.
    pub(super) fn take(
        tensors: &mut HashMap<String, Tensor>,
        metadata: &BTreeMap<String, String>,
        device: Device,
    ) -> Result<Self, String> {
        let [images, anchors] = [IMAGES_KEY, TEXTS_KEY].map(|key| tensors.remove(key).map(|all| all.to_device(device)));
        let words = metadata.get(WORDS_KEY).map(|words| serde_json::from_str::<Vec<String>>(words)).transpose();
        let words = words.map_err(|error| format!("its list of texts cannot be read: {error}"))?;
        let bank = words.zip(anchors).map(|(words, anchors)| TextBank::new(words, anchors)).transpose();
        Ok(Self { images, texts: bank.map_err(|error| error.to_string())? })
    }
}

impl Lzn {
    /// Puts other banks in the place of those that the model has.
    pub fn set_banks(&mut self, banks: Banks) {
        if let Ok(image) = self.data_type_mut(IMAGE) {
            image.bank = banks.images;
        }
        if let Ok(text) = self.data_type_mut(TEXT) {
            text.bank = banks.texts.as_ref().map(|texts| texts.anchors().shallow_clone());
            if let Some(lookup) = text.decoder_as_mut::<TextLookup>() {
                lookup.bank = banks.texts;
            }
        }
    }

    /// The banks that the model has.
    pub fn banks(&self) -> Banks {
        let images = self.data_type(IMAGE).ok().and_then(|image| image.bank.as_ref());
        Banks { images: images.map(Tensor::shallow_clone), texts: self.text_bank().map(TextBank::share) }
    }

    /// The texts that latents look up.
    pub fn text_bank(&self) -> Option<&TextBank> {
        self.data_type(TEXT).ok()?.decoder_as::<TextLookup>()?.bank.as_ref()
    }

    /// Makes `texts`, each once, those that latents look up.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without a text encoder; [`TaskError`] for a text that is too long, or none at all.
    pub fn set_texts(&mut self, texts: &[String]) -> Result<(), TaskError> {
        let bank = encode(self, texts)?;
        let text = self.data_type_mut(TEXT)?;
        if let Some(lookup) = text.decoder_as_mut::<TextLookup>() {
            lookup.bank = Some(bank);
        }
        Ok(())
    }
}

/// Different texts under the present parameters.
fn encode(model: &Lzn, texts: &[String]) -> Result<TextBank, TaskError> {
    let words = TextBank::distinct(texts);
    let place = |words: &[String]| Ok(model.place(TEXT, &Samples::Texts(words.to_vec()), Pass::USE)?.anchors);
    let anchors = tch::no_grad(|| words.chunks(TOGETHER).map(place).collect::<Result<Vec<_>, TaskError>>())?;
    if anchors.is_empty() {
        return Err(TaskError::NoBank);
    }
    Ok(TextBank::new(words, Tensor::cat(&anchors, 0))?)
}

/// Up to `count` of the numbers below `all`, evenly spaced.
fn evenly(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |i| i * all / count)
}

fn images_of(model: &Lzn, data: &dyn Dataset, count: usize) -> Result<Option<Tensor>, TaskError> {
    if model.encoder().is_none() || count == 0 {
        return Ok(None);
    }
    let indices: Vec<usize> = evenly(data.len(), count).collect();
    let (images, _) = crate::data::read(data, &indices, model.device())?;
    Ok(Some(model.anchors(&images, 100)?))
}

fn texts_of(model: &Lzn, data: &dyn Dataset) -> Result<Option<TextBank>, TaskError> {
    if !data.has_texts() || !model.data_type(TEXT).is_ok_and(DataType::encodes) {
        return Ok(None);
    }
    let texts = evenly(data.len(), Banks::TEXTS).map(|i| data.text(i)).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<String> = texts.into_iter().flatten().collect();
    if texts.is_empty() { Ok(None) } else { encode(model, &texts).map(Some) }
}
