//! Reference statistics in files: what a Fréchet distance needs to know of a data set, computed once.
//!
//! | layout | arrays | functions |
//! |---|---|---|
//! | pytorch-fid, TTUR | `mu [d]`, `sigma [d, d]` | [`read_statistics`], [`write_statistics`] |
//! | clean-fid | the same, named by data set and protocol, and a second file with `feats [N, d]` for KID | [`CleanFidFiles`] |
//! | guided diffusion (ADM) | `mu`, `sigma`, the spatial `mu_s`, `sigma_s`, and images `arr_0` | [`AdmReference`] |
//!
//! None of the three says how many images there were. We add the number as `n`, which the other readers ignore.
//! [`StatisticsCache`] keeps our own by what they were computed from.

mod adm;
mod cache;
pub(crate) mod check;
mod clean_fid;
mod statistics;

pub use crate::distribution::Gaussian;
pub use adm::AdmReference;
pub use cache::{CacheKey, Cached, Origin, StatisticsCache};
pub use clean_fid::CleanFidFiles;
pub use statistics::{read_statistics, write_statistics};
