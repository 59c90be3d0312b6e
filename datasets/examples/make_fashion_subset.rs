//! Makes the files of `datasets/fashion-mnist/` from the full data set.
//!
//! ```text
//! cargo run -p lzn-datasets --example make_fashion_subset -- FULL_SET_FOLDER OUTPUT_FOLDER
//! ```
//!
//! The rule: walk through the training file from its start and keep an image when fewer than 1,000 of its class were kept
//! before. The test set is kept whole. Output is gzip of level 9 without name and time, so equal input gives equal files.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use sha2::{Digest, Sha256};

/// How many images of every class the training subset has.
const PER_CLASS: usize = 1000;
/// Length of an IDX header with one dimension (labels).
const LABEL_HEADER: usize = 8;
/// Length of an IDX header with three dimensions (images).
const IMAGE_HEADER: usize = 16;
/// Position of the item count, a big-endian 32-bit number, in both headers.
const COUNT: std::ops::Range<usize> = 4..8;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        return Err("usage: make_fashion_subset FULL_SET_FOLDER OUTPUT_FOLDER".into());
    };
    let (input, output) = (Path::new(input), Path::new(output));

    let images = unpack(&input.join("train-images-idx3-ubyte.gz"))?;
    let labels = unpack(&input.join("train-labels-idx1-ubyte.gz"))?;
    let chosen = first_of_each_class(&labels[LABEL_HEADER..], PER_CLASS);
    let mut rows = [
        pack(&output.join("train-10k-images-idx3-ubyte.gz"), &keep(&images, IMAGE_HEADER, 28 * 28, &chosen))?,
        pack(&output.join("train-10k-labels-idx1-ubyte.gz"), &keep(&labels, LABEL_HEADER, 1, &chosen))?,
    ]
    .concat();
    for name in ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"] {
        rows += &pack(&output.join(name), &unpack(&input.join(name))?)?;
    }
    std::io::stdout().write_all(rows.as_bytes())?;
    Ok(())
}

/// Positions of the first `per_class` items of every class, ascending.
fn first_of_each_class(labels: &[u8], per_class: usize) -> Vec<usize> {
    let mut kept = [0; 256];
    let mut chosen = Vec::new();
    for (position, &label) in labels.iter().enumerate() {
        let kept = &mut kept[usize::from(label)];
        if *kept < per_class {
            *kept += 1;
            chosen.push(position);
        }
    }
    chosen
}

/// The IDX file that holds only the items `chosen` of `file`, each `item` bytes long.
fn keep(file: &[u8], header: usize, item: usize, chosen: &[usize]) -> Vec<u8> {
    let mut output = file[..header].to_vec();
    output[COUNT].copy_from_slice(&(chosen.len() as u32).to_be_bytes());
    for position in chosen {
        let start = header + position * item;
        output.extend_from_slice(&file[start..start + item]);
    }
    output
}

fn unpack(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes gzip of level 9 and returns the row of the card.
fn pack(path: &Path, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    fs::write(path, &packed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("| `{name}` | {} | `{}` | `{}` |\n", packed.len(), digest(&packed), digest(bytes)))
}

/// SHA-256 in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_items_of_each_class_are_chosen_in_file_order() {
        assert_eq!(first_of_each_class(&[5, 5, 1, 5, 1, 1, 9], 2), [0, 1, 2, 4, 6]);
    }

    #[test]
    fn kept_items_follow_a_header_with_their_count() {
        let mut file = vec![0, 0, 8, 1, 0, 0, 0, 4];
        file.extend([10, 11, 12, 13]);
        assert_eq!(keep(&file, LABEL_HEADER, 1, &[1, 3]), [0, 0, 8, 1, 0, 0, 0, 2, 11, 13]);
        assert_eq!(keep(&file, LABEL_HEADER, 2, &[1]), [0, 0, 8, 1, 0, 0, 0, 1, 12, 13]);
    }

    #[test]
    fn packing_the_same_bytes_twice_gives_the_same_file() {
        let folder = std::env::temp_dir().join(format!("make-fashion-subset-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("temporary folder");
        let (one, two) = (folder.join("one.gz"), folder.join("two.gz"));
        for path in [&one, &two] {
            pack(path, b"some bytes").expect("packed");
        }
        assert_eq!(fs::read(&one).expect("written"), fs::read(&two).expect("written"));
        assert_eq!(unpack(&one).expect("unpacked"), b"some bytes");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
