#!/usr/bin/env python3
"""What one would run instead: forward passes in PyTorch, transformers and onnxruntime. Prints one JSON object: seconds of each pass, loss, peak MB.

    families_reference.py resnet STATE.safetensors IMAGES.npz REPEATS
    families_reference.py vit STATE.safetensors IMAGES.npz REPEATS
    families_reference.py onnx MODEL.onnx IMAGES.npz REPEATS
    families_reference.py causal FOLDER TOKENS.npy REPEATS

The clock starts after the model is loaded. Needs torch and numpy; torchvision, onnxruntime, transformers and safetensors where they are named.
"""

import json
import resource
import sys
import time

import numpy as np


def timed(work, repeats):
    seconds, result = [], None
    for run in range(repeats + 1):
        started = time.perf_counter()
        result = work()
        if run > 0:
            seconds.append(time.perf_counter() - started)
    return seconds, result


def report(seconds, loss):
    print(json.dumps({"seconds": seconds, "loss": loss, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}))


def vision(build, weights, images, repeats):
    import torch
    import torchvision
    from safetensors.torch import load_file

    model = getattr(torchvision.models, build)(weights=None)
    model.load_state_dict(load_file(weights))
    model.eval()
    arrays = np.load(images)
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"].astype(np.int64))
    with torch.no_grad():
        report(*timed(lambda: torch.nn.functional.cross_entropy(model(x), y).item(), repeats))


def onnx(model, images, repeats):
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    arrays = np.load(images)
    x, y = arrays["x"], arrays["y"].astype(np.int64)
    name = session.get_inputs()[0].name

    def loss():
        scores = session.run(None, {name: x})[0].astype(np.float64)
        scores -= scores.max(1, keepdims=True)
        return float((np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y]).mean())

    report(*timed(loss, repeats))


def causal(folder, tokens, repeats):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.from_numpy(np.load(tokens).astype(np.int64))

    def loss():
        scores = model(ids, use_cache=False).logits[:, :-1]
        return torch.nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), ids[:, 1:].reshape(-1)).item()

    with torch.no_grad():
        report(*timed(loss, repeats))


if __name__ == "__main__":
    kind, *arguments, repeats = sys.argv[1:]
    run = {"resnet": lambda *a: vision("resnet18", *a), "vit": lambda *a: vision("vit_b_16", *a), "onnx": onnx, "causal": causal}[kind]
    run(*arguments, int(repeats))
