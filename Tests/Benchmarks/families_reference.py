#!/usr/bin/env python3
"""What one would run instead: forward passes in PyTorch, transformers and onnxruntime. Prints one JSON object: seconds of each pass, loss, peak MB.

    families_reference.py resnet STATE.safetensors IMAGES.npz REPEATS
    families_reference.py vit STATE.safetensors IMAGES.npz REPEATS
    families_reference.py onnx MODEL.onnx IMAGES.npz REPEATS
    families_reference.py causal FOLDER TOKENS.npy REPEATS
    families_reference.py edges FOLDER PAIRS.json REPEATS
    families_reference.py record FOLDER TOKENS.npy REPEATS
    families_reference.py sentences FOLDER SENTENCES.txt

The clock starts after the model is loaded, except for `sentences`, which is measured from start to exit by its caller. Needs torch and numpy;
torchvision, onnxruntime, transformers and safetensors where they are named.
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


def edges(folder, pairs, repeats):
    """Two forward passes and one backward: what edge attribution needs at least."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with open(pairs) as file:
        prompts = json.load(file)["prompts"]
    clean, corrupted = (torch.tensor([prompt[kind] for prompt in prompts]) for kind in ("clean", "corrupt"))
    answers, wrong = (torch.tensor([prompt[kind] for prompt in prompts]) for kind in ("answers", "wrong_answers"))

    def passes():
        with torch.no_grad():
            model(corrupted, use_cache=False, logits_to_keep=1)
        embedded = model.get_input_embeddings()(clean).requires_grad_()
        scores = model(inputs_embeds=embedded, use_cache=False, logits_to_keep=1).logits[:, -1]
        difference = (scores.gather(1, answers) - scores.gather(1, wrong)).mean()
        difference.backward()
        return difference.item()

    report(*timed(passes, repeats))


def record(folder, tokens, repeats):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.from_numpy(np.load(tokens).astype(np.int64))
    kept = {}
    for number, block in enumerate(model.transformer.h):
        block.mlp.act.register_forward_hook(lambda module, inputs, output, number=number: kept.setdefault(number, []).append(output.numpy()))

    def run():
        kept.clear()
        for sequence in ids.split(8):
            model.transformer(sequence, use_cache=False)
        return float(sum(abs(part).sum() for parts in kept.values() for part in parts))

    with torch.no_grad():
        report(*timed(run, repeats))


def sentences(folder, text):
    """sentence-transformers' own path: sorted by length, batches of 32, mean over the tokens, unit length."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel
    from safetensors.torch import load_file

    with open(folder + "/config.json") as file:
        config = BertConfig(**json.load(file))
    model = BertModel(config, add_pooling_layer=False)
    state = {name.removeprefix("0.auto_model."): value for name, value in load_file(folder + "/model.safetensors").items()}
    model.load_state_dict(state, strict=False)
    model.eval()
    tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    with open(text) as file:
        lines = [line.rstrip("\n") for line in file]
    order = sorted(range(len(lines)), key=lambda index: -len(lines[index]))
    found = [None] * len(lines)
    with torch.no_grad():
        for first in range(0, len(order), 32):
            part = order[first:first + 32]
            encoded = tokenizer.encode_batch([lines[index] for index in part])
            ids = torch.tensor([one.ids for one in encoded])
            mask = torch.tensor([one.attention_mask for one in encoded])
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask[..., None].float()
            vectors = torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)
            for row, index in enumerate(part):
                found[index] = vectors[row]
    print(torch.stack(found).abs().sum().item())


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    if kind == "sentences":
        sentences(*arguments)
    else:
        *arguments, repeats = arguments
        run = {"resnet": lambda *a: vision("resnet18", *a), "vit": lambda *a: vision("vit_b_16", *a), "onnx": onnx, "causal": causal,
               "edges": edges, "record": record}[kind]
        run(*arguments, int(repeats))
