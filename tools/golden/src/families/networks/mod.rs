//! Networks as cases describe them: options from the `config` object, parameters from the formula of the reference.

mod formula;
pub(super) mod options;

use anyhow::{Context, Result, ensure};
use lzn_encoders::ImageEncoder;
use lzn_flow::{VelocityNet, VelocityNetInput};
use lzn_tasks::published::published_names;
use lzn_torch::ParamStore;
use serde::Deserialize;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use self::formula::Formula;
use crate::Case;

/// A velocity decoder and its parameters.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The network.
    pub(super) net: VelocityNet,
    /// Its parameters.
    pub(super) params: ParamStore,
}

/// An image encoder and its parameters.
#[derive(Debug)]
pub(super) struct Encoder {
    /// The network.
    pub(super) net: ImageEncoder,
    /// Its parameters.
    pub(super) params: ParamStore,
}

/// Name and shape of a parameter of the reference.
#[derive(Debug, Deserialize)]
struct Listed(String, Vec<i64>);

/// The decoder of a case, every parameter times `scale`.
pub(super) fn decoder(case: &Case, scale: f64) -> Result<Decoder> {
    let options = options::read(case)?;
    let params = ParamStore::new(Device::Cpu, 0);
    let input = VelocityNetInput {
        image: options.image,
        latent_dim: case.get("latent_dim")?,
        classes: case.get("num_classes")?,
    };
    let net = VelocityNet::new(&params.root(), &options.decoder, input)?;
    fill(case, &params, case.get("decoder_parameter_order")?, scale).context("decoder_parameter_order")?;
    Ok(Decoder { net, params })
}

/// The encoder of a case.
pub(super) fn encoder(case: &Case) -> Result<Encoder> {
    let options = options::read(case)?;
    let params = ParamStore::new(Device::Cpu, 0);
    let net = ImageEncoder::new(&params.root(), &options.encoder, options.image, case.get("latent_dim")?)?;
    fill(case, &params, case.get("encoder_parameter_order")?, 1.0).context("encoder_parameter_order")?;
    Ok(Encoder { net, params })
}

/// Our parameters stand in the order of the reference's, so position and shape match them.
pub(super) fn fill(case: &Case, params: &ParamStore, order: Value, scale: f64) -> Result<()> {
    let order: Vec<Listed> = serde_json::from_value(order)?;
    let formula = Formula::of(case)?;
    let ours = params.named();
    ensure!(ours.len() == order.len(), "the reference lists {} parameters, ours are {}", order.len(), ours.len());
    let published = published_names(&params.names());
    for (index, ((name, tensor), Listed(listed, shape))) in ours.iter().zip(&order).enumerate() {
        ensure!(
            published[index] == *listed,
            "parameter {index}: `{listed}` there, `{}` by our names",
            published[index]
        );
        ensure!(
            tensor.size() == *shape,
            "parameter {index}: the reference's `{listed}` has shape {shape:?}, our `{name}` {:?}",
            tensor.size()
        );
        let values: Vec<f32> = formula.values(index, listed, shape).iter().map(|x| (x * scale) as f32).collect();
        tch::no_grad(|| tensor.shallow_clone().copy_(&Tensor::from_slice(&values).view(shape.as_slice())));
    }
    Ok(())
}

/// The reference's names in such a list.
pub(super) fn listed_names(order: Value) -> Result<Vec<String>> {
    let order: Vec<Listed> = serde_json::from_value(order)?;
    Ok(order.into_iter().map(|Listed(name, _)| name).collect())
}

/// A tensor of a case in single precision.
pub(super) fn tensor(case: &Case, name: &str) -> Result<Tensor> {
    let array = case.array(name)?;
    let shape: Vec<i64> = array.shape().iter().map(|n| *n as i64).collect();
    let values: Vec<f64> = array.iter().copied().collect();
    Ok(Tensor::from_slice(&values).to_kind(Kind::Float).view(shape.as_slice()))
}

/// As [`tensor`], for one that not every case has.
pub(super) fn optional(case: &Case, name: &str) -> Result<Option<Tensor>> {
    case.has(name).then(|| tensor(case, name)).transpose()
}

/// All numbers of a tensor.
pub(super) fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::try_from(tensor.detach().to_kind(Kind::Double).contiguous().view(-1))?)
}
