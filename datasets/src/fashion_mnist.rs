//! Fashion-MNIST: grey 28 x 28 pictures of clothes in ten classes (Xiao, Rasul and Vollgraf, 2017; MIT licence, Zalando
//! SE).
//!
//! The card is `datasets/fashion-mnist/README.md`. All four files are gzipped IDX.

/// One of the two parts of the data set as it is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// Images: gzipped IDX, magic 0x803, `[images, 28, 28]` bytes.
    pub images: &'static [u8],
    /// Where [`Files::images`] lies in the repository, to name it in messages.
    pub images_path: &'static str,
    /// Labels: gzipped IDX, magic 0x801, `[images]` bytes in `0..10`.
    pub labels: &'static [u8],
    /// Where [`Files::labels`] lies in the repository.
    pub labels_path: &'static str,
}

/// 10,000 training images: the first 1,000 of every class, in the order of the original file.
pub const TRAIN: Files = Files {
    images: include_bytes!("../fashion-mnist/train-10k-images-idx3-ubyte.gz"),
    images_path: "datasets/fashion-mnist/train-10k-images-idx3-ubyte.gz",
    labels: include_bytes!("../fashion-mnist/train-10k-labels-idx1-ubyte.gz"),
    labels_path: "datasets/fashion-mnist/train-10k-labels-idx1-ubyte.gz",
};

/// The complete test set: 10,000 images, 1,000 of every class, in the original order.
pub const TEST: Files = Files {
    images: include_bytes!("../fashion-mnist/t10k-images-idx3-ubyte.gz"),
    images_path: "datasets/fashion-mnist/t10k-images-idx3-ubyte.gz",
    labels: include_bytes!("../fashion-mnist/t10k-labels-idx1-ubyte.gz"),
    labels_path: "datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz",
};

/// Height and width of every image, in pixels.
pub const SIDE: usize = 28;

/// Names of the classes; the position is the label.
pub const CLASS_NAMES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// Debian's package with the full data set.
pub const DEBIAN_PACKAGE: &str = "dataset-fashion-mnist";

/// Where [`DEBIAN_PACKAGE`] puts its files.
pub const DEBIAN_FOLDER: &str = "/usr/share/datasets/fashion-mnist";
