#!/usr/bin/env python3
"""make_tree.py DIR: 300 checkpoints in folders of runs, among them files that are cut, empty, no checkpoints, and weights that are not numbers."""

import pathlib
import sys

import numpy as np

root = pathlib.Path(sys.argv[1])
for place in range(300):
    random = np.random.default_rng(place)
    folder = root / f"run-{place // 30}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{place % 30 * 100}.npz"
    weights = {f"fc{n}.weight": random.standard_normal(shape).astype("f4") for n, shape in enumerate([(64, 100), (64, 64), (64, 64), (10, 64)], 1)}
    if place % 50 == 7:
        weights["fc2.weight"][3, 4] = np.nan
    np.savez(path, **weights)
    content = path.read_bytes()
    if place % 20 == 3:
        path.write_bytes(content[: len(content) * (place % 7 + 1) // 10])
    if place % 60 == 11:
        path.write_bytes(b"")
    if place % 60 == 31:
        path.write_bytes(random.bytes(len(content)))
