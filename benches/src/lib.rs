//! How fast and how accurate zoning is, with rivals beside ours.
//!
//! | part | what |
//! |---|---|
//! | [`families`], [`problem`] | anchors of several kinds, noise and cotangents, all from a seed |
//! | [`solvers`], [`contenders`], [`rivals`] | what is compared |
//! | [`oracle`], [`accuracy`] | the converged solution in double precision, and distances from it |
//! | [`measure`] | seconds, bytes, and the speed of this machine's matrix products |
//! | [`report`] | the numbers of one setting |
//!
//! ```sh
//! cargo bench -p lzn-benches                                        # criterion, every size
//! cargo run --release -p lzn-benches --bin zoning -- --help         # one setting in every respect
//! cargo run --release -p lzn-benches --bin zoning-tables -- --help  # the tables and pictures of docs/zoning.md
//! ```
//!
//! Inputs are made outside whatever is measured from fixed seeds, and every result is looked at before it is timed.

pub mod accuracy;
pub mod contenders;
pub mod families;
pub mod measure;
pub mod oracle;
pub mod problem;
pub mod report;
pub mod rivals;
pub mod solvers;
