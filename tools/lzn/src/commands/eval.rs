//! `lzn eval`.

use anyhow::{Result, bail};
use lzn_eval::Metric;
use lzn_tasks::data::{check_classes, open_test};
use lzn_tasks::evaluate::{self, ClassifyOptions};

use crate::cli::{EvalArgs, ModelArgs};
use crate::say::say;
use crate::{images, model};

/// Measures the accuracy on the test images.
pub(crate) fn run(args: &EvalArgs) -> Result<()> {
    args.confusion.iter().try_for_each(|path| images::check_place(path))?;
    let which = ModelArgs { model: args.model.clone(), raw: args.raw, compute: args.compute.clone() };
    let weights = model::load(&which)?;
    let Some(test) = open_test(&weights.config.data)? else {
        bail!("the data set of this model has no test images: it needs a folder `test` beside `train`");
    };
    check_classes(&weights.class_names, test.as_ref())?;
    let config = &weights.config.evaluate;
    let options = ClassifyOptions {
        images: args.images.unwrap_or(usize::MAX),
        batch_size: config.batch_size,
        noise_scale: args.noise_scale.unwrap_or(config.noise_scale),
        seed: weights.config.seed,
    };
    let result = tch::no_grad(|| evaluate::classify(&weights.model, test.as_ref(), options))?.finish()?;
    let hit_rate = tch::no_grad(|| evaluate::zone_hit_rate(&weights.model, test.as_ref(), options))?;
    let count = options.images.min(test.len());
    if args.json {
        let object = serde_json::json!({
            "images": count, "accuracy": result.accuracy(), "per_class": result.per_class(),
            "noise_scale": options.noise_scale, "batch_size": options.batch_size, "zone_hit_rate": hit_rate,
        });
        say!("{object}")?;
    } else {
        say!(
            "test accuracy  {:.2} %  ({count} images, zoned {} at a time, noise scale {})",
            100.0 * result.accuracy(),
            options.batch_size,
            options.noise_scale
        )?;
        say!("zone hit rate  {:.2} %  (latents at noise scale 1 in the zones of their own images)", 100.0 * hit_rate)?;
        for (name, accuracy) in weights.class_names.iter().zip(result.per_class()) {
            if let Some(accuracy) = accuracy {
                say!("  {name:<14} {:.1} %", 100.0 * accuracy)?;
            }
        }
    }
    if let Some(path) = &args.confusion {
        images::write(path, &lzn_eval::plot::confusion(&result, Some(&weights.class_names))?.to_png()?)?;
        say!("{}", path.display())?;
    }
    Ok(())
}
