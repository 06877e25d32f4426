#!/usr/bin/env python3
"""Writes the benchmarks' inputs, one function a case. Big files are streamed: the memory needed is that of one tile.

    make_inputs.py CASE FOLDER        CASE is gpt2, 7b, mlp or matrix
"""

import argparse
import json
import shutil
import struct
import tarfile
from pathlib import Path

import numpy as np

TILE_ROWS = 1024
BLOCKS = 4


def tiles(generator, shape, planted=None):
    """Tiles of rows of a float32 tensor of N(0, 0.02); `planted` (out and in labels) makes the blocks half as wide again."""
    rows = shape[0]
    for start in range(0, rows, TILE_ROWS):
        stop = min(start + TILE_ROWS, rows)
        tile = generator.standard_normal((stop - start, *shape[1:]), dtype=np.float32)
        tile *= 0.02
        if planted:
            tile[planted[0][start:stop, None] == planted[1]] *= 1.5
        yield tile


def as_bfloat16(tile):
    """The upper halves of the float32 values, rounded to nearest even."""
    bits = tile.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_safetensors(path, tensors):
    """Streams a safetensors file. `tensors` is a list of (name, dtype, shape, iterator over arrays of its elements)."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, dtype, shape, _ in tensors:
        end = offset + int(np.prod(shape)) * {"F32": 4, "BF16": 2}[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    if shutil.disk_usage(path.parent).free < 1.1 * offset:
        raise SystemExit(f"{path}: not enough room on the disk for {offset / 1e6:.0f} MB")
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for *_, parts in tensors:
            for part in parts:
                file.write(part.tobytes())


def gpt2(folder):
    """GPT-2 small by its tensors' names and shapes, 500 MB in an uncompressed tar; four blocks planted in every other c_fc."""
    generator = np.random.default_rng(1)
    width, hidden = 768, 3072
    shapes = {"transformer.wte.weight": [50257, width], "transformer.wpe.weight": [1024, width]}
    for block in range(12):
        prefix = f"transformer.h.{block}."
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{prefix}{norm}.weight": [width], f"{prefix}{norm}.bias": [width]}
        for module, inputs, outputs in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, hidden),
            ("mlp.c_proj", hidden, width),
        ):
            shapes |= {f"{prefix}{module}.weight": [inputs, outputs], f"{prefix}{module}.bias": [outputs]}
    shapes |= {"transformer.ln_f.weight": [width], "transformer.ln_f.bias": [width]}

    tensors = []
    for name, shape in shapes.items():
        planted = None
        if name.endswith("mlp.c_fc.weight") and int(name.split(".")[2]) % 2 == 0:
            planted = tuple(generator.permutation(length) % BLOCKS for length in shape)
        tensors.append((name, "F32", shape, tiles(generator, shape, planted)))
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_layer": 12,
        "n_embd": width,
        "n_head": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-05,
        "tie_word_embeddings": True,
    }
    write_tar(folder / "gpt2.tar", tensors, config)


def write_tar(path, tensors, config):
    """An uncompressed tar of model.safetensors and config.json; complete or not there at all."""
    parts = path.with_suffix(".parts")
    parts.mkdir(exist_ok=True)
    write_safetensors(parts / "model.safetensors", tensors)
    (parts / "config.json").write_text(json.dumps(config, indent=2))
    unfinished = path.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as archive:
        for name in ("config.json", "model.safetensors"):
            archive.add(parts / name, arcname=name)
    shutil.rmtree(parts)
    unfinished.rename(path)


def seven_billion(folder):
    """The MLP input matrices of a 7-billion-parameter Llama, 32 of [11008, 4096], bfloat16, in four shards: 2.9 GB."""
    generator = np.random.default_rng(2)
    hidden, width, blocks, shards = 11008, 4096, 32, 4
    unfinished = folder / "llama-7b.unfinished"
    unfinished.mkdir(exist_ok=True)
    weight_map = {}
    for shard in range(shards):
        file_name = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        tensors = []
        for block in range(shard * blocks // shards, (shard + 1) * blocks // shards):
            name = f"model.layers.{block}.mlp.up_proj.weight"
            parts = map(as_bfloat16, tiles(generator, [hidden, width]))
            tensors.append((name, "BF16", [hidden, width], parts))
            weight_map[name] = file_name
        write_safetensors(unfinished / file_name, tensors)
    index = {"metadata": {"total_size": blocks * hidden * width * 2}, "weight_map": weight_map}
    (unfinished / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": blocks,
        "hidden_size": width,
        "intermediate_size": hidden,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 4096,
        "vocab_size": 32000,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-05,
        "tie_word_embeddings": False,
    }
    (unfinished / "config.json").write_text(json.dumps(config, indent=2))
    unfinished.rename(folder / "llama-7b")


def mlp(folder):
    """A 784-64-64-64-10 MLP in a tar."""
    generator = np.random.default_rng(3)
    widths = [784, 64, 64, 64, 10]
    tensors = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:]), start=1):
        tensors.append((f"fc{number}.weight", "F32", [outputs, inputs], tiles(generator, [outputs, inputs])))
        tensors.append((f"fc{number}.bias", "F32", [outputs], tiles(generator, [outputs])))
    write_tar(folder / "mlp.tar", tensors, {"model_type": "mlp", "layer_sizes": widths, "activation": "relu"})


def matrix(folder):
    """One Gaussian matrix, [512, 128]."""
    np.savez(folder / "matrix.npz", weight=next(tiles(np.random.default_rng(4), [512, 128])))


CASES = {"gpt2": gpt2, "7b": seven_billion, "mlp": mlp, "matrix": matrix}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    CASES[arguments.case](arguments.folder)


if __name__ == "__main__":
    main()
