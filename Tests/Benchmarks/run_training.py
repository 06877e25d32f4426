#!/usr/bin/env python3
"""Times the steps of `modinspect finetune` against training_reference.py on batches of the same shapes: steps a second, ratio, peak memory.

    run_training.py [--modinspect .build/release/modinspect] [--python python3] [--cases mlp,cnn,modadd,gpt2] [--rounds 3]

The inputs lie in the folder that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use; without it they are
made in a temporary folder, which is removed.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from measuring import measure, option_parser, verdict

HERE = Path(__file__).resolve().parent
STRENGTH = "20"


@dataclass
class Case:
    title: str
    spec: str  # of `modinspect init`
    data: str
    layers: str  # of the clusterability term
    steps: int
    reference_steps: int
    ratio_target: float
    options: list = field(default_factory=list)
    megabytes_target: float | None = None
    has_term_target: bool = False


CNN = "cnn:3x32x32:conv1(16,3,padding=1),relu,maxpool(2),flatten,fc1(64),relu,fc2(64),relu,fc3(64),relu,fc4(10)"
SMALL_BATCHES = ["--batch-size", "64", "--optimizer", "adam"]
# GPT-2 small's weights, their gradients and two moments, plus 1 GB.
GPT2_MEGABYTES = 4 * 497.8 + 1000

CASES = {
    "mlp": Case(
        "MLP 784-64-64-64-10, batch 64, Adam", "mlp:784-64-64-64-10", "mnist.npz", "fc2.weight", 20000, 2000, 5, SMALL_BATCHES,
        has_term_target=True),
    "cnn": Case("CNN of 271,626 weights, batch 64, Adam", CNN, "cifar.npz", "fc2.weight", 1500, 300, 2, SMALL_BATCHES),
    "modadd": Case(
        "modular addition, p = 113, full batch of 3,830, AdamW", "modadd:113", "modadd:113:train", "blocks.0.mlp.W_in", 60, 20, 2,
        ["--full-batch", "--optimizer", "adamw", "--weight-decay", "1"]),
    "gpt2": Case(
        "GPT-2 small's size, batch 1 x 256, Adam", "config.json", "tokens.npy", "transformer.h.*.mlp.c_fc.weight", 10, 5, 1,
        ["--batch-size", "1", "--optimizer", "adam"], megabytes_target=GPT2_MEGABYTES, has_term_target=True),
}


class Ours:
    """Runs of one case; the rate is that of a run without its start: the difference between a long run and a short one."""

    def __init__(self, case, model, data, output, options):
        self.command = [
            options.modinspect, "finetune", model, "--data", data, "-o", output, "--force", "--quiet", "--lr", "1e-3", "-k", "4",
            "--method", "contiguous", "--layers", case.layers, "--seed", "0", *case.options]
        self.long, self.short = case.steps, max(1, case.steps // 5)
        self.megabytes = 0.0

    def seconds(self, steps, strength):
        found = measure([*self.command, "--steps", str(steps), "--lambda", strength], 1)
        self.megabytes = max(self.megabytes, found.megabytes)
        return found.seconds[0]

    def rate(self, strength=STRENGTH):
        short = self.seconds(self.short, strength)
        return (self.long - self.short) / (self.seconds(self.long, strength) - short)


def line(tool, rates, megabytes):
    return (
        f"  {tool:<11} median {statistics.median(rates):9.2f}   best {max(rates):9.2f} steps/s"
        f"   peak {megabytes:7.1f} MB   runs {len(rates)}"
    )


def run_case(name, inputs, options):
    case = CASES[name]
    model = inputs / f"{name}.safetensors"
    if not model.exists():
        spec = inputs / case.spec if (inputs / case.spec).exists() else case.spec
        subprocess.run([options.modinspect, "init", spec, "-o", model, "--quiet"], check=True)
    data = inputs / case.data if (inputs / case.data).exists() else case.data
    print(case.title, flush=True)
    with tempfile.TemporaryDirectory(prefix="modinspect-training-") as folder:
        ours = Ours(case, model, data, Path(folder) / "out.safetensors", options)
        rates, plain, reference, megabytes = [], [], [], 0.0
        # In turns, so that a machine that is busy for a while slows both.
        for _ in range(options.rounds):
            rates.append(ours.rate())
            if case.has_term_target:
                plain.append(ours.rate("0"))
            found = measure(
                [options.python, HERE / "training_reference.py", name, model, data, str(case.reference_steps), STRENGTH], 1)
            reference.append(json.loads(found.output)["rate"])
            megabytes = max(megabytes, found.megabytes)
    print(line("modinspect", rates, ours.megabytes))
    if plain:
        print(line("no term", plain, ours.megabytes))
    print(line("reference", reference, megabytes))
    ratio = statistics.median(rates) / statistics.median(reference)
    print(f"  ratio       {ratio:.1f}")
    print(verdict(f"at least {case.ratio_target:g} times the speed", ratio >= case.ratio_target))
    if plain:
        cost = max(plain) / max(rates) - 1
        print(verdict(f"the clusterability term costs under 3% of a step ({cost:.1%} by the best runs)", cost < 0.03))
    if case.megabytes_target:
        print(verdict(f"under {case.megabytes_target:g} MB", ours.megabytes < case.megabytes_target))
    print(flush=True)


def main():
    parser = option_parser(__doc__, "torch, numpy, safetensors and transformers", CASES)
    parser.add_argument("--rounds", type=int, default=3, help="how often both run, in turns; %(default)s without it")
    options = parser.parse_args()
    if not options.modinspect.exists():
        parser.error(f"no binary at {options.modinspect}; build one with `swift build -c release --static-swift-stdlib`")
    given = os.environ.get("MODINSPECT_BENCHMARK_INPUTS")
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as temporary:
        inputs = Path(given or temporary) / "training"
        if not (inputs / "tokens.npy").exists():
            print(f"making {inputs}", file=sys.stderr, flush=True)
            subprocess.run([options.python, HERE / "make_training.py", inputs], check=True)
        for name in options.cases.split(","):
            run_case(name, inputs, options)


if __name__ == "__main__":
    main()
