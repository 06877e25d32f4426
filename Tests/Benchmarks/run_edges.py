#!/usr/bin/env python3
"""Times `modinspect circuit` on edges against edges_reference.py and discovery_reference.py on the same inputs, in the same run.

    run_edges.py [--modinspect .build/release/modinspect] [--python python3] [--cases gpt2,acdc,qwen3]

The inputs lie in the folder that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use; without it they are made in a
temporary folder, which is removed; the case `qwen3` needs the model of run_families.py. Ours is what the command says that computing the scores took, after the clean and the ablated run that
circuits are measured between: the weights were read before, as the references' were.

ACDC is held against two references: the search as it is written down, a forward pass with its edges ablated for each edge, whose circuit is
compared with ours; and as many plain forward passes of the model, in which no edge could be ablated.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent


def ours(options, *arguments):
    """The seconds that the scores took, the peak memory of the whole command, and its result."""
    run = measure([options.modinspect, "circuit", "--format", "json", *arguments], options.repeats, keep_errors=True)
    seconds = [float(re.search(r"the scores took ([0-9.]+) s", errors)[1]) for errors in run.errors]
    return statistics.median(seconds), run.megabytes, json.loads(run.output)


def theirs(options, kind, model, pairs):
    run = measure([options.python, HERE / "edges_reference.py", kind, model, pairs], 1)
    return float(run.output), run.megabytes


def difference(theirs, ours, threshold):
    """In how many edges two searches differ, and by how much in the scores."""
    ours = {(edge["source"], edge["target"]): edge["score"] for edge in ours}
    theirs = {(edge["source"], edge["target"]): edge for edge in theirs}
    if ours.keys() != theirs.keys():
        raise SystemExit("run_edges.py: the graphs have other edges")
    other = sum((ours[edge] >= threshold) != theirs[edge]["kept"] for edge in ours)
    return f"{other} edges decided otherwise, scores within {max(abs(ours[edge] - theirs[edge]['score']) for edge in ours):.1e}"


def run_attribution(title, model, pairs, options):
    seconds, memory, result = ours(options, "--method", "eap", model, "--data", pairs, "--edges", "10")
    reference, theirs_memory = theirs(options, "attribution", model, pairs)
    print(f"eap, {title}, {len(result['scores'])} edges, 8 pairs of 16 tokens")
    print(f"  modinspect  {duration(seconds)}, peak {memory:.0f} MB")
    print(f"  reference   {duration(reference)}, two forward passes and one backward, peak {theirs_memory:.0f} MB")
    print(f"  ratio       {seconds / reference:.2f}")
    print(verdict("at most 1.2 times the reference", seconds <= 1.2 * reference), flush=True)


def main():
    parser = option_parser(__doc__, "torch and transformers", ["gpt2", "acdc", "qwen3"], "gpt2,acdc")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    given = os.environ.get("MODINSPECT_BENCHMARK_INPUTS")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given or temporary)
        make = f"import sys; sys.path.insert(0, {str(HERE)!r}); import make_edge_inputs; make_edge_inputs.make({str(folder)!r})"
        subprocess.run([options.python, "-c", make], check=True, capture_output=True)

        cases = options.cases.split(",")
        if "gpt2" in cases:
            run_attribution("GPT-2 small's size", folder / "gpt2-edges", folder / "edges-small.json", options)
        if "qwen3" in cases:
            run_attribution("Qwen3-0.6B's shape", folder / "families" / "qwen3", folder / "edges-small.json", options)
        if "acdc" not in cases:
            return

        model, pairs = folder / "four-layers", folder / "edges-four.json"
        plain, _ = theirs(options, "discovery", model, pairs)
        thresholds = ("0.01", "0.003", "0.001")
        run = measure([options.python, HERE / "discovery_reference.py", model, pairs, *thresholds], 1)
        for threshold, search in zip(thresholds, json.loads(run.output)):
            seconds, memory, result = ours(options, "--method", "acdc", model, "--data", pairs, "--threshold", threshold)
            edges = len(result["scores"])
            print(f"acdc, 4 layers of 8 heads, {edges} edges, threshold {threshold} keeps {result['circuits'][0]['chosen']}")
            print(f"  modinspect  {duration(seconds)}, peak {memory:.0f} MB")
            reference = search["seconds"]
            print(f"  reference   {duration(reference)}, {edges} forward passes with ablated edges, peak {run.megabytes:.0f} MB")
            print(f"              {duration(plain * edges)}, {edges} plain forward passes of {duration(plain)}")
            print(f"  ratio       {reference / seconds:.0f}, of plain passes {plain * edges / seconds:.0f}")
            print(f"  circuits    {difference(search['edges'], result['scores'], float(threshold))}")
            print(verdict("at least 50 times the speed of ablated passes", reference >= 50 * seconds))
            print(verdict("at least 50 times the speed of plain passes", plain * edges >= 50 * seconds), flush=True)


if __name__ == "__main__":
    main()
