//! What must hold of latents, whatever the weights of the networks.

use lzn_tasks::model::Banks;
use lzn_tasks::task::{Source, Target, Task, TaskOptions};
use lzn_tasks::types::{Pass, Samples};
use lzn_tasks::{LABEL, Lzn};
use lzn_torch::zones::{self, Zones};
use tch::{Kind, Tensor};

use crate::support::{DIM, WORD, WORDS, labels, model, normal, options, texts};

fn run(model: &Lzn, source: Source, target: Target, inputs: &[lzn_tasks::task::Input]) -> Samples {
    model.run(&Task::new(source, target), inputs, &options(100)).unwrap()
}

fn latents(model: &Lzn, source: Source, inputs: &[lzn_tasks::task::Input]) -> Tensor {
    run(model, source, Target::Latent, inputs).rows().unwrap().shallow_clone()
}

fn share(right: &Tensor) -> f64 {
    right.to_kind(Kind::Double).mean(None).double_value(&[])
}

#[test]
fn a_latent_from_the_zone_of_a_label_is_classified_as_it_at_the_hit_rate_of_the_solver() {
    let model = model();
    let wanted: Vec<i64> = (0..400).map(|i| i % 2).collect();
    let drawn = latents(&model, Source::data(LABEL), &[labels(&wanted)]);
    let owners = Tensor::from_slice(&wanted);
    let placed = model.place(LABEL, &Samples::from(wanted.as_slice()), Pass::USE).unwrap();
    let hits = zones::hit_rate(&drawn, &Zones { anchors: &placed.anchors, weights: None }, &owners).unwrap();
    let decided = run(&model, Source::Latent, Target::data(LABEL), &[drawn.into()]);
    let right = share(&decided.rows().unwrap().eq_tensor(&owners));
    assert!(hits > 0.97 && (right - hits).abs() < 0.01, "{right} classified as drawn, {hits} in their zones");
}

#[test]
fn a_frequent_label_has_as_much_of_the_prior_as_of_the_training_data() {
    let mut model = model();
    let shares = [0.9f32, 0.1];
    model.set_banks(Banks { labels: Some(Tensor::from_slice(&shares)), ..model.banks() });
    let decided = run(&model, Source::Prior, Target::data(LABEL), &[4_000.into()]);
    let rare = share(decided.rows().unwrap());
    // Four standard deviations of 4,000 draws, and what the solver misses.
    assert!((rare - 0.1).abs() < 0.02 + 0.01, "{rare}");
    let wanted: Vec<i64> = (0..400).map(|i| i % 2).collect();
    let drawn = latents(&model, Source::data(LABEL), &[labels(&wanted)]);
    let back = run(&model, Source::Latent, Target::data(LABEL), &[drawn.into()]);
    let right = share(&back.rows().unwrap().eq_tensor(&Tensor::from_slice(&wanted)));
    assert!(right > 0.97, "{right}");
}

#[test]
fn a_text_is_found_again_from_all_over_its_zone() {
    let model = model();
    let asked: Vec<&str> = (0..200).map(|i| WORDS[i % WORDS.len()]).collect();
    let options = TaskOptions { noise_scale: 1.0, ..options(100) };
    let found = model.run(&Task::from_to(WORD, WORD), &[texts(&asked)], &options).unwrap();
    let right = found.texts().unwrap().iter().zip(&asked).filter(|(found, asked)| found == *asked).count();
    assert!(right >= 194, "{right} of 200");
}

#[test]
fn a_way_begins_and_ends_where_its_sources_are() {
    let model = model();
    let word = |word: &str| [texts(&[word])];
    let source = || Source::between(Source::data(WORD), Source::Latent, 5);
    let end = normal("end", &[1, DIM]);
    let way = latents(&model, source(), &[texts(&["red"]), (&end).into()]);
    assert_eq!(way.size(), [5, DIM]);
    assert_eq!(way.get(0), latents(&model, Source::data(WORD), &word("red")).get(0));
    assert_eq!(way.get(4), end.get(0));
    let words = run(&model, source(), Target::data(WORD), &[texts(&["red"]), (&end).into()]);
    assert_eq!(words.narrow(0, 1), Samples::from(["red"].as_slice()));
}

#[test]
fn a_mixture_lies_in_all_of_its_zones_where_they_meet() {
    let model = model();
    let both = Source::Mixture(vec![(LABEL.to_owned(), 1.0), (WORD.to_owned(), 1.0)]);
    // Zones that do not meet at all are those without a draw of the prior in both.
    let prior = latents(&model, Source::Prior, &[4_000.into()]);
    let decided = |target| run(&model, Source::Latent, Target::data(target), &[(&prior).into()]);
    let (of_label, of_word) = (decided(LABEL), decided(WORD));
    let of_label = Vec::<i64>::try_from(of_label.rows().unwrap()).unwrap();
    let mut met = 0;
    for label in [0, 1] {
        for word in WORDS {
            let together = |(l, w): (&i64, &String)| *l == label && w == word;
            let common = of_label.iter().zip(of_word.texts().unwrap()).filter(|pair| together(*pair)).count();
            if common < 200 {
                continue;
            }
            met += 1;
            let inputs = [labels(&[label; 10]), texts(&[word; 10])];
            let made = |target| run(&model, both.clone(), Target::data(target), &inputs);
            assert_eq!(made(LABEL), Samples::from([label; 10].as_slice()), "label {label} and {word}");
            assert_eq!(made(WORD), Samples::from([word; 10].as_slice()), "label {label} and {word}");
            let all = latents(&model, both.clone(), &inputs);
            assert!(share(&all.get(0).ne_tensor(&all.get(1))) > 0.0, "every result has draws of its own");
        }
    }
    assert!(met > 2, "{met}");
}

#[test]
fn zones_that_never_meet_are_left_for_the_neighbourhood_of_each_other() {
    let model = model();
    let source = |weights: [f64; 2]| Source::Mixture(weights.map(|weight| (LABEL.to_owned(), weight)).to_vec());
    let inputs = [labels(&[0; 100]), labels(&[1; 100])];
    let placed = model.place(LABEL, &Samples::from([0_i64, 1].as_slice()), Pass::USE).unwrap();
    let apart = &placed.anchors.get(0) - &placed.anchors.get(1);
    // Between two labels of equal weight the border is the plane halfway, through the middle of the prior.
    let from_border = |drawn: &Tensor| share(&drawn.matmul(&apart).abs());
    let between = latents(&model, source([1.0, 1.0]), &inputs);
    let of_one = latents(&model, Source::data(LABEL), &[labels(&[0; 100])]);
    let (near, usual) = (from_border(&between), from_border(&of_one));
    assert!(near < 0.3 * usual, "{near} against {usual}");
    // What weighs more has its way: no latent is in both zones.
    let decided = run(&model, source([3.0, 1.0]), Target::data(LABEL), &inputs);
    assert_eq!(decided, Samples::from([0_i64; 100].as_slice()));
}
