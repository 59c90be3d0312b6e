"""Writes ssim.json: structural similarity by scikit-image of images made by a formula.

Needs numpy and scikit-image (0.26.0 made the file). The formula is written again in src/reconstruction/ssim.rs.
"""

import json
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity


def formula(shape, salt):
    n, c, i, j = np.meshgrid(*[np.arange(side) for side in shape], indexing="ij")
    wave = (i * (n + 2) + 3 * j + 40 * c + 11 * salt) % 256
    noise = (i * i * 7 + j * j * 13 + i * j * 5 + 31 * n + 17 * salt) % (1 + 40 * salt)
    return (wave // 2 + noise).astype(np.uint8)


golden = []
for shape in [(2, 1, 11, 11), (2, 3, 32, 32), (1, 1, 28, 28), (2, 3, 17, 40)]:
    pairs = zip(formula(shape, 0), formula(shape, 2))
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=0)
    golden.append({"shape": shape, "per_image": [float(structural_similarity(a, b, **options)) for a, b in pairs]})
Path(__file__).with_name("ssim.json").write_text(json.dumps(golden, indent=1) + "\n")
