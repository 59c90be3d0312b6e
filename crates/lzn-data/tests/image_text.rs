//! Image-text pairs: tables in CSV and JSON lines, parts, what is held out, and what is refused.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use lzn_data::{
    BatchOptions, BatchPlan, Batches, Colour, DataError, DataSummary, Dataset, ImageConfig, ImageTexts, Kind,
    PackOptions, PackedImages, SkipBad, Split, Subset, TableConfig, detect, image_text, pack, webdataset,
};
use support::{picture, tar};
use tempfile::TempDir;

const CONFIG: ImageConfig = ImageConfig { size: 4, colour: Colour::Rgb, resize: None, background: None };

/// Writes pictures of the values 1, 2, ... under these names, and a table.
fn folder(root: &Path, names: &[&str], table: (&str, &str)) {
    for (value, name) in names.iter().enumerate() {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, picture(value as u8 + 1, 4, 4)).expect("written");
    }
    fs::write(root.join(table.0), table.1).expect("written");
}

fn open(root: &Path) -> ImageTexts {
    image_text::open(root, Split::Train, &TableConfig::default(), CONFIG).expect("opened").expect("a part")
}

/// Red of the first pixel, label and text of every sample.
fn all(data: &dyn Dataset) -> Vec<(u8, Option<i64>, Option<String>)> {
    let read = |index| {
        let sample = data.read(index).expect("readable");
        let known = (data.label(index).expect("label"), data.text(index).expect("text"));
        assert_eq!(known, (sample.label, sample.text.clone()), "what is said without reading the image");
        (sample.image[[0, 0, 0]], sample.label, sample.text)
    };
    (0..data.len()).map(read).collect()
}

fn sample(value: u8, label: Option<i64>, text: &str) -> (u8, Option<i64>, Option<String>) {
    (value, label, (!text.is_empty()).then(|| text.to_owned()))
}

#[test]
fn a_table_of_csv_gives_texts_and_labels_in_its_order_and_either_may_be_missing() {
    let root = TempDir::new().expect("a folder");
    let table = "\u{feff}file,text,label,more\nb.png,\"a dog, \"\"old\"\" and\ngrey\",dog,x\na.png, größe 🍏 ,cat,\n\nc.png,,cat,\na.png,again,,\n";
    folder(root.path(), &["a.png", "b.png", "c.png"], ("captions.csv", table));
    let data = open(root.path());
    assert_eq!(data.class_names(), ["cat", "dog"]);
    let expected = [
        sample(2, Some(1), "a dog, \"old\" and\ngrey"),
        sample(1, Some(0), "größe 🍏"),
        sample(3, Some(0), ""),
        sample(1, None, "again"),
    ];
    assert_eq!(all(&data), expected);
    assert!(data.has_texts() && data.partly_labelled());
    let summary = DataSummary::of(&data).expect("read");
    assert_eq!(summary.to_string(), "4 images [3, 4, 4], 2 classes of 1 to 2, texts of 3 images, 3 different");
    let texts = summary.texts.expect("texts").to_string();
    assert!(texts.starts_with("3, 3 different, 5 to 21 bytes: a dog"), "{texts}");
}

#[test]
fn json_lines_as_hugging_face_has_them_give_the_same() {
    let root = TempDir::new().expect("a folder");
    let table = r#"{"file_name": "a.png", "text": "red apple", "label": 2, "boxes": [1, 2]}

{"text": "\u00e9clair", "file_name": "sub/b.png", "label": 0}
{"file_name": "a.png", "text": null, "label": null}
"#;
    folder(root.path(), &["a.png", "sub/b.png"], ("metadata.jsonl", table));
    let data = open(root.path());
    assert_eq!(data.class_names(), ["0", "1", "2"], "numbers are the numbers of classes");
    assert_eq!(all(&data), [sample(1, Some(2), "red apple"), sample(2, Some(0), "éclair"), sample(1, None, "")]);
}

#[test]
fn columns_may_be_named_and_images_may_lie_in_a_folder_beside_the_table() {
    let root = TempDir::new().expect("a folder");
    let table = "file,name,short,category\na.png,long name,short name,Food\nb.png,other,o,Flags\n";
    folder(root.path(), &["images/a.png", "images/b.png"], ("captions.csv", table));
    assert_eq!(all(&open(root.path()))[0], sample(1, Some(1), "long name"), "the usual names are found");
    let columns = TableConfig { text: Some("short".into()), label: Some("name".into()), ..TableConfig::default() };
    let data = image_text::open(root.path(), Split::Train, &columns, CONFIG).expect("opened").expect("a part");
    assert_eq!(all(&data)[0], sample(1, Some(0), "short name"));
    let columns = TableConfig { text: Some("colour".into()), ..TableConfig::default() };
    let message = image_text::open(root.path(), Split::Train, &columns, CONFIG).expect_err("refused").to_string();
    assert!(
        message.contains("captions.csv: line 1 has the columns `file`, `name`, `short`, `category`, but not `colour`")
    );
    assert!(message.contains("data.table"), "{message}");
}

#[test]
fn parts_have_tables_of_their_own_and_share_their_classes() {
    let root = TempDir::new().expect("a folder");
    folder(&root.path().join("train"), &["a.png"], ("metadata.csv", "file_name,text,label\na.png,one,zebra\n"));
    folder(&root.path().join("val"), &["a.png"], ("metadata.jsonl", r#"{"file_name": "a.png", "label": "ant"}"#));
    assert_eq!(detect(root.path()).expect("known"), Kind::ImageText);
    let part =
        |split| image_text::open(root.path(), split, &TableConfig::default(), CONFIG).expect("opened").expect("a part");
    let (train, test) = (part(Split::Train), part(Split::Test));
    assert_eq!(
        (train.class_names(), test.class_names()),
        (&["ant".to_owned(), "zebra".to_owned()][..], train.class_names())
    );
    assert_eq!((train.label(0).expect("label"), test.label(0).expect("label")), (Some(1), Some(0)));
    assert_eq!((train.has_texts(), test.has_texts(), train.partly_labelled()), (true, false, false));
    let share = TableConfig { hold_out: Some(0.5), ..TableConfig::default() };
    let refused = image_text::open(root.path(), Split::Train, &share, CONFIG).expect_err("refused");
    assert!(refused.to_string().contains("belongs to folders without parts"), "{refused}");
}

#[test]
fn what_is_held_out_has_no_text_and_no_image_in_common_with_the_rest() {
    let root = TempDir::new().expect("a folder");
    // Three variants of each of 60 things share their name.
    let names: Vec<String> = (0..180).map(|i| format!("{i}.png")).collect();
    let rows: String =
        names.iter().enumerate().map(|(i, name)| format!("{name},thing {},{}\n", i / 3, i % 2)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    folder(root.path(), &names, ("captions.csv", &format!("file,text,label\n{rows}")));
    let config = TableConfig { hold_out: Some(0.3), ..TableConfig::default() };
    let part = |split| image_text::open(root.path(), split, &config, CONFIG).expect("opened").expect("a part");
    let (train, test) = (part(Split::Train), part(Split::Test));
    let texts = |data: &ImageTexts| all(data).into_iter().filter_map(|(_, _, text)| text).collect::<BTreeSet<_>>();
    let (learned, held) = (texts(&train), texts(&test));
    assert!(learned.is_disjoint(&held));
    assert_eq!((learned.len() + held.len(), train.len() + test.len()), (60, 180));
    assert_eq!((train.len(), test.len()), (3 * learned.len(), 3 * held.len()), "all variants are on one side");
    assert!((5..=35).contains(&held.len()), "{} of 60 at a share of 0.3", held.len());
    assert_eq!(train.class_names(), test.class_names());
    // Without a share all is to learn from.
    assert_eq!(open(root.path()).len(), 180);
    assert!(image_text::open(root.path(), Split::Test, &TableConfig::default(), CONFIG).expect("opened").is_none());
}

#[test]
fn tables_that_do_not_hold_are_refused_with_their_line() {
    let root = TempDir::new().expect("a folder");
    for (name, table, expected) in [
        ("captions.csv", "file,text\na.png,one\nb.png\n", "captions.csv: line 3"),
        ("captions.csv", "file,text\na.png,one\nnone.png,two\n", "line 3 names"),
        ("captions.csv", "file,text\n../a.png,one\n", "line 2 names `../a.png`; name files below the folder"),
        ("captions.csv", "file,text\n/a.png,one\n", "line 2 names `/a.png`; name files below the folder"),
        ("captions.csv", "file,text\na.txt,one\n", "line 2 names `a.txt`; name files that end in .png"),
        ("captions.csv", "file,text\n,one\n", "line 2 has nothing in `file`; name an image in every line"),
        (
            "captions.csv",
            "picture,text\na.png,one\n",
            "line 1 has the columns `picture`, `text`, and none of them is `file`",
        ),
        ("captions.csv", "file,text\n", "no images"),
        ("metadata.jsonl", "{\"file_name\": \"a.png\"}\n[1]\n", "metadata.jsonl: line 2 is no JSON object"),
        ("metadata.jsonl", "{\"file_name\": \"a.png\"\n", "line 1 is no JSON object"),
        ("metadata.jsonl", "{\"text\": \"a\"}\n", "none of them is `file` or `file_name`"),
    ] {
        fs::remove_file(root.path().join("captions.csv")).ok();
        fs::remove_file(root.path().join("metadata.jsonl")).ok();
        folder(root.path(), &["a.png", "b.png"], (name, table));
        let message =
            image_text::open(root.path(), Split::Train, &TableConfig::default(), CONFIG).expect_err(table).to_string();
        assert!(
            message.starts_with(&root.path().display().to_string()) && message.contains(expected),
            "{expected}: {message}"
        );
    }
    fs::write(root.path().join("captions.csv"), b"file,text\na.png,\xff\n").expect("written");
    let refused = image_text::open(root.path(), Split::Train, &TableConfig::default(), CONFIG).expect_err("no UTF-8");
    assert!(matches!(&refused, DataError::Table { line: 2, .. }), "{refused}");
    let empty = TempDir::new().expect("a folder");
    let refused =
        image_text::open(empty.path(), Split::Train, &TableConfig::default(), CONFIG).expect_err("nothing there");
    assert!(refused.to_string().contains("put one of captions.csv, metadata.csv, metadata.jsonl there"), "{refused}");
}

#[test]
fn batches_carry_texts_and_labels_where_there_are_any() {
    let root = TempDir::new().expect("a folder");
    folder(
        root.path(),
        &["a.png", "b.png", "c.png"],
        ("captions.csv", "file,text,label\na.png,one,x\nb.png,,y\nc.png,three,\n"),
    );
    let data: Arc<dyn Dataset> = Arc::new(SkipBad::new(Subset::first(open(root.path()), 3)).expect("labels"));
    assert!(data.has_texts() && data.partly_labelled());
    let plan = BatchPlan::evaluation(3, 3).expect("valid");
    for workers in [0, 2] {
        let options = BatchOptions { workers, ..BatchOptions::default() };
        let mut batches = Batches::new(data.clone(), plan, options, 0).expect("started");
        let batch = batches.next().expect("one").expect("readable");
        assert_eq!(batch.texts, [Some("one".to_owned()), None, Some("three".to_owned())]);
        assert_eq!(batch.labels, [Some(0), Some(1), None]);
    }
}

#[test]
fn packed_pairs_keep_their_texts_and_what_they_lack() {
    let root = TempDir::new().expect("a folder");
    let source = root.path().join("source");
    folder(
        &source,
        &["a.png", "b.png", "c.png"],
        ("captions.csv", "file,text,label\na.png,one,x\nb.png,,y\nc.png,größe,\n"),
    );
    let out = root.path().join("pairs.lzn");
    let data = open(&source);
    let options = PackOptions { config: CONFIG, whole: false, skip_bad: false };
    pack(&[("train", &data)], &source, &out, &options, |_| {}).expect("packed");
    let packed = PackedImages::open(&out, "train", CONFIG).expect("opened").expect("a part");
    assert_eq!(all(&packed), all(&data));
    assert!(packed.has_texts() && packed.partly_labelled());
    let over_white = ImageConfig { background: Some([255; 3]), ..CONFIG };
    let message = PackedImages::open(&out, "train", over_white).expect_err("another background").to_string();
    assert!(message.contains("over [255, 255, 255]") && message.contains("data.background"), "{message}");
}

#[test]
fn shards_give_texts_of_txt_or_of_json_and_with_texts_labels_may_be_missing() {
    let root = TempDir::new().expect("a folder");
    let path = root.path().join("s.tar");
    let write = |members: &[(&str, &[u8])]| {
        let members: Vec<_> = members.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        fs::write(&path, tar(&members)).expect("written");
        webdataset::open(&path, CONFIG).expect("opened")
    };
    let [a, b] = [1, 2].map(|value| picture(value, 4, 4));
    let data = write(&[
        ("1.png", &a),
        ("1.json", br#"{"caption": "of json", "label": 1}"#),
        ("2.png", &b),
        ("2.json", br#"{"text": " own ", "caption": "other"}"#),
    ]);
    assert_eq!(all(&data), [sample(1, Some(1), "of json"), sample(2, None, "own")]);
    assert!(data.has_texts() && data.partly_labelled());
    let data = write(&[("1.png", &a), ("1.json", br#"{"text": "of json"}"#), ("2.png", &b), ("2.txt", b" of txt\n")]);
    assert_eq!(all(&data), [sample(1, None, ""), sample(2, None, "of txt")], "with any .txt, texts are of these alone");
    let data = write(&[("1.png", &a), ("1.json", br#"{"label": 0}"#)]);
    assert!(!data.has_texts());
}

#[test]
fn transparent_images_lie_over_the_background_if_there_is_one() {
    let root = TempDir::new().expect("a folder");
    // Hidden black, half transparent red, opaque green.
    let pixels = [[0, 0, 0, 0], [255, 0, 0, 128], [0, 255, 0, 255]];
    let image = image::RgbaImage::from_fn(3, 3, |x, _| image::Rgba(pixels[x as usize]));
    let path = root.path().join("a.png");
    image.save(&path).expect("written");
    let first_row = |background| {
        let config = ImageConfig { size: 3, background, ..CONFIG };
        let image = lzn_data::read_image(&path, &config).expect("readable");
        (0..3).map(|x| [image[[0, 0, x]], image[[1, 0, x]], image[[2, 0, x]]]).collect::<Vec<_>>()
    };
    assert_eq!(first_row(None), [[0, 0, 0], [255, 0, 0], [0, 255, 0]]);
    // 255 * 127 / 255 of the white shows through.
    assert_eq!(first_row(Some([255, 255, 255])), [[255, 255, 255], [255, 127, 127], [0, 255, 0]]);
}
