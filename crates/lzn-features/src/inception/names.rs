//! From the names of TensorFlow's graph, which StyleGAN's file has, to those of the weights for torch.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::layout;

/// A tensor that only files with the graph's names have; letters between names differ from file to file.
const SIGN: &str = "layers_conv_weight";

/// Renames tensors if they have the names of the graph, and gives their normalisations the scale 1, which the graph has
/// no tensor for. What has another name keeps it, and is then found to be left over.
pub(super) fn translate(tensors: HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    if !tensors.keys().any(|name| flat(name) == SIGN) {
        return tensors;
    }
    let mut known: HashMap<String, String> =
        [("output_weight", "fc.weight"), ("output_bias", "fc.bias")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    for (name, graph_name) in layout::names() {
        let leaves = [
            ("weight", "conv.weight"),
            ("beta", "bn.bias"),
            ("gamma", "bn.weight"),
            ("mean", "bn.running_mean"),
            ("var", "bn.running_var"),
        ];
        for (from, to) in leaves {
            known.insert(format!("layers_{}_{from}", flat(&graph_name)), format!("{name}.{to}"));
        }
    }
    let mut renamed: HashMap<String, Tensor> = HashMap::new();
    for (name, tensor) in tensors {
        let name = known.get(&flat(&name)).cloned().unwrap_or(name);
        if let Some(unit) = name.strip_suffix(".bn.bias") {
            let ones = Tensor::ones(tensor.size(), (Kind::Float, Device::Cpu));
            renamed.entry(format!("{unit}.bn.weight")).or_insert(ones);
        }
        renamed.insert(name, tensor);
    }
    renamed
}

/// A name with one kind of separator.
fn flat(name: &str) -> String {
    name.replace(['.', '/'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_found_under_the_names_of_the_graph() {
        // Of InceptionE, StyleGAN's module joins names with underscores; of the others with dots.
        let spell = |graph_name: &str| {
            let deep = graph_name.starts_with("mixed_9/") || graph_name.starts_with("mixed_10/");
            let (block, rest) = graph_name.split_once('/').unwrap_or((graph_name, ""));
            let rest = rest.replace('/', if deep { "_" } else { "." });
            if rest.is_empty() { format!("layers.{block}") } else { format!("layers.{block}.{rest}") }
        };
        let mut tensors = HashMap::new();
        for (number, (_, graph_name)) in layout::names().into_iter().enumerate() {
            for leaf in ["weight", "beta", "mean", "var"] {
                tensors.insert(format!("{}.{leaf}", spell(&graph_name)), Tensor::from(number as f32));
            }
        }
        tensors.insert("output.weight".to_owned(), Tensor::from(-1f32));
        tensors.insert("output.bias".to_owned(), Tensor::from(-2f32));
        let renamed = translate(tensors);
        assert_eq!(renamed.len(), 94 * 5 + 2);
        for (number, (name, _)) in layout::names().into_iter().enumerate() {
            for (leaf, value) in
                [("conv.weight", number), ("bn.bias", number), ("bn.running_var", number), ("bn.weight", 1)]
            {
                assert_eq!(renamed[&format!("{name}.{leaf}")], Tensor::from(value as f32), "{name}.{leaf}");
            }
        }
        assert_eq!(renamed["fc.bias"], Tensor::from(-2f32));
    }
}
