#!/usr/bin/env python3
"""Times what it takes to score a layer of a 7B model that is stored quantised, beside the same layer in bf16.

    run_encodings.py MODINSPECT [--folder FOLDER] [--repeats N] [NAME...]

Writes one matrix of 11008 x 4096 in each encoding into FOLDER (once, needs numpy), and prints for each the time that `score -k 4` takes of the
processors, its wall clock, the ratio of the former to bf16's, how many gigabytes of float32 one core decodes a second, the processors' time
of `info`, and the peak memory of `score`. Decoding is what `convert` takes of the processors beyond what it takes with bf16, whose numbers
are widened at the speed of memory. The codes are random; the scales give the weights the spread of a trained model's.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

ROWS, COLUMNS = 11008, 4096
MODULE = "model.layers.0.mlp.up_proj."


def write_safetensors(folder, tensors, quantization):
    """tensors: name -> (dtype as safetensors words it, shape, bytes)."""
    folder.mkdir(parents=True, exist_ok=True)
    header, start = {}, 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + len(content)]}
        start += len(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, content in tensors.values():
            file.write(content)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"} | quantization))


def bf16(values):
    import numpy as np

    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()


def make(name, folder):
    import numpy as np

    rng = np.random.default_rng(3)
    groups = COLUMNS // 128

    def words(count):
        return rng.integers(0, 1 << 32, count, dtype=np.uint32).tobytes()

    def scales(*shape):
        return (rng.random(shape) * 0.002 + 0.004).astype(np.float16).tobytes()

    if name == "bf16":
        content = bf16(rng.standard_normal((ROWS, COLUMNS), dtype=np.float32) * 0.02)
        return write_safetensors(folder, {MODULE + "weight": ("BF16", [ROWS, COLUMNS], content)}, {})
    if name == "fp8-block":
        # Exponents of normal numbers, no NaN.
        codes = rng.integers(0, 0x7F, ROWS * COLUMNS, dtype=np.uint8) | rng.integers(0, 2, ROWS * COLUMNS, dtype=np.uint8) << 7
        factor = (rng.random((ROWS // 128, COLUMNS // 128)) * 1e-4 + 1e-4).astype(np.float32)
        return write_safetensors(folder, {
            MODULE + "weight": ("F8_E4M3", [ROWS, COLUMNS], codes.tobytes()),
            MODULE + "weight_scale_inv": ("F32", list(factor.shape), factor.tobytes())},
            {"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}})
    if name in ("gptq", "gptq-order"):
        index = np.arange(COLUMNS, dtype=np.int32) // 128
        if name == "gptq-order":
            index = rng.permutation(index).astype(np.int32)
        return write_safetensors(folder, {
            MODULE + "qweight": ("I32", [COLUMNS // 8, ROWS], words(COLUMNS // 8 * ROWS)),
            MODULE + "qzeros": ("I32", [groups, ROWS // 8], b"\x77" * (groups * ROWS // 2)),
            MODULE + "scales": ("F16", [groups, ROWS], scales(groups, ROWS)),
            MODULE + "g_idx": ("I32", [COLUMNS], index.tobytes())},
            {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}})
    if name == "awq":
        return write_safetensors(folder, {
            MODULE + "qweight": ("I32", [COLUMNS, ROWS // 8], words(COLUMNS * ROWS // 8)),
            MODULE + "qzeros": ("I32", [groups, ROWS // 8], b"\x88" * (groups * ROWS // 2)),
            MODULE + "scales": ("F16", [groups, ROWS], scales(groups, ROWS))},
            {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}})
    if name == "nf4":
        table = np.array([-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0, 0.0795803, 0.1609302, 0.2461123,
                          0.33791524, 0.44070983, 0.562617, 0.72295684, 1], np.float32)
        blocks = ROWS * COLUMNS // 64
        state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [ROWS, COLUMNS]}).encode()
        return write_safetensors(folder, {
            MODULE + "weight": ("U8", [ROWS * COLUMNS // 2, 1], words(ROWS * COLUMNS // 8)),
            MODULE + "weight.absmax": ("F32", [blocks], (rng.random(blocks) * 0.02 + 0.04).astype(np.float32).tobytes()),
            MODULE + "weight.quant_map": ("F32", [16], table.tobytes()),
            MODULE + "weight.quant_state.bitsandbytes__nf4": ("U8", [len(state)], state)},
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}})
    if name == "mlx":
        groups = COLUMNS // 64
        return write_safetensors(folder, {
            MODULE + "weight": ("U32", [ROWS, COLUMNS // 8], words(ROWS * COLUMNS // 8)),
            MODULE + "scales": ("F16", [ROWS, groups], scales(ROWS, groups)),
            MODULE + "biases": ("F16", [ROWS, groups], (np.zeros((ROWS, groups)) - 0.04).astype(np.float16).tobytes())},
            {"quantization": {"group_size": 64, "bits": 4}})
    if name == "mxfp4":
        groups = COLUMNS // 32
        return write_safetensors(folder, {
            MODULE + "weight_packed": ("U8", [ROWS, COLUMNS // 2], words(ROWS * COLUMNS // 8)),
            MODULE + "weight_scale": ("U8", [ROWS, groups], rng.integers(118, 122, ROWS * groups, dtype=np.uint8).tobytes())},
            {"quantization_config": {"quant_method": "compressed-tensors", "format": "mxfp4-pack-quantized", "config_groups": {
                "group_0": {"weights": {"num_bits": 4, "type": "float", "group_size": 32}}}}})
    kind, size, block = GGUF[name]
    write_gguf(folder, kind, size, block, rng)


# Type number, bytes and elements of a block, and the places of its half-precision scales.
GGUF = {
    "gguf-q8_0": (8, (34, [0]), 32), "gguf-q4_0": (2, (18, [0]), 32), "gguf-q4_k": (12, (144, [0, 2]), 256),
    "gguf-q5_k": (13, (176, [0, 2]), 256), "gguf-q6_k": (14, (210, [208]), 256), "gguf-q2_k": (10, (84, [80, 82]), 256),
    "gguf-q3_k": (11, (110, [108]), 256), "gguf-iq4_nl": (20, (18, [0]), 32), "gguf-iq4_xs": (23, (136, [0]), 256),
    "gguf-iq3_s": (21, (110, [0]), 256), "gguf-iq3_xxs": (18, (98, [0]), 256), "gguf-iq2_xxs": (16, (66, [0]), 256),
    "gguf-iq2_xs": (17, (74, [0]), 256), "gguf-iq2_s": (22, (82, [0]), 256), "gguf-iq1_s": (19, (50, [0]), 256),
}


def write_gguf(folder, kind, size, block, rng):
    import numpy as np

    size, places = size
    count = ROWS * COLUMNS // block
    content = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for place in places:
        content[:, place:place + 2] = (rng.random(count) * 1e-4 + 1e-4).astype(np.float16).view(np.uint8).reshape(count, 2)

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    name = "blk.0.ffn_up.weight"
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text(name) + struct.pack("<IQQIQ", 2, COLUMNS, ROWS, kind, 0)
    head += b"\0" * (-len(head) % 32)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "model.gguf", "wb") as file:
        file.write(head)
        file.write(content.tobytes())


NAMES = ["bf16", "fp8-block", "gptq", "gptq-order", "awq", "nf4", "mlx", "mxfp4", *GGUF]


def run(command):
    """Wall clock, time of the processor, and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"run_encodings.py: {' '.join(map(str, command))} failed")
    process.returncode = 0
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def print_table(measured):
    """The least wall clock and the least time of the processor; only the latter holds on a machine that has other work to do."""
    result = ROWS * COLUMNS * 4 / 1e9
    base = None
    print(f"{'':14} {'score -k 4':>11} {'wall':>7} {'to bf16':>8} {'convert':>8} {'decoded':>11} {'info':>8} {'peak':>8}")
    for name, (score, convert, info) in measured.items():
        wall, processor = (min(run[place] for run in score) for place in (0, 1))
        copied = min(processor for _, processor, _ in convert)
        base = base or (processor, copied)
        # What decoding costs beyond copying: bf16 is copied at the speed of memory.
        extra = copied - base[1]
        speed = f"{result / extra:6.2f} GB/s" if extra > 0.002 * result else "as bf16"
        print(f"{name:14} {processor:9.3f} s {wall:5.2f} s {processor / base[0]:8.2f} {copied:6.2f} s {speed:>11} "
              f"{min(t for _, t, _ in info):6.3f} s {max(m for _, _, m in score):5.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("modinspect")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("encodings"))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    if "bf16" not in names:
        names = ["bf16", *names]
    for name in names:
        if not (arguments.folder / name).exists():
            # A process of its own: the memory of the measured ones counts from this one's.
            if os.fork() == 0:
                make(name, arguments.folder / name)
                os._exit(0)
            if os.wait()[1] != 0:
                sys.exit(f"run_encodings.py: {name} could not be written")
    measured = {name: ([], [], []) for name in names}
    # One encoding after the other, round by round, so that a machine that is busy for a while slows all of them.
    for _ in range(arguments.repeats):
        for name in names:
            file = next((arguments.folder / name).glob("model.*"))
            path = file if file.suffix == ".gguf" else file.parent
            score, convert, info = measured[name]
            score.append(run([arguments.modinspect, "score", path, "-k", "4", "--format", "json"]))
            convert.append(
                run([arguments.modinspect, "convert", path, "-o", arguments.folder / "out.safetensors", "--dtype", "f32", "--force"]))
            info.append(run([arguments.modinspect, "info", path, "--format", "json", "--no-sha256"]))
    (arguments.folder / "out.safetensors").unlink(missing_ok=True)
    print_table(measured)


if __name__ == "__main__":
    main()
