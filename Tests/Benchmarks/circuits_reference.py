#!/usr/bin/env python3
"""Circuits of weights by the plain algorithm with PyTorch: a forward pass for every weight. Times the first weights of each matrix and extrapolates.

    circuits_reference.py CHECKPOINT DATA.npz SECONDS

From the last matrix to the first, row by row, with the divergence from the intact model's distribution as the objective. Of each matrix as many
weights are tried as fit into SECONDS; the time of all of them follows from the number of weights. Prints the seconds in all and the weights tried.
"""

import sys
import time

import numpy as np
import torch
from torch import nn


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.fc1 = nn.Conv2d(3, 16, 3, padding=1), nn.Linear(4096, 64)
        self.fc2, self.fc3, self.fc4 = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x).relu(), 2).flatten(1)
        for layer in (self.fc1, self.fc2, self.fc3):
            x = layer(x).relu()
        return self.fc4(x)


@torch.no_grad()
def main():
    started = time.perf_counter()
    model = CNN()
    model.load_state_dict(torch.load(sys.argv[1]))
    data = np.load(sys.argv[2])
    x = torch.from_numpy(data["x"]).float() / 255
    intact = model(x).log_softmax(1)
    fixed = time.perf_counter() - started
    total, tried, count = fixed, 0, 0
    for weight in reversed([p for p in model.parameters() if p.dim() > 1]):
        flat = weight.view(-1)
        begun, place = time.perf_counter(), 0
        while place < flat.numel() and time.perf_counter() - begun < float(sys.argv[3]):
            before = flat[place].item()
            flat[place] = 0
            if (intact.exp() * (intact - model(x).log_softmax(1))).sum(1).mean().item() > 0.01:
                flat[place] = before
            place += 1
        total += (time.perf_counter() - begun) / place * flat.numel()
        tried, count = tried + place, count + flat.numel()
    print(f"{total:.1f} s for {count} weights, extrapolated from {tried}")


if __name__ == "__main__":
    main()
