//! The networks of texts: what their results depend on, and what they must not depend on.

mod support;

use lzn_text::{
    TextBatch, TextConfig, TextDecoder, TextDecoderConfig, TextEncoder, TextEncoderConfig, TextError, Writing,
};
use lzn_torch::ParamStore;
use proptest::prelude::*;
use support::{MAX_BYTES, adam, decoder, encoder, latents, near, streams, texts};
use tch::{Device, Kind, Tensor};

const LATENT_DIM: i64 = 6;

#[test]
fn shapes_are_those_of_the_documentation() {
    let batch = texts(&["red apple", "größe 🍏", ""]);
    assert_eq!(batch.tokens().size(), [3, 2 + "größe 🍏".len() as i64]);
    assert_eq!(encoder(0.0).forward(&batch, false).unwrap().size(), [3, LATENT_DIM]);
    let scores = decoder(0.0).scores(&latents(3), &batch, false).unwrap();
    assert_eq!(scores.size(), [3, 1 + "größe 🍏".len() as i64, 259]);
    assert_eq!(decoder(0.0).loss(&latents(3), &batch, false).unwrap().size(), [0i64; 0]);
}

#[test]
fn the_anchor_of_a_text_depends_on_neither_company_nor_padding() {
    let encoder = encoder(0.0);
    let words = ["red apple", "a", "a much longer text beside them", ""];
    let together = encoder.forward(&texts(&words), false).unwrap();
    for (row, word) in words.iter().enumerate() {
        near(&together.get(row as i64), &encoder.forward(&texts(&[word]), false).unwrap().get(0), 1e-6);
    }
    // Different texts do differ, by far more than that.
    assert!((together.get(0) - together.get(1)).abs().max().double_value(&[]) > 1e-3);
}

#[test]
fn order_and_marks_of_a_text_matter() {
    let encoder = encoder(0.0);
    let anchors = encoder.forward(&texts(&["ab", "ba", "aab", "e\u{301}", "é"]), false).unwrap();
    for a in 0..5 {
        for b in 0..a {
            assert!((anchors.get(a) - anchors.get(b)).abs().max().double_value(&[]) > 1e-4, "{a} {b}");
        }
    }
}

#[test]
fn what_is_said_does_not_depend_on_later_bytes_nor_on_other_rows() {
    let (decoder, latents) = (decoder(0.0), latents(2));
    let scores = |words: [&str; 2]| decoder.scores(&latents, &texts(&words), false).unwrap();
    let (one, two) = (scores(["abcdef", "ghijkl"]), scores(["abcXYZ", "another text"]));
    // Of the first row, what was read up to `c` is the same.
    near(&one.get(0).narrow(0, 0, 4), &two.get(0).narrow(0, 0, 4), 1e-5);
    assert!((one.get(0).get(4) - two.get(0).get(4)).abs().max().double_value(&[]) > 1e-3);
}

#[test]
fn padding_adds_nothing_to_the_loss_and_texts_count_alike() {
    let (decoder, latents) = (decoder(0.0), latents(2));
    let words = ["ab", "a longer text"];
    let together = decoder.loss(&latents, &texts(&words), false).unwrap().double_value(&[]);
    let mut sum = 0.0;
    for (row, word) in words.iter().enumerate() {
        let (own, text) = (latents.narrow(0, row as i64, 1), texts(&[word]));
        let alone = decoder.loss(&own, &text, false).unwrap().double_value(&[]);
        // By the definition: minus the log-probability of each byte and of the end.
        let log_probs = decoder.scores(&own, &text, false).unwrap().log_softmax(2, Kind::Double);
        let said = word.bytes().map(i64::from).chain([257]);
        let total: f64 = said.enumerate().map(|(at, token)| -log_probs.double_value(&[0, at as i64, token])).sum();
        assert!((alone - total / (word.len() + 1) as f64).abs() < 1e-5, "{alone} {total}");
        sum += alone;
    }
    assert!((together - sum / 2.0).abs() < 1e-5, "{together} {sum}");
}

#[test]
fn the_loss_of_an_untrained_decoder_is_about_that_of_equal_chances() {
    let loss = decoder(0.0).loss(&latents(2), &texts(&["some text", "and more"]), false).unwrap().double_value(&[]);
    assert!((loss - 259f64.ln()).abs() < 1.5, "{loss}");
}

#[test]
fn gradients_reach_every_parameter_and_the_latent() {
    let store = ParamStore::new(Device::Cpu, 1);
    let config = TextEncoderConfig { width: 8, layers: 2, heads: 2, ..TextEncoderConfig::default() };
    let encoder = TextEncoder::new(&(store.root() / "encoder"), &config, MAX_BYTES, 6).unwrap();
    let config = TextDecoderConfig { width: 8, layers: 2, heads: 2, ..TextDecoderConfig::default() };
    let decoder = TextDecoder::new(&(store.root() / "decoder"), &config, MAX_BYTES, 6).unwrap();
    let batch = texts(&["ab", "cde"]);
    decoder.loss(&encoder.forward(&batch, true).unwrap(), &batch, true).unwrap().backward();
    for (name, tensor) in store.named() {
        assert!(tensor.grad().defined() && tensor.grad().abs().max().double_value(&[]) > 0.0, "{name}");
    }
}

#[test]
fn a_decoder_learns_texts_by_heart_and_writes_them_for_their_latents() {
    let store = ParamStore::new(Device::Cpu, 2);
    let config = TextDecoderConfig { width: 32, layers: 1, heads: 2, prefix_tokens: 1, ..TextDecoderConfig::default() };
    let decoder = TextDecoder::new(&store.root(), &config, MAX_BYTES, 6).unwrap();
    let words = ["red apple", "green apple", "größe 🍏", ""];
    let (batch, latents) = (texts(&words), latents(4));
    let loss = adam(&store, 150, 1e-2, || decoder.loss(&latents, &batch, true).unwrap());
    assert!(loss < 0.05, "{loss}");
    assert_eq!(decoder.generate(&latents, &Writing::default(), &mut streams(0, 0..latents.size()[0])).unwrap(), words);
    let order = Tensor::from_slice(&[3i64, 0, 2, 1]);
    let permuted =
        decoder.generate(&latents.index_select(0, &order), &Writing::default(), &mut streams(0, 0..4)).unwrap();
    assert_eq!(permuted, ["", "red apple", "größe 🍏", "green apple"]);
    // Drawn with a low temperature from what was learned by heart, they are the same.
    let drawn = decoder.generate(&latents, &Writing { temperature: 0.2, top_k: None }, &mut streams(5, 0..4)).unwrap();
    assert_eq!(drawn, words);
}

#[test]
fn writing_with_memory_says_what_reading_all_anew_says() {
    let decoder = decoder(0.0);
    let latents = latents(3);
    let written = decoder.generate(&latents, &Writing::default(), &mut streams(0, 0..latents.size()[0])).unwrap();
    // Each byte that was written is the likeliest of the allowed ones under scores computed without memory.
    let scores = decoder.scores(&latents, &texts(&written), false).unwrap();
    for (row, text) in written.iter().enumerate() {
        for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii()) {
            let said = scores.get(row as i64).get(at as i64);
            let highest = said.narrow(0, 0, 0x80).max().double_value(&[]);
            let own = said.double_value(&[i64::from(byte)]);
            assert!(own > highest - 1e-4, "row {row}, byte {at}: {own} below {highest}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn drawn_texts_are_valid_within_the_limit_and_do_not_depend_on_batching(
        seed in 0u64..1000, temperature in 0.5f64..3.0, top_k in prop::option::of(1usize..20), cut in 1i64..5,
    ) {
        let (decoder, latents) = (decoder(0.0), latents(5));
        let writing = Writing { temperature, top_k };
        let write = |first, end| {
            let rows = latents.narrow(0, first, end - first);
            decoder.generate(&rows, &writing, &mut streams(seed, first..end)).unwrap()
        };
        let whole = write(0, 5);
        prop_assert!(whole.iter().all(|text| text.len() <= decoder.max_bytes() && !text.contains(char::REPLACEMENT_CHARACTER)));
        prop_assert_eq!(&whole, &[write(0, cut), write(cut, 5)].concat());
        prop_assert_eq!(whole, write(0, 5));
    }
}

#[test]
fn other_seeds_write_other_texts() {
    let (decoder, latents) = (decoder(0.0), latents(2));
    let drawn = Writing { temperature: 1.0, top_k: None };
    let write = |seed| decoder.generate(&latents, &drawn, &mut streams(seed, 0..2)).unwrap();
    assert_ne!(write(1), write(2));
    // Equal latents in two rows draw from two streams.
    let twice = Tensor::cat(&[latents.narrow(0, 0, 1), latents.narrow(0, 0, 1)], 0);
    let written = decoder.generate(&twice, &drawn, &mut streams(0, 0..2)).unwrap();
    assert_ne!(written[0], written[1]);
}

#[test]
fn dropout_is_for_training_alone() {
    let (batch, encoder) = (texts(&["red apple"]), encoder(0.5));
    let forward = |train| encoder.forward(&batch, train).unwrap();
    assert_eq!(forward(false), forward(false));
    assert_ne!(forward(true), forward(true));
}

#[test]
fn no_texts_give_no_anchors_and_no_loss() {
    let none = TextBatch::new::<&str>(&[], 8, Device::Cpu).unwrap();
    assert!(none.is_empty());
    assert_eq!(encoder(0.0).forward(&none, false).unwrap().size(), [0, LATENT_DIM]);
    let latents = Tensor::zeros([0, LATENT_DIM], (Kind::Float, Device::Cpu));
    assert_eq!(decoder(0.0).loss(&latents, &none, true).unwrap().double_value(&[]), 0.0);
    assert!(decoder(0.0).generate(&latents, &Writing::default(), &mut []).unwrap().is_empty());
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let long = "x".repeat(81);
    assert!(matches!(TextBatch::new(&[&long], 80, Device::Cpu), Err(TextError::TooLong { bytes: 81, limit: 80, .. })));
    let batch = TextBatch::new(&[&long], 100, Device::Cpu).unwrap();
    let message = encoder(0.0).forward(&batch, false).unwrap_err().to_string();
    assert!(message.contains("`texts`") && message.contains("at most 82"), "{message}");
    let message = decoder(0.0).loss(&latents(2), &texts(&["a"]), false).unwrap_err().to_string();
    assert!(message.contains("`latents`"), "{message}");

    let message =
        decoder(0.0).generate(&latents(2), &Writing::default(), &mut streams(0, 0..1)).unwrap_err().to_string();
    assert!(message.contains("1 streams for 2 latents"), "{message}");

    let store = ParamStore::new(Device::Cpu, 0);
    let good = TextDecoderConfig::default();
    for (config, max_bytes, key) in [
        (TextDecoderConfig { width: 10, heads: 4, ..good.clone() }, 80, "`width`"),
        (TextDecoderConfig { heads: 0, ..good.clone() }, 80, "`heads`"),
        (TextDecoderConfig { layers: 0, ..good.clone() }, 80, "`layers`"),
        (good.clone(), 0, "`max_bytes`"),
        (good.clone(), 5000, "`max_bytes`"),
        (TextDecoderConfig { dropout: 1.0, ..good.clone() }, 80, "`dropout`"),
        (TextDecoderConfig { prefix_tokens: 0, ..good }, 80, "`prefix_tokens`"),
    ] {
        let message = TextDecoder::new(&store.root(), &config, max_bytes, 6).unwrap_err().to_string();
        assert!(message.starts_with(key), "{message}");
    }
}

#[test]
fn configurations_have_defaults_and_refuse_unknown_keys() {
    let read = |text: &str| toml::from_str::<TextConfig>(text);
    assert_eq!(read("").unwrap(), TextConfig::default());
    let config = read("max_bytes = 30\n[encoder]\n[decoder]\nwidth = 64").unwrap();
    assert_eq!((config.max_bytes, config.encoder), (30, Some(TextEncoderConfig::default())));
    assert_eq!(config.decoder, Some(TextDecoderConfig { width: 64, ..TextDecoderConfig::default() }));
    assert!(read("[encoder]\ndepth = 3").unwrap_err().to_string().contains("depth"));
}
