#!/usr/bin/env python3
"""Times `modinspect score` against reference.py on the same inputs, and prints wall clock, ratio and peak memory.

    run.py [--modinspect .build/release/modinspect] [--python python3] [--cases gpt2,7b,mlp,null]

The inputs lie in the folder that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use; without it they are
made in a temporary folder, which is removed.
"""

# Only small modules are imported here: a child's peak memory is never reported below what this process holds when it starts it.
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent
INPUTS_VARIABLE = "MODINSPECT_BENCHMARK_INPUTS"


@dataclass
class Case:
    title: str
    input_case: str  # what make_inputs.py calls the input
    input_name: str
    arguments: list  # for both tools
    repeats: int
    reference_repeats: int
    matrices: int = 1
    reference_layers: list = field(default_factory=list)  # two layers to extrapolate the reference's time from; all where empty
    ratio_target: float | None = None
    seconds_target: float | None = None
    megabytes_target: float | None = None


CASES = {
    "gpt2": Case(
        "score -k 4, GPT-2 small in a 500 MB tar, 12 matrices of 3072 x 768, f32",
        "gpt2", "gpt2.tar", ["-k", "4"], repeats=5, reference_repeats=3, matrices=12,
        ratio_target=25, megabytes_target=150,
    ),
    "7b": Case(
        "score -k 4, 7B shape in four safetensors shards, 32 matrices of 11008 x 4096, bf16",
        "7b", "llama-7b", ["-k", "4"], repeats=3, reference_repeats=3, matrices=32,
        reference_layers=["model.layers.0.*", "model.layers.1.*"],
        megabytes_target=700,
    ),
    "mlp": Case(
        "score -k 4, MLP 784-64-64-64-10 in a tar, start to exit",
        "mlp", "mlp.tar", ["-k", "4"], repeats=50, reference_repeats=3, matrices=2,
        seconds_target=0.030,
    ),
    "null": Case(
        "score -k 4 --null 100, one matrix of 512 x 128",
        "matrix", "matrix.npz", ["-k", "4", "--null", "100"], repeats=5, reference_repeats=1,
        seconds_target=1,
    ),
}


def mean_line(measurement):
    """The line of means that both tools print in their table (indented or not), to see that they answered the same question."""
    lines = [line for line in measurement.output.splitlines() if line.split()[:1] == ["mean"]]
    return "  ".join(lines[-1].split()) if lines else None


def run_case(case, inputs, options):
    path = inputs / case.input_name
    if not path.exists():
        print(f"making {path}", file=sys.stderr, flush=True)
        subprocess.run([options.python, HERE / "make_inputs.py", case.input_case, inputs], check=True)
    subprocess.run(["find", path, "-type", "f", "-exec", "cat", "{}", "+"], stdout=subprocess.DEVNULL, check=True)  # warm files

    print(case.title, flush=True)
    threads = ["--threads", str(options.threads)] if options.threads else []
    ours = measure([options.modinspect, "score", path, *case.arguments, *threads], case.repeats)
    print(ours.line("modinspect"))
    if case.matrices > 1:
        print(f"  {'':<11} {duration(ours.median / case.matrices)} a matrix")
    print(f"  {'':<11} {mean_line(ours) or 'no line of means'}", flush=True)

    ratio = None
    if not options.no_reference:
        command = [options.python, HERE / "reference.py", path, *case.arguments]
        if case.reference_layers:
            first, second = case.reference_layers
            one = measure([*command, "--layers", first], case.reference_repeats).median
            theirs = measure([*command, "--layers", first, "--layers", second], case.reference_repeats)
            print(theirs.line("reference"))
            each = theirs.median - one  # start-up is paid once
            seconds = one + each * (case.matrices - 1)
            print(f"  {'':<11} 2 matrices; one alone {duration(one)}; extrapolated to {case.matrices}: {duration(seconds)}")
        else:
            theirs = measure(command, case.reference_repeats)
            print(theirs.line("reference"))
            print(f"  {'':<11} {mean_line(theirs) or 'no line of means'}")
            seconds = theirs.median
        ratio = seconds / ours.median
        print(f"  ratio       {ratio:.1f}")

    if mean_line(ours) is None:
        print("  targets not judged: modinspect printed no scores\n", flush=True)
        return
    if case.ratio_target and ratio is not None:
        print(verdict(f"at least {case.ratio_target:g} times faster", ratio >= case.ratio_target))
    if case.seconds_target:
        print(verdict(f"under {duration(case.seconds_target)}", ours.median < case.seconds_target))
    if case.megabytes_target:
        print(verdict(f"under {case.megabytes_target:g} MB", ours.megabytes < case.megabytes_target))
    print(flush=True)


def main():
    parser = option_parser(__doc__, "the reference's libraries", CASES)
    parser.add_argument("--threads", type=int, help="handed to modinspect; its own default otherwise")
    parser.add_argument("--no-reference", action="store_true", help="measure modinspect alone")
    options = parser.parse_args()
    names = options.cases.split(",")
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    if not options.modinspect.exists():
        parser.error(f"no binary at {options.modinspect}; build one with `swift build -c release --static-swift-stdlib`")

    given = os.environ.get(INPUTS_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as temporary:
        inputs = Path(given or temporary)
        inputs.mkdir(parents=True, exist_ok=True)
        print(f"{os.cpu_count()} cores; load average before the first run {os.getloadavg()[0]:.2f}\n", flush=True)
        for name in names:
            run_case(CASES[name], inputs, options)


if __name__ == "__main__":
    main()
