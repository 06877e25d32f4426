#!/usr/bin/env python3
"""Writes the data of run_training.py into a folder: images of MNIST's and CIFAR-10's shapes, and token ids.

    make_training.py FOLDER

Needs numpy. The numbers are random: how long a step takes does not depend on them.
"""

import json
import sys
from pathlib import Path

import numpy as np

# GPT-2 small's sizes, for `modinspect init`.
GPT2 = {
    "model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257, "n_positions": 1024,
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "initializer_range": 0.02, "tie_word_embeddings": True,
}


def images(path, count, shape, generator):
    np.savez(
        path, x=generator.integers(0, 256, (count, *shape), dtype=np.uint8), y=generator.integers(0, 10, count, dtype=np.uint8))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    # Whole batches of 64.
    images(folder / "mnist.npz", 6400, (1, 28, 28), generator)
    images(folder / "cifar.npz", 3200, (3, 32, 32), generator)
    (folder / "config.json").write_text(json.dumps(GPT2))
    np.save(folder / "tokens.npy", generator.integers(0, 50257, (64, 256), dtype=np.int32))
