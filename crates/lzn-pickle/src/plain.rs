//! Pickles that are no files of torch: plain values, bytes, and arrays of bytes of NumPy.

use std::path::Path;

use crate::machine::{Dialect, Made, run_as};
use crate::node::{Node, check_depth};
use crate::{Limits, PtError, Value};

/// A pickle as `pickle.dump` writes it, of Python 2 or 3 (protocols 2 to 5), read as data: the batches of CIFAR-10 are such.
///
/// Lists, tuples, dicts, numbers, truth values, texts, bytes, and arrays of `uint8` are known; what else it asks for is refused by name.
///
/// # Example
/// ```
/// use std::path::Path;
/// use lzn_pickle::{Limits, Plain};
///
/// // pickle.dumps({"label": 7}, protocol=2)
/// let pickle = b"\x80\x02}q\x00X\x05\x00\x00\x00labelq\x01K\x07s.";
/// let plain = Plain::read(Path::new("label.pkl"), pickle, &Limits::default())?;
/// assert_eq!(plain.root().get("label").and_then(|label| label.int()), Some(7));
/// # Ok::<(), lzn_pickle::PtError>(())
/// ```
#[derive(Debug)]
pub struct Plain {
    nodes: Vec<Node>,
    root: u32,
}

impl Plain {
    /// Reads the bytes of a pickle; `path` only names them in errors.
    ///
    /// # Errors
    /// [`PtError::Refused`] says what is wrong, or what it holds that is not read.
    pub fn read(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Self, PtError> {
        let refused = PtError::refused(path);
        if bytes.len() as u64 > limits.pickle_bytes {
            return Err(refused(format!("its pickle has {} bytes, more than {}", bytes.len(), limits.pickle_bytes)));
        }
        let Made { nodes, root, .. } = run_as(Dialect::Numpy, bytes, limits).map_err(&refused)?;
        check_depth(&nodes, root, limits).map_err(&refused)?;
        Ok(Self { nodes, root })
    }

    /// What was saved.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::new(&self.nodes, self.root)
    }
}
