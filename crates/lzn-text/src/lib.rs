//! Text as a data type: what turns texts into anchors, and latents into texts.
//!
//! ```text
//! text ── tokens (bytes) ── TextBatch ──▶ TextEncoder ──▶ anchor [B, d]
//! latent [B, d] ──▶ TextDecoder ──▶ text, written byte by byte, the likeliest or drawn
//! assignment over the anchors of a TextBank [B, N] ──▶ the texts whose zones hold the latent, with probabilities
//! ```
//!
//! Texts are bytes of UTF-8: every text of every script has tokens, and there is no vocabulary to be trained or kept. What the
//! decoder writes is valid UTF-8, because it is asked for nothing else ([`TextDecoder::generate`]). Zones and flows are not
//! known here: encoders give anchors, decoders take latents or assignments.
//!
//! # Example
//! ```
//! use lzn_random::{Purpose, Stream};
//! use lzn_text::{TextDecoder, TextDecoderConfig, TextEncoder, TextEncoderConfig, Writing};
//! use lzn_torch::ParamStore;
//! use tch::Device;
//!
//! let store = ParamStore::new(Device::Cpu, 0);
//! let (latent_dim, max_bytes) = (8, 20);
//! let encoder = TextEncoder::new(&(store.root() / "encoder"), &TextEncoderConfig::default(), max_bytes, latent_dim)?;
//! let anchors = encoder.forward(&encoder.batch(&["red apple", "größe 🍏"])?, false)?;
//! assert_eq!(anchors.size(), [2, 8]);
//!
//! let decoder = TextDecoder::new(&(store.root() / "decoder"), &TextDecoderConfig::default(), max_bytes, latent_dim)?;
//! let mut streams = [0, 1].map(|sample| Stream::new(7, Purpose::SAMPLE_TEXT, [sample, 0, 0]));
//! let written = decoder.generate(&anchors, &Writing::default(), &mut streams)?; // untrained: any text of at most 20 bytes
//! assert!(written.len() == 2 && written.iter().all(|text| text.len() <= max_bytes));
//! # Ok::<(), lzn_text::TextError>(())
//! ```

mod bank;
mod batch;
mod choice;
mod config;
mod decoder;
mod encoder;
mod error;
pub mod tokens;
mod transformer;
mod utf8;

pub use bank::{Retrieved, TextBank};
pub use batch::TextBatch;
pub use choice::Writing;
pub use config::{TextConfig, TextDecoderConfig, TextEncoderConfig};
pub use decoder::TextDecoder;
pub use encoder::TextEncoder;
pub use error::TextError;
