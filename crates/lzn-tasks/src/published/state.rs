//! Parameters and averages of one part out of a file, checked by name.

use std::collections::{HashMap, HashSet};

use lzn_pickle::{PtFile, TensorInfo, Value};
use lzn_torch::pickled;
use tch::Tensor;

use super::{Named, PREFIX, SIGMAS};
use crate::TaskError;

/// Tensors by our names.
pub(super) type Tensors = HashMap<String, Tensor>;

/// A file, and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a PtFile,
    /// One clause for each thing that is missing, left over or of another shape.
    pub(super) problems: Vec<String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a PtFile) -> Self {
        Self { file, problems: Vec::new() }
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// What `key` of `of` holds; notes a problem and gives nothing if it is missing or is no `what`.
    pub(super) fn need<T>(
        &mut self,
        of: Value<'a>,
        (name, key): (&str, &str),
        what: &str,
        read: impl Fn(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let whole = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        let value = of.get(key).filter(|value| !value.is_none());
        let Some(value) = value else {
            self.problem(format!("`{whole}` is missing"));
            return None;
        };
        let read = read(value);
        if read.is_none() {
            self.problem(format!("`{whole}` is {}, expected {what}", value.kind()));
        }
        read
    }

    /// The tensor `name`, if it has the shape that is needed.
    pub(super) fn tensor(&mut self, name: &str, value: Value<'a>, shape: &[i64]) -> Result<Option<Tensor>, TaskError> {
        let Some(info) = value.tensor() else {
            self.problem(format!("`{name}` is {}, expected a tensor", value.kind()));
            return Ok(None);
        };
        if size(info) != shape {
            self.problem(format!("`{name}` has shape {:?}, the configuration needs {shape:?}", size(info)));
            return Ok(None);
        }
        self.read(info).map(Some)
    }

    pub(super) fn read(&self, info: &TensorInfo) -> Result<Tensor, TaskError> {
        Ok(pickled::tensor(&self.file.bytes(info)?, info)?)
    }

    /// The parameters in the state dict `part`, which has keys of these and of none else but the noise levels.
    pub(super) fn parameters(&mut self, part: &str, names: &[Named]) -> Result<Tensors, TaskError> {
        let root = self.file.root();
        let mut tensors = Tensors::new();
        let Some(state) = self.need(root, ("", part), "a dict", |v| v.entries().map(|_| v)) else { return Ok(tensors) };
        let mut known = HashSet::from([format!("{PREFIX}{SIGMAS}")]);
        for name in names {
            let there = format!("{PREFIX}{}", name.published);
            match state.get(&there) {
                Some(value) => {
                    let tensor = self.tensor(&format!("{part}.{there}"), value, &name.shape)?;
                    tensors.extend(tensor.map(|tensor| (name.ours.clone(), tensor)));
                }
                None => self.problem(format!("`{part}.{there}` is missing")),
            }
            known.insert(there);
        }
        for (there, _) in state.entries().into_iter().flatten() {
            match there.text() {
                Some(there) if known.contains(there) => {}
                Some(there) => self.problem(format!("`{part}.{there}` is not in the network of the configuration")),
                None => self.problem(format!("`{part}` has {} as a key", there.kind())),
            }
        }
        Ok(tensors)
    }

    /// The averages of a part, listed in the order of its trainable parameters, and how often they were moved.
    pub(super) fn averages(&mut self, part: &str, names: &[Named]) -> Result<(Tensors, u64), TaskError> {
        let whole = format!("{part}_ema");
        let mut tensors = Tensors::new();
        let root = self.file.root();
        let Some(ema) = self.need(root, ("", &whole), "a dict", |v| v.entries().map(|_| v)) else {
            return Ok((tensors, 0));
        };
        let count = |v: Value<'_>| v.int().and_then(|n| u64::try_from(n).ok());
        let updates = self.need(ema, (&whole, "num_updates"), "a whole number", count);
        let list = self.need(ema, (&whole, "shadow_params"), "a list", |v| v.items().map(Iterator::collect::<Vec<_>>));
        let trainable: Vec<&Named> = names.iter().filter(|name| name.trainable).collect();
        let list = list.unwrap_or_default();
        if list.len() != trainable.len() {
            let (got, needed) = (list.len(), trainable.len());
            self.problem(format!(
                "`{whole}.shadow_params` has {got} tensors, the network has {needed} trainable parameters"
            ));
            return Ok((tensors, 0));
        }
        for (i, (name, value)) in trainable.into_iter().zip(list).enumerate() {
            let there = format!("{whole}.shadow_params[{i}] (of {})", name.published);
            tensors.extend(self.tensor(&there, value, &name.shape)?.map(|tensor| (name.ours.clone(), tensor)));
        }
        Ok((tensors, updates.unwrap_or(0)))
    }

    /// Compares the noise levels with those of the configuration.
    pub(super) fn check_sigmas(&mut self, part: &str, expected: &[f64]) -> Result<(), TaskError> {
        let whole = format!("{part}.{PREFIX}{SIGMAS}");
        let state = self.file.root().get(part);
        let Some(value) = state.and_then(|state| state.get(&format!("{PREFIX}{SIGMAS}"))) else {
            self.problem(format!("`{whole}` is missing"));
            return Ok(());
        };
        let Some(tensor) = self.tensor(&whole, value, &[expected.len() as i64])? else { return Ok(()) };
        let found = Vec::<f64>::try_from(tensor.to_kind(tch::Kind::Double))?;
        let differs = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-5 * b.abs();
        if let (true, [first, .., last]) = (found.iter().zip(expected).any(differs), found.as_slice()) {
            let rule = "set model.decoder.sigma_max, sigma_min and num_scales to match";
            self.problem(format!(
                "`{whole}` goes from {first:.4} to {last:.4}, other than the configuration says: {rule}"
            ));
        }
        Ok(())
    }
}

fn size(info: &TensorInfo) -> Vec<i64> {
    info.shape().iter().map(|n| *n as i64).collect()
}
