//! Banks: what is known of training samples, the company of single ones, and texts to look up.

use std::collections::{BTreeMap, HashMap};

use lzn_data::Dataset;
use lzn_text::TextBank;
use tch::{Device, Tensor};

use super::{IMAGE, LABEL, Lzn, TEXT};
use crate::TaskError;
use crate::types::label::LabelDecoder;
use crate::types::text::TextLookup;
use crate::types::{Bank, DataType, Pass, Samples, shares};

/// Anchors of images, `[N, d]`.
const IMAGES_KEY: &str = "bank.anchors";
/// Anchors of texts, `[N, d]`.
const TEXTS_KEY: &str = "bank.texts";
/// How much the zones of the texts weigh, `[N]`.
const TEXT_WEIGHTS_KEY: &str = "bank.text-weights";
/// Shares of the labels, `[classes]`.
const LABELS_KEY: &str = "bank.labels";
/// The texts themselves, as JSON.
const WORDS_KEY: &str = "lzn.texts";

/// Texts that are encoded together outside of training.
const TOGETHER: usize = 256;

/// What a model keeps of training samples: anchors that are company to a single image or text, which alone would own the whole prior, the
/// texts that latents look up, and how often each text and each label occurs. Zones in use then are those of training.
#[derive(Debug, Default)]
pub struct Banks {
    /// Anchors of images, `[N, d]`.
    pub images: Option<Tensor>,
    /// Different texts with their anchors.
    pub texts: Option<TextBank>,
    /// Share of the samples with each label, `[classes]`; none where all are as frequent.
    pub labels: Option<Tensor>,
}

impl Banks {
    /// Training images in a bank.
    pub const IMAGES: usize = 1_000;

    /// Training samples at most of which the texts are in a bank.
    pub const TEXTS: usize = 10_000;

    /// Training samples at most of which labels are counted.
    pub const LABELS: usize = 100_000;

    /// The banks of evenly spaced training samples: of `images` of them the images, if the model has an image encoder, of up to
    /// [`Banks::TEXTS`] the texts, if it has a text encoder, and of up to [`Banks::LABELS`] the labels, if it has zones of labels.
    ///
    /// # Errors
    /// [`TaskError`] if a sample cannot be read or encoded.
    pub fn of(model: &Lzn, data: &dyn Dataset, images: usize) -> Result<Self, TaskError> {
        Ok(Self {
            images: images_of(model, data, images)?,
            texts: texts_of(model, data)?,
            labels: labels_of(model, data)?,
        })
    }

    /// What is kept of them in a file: tensors and metadata.
    pub(super) fn keep(&self, tensors: &mut Vec<(String, Tensor)>, metadata: &mut BTreeMap<String, String>) {
        let texts = self.texts.as_ref();
        let found = [
            (IMAGES_KEY, self.images.as_ref()),
            (LABELS_KEY, self.labels.as_ref()),
            (TEXTS_KEY, texts.map(TextBank::anchors)),
            (TEXT_WEIGHTS_KEY, texts.and_then(TextBank::weights)),
        ];
        let named = |(key, tensor): (&str, Option<&Tensor>)| Some((key.to_owned(), tensor?.shallow_clone()));
        tensors.extend(found.into_iter().filter_map(named));
        if let Some(texts) = texts {
            metadata.insert(WORDS_KEY.to_owned(), serde_json::to_string(texts.texts()).unwrap_or_default());
        }
    }

    /// Takes them out of what a file holds; says what does not fit.
    pub(super) fn take(
        tensors: &mut HashMap<String, Tensor>,
        metadata: &BTreeMap<String, String>,
        device: Device,
    ) -> Result<Self, String> {
        let keys = [IMAGES_KEY, LABELS_KEY, TEXTS_KEY, TEXT_WEIGHTS_KEY];
        let [images, labels, anchors, weights] = keys.map(|key| tensors.remove(key).map(|all| all.to_device(device)));
        let words = metadata.get(WORDS_KEY).map(|words| serde_json::from_str::<Vec<String>>(words)).transpose();
        let words = words.map_err(|error| format!("its list of texts cannot be read: {error}"))?;
        let bank = words.zip(anchors).map(|(words, anchors)| TextBank::new(words, anchors)?.weighing(weights));
        Ok(Self { images, texts: bank.transpose().map_err(|error| error.to_string())?, labels })
    }
}

impl Lzn {
    /// Puts other banks in the place of those that the model has.
    pub fn set_banks(&mut self, banks: Banks) {
        if let Ok(image) = self.data_type_mut(IMAGE) {
            image.bank = banks.images.map(Bank::equal);
        }
        if let Ok(label) = self.data_type_mut(LABEL) {
            if let Some(decoder) = label.decoder_as_mut::<LabelDecoder>() {
                decoder.weights = banks.labels.as_ref().map(Tensor::shallow_clone);
            }
            label.shares = banks.labels;
        }
        if let Ok(text) = self.data_type_mut(TEXT) {
            let bank = |texts: &TextBank| Bank {
                anchors: texts.anchors().shallow_clone(),
                weights: texts.weights().map(Tensor::shallow_clone),
            };
            text.bank = banks.texts.as_ref().map(bank);
            if let Some(lookup) = text.decoder_as_mut::<TextLookup>() {
                lookup.bank = banks.texts;
            }
        }
    }

    /// The banks that the model has.
    pub fn banks(&self) -> Banks {
        let labels = self.data_type(LABEL).ok().and_then(|label| label.shares.as_ref());
        Banks {
            images: self.bank().map(Tensor::shallow_clone),
            texts: self.text_bank().map(TextBank::share),
            labels: labels.map(Tensor::shallow_clone),
        }
    }

    /// The texts that latents look up.
    pub fn text_bank(&self) -> Option<&TextBank> {
        self.data_type(TEXT).ok()?.decoder_as::<TextLookup>()?.bank.as_ref()
    }

    /// Makes `texts` those that latents look up, each of the same weight however often it is among them.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without a text encoder; [`TaskError`] for a text that is too long, or none at all.
    pub fn set_texts(&mut self, texts: &[String]) -> Result<(), TaskError> {
        let bank = encode(self, TextBank::distinct(texts))?;
        let text = self.data_type_mut(TEXT)?;
        if let Some(lookup) = text.decoder_as_mut::<TextLookup>() {
            lookup.bank = Some(bank);
        }
        Ok(())
    }
}

/// Different texts under the present parameters.
fn encode(model: &Lzn, words: Vec<String>) -> Result<TextBank, TaskError> {
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
    if texts.is_empty() {
        return Ok(None);
    }
    let (words, owners) = TextBank::numbered(&texts);
    let mut counts = vec![0; words.len()];
    owners.into_iter().for_each(|owner| counts[owner] += 1);
    let weights = shares(&counts).map(|shares| shares.to_device(model.device()));
    Ok(Some(encode(model, words)?.weighing(weights)?))
}

fn labels_of(model: &Lzn, data: &dyn Dataset) -> Result<Option<Tensor>, TaskError> {
    let Some(labels) = model.labels() else { return Ok(None) };
    let mut counts = vec![0; labels.net.anchors().size()[0] as usize];
    for index in evenly(data.len(), Banks::LABELS) {
        let label = data.label(index)?.and_then(|label| usize::try_from(label).ok());
        if let Some(count) = label.and_then(|label| counts.get_mut(label)) {
            *count += 1;
        }
    }
    Ok(shares(&counts).map(|shares| shares.to_device(model.device())))
}
