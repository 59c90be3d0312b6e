//! The state of PyTorch's Adam: moments by the number of the parameter, settings by group.

use std::collections::HashMap;

use lzn_pickle::Value;

use super::state::{Source, Tensors};
use super::{Named, key};
use crate::TaskError;
use crate::types::PartName;

/// What is known of one part's optimizer.
#[derive(Debug, Default)]
pub(super) struct Moments {
    /// `NAME.mean` and `NAME.square` of every trainable parameter.
    pub(super) tensors: Tensors,
    /// Steps that were taken.
    pub(super) updates: i32,
    /// The learning rate of the next step.
    pub(super) learning_rate: Option<f64>,
}

/// Settings of Adam that are not the ones used here, with those: a training that goes on would go on otherwise.
const SETTINGS: [(&str, f64); 2] = [("eps", 1e-8), ("weight_decay", 0.0)];

impl<'a> Source<'a> {
    /// Moments of the parts of a model, in the order of its parts, and remarks about settings that differ.
    pub(super) fn moments(
        &mut self,
        parts: &[(PartName, Vec<Named>)],
        notes: &mut Vec<String>,
    ) -> Result<Vec<Moments>, TaskError> {
        let root = self.file.root();
        let none = || parts.iter().map(|_| Moments::default()).collect();
        let Some(optimizer) = self.need(root, ("", "optimizer"), "a dict", |v| v.entries().map(|_| v)) else {
            return Ok(none());
        };
        let by_number = |v: Value<'a>| {
            let number = |(number, moments): (Value<'a>, Value<'a>)| Some((number.int()?, moments));
            v.entries()?.map(number).collect::<Option<HashMap<i64, Value<'a>>>>()
        };
        let state = self.need(optimizer, ("optimizer", "state"), "a dict of numbers", by_number);
        let list = |v: Value<'a>| v.items().map(Iterator::collect::<Vec<_>>);
        let groups = self.need(optimizer, ("optimizer", "param_groups"), "a list", list);
        let (Some(mut state), Some(groups)) = (state, groups) else { return Ok(none()) };
        if groups.len() != parts.len() {
            let names: Vec<&str> = parts.iter().map(|(part, _)| key(part)).collect();
            let (got, needed) = (groups.len(), names.join(", "));
            self.problem(format!(
                "`optimizer.param_groups` has {got} groups, the configuration needs one each for {needed}"
            ));
            return Ok(none());
        }
        let mut all = Vec::new();
        for (i, ((part, names), group)) in parts.iter().zip(groups).enumerate() {
            let whole = format!("optimizer.param_groups[{i}] (of {})", key(part));
            compare_settings(&whole, group, notes);
            all.push(self.group(&whole, group, names, &mut state)?);
        }
        let mut left: Vec<i64> = state.into_keys().collect();
        left.sort_unstable();
        for number in left {
            self.problem(format!("`optimizer.state.{number}` belongs to no parameter"));
        }
        Ok(all)
    }

    fn group(
        &mut self,
        whole: &str,
        group: Value<'a>,
        names: &[Named],
        state: &mut HashMap<i64, Value<'a>>,
    ) -> Result<Moments, TaskError> {
        let mut moments = Moments { learning_rate: group.get("lr").and_then(Value::float), ..Moments::default() };
        let numbers = |v: Value<'a>| v.items()?.map(Value::int).collect::<Option<Vec<i64>>>();
        let Some(numbers) = self.need(group, (whole, "params"), "a list of numbers", numbers) else {
            return Ok(moments);
        };
        // The published optimizers hold all parameters; those that do not learn have a number and no state.
        let all: Vec<&Named> = names.iter().collect();
        let trainable: Vec<&Named> = names.iter().filter(|name| name.trainable).collect();
        let listed = match numbers.len() {
            n if n == all.len() => all,
            n if n == trainable.len() => trainable,
            n => {
                self.problem(format!("`{whole}.params` has {n} numbers, the network has {} parameters", names.len()));
                return Ok(moments);
            }
        };
        let mut steps = Vec::new();
        for (name, number) in listed.into_iter().zip(numbers) {
            let found = state.remove(&number);
            if !name.trainable {
                continue;
            }
            let there = format!("optimizer.state.{number} (of {})", name.published);
            steps.extend(self.moments_of(&there, found, name, &mut moments.tensors)?);
        }
        moments.updates = steps.first().copied().unwrap_or(0);
        if let Some(other) = steps.iter().find(|step| **step != moments.updates) {
            self.problem(format!("`{whole}` has parameters of {} steps and of {other}", moments.updates));
        }
        Ok(moments)
    }

    /// Adds both moments of a parameter; returns its steps. Without a state, it never had a gradient: its moments are zero.
    fn moments_of(
        &mut self,
        there: &str,
        found: Option<Value<'a>>,
        name: &Named,
        tensors: &mut Tensors,
    ) -> Result<Option<i32>, TaskError> {
        let mut step = None;
        if let Some(found) = found {
            let value = self.need(found, (there, "step"), "a number", |v| {
                v.tensor().filter(|tensor| tensor.len() == 1).map(|_| v).or(v.float().map(|_| v))
            });
            let number = match value.and_then(Value::tensor) {
                Some(tensor) => Some(self.read(tensor)?.double_value(&[])),
                None => value.and_then(Value::float),
            };
            step = number.filter(|n| (0.0..f64::from(i32::MAX)).contains(n) && n.fract() == 0.0).map(|n| n as i32);
            if step.is_none() && value.is_some() {
                self.problem(format!("`{there}.step` is no count of steps"));
            }
        }
        for (theirs, ours) in [("exp_avg", "mean"), ("exp_avg_sq", "square")] {
            let tensor = match found {
                None => Some(tch::Tensor::zeros(name.shape.as_slice(), (tch::Kind::Float, tch::Device::Cpu))),
                Some(found) => match self.need(found, (there, theirs), "a tensor", Some) {
                    Some(value) => self.tensor(&format!("{there}.{theirs}"), value, &name.shape)?,
                    None => None,
                },
            };
            tensors.extend(tensor.map(|tensor| (format!("{}.{ours}", name.ours), tensor)));
        }
        Ok(step)
    }
}

fn compare_settings(whole: &str, group: Value<'_>, notes: &mut Vec<String>) {
    let mut compare = |name: &str, found: Option<f64>, ours: f64| {
        if let Some(found) = found.filter(|found| *found != ours) {
            notes.push(format!("`{whole}.{name}` is {found}; training goes on with {ours}"));
        }
    };
    let betas: Vec<Option<f64>> =
        group.get("betas").and_then(Value::items).into_iter().flatten().map(Value::float).collect();
    for (i, ours) in [0.9, 0.999].into_iter().enumerate() {
        compare(&format!("betas[{i}]"), betas.get(i).copied().flatten(), ours);
    }
    for (name, ours) in SETTINGS {
        compare(name, group.get(name).and_then(Value::float), ours);
    }
    if group.get("amsgrad").and_then(Value::bool) == Some(true) {
        notes.push(format!("`{whole}.amsgrad` is on; training goes on without it"));
    }
}
