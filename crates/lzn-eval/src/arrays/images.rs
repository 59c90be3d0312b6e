//! Images in a `.npy` or `.npz` file.

use std::path::Path;

use ndarray::{Array4, ArrayD, Axis, Ix4};

use super::{ArrayError, Arrays};

/// The name that `numpy.savez(path, images)` gives an array, and that sample files of guided diffusion (ADM) use.
const KEY: &str = "arr_0";

/// In which order a file holds the axes of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Found out from the shape: the axis of length 1 or 3 is the channels. Refused where both could be.
    #[default]
    Detect,
    /// `[N, H, W, C]`, as most programs write them.
    ChannelsLast,
    /// `[N, C, H, W]`, as tensors are.
    ChannelsFirst,
}

/// Reads uint8 images and returns them as `[N, C, H, W]` with 1 or 3 channels. The whole array is in memory.
///
/// The file is a `.npy` file, or a `.npz` file with one array or with one called `arr_0` (labels in `arr_1` are not read). `[N, H, W]` is
/// taken for grey images.
///
/// # Errors
/// [`ArrayError`] if the file cannot be read, has no such array, or the array is not uint8, holds no images, or has a shape
/// that does not fit `layout`.
pub fn read_images(path: &Path, layout: Layout) -> Result<Array4<u8>, ArrayError> {
    let mut arrays = Arrays::open(path)?;
    let key = arrays.choose(&[KEY])?;
    let array: ArrayD<u8> = arrays.read(&key).map_err(|error| match error {
        ArrayError::Array { path, key, reason } => {
            let remedy = "images must be uint8 in 0 to 255: round and convert them first";
            ArrayError::Array { path, key, reason: format!("{reason}; {remedy}") }
        }
        other => other,
    })?;
    channels_first(array, layout).map_err(|reason| arrays.wrong(&key, reason))
}

fn channels_first(array: ArrayD<u8>, layout: Layout) -> Result<Array4<u8>, String> {
    let shape = array.shape().to_vec();
    let array = if array.ndim() == 3 { array.insert_axis(Axis(1)) } else { array };
    let array = array
        .into_dimensionality::<Ix4>()
        .map_err(|_| format!("must have the shape [N, H, W, C], [N, C, H, W] or [N, H, W], not {shape:?}"))?;
    if array.is_empty() {
        return Err(format!("holds no images: its shape is {shape:?}"));
    }
    let channels = |axis: usize| matches!(array.len_of(Axis(axis)), 1 | 3);
    let last = match (layout, channels(1), channels(3)) {
        // An axis has just been put there, or was asked for.
        _ if shape.len() == 3 => false,
        (Layout::Detect, true, true) => {
            return Err(format!(
                "could have its channels first or last: its shape is {shape:?}; say which, with --layout of lzn"
            ));
        }
        (Layout::ChannelsLast | Layout::Detect, _, true) => true,
        (Layout::ChannelsFirst | Layout::Detect, true, _) => false,
        _ => return Err(format!("has no axis of 1 or 3 channels in its place: its shape is {shape:?}")),
    };
    let array = if last { array.permuted_axes([0, 3, 1, 2]) } else { array };
    Ok(array.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4, array};
    use ndarray_npy::{NpzWriter, write_npy};

    use super::*;

    fn images(n: usize, c: usize, h: usize, w: usize) -> Array4<u8> {
        Array4::from_shape_fn((n, c, h, w), |(n, c, i, j)| (n * 100 + c * 40 + i * 7 + j) as u8)
    }

    #[test]
    fn both_layouts_and_both_kinds_of_files_give_the_same_images() {
        let folder = tempfile::tempdir().unwrap();
        let (npy, npz) = (folder.path().join("a.npy"), folder.path().join("a.npz"));
        for channels in [1, 3] {
            let expected = images(2, channels, 5, 4);
            let last = expected.view().permuted_axes([0, 2, 3, 1]);
            for (array, layout) in [(expected.view(), Layout::ChannelsFirst), (last, Layout::ChannelsLast)] {
                write_npy(&npy, &array).unwrap();
                let mut archive = NpzWriter::new_compressed(std::fs::File::create(&npz).unwrap());
                archive.add_array("arr_0", &array).unwrap();
                archive.add_array("arr_1", &array![7i64, 8]).unwrap();
                archive.finish().unwrap();
                for path in [&npy, &npz] {
                    assert_eq!(read_images(path, Layout::Detect).unwrap(), expected);
                    assert_eq!(read_images(path, layout).unwrap(), expected);
                }
            }
        }
        write_npy(&npy, &images(2, 1, 5, 4).remove_axis(Axis(1))).unwrap();
        assert_eq!(read_images(&npy, Layout::Detect).unwrap(), images(2, 1, 5, 4));
    }

    #[test]
    fn an_ambiguous_shape_is_decided_by_the_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write_npy(&path, &images(2, 3, 6, 3)).unwrap();
        assert!(read_images(&path, Layout::Detect).unwrap_err().to_string().contains("say which"));
        assert_eq!(read_images(&path, Layout::ChannelsFirst).unwrap().dim(), (2, 3, 6, 3));
        assert_eq!(read_images(&path, Layout::ChannelsLast).unwrap().dim(), (2, 3, 3, 6));
    }

    #[test]
    fn what_is_no_batch_of_images_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let message = |layout| read_images(&path, layout).unwrap_err().to_string();
        write_npy(&path, &Array4::<u8>::zeros((2, 4, 6, 5))).unwrap();
        assert!(message(Layout::Detect).contains("[2, 4, 6, 5]"));
        write_npy(&path, &Array4::<u8>::zeros((2, 3, 6, 5))).unwrap();
        assert!(message(Layout::ChannelsLast).contains("in its place"));
        write_npy(&path, &Array4::<u8>::zeros((0, 3, 6, 5))).unwrap();
        assert!(message(Layout::Detect).contains("no images"));
        write_npy(&path, &Array4::<f32>::zeros((1, 3, 6, 5))).unwrap();
        assert!(message(Layout::Detect).contains("must be uint8"));
        write_npy(&path, &Array3::<u8>::zeros((1, 3, 6)).remove_axis(Axis(0))).unwrap();
        assert!(message(Layout::Detect).contains("a.npy"));
        std::fs::write(&path, &std::fs::read(&path).unwrap()[..70]).unwrap();
        assert!(message(Layout::Detect).contains("a.npy"));
    }
}
