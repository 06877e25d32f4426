"""Runs commands and measures them: wall clock from start to exit, and peak memory."""

# Only small modules are imported here: a child's peak memory is never reported below what this process holds when it starts it.
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Measurement:
    seconds: list
    megabytes: float  # the largest peak of the runs
    output: str  # the last run's
    errors: list  # what each run wrote to standard error, where it was kept

    @property
    def median(self):
        return statistics.median(self.seconds)

    def line(self, tool):
        return (
            f"  {tool:<11} median {duration(self.median):>9}   best {duration(min(self.seconds)):>9}"
            f"   peak {self.megabytes:7.1f} MB   runs {len(self.seconds)}"
        )


def duration(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def measure(command, repeats, keep_errors=False):
    """Runs the command, after one unmeasured run where it is repeated, and fails with its own message where it fails."""
    seconds, megabytes, output, errors = [], 0.0, "", []
    for run in range(-1 if repeats > 1 else 0, repeats):
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr if keep_errors else None)
            _, status, usage = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                stderr.seek(0)
                print(stderr.read(), end="", file=sys.stderr)
                raise SystemExit(f"run.py: exit status {process.returncode} from: {' '.join(map(str, command))}")
            stdout.seek(0)
            output = stdout.read()
            stderr.seek(0)
            written = stderr.read()
        if run >= 0:
            seconds.append(elapsed)
            megabytes = max(megabytes, usage.ru_maxrss * 1024 / 1e6)
            errors.append(written)
    return Measurement(seconds, megabytes, output, errors)


def verdict(what, met):
    return f"  target: {what}: {'met' if met else 'MISSED'}"


def option_parser(documentation, libraries, cases=None, default=None):
    """The options of all benchmarks; a script adds its own.

    - documentation: the script's, whose first line says what it does.
    - libraries: what the interpreter must have that runs the other side.
    - cases: the names among which `--cases` chooses, if there are several; `default` names those that run without it, if they are not all.
    """
    import argparse
    from pathlib import Path

    options = argparse.ArgumentParser(description=documentation.splitlines()[0])
    program = Path(__file__).resolve().parent.parent.parent / ".build/release/modinspect"
    options.add_argument("--modinspect", type=Path, default=program, metavar="PATH")
    options.add_argument("--python", default=sys.executable, help=f"an interpreter that has {libraries}")
    if cases:
        others = f"of {', '.join(cases)}; " if default else "of: "
        ending = " without it" if default else ""
        options.add_argument("--cases", default=default or ",".join(cases), help=f"{others}%(default)s{ending}")
    return options
