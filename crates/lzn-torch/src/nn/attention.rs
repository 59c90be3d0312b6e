//! Self-attention over the pixels of a feature map.

use tch::Tensor;

use super::layers::{GroupNorm, NetworkInNetwork};
use super::residual::residual_sum;
use crate::params::Scope;

/// Scale of the first values of query, key and value, as in DDPM (Ho et al. 2020).
const PROJECTION_SCALE: f64 = 0.1;

/// `x + out(attention(query, key, value))` of the normalised `x`, with one head; every pixel is a token.
#[derive(Debug, Clone)]
pub struct SelfAttention {
    norm: GroupNorm,
    query: NetworkInNetwork,
    key: NetworkInNetwork,
    value: NetworkInNetwork,
    output: NetworkInNetwork,
    skip_rescale: bool,
}

impl SelfAttention {
    /// Registers `norm`, `query`, `key`, `value` and `output` (first values of scale `init_scale`).
    pub fn new(scope: &Scope, channels: i64, init_scale: f64, skip_rescale: bool) -> Self {
        let project = |name, scale| NetworkInNetwork::new(&(scope / name), channels, scale);
        Self {
            norm: GroupNorm::new(&(scope / "norm"), channels),
            query: project("query", PROJECTION_SCALE),
            key: project("key", PROJECTION_SCALE),
            value: project("value", PROJECTION_SCALE),
            output: project("output", init_scale),
            skip_rescale,
        }
    }

    /// `[B, C, H, W]` to the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (b, c, h, w) = x.size4().unwrap_or_default();
        // One copy to channels-last makes each projection a single matrix product.
        let tokens = self.norm.forward(x).permute([0, 2, 3, 1]).reshape([b * h * w, c]);
        let heads = |layer: &NetworkInNetwork| layer.forward(&tokens).view([b, 1, h * w, c]);
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let mixed =
            Tensor::scaled_dot_product_attention(&query, &key, &value, None::<&Tensor>, 0.0, false, None, false);
        let out = self.output.forward(&mixed.reshape([b * h * w, c])).view([b, h, w, c]).permute([0, 3, 1, 2]);
        residual_sum(x, &out, self.skip_rescale)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::params::ParamStore;

    /// The definition, in double precision, one query at a time.
    fn oracle(x: &Tensor, params: &[(String, Tensor)], skip_rescale: bool) -> Tensor {
        let param = |name: &str| {
            let found = params.iter().find(|(n, _)| n == name);
            found.map(|(_, tensor)| tensor.detach().to_kind(Kind::Double)).unwrap()
        };
        let (b, c, h, w) = x.size4().unwrap();
        let groups = x.view([b, c / 4, 4 * h * w]);
        let centred = &groups - groups.mean_dim(2, true, Kind::Double);
        let variance = centred.square().mean_dim(2, true, Kind::Double);
        let normal = (centred / (variance + 1e-6).sqrt()).view([b, c, h * w]).transpose(1, 2);
        let normal = normal * param("norm.weight") + param("norm.bias");
        let project =
            |x: &Tensor, name: &str| x.matmul(&param(&format!("{name}.weight"))) + param(&format!("{name}.bias"));
        let [q, k, v] = ["query", "key", "value"].map(|name| project(&normal, name));
        let mut rows = Vec::new();
        for i in 0..h * w {
            let scores = (&k * q.narrow(1, i, 1)).sum_dim_intlist(2, false, Kind::Double) / (c as f64).sqrt();
            rows.push((scores.softmax(1, Kind::Double).unsqueeze(2) * &v).sum_dim_intlist(1, false, Kind::Double));
        }
        let out = project(&Tensor::stack(&rows, 1), "output").transpose(1, 2).reshape([b, c, h, w]);
        if skip_rescale { (x + out) / 2f64.sqrt() } else { x + out }
    }

    #[test]
    fn attention_is_its_definition() {
        for skip_rescale in [false, true] {
            let store = ParamStore::new(Device::Cpu, 3);
            let attention = SelfAttention::new(&store.root(), 8, 1.0, skip_rescale);
            for (i, (_, tensor)) in store.named().iter().enumerate() {
                let wave = (Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)) * (0.7 + i as f64)).sin();
                tch::no_grad(|| tensor.shallow_clone().copy_(&wave.view(tensor.size().as_slice())));
            }
            let x = (Tensor::arange(2 * 8 * 3 * 5, (Kind::Double, Device::Cpu)) * 0.9).cos().view([2, 8, 3, 5]);
            let expected = oracle(&x, &store.named(), skip_rescale);
            let got = attention.forward(&x.to_kind(Kind::Float)).to_kind(Kind::Double);
            let error = (got - &expected).abs().max().double_value(&[]);
            assert!(error < 1e-5, "skip_rescale {skip_rescale}: {error}");
        }
    }
}
