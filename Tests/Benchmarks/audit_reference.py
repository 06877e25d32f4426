#!/usr/bin/env python3
"""What one would run instead of `modinspect audit`: a loop over a tree with safetensors, numpy, scipy and scikit-learn.

    audit_reference.py TREE [--limit N]

For each file: its SHA-256, a digest of every tensor, NaN and infinities, rows and columns of zeros, repeated rows, and the scores of its layers.
Prints a line of JSON for each, and at the end, on standard error, the seconds of the loop alone: Python and its libraries take seconds to start.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

import reference


def neurons(matrix):
    """How many rows and columns are 0, and how many rows occur before."""
    _, counts = np.unique(matrix, axis=0, return_counts=True)
    return {
        "dead_out": int((np.abs(matrix).sum(1) == 0).sum()), "dead_in": int((np.abs(matrix).sum(0) == 0).sum()),
        "duplicate": int((counts - 1).sum()),
    }


def examine(path):
    row = {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "tensors": {}, "layers": {}}
    tensors = reference.load(path)
    for name, shape, read in tensors:
        tensor = read()
        row["tensors"][name] = {
            "digest": hashlib.sha256(tensor.astype(np.float64).tobytes()).hexdigest(), "nan": int(np.isnan(tensor).sum()),
            "infinite": int(np.isinf(tensor).sum()), **(neurons(tensor) if tensor.ndim == 2 else {}),
        }
    for name, shape, read in reference.choose_layers(tensors, []):
        matrix = reference.weight_matrix(name, read())
        labels = reference.cluster(matrix, 4, "cocluster", 0)
        row["layers"][name] = {measure: float(value) for measure, value in reference.score(matrix, *labels).items()}
    return row


parser = argparse.ArgumentParser()
parser.add_argument("tree", type=Path)
parser.add_argument("--limit", type=int)
options = parser.parse_args()
paths = sorted(options.tree.rglob("*.safetensors"), key=lambda path: reference.natural_order(str(path)))[: options.limit]
started = time.perf_counter()
for path in paths:
    print(json.dumps(examine(path)))
print(f"{len(paths)} {time.perf_counter() - started:.6f}", file=sys.stderr)
