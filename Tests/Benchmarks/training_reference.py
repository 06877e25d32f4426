#!/usr/bin/env python3
"""What one would run instead of `modinspect finetune`: the same steps with PyTorch on the CPU.

    training_reference.py CASE MODEL.safetensors DATA STEPS LAMBDA

CASE is mlp, cnn, modadd or gpt2; DATA is ignored for modadd. The loss is cross-entropy minus LAMBDA times the mean clusterability of the
layers (Golechha et al., arXiv 2502.02470), with contiguous clusters, k = 4. Prints JSON: the steps a second after a tenth of the steps,
and the last loss. Needs torch, numpy and safetensors; transformers for gpt2. Uses every core, as PyTorch does by itself.
"""

import json
import sys
import time

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

BATCH = 64
MODULUS = 113


def shuffled(count):
    """Places of batches, a new order in every epoch."""
    generator = torch.Generator().manual_seed(0)
    while True:
        yield from torch.randperm(count, generator=generator).split(BATCH)


def classifier(model, weights, data):
    model.load_state_dict(weights)
    arrays = np.load(data)
    x = torch.from_numpy(arrays["x"]).float() / 255
    y = torch.from_numpy(arrays["y"].astype(np.int64))
    batches = shuffled(len(x))

    def loss():
        batch = next(batches)
        return nn.functional.cross_entropy(model(x[batch]), y[batch])

    return dict(model.named_parameters()), ["fc2.weight"], loss, torch.optim.Adam(model.parameters(), 1e-3)


def linear_layers(widths):
    layers = {}
    for place, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        if place:
            layers[f"relu{place}"] = nn.ReLU()
        layers[f"fc{place + 1}"] = nn.Linear(inputs, outputs)
    return layers


def sequential(layers):
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model


def mlp(weights, data):
    return classifier(sequential({"flatten": nn.Flatten()} | linear_layers([784, 64, 64, 64, 10])), weights, data)


def cnn(weights, data):
    layers = {"conv1": nn.Conv2d(3, 16, 3, padding=1), "relu": nn.ReLU(), "pool": nn.MaxPool2d(2), "flatten": nn.Flatten()}
    return classifier(sequential(layers | linear_layers([4096, 64, 64, 64, 10])), weights, data)


def modadd(weights, data):
    p = {name: nn.Parameter(tensor) for name, tensor in weights.items() if "mask" not in name}
    pairs = torch.cartesian_prod(torch.arange(MODULUS), torch.arange(MODULUS))
    pairs = pairs[torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[: int(0.3 * len(pairs))]]
    tokens = torch.cat([pairs, torch.full((len(pairs), 1), MODULUS)], 1)
    answers = pairs.sum(1) % MODULUS
    future = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
    front = "blocks.0."

    def loss():
        x = p["embed.W_E"].T[tokens] + p["pos_embed.W_pos"]
        q, k, v = (torch.einsum("hdm,bpm->bhpd", p[f"{front}attn.W_{name}"], x) for name in "QKV")
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5
        pattern = scores.masked_fill(future, -torch.inf).softmax(-1)
        z = torch.einsum("bhqk,bhkd->bqhd", pattern, v).flatten(2)
        x = x + z @ p[f"{front}attn.W_O"].T
        neurons = (x @ p[f"{front}mlp.W_in"].T + p[f"{front}mlp.b_in"]).relu()
        x = x + neurons @ p[f"{front}mlp.W_out"].T + p[f"{front}mlp.b_out"]
        return nn.functional.cross_entropy((x @ p["unembed.W_U"])[:, -1], answers)

    return p, [f"{front}mlp.W_in"], loss, torch.optim.AdamW(p.values(), 1e-3, weight_decay=1.0)


def gpt2(weights, data):
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
    model.load_state_dict(weights, strict=False)
    tokens = torch.from_numpy(np.load(data).astype(np.int64))
    order = iter(shuffled(len(tokens)))
    waiting = []

    def loss():
        if not waiting:
            waiting.extend(next(order).tolist())
        sequence = tokens[waiting.pop()]
        return nn.functional.cross_entropy(model(sequence[None]).logits[0, :-1], sequence[1:])

    parameters = dict(model.named_parameters())
    layers = [name for name in parameters if name.endswith("mlp.c_fc.weight")]
    return parameters, layers, loss, torch.optim.Adam(parameters.values(), 1e-3)


def contiguous(count, k=4):
    return torch.clamp(torch.arange(count) // max(count // k, 1), max=k - 1)


def main():
    case, path, data, steps, strength = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
    parameters, layers, cross_entropy, optimizer = {"mlp": mlp, "cnn": cnn, "modadd": modadd, "gpt2": gpt2}[case](load_file(path), data)
    members = [(parameters[name], contiguous(parameters[name].shape[0])[:, None] == contiguous(parameters[name].shape[1])) for name in layers]
    started, warm = 0.0, max(1, steps // 10)
    for step in range(warm + steps):
        if step == warm:
            started = time.perf_counter()
        optimizer.zero_grad()
        loss = cross_entropy()
        if strength:
            squares = [(weight.square(), inside) for weight, inside in members]
            loss = loss - strength * sum((square * inside).sum() / square.sum() for square, inside in squares) / len(squares)
        loss.backward()
        optimizer.step()
    print(json.dumps({"rate": steps / (time.perf_counter() - started), "loss": loss.item()}))


if __name__ == "__main__":
    main()
