//! Networks whose features metrics compare: Inception, EfficientNet-Lite0, a LeNet, and any TorchScript file.
