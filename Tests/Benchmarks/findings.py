"""Trains models with and without the clusterability term and prints the table of what the paper finds.

    python findings.py DATA [--only mlp,cnn,modadd,lm] [--modinspect PATH] [--folder FOLDER] [--modadd-steps N] [--lm-steps N]

DATA is a folder with mnist-train.npz, mnist-test.npz, cifar10-train.npz, cifar10-test.npz (x: u8, [N, channels, height, width]; y) and
wikitext-2/valid.txt and test.txt. Needs nothing but Python's own library. What is in FOLDER already is not made again; a run that was
cut off goes on.

Settings of Golechha et al., arXiv 2502.02470: lambda 20, k 4, Adam 1e-3, batch 64, 10 epochs for the MLP and the CNN; lambda 40 for the
language model; AdamW, weight decay 1 and full batches for modular addition, here on 60% of the pairs, with which it groks in fewer steps.
"""

import argparse
import csv
import io
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CNN = (
    "cnn:3x32x32:conv1(32,3,padding=1),relu,maxpool(2),conv2(64,3,padding=1),relu,maxpool(2),"
    "flatten,fc1(64),relu,fc2(64),relu,fc3(10)"
)


class Study:
    def __init__(self, arguments):
        self.program = arguments.modinspect
        self.folder = arguments.folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"findings.py: exit status {done.returncode} from: {' '.join(map(str, words))}")
        return done.stdout

    def rows(self, *words):
        return list(csv.DictReader(io.StringIO(self.run(*words, "--format", "tsv", "--quiet")), delimiter="\t"))

    def made(self, name, *words):
        path = self.folder / name
        if not path.exists():
            self.run(*words, "-o", path)
        return path

    def trained(self, name, start, lam, *words):
        path = self.folder / f"{name}-{lam}.tar"
        if not path.exists():
            log = self.folder / f"{name}-{lam}.jsonl"
            self.run("finetune", start, "-o", path, "--lambda", lam, "--log", log, "--save-every", 100, "--resume", "--quiet", *words)
        return path

    def last(self, path):
        """The last step of a run's log that was evaluated."""
        with open(path.with_suffix(".jsonl")) as lines:
            return [step for step in map(json.loads, lines) if step.get("evaluation")][-1]

    def recorded(self, path):
        """The clusters that a model was trained for, as a file."""
        target = path.with_suffix(".trained.tsv")
        note = json.loads(subprocess.run(["tar", "xOf", path, "modinspect.json"], stdout=subprocess.PIPE, check=True).stdout)
        with open(target, "w") as lines:
            lines.write("layer\tside\tindex\tcluster\n")
            for layer in note["clusters"]:
                for side in ("out", "in"):
                    for index, label in enumerate(layer[side]):
                        lines.write(f"{layer['layer']}\t{side}\t{index}\t{label}\n")
        return target

    def found_again(self, path):
        """How well `cluster` finds them: the mean adjusted Rand index over the layers' sides."""
        trained, found = self.recorded(path), path.with_suffix(".found.tsv")
        layers = ",".join(sorted({row["layer"] for row in csv.DictReader(open(trained), delimiter="\t")}))
        self.run("cluster", path, "--layers", layers, "-o", found)
        report = json.loads(self.run("compare", trained, found, "--format", "json"))
        scores = [layer[side]["adjustedRand"] for layer in report["layers"] for side in ("out", "in")]
        return round(sum(scores) / len(scores), 2) + 0.0

    def score(self, path):
        rows = self.rows("score", path, "--clusters", self.recorded(path))
        return float(next(row["clusterability"] for row in rows if row["layer"] == "mean"))

    def ablated(self, path, data):
        """Mean accuracies with one cluster off and with one alone, and the share of right answers that depend on 0, 1, 2, ... clusters."""
        report = json.loads(self.run("ablate", path, "--clusters", self.recorded(path), "--data", data, "--format", "json", "--quiet"))
        rows = [row for layer in report["layers"] for row in layer["interventions"]]

        def mean(kind):
            accuracies = [row["accuracy"] for row in rows if row["intervention"] == kind]
            return sum(accuracies) / len(accuracies)

        counts = report["layers"][0]["dependence"]["off"]
        return mean("off"), mean("on"), [count / sum(counts) for count in counts]


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|---|" + "---:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def percent(value):
    return f"{100 * value:.1f}%"


def images(study, data, name, spec, source):
    start = study.made(f"{name}.tar", "init", spec)
    options = ["--data", data / f"{source}-train.npz", "--eval", data / f"{source}-test.npz", "--epochs", 10, "--batch", 64, "-k", 4]
    rows = []
    for lam in (0, 20):
        path = study.trained(name, start, lam, *options, "--method", "contiguous", "--layers", "fc2.weight")
        off, on, counts = study.ablated(path, data / f"{source}-test.npz")
        rows.append(
            [f"{name}, lambda {lam}", percent(study.last(path)["evaluation"]["accuracy"]), f"{study.score(path):.4f}",
             f"{study.found_again(path):.2f}", percent(off), percent(on), " ".join(f"{100 * count:.0f}" for count in counts)])
    return rows


def modular_addition(study, steps):
    start = study.made("modadd.tar", "init", "modadd:113")
    rows = []
    for lam in (0, 20):
        path = study.trained(
            "modadd", start, lam, "--data", "modadd:113:train", "--train-fraction", 0.6, "--eval", "modadd:113", "--full-batch", "--steps", steps,
            "--eval-every", 100, "--optimizer", "adamw", "--weight-decay", 1, "--betas", "0.9,0.98", "--method", "contiguous", "--until",
            "accuracy=0.9995")
        last = study.last(path)
        rows.append(
            [f"modular addition, lambda {lam}", str(last["step"]), percent(last["accuracy"]), percent(last["evaluation"]["accuracy"]),
             f"{study.score(path):.4f}", f"{study.found_again(path):.2f}"])
    return rows


def language(study, data, guard, steps):
    folder = study.folder / "lm"
    folder.mkdir(exist_ok=True)
    tokenizer = ROOT / "fixtures/tokenizers/gpt2.json"
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    settings = json.loads(tokenizer.read_text())
    vocabulary = 1 + max([*settings["model"]["vocab"].values(), *(token["id"] for token in settings["added_tokens"])])
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": vocabulary, "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 4}
    (folder / "config.json").write_text(json.dumps(config))
    other = folder / "guard.txt"
    other.write_bytes(guard.read_bytes())
    start = study.made("lm.tar", "init", folder / "config.json")
    text = data / "wikitext-2"
    rows = []
    for lam in (0, 40):
        path = study.trained(
            "lm", start, lam, "--data", text / "valid.txt", "--eval", text / "test.txt", "--eval-limit", 400, "--guard", other, "--steps", steps,
            "--batch", 16, "--eval-every", max(steps // 10, 1), "--method", "contiguous", "--schedule", "cosine")
        last = study.last(path)
        rows.append(
            [f"language model, lambda {lam}", f"{last['evaluation']['loss']:.3f}", f"{last['guard']['loss']:.3f}", f"{study.score(path):.4f}",
             f"{study.found_again(path):.2f}"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--only", default="mlp,cnn,modadd,lm")
    parser.add_argument("--modinspect", default=ROOT / ".build/release/modinspect")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("findings"))
    parser.add_argument("--modadd-steps", type=int, default=3000)
    parser.add_argument("--lm-steps", type=int, default=1000)
    parser.add_argument("--guard", type=pathlib.Path, help="text of another kind", default=pathlib.Path("/usr/share/common-licenses/GPL-3"))
    arguments = parser.parse_args()
    study, chosen = Study(arguments), arguments.only.split(",")
    if {"mlp", "cnn"} & set(chosen):
        rows = []
        if "mlp" in chosen:
            rows += images(study, arguments.data, "mlp", "mlp:784-64-64-64-10", "mnist")
        if "cnn" in chosen:
            rows += images(study, arguments.data, "cnn", CNN, "cifar10")
        table(["model", "accuracy", "clusterability", "found again", "one off", "one alone", "depend on 0 1 2 3 4"], rows)
    if "modadd" in chosen:
        table(["model", "steps", "accuracy, seen", "accuracy, all pairs", "clusterability", "found again"], modular_addition(study, arguments.modadd_steps))
    if "lm" in chosen:
        table(["model", "loss", "guard loss", "clusterability", "found again"], language(study, arguments.data, arguments.guard, arguments.lm_steps))


if __name__ == "__main__":
    sys.exit(main())
