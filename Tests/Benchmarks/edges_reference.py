"""What one would run without modinspect, timed inside the process after a warm-up: PyTorch and transformers on every core.

    edges_reference.py attribution MODEL PAIRS   two forward passes and one backward
    edges_reference.py discovery MODEL PAIRS     one forward pass; discovery_reference.py runs those of ACDC

Prints the median seconds. The weights want no gradients; the logits are made at the last position alone.
"""

import json
import statistics
import sys
import time

import torch
import transformers


def main():
    kind, folder, path = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(torch.get_num_threads())
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)
    prompts = json.load(open(path))["prompts"]
    clean, corrupted = (torch.tensor([prompt[key] for prompt in prompts]) for key in ("clean", "corrupt"))
    right, wrong = (torch.tensor([prompt[key] for prompt in prompts]) for key in ("answers", "wrong_answers"))

    def attribution():
        with torch.no_grad():
            model(corrupted, logits_to_keep=1)
        inputs = model.get_input_embeddings()(clean).requires_grad_()
        logits = model(inputs_embeds=inputs, logits_to_keep=1).logits[:, -1]
        (logits.gather(1, right) - logits.gather(1, wrong)).mean().backward()

    def discovery():
        with torch.no_grad():
            model(clean, logits_to_keep=1)

    run = {"attribution": attribution, "discovery": discovery}[kind]
    seconds = []
    for repeat in range(8):
        started = time.perf_counter()
        run()
        if repeat > 1:
            seconds.append(time.perf_counter() - started)
    print(statistics.median(seconds))


if __name__ == "__main__":
    main()
