//! Selective kernels: two streams of one convolution, mixed channel by channel as the whole picture asks.

use lzn_torch::{Scope, Shared};
use tch::{Kind, Tensor};

use super::layers::{NormedConv, NormedLinear, weight};

/// By how much the channels are narrowed to the vector that decides, and how many that has at least (Li et al. 2019, "Selective kernel
/// networks", section 3.1; Chen et al. 2020, "Big self-supervised models are strong semi-supervised learners", who take both streams from
/// one 3x3 convolution).
const NARROWED: i64 = 16;
const LEAST: i64 = 32;

/// Numbers of a group of the deciding vector at least: it has no pixels, so a group of one would always be normalised to zero.
const GROUPED: i64 = 4;

/// A normalised 3x3 convolution to two streams of ReLU features, and their mixture: `sum_s p_s h_s`, where the softmax `p` over the streams is
/// a function of the mean of `h_1 + h_2` over the pixels, for each channel its own.
#[derive(Debug, Clone)]
pub(super) struct SelectiveConv {
    streams: NormedConv,
    narrow: NormedLinear,
    decide: Shared,
}

impl SelectiveConv {
    /// Registers `streams.*`, which is twice as wide as the output, `narrow.*` and `decide.weight`.
    pub(super) fn new(scope: &Scope, channels: i64, stride: i64, groups: i64) -> Self {
        let narrow = (channels / NARROWED).max(LEAST) / GROUPED * GROUPED;
        Self {
            streams: NormedConv::new(&(scope / "streams"), (channels, 2 * channels), (3, stride), groups),
            narrow: NormedLinear::new(&(scope / "narrow"), (channels, narrow), narrow / GROUPED),
            decide: weight(&(scope / "decide"), &[2 * channels, narrow]),
        }
    }

    /// `[B, C, H, W]` to `[B, C, H', W']`, not negative.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let both = self.streams.forward(x).relu();
        let (batch, channels) = (both.size()[0], both.size()[1] / 2);
        let streams = both.view([batch, 2, channels, both.size()[2], both.size()[3]]);
        let seen = streams.sum_dim_intlist([1i64].as_slice(), false, Kind::Float).mean_dim(
            [2i64, 3].as_slice(),
            false,
            Kind::Float,
        );
        let scores = self.narrow.forward(&seen).relu().linear(&self.decide, None::<&Tensor>);
        let shares = scores.view([batch, 2, channels, 1, 1]).softmax(1, Kind::Float);
        (streams * shares).sum_dim_intlist([1i64].as_slice(), false, Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use lzn_torch::ParamStore;
    use tch::Device;

    use super::*;

    fn unit() -> (ParamStore, SelectiveConv) {
        let store = ParamStore::new(Device::Cpu, 3);
        let unit = SelectiveConv::new(&store.root(), 8, 2, 4);
        (store, unit)
    }

    fn parameter(store: &ParamStore, name: &str) -> Tensor {
        store.named().into_iter().find(|(own, _)| own == name).unwrap().1
    }

    fn images() -> Tensor {
        Tensor::arange(2 * 8 * 5 * 5, (Kind::Float, Device::Cpu)).sin().view([2, 8, 5, 5])
    }

    #[test]
    fn without_a_reason_to_prefer_one_the_streams_count_alike() {
        let (store, unit) = unit();
        let _ = tch::no_grad(|| parameter(&store, "decide.weight").zero_());
        let streams = unit.streams.forward(&images()).relu();
        let mean = (streams.narrow(1, 0, 8) + streams.narrow(1, 8, 8)) / 2.0;
        let out = unit.forward(&images());
        assert_eq!(out.size(), [2, 8, 3, 3]);
        assert!((out - mean).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn a_stream_that_is_preferred_in_a_channel_is_what_comes_out_there() {
        let (store, unit) = unit();
        tch::no_grad(|| {
            // Scores of the first stream are the sum of the deciding vector times a large number, those of the second its opposite.
            let _ = parameter(&store, "narrow.norm.bias").fill_(1.0);
            let decide = parameter(&store, "decide.weight");
            let _ = decide.narrow(0, 0, 8).fill_(100.0);
            let _ = decide.narrow(0, 8, 8).fill_(-100.0);
        });
        let first = unit.streams.forward(&images()).relu().narrow(1, 0, 8);
        assert!((unit.forward(&images()) - first).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn what_is_preferred_depends_on_the_picture() {
        let (_, unit) = unit();
        let shares = |x: &Tensor| {
            let streams = unit.streams.forward(x).relu();
            unit.forward(x) / (streams.narrow(1, 0, 8) + streams.narrow(1, 8, 8)).clamp_min(1e-9)
        };
        let apart = shares(&images().narrow(0, 0, 1)) - shares(&images().narrow(0, 1, 1));
        assert!(apart.abs().max().double_value(&[]) > 1e-4);
    }
}
