"""Runs the node tests of the onnx package through `modinspect eval` and compares the outputs.

    python Tests/ONNX/node_tests.py .build/debug/modinspect [PATTERN...]

A test has any number of inputs. The first one of floating-point numbers becomes the data, its first dimension the samples; the others become stored
tensors. Outputs are compared within the test's own tolerance, since some state theirs to four digits. Prints one line for each test that is computed
wrongly, and how many are equal, refused (with an error that names the node), or of no use here (no input of numbers). Requires onnx and numpy. Ends
with status 1 if a test is wrong or an error is no single line.
"""
import collections
import fnmatch
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases


def main(program, *patterns):
    counts, refused, failed = collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for case in sorted(collect_testcases(None), key=lambda case: case.name):
            if patterns and not any(fnmatch.fnmatch(case.name, pattern) for pattern in patterns):
                continue
            result, detail = run(program, case, folder)
            counts[result] += 1
            if result == "wrong":
                failed.append(case.name)
                print("WRONG", f"{case.name}: {detail}", flush=True)
            if result == "refused":
                refused[detail] += 1
    for operator, count in sorted(refused.items()):
        print("refused", count, operator)
    print(dict(counts))
    return 1 if failed else 0


def run(program, case, folder):
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    inputs, outputs = case.data_sets[0]
    arrays = [array for array in inputs]
    main_input = next(
        (place for place, array in enumerate(arrays) if isinstance(array, np.ndarray) and array.dtype == np.float32 and array.ndim >= 1 and array.size),
        None,
    )
    if main_input is None or not isinstance(outputs[0], np.ndarray) or outputs[0].dtype != np.float32:
        return "no use", ""
    names = [value.name for value in graph.input]
    for place, array in enumerate(arrays):
        if place != main_input:
            if not isinstance(array, np.ndarray) or array.dtype == object:
                return "no use", ""
            graph.initializer.append(numpy_helper.from_array(array, names[place]))
    # A checkpoint has a tensor, and later sets of operators have the same ones.
    graph.initializer.append(numpy_helper.from_array(np.zeros((2, 2), np.float32), "unused"))
    for opset in model.opset_import:
        if not opset.domain:
            opset.version = min(opset.version, 23)
    kept = graph.input[main_input]
    del graph.input[:]
    graph.input.append(kept)
    path, data, scores = (os.path.join(folder, name) for name in ("m.onnx", "x.npz", "y.npy"))
    onnx.save(model, path)
    np.savez(data, x=arrays[main_input])
    if os.path.exists(scores):
        os.remove(scores)
    operator = graph.node[0].op_type
    try:
        ended = subprocess.run(
            [program, "eval", path, "--data", data, "--logits", scores, "--format", "json"], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "wrong", f"{operator} does not end"
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.strip().splitlines() if "warning:" not in line and "note:" not in line]
        if ended.returncode != 1 or len(lines) != 1:
            return "wrong", f"status {ended.returncode}: {ended.stderr.strip()[:200]}"
        return "refused", operator + ": " + lines[0].split(":", 3)[-1].strip()[:100]
    found, expected = np.load(scores), outputs[0]
    if found.size != expected.size or not np.allclose(found.ravel(), expected.ravel(), rtol=case.rtol, atol=max(case.atol, 1e-6), equal_nan=True):
        return "wrong", f"{operator} {found.shape} for {expected.shape}"
    return "equal", ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
