#!/usr/bin/env python3
"""What one would run instead: forward passes in PyTorch, transformers and onnxruntime. Prints one JSON object: seconds of each pass, loss, peak MB.

    families_reference.py resnet STATE.safetensors IMAGES.npz REPEATS
    families_reference.py vit STATE.safetensors IMAGES.npz REPEATS
    families_reference.py onnx MODEL.onnx IMAGES.npz REPEATS
    families_reference.py causal FOLDER TOKENS.npy REPEATS
    families_reference.py sentences FOLDER SENTENCES.jsonl OUT.npy

The clock starts after the model is loaded. `sentences` writes the embeddings of a sentence-transformers folder instead, by the steps of that
library's `encode`: sentences in the order of their length in batches of 32, filled up, the mean of the states, normalised. Needs torch and numpy; torchvision, onnxruntime, transformers and safetensors where they are named.
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


def sentences(folder, texts, output):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    texts = [json.loads(line)["text"] for line in open(texts)]
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    found = np.empty((len(texts), model.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            places = order[start:start + 32]
            batch = tokenizer([texts[place] for place in places], padding=True, truncation=True, max_length=256, return_tensors="pt")
            mask = batch["attention_mask"][..., None].float()
            mean = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            found[places] = torch.nn.functional.normalize(mean, dim=1).numpy()
    np.save(output, found)


if __name__ == "__main__":
    if sys.argv[1] == "sentences":
        sys.exit(sentences(*sys.argv[2:]))
    kind, *arguments, repeats = sys.argv[1:]
    run = {"resnet": lambda *a: vision("resnet18", *a), "vit": lambda *a: vision("vit_b_16", *a), "onnx": onnx, "causal": causal}[kind]
    run(*arguments, int(repeats))
