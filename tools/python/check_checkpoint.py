"""Reads a checkpoint in the published layout with plain PyTorch and checks that its parts fit together.

    python3 check_checkpoint.py FILE.pt

Nothing in the file is run (weights_only). The optimizer and the learning rate schedule are loaded into PyTorch's own classes.
"""

import sys

import torch

PREFIX = "model.module."


def check_part(state, name):
    """Compares parameters with their averages; returns those that the optimizer numbers."""
    parameters = {}
    for key, tensor in state[name].items():
        assert key.startswith(PREFIX), f"{name}.{key} lacks the prefix {PREFIX}"
        assert torch.isfinite(tensor).all(), f"{name}.{key} is not finite"
        if key != PREFIX + "sigmas":
            parameters[key] = tensor
    # Fourier frequencies, the first module of a decoder that has them, do not learn.
    learning = [t for key, t in parameters.items() if key != PREFIX + "all_modules.0.W"]
    averages = state[name + "_ema"]["shadow_params"]
    assert len(averages) == len(learning), f"{name}: {len(averages)} averages of {len(learning)} parameters"
    for average, parameter in zip(averages, learning):
        assert average.shape == parameter.shape, f"{name}: an average of {average.shape} for {parameter.shape}"
    return list(parameters.values())


def main(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    parts = [name for name in ("encoder", "decoder", "label_anchor") if name in state]
    groups = [{"params": [torch.nn.Parameter(t) for t in check_part(state, name)], "lr": 1.0} for name in parts]
    optimizer = torch.optim.Adam(groups)
    optimizer.load_state_dict(state["optimizer"])
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            moments = optimizer.state.get(parameter)
            assert not moments or moments["exp_avg"].shape == parameter.shape, "a moment of another shape"
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer)
    scheduler.load_state_dict(state["lr_scheduler"])
    assert scheduler.last_epoch <= state["iteration"], "more changes of the learning rate than iterations"
    for name in parts:
        print(f"{name}: {sum(t.numel() for t in state[name].values())} numbers")
    print(f"iteration {state['iteration']}, learning rates {scheduler.get_last_lr()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
