#!/usr/bin/env python3
"""Times `modinspect eval` on a mixture of 8 experts of which 2 are chosen, on the same with all 8 chosen, and transformers on both.

    run_experts.py [--modinspect .build/release/modinspect] [--python python3] [--repeats 5]

The model has Mixtral's proportions (width 512, 2 blocks, MLPs 3.5 times as wide) and random weights; the two folders differ in config.json alone.
8 sequences of 256 tokens. The runs of the two models alternate, so that whatever else the machine does falls on both. The inputs lie in the folder
that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use (180 MB); without it they are made in a temporary folder, which is removed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent
EXPERTS, CHOSEN = 8, 2
CASES = {CHOSEN: f"{CHOSEN} of {EXPERTS} experts", EXPERTS: f"all {EXPERTS} experts"}


def make(folder):
    import numpy as np
    import torch
    from transformers import MixtralConfig, MixtralForCausalLM

    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=1000, hidden_size=512, intermediate_size=1792, num_hidden_layers=2, num_attention_heads=8, num_key_value_heads=2,
        num_local_experts=EXPERTS, num_experts_per_tok=CHOSEN, max_position_embeddings=512, sliding_window=None)
    MixtralForCausalLM(config).save_pretrained(folder / f"chosen-{CHOSEN}")
    shutil.copytree(folder / f"chosen-{CHOSEN}", folder / f"chosen-{EXPERTS}", copy_function=os.link)
    settings = json.loads((folder / f"chosen-{CHOSEN}" / "config.json").read_text()) | {"num_experts_per_tok": EXPERTS}
    (folder / f"chosen-{EXPERTS}" / "config.json").unlink()
    (folder / f"chosen-{EXPERTS}" / "config.json").write_text(json.dumps(settings))
    np.save(folder / "tokens.npy", np.random.default_rng(0).integers(0, 1000, (8, 256), dtype=np.int32))


def reference(folder, repeats):
    """The seconds of forward passes of both models, in turn, without starting and loading."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    ids = torch.from_numpy(np.load(folder / "tokens.npy").astype(np.int64))
    models = {chosen: AutoModelForCausalLM.from_pretrained(folder / f"chosen-{chosen}", dtype=torch.float32).eval() for chosen in CASES}
    seconds = {chosen: [] for chosen in CASES}
    with torch.no_grad():
        for run in range(repeats + 1):
            for chosen, model in models.items():
                started = time.perf_counter()
                loss = model(ids, labels=ids).loss.item()
                if run > 0:
                    seconds[chosen].append(time.perf_counter() - started)
                print(f"{chosen}: loss {loss:.5f}", file=sys.stderr)
    print(json.dumps(seconds))


def main():
    parser = option_parser(__doc__, "torch, numpy and transformers")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        return make(options.make)
    if options.reference:
        return reference(options.reference, options.repeats)
    given = os.environ.get("MODINSPECT_BENCHMARK_INPUTS")
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as temporary:
        inputs = Path(given or temporary) / "experts"
        if not (inputs / "tokens.npy").exists():
            inputs.mkdir(parents=True, exist_ok=True)
            subprocess.run([options.python, __file__, "--make", inputs], check=True)
        seconds = {chosen: [] for chosen in CASES}
        for run in range(options.repeats + 1):
            for chosen in CASES:
                found = measure(
                    [options.modinspect, "eval", inputs / f"chosen-{chosen}", "--data", inputs / "tokens.npy", "--quiet"], 1)
                if run > 0:
                    seconds[chosen] += found.seconds
                elif loss := [line.split()[1] for line in found.output.splitlines() if line.split()[:1] == ["loss"]]:
                    print(f"{CASES[chosen]}: loss {loss[0]}")
        theirs = subprocess.run(
            [options.python, __file__, "--reference", inputs, "--repeats", str(options.repeats)], check=True, stdout=subprocess.PIPE)
        theirs = {int(chosen): times for chosen, times in json.loads(theirs.stdout).items()}
        for name, times in (("modinspect eval, whole process", seconds), ("transformers, forward passes alone", theirs)):
            best = {chosen: min(times[chosen]) for chosen in CASES}
            print(f"{name}: " + ", ".join(f"{CASES[chosen]} {duration(best[chosen])}" for chosen in CASES))
            print(f"  share of the time of all: {best[CHOSEN] / best[EXPERTS]:.3f}")
        print(verdict("at most a third of the time of all experts", 3 * min(seconds[CHOSEN]) <= min(seconds[EXPERTS])))


if __name__ == "__main__":
    main()
