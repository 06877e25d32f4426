#!/usr/bin/env python3
"""What one would run instead of `modinspect score`: the same scores with safetensors, numpy, scipy and scikit-learn.

    reference.py CHECKPOINT... [-k 4] [--method cocluster|bsgc] [--clusters FILE] [--null N] [--layers GLOB]

Needs safetensors, numpy, scipy and scikit-learn; torch too for PyTorch files and for bfloat16.
"""

import argparse
import csv
import fnmatch
import json
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import safe_open
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans

MEASURES = ["clusterability", "chance", "adjusted", "modularity", "ncut"]

# The MLP input matrix of every block, for the families that name it so.
LANGUAGE_MODEL_LAYERS = re.compile(
    r"(^|\.)(h\.\d+\.mlp\.c_fc\.weight|layers\.\d+\.mlp\.(dense_h_to_4h|up_proj)\.weight|blocks\.\d+\.mlp\.W_in)$"
)
NESTED_MODEL_KEYS = ["model", "state_dict", "model_state_dict"]


# Loading: a checkpoint is a list of (name, shape, function that reads the tensor as a numpy array).


def natural_order(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def from_arrays(arrays):
    return [(name, array.shape, lambda array=array: array) for name, array in arrays.items()]


def read_tensor(path, name, framework):
    with safe_open(path, framework=framework) as file:
        tensor = file.get_tensor(name)
    return tensor.float().numpy() if framework == "pt" else tensor


def from_safetensors(path):
    tensors = []
    with safe_open(path, framework="np") as file:
        for name in sorted(file.keys(), key=natural_order):
            view = file.get_slice(name)
            framework = "pt" if view.get_dtype() == "BF16" else "np"  # numpy has no bfloat16
            tensors.append(
                (name, tuple(view.get_shape()), lambda name=name, framework=framework: read_tensor(path, name, framework))
            )
    return tensors


def from_directory(path):
    indices = sorted(path.glob("*.safetensors.index.json"))
    if indices:
        shards = set(json.loads(indices[0].read_text())["weight_map"].values())
        tensors = [tensor for shard in shards for tensor in from_safetensors(path / shard)]
        return sorted(tensors, key=lambda tensor: natural_order(tensor[0]))
    return from_safetensors(path / "model.safetensors")


def from_tar(path):
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith(".safetensors"):
                arrays = safetensors.numpy.load(archive.extractfile(member).read())
                return from_arrays({name: arrays[name] for name in sorted(arrays, key=natural_order)})
    raise SystemExit(f"{path}: no safetensors file in this archive")


def from_torch(path):
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    for key in NESTED_MODEL_KEYS:
        if isinstance(state.get(key), dict):
            state = state[key]
            break
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    return from_arrays(
        {name: (value.float() if value.dtype == torch.bfloat16 else value).numpy() for name, value in tensors.items()}
    )


def load(path):
    path = Path(path)
    if path.is_dir():
        return from_directory(path)
    if path.suffix == ".safetensors":
        return from_safetensors(path)
    if path.suffix == ".npz":
        return from_arrays(dict(np.load(path)))
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        return from_torch(path)
    return from_tar(path)


def choose_layers(tensors, globs):
    if globs:
        return [tensor for tensor in tensors if any(fnmatch.fnmatchcase(tensor[0], glob) for glob in globs)]
    blocks = [tensor for tensor in tensors if LANGUAGE_MODEL_LAYERS.search(tensor[0])]
    if blocks:
        return blocks
    chain = [tensor for tensor in tensors if len(tensor[1]) in (2, 4)]
    return chain[1:-1] or chain


def weight_matrix(name, tensor):
    """The tensor as [out, in]: convolutions by the root of the summed squares over the kernel, GPT-2's Conv1D turned."""
    if tensor.ndim == 4:
        return np.sqrt(np.square(tensor, dtype=np.float64).sum(axis=(2, 3)))
    return tensor.T if name.endswith("c_fc.weight") else tensor


# Clustering


def inverse_root(sums):
    return np.where(sums > 0, 1 / np.sqrt(np.where(sums > 0, sums, 1)), 0)


def leading_triplets(matrix, k, seed):
    """The k leading left and right singular vectors as columns, the largest first."""
    if k >= min(matrix.shape):
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        return left[:, :k], right[:k].T
    left, values, right = svds(matrix, k=k, rng=np.random.default_rng(seed))
    order = np.argsort(-values)
    return left[:, order], right[order].T


def kmeans(points, k, seed, restarts=10):
    return KMeans(n_clusters=k, n_init=restarts, random_state=seed).fit_predict(points)


def align(matrix, out_labels, in_labels, k):
    """The in-side labels renumbered so that the matching clusters hold the most squared weight."""
    shared = np.eye(k)[out_labels].T @ np.square(matrix, dtype=np.float64) @ np.eye(k)[in_labels]
    out_clusters, in_clusters = linear_sum_assignment(shared, maximize=True)
    renumbered = np.empty(k, dtype=int)
    renumbered[in_clusters] = out_clusters
    return renumbered[in_labels]


def cluster(matrix, k, method, seed, restarts=10):
    """The labels of the out-neurons (rows) and of the in-neurons (columns); -1 for neurons without any weight."""
    absolute = np.abs(matrix)
    out_sums, in_sums = absolute.sum(axis=1), absolute.sum(axis=0)
    out_used, in_used = out_sums > 0, in_sums > 0
    out_labels, in_labels = np.full(len(out_sums), -1), np.full(len(in_sums), -1)
    if not out_used.any():
        return out_labels, in_labels

    out_scale, in_scale = inverse_root(out_sums), inverse_root(in_sums)
    left, right = leading_triplets(out_scale[:, None] * absolute * in_scale, k, seed)
    if method == "cocluster":
        points = np.vstack([(out_scale[:, None] * left[:, 1:])[out_used], (in_scale[:, None] * right[:, 1:])[in_used]])
        labels = kmeans(points, k, seed, restarts)
        out_labels[out_used], in_labels[in_used] = labels[: out_used.sum()], labels[out_used.sum() :]
    else:
        out_labels[out_used] = kmeans(left[out_used], k, seed, restarts)
        in_labels[in_used] = kmeans(right[in_used], k, seed, restarts)
        in_labels[in_used] = align(matrix[out_used][:, in_used], out_labels[out_used], in_labels[in_used], k)
    return out_labels, in_labels


def read_clusters(path):
    """{layer: (out labels, in labels)} from a file of `layer side index cluster`, separated by tabs."""
    rows = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            rows.setdefault((row["layer"], row["side"]), {})[int(row["index"])] = int(row["cluster"])
    sides = {key: np.array([labels[index] for index in range(len(labels))]) for key, labels in rows.items()}
    return {layer: (sides[layer, "out"], sides[layer, "in"]) for layer, _ in rows}


# Measures


def score(matrix, out_labels, in_labels):
    clusters = np.arange(max(out_labels.max(), in_labels.max()) + 1)
    out_member = (out_labels[:, None] == clusters).astype(np.float64)
    in_member = (in_labels[:, None] == clusters).astype(np.float64)

    squares = np.square(matrix, dtype=np.float64)
    total = squares.sum()
    if total == 0:
        return dict.fromkeys(MEASURES, np.nan)
    shared = out_member.T @ squares @ in_member
    clusterability = np.trace(shared) / total
    chance = ((out_member.T @ squares.sum(axis=1)) @ (in_member.T @ squares.sum(axis=0))) / total**2

    absolute = np.abs(matrix).astype(np.float64)
    volume = out_member.T @ absolute.sum(axis=1) + in_member.T @ absolute.sum(axis=0)
    within = 2 * np.diag(out_member.T @ absolute @ in_member)
    held = volume > 0
    return {
        "clusterability": clusterability,
        "chance": chance,
        "adjusted": (clusterability - chance) / (1 - chance) if chance < 1 else np.nan,
        "modularity": clusterability - chance,
        "ncut": ((volume - within)[held] / volume[held]).sum(),
    }


def null_model(matrix, observed, count, k, method, seed):
    """Mean, standard deviation, z and p of the clusterability of the layer with its entries permuted."""
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(count):
        permuted = generator.permutation(matrix.ravel()).reshape(matrix.shape)
        scores.append(score(permuted, *cluster(permuted, k, method, seed))["clusterability"])
    scores = np.array(scores)
    deviation = scores.std(ddof=1) if count > 1 else np.nan
    return {
        "null_mean": scores.mean(),
        "null_sd": deviation,
        "z": (observed - scores.mean()) / deviation,
        "p": (1 + (scores >= observed).sum()) / (count + 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT")
    parser.add_argument("-k", type=int, default=4, help="clusters a side")
    parser.add_argument("--method", choices=["cocluster", "bsgc"], default="cocluster")
    parser.add_argument("--clusters", metavar="FILE", help="score these labels instead of clustering")
    parser.add_argument("--null", type=int, default=0, metavar="N", help="permutations of the null model")
    parser.add_argument("--layers", action="append", metavar="GLOB")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    given = read_clusters(arguments.clusters) if arguments.clusters else None

    reports = []
    for path in arguments.checkpoints:
        layers = []
        for name, _, read in choose_layers(load(path), arguments.layers):
            matrix = weight_matrix(name, read())
            if not np.isfinite(matrix).all():
                raise SystemExit(f"{path}: tensor '{name}': weights that are not finite")
            labels = given[name] if given else cluster(matrix, arguments.k, arguments.method, arguments.seed)
            row = {"layer": name, "out": matrix.shape[0], "in": matrix.shape[1], **score(matrix, *labels)}
            if arguments.null:
                row |= null_model(
                    matrix, row["clusterability"], arguments.null, arguments.k, arguments.method, arguments.seed
                )
            layers.append(row)
        if not layers:
            raise SystemExit(f"{path}: no weight matrix to score")
        mean = {measure: float(np.nanmean([row[measure] for row in layers])) for measure in MEASURES}
        reports.append({"path": path, "layers": layers, "mean": mean})

    if arguments.format == "json":
        json.dump(reports, sys.stdout, indent=1, default=float)
        print()
        return
    for report in reports:
        print(report["path"])
        columns = list(report["layers"][0])
        rows = report["layers"] + [{"layer": "mean", **report["mean"]}]
        cells = [columns] + [
            [f"{row[column]:.4f}" if isinstance(row.get(column), float) else str(row.get(column, "")) for column in columns]
            for row in rows
        ]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        for line in cells:
            print("  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))))


if __name__ == "__main__":
    main()
