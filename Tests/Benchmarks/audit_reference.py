#!/usr/bin/env python3
"""What one would run instead of `modinspect audit`: a loop over a tree with safetensors, numpy, scipy and scikit-learn.

    audit_reference.py TREE [--limit N] [--restarts N]

For each file what a row of `modinspect audit` has: its size, time and SHA-256, a digest of the weights whatever the container, parameters and types,
NaN and infinities, matrices of zeros, rows and columns of zeros, rows that repeat another or are a multiple of one, matrices that occur twice, and
the scores of its layers with their mean. k-means runs as often as modinspect's does on points this few, which tells the best of them apart from the
next; --restarts 10 is what one often sees instead. Prints a line of JSON for each, and at the end, on standard error, the seconds of the loop alone:
Python and its libraries take seconds to start.
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
    """How many rows and columns are 0, how many rows occur before, and how many are a multiple of an earlier one."""
    lengths = np.linalg.norm(matrix, axis=1)
    used = matrix[lengths > 0].astype(np.float64)
    _, firsts = np.unique(used, axis=0, return_index=True)
    distinct = used[np.sort(firsts)]
    unit = distinct / np.linalg.norm(distinct, axis=1)[:, None]
    return {
        "dead_out": int((lengths == 0).sum()), "dead_in": int((~matrix.any(axis=0)).sum()), "duplicate": len(used) - len(distinct),
        "proportional": int((np.triu(np.abs(unit @ unit.T), 1) > 1 - 1e-12).any(axis=0).sum()),
    }


def examine(path, restarts):
    content, status = path.read_bytes(), path.stat()
    row = {
        "path": str(path), "size": status.st_size, "modified": status.st_mtime_ns, "sha256": hashlib.sha256(content).hexdigest(),
        "findings": {}, "layers": {},
    }
    lines, digests, dtypes, parameters = [], {}, set(), 0
    tensors = [(name, shape, read()) for name, shape, read in reference.load(path)]
    for name, shape, tensor in tensors:
        digest = hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()
        lines.append(f"{name}\t{'x'.join(map(str, shape))}\t{digest}\n")
        parameters += tensor.size
        dtypes.add(str(tensor.dtype))
        found = {"nan": int(np.isnan(tensor).sum()), "infinite": int(np.isinf(tensor).sum())}
        if tensor.ndim == 2:
            digests.setdefault((shape, digest), []).append(name)
            found |= neurons(tensor) if tensor.any() else {"zero": 1}
        row["findings"][name] = {kind: count for kind, count in found.items() if count}
    row["copies"] = [names for names in digests.values() if len(names) > 1]
    row["weights_sha256"] = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    row["model"] = {"parameters": parameters, "dtypes": sorted(dtypes)}
    for name, shape, read in reference.choose_layers([(name, shape, lambda tensor=tensor: tensor) for name, shape, tensor in tensors], []):
        matrix = reference.weight_matrix(name, read())
        labels = reference.cluster(matrix, 4, "cocluster", 0, restarts)
        row["layers"][name] = {measure: float(value) for measure, value in reference.score(matrix, *labels).items()}
    row["mean"] = {measure: float(np.mean([scores[measure] for scores in row["layers"].values()])) for measure in reference.MEASURES}
    return row


parser = argparse.ArgumentParser()
parser.add_argument("tree", type=Path)
parser.add_argument("--limit", type=int)
parser.add_argument("--restarts", type=int, default=100, help="runs of k-means")
options = parser.parse_args()
paths = sorted(options.tree.rglob("*.safetensors"), key=lambda path: reference.natural_order(str(path)))[: options.limit]
started = time.perf_counter()
for path in paths:
    print(json.dumps(examine(path, options.restarts)))
print(f"{len(paths)} {time.perf_counter() - started:.6f}", file=sys.stderr)
