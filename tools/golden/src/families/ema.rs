//! `ema/`: the moving average of parameters that change in a given way.

use anyhow::{Result, ensure};
use lzn_tasks::train::Ema as Average;
use tch::Tensor;

use super::networks::{numbers, tensor};
use crate::{Case, Checks, Family, Line};

/// Averages of single-precision numbers: each update rounds once.
const VALUES: f64 = 1e-5;

/// The family of this file.
#[derive(Debug)]
pub(super) struct Ema;

impl Family for Ema {
    fn name(&self) -> &'static str {
        "ema"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let shapes: Vec<Vec<i64>> = case.get("shapes")?;
        let parameters: Vec<(String, Tensor)> = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| (i.to_string(), Tensor::zeros(shape, tch::kind::FLOAT_CPU)))
            .collect();
        let copies = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        set(&parameters, &tensor(case, "initial")?)?;
        let mut average = Average::new(copies, case.get("decay")?);
        if case.find("use_num_updates")? == Some(false) {
            average = average.without_warm_up();
        }

        let (given, expected) = (tensor(case, "parameters")?, tensor(case, "shadow")?);
        let mut checks = Checks::new("torch-f32");
        for update in 0..given.size()[0] {
            set(&parameters, &given.get(update))?;
            average.update();
            let flat: Vec<Tensor> = average.state().into_iter().map(|(_, shadow)| shadow.view(-1)).collect();
            let name = format!("shadow[{update}]");
            checks.compare(&name, &numbers(&Tensor::cat(&flat, 0))?, &numbers(&expected.get(update))?, VALUES);
        }
        Ok(vec![checks.line(self.name(), &case.name)])
    }
}

/// Cuts a flat list of numbers into the parameters, in their order.
fn set(parameters: &[(String, Tensor)], flat: &Tensor) -> Result<()> {
    let sizes: Vec<i64> = parameters.iter().map(|(_, tensor)| tensor.numel() as i64).collect();
    let (needed, got) = (sizes.iter().sum::<i64>(), flat.numel() as i64);
    ensure!(needed == got, "`shapes` hold {needed} numbers, the tensors {got}");
    for ((_, parameter), values) in parameters.iter().zip(flat.split_with_sizes(sizes, 0)) {
        parameter.shallow_clone().copy_(&values.view_as(parameter));
    }
    Ok(())
}
