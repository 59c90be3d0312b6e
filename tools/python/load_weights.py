"""Loads weights that `lzn` wrote into plain PyTorch modules.

    python3 load_weights.py model.safetensors                         prints the parts and their sizes
    python3 load_weights.py model.safetensors --check case.safetensors    compares outputs with those of lzn

As a module:

    parts, config = load("model.safetensors")
    anchors = parts["encoder"](images)                    # [B, C, H, W] in [-1, 1] to [B, d]
    velocity = parts["decoder"](x, t, latents, one_hot)   # t in (0, 1]; what the decoder does not take is None
    table = parts["labels"]()                             # [classes, d]

Parameters keep their names in lzn. Zones are not here: latents come from `lzn`, or from N(0, I). Needs PyTorch and Python 3.11.
"""

import json
import math
import sys
import tomllib

import torch
from torch import nn
from torch.nn import functional as F

KINDS = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64}


def read(path):
    """Tensors and metadata of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})

    def tensor(entry):
        start, end = entry["data_offsets"]
        return torch.frombuffer(data[start:end], dtype=KINDS[entry["dtype"]]).reshape(entry["shape"])

    return {name: tensor(entry) for name, entry in header.items()}, metadata


class Part(nn.Module):
    """A tree of parameters by their dotted names, with the options of its network."""

    def __init__(self, state, options, normalises=False):
        super().__init__()
        self.options, self.normalises = options, normalises
        for name, values in state.items():
            *path, leaf = name.split(".")
            place = self
            for step in path:
                if step not in place._modules:
                    place.add_module(step, nn.Module())
                place = place._modules[step]
            learns = leaf != "frequencies"
            place.register_parameter(leaf, nn.Parameter(values, requires_grad=learns))

    def option(self, name, default):
        return self.options.get(name, default)

    def placed(self, anchors):
        """Anchors at the norm of a draw of the prior, where the model has all of them there."""
        return F.normalize(anchors) * math.sqrt(anchors.shape[1]) if self.normalises else anchors


def child(module, name):
    return module._modules.get(str(name))


def numbered(module, prefix=""):
    """The children PREFIX0, PREFIX1, ... in order."""
    found = []
    while (one := child(module, f"{prefix}{len(found)}")) is not None:
        found.append(one)
    return found


def linear(layer, x):
    return F.linear(x, layer.weight, layer.bias)


class Unet(Part):
    """What decoder and encoder of NCSN++ share."""

    def conv(self, layer, x):
        return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)

    def norm(self, layer, x):
        return F.group_norm(x, min(len(layer.weight) // 4, 32), layer.weight, layer.bias, eps=1e-6)

    def resample(self, x, up):
        if not self.option("fir", False):
            return F.interpolate(x, scale_factor=2, mode="nearest") if up else F.avg_pool2d(x, 2)
        taps = torch.tensor(self.option("fir_kernel", [1.0, 3.0, 3.0, 1.0]), dtype=torch.float64)
        kernel = torch.outer(taps, taps)
        kernel = (kernel / kernel.sum()).to(x)[None, None]
        b, c, h, w = x.shape
        planes, padding = x.reshape(b * c, 1, h, w), (len(taps) - 2) // 2
        if up:
            return F.conv_transpose2d(planes, 4 * kernel, stride=2, padding=padding).view(b, c, 2 * h, 2 * w)
        return F.conv2d(planes, kernel.flip(2, 3), stride=2, padding=padding).view(b, c, h // 2, w // 2)

    def total(self, x, h):
        return (x + h) / math.sqrt(2) if self.option("skip_rescale", True) else x + h

    def block(self, block, x, embedding, up=None):
        h = F.silu(self.norm(block.norm0, x))
        if up is not None:
            h, x = self.resample(h, up), self.resample(x, up)
        h = self.conv(block.conv0, h)
        if child(block, "embedding") is not None:
            h = h + linear(block.embedding, embedding)[:, :, None, None]
        h = F.dropout(F.silu(self.norm(block.norm1, h)), self.option("dropout", 0.15), self.training)
        h = self.conv(block.conv1, h)
        return self.total(self.conv(block.shortcut, x) if child(block, "shortcut") is not None else x, h)

    def attention(self, layer, x):
        b, c, h, w = x.shape
        tokens = self.norm(layer.norm, x).permute(0, 2, 3, 1).reshape(b, 1, h * w, c)
        query, key, value = (tokens @ one.weight + one.bias for one in (layer.query, layer.key, layer.value))
        mixed = F.scaled_dot_product_attention(query, key, value)
        out = (mixed @ layer.output.weight + layer.output.bias).view(b, h, w, c).permute(0, 3, 1, 2)
        return self.total(x, out)

    def down_path(self, image, embedding=None):
        """Feature maps of the way down, and that after the middle."""
        x = F.pixel_unshuffle(image, self.option("patch_size", 1))
        h = self.conv(self.first, x)
        maps = [h]
        for level in numbered(self.down):
            for i, block in enumerate(numbered(level, "block")):
                h = self.block(block, h, embedding)
                if child(level, f"attention{i}") is not None:
                    h = self.attention(child(level, f"attention{i}"), h)
                maps.append(h)
            if child(level, "step") is not None:
                h = self.block(level.step, h, embedding, up=False)
                if child(level, "combine") is not None:
                    x = self.resample(x, up=False)
                    h = h + self.conv(level.combine, x)
                maps.append(h)
        h = self.attention(self.middle.attention, self.block(self.middle.block0, h, embedding))
        return maps, self.block(self.middle.block1, h, embedding)


class Encoder(Unet):
    """Anchors of images: the sum of what a head on each feature map says."""

    def forward(self, image):
        maps, middle = self.down_path(image)
        maps.append(middle)
        anchor = 0
        for tap in self.latent._modules:
            h = F.silu(self.conv(child(self.spatial, tap), maps[int(tap)])).flatten(1)
            first, *rest = numbered(child(self.latent, tap))
            h = linear(first, h)
            for layer in rest:
                h = linear(layer, F.silu(h))
            anchor = anchor + h
        return self.placed(anchor)


class Decoder(Unet):
    """The velocity of images on their way from noise."""

    def forward(self, x, t, latents=None, one_hot=None):
        clock = 999 * t
        given = [one for one in (latents, one_hot, self.time_features(clock)) if one is not None]
        hidden = F.silu(linear(self.embedding.dense0, torch.cat(given, 1)))
        embedding = F.silu(linear(self.embedding.dense1, hidden))
        maps, h = self.down_path(x, embedding)
        output = None
        for level in reversed(numbered(self.up)):
            for block in numbered(level, "block"):
                h = self.block(block, torch.cat([h, maps.pop()], 1), embedding)
            if child(level, "attention") is not None:
                h = self.attention(level.attention, h)
            if child(level, "head") is not None:
                here = self.conv(level.head.conv, F.silu(self.norm(level.head.norm, h)))
                output = here if output is None else self.resample(output, up=True) + here
            if child(level, "step") is not None:
                h = self.block(level.step, h, embedding, up=True)
        return F.pixel_shuffle(output, self.option("patch_size", 1)) / self.noise_level(clock)[:, None, None, None]

    def fourier(self):
        return self.option("embedding_type", "positional") == "fourier"

    def time_features(self, clock):
        if self.fourier():
            angles = clock.log()[:, None] * self.time.frequencies * math.tau
        else:
            half = self.option("nf", 128) // 2
            places = torch.arange(half, dtype=torch.float32, device=clock.device)
            angles = clock[:, None] * torch.exp(places * (-math.log(10_000) / (half - 1)))
        return torch.cat([angles.sin(), angles.cos()], 1)

    def noise_level(self, clock):
        if not self.option("scale_by_sigma", False):
            return torch.ones_like(clock)
        if self.fourier():
            return clock
        high, low, count = self.option("sigma_max", 50.0), self.option("sigma_min", 0.01), self.option("num_scales", 1000)
        table = torch.linspace(math.log(high), math.log(low), count, dtype=torch.float64).exp().to(clock)
        return table[clock.long().clamp(0, count - 1)]


class ResNet(Part):
    """Anchors of images in representation learning."""

    def norm(self, layer, x):
        return F.group_norm(x, 32, layer.weight, layer.bias)

    def conv(self, unit, x, stride=1):
        x = F.conv2d(x, unit.conv.weight, stride=stride, padding=unit.conv.weight.shape[-1] // 2)
        return self.norm(unit.norm, x)

    def features(self, images):
        h = F.max_pool2d(F.relu(self.conv(self.stem, (images + 1) / 2, 2)), 3, 2, 1)
        for i, stage in enumerate(numbered(self.stages)):
            for j, block in enumerate(numbered(stage)):
                stride = 2 if i > 0 and j == 0 else 1
                projects = child(block, "projection") is not None
                shortcut = self.conv(block.projection, h, stride) if projects else h
                h = F.relu(self.conv(block.middle, F.relu(self.conv(block.reduce, h)), stride))
                h = F.relu(self.conv(block.expand, h) + shortcut)
        return h.mean((2, 3))

    def forward(self, images):
        h = self.features(images)
        for i, layer in enumerate(numbered(self.head)):
            h = self.norm(layer.norm, F.linear(F.relu(h) if i else h, layer.linear.weight))
        return self.placed(h)


class Labels(Part):
    """Anchors of labels."""

    def forward(self):
        return self.placed(self.anchors)


def load(path):
    """The parts of a model by name, in evaluation mode, and its configuration."""
    tensors, metadata = read(path)
    config = tomllib.loads(metadata["lzn.config"])
    model = config["model"]
    network, options = next(iter(model.get("encoder", {"": {}}).items()))
    makers = {"encoder": ResNet if network == "resnet" else Encoder, "decoder": Decoder, "labels": Labels}
    options = {"encoder": options, "decoder": model.get("decoder", {}), "labels": {}}
    parts = {}
    for name, make in makers.items():
        state = {key[len(name) + 1 :]: value for key, value in tensors.items() if key.startswith(name + ".")}
        if state:
            parts[name] = make(state, options[name], model.get("normalise_anchors", False)).eval()
    return parts, config


@torch.no_grad()
def check(parts, path):
    """Compares outputs with those that lzn gave for the same inputs."""
    case, _ = read(path)
    outputs = {}
    if "encoder" in parts:
        outputs["anchors"] = parts["encoder"](case["images"])
    if "labels" in parts:
        outputs["label_anchors"] = parts["labels"]()
    if "decoder" in parts:
        outputs["velocity"] = parts["decoder"](case["images"], case["t"], case.get("latents"), case.get("one_hot"))
    for name, output in outputs.items():
        error = ((output - case[name]).norm() / case[name].norm()).item()
        print(f"{name}: relative difference {error:.1e}")
        if not error < 1e-5:
            sys.exit(f"{name} differ from those of lzn")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4) or sys.argv[2:3] not in ([], ["--check"]):
        sys.exit(__doc__)
    modules, _ = load(sys.argv[1])
    for part, module in modules.items():
        print(f"{part}: {sum(values.numel() for values in module.parameters())} numbers")
    if len(sys.argv) == 4:
        check(modules, sys.argv[3])
