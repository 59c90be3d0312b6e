//! Labels: a table of anchors, one per class, whose zones do not depend on the batch.

use lzn_encoders::LabelAnchors;
use lzn_latent::ZoneFlow;
use lzn_torch::{ParamStore, zones};
use tch::{Device, Kind, Tensor};

use super::{
    Bank, Decoder, Encoder, Format, Given, LatentSpace, Part, PartName, Pass, Placed, Ranked, Reads, Samples, Typed,
    none,
};
use crate::TaskError;
use crate::config::Decision;
use crate::task::TaskOptions;

/// Labels to anchors: rows of the table. Samples are `[B]` int64 in `0..classes`.
#[derive(Debug)]
pub struct LabelEncoder(pub Part<LabelAnchors>);

impl LabelEncoder {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.0.net.anchors().size()[0] as usize
    }
}

impl Encoder for LabelEncoder {
    fn place(&self, samples: &Samples, _: Pass) -> Result<Placed, TaskError> {
        let anchors = self.0.net.anchors();
        let labels = checked(samples.rows()?, self.classes())?.to_device(anchors.device());
        Ok(Placed::table(anchors.shallow_clone(), labels))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::LABELS, self.0.params.clone())]
    }
}

/// Refuses labels that are no classes.
///
/// # Errors
/// [`TaskError::Label`] names the first.
pub(crate) fn checked(labels: &Tensor, classes: usize) -> Result<Tensor, TaskError> {
    let wrong = labels.lt(0).logical_or(&labels.ge(classes as i64));
    let first = labels.masked_select(&wrong);
    match first.numel() {
        0 => Ok(labels.shallow_clone()),
        _ => Err(TaskError::Label { label: first.int64_value(&[0]), classes }),
    }
}

/// Latents to labels: the one in whose zone a latent lies (paper, Section 2.3). A linear classifier instead takes the largest inner product of an anchor with a label's anchor.
#[derive(Debug)]
pub struct LabelDecoder {
    anchors: Tensor,
    flow: ZoneFlow,
    space: LatentSpace,
    decision: Decision,
    /// How much the zones weigh, `[classes]`; the same where there are none.
    pub weights: Option<Tensor>,
}

impl LabelDecoder {
    /// A decoder over the anchors of an encoder.
    pub fn new(encoder: &LabelEncoder, flow: ZoneFlow, space: LatentSpace, decision: Decision) -> Self {
        Self { anchors: encoder.0.net.anchors().shallow_clone(), flow, space, decision, weights: None }
    }

    /// How labels are decided.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// All anchors `[classes, d]`, where the space wants them.
    pub fn anchors(&self) -> Tensor {
        self.space.place(self.anchors.shallow_clone())
    }

    fn bank(&self) -> Bank {
        Bank { anchors: self.anchors(), weights: self.weights.as_ref().map(Tensor::shallow_clone) }
    }

    /// Labels `[B]` to whose zones latents `[B, d]` belong.
    ///
    /// # Errors
    /// [`TaskError::Torch`] for other shapes.
    pub fn by_zones(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        Ok(zones::decide(&self.flow, latents, &self.bank().zones())?)
    }

    /// Log-probabilities `[B, classes]` with which latents `[B, d]` belong to the zones, at the anchors' end of the flow.
    ///
    /// # Errors
    /// [`TaskError::Torch`] for other shapes.
    fn log_probs(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        Ok(zones::final_log_probs(&self.flow, latents, &self.bank().zones())?)
    }

    /// Scores `[B, classes]` of anchors `[B, d]`: inner products with the label anchors.
    pub fn scores(&self, anchors: &Tensor) -> Tensor {
        anchors.matmul(&self.anchors().transpose(0, 1))
    }
}

impl Decoder for LabelDecoder {
    fn reads(&self) -> Reads {
        match self.decision {
            Decision::Zones => Reads::Latent,
            Decision::Linear => Reads::Anchor,
        }
    }

    fn decode(&self, given: &Given, _: &TaskOptions) -> Result<Samples, TaskError> {
        let points = given.points()?;
        if given.numbers.is_empty() {
            return Ok(Samples::Rows(none(&[], Kind::Int64, points.device())));
        }
        Ok(Samples::Rows(match self.decision {
            Decision::Zones => self.by_zones(points)?,
            Decision::Linear => self.scores(points).argmax(1, false),
        }))
    }

    fn rank(&self, points: &Tensor, most: usize) -> Option<Result<Ranked, TaskError>> {
        let ranked = || {
            let scores = match self.decision {
                Decision::Zones => self.log_probs(points)?,
                Decision::Linear => self.scores(points),
            };
            let most = (most as i64).min(scores.size()[1]);
            let (probabilities, labels) = scores.softmax(1, Kind::Float).topk(most, 1, true, true);
            Ok(Ranked { samples: Samples::Rows(labels.view([-1])), probabilities })
        };
        Some(ranked())
    }
}

/// Labels as they are typed: the name of a class, a word of it, or its number.
#[derive(Debug)]
pub struct LabelFormat {
    /// Names of the classes, by label; numbers where there are none.
    pub names: Vec<String>,
}

impl LabelFormat {
    fn find(&self, name: &str) -> Result<i64, TaskError> {
        let wanted = name.trim().to_lowercase();
        let known = self.names.iter().position(|known| {
            let known = known.to_lowercase();
            known == wanted || known.split(['/', ' ']).any(|word| word == wanted)
        });
        let index = known.or_else(|| wanted.parse().ok().filter(|index| *index < self.names.len()));
        let unknown = || TaskError::ClassName { name: name.trim().to_owned(), known: self.names.clone() };
        index.map(|index| index as i64).ok_or_else(unknown)
    }
}

impl Format for LabelFormat {
    fn hint(&self) -> String {
        "CLASS[,CLASS...] by name or number, or all".to_owned()
    }

    fn parse(&self, value: &str) -> Result<Typed, TaskError> {
        let labels = match value {
            "all" => (0..self.names.len() as i64).collect(),
            _ => value.split(',').map(|name| self.find(name)).collect::<Result<Vec<_>, _>>()?,
        };
        let names = labels.iter().map(|label| self.names[*label as usize].clone()).collect();
        Ok(Typed { samples: Samples::from(labels.as_slice()), names })
    }

    fn lines(&self, samples: &Samples) -> Option<Result<Vec<String>, TaskError>> {
        Some(samples.rows().and_then(|labels| {
            let labels = Vec::<i64>::try_from(labels.to_device(Device::Cpu))?;
            let name = |label: &i64| self.names.get(*label as usize).cloned().unwrap_or_else(|| label.to_string());
            Ok(labels.iter().map(name).collect())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_name_word_or_number() {
        let format = LabelFormat { names: ["T-shirt/top", "Ankle boot", "Bag"].map(String::from).to_vec() };
        let parse = |text: &str| format.parse(text).unwrap().samples;
        assert_eq!(parse("bag, t-shirt,1"), Samples::from([2_i64, 0, 1].as_slice()));
        assert_eq!(parse("all"), Samples::from([0_i64, 1, 2].as_slice()));
        assert_eq!(format.lines(&parse("boot")).unwrap().unwrap(), ["Ankle boot"]);
        let message = format.parse("boots").unwrap_err().to_string();
        assert!(message.contains("boots") && message.contains("Ankle boot"), "{message}");
    }

    #[test]
    fn labels_that_are_no_classes_are_named() {
        assert!(checked(&Tensor::from_slice(&[0_i64, 2]), 3).is_ok());
        for label in [-1_i64, 3] {
            let error = checked(&Tensor::from_slice(&[0, label]), 3).unwrap_err();
            assert!(matches!(error, TaskError::Label { label: named, classes: 3 } if named == label), "{error}");
        }
    }
}
