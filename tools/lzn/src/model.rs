//! From arguments to a device, a model and its options.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lzn_flow::{ErrorControl, Sampler};
use lzn_tasks::Weights;
use lzn_tasks::task::TaskOptions;
use tch::Device;

use crate::cli::{Compute, DeviceName, DrawArgs, ModelArgs, SamplerName};

/// The model that ships with lzn: trained by tools/configs/fashion-mnist.toml.
const SHIPPED: &[u8] = include_bytes!("../models/fashion-mnist-joint.safetensors");

/// Applies `--threads` and finds the device.
pub(crate) fn device(compute: &Compute) -> Result<Device> {
    if let Some(threads) = compute.threads {
        tch::set_num_threads(i32::try_from(threads).context("--threads is too large")?);
    }
    let cuda = tch::Cuda::is_available();
    match compute.device {
        DeviceName::Cpu => Ok(Device::Cpu),
        DeviceName::Auto if !cuda => Ok(Device::Cpu),
        DeviceName::Cuda if !cuda => bail!("libtorch sees no CUDA device; `lzn doctor` says why, --device cpu works"),
        _ => Ok(Device::Cuda(0)),
    }
}

/// Loads the model that the arguments name.
pub(crate) fn load(args: &ModelArgs) -> Result<Weights> {
    let device = device(&args.compute)?;
    match &args.model {
        Some(path) if args.raw && !path.is_dir() => {
            bail!("--raw needs a run folder, whose checkpoints hold the raw weights; {} is a file", path.display())
        }
        None if args.raw => {
            bail!("--raw needs a run folder (--model); the model that ships with lzn has averages only")
        }
        None => Ok(Weights::from_bytes(SHIPPED, Path::new("(shipped model)"), device)?),
        Some(path) => Ok(Weights::open(path, args.raw, device)?),
    }
}

/// The sampler that the arguments describe.
pub(crate) fn sampler(args: &DrawArgs) -> Sampler {
    match args.sampler {
        SamplerName::Euler => Sampler::Euler { steps: args.steps },
        SamplerName::Heun => Sampler::Heun { steps: args.steps },
        SamplerName::Rk45 => {
            Sampler::Rk45 { rtol: args.tolerance, atol: args.tolerance, control: ErrorControl::PerSample }
        }
    }
}

/// Options of a task that draws.
pub(crate) fn drawing(args: &DrawArgs) -> TaskOptions {
    TaskOptions { seed: args.seed, batch_size: args.batch_size, sampler: sampler(args), ..TaskOptions::default() }
}

/// Options of a task that only looks.
pub(crate) fn looking() -> TaskOptions {
    TaskOptions { batch_size: 64, ..TaskOptions::default() }
}
