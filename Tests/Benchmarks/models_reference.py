#!/usr/bin/env python3
"""What one would run instead of `modinspect eval`, `ablate` and `patch`: the same numbers with PyTorch and transformers on the CPU.

    models_reference.py mlp STATE_DICT DATA.npz
    models_reference.py ablate STATE_DICT DATA.npz CLUSTERS.tsv
    models_reference.py gpt2 FOLDER TOKENS.npy
    models_reference.py patch FOLDER PAIRS.json

Needs torch and numpy; transformers for gpt2 and patch. Uses every core, as PyTorch does by itself.
"""

import csv
import json
import sys
import time

import numpy as np
import torch
from torch import nn

CLASSES = 10


def load_mlp(path):
    state = torch.load(path, weights_only=True)
    widths = [state["fc1.weight"].shape[1]] + [state[f"fc{i}.weight"].shape[0] for i in range(1, 5)]
    layers = {f"fc{i + 1}": nn.Linear(widths[i], widths[i + 1]) for i in range(4)}
    model = nn.Sequential()
    model.add_module("flatten", nn.Flatten())
    for place, (name, layer) in enumerate(layers.items()):
        if place:
            model.add_module(f"relu{place}", nn.ReLU())
        model.add_module(name, layer)
    model.load_state_dict(state)
    return model.eval()


def load_data(path):
    arrays = np.load(path)
    return torch.from_numpy(arrays["x"]).float() / 255, torch.from_numpy(arrays["y"].astype(np.int64))


def measure(model, x, y):
    """Loss, accuracy and accuracy by class."""
    scores = model(x)
    right = scores.argmax(1) == y
    classes = [right[y == c].double().mean().item() for c in range(CLASSES)]
    return nn.functional.cross_entropy(scores, y).item(), right.double().mean().item(), classes


def show(name, found):
    loss, accuracy, classes = found
    print(f"{name}\tloss {loss:.6f}\taccuracy {accuracy:.4f}\t" + " ".join(f"{c:.3f}" for c in classes))


def evaluate_mlp(weights, data):
    show("all", measure(load_mlp(weights), *load_data(data)))


def ablate(weights, data, clusters):
    model, (x, y) = load_mlp(weights), load_data(data)
    show("intact", measure(model, x, y))
    labels = {}
    with open(clusters) as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["side"] == "out":
                labels.setdefault(row["layer"].removesuffix(".weight"), []).append(int(row["cluster"]))
    for layer, own in labels.items():
        own = torch.tensor(own)
        for kind in ("off", "on"):
            for cluster in range(int(own.max()) + 1):
                switched = (own == cluster) if kind == "off" else (own != cluster)

                def zero(module, inputs, output):
                    output = output.clone()
                    output[:, switched] = 0
                    return output

                handle = model.get_submodule(layer).register_forward_hook(zero)
                show(f"{layer} {kind} {cluster}", measure(model, x, y))
                handle.remove()


def evaluate_gpt2(folder, tokens):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.from_numpy(np.load(tokens).astype(np.int64))
    total, right, count = 0.0, 0, 0
    for sequence in ids:  # one at a time: all at once take 800 MB for the scores alone and are no faster
        scores = model(sequence[None]).logits[0, :-1]
        total += nn.functional.cross_entropy(scores, sequence[1:], reduction="sum").item()
        right += int((scores.argmax(1) == sequence[1:]).sum())
        count += len(sequence) - 1
    print(f"all\tloss {total / count:.6f}\taccuracy {right / count:.6f}")


def patch(folder, pairs):
    """The residual stream before each block, patched at each position by a hook, a whole forward pass for each."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with open(pairs) as file:
        prompts = json.load(file)["prompts"]
    clean, corrupted = (torch.tensor([prompt[kind] for prompt in prompts]) for kind in ("clean", "corrupt"))
    answers, wrong = (torch.tensor([prompt[kind] for prompt in prompts]) for kind in ("answers", "wrong_answers"))

    def difference(tokens):
        scores = model(tokens, use_cache=False, logits_to_keep=1).logits[:, -1]
        return (scores.gather(1, answers) - scores.gather(1, wrong)).mean().item()

    started = time.perf_counter()
    kept = []
    handles = [block.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0])) for block in model.transformer.h]
    found = {"clean": difference(clean)}
    for handle in handles:
        handle.remove()
    found["corrupted"] = difference(corrupted)
    for number, block in enumerate(model.transformer.h):
        for position in range(clean.shape[1]):

            def replace(module, inputs):
                stream = inputs[0].clone()
                stream[:, position] = kept[number][:, position]
                return (stream, *inputs[1:])

            handle = block.register_forward_pre_hook(replace)
            found[f"blocks.{number}.hook_resid_pre {position}"] = difference(corrupted)
            handle.remove()
    seconds = time.perf_counter() - started
    strongest = max(list(found)[2:], key=lambda name: abs(found[name] - found["corrupted"]))
    print(f"{strongest}\t{found[strongest]:.4f}\tclean {found['clean']:.4f}\tcorrupted {found['corrupted']:.4f}\tloop {seconds:.3f}")


if __name__ == "__main__":
    with torch.no_grad():
        {"mlp": evaluate_mlp, "ablate": ablate, "gpt2": evaluate_gpt2, "patch": patch}[sys.argv[1]](*sys.argv[2:])
