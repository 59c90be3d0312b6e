//! The data sets that ship with the repository, as bytes and names.
//!
//! Every data set has a folder here with its files, its licence and a card (`README.md`) that says where it comes from
//! and how it was made. This crate only carries the bytes; `lzn-data` reads them.

pub mod fashion_mnist;
