#!/usr/bin/env python3
"""Writes the inputs of run_models.py into a folder: an MLP with images, a model of GPT-2 small's size with token ids, and a smaller one with
prompt pairs.

    make_models.py FOLDER

Needs torch, numpy and transformers. The weights are random: how long a run takes does not depend on them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn


def mlp(folder):
    torch.manual_seed(0)
    widths = [784, 64, 64, 64, 10]
    state = {}
    for place in range(4):
        layer = nn.Linear(widths[place], widths[place + 1])
        state[f"fc{place + 1}.weight"], state[f"fc{place + 1}.bias"] = layer.weight.detach(), layer.bias.detach()
    torch.save(state, folder / "mnist-mlp.pt")
    generator = np.random.default_rng(0)
    for count in (2_000, 10_000):
        x = generator.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)
        np.savez(folder / f"images-{count}.npz", x=x, y=generator.integers(0, 10, count, dtype=np.uint8))
    with open(folder / "mnist-mlp.clusters.tsv", "w") as file:
        file.write("layer\tside\tindex\tcluster\n")
        for layer in ("fc2", "fc3"):
            for side in ("out", "in"):
                for index in range(64):
                    file.write(f"{layer}.weight\t{side}\t{index}\t{index // 16}\n")


def gpt2(folder):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(folder / "gpt2-small")
    np.save(folder / "tokens.npy", np.random.default_rng(0).integers(0, 50257, (8, 512), dtype=np.int32))


def pairs(folder):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(n_layer=4, n_embd=256, n_head=4, vocab_size=5000, n_positions=64, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(folder / "gpt2-4")
    generator = np.random.default_rng(0)
    prompts = []
    for _ in range(16):
        clean, corrupt = generator.integers(0, 5000, (2, 32)).tolist()
        answers = generator.integers(0, 5000, 2).tolist()
        prompts.append({"clean": clean, "corrupt": corrupt, "answers": answers[:1], "wrong_answers": answers[1:]})
    (folder / "pairs.json").write_text(json.dumps({"prompts": prompts}))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    mlp(folder)
    gpt2(folder)
    pairs(folder)
