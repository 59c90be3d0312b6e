//! The published configurations have the published numbers of parameters (paper, appendices C.3, D.3 and E.3).

use lzn_flow::{Progressive, ProgressiveInput, TimeEmbeddingKind, VelocityNet, VelocityNetConfig, VelocityNetInput};
use lzn_torch::{ParamStore, nn::ImageShape};

fn at_256_pixels() -> VelocityNetConfig {
    VelocityNetConfig {
        ch_mult: vec![1, 1, 2, 2, 2, 2, 2],
        num_res_blocks: 2,
        dropout: 0.0,
        embedding_type: TimeEmbeddingKind::Fourier,
        fir: true,
        progressive: Progressive::OutputSkip,
        progressive_input: ProgressiveInput::InputSkip,
        scale_by_sigma: true,
        sigma_max: 378.0,
        num_scales: 2000,
        ..VelocityNetConfig::default()
    }
}

#[test]
fn decoders_have_the_published_numbers_of_parameters() {
    for (config, size, latent_dim, classes, expected) in [
        (VelocityNetConfig::default(), 32, 200, 0, 61_906_819),
        (VelocityNetConfig::default(), 32, 200, 10, 61_911_939),
        (VelocityNetConfig::default(), 32, 0, 0, 61_804_419),
        (VelocityNetConfig::default(), 32, 0, 10, 61_809_539),
        (at_256_pixels(), 256, 200, 0, 65_676_949),
        (at_256_pixels(), 256, 0, 0, 65_574_549),
    ] {
        let store = ParamStore::new(tch::Device::Cpu, 0);
        let input = VelocityNetInput { image: ImageShape { size, channels: 3 }, latent_dim, classes };
        VelocityNet::new(&store.root(), &config, input).unwrap();
        // The fixed Fourier frequencies count as well, although no optimizer moves them.
        let values: usize = store.named().iter().map(|(_, tensor)| tensor.numel()).sum();
        assert_eq!(values, expected, "{size} pixels, latent of {latent_dim}, {classes} classes");
    }
}
