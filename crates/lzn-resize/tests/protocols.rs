//! What protocols make of batches, and what they refuse.

use lzn_resize::{Filter, Protocol, Resize, ResizeError};
use ndarray::{Array4, Axis, concatenate, s};

fn images(channels: usize) -> Array4<u8> {
    Array4::from_shape_fn((3, channels, 9, 7), |(b, c, y, x)| (b * 83 + c * 47 + y * 31 + x * 17) as u8)
}

#[test]
fn grey_images_are_grey_colour_images() {
    let grey = images(1);
    let colour = concatenate![Axis(1), grey, grey, grey];
    for protocol in Protocol::NAMED {
        assert_eq!(protocol.apply(grey.view()).unwrap(), protocol.apply(colour.view()).unwrap(), "{}", protocol.name);
    }
}

#[test]
fn an_image_has_the_same_input_in_every_batch() {
    let images = images(3);
    for protocol in Protocol::NAMED {
        let alone = protocol.apply(images.slice(s![1..2, .., .., ..])).unwrap();
        assert_eq!(alone, protocol.apply(images.view()).unwrap().slice(s![1..2, .., .., ..]), "{}", protocol.name);
    }
}

#[test]
fn black_and_white_go_where_each_protocol_says() {
    // Of 0 and 255 in the first channel, by the definition of each: (x - shift) / divisor.
    let expected = |protocol: &Protocol, level: f64| match &*protocol.name {
        "pytorch-fid" | "tfgan" => (level - 127.5) / 127.5,
        "clean-fid" | "torch-fidelity" | "adm" => (level - 128.0) / 128.0,
        "efficientnet-lite0" => (level - 127.0) / 128.0,
        "dinov2-224" => (level / 255.0 - 0.485) / 0.229,
        "cmmd-336" => (level / 255.0 - 0.481_454_66) / 0.268_629_54,
        other => panic!("{other} has no expectation here"),
    };
    for protocol in Protocol::NAMED {
        for level in [0, 255] {
            let input = protocol.apply(Array4::from_elem((1, 3, 8, 8), level).view()).unwrap();
            let error = f64::from(input[[0, 0, 5, 5]]) - expected(protocol, f64::from(level));
            assert!(error.abs() < 1e-5, "{}: {error} at {level}", protocol.name);
        }
    }
}

#[test]
fn overshoot_of_the_cubic_filter_is_clipped() {
    let edge = Array4::from_shape_fn((1, 1, 8, 8), |(_, _, _, x)| if x < 4 { 0 } else { 255 });
    let input = Protocol::CLEAN_FID.apply(edge.view()).unwrap();
    assert!(input.iter().all(|x| (-1.0..=127.0 / 128.0).contains(x)));
}

#[test]
fn every_name_is_found_and_no_other() {
    for protocol in Protocol::NAMED {
        assert_eq!(Protocol::find(&protocol.name), Some(protocol));
    }
    assert_eq!(Protocol::find("fid"), None);
}

#[test]
fn a_protocol_of_ones_own_agrees_with_the_named_one_of_the_same_figures() {
    let filter = Resize::PillowBytes(Filter::Bicubic);
    let custom = Protocol::custom("mine".into(), filter, [224, 224], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let difference = &custom.apply(images(3).view()).unwrap() - &Protocol::DINO.apply(images(3).view()).unwrap();
    assert!(difference.iter().all(|x| x.abs() < 1e-5));
}

#[test]
fn unfit_channels_and_sizes_are_refused_by_name() {
    let message = Protocol::DINO.apply(images(4).view()).unwrap_err().to_string();
    assert!(message.contains("dinov2-224") && message.contains("got 4"), "{message}");
    let fixed = Protocol::as_is([9, 9], 1);
    assert!(matches!(fixed.apply(images(1).view()), Err(ResizeError::Fixed { got: [9, 7], .. })));
    assert!(matches!(fixed.apply(images(3).view()), Err(ResizeError::Channels { got: 3, .. })));
    assert_eq!(Protocol::as_is([9, 7], 1).apply(images(1).view()).unwrap()[[0, 0, 0, 0]], -1.0);
    assert!(matches!(Protocol::ADM.apply(Array4::zeros((1, 3, 0, 4)).view()), Err(ResizeError::Empty { .. })));
}
