//! Attention of several heads.

use lzn_torch::Scope;
use lzn_torch::nn::Linear;
use tch::Tensor;

/// What a token sees.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Where `[B, 1, 1, L]` is true, whoever looks.
    Present(Tensor),
    /// Itself and what comes before it.
    Earlier,
}

/// Keys and values of tokens that were seen before.
#[derive(Debug, Default)]
pub(crate) struct Cache(Option<[Tensor; 2]>);

impl Cache {
    /// Adds keys and values `[B, heads, L, width / heads]` to those before; gives all.
    fn extend(&mut self, key: Tensor, value: Tensor) -> [Tensor; 2] {
        let all = match self.0.take() {
            None => [key, value],
            Some([keys, values]) => [Tensor::cat(&[keys, key], 2), Tensor::cat(&[values, value], 2)],
        };
        self.0 = Some(all.each_ref().map(Tensor::shallow_clone));
        all
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Scaled dot-product attention (Vaswani et al. 2017).
#[derive(Debug, Clone)]
pub(super) struct Attention {
    joint: Linear,
    output: Linear,
    heads: i64,
}

impl Attention {
    /// Registers `joint` (queries, keys and values in one layer) and `output`.
    pub(super) fn new(scope: &Scope, width: i64, heads: i64) -> Self {
        let joint = Linear::new(&(scope / "joint"), width, 3 * width);
        Self { joint, output: Linear::new(&(scope / "output"), width, width), heads }
    }

    /// `[B, L, width]` to the same shape. With a `cache` that holds earlier tokens there must be one token per row.
    pub(super) fn forward(&self, x: &Tensor, sight: &Sight, cache: Option<&mut Cache>) -> Tensor {
        let (b, l, width) = x.size3().unwrap_or_default();
        let joint = self.joint.forward(x).view([b, l, 3, self.heads, width / self.heads]).permute([2, 0, 3, 1, 4]);
        let [query, key, value] = [0, 1, 2].map(|part| joint.select(0, part));
        // A single token after others sees all of them.
        let alone = cache.as_ref().is_some_and(|cache| !cache.is_empty());
        let [key, value] = match cache {
            Some(cache) => cache.extend(key, value),
            None => [key, value],
        };
        let (mask, causal) = match sight {
            Sight::Present(mask) => (Some(mask), false),
            Sight::Earlier => (None, !alone),
        };
        let seen = Tensor::scaled_dot_product_attention(&query, &key, &value, mask, 0.0, causal, None, false);
        self.output.forward(&seen.transpose(1, 2).reshape([b, l, width]))
    }
}
