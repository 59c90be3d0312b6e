//! Tables of numbers as a data type: 64 columns, as an 8 x 8 picture has, beside class labels.
//!
//! Nothing here is known to LZN, and nothing in LZN was changed for it. `docs/extending.md` goes through the files in this order.

mod decoder;
mod encoder;
mod metric;
mod objective;
mod solver;
mod table;

use std::error::Error;

use lzn_encoders::LabelAnchors;
use lzn_eval::Metric;
use lzn_latent::ZoneFlow;
use lzn_tasks::config::{Decision, LossForm, RunConfig, TrainConfig, WarmUp};
use lzn_tasks::objective::{Align, Field, Reconstruct};
use lzn_tasks::run::StopFlag;
use lzn_tasks::task::{Source, Target, Task, TaskOptions, Zoning};
use lzn_tasks::train::{FeedFn, Recipe, Term, Trainer};
use lzn_tasks::types::label::{LabelDecoder, LabelEncoder, LabelFormat};
use lzn_tasks::types::{DataType, LatentSpace, Part, Samples};
use lzn_tasks::{LABEL, Lzn, TaskError};
use lzn_torch::ParamStore;
use tch::{Device, Tensor};

use crate::decoder::RowDecoder;
use crate::encoder::RowEncoder;
use crate::metric::Deviation;
use crate::objective::NearOrigin;
use crate::solver::Geometric;
use crate::table::{COLUMNS, RowFormat, Table};

/// The name of the type.
const ROW: &str = "row";
const SPACE: LatentSpace = LatentSpace { dim: 16, normalise: false };
const SEED: u64 = 1;
const BATCH: u64 = 100;
const STEPS: u64 = 300;

/// The model: rows with our own coders and solver, labels with those of LZN.
fn model(classes: &[String], seed: u64) -> Result<Lzn, TaskError> {
    let flow = ZoneFlow::new(Geometric { steps: 24 }).map_err(lzn_torch::TorchError::from)?;
    let store = |part| ParamStore::new(Device::Cpu, seed.wrapping_add(part));
    let rows = DataType::new(ROW, flow.clone())
        .with_encoder(RowEncoder::new(store(0), COLUMNS, SPACE.dim as i64))
        .with_decoder("mean", RowDecoder::new(store(1), COLUMNS, SPACE.dim as i64))
        .with_format(RowFormat);
    let table = Part::new(store(2), |scope| Ok::<_, TaskError>(LabelAnchors::new(scope, classes.len(), SPACE.dim)))?;
    let encoder = LabelEncoder(table);
    let decoder = LabelDecoder::new(&encoder, flow.clone(), SPACE, Decision::Zones);
    let labels = DataType::new(LABEL, flow)
        .with_encoder(encoder)
        .with_decoder("zones", decoder)
        .with_format(LabelFormat { names: classes.to_vec() });
    let mut model = Lzn::empty(SPACE, Device::Cpu);
    model.register(rows)?;
    model.register(labels)?;
    Ok(model)
}

/// What is minimised: three terms of LZN, one of ours.
fn objectives() -> Vec<Term> {
    let align = Align {
        from: ROW.to_owned(),
        to: LABEL.to_owned(),
        symmetric: false,
        noise_scale: 1.0,
        cut_off: 0.2,
        form: LossForm::Log,
        class_weights: true,
        observed: "accuracy/batch".to_owned(),
    };
    vec![
        Term::new(1.0, align),
        Term::new(1.0, Reconstruct { of: ROW.to_owned(), name: "reconstruct/row".to_owned() }),
        Term::new(1e-3, NearOrigin { of: ROW.to_owned() }),
    ]
}

/// The whole recipe: every other batch lacks the labels of its second half, and trains what it can.
fn recipe(table: Table) -> Result<Recipe, TaskError> {
    let train = TrainConfig {
        iterations: STEPS,
        batch_size: BATCH as usize,
        warm_up: WarmUp { start_factor: 1.0, iterations: 0 },
        checkpoint_every: STEPS,
        ..TrainConfig::default()
    };
    let config =
        RunConfig::custom(SEED, SPACE.dim, toml::Table::from_iter([("columns".to_owned(), COLUMNS.into())]), train);
    let model = model(&table.classes, SEED)?;
    let feed = FeedFn(move |step: u64| {
        let (rows, labels) = table.batch(SEED, step, BATCH);
        let labelled: Vec<i64> = (0..if step % 2 == 0 { BATCH } else { BATCH / 2 } as i64).collect();
        let some = labels.narrow(0, 0, labelled.len() as i64);
        Ok(vec![Field::new(ROW, rows), Field::new(LABEL, some).at(labelled)])
    });
    Ok(Recipe { config, model, objectives: objectives(), feed: Box::new(feed), images: None })
}

/// Share of equal labels.
fn accuracy(found: &Tensor, labels: &Tensor) -> f64 {
    found.eq_tensor(labels).to_kind(tch::Kind::Double).mean(None).double_value(&[])
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, test) = (Table::open(lzn_data::Split::Train)?, Table::open(lzn_data::Split::Test)?);
    let folder = tempfile::tempdir()?;
    let names = train.classes.clone();
    let mut trainer = Trainer::with(recipe(train)?, &folder.path().join("run"))?;
    trainer.run(&StopFlag::new())?;
    drop(trainer);

    // As any program would later: the same types, the parameters from the file.
    let model = model(&names, 0)?;
    model.load(&folder.path().join("run/weights.safetensors"))?;
    let (rows, labels) = test.first(1_000);
    let options = TaskOptions { zoning: Zoning::Batch, batch_size: 1_000, ..TaskOptions::default() };
    let found = model.run(&Task::from_to(ROW, LABEL), &[(&rows).into()], &options)?;
    let right = accuracy(found.rows()?, &labels);
    println!("row -> label: {:.1} % of 1,000 rows that were not trained on", 100.0 * right);

    let again = model.run(&Task::from_to(ROW, ROW), &[(&rows).into()], &options)?;
    let mean = rows.mean_dim(0, true, tch::Kind::Float).expand_as(&rows);
    let deviation = |other: &Tensor| -> Result<f64, Box<dyn Error>> {
        let mut metric = Deviation::default();
        metric.update((&rows, other))?;
        Ok(metric.finish()?)
    };
    let (ours, trivial) = (deviation(again.rows()?)?, deviation(&mean)?);
    println!("row -> row: mean deviation {ours:.3}, that of the mean row {trivial:.3}");

    let asked = Samples::from([0_i64, 1, 2].as_slice());
    let drawn = model.run(&Task::from_to(LABEL, ROW), &[asked.clone().into()], &options)?;
    println!("label -> row: {} rows of {COLUMNS} numbers", drawn.len());
    let mixed = Task::new(Source::Mixture(vec![(ROW.into(), 1.0), (LABEL.into(), 1.0)]), Target::data(LABEL));
    let kept = model.run(&mixed, &[rows.narrow(0, 0, 3).into(), asked.into()], &options)?;
    println!("row and label -> label: {kept:?}");

    // What CI looks at: the program learns, or it fails.
    assert!(right > 0.6, "guessing would be right one time in ten");
    assert!(ours < 0.8 * trivial, "rows come back better than by their mean");
    assert_eq!(drawn.len(), 3);
    Ok(())
}
