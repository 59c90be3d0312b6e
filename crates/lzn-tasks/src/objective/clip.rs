//! `clip`: samples of two data types find each other among the pairs of the batch.

use tch::{Kind, Reduction, Tensor};

use super::{Loss, Objective, StepContext, unit};
use crate::TaskError;
use crate::model::Lzn;
use crate::types::Placed;

/// CLIP (Radford et al. 2021, "Learning transferable visual models from natural language supervision", figure 3): the mean of two
/// cross-entropies, of finding a sample's partner of the other type among all of the batch (of all workers) by the cosine between anchors, in either
/// direction. A yardstick of [`super::Align`], which sees the same pairs and the same encoders.
///
/// Samples that lack one of the types take no part. Pairs that share a sample with a pair, such as images of one text, are right answers
/// too, and are not counted against it.
#[derive(Debug, Clone)]
pub struct Clip {
    /// One type.
    pub from: String,
    /// The other.
    pub to: String,
    /// Temperature tau by which cosines are divided, above 0. CLIP learns it, from 0.07 on; here it is fixed.
    pub temperature: f64,
}

impl Clip {
    /// Where CLIP starts (Radford et al. 2021, section 2.5).
    pub const PUBLISHED_TEMPERATURE: f64 = 0.07;
}

impl Objective for Clip {
    fn name(&self) -> String {
        format!("clip/{}-{}", self.from, self.to)
    }

    fn applies(&self, _: &Lzn, context: &StepContext) -> bool {
        context.has(&[&self.from, &self.to])
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let pairs = context.pairs(&[&self.from, &self.to])?;
        let side = |i, name: &str| Ok::<_, TaskError>(pairs.placed(i, context.placed(model, name)?));
        let sides = [side(0, &self.from)?, side(1, &self.to)?];
        let (anchors, owners) = (sides.each_ref().map(|side| unit(&side.own())), sides.each_ref().map(Placed::owners));
        let world = context.world();
        let all = |rows: &[Tensor; 2]| -> Result<[Tensor; 2], TaskError> {
            Ok([world.gather_rows(&rows[0])?, world.gather_rows(&rows[1])?])
        };
        let (all_anchors, all_owners) = (all(&anchors)?, all(&owners)?);
        let scores = [0, 1].map(|i| anchors[i].matmul(&all_anchors[1 - i].transpose(0, 1)) / self.temperature);
        let first = world.first_row(anchors[0].size()[0]);
        let (value, found) = partners(scores, first, [0, 1].map(|i| (&owners[i], &all_owners[i])));
        Ok(Loss { value, observed: vec![(format!("accuracy/{}-{}", self.from, self.to), found)] })
    }
}

/// The loss of scores `[n, N]` of the pairs here against the other sides of all pairs, of one side and of the other, and the share of rows
/// of the first that find their own; pair i here is pair `first + i` of all. `owners`, `[n]` here and `[N]` of all, are equal where
/// samples of that side are.
fn partners(scores: [Tensor; 2], first: i64, owners: [(&Tensor, &Tensor); 2]) -> (Tensor, f64) {
    let [here, everywhere] = [0, 1].map(|i| scores[0].size()[i]);
    let place = |count| Tensor::arange(count, (Kind::Int64, scores[0].device()));
    let own = place(here) + first;
    let equal = owners.map(|(here, all)| here.unsqueeze(1).eq_tensor(&all.unsqueeze(0)));
    let others = own.unsqueeze(1).ne_tensor(&place(everywhere).unsqueeze(0));
    let also_right = equal[0].logical_or(&equal[1]).logical_and(&others);
    let scores = scores.map(|scores| scores.masked_fill(&also_right, f64::NEG_INFINITY));
    let loss = |scores: &Tensor| scores.cross_entropy_loss(&own, None::<&Tensor>, Reduction::Mean, -100, 0.0);
    let value = (loss(&scores[0]) + loss(&scores[1])) * 0.5;
    let found = scores[0].argmax(1, false).eq_tensor(&own).to_kind(Kind::Double).mean(None).double_value(&[]);
    (value, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One process, whose scores in one direction are those of the other.
    fn alone(scores: &Tensor, owners: [Tensor; 2]) -> (Tensor, f64) {
        let scores = [scores.shallow_clone(), scores.transpose(0, 1)];
        partners(scores, 0, owners.each_ref().map(|owners| (owners, owners)))
    }

    fn different(count: i64) -> Tensor {
        Tensor::arange(count, (Kind::Int64, tch::Device::Cpu))
    }

    #[test]
    fn the_loss_is_the_mean_of_both_cross_entropies() {
        let values = [1.0f64, 0.5, -0.25, 2.0];
        let scores = Tensor::from_slice(&values).view([2, 2]);
        let log_sum = |a: f64, b: f64| (a.exp() + b.exp()).ln();
        let rows = (log_sum(1.0, 0.5) - 1.0 + log_sum(-0.25, 2.0) - 2.0) / 2.0;
        let columns = (log_sum(1.0, -0.25) - 1.0 + log_sum(0.5, 2.0) - 2.0) / 2.0;
        let (value, found) = alone(&scores, [different(2), different(2)]);
        assert!((value.double_value(&[]) - (rows + columns) / 2.0).abs() < 1e-12);
        assert_eq!(found, 1.0);
    }

    #[test]
    fn pairs_that_share_a_sample_are_not_counted_against_each_other() {
        // Pairs 0 and 1 have one text; whatever is between them does not matter.
        let texts = Tensor::from_slice(&[0_i64, 0, 1]);
        let loss = |between: f64| {
            let scores = Tensor::from_slice(&[1.0, between, 0.0, between, 1.0, 0.0, 0.0, 0.0, 1.0]).view([3, 3]);
            alone(&scores, [different(3), texts.shallow_clone()]).0.double_value(&[])
        };
        assert_eq!(loss(-3.0), loss(9.0));
        assert!(loss(0.0).is_finite());
        // A batch of one pair has nothing to be told apart from.
        let (single, _) = alone(&Tensor::from_slice(&[0.3]).view([1, 1]), [different(1), different(1)]);
        assert_eq!(single.double_value(&[]), 0.0);
    }
}
