#!/usr/bin/env python3
"""Times the pictures of large matrices and the pages of reports.

    run_pictures.py MODINSPECT FIXTURES [--folder FOLDER] [--repeats N]

Writes a matrix of 768 x 3072, one of 11008 x 4096 and a model of GPT-2 small's size into FOLDER (once, needs numpy and make_inputs.py beside
this), and prints what `score --format svg` takes beyond `score`, its peak memory, and how long `report` takes: for the MLP of the fixtures
with data, and for GPT-2 small without. Runs of the two commands alternate, so that both see the same machine.
"""

import argparse
import json
import os
import statistics
import struct
from pathlib import Path

from measuring import duration, measure, verdict


def write_matrix(path, rows, columns, dtype):
    import numpy as np

    values = np.random.default_rng(5).standard_normal((rows, columns), dtype=np.float32) * 0.02
    content = values.tobytes() if dtype == "F32" else (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    text = json.dumps({"w": {"dtype": dtype, "shape": [rows, columns], "data_offsets": [0, len(content)]}}).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def made(make):
    """Runs what needs numpy in a process of its own: the memory that this one holds would count as the commands'."""
    process = os.fork()
    if process == 0:
        make()
        os._exit(0)
    if os.waitpid(process, 0)[1] != 0:
        raise SystemExit("run_pictures.py: the inputs could not be written")


def write_gpt2(folder):
    import make_inputs

    make_inputs.gpt2(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("modinspect")
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("benchmark-pictures"))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, rows, columns, dtype, allowed, memory in (
        ("small", 768, 3072, "F32", 0.3, None), ("large", 11008, 4096, "BF16", 2.0, 300),
    ):
        path = options.folder / f"{name}.safetensors"
        if not path.exists():
            made(lambda: write_matrix(path, rows, columns, dtype))
        score = [options.modinspect, "score", path, "--layers", "all", "--quiet"]
        drawn = score + ["--format", "svg", "-o", options.folder / f"{name}.svg"]
        pairs = [(measure(score, 1), measure(drawn, 1)) for _ in range(options.repeats + 1)][1:]
        extra = statistics.median(svg.seconds[0] - plain.seconds[0] for plain, svg in pairs)
        peak = max(svg.megabytes for _, svg in pairs)
        size = (options.folder / f"{name}.svg").stat().st_size
        print(f"weight map of {rows} x {columns}: {duration(max(extra, 0))} over the score's "
              f"{duration(statistics.median(plain.seconds[0] for plain, _ in pairs))}, peak {peak:.0f} MB, {size / 1000:.0f} kB")
        print(verdict(f"at most {allowed} s" + (f", {memory} MB" if memory else ""), extra < allowed and (not memory or peak < memory)))
    page = options.folder / "report.html"
    model = options.fixtures / "models/mnist-mlp"
    gpt2 = options.folder / "gpt2.tar"
    if not gpt2.exists():
        made(lambda: write_gpt2(options.folder))
    for name, words, allowed in (
        ("the MLP with data", [f"{model}.pt", "--data", f"{model}.npz"], 3.0), ("GPT-2 small's size", [gpt2], 5.0),
    ):
        found = measure([options.modinspect, "report", *words, "--quiet", "-o", page], options.repeats)
        print(f"report of {name}, {page.stat().st_size / 1000:.0f} kB")
        print(found.line("modinspect"))
        print(verdict(f"at most {allowed} s", found.median < allowed))


if __name__ == "__main__":
    main()
