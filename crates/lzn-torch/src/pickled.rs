//! Tensors out of files of `torch.save`, which [`lzn_pickle`] reads.

use lzn_pickle::{Dtype, TensorInfo};
use tch::{Kind, TchError, Tensor};

/// The tensor that a file describes by `info`, with its bytes as [`lzn_pickle::PtFile::bytes`] gives them; in main memory.
///
/// # Errors
/// What libtorch refuses.
pub fn tensor(bytes: &[u8], info: &TensorInfo) -> Result<Tensor, TchError> {
    let shape: Vec<i64> = info.shape().iter().map(|n| *n as i64).collect();
    Tensor::f_from_data_size(bytes, &shape, kind(info.dtype()))
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::U8 => Kind::Uint8,
        Dtype::I8 => Kind::Int8,
        Dtype::I16 => Kind::Int16,
        Dtype::I32 => Kind::Int,
        Dtype::I64 => Kind::Int64,
        Dtype::Bool => Kind::Bool,
    }
}
