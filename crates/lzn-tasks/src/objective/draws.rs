//! The random numbers of a step.

use std::collections::BTreeMap;

use lzn_random::{Purpose, Stream};
use tch::{Device, Tensor};

/// Random numbers by name, each a function of `(seed, name, step)` alone: whoever asks twice gets the same numbers.
///
/// Numbers are drawn for the samples of the whole batch, in their order. One of several workers, which has some of the samples, gets
/// theirs; it draws those before them as well and forgets them.
#[derive(Debug)]
pub struct Draws {
    seed: u64,
    step: u64,
    device: Device,
    /// How many times as many samples are before those of this worker as it has itself.
    before: usize,
    given: BTreeMap<String, Tensor>,
}

impl Draws {
    /// The draws of one step.
    pub fn of_step(seed: u64, step: u64, device: Device) -> Self {
        Self { seed, step, device, before: 0, given: BTreeMap::new() }
    }

    /// Those of worker `rank`, where each has as many samples.
    #[must_use]
    pub fn of_worker(self, rank: usize) -> Self {
        Self { before: rank, ..self }
    }

    /// Puts `numbers` in the place of what would be drawn under this name, as a comparison with numbers from elsewhere needs.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, numbers: Tensor) -> Self {
        self.given.insert(name.into(), numbers);
        self
    }

    /// Standard normal numbers of this shape, whose first dimension counts the samples of this worker.
    pub fn normal(&self, name: &str, shape: &[i64]) -> Tensor {
        self.get(name).unwrap_or_else(|| {
            let count = shape.iter().product::<i64>() as usize;
            let values = self.stream(name).normals((self.before + 1) * count);
            Tensor::from_slice(&values[self.before * count..]).view(shape).to_device(self.device)
        })
    }

    /// Uniform numbers `[count]` in `[low, high)`, one for each sample of this worker.
    pub fn uniform(&self, name: &str, count: i64, low: f64, high: f64) -> Tensor {
        self.get(name).unwrap_or_else(|| {
            let count = count.max(0) as usize;
            let values = self.stream(name).uniforms((self.before + 1) * count, low, high);
            Tensor::from_slice(&values[self.before * count..]).to_device(self.device)
        })
    }

    fn get(&self, name: &str) -> Option<Tensor> {
        self.given.get(name).map(Tensor::shallow_clone)
    }

    fn stream(&self, name: &str) -> Stream {
        Stream::new(self.seed, Purpose::new(name), [self.step, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_draw_the_parts_of_what_one_process_draws() {
        let draws = || Draws::of_step(3, 7, Device::Cpu);
        let (whole, times) = (draws().normal("noise", &[6, 2, 5]), draws().uniform("time", 6, 0.1, 1.0));
        for rank in 0..3 {
            let own = draws().of_worker(rank);
            assert_eq!(own.normal("noise", &[2, 2, 5]), whole.narrow(0, 2 * rank as i64, 2));
            assert_eq!(own.uniform("time", 2, 0.1, 1.0), times.narrow(0, 2 * rank as i64, 2));
        }
    }
}
