//! Where a tensor lies in the memory that its file holds.

use crate::dtype::Dtype;
use crate::node::Storage;

/// Most dimensions of a tensor; networks have four.
pub(crate) const DIMENSIONS: usize = 16;

/// A tensor of a file: its kind and shape, and where its numbers are.
#[derive(Debug, Clone)]
pub struct TensorInfo {
    storage: Storage,
    /// Elements before the first one.
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl TensorInfo {
    /// Checks that the tensor lies within its storage.
    pub(crate) fn new(storage: Storage, offset: i64, shape: &[i64], strides: &[i64]) -> Result<Self, String> {
        let refuse = |what: &str| {
            let stated =
                format!("shape {shape:?}, strides {strides:?}, offset {offset}, {} elements stored", storage.len);
            Err(format!("a tensor {what} ({stated})"))
        };
        if shape.len() != strides.len() {
            return refuse("has a shape and strides that do not belong together");
        }
        let whole = |values: &[i64]| values.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<Vec<usize>>>();
        let (Some(shape_), Some(strides_), Ok(offset_)) = (whole(shape), whole(strides), usize::try_from(offset))
        else {
            return refuse("has a negative size, stride or offset");
        };
        let count = shape_.iter().try_fold(1usize, |count, n| count.checked_mul(*n));
        let last = || {
            let steps = shape_.iter().zip(&strides_);
            steps.map(|(n, stride)| (n - 1).checked_mul(*stride)).try_fold(offset_, |at, step| at.checked_add(step?))
        };
        match count {
            Some(0) => {}
            // More elements than are stored could only be the same ones over and over.
            Some(count) if count <= storage.len && last().is_some_and(|last| last < storage.len) => {}
            _ => return refuse("reaches beyond its memory"),
        }
        Ok(Self { storage, offset: offset_, shape: shape_, strides: strides_ })
    }

    /// The kind of its elements.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.storage.dtype
    }

    /// Its shape; empty for a single number.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Bytes of the elements in row-major order, out of those of the whole storage.
    pub(crate) fn gather(&self, storage: &[u8]) -> Vec<u8> {
        let size = self.dtype().size();
        let count = self.len();
        if count == 0 {
            return Vec::new();
        }
        if self.is_row_major() {
            return storage[self.offset * size..][..count * size].to_vec();
        }
        let mut bytes = Vec::with_capacity(count * size);
        let mut place = vec![0; self.shape.len()];
        for _ in 0..count {
            let at = self.offset + place.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum::<usize>();
            bytes.extend_from_slice(&storage[at * size..][..size]);
            for (i, n) in place.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < *n {
                    break;
                }
                *i = 0;
            }
        }
        bytes
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(n, stride)| {
            let fits = *n <= 1 || *stride == expected;
            expected *= n;
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(len: usize, offset: i64, shape: &[i64], strides: &[i64]) -> Result<TensorInfo, String> {
        TensorInfo::new(Storage { key: "0".into(), dtype: Dtype::U8, len }, offset, shape, strides)
    }

    #[test]
    fn strides_are_followed_to_row_major_order() {
        let storage: Vec<u8> = (0..12).collect();
        let gather =
            |offset, shape: &[i64], strides: &[i64]| tensor(12, offset, shape, strides).unwrap().gather(&storage);
        assert_eq!(gather(0, &[3, 4], &[4, 1]), storage);
        assert_eq!(gather(1, &[2, 3], &[1, 4]), [1, 5, 9, 2, 6, 10]);
        assert_eq!(gather(2, &[2, 2], &[4, 1]), [2, 3, 6, 7]);
        assert_eq!(gather(5, &[], &[]), [5]);
        assert_eq!(gather(0, &[0, 7], &[7, 1]), []);
        assert_eq!(gather(3, &[1, 3], &[999, 1]), [3, 4, 5]);
    }

    #[test]
    fn what_does_not_lie_within_its_storage_is_refused() {
        for (offset, shape, strides) in [
            (0, vec![13], vec![1]),
            (1, vec![12], vec![1]),
            (0, vec![2, 2], vec![11, 1]),
            (-1, vec![2], vec![1]),
            (0, vec![-2], vec![1]),
            (0, vec![2], vec![-1]),
            (0, vec![2], vec![]),
            (0, vec![1_000_000], vec![0]),
            (0, vec![i64::MAX, i64::MAX], vec![1, 1]),
            (i64::MAX, vec![2], vec![i64::MAX]),
        ] {
            assert!(tensor(12, offset, &shape, &strides).is_err(), "{offset} {shape:?} {strides:?}");
        }
    }
}
