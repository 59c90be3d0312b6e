//! Data bases of LMDB: records are images in the order of their keys.
#![cfg(feature = "lmdb")]

use heed::types::Bytes;
use heed::{Database, EnvOpenOptions};
use image::{ImageFormat, Rgb, RgbImage};
use lzn_data::{Colour, DataError, Dataset, ImageConfig, lmdb};

const CONFIG: ImageConfig = ImageConfig { size: 4, colour: Colour::Rgb, resize: None, background: None };

fn picture(value: u8, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(6, 4, Rgb([value; 3])).write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

#[test]
fn records_are_images_in_the_order_of_their_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    // SAFETY: the folder is new and nobody else's.
    let environment = unsafe { EnvOpenOptions::new().map_size(1 << 20).open(folder.path()) }.expect("made");
    let mut transaction = environment.write_txn().expect("begun");
    let records: Database<Bytes, Bytes> = environment.create_database(&mut transaction, None).expect("made");
    for (key, value, format) in [("b", 20, ImageFormat::WebP), ("a", 10, ImageFormat::Png)] {
        records.put(&mut transaction, key.as_bytes(), &picture(value, format)).expect("put");
    }
    records.put(&mut transaction, b"c", b"no picture").expect("put");
    transaction.commit().expect("written");
    environment.prepare_for_closing().wait();

    let data = lmdb::open(folder.path(), CONFIG).expect("opened");
    assert_eq!((data.len(), data.classes()), (3, 0));
    assert_eq!(lmdb::open(folder.path(), CONFIG).expect("opened a second time").len(), 3);
    let first = |index| data.read(index).expect("read").image[[0, 0, 0]];
    assert_eq!([first(0), first(1)], [10, 20]);
    assert_eq!(data.read_whole(1).expect("read").image.dim(), (3, 4, 6));
    let error = data.read(2).expect_err("no picture");
    assert!(
        error.is_bad_image() && error.to_string().contains(&folder.path().join("c").display().to_string()),
        "{error}"
    );
}

#[test]
fn what_is_no_data_base_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(lmdb::open(folder.path(), CONFIG), Err(DataError::Missing { .. })));
    std::fs::write(folder.path().join("data.mdb"), "text").expect("written");
    let message = lmdb::open(folder.path(), CONFIG).expect_err("refused").to_string();
    assert!(message.contains("data.mdb: is no data base of LMDB"), "{message}");
}
