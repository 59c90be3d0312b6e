//! The random numbers of a step.

use std::collections::BTreeMap;

use lzn_random::{Purpose, Stream};
use tch::{Device, Tensor};

/// Random numbers by name, each a function of `(seed, name, step)` alone: whoever asks twice gets the same numbers.
#[derive(Debug)]
pub struct Draws {
    seed: u64,
    step: u64,
    device: Device,
    given: BTreeMap<String, Tensor>,
}

impl Draws {
    /// The draws of one step.
    pub fn of_step(seed: u64, step: u64, device: Device) -> Self {
        Self { seed, step, device, given: BTreeMap::new() }
    }

    /// Puts `numbers` in the place of what would be drawn under this name, as a comparison with numbers from elsewhere needs.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, numbers: Tensor) -> Self {
        self.given.insert(name.into(), numbers);
        self
    }

    /// Standard normal numbers of this shape.
    pub fn normal(&self, name: &str, shape: &[i64]) -> Tensor {
        self.get(name).unwrap_or_else(|| {
            let count = shape.iter().product::<i64>() as usize;
            Tensor::from_slice(&self.stream(name).normals(count)).view(shape).to_device(self.device)
        })
    }

    /// Uniform numbers `[count]` in `[low, high)`.
    pub fn uniform(&self, name: &str, count: i64, low: f64, high: f64) -> Tensor {
        self.get(name).unwrap_or_else(|| {
            let values = self.stream(name).uniforms(count.max(0) as usize, low, high);
            Tensor::from_slice(&values).to_device(self.device)
        })
    }

    fn get(&self, name: &str) -> Option<Tensor> {
        self.given.get(name).map(Tensor::shallow_clone)
    }

    fn stream(&self, name: &str) -> Stream {
        Stream::new(self.seed, Purpose::new(name), [self.step, 0, 0])
    }
}
