"""Makes the inputs of run_edges.py: models with random weights in transformers' layout, and pairs of prompts as token ids."""

import json
import random
from pathlib import Path


def model(folder, seed, **sizes):
    import torch
    import transformers

    torch.manual_seed(seed)
    transformers.logging.set_verbosity_error()
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).save_pretrained(folder)


def pairs(path, count, length, vocabulary, seed):
    """Prompts of which the last tokens of the corrupted one are the clean one's."""
    draw = random.Random(seed)
    prompts = []
    for _ in range(count):
        clean = [draw.randrange(vocabulary) for _ in range(length)]
        corrupt = [draw.randrange(vocabulary) for _ in range(length - 2)] + clean[-2:]
        answers = draw.sample(range(vocabulary), 2)
        prompts.append({"clean": clean, "corrupt": corrupt, "answers": answers[:1], "wrong_answers": answers[1:]})
    path.write_text(json.dumps({"prompts": prompts}))


def make(folder):
    folder = Path(folder)
    if not (folder / "gpt2-edges").exists():
        model(folder / "gpt2-edges", 0, bos_token_id=0, eos_token_id=0)
    if not (folder / "four-layers").exists():
        # Weights so wide that the blocks matter beside the embeddings.
        model(
            folder / "four-layers", 1, n_layer=4, n_head=8, n_embd=256, vocab_size=1000, n_positions=64, initializer_range=0.08, bos_token_id=0,
            eos_token_id=0)
    pairs(folder / "edges-small.json", 8, 16, 50257, 2)
    pairs(folder / "edges-four.json", 8, 16, 1000, 3)
