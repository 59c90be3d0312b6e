//! Small networks and inputs of the tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its networks has failed")]

use lzn_random::{Purpose, Stream};
use lzn_text::{TextBatch, TextDecoder, TextDecoderConfig, TextEncoder, TextEncoderConfig};
use lzn_torch::ParamStore;
use tch::{Device, Tensor};

pub(crate) const MAX_BYTES: usize = 80;

pub(crate) fn texts<S: AsRef<str>>(words: &[S]) -> TextBatch {
    TextBatch::new(words, MAX_BYTES, Device::Cpu).unwrap()
}

pub(crate) fn latents(rows: i64) -> Tensor {
    let values = Stream::new(7, Purpose::new("test/latents"), [0; 3]).normals(rows as usize * 6);
    Tensor::from_slice(&values).view([rows, 6])
}

/// The streams of the samples `rows`.
pub(crate) fn streams(seed: u64, rows: std::ops::Range<i64>) -> Vec<Stream> {
    rows.map(|row| Stream::new(seed, Purpose::SAMPLE_TEXT, [row as u64, 0, 0])).collect()
}

pub(crate) fn encoder(dropout: f64) -> TextEncoder {
    let config = TextEncoderConfig { width: 16, heads: 2, dropout, ..TextEncoderConfig::default() };
    TextEncoder::new(&ParamStore::new(Device::Cpu, 3).root(), &config, MAX_BYTES, 6).unwrap()
}

pub(crate) fn decoder(dropout: f64) -> TextDecoder {
    let config = TextDecoderConfig { width: 16, heads: 2, dropout, ..TextDecoderConfig::default() };
    TextDecoder::new(&ParamStore::new(Device::Cpu, 4).root(), &config, MAX_BYTES, 6).unwrap()
}

/// Asserts that two tensors differ by at most `most` anywhere.
pub(crate) fn near(a: &Tensor, b: &Tensor, most: f64) {
    let apart = (a - b).abs().max().double_value(&[]);
    assert!(apart <= most, "{apart}");
}

/// Takes `steps` of Adam (Kingma and Ba 2015) on all parameters; gives the last loss.
pub(crate) fn adam(store: &ParamStore, steps: i32, rate: f64, loss: impl Fn() -> Tensor) -> f64 {
    let parameters: Vec<Tensor> = store.trainable().into_iter().map(|(_, tensor)| tensor).collect();
    let zeros = || parameters.iter().map(Tensor::zeros_like).collect::<Vec<_>>();
    let (mut means, mut squares, mut last) = (zeros(), zeros(), f64::NAN);
    for step in 1..=steps {
        let value = loss();
        value.backward();
        last = value.double_value(&[]);
        tch::no_grad(|| {
            for ((parameter, mean), square) in parameters.iter().zip(&mut means).zip(&mut squares) {
                let mut gradient = parameter.grad();
                *mean = &*mean * 0.9 + &gradient * 0.1;
                *square = &*square * 0.999 + gradient.square() * 0.001;
                let (m, v) = (&*mean / (1.0 - 0.9f64.powi(step)), &*square / (1.0 - 0.999f64.powi(step)));
                let _ = parameter.shallow_clone().g_sub_(&(m / (v.sqrt() + 1e-8) * rate));
                let _ = gradient.zero_();
            }
        });
    }
    last
}
