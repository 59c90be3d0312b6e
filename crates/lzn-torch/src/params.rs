//! Named parameters in registration order, and their first values.
//!
//! `tch::nn::VarStore` keeps its variables in a hash map and numbers clashing names. Checkpoints, exponential moving averages
//! and the published positional lists need the opposite: names that never change and an order that means something.

use std::collections::HashMap;
use std::ops::Div;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lzn_random::{Purpose, Stream};
use tch::{Device, Kind, Tensor};

use crate::{Shared, TorchError};

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Every value the same.
    Constant(f64),
    /// Normal with mean 0 and this standard deviation.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform in `[-bound, bound)`.
    Uniform {
        /// Half the width of the interval.
        bound: f64,
    },
    /// Uniform with variance `scale / ((fan_in + fan_out) / 2)`, the initialisation of NCSN++ (Song et al. 2021); a scale of 0
    /// is taken as 1e-10. Fans of a tensor `[out, in, k, k]` are `in k²` and `out k²`.
    FanAverage {
        /// Variance times the mean of both fans.
        scale: f64,
    },
}

impl Init {
    fn values(self, shape: &[i64], stream: &mut Stream) -> Vec<f32> {
        let n = shape.iter().product::<i64>() as usize;
        match self {
            Self::Constant(value) => vec![value as f32; n],
            Self::Normal { std } => stream.normals(n).into_iter().map(|x| (f64::from(x) * std) as f32).collect(),
            Self::Uniform { bound } => stream.uniforms(n, -bound, bound),
            Self::FanAverage { scale } => {
                let scale = if scale == 0.0 { 1e-10 } else { scale };
                let field: i64 = shape.iter().skip(2).product();
                let fans: i64 = shape.iter().take(2).sum::<i64>() * field;
                let bound = (3.0 * scale / (fans as f64 / 2.0)).sqrt();
                stream.uniforms(n, -bound, bound)
            }
        }
    }
}

/// One named tensor of a part.
#[derive(Debug)]
pub struct Param {
    /// Full name, for instance `down.0.conv0.weight`.
    pub name: String,
    /// The values. A trainable parameter requires a gradient unless its part is frozen.
    pub tensor: Tensor,
    /// Whether the optimizer moves it; fixed Fourier features, for one, are not.
    pub trainable: bool,
}

#[derive(Debug)]
struct Inner {
    device: Device,
    seed: u64,
    params: Vec<Param>,
}

/// The parameters of one part (an encoder, a decoder, label anchors) in registration order.
///
/// # Example
/// ```
/// use lzn_torch::params::{Init, ParamStore};
///
/// let store = ParamStore::new(tch::Device::Cpu, 0);
/// let weight = (store.root() / "head").param("weight", &[4, 3], Init::Constant(1.0));
/// assert_eq!(store.names(), ["head.weight"]);
/// assert!(weight.requires_grad());
/// ```
#[derive(Debug, Clone)]
pub struct ParamStore(Arc<Mutex<Inner>>);

impl ParamStore {
    /// An empty store. `seed` fixes the first values of whatever is registered.
    pub fn new(device: Device, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner { device, seed, params: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere cannot leave the list half-changed: each change is one push or one tensor copy.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place from which a network registers its parameters.
    pub fn root(&self) -> Scope {
        Scope { store: self.clone(), prefix: String::new() }
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.lock().device
    }

    /// All names, in registration order.
    pub fn names(&self) -> Vec<String> {
        self.lock().params.iter().map(|p| p.name.clone()).collect()
    }

    /// All parameters as (name, tensor), in registration order; the tensors share storage with the network's.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.lock().params.iter().map(|p| (p.name.clone(), p.tensor.shallow_clone())).collect()
    }

    /// The trainable ones among [`ParamStore::named`].
    pub fn trainable(&self) -> Vec<(String, Tensor)> {
        let inner = self.lock();
        inner.params.iter().filter(|p| p.trainable).map(|p| (p.name.clone(), p.tensor.shallow_clone())).collect()
    }

    /// How many numbers the optimizer moves.
    pub fn trainable_values(&self) -> usize {
        self.lock().params.iter().filter(|p| p.trainable).map(|p| p.tensor.numel()).sum()
    }

    /// Turns gradients of all trainable parameters on or off.
    pub fn set_frozen(&self, frozen: bool) {
        for param in self.lock().params.iter().filter(|p| p.trainable) {
            let _ = param.tensor.set_requires_grad(!frozen);
        }
    }

    /// Overwrites every parameter with the tensor of its name.
    ///
    /// # Errors
    /// [`TorchError::Weights`] lists every name that is missing, left over or of another shape; then nothing was changed.
    pub fn load(&self, tensors: &HashMap<String, Tensor>) -> Result<(), TorchError> {
        let inner = self.lock();
        let mut problems = Vec::new();
        for param in &inner.params {
            match tensors.get(&param.name) {
                None => problems.push(format!("`{}` is missing", param.name)),
                Some(t) if t.size() != param.tensor.size() => problems.push(format!(
                    "`{}` has shape {:?}, the network needs {:?}",
                    param.name,
                    t.size(),
                    param.tensor.size()
                )),
                Some(_) => {}
            }
        }
        let known: std::collections::HashSet<_> = inner.params.iter().map(|p| p.name.as_str()).collect();
        let mut extra: Vec<_> = tensors.keys().filter(|name| !known.contains(name.as_str())).collect();
        extra.sort();
        problems.extend(extra.into_iter().map(|name| format!("`{name}` is not a parameter of the network")));
        if !problems.is_empty() {
            return Err(TorchError::Weights { problems });
        }
        tch::no_grad(|| {
            for param in &inner.params {
                param.tensor.shallow_clone().copy_(&tensors[&param.name]);
            }
        });
        Ok(())
    }
}

/// A place in the name tree of a [`ParamStore`]; `scope / "conv0"` is the place below it.
#[derive(Debug, Clone)]
pub struct Scope {
    store: ParamStore,
    prefix: String,
}

impl Scope {
    /// Registers a trainable parameter (float32) and returns a tensor that shares its storage.
    pub fn param(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.register(name, shape, init, true)
    }

    /// Registers a parameter that the optimizer never moves.
    pub fn constant(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.register(name, shape, init, false)
    }

    /// What the optimizer moves of this place and of all below it, in registration order.
    pub fn trainable(&self) -> Vec<Shared> {
        let below = |name: &str| {
            self.prefix.is_empty() || name.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'))
        };
        self.store.trainable().into_iter().filter(|(name, _)| below(name)).map(|(_, tensor)| tensor.into()).collect()
    }

    fn register(&self, name: &str, shape: &[i64], init: Init, trainable: bool) -> Tensor {
        let name = if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) };
        let mut inner = self.store.lock();
        debug_assert!(inner.params.iter().all(|p| p.name != name), "two parameters are named {name}");
        let position = inner.params.len() as u64;
        let mut stream = Stream::new(inner.seed, Purpose::INITIALISE, [position, 0, 0]);
        let values = Tensor::from_slice(&init.values(shape, &mut stream)).view(shape);
        let tensor = values.to_device(inner.device).to_kind(Kind::Float).set_requires_grad(trainable);
        inner.params.push(Param { name, tensor: tensor.shallow_clone(), trainable });
        tensor
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.store.device()
    }
}

impl<T: std::fmt::Display> Div<T> for &Scope {
    type Output = Scope;

    fn div(self, name: T) -> Scope {
        let prefix = if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Scope { store: self.store.clone(), prefix }
    }
}

impl<T: std::fmt::Display> Div<T> for Scope {
    type Output = Scope;

    fn div(self, name: T) -> Scope {
        &self / name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_depend_on_seed_and_position_only() {
        let make = |seed| {
            let store = ParamStore::new(Device::Cpu, seed);
            let a = store.root().param("a", &[3, 5], Init::FanAverage { scale: 1.0 });
            let b = store.root().param("b", &[3, 5], Init::FanAverage { scale: 1.0 });
            (a, b)
        };
        let ((a, b), (again, _), (other, _)) = (make(1), make(1), make(2));
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_ne!(a, other);
    }

    #[test]
    fn fan_average_has_the_stated_variance() {
        let store = ParamStore::new(Device::Cpu, 0);
        let w = store.root().param("w", &[64, 32, 3, 3], Init::FanAverage { scale: 2.0 });
        let variance = w.var(true).double_value(&[]);
        let expected = 2.0 / ((64.0 + 32.0) * 9.0 / 2.0);
        assert!((variance / expected - 1.0).abs() < 0.05, "{variance} against {expected}");
    }

    #[test]
    fn load_names_every_problem_and_changes_nothing() {
        let store = ParamStore::new(Device::Cpu, 0);
        let a = store.root().param("a", &[2], Init::Constant(1.0));
        let _ = store.root().param("b", &[2], Init::Constant(1.0));
        let given = [("a", Tensor::from_slice(&[5f32, 6.0])), ("c", Tensor::from_slice(&[1f32]))];
        let error = store.load(&given.map(|(n, t)| (n.to_owned(), t)).into()).unwrap_err().to_string();
        assert!(error.contains("`b` is missing") && error.contains("`c` is not"), "{error}");
        assert_eq!(a, Tensor::from_slice(&[1f32, 1.0]));
    }
}
