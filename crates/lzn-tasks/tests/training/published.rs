//! Runs that leave in the published layout and come back.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use lzn_pickle::{Item, PtFile, Value};
use lzn_tasks::config::RunConfig;
use lzn_tasks::published::{ImportOptions, Imported, export, import};
use lzn_tasks::task::{Task, TaskOptions};
use lzn_tasks::{IMAGE, LABEL, TaskError, Weights};
use tch::Device;

use crate::support::{
    PARTS, classifier, data, finish, joint, plain, state_of, stop_at, unconditional, weights_of, with,
};

const OPTIONS: ImportOptions = ImportOptions { device: Device::Cpu, bank: 1000 };

/// A run that stopped after four of six steps, and what it exports.
fn exported(config: &RunConfig, folder: &Path) -> (PathBuf, PathBuf) {
    let (run, file) = (folder.join("run"), folder.join("run.pt"));
    drop(stop_at(config, &run, 4));
    assert_eq!(export(&run, &file).unwrap(), 4);
    (run, file)
}

#[test]
fn training_goes_on_from_an_imported_checkpoint_as_if_nothing_had_happened() {
    let folder = data();
    let fourier =
        ["model.decoder.embedding_type=fourier", "model.decoder.scale_by_sigma=true", "model.decoder.num_scales=20"];
    for (name, config) in [
        ("joint", joint(folder.path(), &[])),
        ("fourier", joint(folder.path(), &fourier)),
        ("frozen", joint(folder.path(), &["train.decoder.freeze_at=2"])),
        ("plain", plain(folder.path())),
        ("unconditional", unconditional(folder.path())),
        ("classifier", classifier(folder.path(), &[])),
    ] {
        let place = tempfile::tempdir().unwrap();
        let (run, file) = exported(&config, place.path());
        let imported = import(&file, &config, &place.path().join("imported"), &OPTIONS).unwrap();
        assert_eq!((imported.step, imported.notes), (4, vec![]), "{name}");
        let (original, again) = (finish(&config, &run), finish(&config, &place.path().join("imported")));
        for part in PARTS {
            if original.session().engine.parts.iter().any(|state| state.name == part) {
                let states = [&original, &again].map(|trainer| state_of(&trainer.session().engine, part.clone()));
                assert!(states[0] == states[1], "{part} of {name}");
            }
        }
        let counters = |trainer: &lzn_tasks::train::Trainer| {
            let parts = trainer.session().engine.parts.iter();
            parts.map(|state| (state.adam.updates(), state.ema.updates())).collect::<Vec<_>>()
        };
        assert_eq!(counters(&original), counters(&again), "{name}");
        assert!(weights_of(&run) == weights_of(&place.path().join("imported")), "{name}");
    }
}

/// Four images of each class.
fn draw(weights: &Weights) -> Vec<u8> {
    let sampler = lzn_flow::Sampler::Euler { steps: 3 };
    let options = TaskOptions { seed: 7, batch_size: 3, sampler, ..TaskOptions::default() };
    let labels = [0_i64, 0, 1, 1].as_slice().into();
    let images = weights.model.run(&Task::from_to(LABEL, IMAGE), &[labels], &options).unwrap();
    Vec::try_from(images.rows().unwrap().view(-1)).unwrap()
}

#[test]
fn without_the_images_of_its_training_a_checkpoint_draws_the_same_images() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let place = tempfile::tempdir().unwrap();
    let (run, file) = exported(&config, place.path());
    let imported = place.path().join("imported");
    let absent = with(&config, &["data.path=absent"]);
    let Imported { class_names, bank, notes, .. } = import(&file, &absent, &imported, &OPTIONS).unwrap();
    assert_eq!((class_names, bank), (vec!["0".to_owned(), "1".to_owned()], 0));
    assert!(notes.len() == 1 && notes[0].contains("absent"), "{notes:?}");
    for raw in [true, false] {
        let [theirs, ours] = [&run, &imported].map(|run| Weights::open(run, raw, Device::Cpu).unwrap());
        assert!(theirs.model.bank().is_some() && ours.model.bank().is_none());
        assert!(draw(&theirs) == draw(&ours), "raw: {raw}");
    }
    let [raw, averages] = [true, false].map(|raw| draw(&Weights::open(&imported, raw, Device::Cpu).unwrap()));
    assert!(raw != averages);
}

#[test]
fn newer_checkpoints_of_an_imported_run_count_before_what_was_imported() {
    let folder = data();
    let config = joint(folder.path(), &["train.iterations=8"]);
    let place = tempfile::tempdir().unwrap();
    let (_, file) = exported(&config, place.path());
    let imported = place.path().join("imported");
    import(&file, &config, &imported, &OPTIONS).unwrap();
    let before = draw(&Weights::open(&imported, false, Device::Cpu).unwrap());
    drop(stop_at(&config, &imported, 6));
    assert!(before != draw(&Weights::open(&imported, false, Device::Cpu).unwrap()));
    let error = import(&file, &config, &imported, &OPTIONS).unwrap_err();
    assert!(matches!(error, TaskError::AlreadyTrained { .. }), "{error}");
}

/// A value of a file as one that can be written; `tensors` are filled on the way.
fn item(file: &PtFile, value: Value<'_>, tensors: &mut Vec<Vec<u8>>) -> Item {
    if let Some(tensor) = value.tensor() {
        tensors.push(file.bytes(tensor).unwrap());
        return Item::Tensor { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), index: tensors.len() - 1 };
    }
    if let Some(entries) = value.entries() {
        return Item::Dict(entries.map(|(k, v)| (item(file, k, tensors), item(file, v, tensors))).collect());
    }
    if let Some(items) = value.items() {
        return Item::List(items.map(|value| item(file, value, tensors)).collect());
    }
    let number = || value.int().map(Item::Int).or(value.float().map(Item::Float));
    let word = || value.bool().map(Item::Bool).or(value.text().map(Item::text));
    number().or_else(word).unwrap_or(Item::None)
}

/// A copy of a file with its whole changed.
fn edited(file: &Path, edit: impl Fn(&mut Vec<(Item, Item)>)) -> PathBuf {
    let source = PtFile::open(file).unwrap();
    let mut tensors = Vec::new();
    let Item::Dict(mut whole) = item(&source, source.root(), &mut tensors) else { panic!("no dict") };
    edit(&mut whole);
    let path = file.with_file_name("edited.pt");
    lzn_pickle::write(fs::File::create(&path).unwrap(), "x", &Item::Dict(whole), |index| Ok(tensors[index].clone()))
        .unwrap();
    path
}

/// The entries of the dict at a path of keys.
fn entries<'a>(whole: &'a mut Vec<(Item, Item)>, path: &[&str]) -> &'a mut Vec<(Item, Item)> {
    path.iter().fold(whole, |entries, key| match value(entries, key) {
        Item::Dict(entries) => entries,
        other => panic!("{key}: {other:?}"),
    })
}

fn value<'a>(entries: &'a mut [(Item, Item)], key: &str) -> &'a mut Item {
    &mut entries.iter_mut().find(|(name, _)| *name == Item::text(key)).unwrap().1
}

#[test]
fn everything_missing_extra_and_misshapen_is_named_and_nothing_is_written() {
    let folder = data();
    let config = joint(folder.path(), &["model.decoder.num_scales=20"]);
    let place = tempfile::tempdir().unwrap();
    let (_, file) = exported(&config, place.path());
    let weight = "model.module.all_modules.0.weight";
    let bad = edited(&file, |whole| {
        entries(whole, &["encoder"]).retain(|(name, _)| *name != Item::text(weight));
        entries(whole, &["decoder"]).push((Item::text("model.module.spare"), Item::Int(3)));
        let (rows, columns) = match value(entries(whole, &["label_anchor"]), "model.module.anchor") {
            Item::Tensor { shape, .. } => {
                shape.reverse();
                (shape[1], shape[0])
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((rows, columns), (2, 6));
        match value(entries(whole, &["decoder_ema"]), "shadow_params") {
            Item::List(list) => drop(list.pop()),
            other => panic!("{other:?}"),
        }
        *value(entries(whole, &["encoder_ema"]), "num_updates") = Item::None;
        whole.retain(|(name, _)| *name != Item::text("iteration") && *name != Item::text("label_anchor_ema"));
        whole.push((Item::text("extra"), Item::None));
        let Item::Dict(states) = value(entries(whole, &["optimizer"]), "state") else { panic!("no state") };
        states.push((Item::Int(9999), Item::Dict(vec![])));
        match &mut states[0].1 {
            Item::Dict(state) => *value(state, "step") = Item::Int(3),
            other => panic!("{other:?}"),
        }
    });
    let target = place.path().join("imported");
    let message = import(&bad, &config, &target, &OPTIONS).unwrap_err().to_string();
    for words in [
        "edited.pt",
        "`encoder.model.module.all_modules.0.weight` is missing",
        "`decoder.model.module.spare` is not in the network",
        "`label_anchor.model.module.anchor` has shape [6, 2], the configuration needs [2, 6]",
        "`decoder_ema.shadow_params` has",
        "`encoder_ema.num_updates` is missing",
        "`label_anchor_ema` is missing",
        "`iteration` is missing",
        "`extra` is no part",
        "`optimizer.state.9999` belongs to no parameter",
        "has parameters of 3 steps and of 4",
    ] {
        assert!(message.contains(words), "`{words}` in: {message}");
    }
    assert!(!target.exists());
}

#[test]
fn a_checkpoint_of_another_model_is_refused_by_its_parts_and_noise_levels() {
    let folder = data();
    let config = joint(folder.path(), &["model.decoder.num_scales=20"]);
    let place = tempfile::tempdir().unwrap();
    let (_, file) = exported(&config, place.path());
    let refusal = |config: &RunConfig| {
        let target = place.path().join("imported");
        let message = import(&file, config, &target, &OPTIONS).unwrap_err().to_string();
        assert!(!target.exists());
        message
    };
    let message = refusal(&unconditional(folder.path()));
    assert!(message.contains("`label_anchor` is there, and the configuration has no [model.labels]"), "{message}");
    let message = refusal(&with(&config, &["model.decoder.sigma_max=77.0"]));
    assert!(message.contains("`decoder.model.module.sigmas` goes from 50.0000 to"), "{message}");
    let message = refusal(&with(&config, &["model.latent_dim=7"]));
    assert!(
        message.contains("latent_transformations.0.2.bias` has shape [6], the configuration needs [7]"),
        "{message}"
    );
}

#[test]
fn another_course_of_training_is_noted() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let place = tempfile::tempdir().unwrap();
    let (_, file) = exported(&config, place.path());
    let bad = edited(&file, |whole| {
        let Item::List(groups) = value(entries(whole, &["optimizer"]), "param_groups") else { panic!("no groups") };
        match &mut groups[0] {
            Item::Dict(group) => *value(group, "weight_decay") = Item::Float(0.1),
            other => panic!("{other:?}"),
        }
    });
    let other = with(&config, &["train.encoder.learning_rate=0.5", "train.labels.ema_decay=0.5"]);
    let notes = import(&bad, &other, &place.path().join("imported"), &OPTIONS).unwrap().notes;
    let all = notes.join("\n");
    assert_eq!(notes.len(), 3, "{all}");
    for words in ["(of encoder).weight_decay` is 0.1", "train.encoder.learning_rate", "train.labels.ema_decay"] {
        assert!(all.contains(words), "{all}");
    }
}

#[test]
fn a_run_with_patches_is_not_written_in_a_layout_that_has_none() {
    let folder = data();
    let config = joint(folder.path(), &["model.decoder.patch_size=2"]);
    let place = tempfile::tempdir().unwrap();
    drop(stop_at(&config, &place.path().join("run"), 2));
    let message = export(&place.path().join("run"), &place.path().join("x.pt")).unwrap_err().to_string();
    assert!(message.contains("`model.decoder.patch_size` is 2"), "{message}");
    assert!(!place.path().join("x.pt").exists());
}

/// Moments by position are those by name: each number leads to tensors of its parameter's shape.
#[test]
fn an_exported_optimizer_numbers_parameters_as_its_groups_do() {
    let folder = data();
    let config = joint(folder.path(), &["model.decoder.embedding_type=fourier"]);
    let place = tempfile::tempdir().unwrap();
    let (_, path) = exported(&config, place.path());
    let file = PtFile::open(&path).unwrap();
    let root = file.root();
    let optimizer = root.get("optimizer").unwrap();
    let state: HashMap<i64, Value<'_>> =
        optimizer.get("state").unwrap().entries().unwrap().map(|(k, v)| (k.int().unwrap(), v)).collect();
    let groups = optimizer.get("param_groups").unwrap().items().unwrap();
    let mut next = 0;
    for (part, group) in ["encoder", "decoder", "label_anchor"].into_iter().zip(groups) {
        let parameters = root.get(part).unwrap().entries().unwrap();
        let parameters: Vec<_> = parameters.filter(|(name, _)| name.text() != Some("model.module.sigmas")).collect();
        let numbers: Vec<i64> = group.get("params").unwrap().items().unwrap().map(|n| n.int().unwrap()).collect();
        assert_eq!(numbers, (next..next + parameters.len() as i64).collect::<Vec<_>>());
        next += parameters.len() as i64;
        for ((name, tensor), number) in parameters.into_iter().zip(numbers) {
            let name = name.text().unwrap();
            let moment = state.get(&number).map(|state| state.get("exp_avg").unwrap().tensor().unwrap().shape());
            assert_eq!(moment.is_none(), name.ends_with(".W") && name.contains("all_modules.0."), "{name}");
            assert!(moment.is_none_or(|shape| shape == tensor.tensor().unwrap().shape()), "{name}");
        }
    }
}
