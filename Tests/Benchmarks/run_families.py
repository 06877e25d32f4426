#!/usr/bin/env python3
"""Times `modinspect eval` on families against families_reference.py: seconds of a pass, ratio and peak memory.

    run_families.py [--modinspect .build/release/modinspect] [--python python3] [--cases resnet,vit,...] [--repeats 5] [--minilm FOLDER]

A pass is one batch: ours is what four more batches take, divided by four, so that starting and reading are left out on both sides. The runs of
both sides alternate. The inputs lie in the folder that MODINSPECT_BENCHMARK_INPUTS names and are made there on first use (2.5 GB for all cases);
without it they are made in a temporary folder, which is removed. The case `minilm`, with the folder of a sentence-transformers model, embeds
1,000 sentences: process against process, from start to exit, and compares the embeddings. The interpreter needs torch, torchvision, onnx, onnxruntime, transformers and
safetensors, as far as the cases do.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring import duration, measure, option_parser, verdict

HERE = Path(__file__).resolve().parent


@dataclass
class Case:
    title: str
    ours: list  # the arguments for one batch; DATA stands for the data of one batch or five
    data: tuple  # the data of one batch and of five
    references: dict  # name -> arguments and the number of its times that ours may take


IMAGES = ("images-8.npz", "images-40.npz")
TOKENS = ("tokens-1x256.npy", "tokens-5x256.npy")
CASES = {
    "resnet": Case(
        "eval, ResNet-18 (torchvision's names), 8 images of 224 x 224",
        ["eval", "resnet18.safetensors", "--data", "DATA", "--batch", "8", "--task", "classify"], IMAGES,
        {"PyTorch": (["resnet", "resnet18.safetensors", IMAGES[0]], 1), "onnxruntime": (["onnx", "resnet18.onnx", IMAGES[0]], 1.5)}),
    "resnet-onnx": Case(
        "eval, the same as an ONNX graph",
        ["eval", "resnet18.onnx", "--data", "DATA", "--batch", "8", "--task", "classify"], IMAGES,
        {"PyTorch": (["resnet", "resnet18.safetensors", IMAGES[0]], 1), "onnxruntime": (["onnx", "resnet18.onnx", IMAGES[0]], 1.5)}),
    "vit": Case(
        "eval, ViT-B/16 (torchvision's names), 8 images of 224 x 224",
        ["eval", "vit_b_16.safetensors", "--data", "DATA", "--batch", "8", "--task", "classify"], IMAGES,
        {"PyTorch": (["vit", "vit_b_16.safetensors", IMAGES[0]], 1), "onnxruntime": (["onnx", "vit_b_16.onnx", IMAGES[0]], 1.5)}),
    "qwen3": Case(
        "eval, Qwen3-0.6B's shape, 1 x 256 tokens",
        ["eval", "qwen3", "--data", "DATA", "--batch", "1"], TOKENS, {"transformers": (["causal", "qwen3", TOKENS[0]], 1)}),
}


def make_sentences(path, tokenizer):
    """1,000 sentences of 4 to 40 words of a vocabulary."""
    import random

    draw = random.Random(0)
    words = sorted(word for word in json.loads(tokenizer.read_text())["model"]["vocab"] if word.isalpha() and word.isascii())
    lines = [json.dumps({"text": " ".join(draw.choices(words, k=draw.randint(4, 40)))}) for _ in range(1000)]
    path.write_text("\n".join(lines) + "\n")


def run_sentences(inputs, options):
    import numpy as np

    print("record, MiniLM's embeddings of 1,000 sentences, from start to exit", flush=True)
    data = inputs / "sentences.jsonl"
    make_sentences(data, options.minilm / "tokenizer.json")
    with tempfile.TemporaryDirectory() as temporary:
        ours, theirs = Path(temporary) / "ours.npz", Path(temporary) / "theirs.npy"
        commands = {
            "modinspect": [
                options.modinspect, "record", options.minilm, "--data", data, "--sites", "sentence_embed", "-o", ours, "--force", "--quiet"],
            "PyTorch": [options.python, HERE / "families_reference.py", "sentences", options.minilm, data, theirs]}
        times = {name: [] for name in commands}
        for run in range(options.repeats + 1):
            for name, command in commands.items():
                found = measure(command, 1)
                if run > 0:
                    times[name].append(found.median)
                print(f"  {name:<11} {duration(found.median):>9}, peak {found.megabytes:.0f} MB", flush=True)
        arrays = np.load(ours)
        error = np.abs(arrays["sentence_embed"] - np.load(theirs)).max()
    ratio = statistics.median(times["PyTorch"]) / statistics.median(times["modinspect"])
    print(f"  embeddings within {error:.1e}, ratio {ratio:.2f}")
    print(verdict("at least 2 times the speed of PyTorch", ratio >= 2), flush=True)


def make(folder):
    """The inputs of all cases, with random weights."""
    import numpy as np
    import torch
    import torchvision
    import transformers
    from safetensors.torch import save_file

    torch.manual_seed(0)
    resnet = torchvision.models.resnet18().eval()
    for module in resnet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    vit = torchvision.models.vit_b_16().eval()
    torch.nn.init.normal_(vit.heads.head.weight, std=0.02)
    for name, model in (("resnet18", resnet), ("vit_b_16", vit)):
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / f"{name}.safetensors")
        torch.onnx.export(
            model, (torch.zeros(8, 3, 224, 224),), folder / f"{name}.onnx", dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    x, y = torch.rand(40, 3, 224, 224).numpy(), np.arange(40)
    np.savez(folder / IMAGES[0], x=x[:8], y=y[:8])
    np.savez(folder / IMAGES[1], x=x, y=y)
    tokens = np.random.default_rng(0).integers(0, 50000, (5, 256), dtype=np.int32)
    np.save(folder / TOKENS[0], tokens[:1])
    np.save(folder / TOKENS[1], tokens)
    torch.set_default_dtype(torch.bfloat16)
    transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
        head_dim=128, tie_word_embeddings=True)).save_pretrained(folder / "qwen3")
    (folder / "made").touch()


def run_case(case, inputs, options):
    def named(arguments, data):
        arguments = [data if argument == "DATA" else argument for argument in arguments]
        return [str(inputs / argument) if (inputs / argument).exists() else argument for argument in arguments]

    print(case.title, flush=True)
    passes, starts, peak = [], [], 0
    theirs = {name: ([], 0) for name in case.references}
    for run in range(options.repeats + 1):
        one, five = (measure([options.modinspect, *named(case.ours, data), "--quiet"], 1) for data in case.data)
        if run > 0:
            passes.append((five.median - one.median) / 4)
            starts.append(one.median)
        peak = max(peak, one.megabytes)
        if run % 2 == 0:
            for name, (arguments, _) in case.references.items():
                found = json.loads(measure([options.python, HERE / "families_reference.py", *named(arguments, ""), "3"], 1).output)
                theirs[name] = (theirs[name][0] + found["seconds"], max(theirs[name][1], found["megabytes"]))
                loss = found["loss"]
    ours = re.search(r"loss +([0-9.]+)", one.output)
    print(f"  loss {ours[1] if ours else '?'}, the references' {loss:.4f}")
    seconds = statistics.median(passes)
    print(f"  modinspect  {duration(seconds):>9} a pass, {duration(statistics.median(starts))} from start to exit, peak {peak:.0f} MB")
    for name, (_, target) in case.references.items():
        times, memory = theirs[name]
        reference = statistics.median(times)
        print(f"  {name:<11} {duration(reference):>9} a pass, peak {memory:.0f} MB, ratio {seconds / reference:.2f}")
        print(verdict(f"at most {target:g} times {name}", seconds <= target * reference), flush=True)


def main():
    parser = option_parser(__doc__, "the libraries of the cases", CASES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minilm", type=Path, metavar="FOLDER", help="MiniLM, for the case minilm")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        return make(options.make)
    given = os.environ.get("MODINSPECT_BENCHMARK_INPUTS")
    with tempfile.TemporaryDirectory(prefix="modinspect-benchmarks-") as temporary:
        inputs = Path(given or temporary) / "families"
        if not (inputs / "made").exists():
            inputs.mkdir(parents=True, exist_ok=True)
            subprocess.run([options.python, __file__, "--make", inputs], check=True)
        for name in options.cases.split(","):
            if name == "minilm":
                run_sentences(inputs, options)
            else:
                run_case(CASES[name], inputs, options)


if __name__ == "__main__":
    main()
