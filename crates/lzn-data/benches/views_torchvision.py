"""Two views by torchvision and PIL: what `views.rs` is measured beside. Needs pillow, numpy, torch, torchvision.

    python views_torchvision.py FOLDER     # fills FOLDER with JPEG files if it is not there; prints milliseconds
"""

import io
import sys
import time
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import functional as F

FILES = 32


def photograph(height, width, seed):
    """Clouds of several sizes with some noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.full((height, width, 3), 128.0)
    for wave in range(24):
        frequency, angle = 0.02 * 1.2**wave, random.uniform(0, 2 * np.pi)
        phase = random.uniform(0, 3) * (1 + np.arange(3) / 2)
        along = frequency * (np.cos(angle) * y + np.sin(angle) * x)
        image += 40 / np.sqrt(wave + 1) * np.sin(along[..., None] + phase)
    image += 24 * (random.random(image.shape) - 0.5)
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def views(size, kernel):
    """The published transforms, on PIL images."""
    jitter = T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8)
    blur = [T.GaussianBlur(kernel)] if kernel else []
    return T.Compose([T.RandomResizedCrop(size), T.RandomHorizontalFlip(), jitter, T.RandomGrayscale(0.2), *blur])


def measure(name, work, rounds):
    """Prints the time on the processor of one call, which gets its number."""
    times = []
    for call in range(rounds):
        start = time.process_time()
        work(call)
        times.append(time.process_time() - start)
    print(f"{name:<40} {1e3 * np.mean(times):8.3f} ms mean {1e3 * np.median(times):8.3f} ms median")


def main(folder):
    print(f"torchvision {torchvision.__version__}, torch {torch.__version__}, pillow {PIL.__version__}")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for file in range(FILES):
            photograph(375, 500, file).save(folder / f"{file:02}.jpg", quality=90)
    files = sorted(folder.glob("*.jpg"))

    def read(call):
        return Image.open(io.BytesIO(files[call % len(files)].read_bytes())).convert("RGB")

    def twice(transform, image):
        return [np.asarray(transform(image)) for _ in range(2)]

    crops = T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip()])
    evaluation = T.Compose([T.Resize(256), T.CenterCrop(224)])
    published, plain, small = views(224, 23), views(224, None), views(32, 3)
    measure("views/jpeg-500x375/decode", lambda call: np.asarray(read(call)), 200)
    measure("views/jpeg-500x375/evaluation-224", lambda call: np.asarray(evaluation(read(call))), 200)
    measure("views/jpeg-500x375/two-views", lambda call: twice(published, read(call)), 200)
    measure("views/jpeg-500x375/two-views-without-blur", lambda call: twice(plain, read(call)), 200)
    measure("views/jpeg-500x375/two-crops", lambda call: twice(crops, read(call)), 200)
    images = [photograph(32, 32, seed) for seed in range(FILES)]
    measure("views/32x32/two-views", lambda call: twice(small, images[call % FILES]), 1000)

    image = F.resized_crop(photograph(375, 500, 0), 30, 60, 240, 315, [224, 224])
    whole = photograph(375, 500, 0)
    for name, work in [
        ("crop", lambda _: F.resized_crop(whole, 30, 60, 240, 315, [224, 224])),
        ("flip", lambda _: F.hflip(image)),
        ("brightness", lambda _: F.adjust_brightness(image, 0.7)),
        ("contrast", lambda _: F.adjust_contrast(image, 0.7)),
        ("saturation", lambda _: F.adjust_saturation(image, 0.7)),
        ("hue", lambda _: F.adjust_hue(image, 0.1)),
        ("grey", lambda _: F.rgb_to_grayscale(image, 3)),
        ("blur-sigma-1", lambda _: F.gaussian_blur(image, [23, 23], [1.0, 1.0])),
        ("blur-sigma-2", lambda _: F.gaussian_blur(image, [23, 23], [2.0, 2.0])),
    ]:
        measure(f"views/224x224/{name}", work, 100)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
