#!/usr/bin/env python3
"""Times `modinspect audit` over a tree of checkpoints against audit_reference.py, and prints wall clock, ratios and peak memory.

    run_audit.py [--modinspect .build/release/modinspect] [--python python3] [--count 10000] [--files 100000] [--reference 200]

The checkpoints have the size of the MNIST MLP (784-64-64-64-10) and different weights. They lie in the folder that MODINSPECT_BENCHMARK_INPUTS
names and are made there on first use; without it they are made in a temporary folder, which is removed.
"""

# Only small modules are imported here: a child's peak memory is never reported below what this process holds when it starts it.
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measuring import duration, option_parser, verdict

HERE = Path(__file__).resolve().parent
INPUTS_VARIABLE = "MODINSPECT_BENCHMARK_INPUTS"
SIZES = [784, 64, 64, 64, 10]


def checkpoint(seed):
    """A safetensors file of uniform weights, without numpy, which would be part of every peak memory."""
    generator = random.Random(seed)
    header, data = {}, bytearray()
    for number, (width, height) in enumerate(zip(SIZES, SIZES[1:]), 1):
        for name, shape, bound in [("weight", [height, width], width**-0.5), ("bias", [height], width**-0.5)]:
            count = height * (width if name == "weight" else 1)
            # The bits of a float between 1 and 2, as many as there are elements, then moved to the range.
            start = len(data)
            data += struct.pack(f"<{count}f", *(bound * (2 * generator.random() - 1) for _ in range(count)))
            header[f"fc{number}.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_tree(folder, count):
    """So many checkpoints in directories of 100; a few hundred are computed, the others are these with other biases."""
    folder.mkdir(parents=True)
    bases = [checkpoint(seed) for seed in range(min(count, 200))]
    for number in range(count):
        place = folder / f"run-{number // 100}"
        place.mkdir(exist_ok=True)
        base = bytearray(bases[number % len(bases)])
        base[-4:] = struct.pack("<f", number / count)
        (place / f"step-{number % 100}.safetensors").write_bytes(base)


def make_files(folder, count):
    """So many small files, 100 in a directory, 10 directories in one."""
    small = checkpoint(0)[:4096]
    for number in range(count):
        place = folder / f"r{number // 1000}" / f"s{number // 100 % 10}"
        if number % 100 == 0:
            place.mkdir(parents=True)
        (place / f"m{number % 100}.safetensors").write_bytes(small)


def memory_of(pid):
    """The memory of a process and its children other than file pages, in MB."""
    pages = 0
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for process in [pid, *map(int, children.read_text().split())]:
        try:
            resident, shared = Path(f"/proc/{process}/statm").read_text().split()[1:3]
            pages += int(resident) - int(shared)
        except OSError:
            pass  # it has ended
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def run(command, status=0):
    """Seconds, and the most memory that the process and its workers had together."""
    peak, ended = 0.0, threading.Event()

    def watch():
        nonlocal peak
        while not ended.wait(0.05):
            try:
                peak = max(peak, memory_of(process.pid))
            except OSError:
                return

    started = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    watcher = threading.Thread(target=watch)
    watcher.start()
    found = process.wait()
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    if found != status:
        raise SystemExit(f"run_audit.py: exit status {found} from: {' '.join(map(str, command))}")
    return seconds, peak


def report(what, seconds, memory=None, note=""):
    print(f"  {what:<44} {duration(seconds):>9}" + (f"   {memory:6.1f} MB" if memory else "") + (f"   {note}" if note else ""), flush=True)


def main():
    parser = option_parser(__doc__, "the reference's libraries")
    parser.add_argument("--count", type=int, default=10_000, help="checkpoints that are audited")
    parser.add_argument("--files", type=int, default=100_000, help="files that are searched")
    parser.add_argument("--reference", type=int, default=200, help="checkpoints that the reference examines, 0 for none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        inputs = Path(os.environ.get(INPUTS_VARIABLE, temporary))
        tree, files = inputs / f"audit-{options.count}", inputs / f"audit-files-{options.files}"
        for folder, make, count in [(tree, make_tree, options.count), (files, make_files, options.files)]:
            if not folder.exists():
                print(f"making {folder}", file=sys.stderr, flush=True)
                make(folder, count)
        subprocess.run(["find", tree, "-type", "f", "-exec", "cat", "{}", "+"], stdout=subprocess.DEVNULL, check=True)  # warm files
        measure_all(options, tree, files, Path(temporary))


def compare(options, tree, own, count, restarts):
    """How many times as long a checkpoint takes in the reference without its start, which is one process, as with one job from start to exit."""
    command = [options.python, HERE / "audit_reference.py", tree, "--limit", options.reference, "--restarts", restarts]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    errors = subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True, env=environment)
    whole = (time.perf_counter() - started) / options.reference
    loop = float(errors.stderr.split()[-1]) / options.reference
    ratios = {jobs: loop / (seconds / count) for jobs, seconds in own.items()}
    report(
        f"the reference, {restarts} runs of k-means", loop,
        note=f"a checkpoint, {duration(whole)} with its start; {ratios[1]:.1f} times one job, {ratios[2]:.1f} times two")
    return ratios[1]


def measure_all(options, tree, files, scratch):
    audit = [options.modinspect, "audit", tree, "-q"]
    print(f"audit of {options.count} checkpoints, an MLP {'-'.join(map(str, SIZES))}")
    one, _ = run([*audit, "--jobs", 1])
    report("one job", one, note=f"{one / options.count * 1000:.2f} ms a checkpoint")
    results = scratch / "results.jsonl"
    two, memory = run([*audit, "--jobs", 2, "-o", results])
    report("two jobs, rows kept", two, memory, f"{one / two:.2f} times one job")
    again, _ = run([*audit, "-o", results])
    report("the same again", again)
    # The same rows computed by one process need what a worker needs without its pipes.
    small = sorted(tree.rglob("*.safetensors"))[:1000]
    listed = scratch / "list"
    listed.write_text("".join(f"{path}\n" for path in small))
    score = [options.modinspect, "score", "--files-from", listed, "-q", "--format", "tsv", "--threads", 1]
    alone = statistics.median(run(score)[0] for _ in range(3))
    isolated = statistics.median(run([*score, "--jobs", 1])[0] for _ in range(3))
    overhead = (isolated - alone) / len(small) * 1000
    report("score of 1000 in one process", alone)
    report("score of 1000 in a worker", isolated, note=f"{overhead:.3f} ms a checkpoint more")
    listing = min(run([options.modinspect, "audit", files, "--list", "--format", "tsv", "-q"])[0] for _ in range(3))
    report(f"search of {options.files} files", listing)
    ratio = None
    if options.reference:
        # The same files by both, as one would start them: the folders that hold the first so many.
        folders = sorted(tree.iterdir(), key=lambda folder: int(folder.name.split("-")[1]))[: max(1, options.reference // 100)]
        own = {jobs: min(run([options.modinspect, "audit", *folders, "-q", "--jobs", jobs])[0] for _ in range(3)) for jobs in (1, 2)}
        ratio = compare(options, tree, own, min(options.count, 100 * len(folders)), 100)
        compare(options, tree, own, min(options.count, 100 * len(folders)), 10)
    print(verdict("under 40 s for 10,000 on two cores", two / options.count * 10_000 < 40))
    print(verdict("two jobs at least 1.8 times one", one / two >= 1.8))
    print(verdict("a second run under 2 s for 10,000", again / options.count * 10_000 < 2))
    print(verdict("isolation under 2 ms a checkpoint", overhead < 2))
    print(verdict("100,000 files searched in under 1 s", listing / options.files * 100_000 < 1))
    if ratio:
        print(verdict("50 times the reference, each with one process", ratio >= 50))


main()
