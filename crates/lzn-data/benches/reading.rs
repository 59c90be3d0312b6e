//! What an epoch costs: photographs decoded each time, and out of a packed file.
//!
//! One iteration reads all images once, in one thread.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{Rgb, RgbImage};
use lzn_data::{Colour, Dataset, ImageConfig, ImageFolder, PackOptions, PackedImages, pack};

const CONFIG: ImageConfig = ImageConfig { size: 256, colour: Colour::Rgb, resize: None, background: None };

/// Photographs of the usual size of ImageNet: 500 x 375 pixels in JPEG, smooth with some grain.
fn photographs(folder: &Path, count: u32) {
    fs::create_dir(folder).expect("a folder");
    for number in 0..count {
        let grain = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ number) % 16;
        let photograph = RgbImage::from_fn(500, 375, |x, y| {
            Rgb([
                (x / 2 + grain(x, y)) as u8,
                (y / 2 + grain(y, x)) as u8,
                ((x + y + 30 * number) / 4 + grain(x, x)) as u8,
            ])
        });
        photograph.save(folder.join(format!("{number}.jpg"))).expect("written");
    }
}

/// Reads every image, whole or brought to its size.
fn read(data: &dyn Dataset, whole: bool) -> usize {
    let read = |index| if whole { data.read_whole(index) } else { data.read(index) };
    (0..data.len()).map(|index| read(index).expect("readable").image.len()).sum()
}

fn epochs(c: &mut Criterion) {
    const IMAGES: u32 = 24;
    let place = tempfile::tempdir().expect("a folder");
    let source = place.path().join("photographs");
    photographs(&source, IMAGES);
    let folder = ImageFolder::open(&source, CONFIG).expect("opened");
    let mut group = c.benchmark_group("epoch of 500 x 375");
    group.sample_size(20).throughput(Throughput::Elements(u64::from(IMAGES)));
    for (name, whole) in [("256 x 256", false), ("whole", true)] {
        let out = place.path().join(name);
        pack(&[("train", &folder)], &source, &out, &PackOptions { config: CONFIG, whole, skip_bad: false }, |_| ())
            .expect("packed");
        let packed = PackedImages::open(&out, "train", CONFIG).expect("opened").expect("a part");
        assert_eq!(read(&packed, whole), read(&folder, whole));
        group.bench_function(format!("folder/{name}"), |b| b.iter(|| read(black_box(&folder), whole)));
        group.bench_function(format!("packed/{name}"), |b| b.iter(|| read(black_box(&packed), whole)));
    }
    group.finish();
}

criterion_group!(benches, epochs);
criterion_main!(benches);
