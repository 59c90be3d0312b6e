//! Kinds of numbers in tensors.

/// The kind of a tensor's elements. All are little-endian in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dtype {
    F16,
    BF16,
    F32,
    F64,
    U8,
    I8,
    I16,
    I32,
    I64,
    Bool,
}

/// Names of the storage classes in the module `torch`.
const STORAGES: [(&str, Dtype); 10] = [
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("FloatStorage", Dtype::F32),
    ("DoubleStorage", Dtype::F64),
    ("ByteStorage", Dtype::U8),
    ("CharStorage", Dtype::I8),
    ("ShortStorage", Dtype::I16),
    ("IntStorage", Dtype::I32),
    ("LongStorage", Dtype::I64),
    ("BoolStorage", Dtype::Bool),
];

impl Dtype {
    /// Bytes of one element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    pub(crate) fn of_storage(name: &str) -> Option<Self> {
        STORAGES.iter().find(|(storage, _)| *storage == name).map(|(_, dtype)| *dtype)
    }

    pub(crate) fn storage(self) -> &'static str {
        STORAGES.iter().find(|(_, dtype)| *dtype == self).map_or("UntypedStorage", |(storage, _)| storage)
    }
}
