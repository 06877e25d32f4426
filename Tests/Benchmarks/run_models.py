#!/usr/bin/env python3
"""Times `modinspect eval`, `ablate` and `patch` against models_reference.py on the same inputs: wall clock, ratio and peak memory.

    run_models.py [--modinspect .build/release/modinspect] [--python python3] [--cases mlp,ablate,gpt2,patch]

The inputs lie in the folder that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use; without it they are
made in a temporary folder, which is removed.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent


@dataclass
class Case:
    title: str
    ours: list
    reference: list
    repeats: int
    ratio_target: float | None = None
    seconds_target: float | None = None
    megabytes_target: float | None = None
    loop_target: float | None = None  # against the seconds that the reference says its work alone took


CASES = {
    "mlp": Case(
        "eval, MLP 784-64-64-64-10 on 10,000 images",
        ["eval", "mnist-mlp.pt", "--data", "images-10000.npz"], ["mlp", "mnist-mlp.pt", "images-10000.npz"], 10, ratio_target=5),
    "ablate": Case(
        "ablate, the same MLP on 2,000 images: two layers, k = 4, OFF and ON",
        ["ablate", "mnist-mlp.pt", "--data", "images-2000.npz", "--clusters", "mnist-mlp.clusters.tsv"],
        ["ablate", "mnist-mlp.pt", "images-2000.npz", "mnist-mlp.clusters.tsv"], 10, seconds_target=1),
    "gpt2": Case(
        "eval, GPT-2 small's size, 8 sequences of 512 tokens, float32",
        ["eval", "gpt2-small", "--data", "tokens.npy"], ["gpt2", "gpt2-small", "tokens.npy"], 3, ratio_target=1,
        megabytes_target=497.8 + 400),
    "patch": Case(
        "patch, 4 layers of width 256: the residual stream at each of 32 positions, 16 pairs",
        ["patch", "gpt2-4", "--data", "pairs.json", "--sites", "blocks.*.hook_resid_pre", "--by", "position", "--top", "1", "--quiet"],
        ["patch", "gpt2-4", "pairs.json"], 10, loop_target=8),
}


def run_case(case, inputs, options):
    def named(arguments):
        return [str(inputs / argument) if (inputs / argument).exists() else argument for argument in arguments]

    print(case.title, flush=True)
    ours = measure([options.modinspect, *named(case.ours)], case.repeats)
    print(ours.line("modinspect"), flush=True)
    theirs = measure([options.python, HERE / "models_reference.py", *named(case.reference)], min(case.repeats, 3))
    print(theirs.line("reference"))
    ratio = theirs.median / ours.median
    print(f"  ratio       {ratio:.1f}")
    print("  modinspect: " + " | ".join(" ".join(line.split()) for line in ours.output.splitlines()[1:5]))
    print("  reference:  " + theirs.output.splitlines()[0])
    if case.loop_target:
        loop = float(theirs.output.split("loop ")[1])
        print(f"  the reference without its start {duration(loop)}, ratio {loop / ours.median:.1f}")
        print(verdict(f"at least {case.loop_target:g} times the speed of that", loop >= case.loop_target * ours.median))
    if case.ratio_target:
        print(verdict(f"at least {case.ratio_target:g} times the speed", ratio >= case.ratio_target))
    if case.seconds_target:
        print(verdict(f"under {duration(case.seconds_target)}", ours.median < case.seconds_target))
    if case.megabytes_target:
        print(verdict(f"under {case.megabytes_target:g} MB", ours.megabytes < case.megabytes_target))
    print(flush=True)


def main():
    parser = option_parser(__doc__, "torch, numpy and transformers", CASES)
    options = parser.parse_args()
    if not options.modinspect.exists():
        parser.error(f"no binary at {options.modinspect}; build one with `swift build -c release --static-swift-stdlib`")
    given = os.environ.get("MODINSPECT_BENCHMARK_INPUTS")
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as temporary:
        inputs = Path(given or temporary) / "models"
        if not (inputs / "pairs.json").exists():
            print(f"making {inputs}", file=sys.stderr, flush=True)
            subprocess.run([options.python, HERE / "make_models.py", inputs], check=True)
        for name in options.cases.split(","):
            run_case(CASES[name], inputs, options)


if __name__ == "__main__":
    main()
