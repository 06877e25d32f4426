#!/usr/bin/env python3
"""Times `modinspect circuit --method prune` beside circuits_reference.py, one forward pass of PyTorch for each weight, on the same inputs.

    run_circuits.py [--modinspect .build/release/modinspect] [--python python3] [--cases kl,label,per-label]

The CNN has 271,408 weights and is trained for a few steps on random images with a pattern for each class, 1,000 of them. The reference tries the
first weights of every matrix and extrapolates.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent

MAKE = r"""
import sys, numpy as np, torch
sys.path.insert(0, sys.argv[2])
from circuits_reference import CNN
generator = np.random.default_rng(0)
patterns = generator.integers(0, 256, (10, 3, 32, 32))
y = generator.integers(0, 10, 2000)
x = (0.35 * patterns[y] + 0.65 * generator.integers(0, 256, (2000, 3, 32, 32))).astype(np.uint8)
torch.manual_seed(0)
model = CNN()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for step in range(60):
    part = slice(step * 64 % 1984, step * 64 % 1984 + 64)
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(torch.from_numpy(x[part]).float() / 255), torch.from_numpy(y[part]))
    loss.backward()
    optimizer.step()
torch.save(model.state_dict(), sys.argv[1] + "/cnn.pt")
np.savez(sys.argv[1] + "/images.npz", x=x[:1000], y=y[:1000])
np.savez(sys.argv[1] + "/held-out.npz", x=x[1000:], y=y[1000:])
only = np.flatnonzero(y == 3)
repeated = np.resize(only, 1000)
np.savez(sys.argv[1] + "/one-label.npz", x=x[repeated], y=y[repeated])
"""

ARCHITECTURE = "conv1(padding=1),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3,relu,fc4"
CASES = {
    "kl": ("one circuit, kl, 1,000 images", "images.npz", ["--objective", "kl"], 20),
    "label": ("label-loss, 1,000 images of one label", "one-label.npz", ["--objective", "label-loss", "--label", "3"], 20),
    "per-label": ("ten labels, kl, 1,000 images", "images.npz", ["--per-label"], None),
}


def main():
    parser = option_parser(__doc__, "torch and numpy", CASES)
    options = parser.parse_args()
    if not options.modinspect.exists():
        parser.error(f"no binary at {options.modinspect}; build one with `swift build -c release --static-swift-stdlib`")
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as folder:
        subprocess.run([options.python, "-c", MAKE, folder, HERE], check=True)
        reference = measure([options.python, HERE / "circuits_reference.py", f"{folder}/cnn.pt", f"{folder}/images.npz", "4"], 1)
        plain = float(re.match(r"[\d.]+", reference.output).group())
        print(f"one forward pass of PyTorch for each weight: {reference.output.strip()}; peak {reference.megabytes:.1f} MB", flush=True)
        for name in options.cases.split(","):
            title, data, arguments, target = CASES[name]
            print(title, flush=True)
            ours = measure(
                [options.modinspect, "circuit", f"{folder}/cnn.pt", "--arch", ARCHITECTURE, "--method", "prune", "--data", f"{folder}/{data}",
                 "--eval", f"{folder}/held-out.npz", "--quiet", "--format", "tsv", *arguments], 1)
            print(ours.line("modinspect"))
            circuits = len(ours.output.splitlines()) - 1
            print(f"  ratio       {circuits * plain / ours.median:.0f} to the extrapolated time")
            if target:
                print(verdict(f"under {duration(target)}", ours.median < target))


if __name__ == "__main__":
    main()
