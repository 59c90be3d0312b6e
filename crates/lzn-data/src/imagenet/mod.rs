//! ImageNet (ILSVRC 2012) from its official files, read where they lie.

mod devkit;
mod mat;

use std::path::{Path, PathBuf};

use crate::decode::has_image_ending;
use crate::encoded::EncodedImages;
use crate::tar::{Depth, Image, Members, TarFile};
use crate::{DataError, ImageConfig, Split};

/// A tar file of one tar file for each class.
pub(crate) const TRAIN: &str = "ILSVRC2012_img_train.tar";
/// A tar file of images.
const VALIDATION: &str = "ILSVRC2012_img_val.tar";

/// The 1,281,167 training or the 50,000 validation images.
pub type ImageNet = EncodedImages<Members>;

/// Opens the official files in `folder`: `ILSVRC2012_img_train.tar`; for [`Split::Test`] `ILSVRC2012_img_val.tar` and the devkit
/// (`ILSVRC2012_devkit_t12.tar.gz`, or the folder that it unpacks to), which says what validation images show.
///
/// Nothing is unpacked. Members are listed once; the list is kept beside the tar file. Classes are called by their WordNet numbers, `n01440764`
/// and so on, in that order, as those of an image folder would be.
///
/// # Errors
/// [`DataError::Missing`] names the file; [`DataError::Damaged`] what is wrong with it, validation images without a truth included.
pub fn open(folder: &Path, split: Split, config: ImageConfig) -> Result<ImageNet, DataError> {
    match split {
        Split::Train => train(&folder.join(TRAIN), config),
        Split::Test => validation(folder, config),
    }
}

/// Whether the validation images are there.
pub fn has_validation(folder: &Path) -> bool {
    folder.join(VALIDATION).is_file()
}

fn train(path: &Path, config: ImageConfig) -> Result<ImageNet, DataError> {
    let tar = TarFile::open(path, Depth::Nested)?;
    let class = |name: &str| name.split_once(".tar/").map(|(class, _)| class.to_owned());
    let mut class_names: Vec<String> = tar.members().iter().filter_map(|member| class(&member.name)).collect();
    class_names.sort();
    class_names.dedup();
    let mut images = Vec::new();
    for (position, member) in tar.members().iter().enumerate().filter(|(_, member)| is_image(&member.name)) {
        let label = class(&member.name).and_then(|class| class_names.binary_search(&class).ok());
        images.push(Image { tar: 0, member: position as u32, label: label.map(|label| label as i64), text: None });
    }
    // By class and name, as in a folder; in the tar file classes lie in any order.
    images.sort_by(|a, b| {
        let name = |image: &Image| &tar.members()[image.member as usize].name;
        (a.label, name(a)).cmp(&(b.label, name(b)))
    });
    finish(path, vec![tar], images, class_names, config)
}

fn validation(folder: &Path, config: ImageConfig) -> Result<ImageNet, DataError> {
    let path = folder.join(VALIDATION);
    let tar = TarFile::open(&path, Depth::Flat)?;
    let devkit = devkit::open(folder)?;
    let mut order: Vec<usize> = (0..tar.members().len()).filter(|at| is_image(&tar.members()[*at].name)).collect();
    order.sort_by(|a, b| tar.members()[*a].name.cmp(&tar.members()[*b].name));
    if order.len() != devkit.truth.len() {
        let reason =
            format!("has {} images, but {} has {} labels", order.len(), devkit.path.display(), devkit.truth.len());
        return Err(DataError::Damaged { path, reason, remedy: "give the tar file and the devkit of one year" });
    }
    let images = order.iter().zip(&devkit.truth);
    let images = images.map(|(at, label)| Image { tar: 0, member: *at as u32, label: Some(*label as i64), text: None });
    let images = images.collect();
    finish(&path, vec![tar], images, devkit.class_names, config)
}

/// Whatever its ending says: all training images end in `.JPEG`.
fn is_image(name: &str) -> bool {
    has_image_ending(&PathBuf::from(name))
}

fn finish(
    path: &Path,
    tars: Vec<TarFile>,
    images: Vec<Image>,
    class_names: Vec<String>,
    config: ImageConfig,
) -> Result<ImageNet, DataError> {
    if images.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), remedy: "give the official tar file" });
    }
    ImageNet::new(Members::new(tars, images), class_names, config)
}
