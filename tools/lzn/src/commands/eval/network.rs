//! The feature network that the arguments name.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lzn_features::{Distance, FeatureNet, Identity, metric_name};
use lzn_tasks::config::{FeatureNetKind, MetricsConfig};
use lzn_tasks::evaluate::pretrained_net;
use tch::Device;

use crate::cli::FeatureArgs;
use crate::say::note;

/// Puts the arguments in the place of what the configuration says.
pub(super) fn configure(args: &FeatureArgs, metrics: &mut MetricsConfig) -> Result<()> {
    let configured = metrics.feature_net;
    metrics.weights = args.weights.clone().or_else(|| metrics.weights.take());
    if let Some(name) = &args.feature_net {
        metrics.feature_net = match name.as_str() {
            "auto" => FeatureNetKind::Auto,
            "lenet" => FeatureNetKind::Lenet,
            "efficientnet-lite0" => FeatureNetKind::EfficientnetLite0,
            "inception" => FeatureNetKind::Inception,
            file if Path::new(file).is_file() => {
                metrics.weights = Some(file.into());
                FeatureNetKind::Torchscript
            }
            other => bail!(
                "--feature-net: `{other}` is neither a network (auto, lenet, efficientnet-lite0, inception) nor a TorchScript file"
            ),
        };
    }
    if args.protocol.is_some() {
        metrics.protocol = args.protocol.clone();
    } else if input(args).is_some() || metrics.feature_net != configured {
        // What is typed says what the network sees, and the configuration no more.
        metrics.protocol = None;
    }
    metrics.named_protocol().context("--protocol")?;
    check_use(args, metrics.feature_net)?;
    metrics.script.size = args.size.unwrap_or(metrics.script.size);
    metrics.script.mean = args.mean.unwrap_or(metrics.script.mean);
    metrics.script.std = args.std.unwrap_or(metrics.script.std);
    Ok(metrics.check()?)
}

/// The first option that says what a TorchScript file sees, if there is one.
fn input(args: &FeatureArgs) -> Option<&'static str> {
    let options = [("--size", args.size.is_some()), ("--mean", args.mean.is_some()), ("--std", args.std.is_some())];
    options.into_iter().find(|(_, typed)| *typed).map(|(option, _)| option)
}

/// Refuses options that the network does not look at: whoever types them believes in them.
fn check_use(args: &FeatureArgs, kind: FeatureNetKind) -> Result<()> {
    let name = match kind {
        FeatureNetKind::Auto => "auto (lenet, or efficientnet-lite0 with --weights)",
        FeatureNetKind::Lenet => "lenet",
        FeatureNetKind::EfficientnetLite0 => "efficientnet-lite0",
        FeatureNetKind::Inception => "inception",
        FeatureNetKind::Torchscript => "a TorchScript file",
    };
    let has_own = matches!(kind, FeatureNetKind::Lenet | FeatureNetKind::Torchscript) && args.feature_net.is_some();
    if args.weights.is_some() && has_own {
        bail!("--weights is for inception and efficientnet-lite0, but the network is {name}; leave it out");
    }
    match (kind, input(args), args.protocol.is_some()) {
        (FeatureNetKind::Torchscript, Some(option), true) => {
            bail!("--protocol and {option} both say what {name} sees; give one of them")
        }
        (FeatureNetKind::Torchscript, _, _) | (FeatureNetKind::Inception, None, _) | (_, None, false) => Ok(()),
        (_, Some(option), _) => {
            bail!("{option} is for a TorchScript file (--feature-net FILE.pt), but the network is {name}; leave it out")
        }
        (_, None, true) => bail!(
            "--protocol is for inception or a TorchScript file, but the network is {name}, which has one of its own; \
             leave it out, or choose another --feature-net"
        ),
    }
}

/// Loads the network for images that no model belongs to.
pub(super) fn load(args: &FeatureArgs, device: Device) -> Result<Box<dyn FeatureNet>> {
    let mut metrics = MetricsConfig::default();
    configure(args, &mut metrics)?;
    if metrics.feature_net == FeatureNetKind::Lenet {
        bail!("--feature-net lenet is trained on the labelled images of a model: use `lzn eval RUN`");
    }
    let net = pretrained_net(&metrics, device)?.context(
        "images are compared by the features of a network: give --feature-net inception or efficientnet-lite0 with --weights FILE, \
         or --feature-net FILE.pt; docs/evaluation.md says more",
    )?;
    warn_of_weights(&metrics, net.identity());
    Ok(net)
}

/// Says so where weights are none of those that were published: nobody else has such numbers.
pub(super) fn warn_of_weights(metrics: &MetricsConfig, identity: &Identity) {
    let published = metrics.feature_net != FeatureNetKind::Torchscript && !metrics.trains_lenet();
    let (true, None, Some(file)) = (published, &identity.weights, &metrics.weights) else { return };
    note(format_args!(
        "warning: weights {} have the SHA-256 {}, which is not that of any published weights known here: numbers are \
         called {}",
        file.display(),
        identity.weights_sha256,
        metric_name(Distance::Frechet, identity, 0)
    ));
}

/// What stands beside numbers of features that were given as such; only the user knows how these were made.
pub(super) fn given(args: &FeatureArgs, dimension: usize) -> Result<Identity> {
    let network = [("--feature-net", args.feature_net.is_some()), ("--weights", args.weights.is_some())];
    let network = network.into_iter().find(|(_, typed)| *typed).map(|(option, _)| option);
    if let Some(option) = network.or(input(args)) {
        bail!("{option} is for a network that looks at images, but no images are given; leave it out");
    }
    let metrics = MetricsConfig { protocol: args.protocol.clone(), ..MetricsConfig::default() };
    let protocol = metrics.named_protocol().context("--protocol")?;
    Ok(Identity {
        network: "given".to_owned(),
        weights_sha256: "unknown".to_owned(),
        weights: None,
        protocol: protocol.map_or_else(|| "given features".to_owned(), |protocol| protocol.name.to_string()),
        dimension,
        genuine_fid: false,
    })
}

/// The same where a network made the features of the other side alone: nobody can say that both are of one network.
pub(super) fn beside_given(identity: &Identity) -> Identity {
    Identity { network: format!("{}+given", identity.network), genuine_fid: false, ..identity.clone() }
}
