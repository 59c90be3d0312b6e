//! Names of parameters in published checkpoints.
//!
//! The published U-Nets number their blocks in one list, in the order in which they are made, which is the order of our parameters
//! too. So a name follows from the names before it.

/// Published names of the parameters of one part, given ours in registration order. The prefix of the file is not in them.
///
/// ```text
/// down.0.block0.norm0.weight   all_modules.3.GroupNorm_0.weight      spatial.0.bias      spatial_transformations.0.0.bias
/// middle.attention.query.bias  all_modules.8.NIN_0.b                 latent.0.1.weight   latent_transformations.0.2.weight
/// stem.norm.bias               net.0.1.0.bias                        anchors             anchor
/// ```
pub fn published_names(ours: &[String]) -> Vec<String> {
    let mut modules: Vec<String> = Vec::new();
    let mut published = |name: &String| {
        let parts: Vec<&str> = name.split('.').collect();
        if let Some(fixed) = without_numbering(&parts) {
            return fixed;
        }
        let (module, inside) = module(&parts);
        let number = modules.iter().position(|known| *known == module).unwrap_or_else(|| {
            modules.push(module);
            modules.len() - 1
        });
        format!("all_modules.{number}.{inside}")
    };
    ours.iter().map(&mut published).collect()
}

/// Names that say themselves where they belong: heads of the image encoder, label anchors, ResNet.
fn without_numbering(parts: &[&str]) -> Option<String> {
    // Of an activation there is nothing to learn, but it has a number: every second layer is one.
    let place = |text: &str, spacing: usize| text.parse::<usize>().ok().map(|i| spacing * i);
    Some(match *parts {
        ["anchors"] => "anchor".to_owned(),
        ["spatial", head, leaf] => format!("spatial_transformations.{head}.0.{leaf}"),
        ["latent", head, layer, leaf] => format!("latent_transformations.{head}.{}.{leaf}", place(layer, 2)?),
        ["stem", "conv", leaf] => format!("net.0.0.{leaf}"),
        ["stem", "norm", leaf] => format!("net.0.1.0.{leaf}"),
        ["stages", stage, block, unit, layer, leaf] => {
            format!("net.{}.blocks.{block}.{}.{leaf}", place(stage, 1)? + 1, bottleneck(unit, layer)?)
        }
        ["head", layer, "linear", leaf] => format!("head.layers.{}.{leaf}", place(layer, 3)?),
        ["head", layer, "norm", leaf] => format!("head.layers.{}.{leaf}", place(layer, 3)? + 1),
        _ => return None,
    })
}

fn bottleneck(unit: &str, layer: &str) -> Option<&'static str> {
    Some(match (unit, layer) {
        ("projection", "conv") => "projection.shortcut",
        ("projection", "norm") => "projection.bn.0",
        ("reduce", "conv") => "net.0",
        ("reduce", "norm") => "net.1.0",
        ("middle", "conv") => "net.2",
        ("middle", "norm") => "net.3.0",
        ("expand", "conv") => "net.4",
        ("expand", "norm") => "net.5.0",
        _ => return None,
    })
}

/// The numbered block of the U-Net that a parameter is in, and its name there.
fn module(parts: &[&str]) -> (String, String) {
    let (leaf, path) = parts.split_last().unwrap_or((&"", &[]));
    let (layer, outer) = path.split_last().unwrap_or((&"", &[]));
    let inside = outer.last().and_then(|unit| match *unit {
        "step" => residual(layer),
        unit if unit.starts_with("block") => residual(layer),
        unit if unit.starts_with("attention") => attention(layer),
        _ => None,
    });
    match inside {
        Some(inside) => (outer.join("."), format!("{inside}.{}", of_projection(inside, leaf))),
        None if *layer == "combine" => (path.join("."), format!("Conv_0.{leaf}")),
        None if *leaf == "frequencies" => (path.join("."), "W".to_owned()),
        None => (path.join("."), (*leaf).to_owned()),
    }
}

fn residual(layer: &str) -> Option<&'static str> {
    Some(match layer {
        "norm0" => "GroupNorm_0",
        "conv0" => "Conv_0",
        "embedding" => "Dense_0",
        "norm1" => "GroupNorm_1",
        "conv1" => "Conv_1",
        "shortcut" => "Conv_2",
        _ => return None,
    })
}

fn attention(layer: &str) -> Option<&'static str> {
    Some(match layer {
        "norm" => "GroupNorm_0",
        "query" => "NIN_0",
        "key" => "NIN_1",
        "value" => "NIN_2",
        "output" => "NIN_3",
        _ => return None,
    })
}

fn of_projection<'a>(layer: &str, leaf: &'a str) -> &'a str {
    match leaf {
        "weight" if layer.starts_with("NIN") => "W",
        "bias" if layer.starts_with("NIN") => "b",
        _ => leaf,
    }
}
