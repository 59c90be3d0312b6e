//! Batches come in order, whole and the same, whatever the threads do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lzn_data::{
    ArrayDataset, Augment, AugmentConfig, Batch, BatchOptions, BatchPlan, Batches, DataError, Dataset, ImageShape,
    Padding, Sample,
};
use ndarray::{Array3, Array4, Axis};
use proptest::prelude::*;

const AUGMENT: AugmentConfig = AugmentConfig { flip: true, shift: 2, padding: Padding::Edge, ..AugmentConfig::NONE };

/// `len` different labelled images.
fn data(len: usize) -> Arc<ArrayDataset> {
    let images = Array4::from_shape_fn((len, 1, 4, 5), |(n, _, y, x)| (n * 31 + y * 7 + x * x) as u8);
    let labels = (0..len).map(|n| (n % 3) as i64).collect();
    Arc::new(ArrayDataset::labelled(images, labels, ["a", "b", "c"].map(String::from).to_vec()).expect("valid"))
}

fn options(data: &dyn Dataset, seed: u64, workers: usize, ahead: usize) -> BatchOptions {
    let augment = Augment::new(AUGMENT, seed, data.image_shape()).expect("valid");
    BatchOptions { augment: Some(augment), second_view: false, workers, ahead }
}

fn training(data: Arc<dyn Dataset>, size: usize, workers: usize, ahead: usize, first_step: u64) -> Batches {
    let plan = BatchPlan::training(data.len(), size, 9).expect("valid");
    let options = options(data.as_ref(), 9, workers, ahead);
    Batches::new(data, plan, options, first_step).expect("started")
}

fn all(batches: impl Iterator<Item = Result<Batch, DataError>>) -> Vec<Batch> {
    batches.collect::<Result<_, _>>().expect("every batch readable")
}

/// What a data set does when it is read.
struct Faulty {
    on_read: fn(usize) -> Result<Sample, DataError>,
    names: Vec<String>,
    reads: AtomicUsize,
}

impl Faulty {
    fn new(on_read: fn(usize) -> Result<Sample, DataError>) -> Arc<Self> {
        Arc::new(Self { on_read, names: vec!["only".to_owned()], reads: AtomicUsize::new(0) })
    }
}

impl Dataset for Faulty {
    fn len(&self) -> usize {
        40
    }

    fn image_shape(&self) -> ImageShape {
        ImageShape { channels: 1, height: 2, width: 2 }
    }

    fn class_names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        (self.on_read)(index)
    }
}

fn good() -> Sample {
    Sample::new(Array3::zeros((1, 2, 2)), Some(0))
}

/// In-order batches of four samples: sample 13 is in step 3.
fn evaluate(data: Arc<Faulty>, workers: usize) -> Vec<Result<Batch, DataError>> {
    let plan = BatchPlan::evaluation(40, 4).expect("valid");
    Batches::new(data, plan, BatchOptions { workers, ahead: 3, ..BatchOptions::default() }, 0)
        .expect("started")
        .collect()
}

/// Asserts that the batch of step 3 alone fails, with this message, and that all others come.
fn only_step_3_fails(on_read: fn(usize) -> Result<Sample, DataError>, message: &str) {
    for workers in [0, 1, 3] {
        let outcomes = evaluate(Faulty::new(on_read), workers);
        assert_eq!(outcomes.len(), 10);
        for (step, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(batch) => assert!(step != 3 && batch.step == step as u64, "step {step}, {workers} workers"),
                Err(error) => assert_eq!((step, error.to_string().as_str()), (3, message), "{workers} workers"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn batches_do_not_depend_on_workers_or_the_start(
        len in 4_usize..40, size in 1_usize..9, workers in 1_usize..5, ahead in 0_usize..6, first_step in 0_u64..30,
    ) {
        prop_assume!(size <= len);
        let here = all(training(data(len), size, 0, 0, 0).skip(first_step as usize).take(12));
        let threads = all(training(data(len), size, workers, ahead, first_step).take(12));
        prop_assert_eq!(here, threads);
    }

    #[test]
    fn a_sample_is_augmented_alike_in_batches_of_any_size(len in 8_usize..40, one in 1_usize..8, two in 1_usize..8) {
        let mut seen = std::collections::HashMap::new();
        for size in [one, two] {
            let steps = (len / size) as u64;
            for batch in all(training(data(len), size, 0, 0, steps).take(steps as usize)) {
                prop_assert_eq!(batch.epoch, 1);
                for (index, image) in batch.indices.iter().zip(batch.images.axis_iter(Axis(0))) {
                    let first = seen.entry(*index).or_insert_with(|| image.to_owned());
                    prop_assert_eq!(&*first, &image);
                }
            }
        }
    }
}

#[test]
fn a_batch_holds_the_samples_of_its_indices() {
    let data = data(25);
    let plan = BatchPlan::evaluation(25, 10).expect("valid");
    let batches = all(Batches::new(data.clone(), plan, BatchOptions::default(), 0).expect("started"));
    assert_eq!(batches.iter().map(|batch| batch.labels.len()).collect::<Vec<_>>(), [10, 10, 5]);
    for (step, batch) in batches.iter().enumerate() {
        assert_eq!((batch.step, batch.epoch, batch.indices[0]), (step as u64, 0, 10 * step));
        for (position, &index) in batch.indices.iter().enumerate() {
            let sample = data.read(index).expect("in range");
            assert_eq!(batch.images.index_axis(Axis(0), position), sample.image);
            assert_eq!(batch.labels[position], sample.label);
        }
    }
}

#[test]
fn a_second_view_holds_the_same_samples_changed_on_their_own_and_leaves_the_first_as_it_was() {
    let data = data(30);
    let plan = BatchPlan::training(30, 8, 9).expect("valid");
    let read = |second_view, workers| {
        let options = BatchOptions { second_view, ..options(data.as_ref(), 9, workers, 3) };
        all(Batches::new(data.clone(), plan, options, 0).expect("started").take(9))
    };
    let (one, two) = (read(false, 0), read(true, 0));
    assert_eq!(two, read(true, 2));
    let augment = Augment::new(AUGMENT, 9, data.image_shape()).expect("valid");
    for (one, mut two) in one.into_iter().zip(two) {
        let second = two.second_view.take().expect("asked for");
        assert_eq!(one, two);
        assert_ne!(second, two.images);
        for (image, &index) in second.axis_iter(Axis(0)).zip(&two.indices) {
            let sample = data.read(index).expect("in range");
            assert_eq!(image, augment.view(sample.image.view(), two.epoch, index, 1).expect("of the shape"));
        }
    }
}

#[test]
fn data_without_labels_gives_batches_without_labels() {
    let data = Arc::new(ArrayDataset::unlabelled(Array4::zeros((6, 1, 4, 4))).expect("valid"));
    let plan = BatchPlan::evaluation(6, 4).expect("valid");
    let batches = all(Batches::new(data, plan, BatchOptions::default(), 0).expect("started"));
    assert!(batches.iter().all(|batch| batch.labels.iter().all(Option::is_none) && !batch.images.is_empty()));
}

#[test]
fn batches_come_in_order_when_later_ones_are_ready_first() {
    let slow_in_even_batches = |index: usize| {
        thread::sleep(Duration::from_millis(if index % 8 < 4 { 4 } else { 0 }));
        Ok(good())
    };
    let steps = all(evaluate(Faulty::new(slow_in_even_batches), 3).into_iter())
        .iter()
        .map(|batch| batch.step)
        .collect::<Vec<_>>();
    assert_eq!(steps, (0..10).collect::<Vec<_>>());
}

#[test]
fn an_error_arrives_at_the_step_of_its_sample_and_the_other_batches_still_come() {
    only_step_3_fails(
        |index| if index == 13 { Err(DataError::IndexOutOfRange { index, len: 13 }) } else { Ok(good()) },
        "sample 13 was asked for, but the data set has 13 (the first is 0)",
    );
}

#[test]
fn a_panic_of_the_data_set_becomes_an_error_of_its_step() {
    only_step_3_fails(
        |index| if index == 13 { panic!("sample {index} is cursed") } else { Ok(good()) },
        "reading the batch of step 3 panicked: sample 13 is cursed; this is a fault of the data set's code",
    );
}

#[test]
fn an_image_of_undeclared_shape_is_refused() {
    only_step_3_fails(
        |index| match index {
            13 => Ok(Sample::new(Array3::zeros((3, 2, 2)), Some(0))),
            _ => Ok(good()),
        },
        "sample 13 has shape [3, 2, 2], but its data set declares [1, 2, 2]; correct the data set's `image_shape`",
    );
}

#[test]
fn a_sample_without_label_among_labelled_ones_is_refused() {
    only_step_3_fails(
        |index| Ok(if index == 13 { Sample { label: None, ..good() } } else { good() }),
        "sample 13 has no label, but its data set has classes; label all samples, none, or let `partly_labelled` say so",
    );
}

#[test]
fn a_plan_for_another_length_is_refused() {
    let plan = BatchPlan::training(12, 4, 0).expect("valid");
    let error = Batches::new(data(10), plan, BatchOptions::default(), 0).expect_err("12 is not 10");
    assert_eq!(
        error.to_string(),
        "the batch plan is for 12 images, but the data set has 10; make the plan from the data set's length"
    );
}

#[test]
fn reading_ahead_is_bounded() {
    let data = Faulty::new(|_| Ok(good()));
    let plan = BatchPlan::training(40, 4, 0).expect("valid");
    let options = BatchOptions { workers: 2, ahead: 3, ..BatchOptions::default() };
    let mut batches = Batches::new(data.clone(), plan, options, 0).expect("started");
    assert!(batches.next().expect("endless").is_ok());
    // Time enough to read far more than the bound, if there were none.
    thread::sleep(Duration::from_millis(50));
    assert!(data.reads.load(Ordering::SeqCst) <= 3 * 4);
}

#[test]
fn dropping_stops_and_joins_the_threads_without_reading_what_is_queued() {
    let data = Faulty::new(|_| {
        thread::sleep(Duration::from_millis(5));
        Ok(good())
    });
    let plan = BatchPlan::training(40, 4, 0).expect("valid");
    let options = BatchOptions { workers: 2, ahead: 1000, ..BatchOptions::default() };
    let mut batches = Batches::new(data.clone(), plan, options, 0).expect("started");
    assert!(batches.next().expect("endless").is_ok());
    let start = Instant::now();
    drop(batches);
    // A thousand queued batches would take ten seconds.
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(Arc::strong_count(&data), 1, "a thread still holds the data set");
}
