//! Batches of CIFAR-10, binary and of Python, in archives or not.

use std::path::Path;

use lzn_data::{Dataset, Split, cifar10};

use super::answer;
use crate::envelope::member;
use crate::{Envelope, Seed, Target};

pub(super) const TARGET: Target = Target {
    name: "cifar",
    seeds,
    words: &[
        b"data_batch_1",
        b"test_batch.bin",
        b"test_batch",
        b"\x1f\x8b",
        b"77777777777\0",
        b"\x80\x02",
        b"(",
        b")",
        b"}",
        b"]",
        b"K\x01",
        b"U\x04data",
        b"T\xff\xff\xff\x7f",
        b"B\xff\xff\xff\xff",
        b"C\x02ab",
        b"\x85",
        b"\x86",
        b"\x87",
        b"R",
        b"b",
        b"t",
        b"u",
        b"e",
        b"q\x01",
        b"h\x01",
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"cnumpy\nndarray\n",
        b"cnumpy\ndtype\n",
        b"c_codecs\nencode\n",
        b"cos\nsystem\n",
        b"X\x04\0\0\0data",
        b"J\xff\xff\xff\xff",
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"u1",
        b".",
    ],
    read,
};

const PIXELS: usize = 3072;

/// One image, as NumPy's pickle of Python 2.
fn python() -> Vec<u8> {
    let head = b"\x80\x02}q\x01(U\x06labelsq\x04]q\x05(K\x07eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08\
        K\0\x85U\x01b\x87Rq\x09(K\x01K\x01M\0\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\0K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0\
        tb\x89T\0\x0c\0\0";
    [head.as_slice(), &[7; PIXELS], b"tbu."].concat()
}

fn seeds() -> Vec<Seed> {
    let binary = [vec![3], vec![9; PIXELS]].concat();
    let archive = |name: &str, batch: &[u8]| [member(name, b'0', batch), vec![0; 1024]].concat();
    let files =
        [archive("cifar-10-batches-bin/test_batch.bin", &binary), archive("cifar-10-batches-py/test_batch", &python())];
    let mut seeds = Vec::new();
    for file in files {
        seeds.push(Seed::plain(Envelope::TarGzip.around(&file)));
        seeds.extend([Envelope::Tar, Envelope::TarGzip].map(|envelope| Seed::inside(envelope, file.clone())));
    }
    // Pickles as they are: most changes of an archive hit pixels.
    seeds.extend((0..3).map(|_| Seed::inside(Envelope::Member("test_batch"), python())));
    seeds
}

fn read(path: &Path) -> String {
    answer(cifar10::open(path, Split::Test), |data| {
        format!("{} images, {:?}", data.len().min(2), data.read(0).map(|sample| sample.label).is_ok())
    })
}
