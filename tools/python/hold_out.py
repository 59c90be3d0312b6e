"""Write the embedded training images of Fashion-MNIST as an image folder of which a fifth is held out: for tuning that never sees a test image.

    python tools/python/hold_out.py data/fashion-mnist-held-out
    lzn train --config tools/configs/representation-fashion-mnist.toml --set 'data.source="image-folder"' --set 'data.path="data/fashion-mnist-held-out"'

`train/CLASS/` gets the first 800 images of every class, `test/CLASS/` the other 200. Needs numpy and pillow.
"""

import collections
import gzip
import pathlib
import sys

import numpy
from PIL import Image

SOURCE = pathlib.Path(__file__).parents[2] / "datasets" / "fashion-mnist"
KEPT = 800


def read(name, header):
    return numpy.frombuffer(gzip.open(SOURCE / name).read(), numpy.uint8)[header:]


def main(out):
    images = read("train-10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    seen = collections.Counter()
    for index, (image, label) in enumerate(zip(images, read("train-10k-labels-idx1-ubyte.gz", 8))):
        folder = out / ("train" if seen[label] < KEPT else "test") / str(label)
        seen[label] += 1
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:05d}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
